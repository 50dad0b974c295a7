"""Quotas hold at their edge, whatever is tried at once, and begin anew at midnight and on the first, UTC."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from app.database import Database
from app.errors import QuotaExceededError
from app.quotas import take, usages
from app.records.plans import DEFAULT_PLAN, QUOTAS, QuotaMetric, QuotaPeriod, SubscriptionStatus, Usage
from tests.quotas.limited import ENDED, limited

ORGANIZATION, OTHER = UUID(int=1), UUID(int=2)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SCANS = QuotaMetric.SCANS


async def taken(database: Database, units: int = 1, at: datetime = NOON, organization_id: UUID = ORGANIZATION) -> bool:
    """Take scans in a transaction of its own; whether that was allowed."""
    try:
        async with database.write(organization_id) as session:
            await take(session, organization_id, SCANS, units, at=at)
    except QuotaExceededError:
        return False
    return True


async def used(database: Database, at: datetime = NOON) -> dict[QuotaPeriod, int]:
    """What is used of scans."""
    found = await usage(database, at)
    return {period: found[SCANS, period].used for period in (QuotaPeriod.DAY, QuotaPeriod.MONTH)}


async def usage(database: Database, at: datetime = NOON) -> dict[tuple[QuotaMetric, QuotaPeriod], Usage]:
    """All usages by metric and period."""
    async with database.read(ORGANIZATION, one_state=True) as session:
        found = await usages(session, ORGANIZATION, at)
    assert [each.quota for each in found] == list(QUOTAS)
    return {(each.quota.metric, each.quota.period): each for each in found}


async def test_of_fifty_at_once_exactly_the_limit_succeed(database: Database) -> None:
    await limited(database, ORGANIZATION, scans_per_day=17)
    answers = await asyncio.gather(*(taken(database) for _ in range(50)))
    assert sum(answers) == 17
    assert await used(database) == {QuotaPeriod.DAY: 17, QuotaPeriod.MONTH: 17}


async def test_of_several_units_all_or_none_are_taken(database: Database) -> None:
    await limited(database, ORGANIZATION, scans_per_day=10)
    answers = await asyncio.gather(*(taken(database, 3) for _ in range(20)))
    assert sum(answers) == 3
    assert await taken(database, 1)
    assert not await taken(database, 1)
    assert (await used(database))[QuotaPeriod.DAY] == 10


async def test_an_act_that_fails_gives_its_units_back(database: Database) -> None:
    await limited(database, ORGANIZATION, scans_per_day=1)

    async def broken() -> None:
        async with database.write(ORGANIZATION) as session:
            await take(session, ORGANIZATION, SCANS, at=NOON)
            message = "the act failed"
            raise RuntimeError(message)

    for _ in range(3):
        with pytest.raises(RuntimeError):
            await broken()
    assert await taken(database)


async def test_a_refusal_says_all(database: Database) -> None:
    await limited(database, ORGANIZATION, scans_per_day=5)
    assert await taken(database, 4)
    with pytest.raises(QuotaExceededError) as refused:
        async with database.write(ORGANIZATION) as session:
            await take(session, ORGANIZATION, SCANS, 2, at=NOON, path=("input", "accountIds"))
    error = refused.value
    assert (error.metric, error.limit, error.used, error.path) == ("SCANS", 5, 4, ("input", "accountIds"))
    assert error.resets_at == datetime(2026, 11, 24, tzinfo=UTC)
    assert error.message == (
        "The plan Tiny limits scans to 5 a day; used so far: 4, and this needs 2. It starts anew at "
        "2026-11-24T00:00+00:00: wait until then, or ask the operator for a larger plan."
    )


async def test_days_and_months_begin_in_utc(database: Database) -> None:
    await limited(database, ORGANIZATION, scans_per_day=1, scans_per_month=3)
    last = datetime(2026, 11, 30, 23, 59, 59, 999_999, tzinfo=UTC)
    assert [await taken(database, at=last - timedelta(days=days)) for days in (2, 1)] == [True, True]
    assert await taken(database, at=last)
    assert not await taken(database, at=last), "the day and the month are full"
    assert await taken(database, at=last + timedelta(microseconds=1)), "both begin anew"
    assert not await taken(database, at=last + timedelta(hours=1))
    # A moment of another zone lies in the day that it has in UTC.
    evening = datetime(2026, 12, 1, 20, tzinfo=timezone(timedelta(hours=-8)))
    assert await taken(database, at=evening), "it is 2 December in UTC"
    assert (await used(database, evening)) == {QuotaPeriod.DAY: 1, QuotaPeriod.MONTH: 2}


async def test_a_full_month_refuses_on_an_empty_day(database: Database) -> None:
    await limited(database, ORGANIZATION, scans_per_month=2)
    assert await taken(database, 2)
    with pytest.raises(QuotaExceededError) as refused:
        async with database.write(ORGANIZATION) as session:
            await take(session, ORGANIZATION, SCANS, at=NOON + timedelta(days=1))
    assert (refused.value.limit, refused.value.used) == (2, 2)
    assert refused.value.resets_at == datetime(2026, 12, 1, tzinfo=UTC)
    assert (await used(database, NOON + timedelta(days=1)))[QuotaPeriod.DAY] == 0


async def test_tenants_use_their_own(database: Database) -> None:
    await limited(database, ORGANIZATION, scans_per_day=1)
    await limited(database, OTHER, scans_per_day=1)
    assert await taken(database)
    assert await taken(database, organization_id=OTHER)
    assert not await taken(database)


async def test_a_limit_of_nothing_allows_nothing_and_none_allows_all(database: Database) -> None:
    await limited(database, ORGANIZATION, scans_per_day=0)
    assert not await taken(database)
    await limited(database, ORGANIZATION)
    assert await taken(database, 1_000_000)
    assert (await usage(database))[SCANS, QuotaPeriod.DAY].limit is None


async def test_without_a_subscription_the_default_plan_holds(database: Database) -> None:
    found = await usage(database)
    assert found[SCANS, QuotaPeriod.DAY].limit == DEFAULT_PLAN.limits["scans_per_day"]
    assert not await taken(database, DEFAULT_PLAN.limits["scans_per_day"] + 1)
    assert await taken(database)


@pytest.mark.parametrize(
    ("status", "trial_ends_at", "works", "grows"),
    [
        (SubscriptionStatus.ACTIVE, None, True, True),
        (SubscriptionStatus.TRIAL, NOON + timedelta(microseconds=1), True, True),
        (SubscriptionStatus.TRIAL, NOON, False, False),
        (SubscriptionStatus.TRIAL, ENDED, False, False),
        (SubscriptionStatus.PAST_DUE, None, True, False),
        (SubscriptionStatus.CANCELLED, None, False, False),
    ],
)
async def test_what_a_status_allows(
    database: Database, status: SubscriptionStatus, trial_ends_at: datetime | None, works: bool, grows: bool
) -> None:
    await limited(database, ORGANIZATION, status, trial_ends_at, scans_per_day=5, members=5)
    assert await taken(database) is works
    found = await usage(database)
    assert (found[SCANS, QuotaPeriod.DAY].reason is None) is works
    assert (found[QuotaMetric.MEMBERS, QuotaPeriod.TOTAL].reason is None) is grows
