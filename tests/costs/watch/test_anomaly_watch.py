"""Anomalies after imports: told once, explained, grown, resolved by a restatement, told to the activity."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import RowMapping, insert, select
from structlog.testing import capture_logs

from app.costs.anomalies.answer import acknowledge, mark_expected
from app.costs.anomalies.look import watch_anomalies
from app.costs.anomalies.series import costliest_first, read_series
from app.database import Database
from app.errors import ConflictError
from app.models import CurrencyRate, Organization, new_id, now
from app.records.budgets import AnomalySeries, AnomalyState
from app.records.costs import CostMetric
from app.repositories.cost_anomalies import ANOMALIES
from app.repositories.cost_parts import MonthCost
from tests.costs.watch.deliveries import SYSTEM, Deliveries, charge, daily, days, events, hold

TODAY = date(2026, 11, 20)
FIRST = date(2026, 8, 1)
SPIKE = date(2026, 11, 12)


def usual(day: date) -> int:
    """Costs with a week in them."""
    return 100 if day.weekday() < 5 else 60


def bills(spikes: dict[date, int], until: date = TODAY) -> list[dict[str, Any]]:
    """Two services in two accounts; the spikes are a new resource of EC2 in account 111."""
    s3 = {"ServiceName": "S3", "SubAccountId": "222", "ResourceId": "bucket", "RegionId": "us-east-1"}
    rows = [*daily(FIRST, until, usual), *daily(FIRST, until, lambda _: 40, **s3)]
    return rows + [charge(day, cost, ResourceId="i-new", RegionId="eu-west-2") for day, cost in spikes.items()]


@pytest.fixture
def organization_id() -> UUID:
    return new_id()


@pytest.fixture
def deliveries(database: Database, organization_id: UUID, tmp_path: Path) -> Deliveries:
    return Deliveries(database, organization_id, tmp_path, TODAY)


async def stored(database: Database, organization_id: UUID) -> dict[str, RowMapping]:
    """All anomalies by their cut."""
    async with database.read(organization_id) as session:
        rows = (await session.execute(select(ANOMALIES).order_by(ANOMALIES.c.found_at))).mappings().all()
    found = {row["series"]: row for row in rows}
    assert len(found) == len(rows)
    return found


def kinds(told: Iterable[tuple[str, dict[str, Any]]]) -> list[str]:
    return [kind for kind, _ in told]


async def test_a_spike_is_told_once_though_each_series_has_it(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    delivery = await deliveries.deliver(bills({SPIKE: 500}))
    watched = await watch_anomalies(database, organization_id, TODAY, hold)
    found = await stored(database, organization_id)
    row = found["SERVICE_ACCOUNT"]
    assert [one["id"] for one in found.values()] == watched.found == [row["id"]]
    assert (row["starts_on"], row["ends_on"], row["state"]) == (SPIKE, SPIKE + timedelta(1), AnomalyState.OPEN)
    assert row["actual"] == Decimal(600)
    assert row["excess"] == row["actual"] - row["expected"] == 500
    assert row["first_import_id"] == delivery.import_id
    assert (row["service_name"], row["sub_account_id"]) == ("EC2", "111")
    seen = {(one["series"], one["serviceName"], one["subAccountId"]): one["excess"] for one in row["also_seen_in"]}
    assert set(seen) == {("TOTAL", None, None), ("SERVICE", "EC2", None), ("ACCOUNT", None, "111")}
    assert {Decimal(excess) for excess in seen.values()} == {Decimal(500)}
    told = await events(database, organization_id)
    assert kinds(told) == ["ANOMALY_FOUND"]
    again = await watch_anomalies(database, organization_id, TODAY, hold)
    assert (again.found, again.changed, again.merged, again.resolved) == ([], [], [], [])
    assert await events(database, organization_id) == told


async def test_its_causes_add_up_to_it(database: Database, organization_id: UUID, deliveries: Deliveries) -> None:
    """Two services of one account: neither explains most of what the account costs more."""
    lambdas = {"ServiceName": "Lambda", "ResourceId": "function", "RegionId": "us-east-1"}
    more = daily(FIRST, TODAY, lambda day: 450 if day == SPIKE else 50, **lambdas)
    await deliveries.deliver([*bills({SPIKE: 500}), *more])
    await watch_anomalies(database, organization_id, TODAY, hold)
    found = (await stored(database, organization_id))["ACCOUNT"]
    assert (found["sub_account_id"], [one["series"] for one in found["also_seen_in"]]) == (
        "111",
        ["TOTAL", "SERVICE", "SERVICE"],
    )
    causes = found["explanation"]
    assert set(causes) == {"services", "regions", "resources"}
    for of_cause in causes.values():
        parts = [Decimal(each["excess"]) for each in of_cause["contributions"]]
        assert sum(parts) + Decimal(of_cause["others"]) + Decimal(of_cause["unexplained"]) == found["excess"]
    first = {cause: of_cause["contributions"][0] for cause, of_cause in causes.items()}
    assert {cause: each["key"] for cause, each in first.items()} == {
        "services": "EC2",
        "regions": "eu-west-2",
        "resources": "i-new",
    }
    assert (first["resources"]["isNew"], first["services"]["isNew"]) == (True, False)
    assert Decimal(first["resources"]["excess"]) == 500
    assert [each["key"] for each in causes["services"]["contributions"]] == ["EC2", "Lambda"]


async def test_it_grows_and_stays_the_same_anomaly(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver(bills({SPIKE: 500}))
    await watch_anomalies(database, organization_id, TODAY, hold)
    before = (await stored(database, organization_id))["SERVICE_ACCOUNT"]
    await acknowledge(database, organization_id, SYSTEM, before["id"])
    delivery = await deliveries.deliver(bills({SPIKE: 500, SPIKE + timedelta(1): 450}))
    watched = await watch_anomalies(database, organization_id, TODAY, hold)
    after = (await stored(database, organization_id))["SERVICE_ACCOUNT"]
    assert (watched.found, watched.changed, watched.resolved) == ([], [before["id"]], [])
    assert (after["id"], after["found_at"], after["state"]) == (
        before["id"],
        before["found_at"],
        AnomalyState.ACKNOWLEDGED,
    )
    assert after["ends_on"] == SPIKE + timedelta(2)
    assert after["excess"] > before["excess"] + 400
    assert (after["first_import_id"], after["last_import_id"]) == (before["first_import_id"], delivery.import_id)


async def test_it_stays_while_a_charge_of_several_days_holds_up_its_days(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver(bills({SPIKE: 500}))
    await watch_anomalies(database, organization_id, TODAY, hold)
    start, end = SPIKE - timedelta(2), SPIKE + timedelta(8)
    long = charge(start, 900) | {"ChargePeriodEnd": f"{end}T00:00:00Z"}
    await deliveries.deliver([*bills({SPIKE: 500}), long])
    watched = await watch_anomalies(database, organization_id, TODAY, hold)
    assert (watched.found, watched.changed, watched.resolved) == ([], [], [])
    assert {row["state"] for row in (await stored(database, organization_id)).values()} == {AnomalyState.OPEN}


async def test_a_restatement_resolves_it_and_another_brings_it_back(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver(bills({SPIKE: 500}))
    await watch_anomalies(database, organization_id, TODAY, hold)
    anomaly_id = (await stored(database, organization_id))["SERVICE_ACCOUNT"]["id"]
    await mark_expected(database, organization_id, SYSTEM, anomaly_id, "a load test")
    await deliveries.deliver(bills({}))
    assert (await watch_anomalies(database, organization_id, TODAY, hold)).resolved == [anomaly_id]
    gone = await stored(database, organization_id)
    assert {row["state"] for row in gone.values()} == {AnomalyState.RESOLVED}
    with pytest.raises(ConflictError):
        await acknowledge(database, organization_id, SYSTEM, anomaly_id)
    await deliveries.deliver(bills({SPIKE: 500}))
    await watch_anomalies(database, organization_id, TODAY, hold)
    back = (await stored(database, organization_id))["SERVICE_ACCOUNT"]
    assert (back["id"], back["state"], back["resolved_at"]) == (anomaly_id, AnomalyState.OPEN, None)
    told = kinds(await events(database, organization_id))
    assert told == ["ANOMALY_FOUND", "ANOMALY_MARKED_EXPECTED", "ANOMALY_RESOLVED", "ANOMALY_FOUND"]


async def test_the_last_two_days_of_a_provisional_period_are_not_judged(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    yesterday = TODAY - timedelta(1)  # the last day delivered
    await deliveries.deliver(bills({yesterday: 900, yesterday - timedelta(1): 900}))
    assert (await watch_anomalies(database, organization_id, TODAY, hold)).found == []
    await deliveries.deliver(bills({yesterday: 900, yesterday - timedelta(1): 900}, TODAY + timedelta(1)))
    later = await watch_anomalies(database, organization_id, TODAY + timedelta(1), hold)
    (found,) = (await stored(database, organization_id)).values()
    assert later.found == [found["id"]]
    assert found["ends_on"] == yesterday


async def test_a_service_that_stops_is_a_decrease(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    stopped = date(2026, 11, 14)
    s3 = {"ServiceName": "S3", "SubAccountId": "222"}
    await deliveries.deliver([*daily(FIRST, TODAY, usual), *daily(FIRST, stopped, lambda _: 40, **s3)])
    await watch_anomalies(database, organization_id, TODAY, hold)
    found = (await stored(database, organization_id))["SERVICE_ACCOUNT"]
    assert (found["service_name"], found["starts_on"]) == ("S3", stopped)
    assert found["excess"] < 0
    assert found["actual"] == 0


async def test_currencies_are_judged_apart(database: Database, organization_id: UUID, deliveries: Deliveries) -> None:
    euros = {"BillingCurrency": "EUR", "BillingAccountId": "other"}
    rows = [*bills({}), *daily(FIRST, TODAY, lambda day: 900 if day == SPIKE else 70, ServiceName="VM", **euros)]
    await deliveries.deliver(rows)
    await watch_anomalies(database, organization_id, TODAY, hold)
    found = await stored(database, organization_id)
    assert {row["billing_currency"] for row in found.values()} == {"EUR"}
    assert [row["actual"] for row in found.values()] == [900]


async def test_the_costliest_currencies_are_watched_and_the_others_named(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    async with database.write(organization_id) as session:
        session.add(Organization(id=organization_id, slug=f"slug-{organization_id}", name="Acme", currency="USD"))
        rate = {"organization_id": organization_id, "to_currency": "USD", "source": "by hand", "updated_at": now()}
        values = [
            {**rate, "from_currency": currency, "valid_from": FIRST, "rate": Decimal(factor)}
            for currency, factor in (("AUD", "0.5"), ("BRL", "0.0001"), ("CHF", "1"), ("DKK", "0.1"), ("EUR", "1"))
        ]
        await session.execute(insert(CurrencyRate), values)
    # GBP cannot be converted, and is a sixth of the charges. CHF was costly long ago.
    rows = [
        row
        for currency in ("AUD", "BRL", "DKK", "EUR", "GBP")
        for row in daily(FIRST, TODAY, lambda _: 40, BillingCurrency=currency, BillingAccountId=currency)
    ]
    rows += daily(FIRST, date(2026, 9, 1), lambda _: 9000, BillingCurrency="CHF", BillingAccountId="CHF")
    rows += daily(FIRST, TODAY, lambda day: 900 if day == SPIKE else 70, BillingAccountId="USD")
    await deliveries.deliver(rows)
    with capture_logs() as logs:
        watched = await watch_anomalies(database, organization_id, TODAY, hold)
    assert watched.unwatched == ("BRL", "CHF")
    told = [entry for entry in logs if entry["event"] == "currencies_not_watched"]
    assert [(entry["currencies"], entry["watched"]) for entry in told] == [(("BRL", "CHF"), 5)]
    found = await stored(database, organization_id)
    assert {row["billing_currency"] for row in found.values()} == {"USD"}
    async with database.read(organization_id) as session:
        read = await read_series(session, organization_id, CostMetric.EFFECTIVE_COST, FIRST, TODAY)
    totals = [name.currency for name in read.series if name.series is AnomalySeries.TOTAL]
    assert totals == ["USD", "EUR", "GBP", "AUD", "DKK"]


def test_currencies_that_cannot_be_converted_are_ranked_by_their_charges() -> None:
    months = [
        MonthCost("AAA", date(2026, 10, 1), Decimal(9_000), 10),
        MonthCost("BBB", date(2026, 10, 1), Decimal(1), 30),
        MonthCost("USD", date(2026, 10, 1), Decimal(1), 1),
    ]
    assert costliest_first(months, None, lambda *_: None) == ["BBB", "AAA", "USD"]
    assert costliest_first(months, "USD", lambda *_: None) == ["USD", "BBB", "AAA"]


async def test_two_workers_at_once_find_it_once(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver(bills({SPIKE: 500}))
    both = await asyncio.gather(*(watch_anomalies(database, organization_id, TODAY, hold) for _ in range(4)))
    assert sorted(len(one.found) for one in both) == [0, 0, 0, 1]
    assert kinds(await events(database, organization_id)) == ["ANOMALY_FOUND"]


async def test_a_delivery_that_comes_in_meanwhile_makes_the_check_say_nothing(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver(bills({SPIKE: 500}))

    async def late(_: object) -> None:
        await deliveries.deliver(bills({}))

    assert (await watch_anomalies(database, organization_id, TODAY, late)).found == []
    assert await stored(database, organization_id) == {}


async def test_nothing_imported_is_nothing_found(database: Database, organization_id: UUID) -> None:
    assert (await watch_anomalies(database, organization_id, TODAY, hold)).found == []


async def test_little_history_is_not_judged(database: Database, organization_id: UUID, deliveries: Deliveries) -> None:
    await deliveries.deliver([charge(day, 500 if day == SPIKE else 10) for day in days(date(2026, 11, 5), TODAY)])
    assert (await watch_anomalies(database, organization_id, TODAY, hold)).found == []


async def test_another_tenant_sees_none_of_it(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver(bills({SPIKE: 500}))
    await watch_anomalies(database, organization_id, TODAY, hold)
    stranger = new_id()
    assert (await watch_anomalies(database, stranger, TODAY, hold)).found == []
    assert await stored(database, stranger) == {}
