"""What is known of a period: by billing account, and of accounts and resources by those that pay for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, update

from app.costs.analysis.answers import answer
from app.costs.analysis.coverage import MOST_GAPS, CostGap, PeriodCoverage, missing_in, period_coverage, union
from app.costs.analysis.nodes import (
    NO_CHARGE_OF_RESOURCE,
    NOT_DELIVERED,
    NodeCost,
    costs_of_accounts,
    costs_of_resources,
)
from app.costs.analysis.report import CostAnswer
from app.costs.commitments import read_omission
from app.costs.ingest import ingest_charges
from app.database import Database
from app.models import Account, CostImportPeriod, Resource, now
from app.records.cost_analysis import (
    AccountDays,
    Condition,
    CostDimension,
    CostQuestion,
    DateRange,
    Grouping,
    TextCondition,
)
from app.records.costs import CostMetric, Finality
from app.repositories.cost_coverage import cost_coverage
from tests.costs.analysis.store import Store, charge
from tests.costs.watch.deliveries import SYSTEM, Deliveries, daily
from tests.costs.watch.deliveries import charge as delivered
from tests.house.statements import counted

ORGANIZATION = UUID(int=1)
SEPTEMBER = DateRange(date(2026, 9, 1), date(2026, 10, 1))
OCTOBER = DateRange(date(2026, 10, 1), date(2026, 11, 1))
AUTUMN = DateRange(SEPTEMBER.start, OCTOBER.end)
NOVEMBER = DateRange(OCTOBER.end, date(2026, 12, 1))
ACCOUNTS = {
    UUID(int=11): ("AWS", "111"),
    UUID(int=12): ("AWS", "222"),
    UUID(int=13): ("AWS", "999"),
    UUID(int=14): ("AZURE", "sub"),
    UUID(int=15): ("GCP", "project"),
}
ONE, TWO, SILENT, AZURE, GCP = ACCOUNTS


def october(first: int, after: int) -> DateRange:
    return DateRange(date(2026, 10, first), date(2026, 10, after))


def days_of(account: str, *covered: DateRange) -> AccountDays:
    return AccountDays("bills", account, covered)


def appended(*covered: DateRange) -> AccountDays:
    return AccountDays("meter", "", covered, is_appended=True)


@pytest.mark.parametrize(
    ("accounts", "expected"),
    [
        ([], (None, None, 31, (), 0)),
        ([days_of("a")], (None, None, 31, (CostGap("bills", "a", OCTOBER),), 1)),
        ([days_of("a", AUTUMN)], (OCTOBER.start, OCTOBER.end, 0, (), 0)),
        ([days_of("a", SEPTEMBER)], (None, None, 31, (CostGap("bills", "a", OCTOBER),), 1)),
        (
            [days_of("a", october(1, 11), october(21, 22)), days_of("b", october(3, 15))],
            (
                date(2026, 10, 1),
                date(2026, 10, 22),
                2 + 21,
                (
                    CostGap("bills", "b", october(1, 3)),
                    CostGap("bills", "a", october(11, 21)),
                    CostGap("bills", "b", DateRange(date(2026, 10, 15), OCTOBER.end)),
                    CostGap("bills", "a", DateRange(date(2026, 10, 22), OCTOBER.end)),
                ),
                4,
            ),
        ),
    ],
)
def test_a_period(accounts: Sequence[AccountDays], expected: tuple[Any, ...]) -> None:
    assert period_coverage(OCTOBER, accounts) == PeriodCoverage(*expected)


@pytest.mark.parametrize(
    ("accounts", "expected"),
    [
        ([days_of("a", AUTUMN), appended(october(5, 6))], (OCTOBER.start, OCTOBER.end, 0, (), 0)),
        ([days_of("a", AUTUMN), appended()], (OCTOBER.start, OCTOBER.end, 0, (), 0)),
        # What a whole delivery lacks is missing whatever was appended then.
        (
            [days_of("a", october(1, 21)), appended(october(25, 27))],
            (
                OCTOBER.start,
                date(2026, 10, 27),
                11,
                (CostGap("bills", "a", DateRange(date(2026, 10, 21), OCTOBER.end)),),
                1,
            ),
        ),
        # Of appended rows alone: the days of which nothing is there, of no account.
        ([appended(october(5, 6)), appended(october(8, 10))], (date(2026, 10, 5), date(2026, 10, 10), 28, (), 0)),
        ([appended()], (None, None, 31, (), 0)),
    ],
)
def test_appended_rows_say_nothing_of_other_days(accounts: Sequence[AccountDays], expected: tuple[Any, ...]) -> None:
    assert period_coverage(OCTOBER, accounts) == PeriodCoverage(*expected)


def test_the_longest_gaps_are_told() -> None:
    accounts = [days_of(str(number), october(1 + number % 2, 32 - 1)) for number in range(300)]
    found = period_coverage(DateRange(date(2026, 10, 1), date(2026, 10, 31)), accounts)
    assert (len(found.gaps), found.gap_count, found.missing_days) == (MOST_GAPS, 150, 1)


def test_ranges_together() -> None:
    assert union([october(5, 7), october(1, 3), october(3, 4), october(6, 9)]) == (october(1, 4), october(5, 9))
    assert union([]) == ()


async def filled(database: Database) -> None:
    """Two billing accounts of AWS, of which one has no October, and one of Azure that has September alone."""
    store = Store(ORGANIZATION)
    await store.fill(
        database,
        [
            charge(date(2026, 9, 1), "5", period=0, billing_account_id="payer 1", sub_account_id="111"),
            charge(date(2026, 10, 2), "7", period=1, billing_account_id="payer 1", sub_account_id="111"),
            charge(date(2026, 9, 1), "3", period=2, billing_account_id="payer 2", sub_account_id="222"),
            charge(date(2026, 9, 3), "2", period=3, billing_account_id="contract", provider="AZURE"),
        ],
    )
    await make(database, Finality.FINAL)


async def make(database: Database, finality: Finality) -> None:
    """Have all billing periods final, or none."""
    async with database.write(ORGANIZATION) as session:
        await session.execute(update(CostImportPeriod).values(finality=finality.value))


async def total(database: Database, *conditions: Condition, period: DateRange = OCTOBER) -> CostAnswer:
    return await answer(database, ORGANIZATION, CostQuestion(period, "USD", conditions=conditions))


async def test_a_month_that_one_of_three_billing_accounts_has_is_known_in_part(database: Database) -> None:
    await filled(database)
    found = await total(database)
    assert found.total is not None
    assert found.total.amounts == (Decimal(7),)
    known = period_coverage(OCTOBER, found.coverage.accounts)
    assert (known.known_from, known.known_until, known.missing_days) == (OCTOBER.start, OCTOBER.end, 31)
    assert known.gaps == (CostGap("dataset 2", "payer 2", OCTOBER), CostGap("dataset 3", "contract", OCTOBER))
    whole = period_coverage(SEPTEMBER, (await total(database, period=SEPTEMBER)).coverage.accounts)
    assert whole == PeriodCoverage(SEPTEMBER.start, SEPTEMBER.end, 0)


@pytest.mark.parametrize(
    ("dimension", "wanted", "expected"),
    [
        (CostDimension.PROVIDER, {"in_": ("AWS",)}, Decimal(7)),
        (CostDimension.PROVIDER, {"in_": ("AZURE",)}, None),
        (CostDimension.PROVIDER, {"in_": ("GCP",)}, None),
        (CostDimension.PROVIDER, {"not_in": ("AWS",)}, None),
        (CostDimension.PROVIDER, {"contains": "aw"}, Decimal(7)),
        (CostDimension.PROVIDER, {"exists": False}, None),
        (CostDimension.BILLING_ACCOUNT_ID, {"in_": ("payer 2",)}, None),
        (CostDimension.BILLING_ACCOUNT_ID, {"not_in": ("payer 2", "contract")}, Decimal(7)),
        (CostDimension.ACCOUNT, {"in_": ("222",)}, None),
        (CostDimension.SUB_ACCOUNT_ID, {"in_": ("222",)}, None),
        # An account that nobody has seen may belong to any billing account, and one of these is known.
        (CostDimension.ACCOUNT, {"in_": ("999",)}, Decimal(0)),
        # A service that is not there is one that nobody uses.
        (CostDimension.SERVICE_NAME, {"in_": ("Quantum",)}, Decimal(0)),
    ],
)
async def test_conditions_choose_the_billing_accounts(
    database: Database, dimension: CostDimension, wanted: dict[str, Any], expected: Decimal | None
) -> None:
    await filled(database)
    found = await total(database, TextCondition(Grouping(dimension), **wanted))
    assert (None if found.total is None else found.total.amounts[0]) == expected


async def test_accounts_are_known_by_who_pays_for_them(database: Database) -> None:
    await filled(database)
    async with database.read(ORGANIZATION) as session:
        with counted(database) as statements:
            found = await costs_of_accounts(session, ORGANIZATION, ACCOUNTS, OCTOBER, CostMetric.EFFECTIVE_COST)
    assert len([one for one in statements if "cost_import_periods" in one or "summary_dims" in one]) == 2
    assert {id_: amount_of(cost) for id_, cost in found.items()} == {
        ONE: Decimal(7),
        TWO: NOT_DELIVERED,
        SILENT: Decimal(0),
        AZURE: NOT_DELIVERED,
        GCP: NOT_DELIVERED,
    }
    assert {id_: cost.coverage.missing_days for id_, cost in found.items()} == {
        ONE: 0,
        TWO: 31,
        SILENT: 31,
        AZURE: 31,
        GCP: 31,
    }
    assert found[SILENT].coverage.gaps == (CostGap("dataset 2", "payer 2", OCTOBER),)


async def test_resources_are_known_by_who_pays_for_their_accounts(database: Database) -> None:
    await filled(database)
    resources = {UUID(int=21): ONE, UUID(int=22): TWO, UUID(int=23): GCP}
    async with database.write(ORGANIZATION) as session:
        for id_, (provider, native_id) in ACCOUNTS.items():
            mine: dict[str, Any] = {"organization_id": ORGANIZATION, "id": id_}
            session.add(Account(**mine, provider=provider, native_id=native_id, kind="MANUAL", name=native_id))
        await session.flush()
        for id_, account_id in resources.items():
            values = {
                "organization_id": ORGANIZATION,
                "id": id_,
                "account_id": account_id,
                "provider": ACCOUNTS[account_id][0],
                "service": "Compute",
                "resource_type": "Machine",
                "native_id": f"i-{id_.int}",
                "name": "machine",
                "tags": {},
                "properties": {},
                "content_hash": b"",
                "first_seen_at": now(),
                "last_seen_at": now(),
                "updated_at": now(),
            }
            await session.execute(insert(Resource).values(values))
    async with database.read(ORGANIZATION) as session:
        found = await costs_of_resources(session, ORGANIZATION, list(resources), OCTOBER, CostMetric.EFFECTIVE_COST)
    assert [amount_of(cost) for cost in found.values()] == [NO_CHARGE_OF_RESOURCE, NOT_DELIVERED, NOT_DELIVERED]
    assert [cost.coverage.known_from for cost in found.values()] == [OCTOBER.start, None, None]


async def test_an_open_period_is_known_to_its_last_charge_and_one_that_is_over_to_its_end(database: Database) -> None:
    await filled(database)
    await make(database, Finality.PROVISIONAL)
    async with database.read(ORGANIZATION) as session:
        (account,) = [
            one
            for one in (await cost_coverage(session, ORGANIZATION, AUTUMN)).accounts
            if one.billing_account_id == "payer 1"
        ]
    assert account.covered == (DateRange(date(2026, 9, 1), date(2026, 9, 2)), october(1, 3))


async def test_another_export_of_the_same_billing_account_leaves_no_gap(database: Database) -> None:
    store = Store(ORGANIZATION)
    months = [date(2026, 9, 1), date(2026, 10, 2)]
    await store.fill(
        database, [charge(day, "5", period=number, billing_account_id="payer") for number, day in enumerate(months)]
    )
    await make(database, Finality.FINAL)
    async with database.read(ORGANIZATION) as session:
        found = await cost_coverage(session, ORGANIZATION, AUTUMN)
    assert found.accounts == (AccountDays("dataset 1", "payer", (AUTUMN,)),)


async def test_an_account_with_appended_rows_alone_makes_nothing_incomplete(database: Database, tmp_path: Path) -> None:
    deliveries = Deliveries(database, ORGANIZATION, tmp_path, date(2026, 11, 20))
    await deliveries.deliver(list(daily(AUTUMN.start, AUTUMN.end, lambda _: "1")))

    async def known(day: date, account: str, dataset: str) -> tuple[AccountDays, str | None, int]:
        """The account, what commitments, budgets and unit costs say, and what of November some account lacks."""
        row = delivered(day, "2", BillingAccountId=account)
        await ingest_charges(database, ORGANIZATION, SYSTEM, [(1, row)], dataset)
        async with database.read(ORGANIZATION) as session:
            found = await cost_coverage(session, ORGANIZATION, NOVEMBER)
            told = await read_omission(session, ORGANIZATION, AUTUMN.start, AUTUMN.end)
        (own,) = [one for one in found.accounts if one.billing_account_id == account]
        assert found.covered == union([AUTUMN, *own.covered])
        return own, told, sum(days.days for days in missing_in(NOVEMBER, found.accounts))

    unnamed = await known(date(2026, 10, 5), "", "meter")
    assert unnamed == (AccountDays("meter", "", (), is_appended=True), None, 30)
    later = DateRange(NOVEMBER.start, date(2026, 11, 4))
    assert await known(date(2026, 11, 3), "new", "meter") == (
        AccountDays("meter", "new", (later,), is_appended=True),
        None,
        30,
    )
    # One with a whole delivery is judged by all that is there of it, also where rows were appended to another dataset.
    own, told, _ = await known(date(2026, 11, 3), "payer", "meter")
    assert (own, told) == (AccountDays("meter", "payer", (later,)), None)
    await deliveries.deliver([delivered(date(2026, 9, 5), "1", BillingAccountId="new")], "other")
    async with database.read(ORGANIZATION) as session:
        told = await read_omission(session, ORGANIZATION, AUTUMN.start, AUTUMN.end)
    assert str(told).startswith("Of 31 of the 61 days the charges of some billing account were not imported")


def amount_of(cost: NodeCost) -> Decimal | str | None:
    """The amount, or why there is none."""
    return cost.sum.amounts[0] if cost.sum is not None else cost.reason
