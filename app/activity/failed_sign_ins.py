"""Tells the audit of sign-ins that failed: a row for a person and a window, and never more than a few for a window."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.audit import add_row
from app.database import Database
from app.models import now
from app.records import Actor, ActorKind
from app.records.audit import FAILED_SIGN_INS, FAILURE_WINDOW, AuditOutcome
from app.repositories.failed_sign_ins import organizations_with_failures, take_failures

MOST_PEOPLE: Final = 10
"""Of an organization with a row of their own in one window; all others of it share one."""
_LATE: Final = timedelta(minutes=1)
"""So long after its end every process has written what it counted in a window."""


async def tell_failed_sign_ins(database: Database, moment: datetime | None = None) -> int:
    """Add the rows of all windows that are over; returns how many. Several processes may do it at a time."""
    before = (moment or now()) - FAILURE_WINDOW - _LATE
    async with database.system() as session:
        found = await organizations_with_failures(session, before)
    told = 0
    for organization_id in found:
        async with database.write(organization_id) as session:
            windows: dict[datetime, list[RowMapping]] = defaultdict(list)
            for row in await take_failures(session, organization_id, before):
                windows[row["window_start"]].append(row)
            for start in sorted(windows):
                told += await _tell(session, organization_id, windows[start])
    return told


async def _tell(session: AsyncSession, organization_id: UUID, rows: Sequence[RowMapping]) -> int:
    """Add the rows of one window; returns how many."""
    by_person: dict[UUID, list[RowMapping]] = defaultdict(list)
    for row in rows:
        by_person[row["user_id"]].append(row)
    people = sorted(by_person, key=lambda each: (-sum(row["times"] for row in by_person[each]), each))
    for person in people[:MOST_PEOPLE]:
        await _add(session, organization_id, ("User", person), by_person[person], {})
    others = [row for person in people[MOST_PEOPLE:] for row in by_person[person]]
    if others:
        told = {"people": len(people) - MOST_PEOPLE}
        await _add(session, organization_id, ("Organization", organization_id), others, told)
    return min(len(people), MOST_PEOPLE) + bool(others)


async def _add(
    session: AsyncSession,
    organization_id: UUID,
    subject: tuple[str, UUID],
    rows: Sequence[RowMapping],
    told: dict[str, Any],
) -> None:
    ways: Counter[str] = Counter()
    for row in rows:
        ways[row["way"]] += row["times"]
    arguments = {
        "times": ways.total(),
        "ways": dict(ways),
        "from": min(row["first_at"] for row in rows).isoformat(),
        "to": max(row["last_at"] for row in rows).isoformat(),
        **told,
    }
    await add_row(
        session,
        organization_id,
        act=FAILED_SIGN_INS,
        actor=Actor(ActorKind.SYSTEM),
        subject=subject,
        summary={"arguments": arguments, "events": [], "eventCount": 0},
        outcome=AuditOutcome.FAILED,
    )
