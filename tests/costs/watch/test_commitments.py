"""Commitments against the worked examples of the FOCUS specification, and by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from app.costs.analysis.coverage import missing_in
from app.costs.commitments import (
    Commitment,
    Coverage,
    Quantities,
    read_commitments,
    read_count,
    read_coverage,
    read_omission,
    read_quantities,
)
from app.costs.imports.run import import_files
from app.database import Database
from app.models import new_id
from app.records.cost_analysis import DateRange
from app.records.costs import ImportMode, ImportSource, ImportSourceKind, ImportState
from app.repositories.cost_coverage import cost_coverage
from tests.costs.watch.deliveries import SYSTEM, Deliveries, charge

EXAMPLES = Path(__file__).parents[4] / "shared/data/focus_spec_examples/specification/data"
FLEXIBILITY = EXAMPLES / "commitment_discount_flexibility"
SCENARIOS = EXAMPLES / "commitment_discount_scenarios"
THERE = pytest.mark.skipif(not EXAMPLES.exists(), reason=f"the worked examples of FOCUS are not in {EXAMPLES}")
PERIOD = (date(2023, 1, 1), date(2023, 2, 1))
ID = "<my-commitment-discount-id>"


@pytest.fixture
def organization_id() -> UUID:
    return new_id()


async def reported(
    database: Database, organization_id: UUID, path: Path
) -> tuple[Commitment | None, Coverage, Quantities | None]:
    """What the charges of an example come to; it has one commitment at most."""
    outcome = await import_files(
        database,
        organization_id,
        SYSTEM,
        [path],
        dataset=path.stem,
        mode=ImportMode.REPLACE,
        source=ImportSource(ImportSourceKind.FILE),
        billing_currency="USD",
    )
    assert (outcome.state, outcome.rejected) == (ImportState.SUCCEEDED, 0), outcome.message
    async with database.read(organization_id) as session:
        found = await read_commitments(session, organization_id, *PERIOD, 10)
        (coverage,) = await read_coverage(session, organization_id, *PERIOD)
        keys = [(one.commitment_id, one.provider, one.currency) for one in found]
        quantities = await read_quantities(session, organization_id, keys, *PERIOD)
    assert len(found) <= 1
    return (found[0], coverage, quantities[keys[0]]) if found else (None, coverage, None)


HUNDRED = "one_hundred_percent_utilization"
ZERO = "zero_percent_utilization"
# Purchased, used, unused, utilization, coverage, and the three quantities; None is unknown, with a reason. By hand, of
# the rows of each example: the first covers 0.50 beside 2.25 at standard prices.
GOLDEN = {
    FLEXIBILITY / f"{HUNDRED}_with_commitment_discount_flexibility_with_1_resource": "0.50 0.50 0 1 0.1818 1 1 0",
    FLEXIBILITY / f"{HUNDRED}_without_commitment_discount_flexibility": "1.50 1.50 0 1 1 1 1 0",
    FLEXIBILITY / f"{ZERO}_without_commitment_discount_flexibility": "1.50 0 1.50 0 0 1 0 1",
    SCENARIOS / "commitment_discount_purchase_scenario_1": "8760 None None None None 8760 0 0",
    SCENARIOS / "commitment_discount_purchase_scenario_2": "3 None None None None 3 0 0",
    SCENARIOS / "commitment_discount_purchase_scenario_3": "4381.50 None None None None 4381.5 0 0",
    SCENARIOS / "commitment_discount_usage_scenario_1": "0 1 0 1 1 0 1 0",
    SCENARIOS / "commitment_discount_usage_scenario_2": "0 0 1 0 None 0 0 1",
    SCENARIOS / "commitment_discount_usage_scenario_3": "0 0.75 0.25 0.75 1 0 0.75 0.25",
    SCENARIOS / "commitment_discount_usage_scenario_4": "0 1 0 1 0.6667 0 1 0",
}


@THERE
@pytest.mark.parametrize("example", GOLDEN, ids=lambda path: path.name)
async def test_the_worked_examples(database: Database, organization_id: UUID, example: Path) -> None:
    commitment, coverage, quantities = await reported(database, organization_id, example.with_suffix(".csv"))
    assert commitment is not None
    assert quantities is not None
    assert commitment.commitment_id == ID
    use = commitment.use
    figures = [use.used, use.unused, use.utilization, coverage.effective.coverage]
    figures += [quantities.purchased, quantities.used, quantities.unused]
    values = [commitment.purchased, *(figure.value for figure in figures)]
    assert values == [None if text == "None" else Decimal(text) for text in GOLDEN[example].split()]
    assert all((figure.value is None) == (figure.reason is not None) for figure in figures)


@THERE
async def test_the_example_with_two_resources(database: Database, organization_id: UUID) -> None:
    path = FLEXIBILITY / "one_hundred_percent_utilization_with_commitment_discount_flexibility_with_2_resources.csv"
    commitment, coverage, _ = await reported(database, organization_id, path)
    assert commitment is not None
    assert (commitment.purchased, commitment.use.used.value) == (Decimal("2.00"), Decimal("2.00"))
    assert (commitment.use.utilization.value, coverage.effective.coverage.value) == (Decimal(1), Decimal(1))
    assert commitment.use.list_savings.value == Decimal("2.00")  # 4.00 at list prices
    assert commitment.use.contracted_savings.value is None  # the example has no ContractedCost
    assert commitment.use.contracted_savings.reason == "Some of these charges have no ContractedCost."


async def test_currencies_and_standard_usage(database: Database, organization_id: UUID, tmp_path: Path) -> None:
    day = date(2026, 10, 5)
    plan = {
        "CommitmentDiscountId": "sp-1",
        "CommitmentDiscountType": "Savings Plan",
        "CommitmentDiscountCategory": "Spend",
    }
    used = {
        **plan,
        "CommitmentDiscountStatus": "Used",
        "PricingCategory": "Committed",
        "ListCost": "10",
        "ContractedCost": "9",
    }
    unused = {
        **plan,
        "CommitmentDiscountStatus": "Unused",
        "PricingCategory": "Committed",
        "ListCost": "",
        "ContractedCost": "",
    }
    rows = [
        charge(day, "6", **used),
        charge(day, "2", **unused, ResourceId="sp-1"),
        charge(day, "2", PricingCategory="Standard"),
        charge(day, "50", PricingCategory="Dynamic"),
        charge(day, "7", ChargeCategory="Tax", PricingCategory=""),
        charge(day, "5", BillingCurrency="EUR", BillingAccountId="other", PricingCategory="Standard"),
    ]
    await Deliveries(database, organization_id, tmp_path, date(2026, 11, 20)).deliver(rows)
    async with database.read(organization_id) as session:
        period = (date(2026, 10, 1), date(2026, 11, 1))
        (commitment,) = await read_commitments(session, organization_id, *period, 10)
        euros, dollars = await read_coverage(session, organization_id, *period)
        assert await read_commitments(session, organization_id, date(2026, 11, 1), date(2026, 12, 1), 10) == []
    assert (commitment.type, commitment.category, commitment.currency) == ("Savings Plan", "Spend", "USD")
    assert commitment.use.utilization.value == Decimal("0.75")
    assert (commitment.use.list_savings.value, commitment.use.contracted_savings.value) == (Decimal(2), Decimal(1))
    found = [
        [each.value for each in (at.covered, at.standard, at.coverage)]
        for at in (dollars.effective, dollars.at_list, dollars.at_contracted)
    ]
    assert found == [
        [Decimal(6), Decimal(2), Decimal("0.75")],
        [Decimal(10), Decimal(2), Decimal("0.8333")],
        [Decimal(9), Decimal(2), Decimal("0.8182")],
    ]
    assert (euros.currency, euros.effective.coverage.value, euros.use.used.value) == ("EUR", Decimal(0), None)


async def test_no_pricing_category_is_unknown_coverage(
    database: Database, organization_id: UUID, tmp_path: Path
) -> None:
    row = {name: value for name, value in charge(date(2026, 10, 5), "6").items() if name != "PricingCategory"}
    await Deliveries(database, organization_id, tmp_path, date(2026, 11, 20)).deliver([row])
    async with database.read(organization_id) as session:
        (coverage,) = await read_coverage(session, organization_id, date(2026, 10, 1), date(2026, 11, 1))
    for at in (coverage.effective, coverage.at_list, coverage.at_contracted):
        assert (at.coverage.value, at.coverage.reason) == (None, "No usage of the period has a PricingCategory.")


async def test_a_period_that_is_not_imported_says_so(database: Database, organization_id: UUID, tmp_path: Path) -> None:
    rows = [
        charge(date(2026, 10, day), "6", CommitmentDiscountId=f"ri-{day}", BillingCurrency=currency, **account)
        for day in (5, 6)
        for currency, account in (("USD", {}), ("EUR", {"BillingAccountId": "other"}))
    ]
    await Deliveries(database, organization_id, tmp_path, date(2026, 11, 20)).deliver(rows)
    async with database.read(organization_id) as session:
        told = [
            await read_omission(session, organization_id, start, end)
            for start, end in (
                (date(2026, 8, 1), date(2026, 9, 1)),
                (date(2026, 10, 5), date(2026, 10, 7)),
                (date(2026, 9, 7), date(2026, 10, 7)),
            )
        ]
        assert await read_count(session, organization_id, date(2026, 10, 1), date(2026, 11, 1)) == 4
        assert await read_count(session, organization_id, date(2026, 11, 1), date(2026, 12, 1)) == 0
    assert told == [
        "Nothing was imported for these days.",
        None,
        "Charges were imported for 6 of these 30 days.",
    ], "October is over and final: of its days without a charge all is known"


async def test_a_billing_account_that_is_not_imported_is_told(
    database: Database, organization_id: UUID, tmp_path: Path
) -> None:
    deliveries = Deliveries(database, organization_id, tmp_path, date(2026, 11, 20))
    await deliveries.deliver([charge(date(2026, month, 5), "6") for month in (9, 10)])
    await deliveries.deliver([charge(date(2026, 9, 5), "6", BillingAccountId="other")])
    async with database.read(organization_id) as session:
        assert await read_omission(session, organization_id, date(2026, 9, 1), date(2026, 10, 1)) is None
        told = await read_omission(session, organization_id, date(2026, 9, 1), date(2026, 11, 1))
        both = DateRange(date(2026, 9, 1), date(2026, 11, 1))
        accounts = (await cost_coverage(session, organization_id, both)).accounts
    assert str(told).startswith("Of 31 of the 61 days the charges of some billing account were not imported")
    assert sum(days.days for days in missing_in(both, accounts)) == 31, "as reports have it"
