"""Processes that cannot outlive the supervisor, processes that a dead one left, the lock, and short logs."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from app.embedded.accounts import ServiceUser
from app.embedded.failure import EmbeddedEngineError

PR_SET_PDEATHSIG = 1  # linux/prctl.h
POLL_SECONDS = 0.01
LOG_BYTES = 4 * 1024 * 1024
KEPT_LOG_BYTES = 512 * 1024


def say(text: str) -> None:
    """One line in the supervisor's log, which is its standard error."""
    sys.stderr.write(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} supervisor[{os.getpid()}] {text}\n")
    sys.stderr.flush()


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask `condition` every 10 ms for at most `seconds`; whether it became true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def spawn(
    arguments: list[str], *, user: ServiceUser | None, folder: Path, log: Path, death_signal: signal.Signals
) -> subprocess.Popen[bytes]:
    """Start a program in `folder` that gets `death_signal` from the kernel when this process ends, kill -9 included.

    Call from the main thread: the kernel sends the signal when the *thread* that started the child ends.
    """
    parent = os.getpid()
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def tie_to_parent() -> None:
        # Runs after Popen has changed the user: a change of credentials clears the setting (man 2 prctl).
        if prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0) != 0 or os.getppid() != parent:
            os._exit(125)  # the parent died before the signal was set

    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - a program of our own wheels, arguments of our own making
            arguments,
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},  # no PGDATA, PGPORT, ... of the caller
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            user=None if user is None else user.uid,
            group=None if user is None else user.gid,
            extra_groups=None if user is None else [],
            umask=0o077,
            preexec_fn=tie_to_parent,  # noqa: PLW1509 - the supervisor has one thread
        )


def finish(process: subprocess.Popen[bytes], steps: tuple[tuple[signal.Signals, float], ...]) -> None:
    """Wait for a process that was sent the first signal of `steps`; the next signal after each patience (seconds)."""
    signals = [signal_number for signal_number, _ in steps[1:]] + [signal.SIGKILL]
    for (_, seconds), harsher in zip(steps, signals, strict=True):
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            say(f"process {process.pid} does not end: {harsher.name}")
            process.send_signal(harsher)
        else:
            return
    process.wait()


def living(mark: str, command: str) -> list[int]:
    """Ids of processes whose program is called `command` and whose command line or title contains `mark`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # ended meanwhile
                if (entry / "comm").read_text().strip() == command and mark.encode() in (
                    entry / "cmdline"
                ).read_bytes():
                    found.append(int(entry.name))
    return found


def clear_leftovers(mark: str, command: str, *, patience: float = 10.0) -> None:
    """Wait for engine processes whose parent died, then end them; the caller holds the lock, so none is in use.

    They end by themselves: an engine by its death signal, a backend of a killed postmaster when it looks for work.
    A backend deep in a long query does not look, hence the signals.
    """
    for signal_number, seconds in ((None, patience), (signal.SIGQUIT, 3.0), (signal.SIGKILL, 10.0)):
        pids = living(mark, command)
        if pids and signal_number is not None:
            say(f"{command} processes {pids} of an earlier supervisor do not end: {signal_number.name}")
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal_number)
        if wait_until(lambda: not living(mark, command), seconds):
            return
    message = f"Processes {living(mark, command)} ({command}) of an earlier start cannot be ended: restart the machine."
    raise EmbeddedEngineError(message)


def try_lock(path: Path) -> int | None:
    """A descriptor that holds the lock `path`, or None while another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def sync_folder(folder: Path) -> None:
    """Make a rename inside `folder` durable. As app.durable does: this room runs without the others."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def log_size(log: Path) -> int:
    """Bytes in a log, 0 if there is none."""
    return log.stat().st_size if log.exists() else 0


def last_lines(log: Path, *, since: int = 0, lines: int = 12) -> str:
    """The last lines of a log, indented for a message, looking only at what was written after byte `since`."""
    try:
        with log.open("rb") as file:
            file.seek(max(since, log_size(log) - 16384))
            text = file.read().decode(errors="replace")
    except OSError as error:
        return f"  ({error})"
    return indented(text, lines=lines) or "  (nothing was logged)"


def indented(text: str, *, lines: int = 12) -> str:
    """The last lines of a text, indented for a message."""
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:])


def shorten(log: Path) -> None:
    """Cut a log above 4 MiB to its last 512 KiB, under the feet of a process that appends to it."""
    if log_size(log) <= LOG_BYTES:
        return
    descriptor = os.open(log, os.O_RDWR | os.O_APPEND)
    try:
        kept = os.pread(descriptor, KEPT_LOG_BYTES, os.fstat(descriptor).st_size - KEPT_LOG_BYTES)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, kept)
    finally:
        os.close(descriptor)
