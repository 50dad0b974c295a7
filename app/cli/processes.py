"""Child processes of the command line: started again when they die, stopped with us, gone when we are killed."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, TypeVar

from app.cli.ahead import COMMAND

Result = TypeVar("Result")
PR_SET_PDEATHSIG = 1  # linux/prctl.h
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
STEADY_SECONDS = 30.0
"""A child that ran this long starts again without a longer pause when it dies."""
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop(KeyboardInterrupt):
    """A signal asked this process to stop. Like Ctrl-C no event loop and no `except Exception` keeps it."""


class StopSignals:
    """Turns the first SIGINT or SIGTERM into `Stop`, raised wherever this process is; later ones change nothing."""

    def __init__(self) -> None:
        self._held = False
        self._asked = False
        self._cancel: Callable[[], object] | None = None

    def install(self) -> None:
        """Take the signals over, for good."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._on_signal)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let a signal wait for the end of the block, which must be short: for what would be lost half-done."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._asked:
            raise Stop

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run it in an event loop; a signal cancels it there, and `Stop` is raised when the loop has been closed.

        Raised in the middle of the loop's own code, `Stop` would leave tasks and connections that complain at exit.
        """
        with self.held():
            try:
                return asyncio.run(self._cancellable(work))
            except (asyncio.CancelledError, Exception):
                if self._asked:
                    raise Stop from None
                raise

    async def _cancellable(self, work: Coroutine[Any, Any, Result]) -> Result:
        task = asyncio.ensure_future(work)
        # Thread-safe: a signal comes between any two instructions, and this also wakes a loop that waits.
        loop = asyncio.get_running_loop()
        self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
        if self._asked:
            task.cancel()
        try:
            return await task
        finally:
            self._cancel = None  # what comes now waits for the end of the loop

    def ignore(self) -> None:
        """Let nothing disturb the last moments; call when no child is started any more, for it would inherit that."""
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        # Not by SIG_IGN: a child that is being started would inherit it.
        first, self._asked = not self._asked, True
        if not first:
            return
        if self._cancel is not None:
            self._cancel()
        elif not self._held:
            raise Stop


@dataclass
class Child:
    """One command that is to run all the time."""

    arguments: tuple[str, ...]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    pause: float = FIRST_PAUSE_SECONDS
    start_at: float = 0.0


@dataclass
class Children:
    """The children of this process; call `tend` often."""

    children: list[Child] = field(default_factory=list)

    def add(self, *arguments: str) -> Child:
        """Start `skyledger ARGUMENTS` and keep it running."""
        child = Child(arguments)
        self.children.append(child)
        _start(child)
        return child

    def adopt(self, process: subprocess.Popen[bytes], *arguments: str) -> Child:
        """Keep a process running that was started already; another one is started as `skyledger ARGUMENTS`."""
        child = Child(arguments, process, time.monotonic())
        self.children.append(child)
        return child

    def tend(self) -> None:
        """Start those again that died, each death soon after a start doubling the pause."""
        now = time.monotonic()
        for child in self.children:
            if child.process is not None and child.process.poll() is not None:
                steady = now - child.started_at > STEADY_SECONDS
                child.pause = FIRST_PAUSE_SECONDS if steady else min(2 * child.pause, LONGEST_PAUSE_SECONDS)
                child.start_at = now + child.pause
                _tell_death(child, child.process.returncode)
                child.process = None
            if child.process is None and now >= child.start_at:
                _start(child)

    def stop(self, seconds: float) -> None:
        """SIGTERM to all, then SIGKILL to those that need longer than `seconds`."""
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + seconds
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _start(child: Child) -> None:
    child.started_at = time.monotonic()
    command = [*COMMAND, *child.arguments, "--parent", str(os.getpid())]
    # A group of its own: Ctrl-C reaches this process alone, which then stops the children in good order.
    child.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)  # noqa: S603


def _tell_death(child: Child, exit_code: int) -> None:
    import structlog  # noqa: PLC0415  (50 ms of a start, for what rarely happens)

    log = structlog.stdlib.get_logger(__name__)
    log.warning("process_died", command=child.arguments[0], exit_code=exit_code, again_in_seconds=child.pause)


def end_with_parent(parent: int | None) -> None:
    """Ask the kernel for SIGTERM when the process that started this one ends, kill -9 included."""
    if parent is None:
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(1)  # it ended before the signal was asked for
