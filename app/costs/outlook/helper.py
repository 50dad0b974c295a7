"""A process that answers questions one after the other, and the thread that replaces it when it is killed or hangs."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from queue import SimpleQueue
from typing import Any, Final

TRIES: Final = 2
START_SECONDS: Final = 60.0
"""More for the first answer of a process, which loads the libraries: 4 s, much longer where others use the cores."""
_THREADS: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class KilledError(Exception):
    """The process was killed over the question, as often as it is tried."""


class OverdueError(Exception):
    """The answer took longer than it may, and was given up; `at` is the moment of `time.monotonic`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"took longer than {seconds:g} seconds")
        self.seconds, self.at = seconds, time.monotonic()


class Question:
    """A function of a module with arguments that can be pickled, who asks, and the answer to come."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...], asker: Hashable | None) -> None:
        self.asked = function, arguments
        self.asker = asker
        self.answer: Future[Any] = Future()


class Helper:
    """Starts the process with the first question. One that was closed takes no more."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._line: SimpleQueue[Question | None] = SimpleQueue()
        self._process: _Process | None = None
        self._closed = False
        self._lock = threading.Lock()
        threading.Thread(target=self._work, name="forecasts", daemon=True).start()

    def take(self, question: Question) -> None:
        """Answer it after those that were taken before."""
        self._line.put(question)

    def close(self) -> None:
        """Kill the process; who waits is told KilledError."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.end()
        self._line.put(None)

    def _work(self) -> None:
        while (question := self._line.get()) is not None:
            if not question.answer.set_running_or_notify_cancel():
                continue
            try:
                found = self._answered(question)
            except BaseException as error:  # noqa: BLE001  (it is the answer, and the thread goes on with the next)
                question.answer.set_exception(error)
            else:
                question.answer.set_result(found)

    def _answered(self, question: Question) -> Any:
        """What the function returns or raises. Raises KilledError, OverdueError."""
        for _ in range(TRIES):
            process = self._current()
            seconds = self._seconds + (START_SECONDS if process.is_new else 0.0)
            try:
                succeeded, found = process.ask(question.asked, seconds)
            except TimeoutError:
                self._end(process)
                raise OverdueError(seconds) from None
            except (EOFError, OSError):
                self._end(process)
            else:
                if succeeded:
                    return found
                raise found
        raise KilledError

    def _current(self) -> _Process:
        with self._lock:
            if self._closed:
                raise KilledError
            if self._process is None:
                self._process = _Process()
            return self._process

    def _end(self, process: _Process) -> None:
        with self._lock:
            process.end()
            self._process = None


class _Process:
    """One process, started at once and asked by one thread."""

    def __init__(self) -> None:
        # Spawned, not forked: this process has threads and connections that a copy must not have.
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process: SpawnProcess = context.Process(target=_serve, args=(theirs,), name="forecasts", daemon=True)
        with theirs:
            self._process.start()
        self.is_new = True

    def ask(self, asked: tuple[Callable[..., Any], tuple[Any, ...]], seconds: float) -> tuple[bool, Any]:
        """Whether a function returned, and what it returned or raised.

        Raises TimeoutError where that takes too long, EOFError or OSError where the process ends.
        """
        self._ours.send(asked)
        if not wait([self._ours, self._process.sentinel], seconds):
            raise TimeoutError
        found: tuple[bool, Any] = self._ours.recv()
        self.is_new = False
        return found

    def end(self) -> None:
        """Kill it, hung or not."""
        self._process.kill()
        self._process.join()


def _serve(questions: Connection) -> None:
    """In the new process: answer until the parent ends, which takes this one along even while it computes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    for name in _THREADS:
        os.environ.setdefault(name, "1")  # read when numpy is loaded, which has not happened yet
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        function, arguments = questions.recv()
        try:
            found = True, function(*arguments)
        except Exception as error:  # noqa: BLE001  (raised where it was asked)
            found = False, error
        questions.send_bytes(_pickled(found))


def _pickled(found: tuple[bool, Any]) -> bytes:
    try:
        return pickle.dumps(found)
    except Exception as error:  # noqa: BLE001  (an answer or an error that cannot be pickled is told as text)
        return pickle.dumps((False, TypeError(f"{found[1]!r} cannot be sent: {error}")))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(0)
