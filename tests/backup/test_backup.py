"""A backup taken while writes go on comes back row by row; damage and what is in the way is refused by its name."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import tarfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from alembic import command

from app.accounts.target import open_target, seal_secret
from app.auth.authenticator import Authenticator
from app.auth.sessions import Origin
from app.backup import BackupError, back_up, restore
from app.backup.programs import program
from app.backup.tables import connect, figures
from app.cli.example import fill
from app.config import Settings
from app.database import Database
from app.embedded import EngineUrls
from app.main import create_app, make_runtime, running
from app.organizations.create import register_with_organization
from app.repositories.accounts import connect_account
from app.sealing.vault import Vault
from app.upgrade import _configuration, newest_revision, upgrade
from app.workers.clock import Clock, TimedWork
from tests.activity.probes import write
from tests.cli.conftest import Command, on_engines, own_engines, plain_database, skyledger
from tests.clients import PASSWORD, GraphQL, cheap_passwords
from tests.conftest import database_url
from tests.costs.deliveries import COSTS, deliver

__all__ = ["on_engines", "own_engines", "plain_database", "skyledger"]  # fixtures

EMAIL = "keeper@skyledger.example"
CANARY = "canary-of-a-cloud-secret-7781"
BYTES = b"what somebody has uploaded"
LOG_IN = "mutation($input: LogInInput!) { logIn(input: $input) { ... on LogInPayload { accessToken } } }"
ASK = """{ organization(slug: "kestrel") { id name resources { totalCount } charges { totalCount }
  costs(period: {name: THIS_MONTH}) { total } activity(first: 1) { nodes { sequence } } } }"""
NOTE = "mutation($input: AddNoteInput!) { addNote(input: $input) { ... on AddNotePayload { event { sequence } } } }"


@dataclass(frozen=True)
class Company:
    """An organization with an inventory, costs, a connected account and an upload."""

    id: UUID
    account_id: UUID
    database: Database
    settings: Settings


@pytest.fixture
async def company(small_company: Company) -> Company:
    """Filled as the demo's is."""
    await fill(small_company.database, small_company.id)
    return small_company


@pytest.fixture
async def small_company(settings: Settings, database: Database) -> Company:
    """With the charges of the sample."""
    authenticator = Authenticator(settings, database, passwords=cheap_passwords())
    _, organization = await register_with_organization(
        authenticator, Origin(), email=EMAIL, name="Keeper", password=PASSWORD, organization_name="Kestrel"
    )
    id_ = organization["id"]
    await deliver(database, id_, COSTS)
    async with database.write(id_) as session:
        values = {"provider": "AWS", "native_id": "123456789012", "name": "x", "method": "AWS_KEYS", "settings": {}}
        row = await connect_account(session, id_, values, name=None)
        assert row is not None
        await seal_secret(session, Vault.from_settings(settings), id_, row["id"], {"secretAccessKey": CANARY})
    for name in ("one/two", "exports/three"):
        path = settings.data_dir / "uploads" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(BYTES)
    (settings.data_dir / "secret-key").write_text("the-signing-key-of-this-place-0123456789")
    return Company(id_, row["id"], database, settings)


@pytest.fixture
async def empty(engine_urls: EngineUrls, tmp_path: Path, settings: Settings) -> AsyncIterator[Settings]:
    """Settings of another place: an empty database, an empty data folder."""
    owner = await asyncpg.connect(engine_urls.database_url.replace("postgresql+asyncpg", "postgresql"))
    await owner.execute("CREATE DATABASE restored_by_tests STRATEGY FILE_COPY")
    url = database_url(engine_urls, "restored_by_tests")
    yield settings.model_copy(update={"database_url": url, "data_dir": tmp_path / "elsewhere"})
    await owner.execute("DROP DATABASE restored_by_tests WITH (FORCE)")
    await owner.close()


def url_of(settings: Settings) -> str:
    assert settings.database_url is not None
    return settings.database_url


async def rows(url: str, table: str) -> list[str]:
    """All rows of a table as text, sorted; nothing of the product in it."""
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))
    try:
        found = await connection.fetch(f'SELECT t::text AS row FROM "{table}" AS t ORDER BY 1')  # noqa: S608
        return [row["row"] for row in found]
    finally:
        await connection.close()


async def tables_of(url: str) -> list[str]:
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))
    try:
        found = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        return [row["tablename"] for row in found]
    finally:
        await connection.close()


@contextlib.asynccontextmanager
async def writing(company: Company) -> AsyncIterator[list[int]]:
    """Somebody who writes a note after the other; the numbers that were acknowledged."""
    told: list[int] = []

    async def go_on() -> None:
        while True:
            told.append(await write(company.database, company.id, f"note {len(told)}", "and another"))

    task = asyncio.create_task(go_on())
    try:
        yield told
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_backup_under_writes_is_one_moment_and_comes_back_whole(
    company: Company, empty: Settings, tmp_path: Path
) -> None:
    target = tmp_path / "backup.tar"
    async with writing(company) as told:
        while len(told) < 5:  # noqa: ASYNC110  (what is waited for has no event of its own)
            await asyncio.sleep(0.01)
        acknowledged = told[-1]
        made = await back_up(company.settings, url_of(company.settings), target)
        at_end = told[-1]
    assert at_end > acknowledged, "writes went on meanwhile"
    assert target.stat().st_mode & 0o077 == 0
    done = await restore(empty, url_of(empty), target)
    assert (done.rows, done.tables, done.files) == (made.rows, made.tables, 2)

    numbers = sorted(int(row.split(",")[1]) for row in await rows(url_of(empty), "activity_events"))
    assert numbers == list(range(1, len(numbers) + 1)), "no gap, nothing of a transaction that was under way"
    assert acknowledged <= len(numbers) <= at_end, "everything that was acknowledged before it began"
    (head,) = await rows(url_of(empty), "activity_heads")
    assert str(len(numbers)) in head

    for table in await tables_of(url_of(company.settings)):
        if table not in {"activity_events", "activity_heads"}:
            wanted = await rows(url_of(company.settings), table)
            assert await rows(url_of(empty), table) == wanted, table
    for name in ("one/two", "exports/three"):
        assert (empty.data_dir / "uploads" / name).read_bytes() == BYTES


async def test_the_api_works_on_what_was_restored_and_numbers_go_on(
    company: Company, empty: Settings, engine_urls: EngineUrls, tmp_path: Path
) -> None:
    target = tmp_path / "backup"
    await back_up(company.settings, url_of(company.settings), target, with_keys=True)
    before = await asked(company.settings, engine_urls)
    await restore(empty, url_of(empty), target)
    after = await asked(empty, engine_urls)
    assert after["organization"] == before["organization"]
    assert after["organization"]["resources"]["totalCount"] > 100
    assert after["note"] == before["note"] == before["organization"]["activity"]["nodes"][0]["sequence"] + 1

    restored = Database.connect(url_of(empty))
    try:
        await deliver(restored, company.id, COSTS, dataset="another")  # its periods take the next numbers
        vault = Vault.from_settings(empty)
        opened = await open_target(restored, vault, company.id, company.account_id)
        assert CANARY in repr(opened.secret), "the keys came along"
        assert CANARY not in repr(opened)
    finally:
        await restored.close()


async def asked(settings: Settings, urls: EngineUrls) -> dict[str, Any]:
    """What somebody who logs in at an API on these settings is told, and the number of a note that they then write."""
    runtime = make_runtime(settings, EngineUrls(url_of(settings), urls.redis_url), passwords=cheap_passwords())
    app, _ = create_app(runtime)
    transport = httpx.ASGITransport(app)
    async with running(runtime), httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        graphql = GraphQL(client)
        signed = await graphql.data(LOG_IN, {"input": {"email": EMAIL, "password": PASSWORD}})
        token = signed["logIn"]["accessToken"]
        found = (await graphql.data(ASK, token=token))["organization"]
        sent = {"input": {"organizationId": found.pop("id"), "text": "x"}}
        noted = await graphql.data(NOTE, sent, token=token)
    return {"organization": found, "note": noted["addNote"]["event"]["sequence"]}


async def test_no_key_and_no_credential_is_in_it(small_company: Company, tmp_path: Path) -> None:
    target = tmp_path / "backup"
    made = await back_up(small_company.settings, url_of(small_company.settings), target)
    assert sorted(path.name for path in target.iterdir()) == ["database.dump", "manifest.json", "uploads"]
    reader = program("pg_restore", 18)
    text = subprocess.run(  # noqa: ASYNC221  (nothing else runs)
        [reader, "--file=-", target / "database.dump"], capture_output=True, check=True
    ).stdout
    everything = text + b"".join(path.read_bytes() for path in target.rglob("*") if path.is_file())
    key = (small_company.settings.data_dir / "credential-keys").read_text().strip()
    assert made.sealed_under == (key.partition(":")[0],)
    for secret in (CANARY, key.partition(":")[2], "the-signing-key-of-this-place", PASSWORD):
        assert secret.encode() not in everything
    assert made.sealed_under[0].encode() in everything, "the canary test reads what is there"


async def test_rows_in_the_way_are_replaced_only_when_asked(
    small_company: Company, empty: Settings, tmp_path: Path
) -> None:
    target = tmp_path / "backup"
    await back_up(small_company.settings, url_of(small_company.settings), target)
    await restore(empty, url_of(empty), target)
    restored = Database.connect(url_of(empty))
    await write(restored, small_company.id, "later")
    with pytest.raises(BackupError, match="stop them first"):
        await restore(empty, url_of(empty), target, replace=True)
    await restored.close()
    with pytest.raises(BackupError, match="not empty: --replace"):
        await restore(empty, url_of(empty), target)
    assert any("later" in row for row in await rows(url_of(empty), "activity_events"))
    await restore(empty, url_of(empty), target, replace=True)
    assert not any("later" in row for row in await rows(url_of(empty), "activity_events"))


async def test_what_is_due_by_the_clock_comes_along_and_is_not_in_the_way(
    small_company: Company, empty: Settings, tmp_path: Path
) -> None:
    """A worker that has begun on a new database has noted when its work is due: there is nothing else in it."""
    for settings, hour in ((small_company.settings, 3), (empty, 4)):
        await asyncio.to_thread(upgrade, url_of(settings))
        database = Database.connect(url_of(settings))
        await Clock(database, [TimedWork("purge", f"7 {hour} * * *", 60, nothing)], {}).look()
        await database.close()
    await back_up(small_company.settings, url_of(small_company.settings), tmp_path / "backup")
    await restore(empty, url_of(empty), tmp_path / "backup")
    (row,) = await rows(url_of(empty), "scheduled_work")
    assert "03:07:00" in row
    assert "04:07:00" not in row


async def nothing(_context: object) -> None:
    """Work that is not due yet."""


async def test_older_tables_are_brought_up_to_date(small_company: Company, empty: Settings, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    await back_up(small_company.settings, url_of(small_company.settings), first)
    await restore(empty, url_of(empty), first)
    await asyncio.to_thread(command.downgrade, _configuration(url_of(empty)), "-1")
    (older,) = await rows(url_of(empty), "alembic_version")
    await back_up(empty, url_of(empty), second)
    done = await restore(empty, url_of(empty), second, replace=True)
    assert done.upgraded_from == older.strip("()") != newest_revision()
    assert await rows(url_of(empty), "alembic_version") == [f"({newest_revision()})"]
    assert len(await rows(url_of(empty), "charges")) == len(await rows(url_of(small_company.settings), "charges")) > 100


async def test_it_comes_back_on_a_server_that_has_none_of_the_roles(
    small_company: Company, plain_database: EngineUrls, tmp_path: Path
) -> None:
    target = tmp_path / "backup"
    made = await back_up(small_company.settings, url_of(small_company.settings), target)
    elsewhere = small_company.settings.model_copy(update={"data_dir": tmp_path / "elsewhere"})
    done = await restore(elsewhere, plain_database.database_url, target)
    assert done.rows == made.rows
    restored = Database.connect(plain_database.database_url)
    try:
        await deliver(restored, small_company.id, COSTS, dataset="another")  # by the roles, and their grants
        assert await write(restored, small_company.id, "on another server") > 1
    finally:
        await restored.close()


async def test_damage_is_named_and_changes_nothing(small_company: Company, empty: Settings, tmp_path: Path) -> None:
    target = tmp_path / "backup"
    await back_up(small_company.settings, url_of(small_company.settings), target)
    manifest = json.loads((target / "manifest.json").read_text())

    async def refused(match: str) -> None:
        with pytest.raises(BackupError, match=match):
            await restore(empty, url_of(empty), target)
        assert await tables_of(url_of(empty)) == []
        assert not (empty.data_dir / "uploads").exists()

    for part in ("database.dump", "uploads/one/two"):
        whole = (target / part).read_bytes()
        middle = len(whole) // 2
        (target / part).write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
        await refused(f"{part} is damaged")
        (target / part).unlink()
        await refused(f"{part} is missing")
        (target / part).write_bytes(whole)
    for change, match in (
        ({"revision": "20991231_of_the_future"}, "at revision 20991231_of_the_future.*does not know"),
        ({"form": 99}, "form 99"),
        ({"parts": manifest["parts"] | {"../escaped": manifest["parts"]["database.dump"]}}, "../escaped lies outside"),
        ({"parts": {}}, "database.dump is not in the manifest"),
        ({"tables": manifest["tables"] | {"jobs": {"rows": 7_777_777, "digest": "0"}}}, "jobs has .* instead of 7,777"),
        ({"tables": manifest["tables"] | {"users": {**manifest["tables"]["users"], "digest": "1"}}}, "table users are"),
    ):
        (target / "manifest.json").write_text(json.dumps(manifest | change))
        await refused(match)
    (target / "manifest.json").write_text("{")
    await refused("manifest.json is damaged")
    (target / "manifest.json").unlink()
    await refused("manifest.json is missing")


async def test_a_role_that_row_security_binds_is_refused(small_company: Company, tmp_path: Path) -> None:
    url = url_of(small_company.settings)
    connection = await connect(url)
    try:
        await connection.execute("CREATE ROLE bound_by_tests LOGIN")
        bound = url.replace("//app@", "//bound_by_tests@")
        assert bound != url
        with pytest.raises(BackupError, match="ALTER ROLE bound_by_tests BYPASSRLS"):
            await back_up(small_company.settings, bound, tmp_path / "backup")
        assert list(tmp_path.glob("*backup*")) == []  # noqa: ASYNC240
        await connection.execute("ALTER ROLE bound_by_tests BYPASSRLS")
        await connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO bound_by_tests")
        await connection.execute("GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO bound_by_tests")
        made = await back_up(small_company.settings, bound, tmp_path / "backup")
        wanted = await figures(connection)
        assert made.rows == sum(each.rows for each in wanted.values()) > 100
    finally:
        await connection.execute("DROP OWNED BY bound_by_tests; DROP ROLE bound_by_tests")
        await connection.close()


async def test_the_commands_say_what_they_did(
    small_company: Company, empty: Settings, on_engines: Command, tmp_path: Path
) -> None:
    target = tmp_path / "backup.tar"
    place = {"data_dir": str(small_company.settings.data_dir)}
    made = await asyncio.to_thread(on_engines, "backup", str(target), **place)
    assert made.exit_code == 0, made.output
    assert "The keys are not in it" in made.stdout
    with tarfile.open(target) as archive:
        assert {"./manifest.json", "./database.dump"} <= set(archive.getnames())
    again = await asyncio.to_thread(on_engines, "backup", str(target), **place)
    assert (again.exit_code, "is there already" in again.stderr) == (1, True)
    elsewhere = {"data_dir": str(empty.data_dir), "database_url": url_of(empty)}
    done = await asyncio.to_thread(on_engines, "restore", str(target), **elsewhere)
    assert done.exit_code == 0, done.output
    assert "each counted and compared, and 2 files" in done.stdout
    assert "Credentials are sealed under" in done.stdout
    twice = await asyncio.to_thread(on_engines, "restore", str(target), **elsewhere)
    assert (twice.exit_code, "--replace" in twice.stderr) == (1, True)
