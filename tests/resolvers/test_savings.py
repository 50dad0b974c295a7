"""What could be saved and what was, by team and by age, through the graph: no money twice, and none left out."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app.context import Runtime
from app.database import Database
from app.models import RealisedSaving, now
from app.records.allocation import AllocationMethod, Target
from app.records.cost_analysis import CostDimension, Grouping, TextCondition
from app.schema.node import global_id, parse_id
from tests.clients import GraphQL, Person, register
from tests.costs.allocation.makers import make_teams, rule, store_rules
from tests.house.statements import counted
from tests.recommendations.rows import recommend

READ = """query ($slug: String!) { organization(slug: $slug) { savingsSummary { potential count
  byAge { fromDays toDays count potential } byTeam { bearer team { id name } count potential }
  realised { amount unknownCount byTeam { bearer team { name } amount unknownCount } } } } }"""
BY_SERVICE = TextCondition(Grouping(CostDimension.SERVICE_NAME), in_=("Amazon EC2",))
OF_ACCOUNT = TextCondition(Grouping(CostDimension.ACCOUNT), in_=("222",))
SANDBOX = TextCondition(Grouping(tag="env"), in_=("sandbox",))


class Caller:
    """Somebody with recommendations on resources with tags, of accounts of their own."""

    def __init__(self, graphql: GraphQL, person: Person, database: Database) -> None:
        self.graphql, self.person, self.database = graphql, person, database
        self.organization_id: UUID = parse_id(person.organization_id).id

    async def summary(self) -> dict[str, Any]:
        answer = await self.graphql.data(READ, {"slug": self.person.slug}, token=self.person.token)
        found: dict[str, Any] = answer["organization"]["savingsSummary"]
        return found

    async def recommend(self, saving: int | None, tags: dict[str, str] | None, **values: Any) -> UUID:
        return await recommend(self.database, self.organization_id, saving, tags, **values)


@pytest.fixture
async def caller(graphql: GraphQL, runtime: Runtime) -> Caller:
    return Caller(graphql, await register(graphql), runtime.database)


def by_team(groups: list[dict[str, Any]], amount: str = "potential") -> dict[str, tuple[Decimal, int]]:
    count = "count" if amount == "potential" else "unknownCount"
    names = [group["team"]["name"] if group["team"] else group["bearer"] for group in groups]
    assert len(set(names)) == len(names)
    return {name: (Decimal(group[amount]), group[count]) for name, group in zip(names, groups, strict=True)}


async def test_teams_bear_what_could_be_saved_as_they_bear_costs(caller: Caller) -> None:
    teams = await make_teams(caller.database, caller.organization_id, "Web", "Data")
    await store_rules(
        caller.database,
        caller.organization_id,
        rule(AllocationMethod.EVEN, Target(teams["Web"]), Target(teams["Data"]), match=(SANDBOX,)),
        rule(AllocationMethod.BY_TAG, tag_key="team", mapping={"frontend": teams["Web"]}),
        rule(AllocationMethod.DIRECT, Target(teams["Data"]), match=(OF_ACCOUNT,)),
    )
    await caller.recommend(8, {"Team": "CC-Web"})
    await caller.recommend(4, {" TEAM ": "Frontend", "Name": "x"})
    await caller.recommend(2, {"team": "data"}, state="MARKED_FOR_DELETION")
    await caller.recommend(16, {"team": "nobody"}, account="222")
    await caller.recommend(32, {"ENV": "sandbox", "team": "data"})
    await caller.recommend(64, {})
    await caller.recommend(128, None)
    await caller.recommend(None, {"team": "web"})
    await caller.recommend(256, {"team": "web"}, is_counted=False)
    await caller.recommend(512, {"team": "web"}, state="IGNORED", is_counted=False)
    summary = await caller.summary()
    assert by_team(summary["byTeam"]) == {
        "Data": (Decimal(18), 2),
        "Web": (Decimal(12), 4),
        "SHARED": (Decimal(32), 1),
        "UNALLOCATED": (Decimal(64), 1),
        "UNKNOWN": (Decimal(128), 1),
    }
    assert [group["bearer"] for group in summary["byTeam"]] == ["TEAM", "TEAM", "SHARED", "UNALLOCATED", "UNKNOWN"]
    assert summary["byTeam"][0]["team"]["id"] == global_id("Team", teams["Data"], caller.organization_id)
    assert sum(Decimal(group["potential"]) for group in summary["byTeam"]) == Decimal(summary["potential"]) == 254
    assert sum(group["count"] for group in summary["byTeam"]) == summary["count"] == 9


async def test_a_rule_that_only_charges_can_meet_tells_no_team(caller: Caller) -> None:
    teams = await make_teams(caller.database, caller.organization_id, "Web")
    await caller.recommend(8, {})
    assert by_team((await caller.summary())["byTeam"]) == {"UNALLOCATED": (Decimal(8), 1)}
    direct = rule(AllocationMethod.DIRECT, Target(teams["Web"]), match=(BY_SERVICE,))
    await store_rules(caller.database, caller.organization_id, direct)
    assert by_team((await caller.summary())["byTeam"]) == {"UNKNOWN": (Decimal(8), 1)}


async def test_ages_are_told_without_a_gap(caller: Caller) -> None:
    ages = {0: 1, 6.9: 2, 7: 4, 29: 8, 30: 16, 89: 32, 90: 64, 400: 128}
    for age, saving in ages.items():
        await caller.recommend(saving, {}, found_at=now() - timedelta(days=age))
    await caller.recommend(None, {}, found_at=now() - timedelta(days=8))
    assert (await caller.summary())["byAge"] == [
        {"fromDays": 0, "toDays": 7, "count": 2, "potential": "3"},
        {"fromDays": 7, "toDays": 30, "count": 3, "potential": "12"},
        {"fromDays": 30, "toDays": 90, "count": 2, "potential": "48"},
        {"fromDays": 90, "toDays": None, "count": 2, "potential": "192"},
    ]


async def test_what_was_saved_is_told_by_team(caller: Caller) -> None:
    await make_teams(caller.database, caller.organization_id, "Web", "Data")
    await store_rules(caller.database, caller.organization_id, rule(AllocationMethod.BY_TAG, tag_key="team"))
    for amount, currency, tags in (
        (10, "USD", {"team": "web"}),
        (-3, "USD", {"team": "web"}),
        (None, "USD", {"team": "data"}),
        (5, "EUR", {"team": "data"}),
        (7, "USD", {}),
    ):
        id_ = await caller.recommend(1, tags, state="RESOLVED", resolution="DELETED", is_counted=False)
        saved = [] if amount is None else [{"start": "2026-10-01", "end": "2026-10-31", "saved": str(amount)}]
        row = RealisedSaving(
            organization_id=caller.organization_id,
            recommendation_id=id_,
            currency=currency,
            before=None,
            after=saved,
            daily=amount if amount is None else Decimal(amount),
            amount=amount if amount is None else Decimal(amount),
            reason="Not known." if amount is None else None,
        )
        async with caller.database.write(caller.organization_id) as session:
            session.add(row)
    summary = await caller.summary()
    assert by_team(summary["realised"]["byTeam"], "amount") == {
        "Web": (Decimal(7), 0),
        "Data": (Decimal(0), 2),
        "UNALLOCATED": (Decimal(7), 0),
    }
    assert (Decimal(summary["realised"]["amount"]), summary["realised"]["unknownCount"]) == (Decimal(14), 2)
    assert (summary["byTeam"], summary["count"]) == ([], 0)


async def test_statements_do_not_grow_with_teams_and_recommendations(caller: Caller, owner: Database) -> None:
    teams = await make_teams(caller.database, caller.organization_id, *(f"Team {number}" for number in range(9)))
    await store_rules(caller.database, caller.organization_id, rule(AllocationMethod.BY_TAG, tag_key="team"))
    counts = []
    for names in (["Team 0"], list(teams)):
        for name in names:
            await caller.recommend(1, {"team": name})
        with counted(caller.database) as statements:
            assert len((await caller.summary())["byTeam"]) == len(names)
        counts.append(len(statements))
    assert counts[0] == counts[1]
    async with owner.write(None) as session:
        await session.execute(text("UPDATE teams SET archived_at = now() - interval '70 days'"))
    assert [group["bearer"] for group in (await caller.summary())["byTeam"]] == ["UNALLOCATED"]
