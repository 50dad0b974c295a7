"""PostgreSQL: initdb once, the server's command line, and the question whether it accepts work."""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from app.embedded import processes
from app.embedded.failure import EmbeddedEngineError
from app.embedded.postgres_wire import PostgresRefusedError, query
from app.embedded.workplace import Workplace

MAJOR_VERSION = "18"
DATABASE = "skyledger"
CANNOT_CONNECT_NOW = "57P03"
INVALID_CATALOG_NAME = "3D000"

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",  # several API and worker processes with pools of 10, migrations, a psql
    "shared_buffers": "128MB",  # touched as it is needed: +51 MB at first
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Statements and details of errors carry customers' values; the log goes into bug reports.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


@dataclass(frozen=True, slots=True)
class PostgresEngine:
    """The server of one workplace."""

    workplace: Workplace
    name: ClassVar[str] = "PostgreSQL"
    command: ClassVar[str] = "postgres"
    setting: ClassVar[str] = "SKYLEDGER_DATABASE_URL"
    # Said while backends of a killed postmaster still hold its shared memory; they notice within moments.
    passing_trouble: ClassVar[str] = "is still in use"
    # SIGQUIT: end at once, replay the log at the next start. SIGINT writes a last checkpoint first, but PostgreSQL 18.6
    # was once in 230 kills still waiting after 10 s when it came while the server recovered from a killed backend.
    death_signal: ClassVar[signal.Signals] = signal.SIGQUIT
    stop_steps: ClassVar[tuple[tuple[signal.Signals, float], ...]] = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 10.0))

    @property
    def data(self) -> Path:
        """The data folder ("PGDATA")."""
        return self.workplace.layout.engines_dir / "postgres"

    @property
    def log(self) -> Path:
        """The log file."""
        return self.workplace.layout.log("postgres")

    @property
    def mark(self) -> str:
        """Text in the command line or title of every process of this server."""
        return self.workplace.layout.name

    def prepare(self) -> None:
        """Make the data folder if there is none; refuse one that is not ours to start."""
        # A postmaster whose supervisor died is ending its backends; backends without postmaster do nothing useful.
        postmaster_lives = bool(processes.living(f"cluster_name={self.mark}", self.command))
        processes.clear_leftovers(self.mark, self.command, patience=10.0 if postmaster_lives else 1.0)
        if not self.data.exists():
            self._create()
        version = self.data / "PG_VERSION"
        found = version.read_text().strip() if version.is_file() else ""
        if found != MAJOR_VERSION:
            holds = f"holds data of PostgreSQL {found}" if found else "is no PostgreSQL data folder (no PG_VERSION)"
            message = (
                f"{self.data} {holds}; this Skyledger runs PostgreSQL {MAJOR_VERSION}. Restore it from a backup, move "
                f"it away to start with an empty database, or set {self.setting}."
            )
            raise EmbeddedEngineError(message)
        self._disown_lock_file()
        for name in (self.workplace.layout.postgres_socket, self.workplace.layout.postgres_socket_lock):
            name.unlink(missing_ok=True)

    def arguments(self) -> list[str]:
        """The server's command line."""
        place = self.workplace
        settings = {**SETTINGS, "cluster_name": self.mark}  # cluster_name is in the title of every backend
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        folders = ["-D", place.path_inside(self.data), "-k", str(place.layout.sockets)]
        return [str(place.binaries.postgres), *folders, *options]

    def probe(self) -> str | None:
        """The server's version once it accepts work on the database `skyledger`, made if missing; else None."""
        path = self.workplace.layout.postgres_socket
        try:
            try:
                return query(path, DATABASE, "SHOW server_version")
            except PostgresRefusedError as refusal:
                if refusal.sqlstate != INVALID_CATALOG_NAME:
                    raise
                query(path, "postgres", f"CREATE DATABASE {DATABASE}")
                return None
        except PostgresRefusedError as refusal:
            if refusal.sqlstate == CANNOT_CONNECT_NOW:
                return None
            message = f"PostgreSQL refuses the database {DATABASE}: {refusal}. See {self.log}, or set {self.setting}."
            raise EmbeddedEngineError(message) from refusal
        except OSError:  # no socket yet, or it closed on us
            return None

    def _create(self) -> None:
        """Run initdb beside the final name and rename: a start killed half-way leaves nothing that looks ready."""
        place = self.workplace
        for abandoned in place.layout.engines_dir.glob("postgres.partial-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        # A name of our own: a dying initdb of a killed supervisor empties the folder it was given.
        partial = place.own(f"postgres.partial-{os.getpid()}")
        options = "-U app -A trust -E UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8"
        arguments = [
            str(place.binaries.initdb),
            "-D",
            place.path_inside(partial),
            *options.split(),
            "--no-instructions",
        ]
        start = processes.log_size(self.log)
        # initdb syncs what it wrote (0.05-0.1 s); later checkpoints never would, so --no-sync is not for us.
        initdb = processes.spawn(arguments, user=place.user, folder=partial, log=self.log, death_signal=signal.SIGTERM)
        code = initdb.wait()  # it works or fails by itself, and dies with us
        if code != 0:
            message = (
                f"PostgreSQL's initdb ended with code {code} in {partial}; its last lines:\n"
                f"{processes.last_lines(self.log, since=start)}\nMend the cause, or set {self.setting}."
            )
            raise EmbeddedEngineError(message)
        partial.rename(self.data)
        processes.sync_folder(place.layout.engines_dir)

    def _disown_lock_file(self) -> None:
        """Free a postmaster.pid whose process id now belongs to something else (after a reboot, in a container).

        PostgreSQL refuses to start while that id is alive, unless it is its own parent's; so write our own there.
        The file must stay: with it PostgreSQL still verifies that no backend uses the shared memory it names.
        """
        path = self.data / "postmaster.pid"
        try:
            first, *rest = path.read_text().splitlines(keepends=True) or [""]
            pid = abs(int(first))
        except FileNotFoundError:
            return
        except ValueError:
            pid = 0
        if pid == 0:  # empty or cut by a full disk: PostgreSQL would ask to remove it
            path.unlink()
            return
        try:
            os.kill(pid, 0)
        except OSError:  # dead, or of another user: PostgreSQL sees that by itself
            return
        if _is_server_on(pid, self.data):
            message = f"Process {pid} is a PostgreSQL server on {self.data} that Skyledger did not start: stop it."
            raise EmbeddedEngineError(message)
        descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "w") as file:
            file.writelines([f"{os.getpid()}\n", *rest])


def _is_server_on(pid: int, data: Path) -> bool:
    """Whether process `pid` is a PostgreSQL server working in `data`, started by hand: ours were cleared before."""
    process = Path("/proc") / str(pid)
    try:
        return (process / "comm").read_text().strip() == "postgres" and (process / "cwd").readlink() == data.resolve()
    except PermissionError:
        return True  # a PostgreSQL of our own user that hides its folder: better refuse than disturb it
    except OSError:
        return False
