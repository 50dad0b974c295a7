"""Where the supervisor of one data folder keeps its lock, logs, sockets and engine data."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from app.embedded.failure import EmbeddedEngineError

# Sockets must have paths below 90 bytes, so they cannot live in the data folder; /tmp is on every Linux machine, and
# unlike $TMPDIR it is the same for every client of the data folder.
SOCKET_ROOT = Path("/tmp")  # noqa: S108 - the folder below it is created with mode 0700 and its owner is verified


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths that a client and the supervisor of one data folder both compute."""

    data_dir: Path
    owner: int
    """User id that owns the data folder."""
    token: str
    """16 hex digits naming this very folder (device and inode): a folder deleted and made again is another one."""

    @property
    def name(self) -> str:
        """Name of the socket folder, and PostgreSQL's cluster_name: it marks every engine process of this folder."""
        return f"skyledger-{self.owner}-{self.token}"

    @property
    def sockets(self) -> Path:
        """Folder of the three unix sockets; it exists while a supervisor runs."""
        return SOCKET_ROOT / self.name

    @property
    def control(self) -> Path:
        """The supervisor's socket: a connection to it is a lease."""
        return self.sockets / "control"

    @property
    def valkey_socket(self) -> Path:
        """Valkey's socket."""
        return self.sockets / "valkey.sock"

    @property
    def postgres_socket(self) -> Path:
        """PostgreSQL's socket; its clients are given the folder."""
        return self.sockets / ".s.PGSQL.5432"

    @property
    def postgres_socket_lock(self) -> Path:
        """PostgreSQL's lock file beside its socket."""
        return self.sockets / ".s.PGSQL.5432.lock"

    @property
    def engines_dir(self) -> Path:
        """Folder of the engines' lock, logs and data (`postgres/`, `valkey/`)."""
        return self.data_dir / "engines"

    @property
    def lock(self) -> Path:
        """Locked by the supervisor as long as it lives."""
        return self.engines_dir / "supervisor.lock"

    @property
    def database_url(self) -> str:
        """SQLAlchemy address of the database."""
        return f"postgresql+asyncpg://app@/skyledger?host={self.sockets}"

    @property
    def redis_url(self) -> str:
        """redis-py address of Valkey's database 0."""
        return f"unix://{self.valkey_socket}?db=0"

    def log(self, engine: str) -> Path:
        """Log file of `supervisor`, `postgres` or `valkey`."""
        return self.engines_dir / f"{engine}.log"


def layout_of(data_dir: Path) -> Layout:
    """The layout of an existing data folder."""
    try:
        resolved = data_dir.resolve(strict=True)
        facts = resolved.stat()
    except OSError as error:
        message = f"The data folder {data_dir} cannot be read ({error}); set SKYLEDGER_DATA_DIR to another folder."
        raise EmbeddedEngineError(message) from error
    token = hashlib.sha256(f"{facts.st_dev}:{facts.st_ino}".encode()).hexdigest()[:16]
    return Layout(data_dir=resolved, owner=facts.st_uid, token=token)
