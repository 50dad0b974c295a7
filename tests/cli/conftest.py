"""Folders, a PostgreSQL that nobody has migrated yet, and commands inside the test's own process."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from app.cli.commands import app
from app.config import Settings
from app.embedded import EngineUrls, engines
from app.logging import configure_logging
from tests.embedded.engine_probes import new_folder

Command = Callable[..., Result]
ROLES = ("skyledger_app", "skyledger_system")
_numbers = itertools.count(1)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data folder that does not exist yet; at the end of the test nothing of it may run."""
    with new_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def own_engines() -> Iterator[tuple[Path, EngineUrls]]:
    """Engines whose PostgreSQL has no role and no table of ours at first; with their folder."""
    with new_folder() as folder, engines(folder) as urls:
        # As in the root conftest: these databases need not outlive a power cut.
        administer(urls.database_url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        yield folder, urls


@pytest.fixture
def plain_database(own_engines: tuple[Path, EngineUrls]) -> EngineUrls:
    """An empty database on `own_engines`, as its superuser."""
    name = f"plain_{next(_numbers)}"
    _, urls = own_engines
    administer(urls.database_url, f"CREATE DATABASE {name} STRATEGY FILE_COPY")
    return _on(urls, name)


@pytest.fixture
def virgin_database(own_engines: tuple[Path, EngineUrls], plain_database: EngineUrls) -> EngineUrls:
    """The same on a server where nobody has made our roles, or where they were taken away again."""
    _, urls = own_engines
    for (name,) in administer(urls.database_url, "SELECT datname FROM pg_database WHERE datname LIKE 'plain%'"):
        for role in ROLES:
            there = f"to_regrole('{role}') IS NOT NULL"
            administer(
                _on(urls, name).database_url, f"DO $$ BEGIN IF {there} THEN DROP OWNED BY {role}; END IF; END $$"
            )
    administer(urls.database_url, *(f"DROP ROLE IF EXISTS {role}" for role in ROLES))
    return plain_database


def _on(urls: EngineUrls, name: str) -> EngineUrls:
    return EngineUrls(urls.database_url.replace("/skyledger?", f"/{name}?"), urls.redis_url)


def _name(urls: EngineUrls) -> str:
    return urls.database_url.partition("@/")[2].partition("?")[0]


@pytest.fixture
def skyledger(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Runs one command in this process: `skyledger("keys", "list", …, database_url=…)`; both outputs are kept apart."""

    def invoke(*arguments: str, **settings: str) -> Result:
        values = {"data_dir": str(tmp_path / "data"), "port": "0"} | settings
        for name, value in values.items():
            monkeypatch.setenv(f"SKYLEDGER_{name.upper()}", value)
        monkeypatch.setenv("COLUMNS", "100")
        try:
            return CliRunner().invoke(app, list(arguments))
        finally:
            configure_logging("WARNING")  # not to the command's output, which is closed now

    return invoke


@pytest.fixture
def on_engines(skyledger: Command, settings: Settings) -> Command:
    """The same on the fresh migrated database of this test."""
    assert settings.database_url is not None
    assert settings.redis_url is not None
    urls = {"database_url": settings.database_url, "redis_url": settings.redis_url}

    def invoke(*arguments: str, **more: str) -> Result:
        return skyledger(*arguments, **(urls | more))

    return invoke


def administer(database_url: str, *statements: str) -> list[Any]:
    """Run statements, each in a transaction of its own; the rows of all of them."""

    async def execute() -> list[Any]:
        connection = await asyncpg.connect(database_url.replace("postgresql+asyncpg", "postgresql"))
        try:
            return [row for statement in statements for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    return asyncio.run(execute())
