"""Where the tables stand against the migrations, and bringing them up to date."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from app.database import Database

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
_LINKS = re.compile(r'^(revision|down_revision) = "([^"]+)"$', re.MULTILINE)
_ROLES_REVISION = "20261122_row_security"
_IMPORTER_REVISION = "20261122_cost_store"
# As its migration does. Where it may not pass row security by, imports go through a temporary table instead.
_MAKE_IMPORTER = """
DO $$ BEGIN
    IF to_regrole('{role}') IS NULL THEN CREATE ROLE {role} NOLOGIN BYPASSRLS; END IF;
EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN NULL;
END $$
"""
_UNDEFINED_TABLE = "42P01"
REPLACED_SCHEMA = "skyledger_replaced"
"""Where a restore puts aside what it is to replace. While it is there, public holds nobody's tables yet."""
HALF_RESTORED = text(f"SELECT to_regnamespace('{REPLACED_SCHEMA}') IS NOT NULL")
HALF_RESTORED_MESSAGE = (
    "A restore is under way, or was cut off: wait for its end, or run `skyledger restore` again, which brings back "
    "first what was there before."
)


def upgrade(database_url: str) -> None:
    """Run every pending migration in one transaction, as the log-in role of the URL. Blocks; call it off any loop."""
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)  # seven lines for being imported
    from alembic import command  # noqa: PLC0415  (a tenth of a second that a start on current tables does not need)

    command.upgrade(_configuration(database_url), "head")


def newest_revision() -> str:
    """The revision that this code needs: the one that no other follows."""
    links: dict[str, set[str]] = {"revision": set(), "down_revision": set()}
    for path in (MIGRATIONS / "versions").glob("*.py"):
        for name, value in _LINKS.findall(path.read_text()):
            links[name].add(value)
    heads = links["revision"] - links["down_revision"]
    if len(heads) != 1:
        message = f"{MIGRATIONS} has {len(heads)} newest revisions instead of one: {', '.join(sorted(heads))}"
        raise RuntimeError(message)
    return heads.pop()


def known_revisions() -> set[str]:
    """All revisions that this code can bring tables from."""
    paths = (MIGRATIONS / "versions").glob("*.py")
    return {value for path in paths for name, value in _LINKS.findall(path.read_text()) if name == "revision"}


def role_statements() -> list[str]:
    """What makes the roles that tables are granted to, where they are missing: no dump of a database holds roles."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415  (see above)

    scripts = ScriptDirectory(str(MIGRATIONS))
    module = scripts.get_revision(_ROLES_REVISION).module
    importer = scripts.get_revision(_IMPORTER_REVISION).module.IMPORTER
    of_tenants = [module.CREATE_ROLE.format(role=role) for role in (module.APP, module.SYSTEM)]
    return [*of_tenants, _MAKE_IMPORTER.format(role=importer), module.CREATE_ROLE.format(role=importer)]


async def check_up_to_date(database: Database, newest: str) -> None:
    """Raise RuntimeError with the mend when the tables are not at revision `newest`, or are those of half a restore."""
    async with database.engine.connect() as connection:
        if (await connection.execute(HALF_RESTORED)).scalar_one():
            raise RuntimeError(HALF_RESTORED_MESSAGE)
    found = await _revision_of(database)
    if found != newest:
        message = f"The tables are at revision {found}, this version needs {newest}: run `skyledger migrate`."
        raise RuntimeError(message)


async def check_servable(database: Database, newest: str, known: Collection[str]) -> None:
    """The same for a process that serves already, and for which tables that a later version has migrated are no fault.

    A migration leaves the version before it working until that is replaced. If this version said then that it is not
    ready, a balancer would take all of its processes out at one moment.
    """
    if await _revision_of(database) in known:
        await check_up_to_date(database, newest)


async def _revision_of(database: Database) -> str:
    """The revision of the tables; RuntimeError with the mend where there are none."""
    async with database.engine.connect() as connection:
        try:
            found = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar()
        except ProgrammingError as error:
            if getattr(error.orig, "sqlstate", None) != _UNDEFINED_TABLE:
                raise
            found = None
    if found is None:
        message = "The database has no tables: run `skyledger migrate`."
        raise RuntimeError(message)
    revision: str = found
    return revision


def _configuration(database_url: str) -> Config:
    from alembic.config import Config  # noqa: PLC0415  (see above)

    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    configuration.attributes["database_url"] = database_url
    return configuration
