"""Where the tables stand against the migrations, and bringing them up to date."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from app.database import Database

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


def upgrade(database_url: str) -> None:
    """Run every pending migration in one transaction, as the log-in role of the URL. Blocks; call it off any loop."""
    command.upgrade(_configuration(database_url), "head")


def newest_revision() -> str:
    """The revision that this code needs."""
    head = ScriptDirectory.from_config(_configuration("")).get_current_head()
    if head is None:
        message = f"No migrations in {MIGRATIONS}."
        raise RuntimeError(message)
    return head


async def check_up_to_date(database: Database, newest: str) -> None:
    """Raise RuntimeError with the mend when the tables are not at revision `newest`."""
    async with database.engine.connect() as connection:
        found = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar()
    if found != newest:
        message = f"The tables are at revision {found}, this version needs {newest}: run `skyledger migrate`."
        raise RuntimeError(message)


def _configuration(database_url: str) -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    configuration.attributes["database_url"] = database_url
    return configuration
