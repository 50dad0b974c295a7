"""Conditions that were stored in older shapes are one shape after `skyledger migrate`, and go back as they came."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import asyncpg
from alembic import command
from alembic.config import Config

from app.embedded import EngineUrls
from app.records.cost_analysis import CostDimension, Grouping, TextCondition
from app.records.cost_scopes import CostScope
from app.records.stored_conditions import texts_of_json
from app.upgrade import MIGRATIONS, upgrade
from tests.cli.conftest import administer

BEFORE = "20261122_merged_anomalies"
ORGANIZATION = """INSERT INTO organizations (id, name, slug, currency, created_at, updated_at)
    VALUES ('00000000-0000-0000-0000-000000000001', 'Old', 'old', 'USD', now(), now())"""
BUDGET = """INSERT INTO budgets (organization_id, id, name, recurrence, starts_on, amount, currency, metric, scope,
        thresholds, enabled, created_at, updated_at)
    VALUES ('00000000-0000-0000-0000-000000000001', gen_random_uuid(), '%s', 'MONTHLY', '2026-01-01', 1, 'USD',
        'effective_cost', '%s', '[]', true, now(), now())"""
RULE = """INSERT INTO allocation_rules (organization_id, id, position, name, match, method, mapping, targets, enabled,
        version, created_at, updated_at)
    VALUES ('00000000-0000-0000-0000-000000000001', gen_random_uuid(), 1, 'rule', '%s', 'EVEN', '{}', '[]', true, 1,
        now(), now())"""
SCOPES = {
    "all": {"dimensions": {}, "tags": {}},
    "some": {
        "dimensions": {"service_name": ["EC2"], "region_id": {"notIn": ["a"], "exists": True}},
        "tags": {"t": ["x"]},
    },
}
MATCH = {
    "dimensions": [{"dimension": "service_name", "in": ["S3"]}, {"dimension": "account", "contains": "1"}],
    "tags": [{"key": "team", "exists": False}],
}
NOW_SOME = CostScope(
    (
        TextCondition(Grouping(CostDimension.REGION_ID), not_in=("a",), exists=True),
        TextCondition(Grouping(CostDimension.SERVICE_NAME), in_=("EC2",)),
        TextCondition(Grouping(tag="t"), in_=("x",)),
    )
)
NOW_MATCH = (
    TextCondition(Grouping(CostDimension.SERVICE_NAME), in_=("S3",)),
    TextCondition(Grouping(CostDimension.ACCOUNT), contains="1"),
    TextCondition(Grouping(tag="team"), exists=False),
)


async def test_older_shapes_become_one(plain_database: EngineUrls) -> None:
    url = plain_database.database_url
    await asyncio.to_thread(upgrade, url)
    await asyncio.to_thread(_to, url, BEFORE)
    rows = [ORGANIZATION, *(BUDGET % (name, json.dumps(scope)) for name, scope in SCOPES.items())]
    await asyncio.to_thread(administer, url, *rows, RULE % json.dumps(MATCH))
    await asyncio.to_thread(upgrade, url)
    scopes, match = await _stored(url)
    assert {name: CostScope.from_json(scope) for name, scope in scopes.items()} == {
        "all": CostScope(),
        "some": NOW_SOME,
    }
    assert scopes["all"] == {"columns": [], "tags": []}
    assert scopes["some"] == NOW_SOME.to_json()
    assert texts_of_json(match) == NOW_MATCH
    await asyncio.to_thread(_to, url, BEFORE)
    scopes, match = await _stored(url)
    assert (scopes["all"], match) == (SCOPES["all"], MATCH)
    assert scopes["some"]["dimensions"]["service_name"] == {"in": ["EC2"]}  # as it could be too, and was read


def _to(url: str, revision: str) -> None:
    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS))
    configuration.attributes["database_url"] = url
    command.downgrade(configuration, revision)


async def _stored(url: str) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))
    try:
        scopes = {row[0]: json.loads(row[1]) for row in await connection.fetch("SELECT name, scope FROM budgets")}
        return scopes, json.loads(await connection.fetchval("SELECT match FROM allocation_rules"))
    finally:
        await connection.close()
