"""How found resources become the inventory: batches are stored, sightings counted, what was not found marked gone.

A batch and a sweep each want a transaction of their own: they take locks in an order that holds within one call.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import now
from app.records import ChangeKind
from app.repositories.planning import plan_afresh
from app.repositories.relationships import replace_relationships
from app.repositories.resource_changes import Change, add_changes, differences, keep_unread, rows_before
from app.repositories.resources import (
    Fate,
    FoundRow,
    KnownResource,
    ResourceValues,
    found_row,
    known_resources,
    write_last_used,
    write_resources,
)

# Each organization has this many locks, shared out among its accounts and resource types: few enough that a batch of
# any content fits PostgreSQL's lock table (6,400 places by default), enough that scans seldom wait for each other.
LOCKS = 128
SWEPT_AT_ONCE = 5_000

_LOCK = text("SELECT count(pg_advisory_xact_lock(key)) FROM unnest(CAST(:keys AS bigint[])) AS key")
# The first outcome wins: a resource that a killed worker added is still added when the next one finds it unchanged.
_SIGHT = text("""
    INSERT INTO scan_sightings (organization_id, step_id, resource_id, outcome)
    SELECT :organization_id, CAST(:step_id AS uuid), sent.id, sent.outcome
    FROM unnest(CAST(:ids AS uuid[]), CAST(:outcomes AS text[])) AS sent(id, outcome)
    ON CONFLICT DO NOTHING
    RETURNING outcome
""")
_COUNT = text("""
    SELECT outcome, count(*) FROM scan_sightings
    WHERE organization_id = :organization_id AND step_id = :step_id GROUP BY outcome
""")
_CLEAR = text("""
    DELETE FROM scan_sightings WHERE organization_id = :organization_id AND step_id = ANY(CAST(:step_ids AS uuid[]))
""")
# EXCEPT and not NOT EXISTS: of that the planner made a nested loop, 0.8 s for 2,000 resources and minutes for 10,000,
# where this takes 3 and 21 ms.
_SWEEP = text("""
    UPDATE resources SET gone_at = :now, updated_at = :now
    WHERE organization_id = :organization_id AND id IN (
        SELECT id FROM resources AS present
        WHERE present.organization_id = :organization_id AND present.account_id = :account_id
            AND present.resource_type = ANY(CAST(:resource_types AS text[]))
            AND (CAST(:regions AS text[]) IS NULL OR CAST(:elsewhere AS boolean) <> (
                coalesce(present.region, 'global') = ANY(CAST(:regions AS text[]))))
            AND present.gone_at IS NULL
        EXCEPT SELECT resource_id FROM scan_sightings AS sighting
        WHERE sighting.organization_id = :organization_id AND sighting.step_id = :step_id
        LIMIT :most)
    RETURNING id
""")


@dataclass(frozen=True)
class Outcome:
    """How many resources were found, and what became of them; `found` is the sum of the others."""

    found: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    returned: int = 0

    def __add__(self, other: Outcome) -> Outcome:
        names = (field.name for field in fields(self))
        return Outcome(**{name: getattr(self, name) + getattr(other, name) for name in names})


def prepare_batch(resources: Iterable[ResourceValues]) -> list[FoundRow]:
    """Resources ready for `store_batch`: each once (of two with one native id the last), in the order of an index.

    Encoding and hashing take some 20 µs a resource: call it in a thread, before the transaction, so that neither the
    loop nor PostgreSQL waits for it.
    """
    rows = {(row.values.account_id, row.values.native_id): row for row in map(found_row, resources)}
    return [rows[key] for key in sorted(rows)]


async def store_batch(
    session: AsyncSession,
    organization_id: UUID,
    rows: Sequence[FoundRow],
    *,
    step_id: UUID | None = None,
    scan_id: UUID | None = None,
) -> Outcome:
    """Store resources that were found, of one account or several, as `prepare_batch` gives them.

    With a step the outcome counts what this batch sighted first: a page that comes twice counts once. A resource whose
    only news is `last_used_at`, or what else moves by itself, is written and counts as unchanged. The number of
    statements is constant.
    """
    if not rows:
        return Outcome()
    await plan_afresh(session)
    await _lock(session, organization_id, {(row.values.account_id, row.values.resource_type) for row in rows})
    known = await known_resources(session, organization_id, [row.values for row in rows])
    different, used = _compare(rows, known)
    changes, cleared = await _judge(session, organization_id, different)
    written = different + [row for row in rows if row.fate is Fate.ADDED]
    if written:
        cleared += await write_resources(session, organization_id, written)
        await replace_relationships(session, organization_id, cleared, _relations(written, cleared))
    if changes:
        await add_changes(session, organization_id, scan_id, changes)
    if used:
        await write_last_used(session, organization_id, [(row.id, row.values.last_used_at) for row in used])
    if step_id is None:
        return _outcome(Counter(row.fate for row in rows))
    return await _sight(session, organization_id, step_id, rows)


async def sweep(
    session: AsyncSession,
    organization_id: UUID,
    account_id: UUID,
    *,
    step_id: UUID,
    scan_id: UUID | None,
    resource_types: Sequence[str],
    regions: Sequence[str] | None,
    elsewhere: bool = False,
) -> int:
    """Mark as gone what an account had of these types and the step has not sighted; returns how many.

    With regions, only resources in one of them (with `elsewhere` in none of them); a resource without a region is in
    the region `global`. Call it only when all there is has been sighted.
    """
    await plan_afresh(session)
    await _lock(session, organization_id, {(account_id, resource_type) for resource_type in resource_types})
    values = {
        "organization_id": organization_id,
        "account_id": account_id,
        "step_id": step_id,
        "resource_types": list(resource_types),
        "regions": None if regions is None else list(regions),
        "elsewhere": elsewhere,
        "now": now(),
        "most": SWEPT_AT_ONCE,
    }
    removed = 0
    while True:
        ids = (await session.execute(_SWEEP, values)).scalars().all()
        if ids:
            changes = [Change(id_, ChangeKind.REMOVED, {}) for id_ in ids]
            await add_changes(session, organization_id, scan_id, changes)
        removed += len(ids)
        if len(ids) < SWEPT_AT_ONCE:
            return removed


async def step_counts(session: AsyncSession, organization_id: UUID, step_id: UUID) -> Outcome:
    """What became of all that a step has sighted so far, whichever workers ran it; zeros once it is cleared."""
    counts = await session.execute(_COUNT, {"organization_id": organization_id, "step_id": step_id})
    return _outcome({Fate(outcome): number for outcome, number in counts})


async def clear_sightings(session: AsyncSession, organization_id: UUID, step_ids: Sequence[UUID]) -> None:
    """Forget what steps have sighted: they are over."""
    await session.execute(_CLEAR, {"organization_id": organization_id, "step_ids": list(step_ids)})


async def _lock(session: AsyncSession, organization_id: UUID, scopes: Iterable[tuple[UUID, str]]) -> None:
    """One writer at a time for the resources of one type in one account.

    Whoever stores or sweeps a resource holds its lock and took all its locks in rising order, so nobody waits in a
    circle, and nothing happens to a row between the look at it and the write.
    """
    places = {
        hashlib.blake2b(account_id.bytes + resource_type.encode(), digest_size=8).digest()[0] % LOCKS
        for account_id, resource_type in scopes
    }
    digests = (hashlib.blake2b(organization_id.bytes + bytes([place]), digest_size=8).digest() for place in places)
    keys = sorted(int.from_bytes(digest, signed=True) for digest in digests)
    await session.execute(_LOCK, {"keys": keys})


def _compare(rows: Sequence[FoundRow], known: Sequence[KnownResource | None]) -> tuple[list[FoundRow], list[FoundRow]]:
    """Give each row its id and fate; returns (those that seem different, those of which only the last use differs)."""
    different: list[FoundRow] = []
    used: list[FoundRow] = []
    for row, stored in zip(rows, known, strict=True):
        if stored is None:
            continue
        row.id = stored.id
        if stored.is_gone:
            row.fate = Fate.RETURNED
            different.append(row)
        elif stored.content_hash != row.content_hash:
            row.fate = Fate.CHANGED
            different.append(row)
        else:
            row.fate = Fate.UNCHANGED
            if stored.last_used_at != row.values.last_used_at:
                used.append(row)
    return different, used


async def _judge(
    session: AsyncSession, organization_id: UUID, rows: Sequence[FoundRow]
) -> tuple[list[Change], list[UUID]]:
    """Compare rows with what is stored: (their history, the ids of those whose relationships differ).

    A row with another hash and no difference is unchanged: of it moved what moves by itself, or the hash came to
    cover something else.
    """
    changes: list[Change] = []
    cleared: list[UUID] = []
    before = await rows_before(session, organization_id, [row.id for row in rows]) if rows else {}
    for row in rows:
        keep_unread(before[row.id], row)
        found = differences(before[row.id], row)
        if row.fate is Fate.RETURNED:
            changes.append(Change(row.id, ChangeKind.RETURNED, found))
        elif found:
            changes.append(Change(row.id, ChangeKind.CHANGED, found))
        else:
            row.fate = Fate.UNCHANGED
        if "relationships" in found:
            cleared.append(row.id)
    return changes, cleared


def _relations(rows: Iterable[FoundRow], cleared: Iterable[UUID]) -> list[tuple[UUID, str, str]]:
    """The relationships to be written: of rows that are new, or whose earlier ones are cleared."""
    renewed = set(cleared)
    return [
        (row.id, kind, target)
        for row in rows
        if row.fate is Fate.ADDED or row.id in renewed
        for kind, target in row.values.relations
    ]


async def _sight(session: AsyncSession, organization_id: UUID, step_id: UUID, rows: Sequence[FoundRow]) -> Outcome:
    values = {
        "organization_id": organization_id,
        "step_id": step_id,
        "ids": [row.id for row in rows],
        "outcomes": [row.fate for row in rows],
    }
    return _outcome(Counter(map(Fate, (await session.execute(_SIGHT, values)).scalars())))


def _outcome(counts: Mapping[Fate, int]) -> Outcome:
    return Outcome(
        found=sum(counts.values()),
        added=counts.get(Fate.ADDED, 0),
        changed=counts.get(Fate.CHANGED, 0),
        unchanged=counts.get(Fate.UNCHANGED, 0),
        returned=counts.get(Fate.RETURNED, 0),
    )
