"""Brings a backup back: checked whole before anything is changed, compared table by table before it counts.

Until then what was there waits in a schema of its own. A restore that is cut off leaves it there, and the next one
brings it back before it does anything else.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from app.backup import parts, placing, tables
from app.backup.failure import BackupError
from app.backup.programs import program, run
from app.config import Settings
from app.upgrade import REPLACED_SCHEMA, known_revisions, newest_revision, role_statements, upgrade

# A new schema as PostgreSQL makes the first one: of the database's owner, and entered by everybody. It fails where
# something waits already, which is the only copy of what it is.
_NEW = f"""
    ALTER SCHEMA public RENAME TO {REPLACED_SCHEMA};
    CREATE SCHEMA public AUTHORIZATION pg_database_owner;
    GRANT USAGE ON SCHEMA public TO PUBLIC;
"""
_BACK = f"DROP SCHEMA IF EXISTS public CASCADE; ALTER SCHEMA {REPLACED_SCHEMA} RENAME TO public"
_FORGET = f"DROP SCHEMA {REPLACED_SCHEMA} CASCADE"
_IS_WAITING = f"SELECT to_regnamespace('{REPLACED_SCHEMA}') IS NOT NULL"
_AT_WORK = """
    SELECT DISTINCT application_name FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND application_name IN ('skyledger', 'skyledger-backup', 'pg_dump', 'pg_restore')
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

    What was there is put aside until the restored tables have been counted and compared and the files are in place,
    and comes back where they are not what they should be, or at the next try where this one is cut off.
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
        connection = await tables.connect(database_url)
        try:
            await _make_room(connection, settings, folder, manifest, replace=replace)
            files = await _restore_into(connection, database_url, settings, folder, manifest)
            sealed_under = await tables.sealed_under(connection)
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            message = f"PostgreSQL failed: {error}. Restore again: that brings back first what was there before."
            raise BackupError(message) from error
        finally:
            await connection.close()
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


async def _make_room(
    connection: asyncpg.Connection, settings: Settings, folder: Path, manifest: parts.Manifest, *, replace: bool
) -> None:
    """Raise BackupError for what is in the way, after what an earlier restore has put aside is back."""
    at_work = {row["application_name"] for row in await connection.fetch(_AT_WORK)}
    if "skyledger" in at_work:
        message = "API or workers use this database: stop them first. Nothing was changed."
        raise BackupError(message)
    if at_work:
        message = (
            "A backup or restore, or what is left of one that was cut off, is still at work here "
            f"({', '.join(sorted(at_work))}): wait for its end, or end it by pg_terminate_backend. Nothing was changed."
        )
        raise BackupError(message)
    told = ""
    if await connection.fetchval(_IS_WAITING):
        await _bring_back_earlier(connection, settings, replace=replace)
        told = "An earlier restore was cut off; what it was to replace is back. "
    else:
        placing.forget(settings)  # of one that was cut off when it was done but for this
    if not replace and not await tables.is_empty(connection):
        message = f"{told}The database is not empty: --replace puts the backup in the place of all that is in it."
        raise BackupError(message)
    if not replace:
        await asyncio.to_thread(placing.check, settings, folder, manifest)


async def _bring_back_earlier(connection: asyncpg.Connection, settings: Settings, *, replace: bool) -> None:
    """Bring back what a restore had put aside before it was cut off. Rows in its place go only where `replace` says so.

    They are those of the backup that it restored, or somebody has written them since: nobody can tell.
    """
    if not replace and not await tables.is_empty(connection):
        message = (
            f"An earlier restore was cut off: what was there before it waits in the schema {REPLACED_SCHEMA}, and "
            "public has rows too, restored ones or later ones. --replace drops those of public, brings the others back "
            "and puts the backup in their place. Nothing was changed."
        )
        raise BackupError(message)
    await _bring_back(connection, settings)


async def _bring_back(connection: asyncpg.Connection, settings: Settings) -> None:
    """Files first: while the schema waits, a next try knows that there may be some to bring back."""
    placing.take_back(settings)
    await connection.execute(_BACK)  # one transaction


async def _restore_into(
    connection: asyncpg.Connection, database_url: str, settings: Settings, folder: Path, manifest: parts.Manifest
) -> int:
    """Put tables and files in place; what was there goes when both are. Returns how many files there are."""
    reader = program("pg_restore", connection.get_server_version().major)
    for statement in role_statements():
        await connection.execute(statement)
    await connection.execute(_NEW)  # one transaction
    try:
        options = ["--exit-on-error", "--single-transaction", "--no-owner"]
        await run(reader, [*options, f"--dbname={await _name(connection)}", str(folder / parts.DUMP)], database_url)
        _compare(manifest.tables, await tables.figures(connection))
        files = placing.put(settings, folder, manifest)  # here: in a thread it would go on after an interruption
    except BaseException:
        await _bring_back(connection, settings)
        raise
    await connection.execute(_FORGET)
    placing.forget(settings)
    return files


def _compare(wanted: dict[str, tables.TableFigures], found: dict[str, tables.TableFigures]) -> None:
    """Raise BackupError that names each table with other rows."""
    told = tables.differences(wanted, found)
    if told:
        message = f"What was restored is not what was copied: {'; '.join(told)}. The database is as it was."
        raise BackupError(message)


async def _name(connection: asyncpg.Connection) -> str:
    return str(await connection.fetchval("SELECT current_database()"))
