"""`skyledger bootstrap` and `skyledger migrate` give every organization a plan."""

from __future__ import annotations

import asyncio

import asyncpg
from alembic import command
from alembic.config import Config

from app.embedded import EngineUrls
from app.upgrade import MIGRATIONS, upgrade
from tests.cli.conftest import Command, administer
from tests.clients import GraphQL, register

BEFORE = "20261123_second_factors"
ORGANIZATION = """INSERT INTO organizations (id, name, slug, currency, created_at, updated_at, deleted_at)
    VALUES (gen_random_uuid(), '{0}', '{0}', 'USD', '2026-01-31T23:30:00-05:00', now(), {1})"""
FOUND = """SELECT organizations.slug, plans.slug AS plan, status, period_anchor::text, accounts, is_default
    FROM organizations LEFT JOIN subscriptions ON organization_id = organizations.id
    LEFT JOIN plans ON plans.id = plan_id ORDER BY 1"""


def _lines(text: str) -> list[list[str]]:
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if line.startswith("│")]
    return [row for row in rows if row[1]]


async def test_it_says_what_was_there(on_engines: Command, graphql: GraphQL) -> None:
    await register(graphql)
    first = await asyncio.to_thread(on_engines, "bootstrap")
    assert first.exit_code == 0, first.stderr
    assert [row[:3] for row in _lines(first.stdout)] == [
        ["plan", "free", "existed"],  # the person who registered has made it
        ["plan", "team", "created"],
        ["plan", "enterprise", "created"],
        ["default plan", "free", "existed"],
        ["subscriptions", "organizations", "existed"],
    ]
    second = await asyncio.to_thread(on_engines, "bootstrap")
    assert {row[2] for row in _lines(second.stdout)} == {"existed"}


async def test_organizations_of_before_get_the_default_plan(plain_database: EngineUrls) -> None:
    url = plain_database.database_url
    await asyncio.to_thread(upgrade, url)
    await asyncio.to_thread(_to, url, BEFORE)
    await asyncio.to_thread(administer, url, ORGANIZATION.format("old", "NULL"), ORGANIZATION.format("gone", "now()"))
    await asyncio.to_thread(upgrade, url)
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))
    try:
        found = [tuple(row) for row in await connection.fetch(FOUND)]
    finally:
        await connection.close()
    assert found == [("gone", None, None, None, None, None), ("old", "free", "ACTIVE", "2026-02-01", 5000, True)]


def _to(url: str, revision: str) -> None:
    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS))
    configuration.attributes["database_url"] = url
    command.downgrade(configuration, revision)
