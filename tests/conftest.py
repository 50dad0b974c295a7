"""Real parts for every test: embedded PostgreSQL and Valkey, a fresh migrated database for each test."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import UTC, datetime, time, timedelta
from math import inf
from pathlib import Path
from time import sleep
from typing import Any

import asyncpg
import httpx
import hypothesis
import pytest
from redis.asyncio import Redis

from app.config import Settings
from app.context import Runtime
from app.database import Database
from app.embedded import EngineUrls, engines
from app.execution import CompiledExecutor
from app.logging import configure_logging
from app.main import create_app, make_runtime, running
from app.server.documents import Documents
from app.server.limits import Limits
from app.upgrade import upgrade
from tests.clients import GraphQL, cheap_passwords, serving
from tests.keeping import keep_authorities, keep_engines, keep_types
from tests.providers.moto import moto_server, moto_url

__all__ = ["moto_server", "moto_url"]  # fixtures

# Collecting the tests loads everything and leaves no garbage: without looking for it, it takes three quarters of the
# time (15 s of processor time instead of 21).
gc.disable()

# An example has no time limit: a busy machine is no fault.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")

LONGEST_RUN = timedelta(minutes=30)
TEMPLATE = "template_skyledger"
# These databases need not outlive a power cut: without waiting for the disk a clone takes a third of the time.
CARELESS = (
    "ALTER SYSTEM SET fsync = off",
    "ALTER SYSTEM SET full_page_writes = off",
    # What it learns of tables that a test has just emptied makes the next one's plans, and slow ones.
    "ALTER SYSTEM SET autovacuum = off",
    "SELECT pg_reload_conf()",
)
# Few rows are deleted: 2 ms for all tables, where TRUNCATE makes new files for each table and index, 40 ms and more.
# Tables that have grown are truncated, and what was deleted goes with them; also those that were analyzed, since of a
# table that has never been, PostgreSQL takes it that it will grow, and plans by indexes.
EMPTY = """
SET session_replication_role = replica;
DO $$ DECLARE filled record; BEGIN
    FOR filled IN SELECT quote_ident(relname) AS name, pg_relation_size(oid) > 262144 OR reltuples >= 0 AS ends
        FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'
            AND pg_relation_size(oid) > 0
    LOOP
        IF filled.ends THEN EXECUTE 'TRUNCATE ' || filled.name || ' CASCADE';
        ELSE EXECUTE 'DELETE FROM ' || filled.name;
        END IF;
    END LOOP;
END $$
"""
USED = "used_by_tests"
# What an earlier test had parsed, checked and compiled need not be again: there are ten documents to a test, 7 ms each.
EXAMINED: dict[Limits, tuple[Documents, CompiledExecutor | None]] = {}
# A connection that a test left behind must not hold the next one up, nor commit after its tables were emptied: each has
# ended before anything is deleted.
LEFT_BEHIND = """
DO $$ DECLARE others int; BEGIN
    LOOP
        SELECT count(pg_terminate_backend(pid)) INTO others FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend';
        EXIT WHEN others = 0;
        PERFORM pg_sleep(0.002), pg_stat_clear_snapshot();
    END LOOP;
END $$
"""


class Administrator:
    """One connection to a database as its owner, kept from test to test, on a loop of its own."""

    def __init__(self, url: str) -> None:
        self._url = url.replace("postgresql+asyncpg", "postgresql")
        self._loop = asyncio.new_event_loop()
        self._connection: asyncpg.Connection | None = None

    def do(self, *statements: str) -> None:
        """Run statements, each in a transaction of its own; never inside another loop."""
        self._loop.run_until_complete(self._do(statements))

    async def _do(self, statements: tuple[str, ...]) -> None:
        if self._connection is None:
            self._connection = await asyncpg.connect(self._url)
        for statement in statements:
            await self._connection.execute(statement)

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._loop.run_until_complete(self._connection.close())
        self._loop.close()


@pytest.fixture(scope="session", autouse=True)
def quiet_logs() -> None:
    """Requests are not worth a line each; warnings are shown with the test that fails."""
    configure_logging("WARNING")


@pytest.fixture(scope="session", autouse=True)
def kept() -> Iterator[None]:
    """See tests.keeping."""
    with pytest.MonkeyPatch.context() as patch:
        keep_authorities(patch)
        keep_engines(patch)
        keep_types(patch)
        yield


def pytest_sessionstart(session: pytest.Session) -> None:
    """A run of the whole suite does not pass midnight: tests of costs know what day it is when they are loaded."""
    now = datetime.now(UTC)
    left = datetime.combine(now.date() + timedelta(1), time.min, UTC) - now
    if session.config.args_source is pytest.Config.ArgsSource.TESTPATHS and left < LONGEST_RUN:
        told = session.config.get_terminal_writer()
        told.line(f"Waiting {left.seconds} seconds for midnight (UTC) ...")
        told.flush()
        sleep(left.total_seconds())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests come first, so that no worker of pytest-xdist ends with one while the others have nothing."""
    items.sort(key=lambda item: item.get_closest_marker("campaign") is None)


def pytest_collection_finish() -> None:
    """What is loaded now stays: garbage is looked for among what the tests make."""
    gc.freeze()
    gc.enable()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--requests", type=int, default=150, help="how many requests the storm has (full: 1000)")
    parser.addoption("--hits", type=int, default=4, help="how many hits the kill campaign does (full: 200)")
    parser.addoption(
        "--lease", type=float, default=3, help="seconds of a job's lease in the kill campaign (product: 20)"
    )
    parser.addoption("--kills", type=int, default=10, help="how many kill -9 those of imports and scans do (full: 200)")
    parser.addoption("--most-minutes", type=float, default=inf, help="kill and amnesia end after that with fewer hits")
    parser.addoption("--record", action="store_true", help="campaigns write benchmarks/RELIABILITY.md")
    parser.addoption("--flushes", type=int, default=3, help="how often amnesia empties Valkey (full: 100)")
    parser.addoption("--disconnects", type=int, default=60, help="how often subscribers are cut off (full: 1000)")
    parser.addoption(
        "--upgrade-seconds", type=float, default=0.5, help="how long each step of the upgrade lasts (full: 30)"
    )
    parser.addoption("--minutes", type=float, default=0, help="how long the soak is (full: 60); 0 is none")
    parser.addoption("--soak-folder", help="folder for the samples of the soak; that of the test when left out")
    parser.addoption(
        "--sequences",
        type=int,
        default=25,
        help="how many sequences the campaign of recommendations plays (full: 3000)",
    )
    parser.addoption(
        "--operations", type=int, default=100, help="how many operations compiled execution is held to (full: 5000)"
    )
    parser.addoption(
        "--examples", type=int, default=1, help="how many examples of each operation schemathesis sends (full: 1000)"
    )
    parser.addoption("--first-seed", type=int, default=1, help="seed of the first operation; the others follow")


@pytest.fixture(scope="session")
def engine_urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineUrls]:
    """Both engines, once for all tests."""
    with engines(tmp_path_factory.mktemp("engines") / "data") as urls:
        yield urls


@pytest.fixture(scope="session")
def template(engine_urls: EngineUrls) -> str:
    """A migrated database that tests clone; returns its name."""
    with closing(Administrator(engine_urls.database_url)) as administrator:
        administrator.do(*CARELESS, f"CREATE DATABASE {TEMPLATE}")
    upgrade(database_url(engine_urls, TEMPLATE))
    return TEMPLATE


@pytest.fixture(scope="session")
def used(engine_urls: EngineUrls, template: str) -> Iterator[Administrator]:
    """Who looks after the database that tests use one after the other."""
    with closing(Administrator(engine_urls.database_url)) as administrator:
        administrator.do(f"CREATE DATABASE {USED} TEMPLATE {template}")
    with closing(Administrator(database_url(engine_urls, USED))) as found:
        yield found


@pytest.fixture
def fresh_database_url(engine_urls: EngineUrls, used: Administrator) -> Iterator[str]:
    """The URL of a migrated database with empty tables, as its owner.

    The tables with anything in them are emptied afterwards, which takes a tenth of what a clone does.
    """
    yield database_url(engine_urls, USED)
    used.do(LEFT_BEHIND, EMPTY)


@pytest.fixture
async def database(fresh_database_url: str) -> AsyncIterator[Database]:
    """The doors to a fresh migrated database."""
    found = Database.connect(fresh_database_url)
    yield found
    await found.close()


@pytest.fixture
async def owner(fresh_database_url: str) -> AsyncIterator[Database]:
    """The same database as its owner, whom row security does not bind: to look behind the doors."""
    found = Database.connect(fresh_database_url, role=None)
    yield found
    await found.close()


@pytest.fixture
async def valkey(engine_urls: EngineUrls) -> AsyncIterator[Redis]:
    """An emptied Valkey."""
    client = Redis.from_url(engine_urls.redis_url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
def settings(tmp_path: Path, engine_urls: EngineUrls, fresh_database_url: str) -> Settings:
    """Settings of this test's own; nothing of the environment."""
    values: dict[str, Any] = {
        "data_dir": tmp_path / "data",
        "database_url": fresh_database_url,
        "redis_url": engine_urls.redis_url,
        "root_key": "root-key-of-the-tests-0123456789abcdef",
        "log_level": "WARNING",
    }
    return Settings(**values)


@pytest.fixture
async def runtime(settings: Settings, engine_urls: EngineUrls) -> AsyncIterator[Runtime]:
    """What an API process shares, with its background parts running."""
    assert settings.database_url is not None
    urls = EngineUrls(settings.database_url, engine_urls.redis_url)
    made = make_runtime(settings, urls, passwords=cheap_passwords())
    await made.valkey.flushall()
    async with running(made):
        yield made


@pytest.fixture
async def graphql(runtime: Runtime) -> AsyncIterator[GraphQL]:
    """Runs operations through the whole application, without a network."""
    app, server = create_app(runtime)
    server.documents, server.plans = EXAMINED.setdefault(server.limits, (server.documents, server.plans))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield GraphQL(client)


@pytest.fixture
def live_server(settings: Settings, engine_urls: EngineUrls) -> Iterator[str]:
    """A real server on loopback, in a thread of its own; its base URL."""
    assert settings.database_url is not None
    urls = EngineUrls(settings.database_url, engine_urls.redis_url)
    with serving(settings, urls) as url:
        yield url


def database_url(urls: EngineUrls, name: str) -> str:
    """The URL of a database of the embedded PostgreSQL."""
    return urls.database_url.replace("/skyledger?", f"/{name}?")
