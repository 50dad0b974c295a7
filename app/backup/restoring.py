"""Brings a backup back: checked whole before anything is changed, compared table by table before it counts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from app.backup import parts, tables
from app.backup.failure import BackupError
from app.backup.making import uploads_folder
from app.backup.programs import program, run
from app.config import Settings
from app.upgrade import known_revisions, newest_revision, role_statements, upgrade

_ASIDE = "skyledger_replaced"
# A new schema as PostgreSQL makes the first one: of the database's owner, and entered by everybody.
_NEW = f"""
    DROP SCHEMA IF EXISTS {_ASIDE} CASCADE;
    ALTER SCHEMA public RENAME TO {_ASIDE};
    CREATE SCHEMA public AUTHORIZATION pg_database_owner;
    GRANT USAGE ON SCHEMA public TO PUBLIC;
"""
_BACK = f"DROP SCHEMA public CASCADE; ALTER SCHEMA {_ASIDE} RENAME TO public"
_FORGET = f"DROP SCHEMA {_ASIDE} CASCADE"
_OTHERS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'skyledger'
"""


@dataclass(frozen=True)
class Restored:
    """What was brought back."""

    tables: int
    rows: int
    files: int
    made_at: str
    upgraded_from: str | None
    """The revision that the backup's tables had, where they were brought to a newer one."""
    bucket: str | None
    """The bucket of S3 whose files were never in the backup, where there is one."""
    sealed_under: tuple[str, ...]
    """Ids of the keys without which credentials cannot be opened."""


async def restore(settings: Settings, database_url: str, source: Path, *, replace: bool = False) -> Restored:
    """Bring a backup back into an empty database; into one with rows only to `replace` them. Raises BackupError.

    What was there is put aside until the restored tables have been counted and compared, and comes back where they are
    not what they should be.
    """
    with parts.opened(source) as folder:
        manifest = parts.Manifest.read(folder)
        if manifest.revision not in known_revisions():
            message = (
                f"The backup's tables are at revision {manifest.revision}, which this version of Skyledger does not "
                f"know: restore it with Skyledger {manifest.version} or newer. Nothing was changed."
            )
            raise BackupError(message)
        await asyncio.to_thread(parts.check, folder, manifest)
        _check_files(settings, folder, manifest, replace=replace)
        sealed_under = await _restore_tables(database_url, folder / parts.DUMP, manifest, replace=replace)
        files = await asyncio.to_thread(_restore_files, settings, folder, manifest)
    is_older = manifest.revision != newest_revision()
    if is_older:
        await asyncio.to_thread(upgrade, database_url)
    return Restored(
        tables=len(manifest.tables),
        rows=sum(each.rows for each in manifest.tables.values()),
        files=files,
        made_at=manifest.made_at,
        upgraded_from=manifest.revision if is_older else None,
        bucket=manifest.bucket,
        sealed_under=sealed_under,
    )


async def _restore_tables(database_url: str, dump: Path, manifest: parts.Manifest, *, replace: bool) -> tuple[str, ...]:
    connection = await tables.connect(database_url)
    try:
        if await connection.fetchval(_OTHERS):
            message = "API or workers use this database: stop them first. Nothing was changed."
            raise BackupError(message)
        if not replace and not await tables.is_empty(connection):
            message = "The database is not empty: --replace puts the backup in the place of all that is in it."
            raise BackupError(message)
        reader = program("pg_restore", connection.get_server_version().major)
        for statement in role_statements():
            await connection.execute(statement)
        await connection.execute(_NEW)  # one transaction
        try:
            options = ["--exit-on-error", "--single-transaction", "--no-owner"]
            await run(reader, [*options, f"--dbname={await _name(connection)}", str(dump)], database_url)
            _compare(manifest.tables, await tables.figures(connection))
        except BaseException:
            await connection.execute(_BACK)
            raise
        await connection.execute(_FORGET)
        return await tables.sealed_under(connection)
    finally:
        await connection.close()


def _compare(wanted: dict[str, tables.TableFigures], found: dict[str, tables.TableFigures]) -> None:
    """Raise BackupError that names each table with other rows."""
    told = tables.differences(wanted, found)
    if told:
        message = f"What was restored is not what was copied: {'; '.join(told)}. The database is as it was."
        raise BackupError(message)


async def _name(connection: asyncpg.Connection) -> str:
    return str(await connection.fetchval("SELECT current_database()"))


def _places(settings: Settings, manifest: parts.Manifest) -> dict[str, Path]:
    """Where the files of a backup belong; the database's dump is none of them."""
    found = {}
    for name in manifest.parts:
        part, _, rest = name.partition("/")
        if part == parts.UPLOADS:
            found[name] = uploads_folder(settings) / rest
        elif part == parts.KEYS and rest in parts.KEY_FILES:
            found[name] = settings.data_dir / rest
    return found


def _check_files(settings: Settings, folder: Path, manifest: parts.Manifest, *, replace: bool) -> None:
    """Raise BackupError for files that are there and others, unless they may be replaced."""
    for name, place in _places(settings, manifest).items():
        if not replace and place.is_file() and parts.measure(place) != parts.measure(folder / name):
            message = f"{place} is there and another one: --replace puts that of the backup in its place."
            raise BackupError(message)


def _restore_files(settings: Settings, folder: Path, manifest: parts.Manifest) -> int:
    """Put the files where they belong, each whole or not at all. A key that is replaced stays beside the new one."""
    for name, place in _places(settings, manifest).items():
        partial = place.with_name(f".{place.name}.restored")
        partial.unlink(missing_ok=True)
        parts.copy(folder / name, partial)
        if name.startswith(f"{parts.KEYS}/") and place.exists():
            place.replace(place.with_name(f"{place.name}.replaced"))
        partial.replace(place)
    return sum(name.startswith(f"{parts.UPLOADS}/") for name in manifest.parts)
