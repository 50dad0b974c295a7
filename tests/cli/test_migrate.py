"""`skyledger migrate`: again, twice at once, and as an owner who is no superuser, as managed databases have it."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from app.auth.authenticator import Authenticator
from app.auth.sessions import Origin
from app.config import Settings
from app.database import Database
from app.embedded import EngineUrls
from app.organizations.create import register_with_organization
from app.repositories.organizations import organization_by_slug
from app.upgrade import MIGRATIONS, newest_revision
from tests.cli.commands import run
from tests.cli.conftest import ROLES, Command, administer
from tests.clients import PASSWORD


def as_role(urls: EngineUrls, role: str) -> dict[str, str]:
    """Settings that log in as another role."""
    return {"database_url": urls.database_url.replace("//app@", f"//{role}@"), "redis_url": urls.redis_url}


def hand_over(urls: EngineUrls, role: str, rights: str) -> dict[str, str]:
    """Make a log-in role that owns the database and is no superuser."""
    found = re.search(r"@/(\w+)\?", urls.database_url)
    assert found is not None
    administer(urls.database_url, f"CREATE ROLE {role} LOGIN {rights}", f"ALTER DATABASE {found[1]} OWNER TO {role}")
    return as_role(urls, role)


def test_the_second_time_changes_nothing(skyledger: Command, plain_database: EngineUrls) -> None:
    urls = as_role(plain_database, "app")
    told = [skyledger("migrate", **urls) for _ in range(2)]
    assert [result.exit_code for result in told] == [0, 0]
    assert told[0].stdout == f"The tables are now at revision {newest_revision()}.\n"
    assert told[1].stdout == f"The tables were already at revision {newest_revision()}.\n"


def test_two_at_once_both_succeed(tmp_path: Path, virgin_database: EngineUrls) -> None:
    urls = as_role(virgin_database, "app")
    with ThreadPoolExecutor() as pool:
        told = list(pool.map(lambda _: run(tmp_path / "data", "migrate", **urls), range(2)))
    assert [(result.returncode, result.stderr) for result in told] == [(0, ""), (0, "")]


def test_the_newest_revision_is_the_one_that_alembic_would_run() -> None:
    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS))
    assert newest_revision() == ScriptDirectory.from_config(configuration).get_current_head()


def test_the_app_works_under_an_owner_who_is_no_superuser(
    skyledger: Command, virgin_database: EngineUrls, tmp_path: Path
) -> None:
    urls = hand_over(virgin_database, "landlord", "CREATEROLE")
    told = skyledger("migrate", **urls)
    assert (told.exit_code, told.stderr) == (0, "")
    asyncio.run(_use(Settings(data_dir=tmp_path, database_url=urls["database_url"])))
    doctor = skyledger("doctor", **urls)
    assert doctor.exit_code == 0, doctor.stdout
    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS))
    configuration.attributes["database_url"] = urls["database_url"]
    command.downgrade(configuration, "base")
    assert skyledger("migrate", **urls).exit_code == 0


async def _use(settings: Settings) -> None:
    """Register, and go through every door; not even the owner sees rows."""
    assert settings.database_url is not None
    database, owner = Database.connect(settings.database_url), Database.connect(settings.database_url, role=None)
    try:
        _, organization = await register_with_organization(
            Authenticator(settings, database),
            Origin(),
            email="tenant@skyledger.example",
            name="Tenant",
            password=PASSWORD,
            organization_name="Tenant",
        )
        async with database.system() as session:
            assert await organization_by_slug(session, organization["slug"]) is not None
        async with database.read(organization["id"]) as session:
            assert await _visible(session.scalar, "memberships") == 1
        async with database.read(UUID(int=1)) as session:
            assert await _visible(session.scalar, "memberships") == 0
        async with owner.engine.connect() as connection:
            for table in ("users", "organizations", "memberships", "activity_events"):
                assert await _visible(connection.scalar, table) == 0, f"row security of {table} is not forced"
    finally:
        await database.close()
        await owner.close()


async def _visible(scalar: object, table: str) -> int:
    assert callable(scalar)
    count: int = await scalar(text(f"SELECT count(*) FROM {table}"))  # noqa: S608  (a name of ours)
    return count


def test_roles_that_another_owner_made_need_an_administrator_once(
    skyledger: Command, virgin_database: EngineUrls
) -> None:
    administer(virgin_database.database_url, *(f"CREATE ROLE {role} NOLOGIN" for role in ROLES))
    urls = hand_over(virgin_database, "tenant_of_a_flat", "")
    told = skyledger("migrate", **urls)
    assert told.exit_code == 1
    assert "the migration failed and left the tables as they were" in told.stderr
    assert "GRANT skyledger_app TO tenant_of_a_flat" in told.stderr
    administer(virgin_database.database_url, "GRANT skyledger_app, skyledger_system TO tenant_of_a_flat")
    told = skyledger("migrate", **urls)
    assert (told.exit_code, told.stderr) == (0, "")


def test_an_owner_who_may_not_make_roles_is_told_how(skyledger: Command, virgin_database: EngineUrls) -> None:
    told = skyledger("migrate", **hand_over(virgin_database, "lodger", ""))
    assert told.exit_code == 1
    assert "ALTER ROLE lodger CREATEROLE" in told.stderr
    assert len(told.stderr.splitlines()) == 1


def test_a_database_without_answer_is_told(skyledger: Command) -> None:
    told = skyledger("migrate", database_url="postgresql://u:secret@127.0.0.1:1/x", redis_url="redis://127.0.0.1:1")
    assert told.exit_code == 1
    assert "Connect call failed" in told.stderr
    assert "secret" not in told.stderr
