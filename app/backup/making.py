"""Makes a backup while everything runs: one snapshot of the database, then the files beside it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import asyncpg

from app.backup import parts, tables
from app.backup.failure import BackupError
from app.backup.programs import program, run
from app.config import Settings
from app.upgrade import known_revisions


@dataclass(frozen=True)
class MadeBackup:
    """What is in a backup."""

    tables: int
    rows: int
    bytes: int
    files: int
    bucket: str | None
    """The bucket of S3 whose files are not in it, where there is one."""
    with_keys: bool
    sealed_under: tuple[str, ...]
    """Ids of the keys without which credentials in it cannot be opened."""


def uploads_folder(settings: Settings) -> Path:
    """Where uploads and exports lie if not in a bucket."""
    return settings.upload_dir or settings.data_dir / "uploads"


async def back_up(settings: Settings, database_url: str, target: Path, *, with_keys: bool = False) -> MadeBackup:
    """Copy everything to a new folder, or a `.tar` file. Writes may go on meanwhile. Raises BackupError.

    The dump and the figures in the manifest are of one snapshot. Files are copied after it: what a row of the snapshot
    names is stored before the row says so.
    """
    with parts.new(target) as folder:
        connection = await tables.connect(database_url)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                revision = await _revision(connection)
                sealed_under = await tables.sealed_under(connection)
                server = connection.get_server_version().major
                figures = await _dump(connection, database_url, folder / parts.DUMP, server)
        finally:
            await connection.close()
        found = {parts.DUMP: await asyncio.to_thread(parts.measure, folder / parts.DUMP)}
        found |= await asyncio.to_thread(_copy_uploads, uploads_folder(settings), folder)
        if with_keys:
            found |= _copy_keys(settings, folder)
        made_at = datetime.now(UTC).isoformat(timespec="seconds")
        bucket = settings.upload_bucket
        parts.Manifest(version("skyledger"), revision, made_at, server, figures, found, bucket).write(folder)
    return MadeBackup(
        tables=len(figures),
        rows=sum(each.rows for each in figures.values()),
        bytes=sum(each.bytes for each in found.values()),
        files=sum(name.startswith(f"{parts.UPLOADS}/") for name in found),
        bucket=bucket,
        with_keys=with_keys,
        sealed_under=sealed_under,
    )


async def _dump(
    connection: asyncpg.Connection, database_url: str, target: Path, server: int
) -> dict[str, tables.TableFigures]:
    """Dump the transaction's snapshot, and count and digest its rows meanwhile."""
    snapshot = await connection.fetchval("SELECT pg_export_snapshot()")
    dump = program("pg_dump", server)
    target.touch(mode=0o600)  # noqa: ASYNC240  (an empty file)
    options = ["--format=custom", "--no-owner", f"--snapshot={snapshot}", f"--file={target}"]
    async with asyncio.TaskGroup() as group:
        dumping = group.create_task(run(dump, options, database_url))
        counting = group.create_task(tables.figures(connection))
    dumping.result()
    return counting.result()


async def _revision(connection: asyncpg.Connection) -> str:
    try:
        found = await connection.fetchval("SELECT version_num FROM public.alembic_version")
    except asyncpg.UndefinedTableError:
        found = None
    if found not in known_revisions():
        message = f"The tables are at revision {found}, which this version of Skyledger does not know: use a newer one."
        raise BackupError(message)
    return str(found)


def _copy_uploads(source: Path, folder: Path) -> dict[str, parts.Part]:
    found = {}
    for path in sorted(source.rglob("*")):
        name = f"{parts.UPLOADS}/{path.relative_to(source).as_posix()}"
        if path.is_symlink() or not path.is_file():
            continue
        try:
            found[name] = parts.copy(path, folder / name)
        except FileNotFoundError:  # its time was over meanwhile; a row that still names it says that it is gone
            (folder / name).unlink(missing_ok=True)
    return found


def _copy_keys(settings: Settings, folder: Path) -> dict[str, parts.Part]:
    found = {}
    for name in parts.KEY_FILES:
        if (settings.data_dir / name).is_file():
            found[f"{parts.KEYS}/{name}"] = parts.copy(settings.data_dir / name, folder / parts.KEYS / name)
    return found
