"""The clients' side: start or find the supervisor of a data folder, hold a lease, ask for its state."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from app.embedded.failure import EmbeddedEngineError
from app.embedded.layout import Layout, layout_of
from app.embedded.processes import POLL_SECONDS, indented, last_lines, living, try_lock, wait_until

ATTACH_SECONDS = 120.0
STATUS_SECONDS = 1.0
CRASHED_STARTS = 3
PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class EngineUrls:
    """Addresses of both engines; they stay the same when an engine or the supervisor is started again."""

    database_url: str
    """`postgresql+asyncpg://app@/skyledger?host=FOLDER`: the role `app` owns everything and is a superuser."""
    redis_url: str
    """`unix://SOCKET?db=0`."""


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """What `doctor` shows about the engines of a data folder."""

    state: Literal["ready", "busy", "stopped"]
    """`busy`: starting or stopping."""
    home: Path
    """Folder of the engines' data: `postgres/` and `valkey/`."""
    logs: Path
    """Folder of `supervisor.log`, `postgres.log` and `valkey.log`."""
    urls: EngineUrls | None = None
    postgres_version: str | None = None
    valkey_version: str | None = None
    supervisor_pid: int | None = None
    postgres_pid: int | None = None
    valkey_pid: int | None = None


class Attachment:
    """A lease: the engines run at least until it is closed, or until this process and its forked children end."""

    def __init__(self, connection: socket.socket, engine_status: EngineStatus, urls: EngineUrls) -> None:
        self._connection = connection
        self.status = engine_status
        self.urls = urls

    @property
    def alive(self) -> bool:
        """Whether the supervisor is there. If not, its engines are gone too: close, and attach again."""
        try:
            return self._connection.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    def fileno(self) -> int:
        """Descriptor that becomes readable when the supervisor ends, for `loop.add_reader` and `select`."""
        return self._connection.fileno()

    def close(self) -> None:
        """Give the lease back; harmless when repeated."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextlib.contextmanager
def engines(data_dir: Path) -> Iterator[EngineUrls]:
    """Both engines of a data folder, started if need be, for the duration of the block."""
    with attach(data_dir) as attachment:
        yield attachment.urls


def attach(data_dir: Path, *, timeout_seconds: float = ATTACH_SECONDS) -> Attachment:
    """Take a lease on the engines of a data folder, which is made if missing, and wait until they accept work.

    Blocks: 1 s at the very first start, 0.2 s later, a millisecond when they run already.
    """
    _require_linux()
    _make(data_dir)
    layout = layout_of(data_dir)
    deadline = time.monotonic() + timeout_seconds
    crashes = []
    while time.monotonic() < deadline:
        connection, complaint = _connect(layout), None
        if connection is None:
            connection, complaint = _start_supervisor(layout)
        answer = _answer(connection, deadline)
        if answer.get("state") == "ready":
            return Attachment(connection, _status(layout, answer), EngineUrls(layout.database_url, layout.redis_url))
        connection.close()
        if answer.get("state") == "failed":
            raise EmbeddedEngineError(answer["message"])
        if complaint is not None and not answer:
            crashes.append(complaint)
        if len(crashes) >= CRASHED_STARTS:
            break
        time.sleep(POLL_SECONDS)  # it stopped, or another one won the race to start
    message = (
        f"The embedded engines of {layout.data_dir} are not ready; read the logs in {layout.engines_dir}, or set "
        f"SKYLEDGER_DATABASE_URL and SKYLEDGER_REDIS_URL. Supervisors that died while starting: {len(crashes)}."
    )
    if crashes:
        message += f"\n{indented(crashes[-1])}\n{last_lines(layout.log('supervisor'))}"
    raise EmbeddedEngineError(message)


def status(data_dir: Path) -> EngineStatus:
    """The state of the engines of a data folder; starts nothing and makes nothing."""
    _require_linux()
    try:
        return _seen(data_dir)
    except OSError as error:
        message = f"The engines of {data_dir} cannot be seen ({error}): they belong to another user."
        raise EmbeddedEngineError(message) from error


def _seen(data_dir: Path) -> EngineStatus:
    if not data_dir.exists():
        return EngineStatus("stopped", home=data_dir / "engines", logs=data_dir / "engines")
    layout = layout_of(data_dir)
    connection = _connect(layout)
    if connection is not None:
        with connection:
            answer = _answer(connection, time.monotonic() + STATUS_SECONDS)
        if answer.get("state") == "ready":
            return _status(layout, answer)
    state: Literal["busy", "stopped"] = "stopped" if _is_stopped(layout) else "busy"
    return EngineStatus(state, home=layout.engines_dir, logs=layout.engines_dir)


def wait_stopped(data_dir: Path, timeout_seconds: float = 30.0) -> bool:
    """Wait until no supervisor and no engine of a data folder lives; whether that came true in time."""
    return not data_dir.exists() or wait_until(lambda: _is_stopped(layout_of(data_dir)), timeout_seconds)


def _is_stopped(layout: Layout) -> bool:
    if layout.lock.exists():
        descriptor = try_lock(layout.lock)
        if descriptor is None:
            return False
        os.close(descriptor)
    return not any(living(layout.name, command) for command in ("postgres", "valkey-server"))


def _make(data_dir: Path) -> None:
    """A missing data folder is made for its owner alone."""
    try:
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        data_dir.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        message = f"The data folder {data_dir} cannot be made ({error}): set SKYLEDGER_DATA_DIR to another folder."
        raise EmbeddedEngineError(message) from error


def _connect(layout: Layout) -> socket.socket | None:
    """A connection to a running supervisor, if the folder it is in was made by nobody else than it should."""
    with contextlib.suppress(FileNotFoundError):
        maker = layout.sockets.lstat().st_uid
        if maker not in {0, os.geteuid(), layout.owner}:
            message = f"{layout.sockets} was made by user id {maker}, who has no business there: remove it."
            raise EmbeddedEngineError(message)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(layout.control))
    except (FileNotFoundError, ConnectionRefusedError):  # none, or killed
        connection.close()
        return None
    except OSError as error:
        connection.close()
        message = f"The engines' supervisor cannot be asked at {layout.control}: {error}. It runs as another user."
        raise EmbeddedEngineError(message) from error
    return connection


def _start_supervisor(layout: Layout) -> tuple[socket.socket, str]:
    """Start a supervisor; our end of a socket pair is its first lease, so it cannot miss us and we see it die.

    Also returns what it wrote before it opened its log, which is nothing unless it cannot even begin.
    """
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            started = subprocess.run(  # noqa: S603 - this very program
                [sys.executable, "-m", "app.embedded", str(layout.data_dir), str(theirs.fileno())],
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # a terminal's Ctrl-C reaches the clients only
                check=False,  # seen as the end of the connection
                timeout=ATTACH_SECONDS,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        ours.close()
        message = f"The engines' supervisor cannot be started: {error}."
        raise EmbeddedEngineError(message) from error
    return ours, started.stderr.decode(errors="replace")


def _answer(connection: socket.socket, deadline: float) -> dict[str, Any]:
    """The supervisor's line; empty when it closed the connection or said nothing in time."""
    line = b""
    try:
        while not line.endswith(b"\n"):
            connection.settimeout(max(0.001, deadline - time.monotonic()))
            part = connection.recv(65536)
            if not part:
                return {}
            line += part
        connection.settimeout(None)
    except OSError:
        return {}
    answer: dict[str, Any] = json.loads(line)
    return answer


def _status(layout: Layout, answer: dict[str, Any]) -> EngineStatus:
    return EngineStatus(
        "ready",
        home=layout.engines_dir,
        logs=layout.engines_dir,
        urls=EngineUrls(layout.database_url, layout.redis_url),
        postgres_version=answer["postgres_version"],
        valkey_version=answer["valkey_version"],
        supervisor_pid=answer["supervisor_pid"],
        postgres_pid=answer["postgres_pid"],
        valkey_pid=answer["valkey_pid"],
    )


def _require_linux() -> None:
    if sys.platform != "linux":
        message = (
            "The embedded engines need Linux (the kernel ends them with their supervisor): set SKYLEDGER_DATABASE_URL "
            "and SKYLEDGER_REDIS_URL to a PostgreSQL 16 and a Valkey or Redis 7, or newer."
        )
        raise EmbeddedEngineError(message)
