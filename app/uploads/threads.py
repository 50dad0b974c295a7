"""Threads for disks: uploads have some of their own, so that a slow disk holds up nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

Result = TypeVar("Result")
THREADS = 8


class DiskThreads:
    """A few threads; what waits for one waits in order."""

    def __init__(self, threads: int = THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="uploads")

    async def run(self, function: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
        """Call a function in a thread. A caller that is cancelled waits for its end: its file must not be closed."""
        work = asyncio.get_running_loop().run_in_executor(self._pool, partial(function, *arguments, **named))
        cancelled = False
        while not work.done():
            try:
                await asyncio.shield(work)
            except asyncio.CancelledError:
                cancelled = True
            except Exception:  # noqa: BLE001, S110 - raised below, with the result
                pass
        if cancelled:
            work.exception()  # seen, or asyncio would complain of it
            raise asyncio.CancelledError
        return work.result()

    def close(self) -> None:
        """Take no more work."""
        self._pool.shutdown(wait=False, cancel_futures=True)
