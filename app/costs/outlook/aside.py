"""A process beside this one that computes forecasts, so that nothing else waits for their libraries or for them.

Measured: to import the libraries takes 3.5 s of processor time, in which a thread of the server stalls its event loop
for up to 0.35 s; in a process of its own it stalls nothing. A forecast computes for 0.35 s with one thread of OpenBLAS
and for 1.0 s with two (matrices of ten columns are not worth a second thread).
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from multiprocessing import connection
from typing import Any, Final, TypeVar

Answer = TypeVar("Answer")

REMEMBERED: Final = 500
"""Answers that are kept, each a few kilobytes: equal questions have equal answers."""
MOST_WAITING: Final = 64
"""Questions that wait, of all organizations: half a minute of computing, which is longer than anybody waits."""
_THREADS: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
_LIBRARIES: Final = "app.costs.outlook.futures"


class BusyError(Exception):
    """So many questions wait already that a new one would not be answered in time."""


class Aside:
    """Starts the process when it is first needed, and again after it was killed. Safe to use from any thread."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._answers: OrderedDict[tuple[Any, ...], Future[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def warm(self) -> Future[None]:
        """Have the process load the libraries, so that the first forecast takes no longer than others."""
        return self.ask(_load)

    def ask(self, function: Callable[..., Answer], *arguments: Any) -> Future[Answer]:
        """The answer to come of a pure function of a module; arguments can be hashed and pickled.

        Questions are answered one after the other. One that is asked again, by whomever, is not computed again. Raises
        BusyError for a new one where too many wait.
        """
        question = (function, *arguments)
        with self._lock:
            known = self._answers.get(question)
            if known is None or _has_failed(known):
                if sum(not answer.done() for answer in self._answers.values()) >= MOST_WAITING:
                    raise BusyError
                known = self._answers[question] = self._submit(function, arguments)
            self._answers.move_to_end(question)
            if len(self._answers) > REMEMBERED:
                self._answers.popitem(last=False)
        return known

    async def answer(self, function: Callable[..., Answer], *arguments: Any) -> Answer:
        """The answer, which no thread waits for. Cancelled, it is computed all the same, for who asks again.

        Raises what the function raises, BusyError as `ask`, and BrokenProcessPool where the process was killed twice
        over it.
        """
        try:
            return await asyncio.shield(asyncio.wrap_future(self.ask(function, *arguments)))
        except BrokenProcessPool:
            if self._pool is None:  # closed: it was killed by us
                raise
            return await asyncio.shield(asyncio.wrap_future(self.ask(function, *arguments)))

    def close(self) -> None:
        """End the process at once, whatever it computes."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is None:
            return
        pool.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():  # this program has no others of this kind
            child.kill()

    def _submit(self, function: Callable[..., Answer], arguments: tuple[Any, ...]) -> Future[Answer]:
        if self._pool is not None:
            try:
                return self._pool.submit(function, *arguments)
            except BrokenProcessPool:
                self._pool.shutdown(wait=False)
        # Spawned, not forked: this process has threads and connections that a copy must not have.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_begin)
        return self._pool.submit(function, *arguments)


ASIDE: Final = Aside()
"""That of this process; it does nothing before it is asked."""


def _has_failed(answer: Future[Any]) -> bool:
    """Whether it is an error, or was given up.

    Looked at when it is asked again, not told by a callback: newer Pythons break a pool, and so call back, under the
    pool's lock, which `ask` takes under its own. Both would wait for each other.
    """
    return answer.done() and (answer.cancelled() or answer.exception() is not None)


def _begin() -> None:
    """In the new process: leave Ctrl-C to the parent, end with it however it ends, and compute in one thread."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in _THREADS:
        os.environ.setdefault(name, "1")  # read when numpy is loaded, which has not happened yet
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(0)


def _load() -> None:
    import_module(_LIBRARIES)
