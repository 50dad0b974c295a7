"""`restore --replace` in a process that is killed at a given moment of it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.backup import placing, restoring
from app.config import load_settings

RENAMED_BEFORE = 3  # of the second file the old one is put aside, and the new one is not there
MOMENTS = ("before the comparison", "between the files", "before the old rows go", "before the old files go")


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _dying(act: Callable[..., Any], after: int, *, done: bool) -> Callable[..., Any]:
    """An act that kills its process after so many calls: before the next one, or when that is done."""
    calls = 0

    def call(*arguments: Any) -> Any:
        nonlocal calls
        if calls == after and not done:
            _die()
        answer = act(*arguments)
        if calls == after:
            _die()
        calls += 1
        return answer

    return call


def _arm(moment: str) -> None:
    if moment == "before the comparison":
        restoring._compare = _dying(restoring._compare, 0, done=False)
    elif moment == "between the files":
        Path.replace = _dying(Path.replace, RENAMED_BEFORE, done=False)  # type: ignore[method-assign]
    elif moment == "before the old rows go":
        placing.put = _dying(placing.put, 0, done=True)
    else:
        placing.forget = _dying(placing.forget, 1, done=False)  # the first is of an earlier restore


async def _main(source: Path, moment: str) -> None:
    settings = load_settings()
    assert settings.database_url is not None
    _arm(moment)
    await restoring.restore(settings, settings.database_url, source, replace=True)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), sys.argv[2]))
