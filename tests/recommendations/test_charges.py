"""Charges are looked at by themselves: from an imported file to a recommendation in the graph, and back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.costs.delete_period import delete_billing_period
from app.database import Database
from app.recommendations.jobs import look_for_waste_in_charges
from tests.clients import GraphQL, register
from tests.costs.watch.deliveries import SYSTEM, charge, days
from tests.resolvers.cost_caller import TODAY, Caller, Job

PLAN = "arn:aws:savingsplans::payer:savingsplan/1"
LIST = """query ($slug: String!) { organization(slug: $slug) {
  recommendations { nodes { checkId subject state resolution isCounted check { charges provider }
    resource { id } account { nativeId kind }
    saving { monthly { amount currency } basis formula inputs } history { kind } } }
  savingsSummary { potential count } } }"""


def committed(since: date, until: date, unused: str, **more: Any) -> list[dict[str, Any]]:
    """A commitment of 10 a day, of which so much finds no usage."""
    usual = {"PricingCategory": "Committed", "CommitmentDiscountId": PLAN, "CommitmentDiscountName": "Web", **more}
    rows = []
    for day in days(since, until):
        rows.append(
            charge(day, unused, CommitmentDiscountStatus="Unused", SubAccountId="222", ResourceId=PLAN, **usual)
        )
        used = str(10 - float(unused))
        rows.append(charge(day, used, CommitmentDiscountStatus="Used", SubAccountId="111", **usual))
    return rows


async def deliver(caller: Caller, rows: Sequence[dict[str, Any]]) -> None:
    """Deliver by billing period, check costs, and look at charges, as workers do."""
    await caller.deliveries.deliver(rows)
    await look_for_waste_in_charges(Job(caller.organization_id, caller.database))


async def found(caller: Caller) -> dict[str, dict[str, Any]]:
    """Recommendations by check and subject."""
    nodes = (await caller.read(LIST))["recommendations"]["nodes"]
    return {f"{node['checkId']} {node['subject']}": node for node in nodes}


@pytest.fixture
async def caller(graphql: GraphQL, database: Database, tmp_path: Path) -> Caller:
    """Somebody whose costs can be delivered."""
    return Caller(graphql, database, await register(graphql), tmp_path)


@pytest.fixture
def month() -> date:
    """The first of 60 days that are delivered up to today."""
    return TODAY - timedelta(60)


async def test_an_unused_commitment_is_found_in_a_file_and_resolved_by_another(caller: Caller, month: date) -> None:
    await deliver(caller, committed(month, TODAY, "4"))
    node = (await found(caller))[f"aws.commitment.underused {PLAN}"]
    assert (node["state"], node["isCounted"], node["resource"]) == ("OPEN", True, None)
    assert node["account"] == {"nativeId": "222", "kind": "MANUAL"}
    assert node["check"] == {"charges": "COMMITMENT", "provider": "AWS"}
    assert node["saving"] == {
        "monthly": {"amount": "121.7500", "currency": "USD"},  # 7 * 4 / 7 * 30.4375
        "basis": "ACTUAL",
        "formula": "unused / days * 30.4375",
        "inputs": {"unused": "28", "days": "7"},
    }
    await deliver(caller, committed(month, TODAY, "4"))
    assert [each["kind"] for each in (await found(caller))[f"aws.commitment.underused {PLAN}"]["history"]] == ["FOUND"]
    await deliver(caller, committed(month, TODAY, "0.5"))
    node = (await found(caller))[f"aws.commitment.underused {PLAN}"]
    assert (node["state"], node["resolution"], node["account"]["nativeId"]) == ("RESOLVED", "CHANGED", "222")
    await deliver(caller, committed(month, TODAY, "4"))
    assert (await found(caller))[f"aws.commitment.underused {PLAN}"]["state"] == "OPEN"


async def test_days_that_are_not_known_change_nothing(caller: Caller, month: date) -> None:
    await deliver(caller, committed(month, TODAY, "4"))
    late = TODAY - timedelta(20)
    if late.month != TODAY.month:
        await delete_billing_period(
            caller.database,
            caller.organization_id,
            SYSTEM,
            dataset="bills",
            billing_account_id="payer",
            billing_period_start=TODAY.replace(day=1),
        )
    await caller.deliveries.deliver(committed(month, late, "0.5"))
    other = [charge(day, 5, BillingAccountId="other", SubAccountId="333") for day in days(month, TODAY)]
    await caller.deliveries.deliver(other, dataset="other")
    await look_for_waste_in_charges(Job(caller.organization_id, caller.database))
    assert (await found(caller))[f"aws.commitment.underused {PLAN}"]["state"] == "OPEN"


async def test_what_no_charge_names_any_more_is_resolved(caller: Caller, month: date) -> None:
    await deliver(caller, committed(month, TODAY, "4"))
    other = [row for day in days(month, TODAY) for row in (charge(day, 5), charge(day, 5, SubAccountId="222"))]
    await deliver(caller, other)
    assert (await found(caller))[f"aws.commitment.underused {PLAN}"]["resolution"] == "CHANGED"
