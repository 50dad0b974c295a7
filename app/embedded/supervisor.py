"""The process that owns both engines of one data folder and lives as long as somebody holds a lease."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

from app.embedded import processes
from app.embedded.engine import RunningEngine
from app.embedded.failure import EmbeddedEngineError
from app.embedded.layout import Layout
from app.embedded.postgres import PostgresEngine
from app.embedded.processes import say, try_lock
from app.embedded.valkey import ValkeyEngine
from app.embedded.workplace import Workplace, open_folder, prepare, take_over

# Back-to-back commands (migrate; import; serve) share the engines instead of stopping and starting them.
LINGER_SECONDS = 0.3
# SIGTERM comes from a service manager that ends our clients at the same moment: they finish their work first.
GRACE_SECONDS = 15.0
LOCK_SECONDS = 60.0
LOG_CHECK_SECONDS = 30.0
NEVER = float("inf")


class Supervisor:
    """Serves leases, restarts an engine that died, stops both after the last lease. One thread."""

    def __init__(self, workplace: Workplace, first_lease: socket.socket) -> None:
        self._layout = workplace.layout
        self._postgres = RunningEngine(PostgresEngine(workplace))
        self._valkey = RunningEngine(ValkeyEngine(workplace))
        self._first_lease = first_lease
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._selector = selectors.DefaultSelector()
        self._leases: set[socket.socket] = set()
        self._idle_since = NEVER
        self._stop_by = NEVER

    def run(self) -> None:
        """Start the engines, serve until nobody holds a lease, stop the engines, remove the sockets."""
        self._listener.bind(str(self._layout.control))
        self._listener.listen(128)
        self._listener.setblocking(False)  # noqa: FBT003 - the library's own signature
        try:
            with self._signals():
                self._start()
                while not self._finished():
                    self._turn()
        except (EmbeddedEngineError, OSError, subprocess.SubprocessError) as error:
            self._refuse_all(_explained(error))
            raise
        finally:
            self._stop()

    def _start(self) -> None:
        self._valkey.start()  # first: it loads while PostgreSQL prepares its data
        self._postgres.start()
        self._valkey.await_ready()
        self._postgres.await_ready()
        self._idle_since = time.monotonic()
        self._grant(self._first_lease)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def _turn(self) -> None:
        """Wait for a lease, a signal or the end of the linger, and act on it."""
        now = time.monotonic()
        wake_at = min(self._stop_by, now + LOG_CHECK_SECONDS)
        if not self._leases:
            wake_at = min(wake_at, self._idle_since + LINGER_SECONDS)
        for key, _ in self._selector.select(max(0.0, wake_at - now)):
            key.data(key.fileobj)
        for engine in (self._valkey, self._postgres):
            engine.revive()
            processes.shorten(engine.log)
        processes.shorten(self._layout.log("supervisor"))

    def _finished(self) -> bool:
        now = time.monotonic()
        linger = LINGER_SECONDS if self._stop_by == NEVER else 0.0
        return now >= self._stop_by or (not self._leases and now >= self._idle_since + linger)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            connection, _ = listener.accept()
            self._grant(connection)

    def _grant(self, connection: socket.socket) -> None:
        """Tell a client that the engines are ready, and count it until its connection closes."""
        connection.setblocking(False)  # noqa: FBT003 - the library's own signature
        if tell(connection, self._report()):
            self._leases.add(connection)
            self._selector.register(connection, selectors.EVENT_READ, self._hear)
        else:
            connection.close()

    def _hear(self, connection: socket.socket) -> None:
        """A lease that becomes readable has ended: clients say nothing."""
        self._selector.unregister(connection)
        self._leases.discard(connection)
        connection.close()
        self._idle_since = time.monotonic()

    def _refuse_all(self, reason: str) -> None:
        """Tell the reason to everybody who waits in the listener's queue."""
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    tell(connection, {"state": "failed", "message": reason})

    def _stop(self) -> None:
        """Stop listening first, so that a new client starts its own supervisor, which waits for our lock."""
        self._layout.control.unlink(missing_ok=True)
        self._listener.close()
        engines = (self._valkey, self._postgres)
        for engine in engines:
            engine.ask_to_stop()
        for engine in engines:
            try:
                engine.stop()
            except EmbeddedEngineError as error:
                say(str(error))
        shutil.rmtree(self._layout.sockets, ignore_errors=True)
        for connection in self._leases:
            connection.close()
        say("stopped")

    def _report(self) -> dict[str, Any]:
        return {
            "state": "ready",
            "database_url": self._layout.database_url,
            "redis_url": self._layout.redis_url,
            "postgres_version": self._postgres.version,
            "valkey_version": self._valkey.version,
            "supervisor_pid": os.getpid(),
            "postgres_pid": self._postgres.pid,
            "valkey_pid": self._valkey.pid,
        }

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Let signals, the death of an engine among them, wake the selector."""
        reader, writer = socket.socketpair()
        with reader, writer:
            reader.setblocking(False)  # noqa: FBT003 - the library's own signature
            writer.setblocking(False)  # noqa: FBT003 - the library's own signature
            signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
            self._selector.register(reader, selectors.EVENT_READ, lambda waking: waking.recv(4096))
            signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, self._on_signal)
            signal.signal(signal.SIGINT, self._on_signal)
            try:
                yield
            finally:
                signal.set_wakeup_fd(-1)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        """SIGTERM: no new leases, stop after the last one or 15 s; SIGINT: stop now."""
        self._layout.control.unlink(missing_ok=True)
        self._stop_by = min(self._stop_by, time.monotonic() + (GRACE_SECONDS if number == signal.SIGTERM else 0.0))


def tell(connection: socket.socket, answer: dict[str, Any]) -> bool:
    """Send one line to a client; whether it still listens."""
    try:
        connection.sendall(json.dumps(answer).encode() + b"\n")
    except OSError:
        return False
    return True


def supervise(layout: Layout, lease: socket.socket) -> int:
    """Become the supervisor of a data folder, or find that another process is; `lease` is the starter's connection.

    Returns the exit code. The locks are released by the kernel when this process ends, however it ends.
    """
    try:
        binaries = take_over(layout)
        open_folder(layout)
        if _lock_or_find(layout) is None:
            tell(lease, {"state": "elsewhere"})
            return 0
        Supervisor(prepare(layout, binaries), lease).run()
    except (EmbeddedEngineError, OSError, subprocess.SubprocessError) as error:
        say(f"failed: {_explained(error)}")
        tell(lease, {"state": "failed", "message": _explained(error)})
        return 1
    return 0


def _lock_or_find(layout: Layout) -> int | None:
    """The lock of a data folder, waited for while its supervisor stops; None once another one answers."""
    deadline = time.monotonic() + LOCK_SECONDS
    while (descriptor := try_lock(layout.lock)) is None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            if connection.connect_ex(str(layout.control)) == 0:
                return None
        if time.monotonic() > deadline:
            message = (
                f"Another supervisor holds {layout.lock} and has answered nobody for {LOCK_SECONDS:.0f} s: read "
                f"{layout.log('supervisor')}, end that process, and start again."
            )
            raise EmbeddedEngineError(message)
        time.sleep(processes.POLL_SECONDS)
    return descriptor


def _explained(error: Exception) -> str:
    if isinstance(error, EmbeddedEngineError):
        return str(error)
    return (
        f"The embedded engines cannot be started: {error}. "
        "Mend the cause, or set SKYLEDGER_DATABASE_URL and SKYLEDGER_REDIS_URL to engines of your own."
    )
