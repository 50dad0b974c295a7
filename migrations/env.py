"""Runs migrations: one at a time (advisory lock), with short lock waits so that a busy table never blocks traffic."""

from __future__ import annotations

import asyncio
import re

from alembic import context
from sqlalchemy import Connection, text

from app.config import load_settings
from app.database import Database
from app.models import Base
from app.upgrade import HALF_RESTORED, HALF_RESTORED_MESSAGE

# Any fixed number: it keeps two `migrate` commands from running at once on one cluster (roles are shared by it).
ADVISORY_LOCK = 0x534B594C
STATEMENT_SECONDS = 900
PARTITION = re.compile(r"charges_[0-9]{4}_[0-9]{2}")


def _is_compared(_item: object, name: str | None, type_: str, reflected: bool, _model: object) -> bool:
    """Whether models speak of it: partitions are made when a month first has charges."""
    return not (type_ == "table" and reflected and PARTITION.fullmatch(name or ""))


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        compare_server_default=True,
        include_object=_is_compared,
    )
    # All pending revisions are one transaction: an upgrade happens whole or not at all.
    with context.begin_transaction():
        connection.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))  # as long as the other command takes
        connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        if connection.execute(HALF_RESTORED).scalar_one():
            raise RuntimeError(HALF_RESTORED_MESSAGE)
        context.run_migrations()


async def _connect() -> None:
    url = context.config.attributes.get("database_url") or load_settings().database_url
    if url is None:
        message = "No database: set SKYLEDGER_DATABASE_URL, or run `skyledger migrate` for the embedded one."
        raise SystemExit(message)
    database = Database.connect(url, role=None, pool_size=1, statement_seconds=STATEMENT_SECONDS)
    try:
        async with database.engine.connect() as connection:
            await connection.run_sync(_run)
    finally:
        await database.close()


asyncio.run(_connect())
