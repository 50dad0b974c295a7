"""SQL of work that is done by the clock. All moments are the database's own; all is the system role's."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    RowMapping,
    Table,
    Text,
    bindparam,
    func,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import ScheduledWork

SCHEDULED: Table = ScheduledWork.__table__  # type: ignore[assignment]
_NOW: ColumnElement[datetime] = literal_column("clock_timestamp()", DateTime(timezone=True))

# What has waited longest goes first. Another worker that looks at the same time takes the next.
_CLAIM = text("""
    UPDATE scheduled_work
    SET claims = claims + 1, claimed_until = clock_timestamp() + make_interval(secs => :seconds)
    WHERE name = (
        SELECT name FROM scheduled_work
        WHERE name = ANY(:names) AND due_at <= clock_timestamp()
            AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
        ORDER BY due_at, name LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING name, claims, failures, due_at, clock_timestamp() AS claimed_at
""").bindparams(bindparam("names", type_=ARRAY(Text)))
# What has been silent for longer than its claim may still be ours: `claims` says so. One that was settled while this
# waited for its row is claimed no more.
_KEEP = text("""
    UPDATE scheduled_work SET claimed_until = clock_timestamp() + make_interval(secs => :seconds)
    FROM unnest(CAST(:names AS text[]), CAST(:claims AS bigint[])) AS held(name, claims)
    WHERE scheduled_work.name = held.name AND scheduled_work.claims = held.claims AND claimed_until IS NOT NULL
    RETURNING scheduled_work.name
""")


async def moment(session: AsyncSession) -> datetime:
    """Now, by the clock that decides what is due."""
    found: datetime = (await session.execute(select(_NOW))).scalar_one()
    return found


async def plan(session: AsyncSession, due: Mapping[str, datetime]) -> None:
    """Add the kinds of work that are not there, due at these moments; those that are there are due then at the latest.

    The latter for a time of the day that a new version has changed.
    """
    rows = [{"name": name, "due_at": at, "claims": 0, "failures": 0} for name, at in due.items()]
    statement = insert(SCHEDULED).values(rows)
    earlier = statement.excluded.due_at < SCHEDULED.c.due_at
    changed = {"due_at": statement.excluded.due_at}
    await session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=changed, where=earlier))


async def claim(session: AsyncSession, names: Collection[str], seconds: float) -> RowMapping | None:
    """Take what is due for so many seconds; the row with `claimed_at`. None where nothing is due."""
    return (await session.execute(_CLAIM, {"names": list(names), "seconds": seconds})).mappings().one_or_none()


async def keep(session: AsyncSession, held: Mapping[str, int], seconds: float) -> set[str]:
    """Hold what was claimed for so many seconds more; the names of what is still ours."""
    values = {"names": list(held), "claims": list(held.values()), "seconds": seconds}
    return set((await session.execute(_KEEP, values)).scalars())


async def finish(session: AsyncSession, name: str, claims: int, due_at: datetime) -> bool:
    """Note that it was done, and when it is due again; False where another worker has it now."""
    done = {"done_at": _NOW, "failures": 0, "due_at": due_at, "claimed_until": None}
    return await _change(session, name, claims, done)


async def retry(session: AsyncSession, name: str, claims: int, pause: timedelta, latest: datetime) -> bool:
    """Note that it failed, and have it tried again after a pause, at its next time at the latest."""
    values = {
        "failures": SCHEDULED.c.failures + 1,
        "due_at": func.least(_NOW + pause, latest),
        "claimed_until": None,
    }
    return await _change(session, name, claims, values)


async def give_back(session: AsyncSession, name: str, claims: int) -> bool:
    """Let another worker take it at once."""
    return await _change(session, name, claims, {"claimed_until": None})


async def _change(session: AsyncSession, name: str, claims: int, values: Mapping[str, object]) -> bool:
    statement = update(SCHEDULED).where(SCHEDULED.c.name == name, SCHEDULED.c.claims == claims)
    changed = await session.execute(statement.values(**values).returning(SCHEDULED.c.name))
    return changed.one_or_none() is not None
