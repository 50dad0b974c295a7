"""`skyledger migrate`."""

from __future__ import annotations

import asyncio

from app.cli.terminal import engines_of, fail, out, settings_or_exit
from app.database import Database
from app.upgrade import check_up_to_date, newest_revision, upgrade


def run_migrate() -> None:
    """Upgrade the tables of the configured database."""
    with engines_of(settings_or_exit()) as engines:
        bring_up_to_date(engines.urls.database_url)
    out.print(f"The tables are at revision {newest_revision()}.")


def bring_up_to_date(database_url: str) -> None:
    """Upgrade unless the tables are current already (a look costs 10 ms, alembic half a second)."""
    if asyncio.run(is_up_to_date(database_url)):
        return
    try:
        upgrade(database_url)
    except Exception as error:
        lines = str(error).splitlines() or [type(error).__name__]
        message = f"the migration failed and left the tables as they were: {lines[0]}"
        raise fail(message) from error


async def is_up_to_date(database_url: str) -> bool:
    """Whether the tables are at the revision that this code needs; False also for an empty database."""
    database = Database.connect(database_url, role=None, pool_size=1)
    try:
        await check_up_to_date(database, newest_revision())
    except Exception:  # noqa: BLE001  (no table yet, an older revision: the upgrade itself says what is wrong)
        return False
    finally:
        await database.close()
    return True
