"""The platform as operators see it: pages of organizations and cheap figures, and null for everyone else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import event, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.context import Runtime
from app.database import Database
from app.models import Base, CostImport, Job, Scan, Upload, new_id, now
from app.records.plans import SubscriptionStatus
from app.schema.node import parse_id
from tests.clients import GraphQL, register
from tests.house.rows import row_of
from tests.quotas.limited import limited
from tests.resolvers.company import company, create_key

ROOT = "root-key-of-the-tests-0123456789abcdef"
PAGE = """query ($where: PlatformOrganizationFilter, $first: Int, $last: Int, $after: String, $before: String) {
  platform { organizations(where: $where, first: $first, last: $last, after: $after, before: $before) {
    totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    nodes { id slug name currency createdAt subscription { plan { slug } status } } } } }"""
STATISTICS = """{ platform { statistics { plans { plan status organizations } scans { ...runs } imports { ...runs }
  jobs { state jobs } storage { databaseBytes uploadBytes } } } }
  fragment runs on RunCounts { lastDay lastDayFailed last30Days last30DaysFailed }"""


async def page(graphql: GraphQL, **values: Any) -> dict[str, Any]:
    """A page of organizations, as the root key sees it."""
    found: dict[str, Any] = (await graphql.data(PAGE, values, root_key=ROOT))["platform"]["organizations"]
    return found


async def test_organizations_page_by_page(graphql: GraphQL, owner: Database) -> None:
    people = [await register(graphql, name) for name in ("Ada", "Bob", "Cyd", "Dan", "Eve")]
    slugs = [person.slug for person in people]
    first = await page(graphql, first=2)
    assert [node["slug"] for node in first["nodes"]] == slugs[:2]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (5, True)
    second = await page(graphql, first=2, after=first["pageInfo"]["endCursor"])
    assert [node["slug"] for node in second["nodes"]] == slugs[2:4]
    back = await page(graphql, last=2, before=second["pageInfo"]["startCursor"])
    assert [node["slug"] for node in back["nodes"]] == slugs[:2]
    (node,) = (await page(graphql, where={"slug": {"eq": slugs[0]}}))["nodes"]
    assert node["id"] == people[0].organization_id
    assert node["subscription"] == {"plan": {"slug": "free"}, "status": "ACTIVE"}
    async with owner.engine.begin() as connection:
        await connection.exec_driver_sql(f"UPDATE organizations SET deleted_at = now() WHERE slug = '{slugs[1]}'")  # noqa: S608
    assert slugs[1] not in [each["slug"] for each in (await page(graphql))["nodes"]]


async def test_filters(graphql: GraphQL, database: Database, owner: Database) -> None:
    people = [await register(graphql, name) for name in ("Ada", "Bob", "Cyd")]
    ids = [parse_id(person.organization_id).id for person in people]
    slug = await limited(database, ids[0], SubscriptionStatus.PAST_DUE)
    async with owner.engine.begin() as connection:
        await connection.exec_driver_sql(f"DELETE FROM subscriptions WHERE organization_id = '{ids[2]}'")  # noqa: S608
    for where, wanted in (
        ({"plan": {"eq": slug}}, [0]),
        ({"plan": {"eq": "free"}}, [1]),
        ({"status": {"in": ["PAST_DUE", "ACTIVE"]}}, [0, 1]),
        ({"status": {"eq": "CANCELLED"}}, []),
        ({"name": {"contains": "BOB"}}, [1]),
        ({"createdAt": {"lt": "2020-01-01T00:00:00Z"}}, []),
        ({"createdAt": {"gte": "2020-01-01T00:00:00Z"}}, [0, 1, 2]),
    ):
        found = await page(graphql, where=where)
        assert [node["slug"] for node in found["nodes"]] == [people[place].slug for place in wanted], where
        assert found["totalCount"] == len(wanted)
    nodes = (await page(graphql))["nodes"]
    assert nodes[2]["subscription"] is None


async def test_nobody_else_sees_it(graphql: GraphQL) -> None:
    made = await company(graphql)
    _, key = await create_key(graphql, made, "ORGANIZATION_READ")
    callers: list[dict[str, Any]] = [{}, {"token": made.token("OWNER")}, {"api_key": key}]
    for who in callers:
        for document in (PAGE, STATISTICS):
            assert await graphql.data(document, **who) == {"platform": None}


async def test_statistics(graphql: GraphQL, database: Database, owner: Database) -> None:
    for name in ("Ada", "Bob"):
        person = await register(graphql, name)
    await limited(database, parse_id(person.organization_id).id, SubscriptionStatus.CANCELLED)
    hours = {"new": 1, "day": 23, "month": 25, "old": 24 * 30 + 1}
    for number, tenant in enumerate((UUID(int=1), UUID(int=2))):
        async with owner.engine.begin() as connection:
            await connection.exec_driver_sql("SET LOCAL session_replication_role = replica")  # scans without accounts
            for name, ago in hours.items():
                failed, moment = name in {"day", "old"} or number == 1, now() - timedelta(hours=ago)
                scan = {"account_id": new_id(), "state": "FAILED" if failed else "SUCCEEDED", "queued_at": moment}
                await _put(connection, Scan, tenant, **scan)
                state = "REJECTED" if failed else "SUCCEEDED"
                await _put(connection, CostImport, tenant, state=state, created_at=moment)
            size = {"bytes_expected": 5_000_000_000, "bytes_received": 5_000_000_000}
            await _put(connection, Upload, tenant, state="COMPLETE", **size)
            await _put(connection, Upload, tenant, state="EXPIRED", **size)
            await _put(connection, Job, tenant, state="DEAD")
    found = (await graphql.data(STATISTICS, root_key=ROOT))["platform"]["statistics"]
    assert [each["organizations"] for each in found["plans"]] == [1, 1]
    assert {each["status"] for each in found["plans"]} == {"ACTIVE", "CANCELLED"}
    runs = {"lastDay": 4, "lastDayFailed": 3, "last30Days": 6, "last30DaysFailed": 4}
    assert (found["scans"], found["imports"]) == (runs, runs)
    assert {each["state"]: each["jobs"] for each in found["jobs"]} == {"DEAD": 2, "QUEUED": 2}, "mails to both"
    assert found["storage"]["uploadBytes"] == 10_000_000_000
    assert found["storage"]["databaseBytes"] > 1_000_000


async def _put(connection: AsyncConnection, model: type[Base], tenant: UUID, **values: Any) -> None:
    """A row of a tenant with these values and others that fit."""
    table = Base.metadata.tables[model.__tablename__]
    await connection.execute(insert(table).values({**row_of(table, tenant), "id": new_id(), **values}))


async def test_each_figure_is_one_statement(graphql: GraphQL, runtime: Runtime) -> None:
    """Whatever the number of organizations; what enters the role is not counted."""
    for name in ("Ada", "Bob", "Cyd"):
        await register(graphql, name)
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "set_config('role'" not in statement:
            statements.append(statement)

    engine = runtime.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        await page(graphql)
        pages = len(statements)
        await graphql.data(STATISTICS, root_key=ROOT)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert (pages, len(statements) - pages) == (2, 5)
