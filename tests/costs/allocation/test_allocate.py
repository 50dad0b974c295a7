"""A month is shared out by rules: exactly, to the last digit, in the same way each time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.database import Database
from app.models import new_id
from app.records.allocation import NOBODY, AllocationMethod, Target
from app.records.cost_analysis import CostDimension, Grouping, TextCondition
from app.repositories import allocation, teams
from tests.costs.allocation.makers import MONTH, allocate, allocated, make_teams, rule, store_rules
from tests.costs.allocation.store import Spent, fill


def by_team(rows: Sequence[dict[str, Any]], names: dict[str, UUID], metric: str = "billed_cost") -> dict[str, Decimal]:
    called = {id_: name for name, id_ in names.items()} | {NOBODY: "nobody"}
    found: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        found[called[row["team_id"]]] += row[metric]
    return dict(found)


async def test_the_first_rule_that_matches_decides_and_nothing_is_lost(owner: Database, database: Database) -> None:
    organization_id = new_id()
    names = await make_teams(database, organization_id, "Web", "Data")
    web, data = Target(names["Web"]), Target(names["Data"])
    on_s3 = (TextCondition(Grouping(CostDimension.SERVICE_NAME), in_=("Amazon S3",)),)
    tagged = (TextCondition(Grouping(tag="env"), in_=("prod", "Prod")),)
    await fill(
        owner,
        organization_id,
        [
            Spent(MONTH, Decimal("1.10"), "Amazon S3", {" Env": "prod "}),
            Spent(MONTH, Decimal("2.20"), "Amazon EC2", {"env": "Prod"}),
            Spent(MONTH, Decimal("4.40"), "Amazon EC2", {"env": "dev"}),
            Spent(MONTH, Decimal("8.80"), None),
        ],
        ["env"],
    )
    await store_rules(
        database,
        organization_id,
        rule(AllocationMethod.DIRECT, web, match=on_s3),
        rule(AllocationMethod.DIRECT, data, match=tagged),
    )
    await allocate(database, organization_id)
    rows = await allocated(owner, organization_id)
    assert by_team(rows, names) == {"Web": Decimal("1.10"), "Data": Decimal("2.20"), "nobody": Decimal("13.20")}
    assert {row["rule_id"] for row in rows if row["team_id"] == NOBODY} == {NOBODY}
    assert not any(row["shared"] for row in rows)


async def test_tags_name_teams_by_code_name_or_mapping(owner: Database, database: Database) -> None:
    organization_id = new_id()
    names = await make_teams(database, organization_id, "Web", "Data")
    spent = [
        Spent(MONTH, Decimal(1), tags={"team": "cc-web"}),
        Spent(MONTH, Decimal(2), tags={"Team": " WEB"}),
        Spent(MONTH, Decimal(4), tags={"team": "frontend"}),
        Spent(MONTH, Decimal(8), tags={"team": "Data"}),
        Spent(MONTH, Decimal(16), tags={"team": "unheard of"}),
        Spent(MONTH, Decimal(32), tags={"team": ""}),
    ]
    await fill(owner, organization_id, spent, ["team"])
    mapping = {"Frontend": names["Web"]}
    await store_rules(database, organization_id, rule(AllocationMethod.BY_TAG, tag_key="team", mapping=mapping))
    await allocate(database, organization_id)
    expected = {"Web": Decimal(7), "Data": Decimal(8), "nobody": Decimal(48)}
    assert by_team(await allocated(owner, organization_id), names) == expected


async def test_shared_costs_are_split_to_the_last_digit(owner: Database, database: Database) -> None:
    organization_id = new_id()
    names = await make_teams(database, organization_id, "A", "B", "C")
    targets = [Target(id_) for id_ in names.values()]
    support = (TextCondition(Grouping(CostDimension.SERVICE_NAME), contains="support"),)
    await fill(
        owner,
        organization_id,
        [
            Spent(MONTH, Decimal("10.00"), "AWS Support", effective_cost=Decimal("-0.01"), list_cost=Decimal("1e-17")),
            Spent(MONTH, Decimal(7), "Amazon EC2"),
        ],
    )
    await store_rules(database, organization_id, rule(AllocationMethod.EVEN, *targets, match=support))
    await allocate(database, organization_id)
    rows = await allocated(owner, organization_id)
    shared = sorted((row for row in rows if row["shared"]), key=lambda row: list(names.values()).index(row["team_id"]))
    assert [row["billed_cost"] for row in shared] == [
        Decimal("3.333333333334"),
        Decimal("3.333333333333"),
        Decimal("3.333333333333"),
    ]
    assert [row["effective_cost"] for row in shared] == [
        Decimal("-0.003333333334"),
        Decimal("-0.003333333333"),
        Decimal("-0.003333333333"),
    ]
    assert [row["list_cost"] for row in shared] == [Decimal("1e-17"), Decimal(0), Decimal(0)]
    assert [row["contracted_cost"] for row in shared] == [None, None, None]
    assert [row["charge_count"] for row in shared] == [1, 0, 0]
    assert by_team(rows, names)["nobody"] == 7


async def test_proportional_is_by_direct_cost_of_the_month_and_even_without_any(
    owner: Database, database: Database
) -> None:
    organization_id = new_id()
    names = await make_teams(database, organization_id, "A", "B", "C")
    targets = [Target(id_) for id_ in names.values()]
    tax = (TextCondition(Grouping(CostDimension.CHARGE_CATEGORY), in_=("Tax",)),)
    spent = [
        Spent(MONTH, Decimal(30), tags={"team": "A"}),
        Spent(date(2026, 10, 31), Decimal(10), tags={"team": "b"}),
        Spent(MONTH, Decimal(-5), tags={"team": "C"}),
        Spent(date(2026, 10, 15), Decimal(8), charge_category="Tax"),
        Spent(date(2026, 10, 15), Decimal(9), charge_category="Tax", billing_currency="EUR"),
    ]
    await fill(owner, organization_id, spent, ["team"])
    await store_rules(
        database,
        organization_id,
        rule(AllocationMethod.BY_TAG, tag_key="team"),
        rule(AllocationMethod.PROPORTIONAL, *targets, match=tax),
    )
    await allocate(database, organization_id)
    rows = await allocated(owner, organization_id)
    in_dollars = [row for row in rows if row["shared"] and row["billing_currency"] == "USD"]
    in_euros = [row for row in rows if row["shared"] and row["billing_currency"] == "EUR"]
    assert by_team(in_dollars, names) == {"A": Decimal(6), "B": Decimal(2)}
    assert by_team(in_euros, names) == {"A": Decimal(3), "B": Decimal(3), "C": Decimal(3)}
    async with database.read(organization_id) as session:
        month = await allocation.month_row(session, organization_id, MONTH)
    assert month is not None
    assert [(note["code"], note["currency"]) for note in month["notes"]] == [("NO_DIRECT_COST", "EUR")]


async def test_rules_hold_in_their_months_and_without_any_nothing_is_kept(owner: Database, database: Database) -> None:
    organization_id = new_id()
    names = await make_teams(database, organization_id, "Web")
    later = date(2026, 11, 1)
    await fill(owner, organization_id, [Spent(MONTH, Decimal(1)), Spent(later, Decimal(2))])
    from_november = rule(AllocationMethod.DIRECT, Target(names["Web"]), valid_from=later)
    disabled = rule(AllocationMethod.DIRECT, Target(names["Web"]), enabled=False)
    await store_rules(database, organization_id, disabled, from_november)
    for month in (MONTH, later, later):
        await allocate(database, organization_id, month)
    assert by_team(await allocated(owner, organization_id), names) == {"Web": Decimal(2)}
    async with database.write(organization_id) as session:
        assert [row["month"] for row in await allocation.month_rows(session, organization_id, MONTH, later)] == []
        for row in await allocation.all_rules(session, organization_id):
            await allocation.delete_rule(session, organization_id, row["id"])
    await allocate(database, organization_id, later)
    assert await allocated(owner, organization_id) == []


async def test_an_archived_team_bears_costs_up_to_that_month(owner: Database, database: Database) -> None:
    organization_id = new_id()
    names = await make_teams(database, organization_id, "Web")
    spent = [Spent(month, Decimal(1), tags={"team": "Web"}) for month in (MONTH, date(2026, 11, 1))]
    await fill(owner, organization_id, spent, ["team"])
    await store_rules(database, organization_id, rule(AllocationMethod.BY_TAG, tag_key="team"))
    async with database.write(organization_id) as session:
        moment = datetime(2026, 10, 31, 23, 59, tzinfo=UTC)
        await teams.update_team(session, organization_id, names["Web"], archived_at=moment)
    for month in (MONTH, date(2026, 11, 1)):
        await allocate(database, organization_id, month)
    rows = await allocated(owner, organization_id)
    assert [(row["day"], row["team_id"]) for row in rows] == [(MONTH, names["Web"]), (date(2026, 11, 1), NOBODY)]
