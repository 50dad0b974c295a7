"""One row for each cause, for as long as it lasts: it follows its cause, takes in others, keeps its settled days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import RowMapping, select

from app.costs.anomalies.answer import acknowledge, mark_expected, reopen
from app.costs.anomalies.look import watch_anomalies
from app.costs.anomalies.series import SeriesName
from app.database import Database
from app.errors import ConflictError
from app.models import new_id, now
from app.records.budgets import AnomalySeries, AnomalyState
from app.records.costs import CostMetric
from app.repositories.cost_anomalies import ANOMALIES, insert_anomaly, update_anomaly
from tests.costs.watch.deliveries import SYSTEM, Deliveries, charge, daily, days, events, hold

TODAY = date(2026, 11, 20)
FIRST = date(2026, 8, 1)
SPIKE = date(2026, 11, 12)
SETTLED = date(2026, 10, 14)
"""Days before are settled: 35 days before the last two, whose charges are arriving."""
ACCOUNTS = ("111", "222", "333")


def bills(more: Mapping[tuple[str, date], int], until: date = TODAY) -> list[dict[str, Any]]:
    """One service in three accounts, 100 a day in each, and more on some days."""
    return [
        row
        for account in ACCOUNTS
        for row in daily(
            FIRST,
            until,
            lambda day, account=account: 100 + more.get((account, day), 0),  # type: ignore[misc]
            SubAccountId=account,
            ResourceId=f"i-{account}",
        )
    ]


@pytest.fixture
def organization_id() -> UUID:
    return new_id()


@pytest.fixture
def deliveries(database: Database, organization_id: UUID, tmp_path: Path) -> Deliveries:
    return Deliveries(database, organization_id, tmp_path, TODAY)


async def stored(database: Database, organization_id: UUID) -> list[RowMapping]:
    async with database.read(organization_id) as session:
        return list((await session.execute(select(ANOMALIES).order_by(ANOMALIES.c.id))).mappings().all())


async def earlier_row(
    database: Database, organization_id: UUID, series: AnomalySeries, state: AnomalyState, **where: str
) -> UUID:
    """A row of the spike in another series, as it was told when each series had anomalies of its own."""
    name = SeriesName(series, CostMetric.EFFECTIVE_COST, "USD", **where)
    values = {"expected": Decimal(300), "actual": Decimal(800), "excess": Decimal(500), "score": Decimal(50)}
    moment = None if state is AnomalyState.OPEN else now()
    async with database.write(organization_id) as session:
        row = await insert_anomaly(
            session,
            organization_id,
            series=series.value,
            series_key=name.key,
            metric=name.metric.value,
            billing_currency="USD",
            service_name=name.service_name,
            sub_account_id=name.sub_account_id,
            starts_on=SPIKE,
            ends_on=SPIKE + timedelta(1),
            state=state.value,
            state_reason="a load test" if state is AnomalyState.EXPECTED else None,
            state_changed_at=moment,
            explanation={},
            days=[],
            also_seen_in=[],
            found_at=now(),
            last_seen_at=now(),
            **values,
        )
        return UUID(str(row["id"]))


async def test_a_row_follows_its_cause_to_a_wider_series_and_back(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    one, all_three = {("111", SPIKE): 500}, {(account, SPIKE): 500 for account in ACCOUNTS}
    await deliveries.deliver(bills(one))
    await watch_anomalies(database, organization_id, TODAY, hold)
    (row,) = await stored(database, organization_id)
    await mark_expected(database, organization_id, SYSTEM, row["id"], "a load test")
    for spikes, series, excess in ((all_three, "SERVICE", 1500), (one, "SERVICE_ACCOUNT", 500)):
        await deliveries.deliver(bills(spikes))
        watched = await watch_anomalies(database, organization_id, TODAY, hold)
        assert (watched.found, watched.changed, watched.merged, watched.resolved) == ([], [row["id"]], [], [])
        (now_there,) = await stored(database, organization_id)
        assert (now_there["series"], now_there["excess"], now_there["found_at"]) == (series, excess, row["found_at"])
        assert (now_there["state"], now_there["state_reason"]) == (AnomalyState.EXPECTED, "a load test")
    told = [kind for kind, _ in await events(database, organization_id)]
    assert told == ["ANOMALY_FOUND", "ANOMALY_MARKED_EXPECTED"]


async def test_rows_of_one_cause_become_one_and_what_was_said_of_them_survives(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver(bills({("111", SPIKE): 500}))
    series, state = AnomalySeries, AnomalyState
    total = await earlier_row(database, organization_id, series.TOTAL, state.OPEN)
    account = await earlier_row(database, organization_id, series.ACCOUNT, state.ACKNOWLEDGED, sub_account_id="111")
    expected = await earlier_row(database, organization_id, series.SERVICE, state.EXPECTED, service_name="EC2")
    watched = await watch_anomalies(database, organization_id, TODAY, hold)
    assert (watched.found, watched.changed, watched.resolved) == ([], [expected], [])
    assert set(watched.merged) == {total, account}
    rows = {row["id"]: row for row in await stored(database, organization_id)}
    assert set(rows) == {total, account, expected}
    kept = rows[expected]
    assert (kept["series"], kept["state"], kept["state_reason"]) == ("SERVICE_ACCOUNT", "EXPECTED", "a load test")
    for id_ in (total, account):
        assert (rows[id_]["state"], rows[id_]["merged_into_id"]) == (AnomalyState.MERGED, expected)
        for say in (acknowledge, reopen):
            with pytest.raises(ConflictError, match="told as that"):
                await say(database, organization_id, SYSTEM, id_)
    told = await events(database, organization_id)
    assert [kind for kind, _ in told] == ["ANOMALY_MERGED"] * 2
    into = {"anomalyId": str(expected), "series": "SERVICE_ACCOUNT", "serviceName": "EC2", "subAccountId": "111"}
    assert [data["mergedInto"] for _, data in told] == [into] * 2
    again = await watch_anomalies(database, organization_id, TODAY, hold)
    assert (again.found, again.changed, again.merged, again.resolved) == ([], [], [], [])


async def test_an_anomaly_of_which_nobody_has_said_anything_takes_over_what_was_said_of_another(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver(bills({("111", SPIKE): 500}))
    await watch_anomalies(database, organization_id, TODAY, hold)
    (row,) = await stored(database, organization_id)
    other = await earlier_row(
        database, organization_id, AnomalySeries.SERVICE, AnomalyState.ACKNOWLEDGED, service_name="EC2"
    )
    assert (await watch_anomalies(database, organization_id, TODAY, hold)).merged == [other]
    rows = {one["id"]: one["state"] for one in await stored(database, organization_id)}
    assert rows == {row["id"]: AnomalyState.ACKNOWLEDGED, other: AnomalyState.MERGED}


async def test_a_merged_anomaly_that_stands_alone_is_open_again(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    """The restatement takes the spike of one account away, and has all of them cost more."""
    await deliveries.deliver(bills({("111", SPIKE): 500}))
    await watch_anomalies(database, organization_id, TODAY, hold)
    (row,) = await stored(database, organization_id)
    service = await earlier_row(database, organization_id, AnomalySeries.SERVICE, AnomalyState.OPEN, service_name="EC2")
    await watch_anomalies(database, organization_id, TODAY, hold)
    async with database.write(organization_id) as session:  # as though it had been restated to a decrease meanwhile
        await update_anomaly(session, organization_id, row["id"], excess=Decimal(-1))
    await deliveries.deliver(bills({(account, SPIKE): 300 for account in ACCOUNTS}))
    watched = await watch_anomalies(database, organization_id, TODAY, hold)
    assert (watched.found, watched.resolved) == ([service], [row["id"]])
    back = next(one for one in await stored(database, organization_id) if one["id"] == service)
    assert (back["state"], back["merged_into_id"], back["excess"]) == (AnomalyState.OPEN, None, 900)


def rise(start: date, end: date) -> dict[tuple[str, date], int]:
    return {("111", day): 500 for day in days(start, end)}


async def test_settled_days_stay_as_they_were_seen(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    start, end = SETTLED - timedelta(4), SETTLED + timedelta(4)
    await deliveries.deliver(bills(rise(start, end)))
    await watch_anomalies(database, organization_id, TODAY, hold)
    (row,) = await stored(database, organization_id)
    assert (row["starts_on"], row["ends_on"], row["excess"], len(row["days"])) == (start, end, 4000, 8)
    for restated, until, excess in (
        (rise(SETTLED, end), end, 4000),
        (rise(SETTLED, end - timedelta(1)), end - timedelta(1), 3500),
        ({}, SETTLED, 2000),
    ):
        await deliveries.deliver(bills(restated))
        await watch_anomalies(database, organization_id, TODAY, hold)
        (kept,) = await stored(database, organization_id)
        assert (kept["id"], kept["starts_on"], kept["ends_on"]) == (row["id"], start, until)
        assert (kept["excess"], kept["state"]) == (excess, AnomalyState.OPEN)
    assert [kind for kind, _ in await events(database, organization_id)] == ["ANOMALY_FOUND"]


async def test_days_that_are_arriving_anew_stay_as_they_were_seen(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    """A charge of several days holds up its series from the anomaly's second day on, and no wider one."""
    spikes = rise(SPIKE, SPIKE + timedelta(3))
    await deliveries.deliver(bills(spikes))
    await watch_anomalies(database, organization_id, TODAY, hold)
    (row,) = await stored(database, organization_id)
    long = charge(SPIKE + timedelta(1), 900, SubAccountId="111", ChargePeriodEnd="2026-11-20T00:00:00Z")
    await deliveries.deliver([*bills(spikes), long])
    watched = await watch_anomalies(database, organization_id, TODAY, hold)
    assert (watched.found, watched.merged, watched.resolved) == ([], [], [])
    (kept,) = await stored(database, organization_id)
    assert (kept["id"], kept["ends_on"], kept["excess"]) == (row["id"], row["ends_on"], row["excess"])


async def test_two_anomalies_between_which_the_days_are_restated_become_one(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    later = SPIKE + timedelta(2)
    await deliveries.deliver(bills(rise(SPIKE, SPIKE + timedelta(1)) | rise(later, later + timedelta(1))))
    assert len((await watch_anomalies(database, organization_id, TODAY, hold)).found) == 2
    await deliveries.deliver(bills(rise(SPIKE, later + timedelta(1))))
    watched = await watch_anomalies(database, organization_id, TODAY, hold)
    assert (watched.found, len(watched.changed), len(watched.merged), watched.resolved) == ([], 1, 1, [])
    rows = {row["state"]: row for row in await stored(database, organization_id)}
    assert rows["OPEN"]["excess"] == 1500
    assert rows["MERGED"]["merged_into_id"] == rows["OPEN"]["id"]
