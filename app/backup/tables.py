"""What is in the tables: rows and a digest of each, the same wherever the same rows are."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg
from sqlalchemy import make_url

from app.backup.failure import BackupError

# The text of a row depends on these; a digest is compared with one that another server has made.
_TEXT_OF_ROWS = {
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "row_security": "off",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "application_name": "skyledger-backup",
}
# Partitions are read through their table.
_NAMES = """
    SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
        AND NOT relispartition ORDER BY relname
"""
# 64 bits of MD5, added up: the order of rows does not matter, and it is the same in every release of PostgreSQL, which
# its own quicker hashes need not be. It finds damage; SHA-256 of the file finds forgery.
_DIGEST = """
    SELECT count(*) AS rows,
        coalesce(sum(('x' || left(md5(whole_row::text), 16))::bit(64)::bigint::numeric), 0) AS digest
    FROM public.{table} AS whole_row
"""

_SEALED = """
    SELECT table_name::text FROM information_schema.columns
    WHERE table_schema = 'public' AND column_name = 'key_id' AND data_type = 'text'
"""
_NOTES = {"alembic_version", "scheduled_work"}
"""Tables that have rows before anybody has signed up: the latter since the first start of a worker."""
_HAS_ROWS = "SELECT EXISTS (SELECT FROM public.{table})"


@dataclass(frozen=True)
class TableFigures:
    """One table: how many rows it has, and their digest as text."""

    rows: int
    digest: str


async def connect(database_url: str) -> asyncpg.Connection:
    """A connection as the log-in role, which row security must not bind. Raises BackupError where it does."""
    url = make_url(database_url).set(drivername="postgresql")
    try:
        connection = await asyncpg.connect(
            url.render_as_string(hide_password=False), timeout=30, server_settings=_TEXT_OF_ROWS
        )
    except (OSError, asyncpg.PostgresError) as error:
        message = f"PostgreSQL cannot be reached: {error}. Correct SKYLEDGER_DATABASE_URL, or start that server."
        raise BackupError(message) from error
    role, is_free = await connection.fetchrow(
        "SELECT current_user::text, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
    )
    if not is_free:
        await connection.close()
        message = (
            f"Row security binds {role}, which would see none of the rows: as an administrator run ALTER ROLE {role} "
            "BYPASSRLS, or set SKYLEDGER_DATABASE_URL to a role that has it, for this command alone."
        )
        raise BackupError(message)
    return connection


async def names(connection: asyncpg.Connection) -> list[str]:
    """The tables, without those of partitions."""
    return [row["relname"] for row in await connection.fetch(_NAMES)]


async def figures(connection: asyncpg.Connection) -> dict[str, TableFigures]:
    """Rows and digest of each table, as the connection's transaction sees them. Reads everything: 1 µs a row or so."""
    found = {}
    for name in await names(connection):
        row = await connection.fetchrow(_DIGEST.format(table=_quoted(name)))
        found[name] = TableFigures(row["rows"], str(row["digest"]))
    return found


async def is_empty(connection: asyncpg.Connection) -> bool:
    """Whether there is no row of anything but the notes of the migrations and of the workers' clock."""
    for name in await names(connection):
        if name not in _NOTES and await connection.fetchval(_HAS_ROWS.format(table=_quoted(name))):
            return False
    return True


async def sealed_under(connection: asyncpg.Connection) -> tuple[str, ...]:
    """Ids of the keys that seal anything: every table with sealed values names them in `key_id`."""
    found: set[str] = set()
    for row in await connection.fetch(_SEALED):
        statement = f"SELECT DISTINCT key_id FROM public.{_quoted(row['table_name'])} WHERE key_id IS NOT NULL"  # noqa: S608
        found.update(each["key_id"] for each in await connection.fetch(statement))
    return tuple(sorted(found))


def differences(wanted: dict[str, TableFigures], found: dict[str, TableFigures]) -> list[str]:
    """What differs, a sentence for each table."""
    told = []
    for name in sorted(wanted.keys() | found.keys()):
        one, other = wanted.get(name), found.get(name)
        if one is None or other is None:
            told.append(f"the table {name} is {'missing' if other is None else 'there and should not be'}")
        elif one.rows != other.rows:
            told.append(f"the table {name} has {other.rows:,} rows instead of {one.rows:,}")
        elif one.digest != other.digest:
            told.append(f"rows of the table {name} are others than they were")
    return told


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
