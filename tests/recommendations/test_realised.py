"""What was saved is measured by charges before and after, and again whenever those change."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app.costs.delete_period import delete_billing_period
from app.database import Database
from app.models import Account, Recommendation, new_id, now
from app.recommendations.jobs import look_for_waste_in_charges
from tests.clients import GraphQL, register
from tests.costs.watch.deliveries import SYSTEM, charge, days
from tests.house.statements import counted
from tests.repositories.found import inventory, store, volume
from tests.resolvers.cost_caller import TODAY, Caller, Job

READ = """query ($slug: String!) { organization(slug: $slug) {
  recommendations { nodes { checkId state realisedSaving { amount { amount currency } daily { amount } reason
    before { start end knownDays cost } after { start end knownDays cost saved reason } } } }
  savingsSummary { realised { amount unknownCount byCheck { key amount unknownCount } byAccount { key amount }
    byMonth { month amount } } } } }"""
RESOLVED = TODAY - timedelta(50)
SINCE = TODAY - timedelta(120)
SIX = Decimal("0.000001")
Costs = Mapping[date, Decimal]


@pytest.fixture
async def caller(graphql: GraphQL, database: Database, tmp_path: Path) -> Caller:
    """Somebody whose volume vol-1 was taken care of, and whose costs can be delivered."""
    made = Caller(graphql, database, await register(graphql), tmp_path)
    account = Account(
        organization_id=made.organization_id, provider="AWS", kind="CONNECTED", native_id="111", name="One"
    )
    async with database.write(made.organization_id) as session:
        session.add(account)
    one = volume("vol-1", account_id=account.id, relations=(), provider_created_at=None)
    await store(database, one, organization=made.organization_id)
    await resolve(made, "aws.ebs.unattached")
    return made


async def resolve(caller: Caller, check_id: str, saving: int = 90, **values: Any) -> UUID:
    """A recommendation on vol-1 that a scan has proved to be done."""
    resource = (await inventory(caller.database, caller.organization_id))["vol-1"]
    moment = now() - timedelta(50)
    usual: dict[str, Any] = {
        "state": "RESOLVED",
        "resolution": "CHANGED",
        "resolved_at": moment,
        "proved_at": moment,
        "last_found_at": moment - timedelta(1),
    }
    row = Recommendation(
        organization_id=caller.organization_id,
        account_id=resource.account_id,
        resource_id=resource.id,
        check_id=check_id,
        subject_key=str(new_id()),
        node="vol-1",
        severity="HIGH",
        confidence="OBVIOUS",
        remedy="DELETE",
        price_basis="LIST",
        monthly_saving=Decimal(saving),
        currency="USD",
        converted_saving=Decimal(saving),
        saving_order=Decimal(saving),
        saving={"formula": "", "inputs": {}, "reason": None, "isHygiene": False},
        evidence=[],
        rule_version=0,
        **(usual | values),
    )
    async with caller.database.write(caller.organization_id) as session:
        session.add(row)
    return row.id


def rows_of(costs: Costs) -> list[dict[str, Any]]:
    """What a provider bills: the volume by day, and something else each day."""
    volumes = [charge(day, f"{cost:f}", ResourceId="vol-1") for day, cost in costs.items() if cost]
    return volumes + [charge(day, 1, ResourceId="other") for day in days(SINCE, TODAY)]


def constant(before: int, after: int) -> dict[date, Decimal]:
    return {day: Decimal(before if day < RESOLVED else after) for day in days(SINCE, TODAY)}


async def measured(caller: Caller) -> tuple[dict[str, Any], dict[str, Any]]:
    """Realised savings by check, and their summary, after a job has measured them."""
    await look_for_waste_in_charges(Job(caller.organization_id, caller.database))
    found = await caller.read(READ)
    nodes = found["recommendations"]["nodes"]
    return {node["checkId"]: node["realisedSaving"] for node in nodes}, found["savingsSummary"]["realised"]


def expected(saving: dict[str, Any], costs: Costs) -> Decimal:
    """By hand, of the days that were measured."""
    before = saving["before"]
    window = days(date.fromisoformat(before["start"]), date.fromisoformat(before["end"]))
    a_day = sum((costs[day] for day in window), Decimal(0)) / len(window)
    total = Decimal(0)
    for part in saving["after"]:
        each = days(date.fromisoformat(part["start"]), date.fromisoformat(part["end"]))
        total += (a_day * len(each) - sum((costs[day] for day in each), Decimal(0))).quantize(SIX)
    return total


async def test_what_costs_less_now_has_saved_the_difference(caller: Caller) -> None:
    await caller.deliveries.deliver(rows_of(constant(10, 4)))
    found, summary = await measured(caller)
    saving = found["aws.ebs.unattached"]
    assert saving["before"] == {
        "start": str(RESOLVED - timedelta(31)),
        "end": str(RESOLVED - timedelta(1)),
        "knownDays": 30,
        "cost": "300",
    }
    known = sum(part["knownDays"] for part in saving["after"])
    assert 40 <= known <= 48
    assert saving["after"][0]["start"] == str(RESOLVED + timedelta(1))
    assert (saving["amount"]["currency"], saving["reason"]) == ("USD", None)
    assert Decimal(saving["amount"]["amount"]) == 6 * known
    assert Decimal(saving["daily"]["amount"]) == 6
    assert Decimal(summary["amount"]) == 6 * known
    assert summary["unknownCount"] == 0
    assert [(one["key"], Decimal(one["amount"])) for one in summary["byCheck"]] == [("aws.ebs.unattached", 6 * known)]
    assert [Decimal(one["amount"]) for one in summary["byAccount"]] == [6 * known]
    by_month = {one["month"]: Decimal(one["amount"]) for one in summary["byMonth"]}
    assert by_month == {part["start"][:8] + "01": Decimal(part["saved"]) for part in saving["after"]}


async def test_what_is_gone_saves_all_and_what_costs_more_saves_less_than_nothing(caller: Caller) -> None:
    await caller.deliveries.deliver(rows_of(constant(10, 0)))
    found, _ = await measured(caller)
    assert Decimal(found["aws.ebs.unattached"]["daily"]["amount"]) == 10
    await caller.deliveries.deliver(rows_of(constant(10, 12)))
    found, _ = await measured(caller)
    assert Decimal(found["aws.ebs.unattached"]["daily"]["amount"]) == -2


async def test_a_month_that_is_restated_changes_it_accordingly(caller: Caller) -> None:
    dice = random.Random(11)  # noqa: S311  (no secret)
    costs = {day: Decimal(dice.randrange(0, 2000)) / 100 for day in days(SINCE, TODAY)}
    for _ in range(3):
        await caller.deliveries.deliver(rows_of(costs))
        found, summary = await measured(caller)
        saving = found["aws.ebs.unattached"]
        assert Decimal(saving["amount"]["amount"]) == expected(saving, costs) == Decimal(summary["amount"])
        month = dice.choice([RESOLVED, RESOLVED - timedelta(20), TODAY - timedelta(5)]).replace(day=1)
        costs |= {
            day: Decimal(dice.randrange(0, 2000)) / 100
            for day in costs
            if (day.year, day.month) == (month.year, month.month)
        }


async def test_days_that_are_not_known_are_not_zero(caller: Caller) -> None:
    await caller.deliveries.deliver(rows_of(constant(10, 4)))
    whole = Decimal((await measured(caller))[0]["aws.ebs.unattached"]["amount"]["amount"])
    month = (RESOLVED + timedelta(32)).replace(day=1)
    await delete_billing_period(
        caller.database,
        caller.organization_id,
        SYSTEM,
        dataset="bills",
        billing_account_id="payer",
        billing_period_start=month,
    )
    found, summary = await measured(caller)
    saving = found["aws.ebs.unattached"]
    (lost,) = [part for part in saving["after"] if part["start"] == str(month)] or [None]
    assert lost is None or (lost["knownDays"], lost["cost"], lost["saved"]) == (0, None, None)
    assert Decimal(saving["daily"]["amount"]) == 6
    assert Decimal(saving["amount"]["amount"]) < whole
    assert Decimal(summary["amount"]) == Decimal(saving["amount"]["amount"])


async def test_before_anything_is_imported_it_is_unknown(caller: Caller) -> None:
    assert (await measured(caller))[0]["aws.ebs.unattached"] is None
    since = RESOLVED + timedelta(5)
    await caller.deliveries.deliver([charge(day, 1, ResourceId="vol-1") for day in days(since, TODAY)])
    found, summary = await measured(caller)
    assert found["aws.ebs.unattached"]["amount"] is None
    assert found["aws.ebs.unattached"]["reason"] == "No complete day before it was resolved is known."
    assert (summary["amount"], summary["unknownCount"]) == ("0", 1)


async def test_a_resource_that_no_charge_names_is_unknown(caller: Caller) -> None:
    await caller.deliveries.deliver([charge(day, 1, ResourceId="other") for day in days(SINCE, TODAY)])
    found, _ = await measured(caller)
    assert found["aws.ebs.unattached"]["amount"] is None
    assert found["aws.ebs.unattached"]["reason"].startswith("No charge names this resource")


@pytest.mark.parametrize(
    "values",
    [
        {"resolution": "LEFT_OUT"},
        {"resolution": "SAID_DONE", "proved_at": None},
        {"state": "OPEN", "resolution": None, "resolved_at": None, "proved_at": None},
    ],
)
async def test_what_nobody_has_done_saves_nothing(caller: Caller, values: dict[str, Any]) -> None:
    await resolve(caller, "aws.ebs.gp2_to_gp3", **values)
    await caller.deliveries.deliver(rows_of(constant(10, 4)))
    found, _ = await measured(caller)
    assert found["aws.ebs.gp2_to_gp3"] is None
    assert found["aws.ebs.unattached"]["amount"] is not None


async def test_no_money_is_saved_twice_and_what_comes_back_has_saved_nothing(caller: Caller) -> None:
    await resolve(caller, "aws.ebs.gp2_to_gp3", saving=20)
    await caller.deliveries.deliver(rows_of(constant(10, 4)))
    found, summary = await measured(caller)
    assert found["aws.ebs.gp2_to_gp3"]["amount"] is None
    assert summary["amount"] == found["aws.ebs.unattached"]["amount"]["amount"]
    async with caller.database.write(caller.organization_id) as session:
        await session.execute(
            text("""
                UPDATE recommendations SET state = 'OPEN', resolution = NULL, resolved_at = NULL, proved_at = NULL
                WHERE check_id = 'aws.ebs.unattached'
            """)
        )
    found, summary = await measured(caller)
    assert found["aws.ebs.unattached"] is None
    assert summary["amount"] == found["aws.ebs.gp2_to_gp3"]["amount"]["amount"]


def reads_of_costs(statements: Sequence[str]) -> int:
    return sum("resource_monthly" in one for one in statements)


async def test_what_did_not_change_is_not_read_again(caller: Caller) -> None:
    await caller.deliveries.deliver(rows_of(constant(10, 4)))
    with counted(caller.database) as first:
        await measured(caller)
    with counted(caller.database) as second:
        await measured(caller)
    assert reads_of_costs(first) - reads_of_costs(second) >= 3
    async with caller.database.read(caller.organization_id) as session:
        rows = (await session.execute(text("SELECT measured_at FROM realised_savings"))).all()
    await measured(caller)
    async with caller.database.read(caller.organization_id) as session:
        assert (await session.execute(text("SELECT measured_at FROM realised_savings"))).all() == rows
