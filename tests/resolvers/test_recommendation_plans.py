"""How lists of recommendations are read where there are 20,000: by indexes, a page at a time, in as many statements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, event, text

from app.context import Runtime
from app.database import Database
from app.schema.node import parse_id
from tests.clients import GraphQL, Person, register
from tests.house.statements import counted

LISTED = """query ($slug: String!, $first: Int, $after: String, $where: RecommendationFilter,
  $orderBy: RecommendationOrder) { organization(slug: $slug) {
  recommendations(first: $first, after: $after, where: $where, orderBy: $orderBy) { pageInfo { endCursor } nodes {
    id checkId state severity confidence remedy isCounted foundAt subject evidence { label value }
    saving { monthly { amount currency } converted { amount } basis } realisedSaving { reason }
    check { title } resource { nativeId region } account { name } history(first: 3) { kind happenedAt } } } } }"""
OF_RESOURCES = """query ($slug: String!, $first: Int) { organization(slug: $slug) { resources(first: $first) { nodes {
  id nativeId name region status tags recommendations(first: 5) { checkId state saving { monthly { amount } } }
  monthToDateCost { cost { amount currency } } } } } }"""
FILL = (
    """INSERT INTO accounts (organization_id, id, provider, kind, native_id, name, created_at, updated_at)
        VALUES (:organization_id, '00000000-0000-0000-0000-00000000000a', 'AWS', 'MANUAL', '111', 'One', now(), now())
    """,
    """INSERT INTO resources (organization_id, id, account_id, provider, service, resource_type, native_id, name, tags,
            properties, content_hash, first_seen_at, last_seen_at, updated_at)
        SELECT :organization_id, md5('r' || n)::uuid, '00000000-0000-0000-0000-00000000000a', 'AWS', 'AmazonEC2',
            'AWS::EC2::Volume', 'vol-' || n, 'vol-' || n, '{}', '{}', '', now(), now(), now()
        FROM generate_series(0, 19_999 / 4) AS n""",
    """INSERT INTO recommendations (organization_id, id, account_id, check_id, subject_key, resource_id, node, severity,
            confidence, remedy, price_basis, monthly_saving, currency, converted_saving, saving, evidence, rule_version,
            saving_order, covers_parts, is_counted, state, state_changed_at, found_at, last_found_at, resolution,
            resolved_at, proved_at)
        SELECT :organization_id, md5('m' || n)::uuid, '00000000-0000-0000-0000-00000000000a', 'check.' || n % 4,
            n / 4, md5('r' || n / 4)::uuid, 'vol-' || n / 4, 'LOW', 'LIKELY', 'DELETE', 'LIST', n % 997,
            'USD', n % 997, '{"formula": "", "inputs": {}, "reason": null, "isHygiene": false}', '[]', 0, n % 997,
            false, n % 10 = 0, CASE WHEN n % 10 = 0 THEN 'OPEN' ELSE 'RESOLVED' END, now(),
            now() - n * interval '1 minute', now(), CASE WHEN n % 10 = 0 THEN NULL ELSE 'DELETED' END,
            CASE WHEN n % 10 = 0 THEN NULL ELSE now() END, CASE WHEN n % 10 = 0 THEN NULL ELSE now() END
        FROM generate_series(0, 19_999) AS n""",
    """INSERT INTO recommendation_history (organization_id, id, recommendation_id, kind, actor_kind, data, happened_at)
        SELECT :organization_id, md5(n || 'h' || k)::uuid, md5('m' || n)::uuid, 'FOUND', 'SYSTEM', '{}', now()
        FROM generate_series(0, 19_999) AS n CROSS JOIN generate_series(1, 2) AS k""",
)


PAGE = 100
MOST_MET = 11 * PAGE
"""Rows that a step may meet: a tenth of all is open, so ten for each that is told where only those are wanted."""
LEDGER = frozenset({"recommendations", "recommendation_history"})


class Caller:
    """Somebody with 20,000 recommendations, of which a tenth is open."""

    def __init__(self, graphql: GraphQL, person: Person, database: Database, owner: Database) -> None:
        self.graphql, self.person, self.database, self.owner = graphql, person, database, owner
        self.organization_id: UUID = parse_id(person.organization_id).id

    async def read(self, document: str, **variables: Any) -> dict[str, Any]:
        answer = await self.graphql.data(document, {"slug": self.person.slug, **variables}, token=self.person.token)
        organization: dict[str, Any] = answer["organization"]
        return organization

    async def plans(self, document: str, **variables: Any) -> list[tuple[str, list[dict[str, Any]]]]:
        """Each statement of an operation that reads the ledger, with the steps of its plan as they were run."""
        with sent(self.database) as statements:
            await self.read(document, **variables)
        found = []
        async with self.database.read(self.organization_id) as session:
            connection = await session.connection()
            for statement, values in statements:
                if "recommendation" in statement:
                    explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
                    (plan,) = (await connection.exec_driver_sql(explain, values)).scalar_one()
                    found.append((statement, list(steps(plan["Plan"]))))
        return found


@contextmanager
def sent(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """The statements that are sent inside the block, with their values."""
    statements: list[tuple[str, Any]] = []

    def note(_: Connection, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        statements.append((statement, values))

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)


def steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from steps(each)


def met(step: dict[str, Any]) -> int:
    """How many rows a step has met, those that it left out too."""
    return int(step["Actual Loops"] * (step["Actual Rows"] + step.get("Rows Removed by Filter", 0)))


@pytest.fixture
async def caller(graphql: GraphQL, runtime: Runtime, owner: Database) -> Caller:
    made = Caller(graphql, await register(graphql), runtime.database, owner)
    async with owner.write(None) as session:
        for statement in FILL:
            await session.execute(text(statement), {"organization_id": made.organization_id})
        await session.execute(text("ANALYZE recommendations, recommendation_history, resources"))  # as the server does
    return made


LISTS: list[tuple[str, dict[str, Any]]] = [
    (LISTED, {}),
    (LISTED, {"where": {"state": {"eq": "OPEN"}}}),
    (LISTED, {"where": {"state": {"in": ["OPEN", "MARKED_FOR_DELETION"]}}}),
    (LISTED, {"orderBy": {"field": "FOUND_AT", "direction": "ASC"}}),
    (OF_RESOURCES, {}),
]


async def test_lists_are_read_by_indexes_a_page_at_a_time_in_as_many_statements(caller: Caller) -> None:
    for document, variables in LISTS:
        await look_at_plans(caller, document, variables)
        await count_statements(caller, document, variables)


async def look_at_plans(caller: Caller, document: str, variables: dict[str, Any]) -> None:
    for statement, found in await caller.plans(document, first=PAGE, **variables):
        for step in found:
            table = step.get("Relation Name")
            assert table not in LEDGER or "Index" in step["Node Type"], (statement, step)
            assert met(step) <= MOST_MET, (statement, step)


async def count_statements(caller: Caller, document: str, variables: dict[str, Any]) -> None:
    """Of pages of one and of 200, and of a later one."""
    counts = []
    for first in (1, 200):
        with counted(caller.database) as statements:
            answer = await caller.read(document, first=first, **variables)
        counts.append(len(statements))
    after = answer.get("recommendations", {}).get("pageInfo", {}).get("endCursor")
    if after is not None:
        with counted(caller.database) as statements:
            page = await caller.read(document, first=200, after=after, **variables)
        assert len(page["recommendations"]["nodes"]) == 200
        counts.append(len(statements))
    assert len(set(counts)) == 1, (document, variables, counts)
