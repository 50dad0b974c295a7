"""`skyledger migrate`."""

from __future__ import annotations

import asyncio

from sqlalchemy.exc import ArgumentError

from app.cli.terminal import engines_of, fail, out, reason_of, settings_or_exit
from app.config import Settings
from app.database import Database
from app.embedded import EngineUrls
from app.upgrade import check_up_to_date, newest_revision, upgrade


def run_migrate() -> None:
    """Upgrade the tables of the configured database."""
    with engines_of(settings_or_exit()) as engines:
        changed = bring_up_to_date(engines.urls.database_url)
    out.print(f"The tables {'are now' if changed else 'were already'} at revision {newest_revision()}.")


def bring_up_to_date(database_url: str) -> bool:
    """Upgrade unless the tables are current already (a look costs 10 ms, alembic half a second); whether it did."""
    if asyncio.run(_complaint(database_url)) is None:
        return False
    try:
        upgrade(database_url)
    except Exception as error:
        message = f"the migration failed and left the tables as they were: {reason_of(error)}"
        raise fail(message) from error
    return True


def complaint_about_tables(settings: Settings, urls: EngineUrls) -> str | None:
    """Bring the embedded tables up to date; of another database tell what is wrong with them, None if nothing is.

    The embedded database has no administrator who would run `skyledger migrate`. One that is shared with others is
    migrated by who deploys, not by each start.
    """
    if settings.database_url is None:
        bring_up_to_date(urls.database_url)
        return None
    return asyncio.run(_complaint(urls.database_url))


async def _complaint(database_url: str) -> str | None:
    """What is wrong with the tables: none yet, another revision than this code needs, no answer; None if nothing is."""
    try:
        database = Database.connect(database_url, role=None, pool_size=1)
    except (ArgumentError, ValueError) as error:
        message = f"SKYLEDGER_DATABASE_URL cannot be read: {reason_of(error)}"
        raise fail(message) from None
    try:
        await check_up_to_date(database, newest_revision())
    except Exception as error:  # noqa: BLE001  (an upgrade itself says what is wrong)
        return reason_of(error)
    finally:
        await database.close()
    return None
