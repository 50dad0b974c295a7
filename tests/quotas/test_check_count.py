"""What there may be in total holds at its edge, also where nothing else makes those who add it wait for each other."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from app.database import Database
from app.errors import QuotaExceededError
from app.models import Account
from app.quotas import check_count
from app.records.plans import QuotaMetric
from tests.quotas.limited import limited

ORGANIZATION = UUID(int=1)


async def add(database: Database, *native_ids: str, kind: str = "CONNECTED") -> None:
    """Add accounts in a transaction of its own."""
    async with database.write(ORGANIZATION) as session:
        for native_id in native_ids:
            session.add(
                Account(organization_id=ORGANIZATION, kind=kind, provider="AWS", native_id=native_id, name=native_id)
            )
        await session.flush()
        await check_count(session, ORGANIZATION, QuotaMetric.ACCOUNTS, len(native_ids))


async def added(database: Database, *native_ids: str) -> bool:
    """The same with connected ones; whether that was allowed."""
    try:
        await add(database, *native_ids)
    except QuotaExceededError:
        return False
    return True


async def test_of_fifty_at_once_exactly_the_limit_succeed(database: Database) -> None:
    await limited(database, ORGANIZATION, accounts=13)
    answers = await asyncio.gather(*(added(database, str(number)) for number in range(50)))
    assert sum(answers) == 13


async def test_of_several_at_once_all_or_none_are_added(database: Database) -> None:
    await limited(database, ORGANIZATION, accounts=10)
    answers = await asyncio.gather(*(added(database, f"{number}a", f"{number}b", f"{number}c") for number in range(10)))
    assert sum(answers) == 3
    assert await added(database, "last")
    with pytest.raises(QuotaExceededError, match="Disconnect one with `disconnectAccount`") as refused:
        await add(database, "one more")
    assert (refused.value.limit, refused.value.used, refused.value.resets_at) == (10, 10, None)


async def test_manual_accounts_do_not_count(database: Database) -> None:
    await limited(database, ORGANIZATION, accounts=1)
    await add(database, "manual", kind="MANUAL")
    assert await added(database, "first")
    assert not await added(database, "second")


async def test_who_has_more_than_a_smaller_plan_allows_keeps_it_and_adds_nothing(database: Database) -> None:
    await limited(database, ORGANIZATION)
    assert await added(database, "1", "2", "3")
    await limited(database, ORGANIZATION, accounts=2)
    assert not await added(database, "4")
