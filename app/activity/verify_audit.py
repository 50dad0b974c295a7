"""Verifies the audit: finds the first row of a chain that was edited, deleted or moved, and anchors its end."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.records.audit import DELETE_ORGANIZATION, ERASE, FIRST_HASH, Anchor, digest, row_hash
from app.repositories import audit
from app.repositories.organizations import each_organization

BATCH = 1_000


@dataclass(frozen=True)
class Verdict:
    """What was found of an organization's chain: its rows, or the number of the first bad one and what is wrong.

    `erased` is how many rows have no details any more, as the chain says itself.
    """

    organization_id: UUID
    rows: int
    erased: int = 0
    bad_number: int | None = None
    problem: str | None = None


@dataclass
class _Walk:
    """How far a chain was followed."""

    number: int = 0
    hash: bytes = FIRST_HASH
    missing: dict[int, UUID | None] = field(default_factory=dict)
    """The rows without details, by who acted, of which no row so far says that they were erased."""
    erased: int = 0
    deleted: bool = False


class _BadRowError(Exception):
    """Carries the number of the row and what is wrong with it."""

    def __init__(self, number: int, problem: str) -> None:
        super().__init__(problem)
        self.number = number
        self.problem = problem


async def verify(database: Database, organization_id: UUID, anchors: Sequence[Anchor] = ()) -> Verdict:
    """Follow an organization's chain from its first row, and compare it with its anchors.

    An edit, a deletion or a move in the middle shows by itself; that the last rows are gone shows by an anchor.
    """
    walk = _Walk()
    wanted = {anchor.number: anchor for anchor in anchors if anchor.organization_id == organization_id}
    try:
        async with database.read(organization_id, one_state=True) as session:
            rows = await audit.chain_rows(session, organization_id, 0, BATCH)
            while rows:
                for row in rows:
                    _follow(walk, row)
                    _hold_to_anchor(walk, wanted.get(walk.number))
                rows = await audit.chain_rows(session, organization_id, walk.number, BATCH)
            await _check_end(session, organization_id, walk, wanted)
    except _BadRowError as found:
        return Verdict(organization_id, walk.number, walk.erased, found.number, found.problem)
    return Verdict(organization_id, walk.number, walk.erased)


async def anchor(database: Database, organization_id: UUID) -> Anchor | None:
    """The end of an organization's chain as it is; None before its first row."""
    async with database.read(organization_id) as session:
        row = await audit.last_row(session, organization_id)
    return None if row is None else Anchor(organization_id, row["number"], bytes(row["hash"]), row["occurred_at"])


async def all_organizations(database: Database) -> list[UUID]:
    """The ids of all organizations, those that are deleted too: their chains stay."""
    return [each async for each in each_organization(database)]


def _follow(walk: _Walk, row: RowMapping) -> None:
    number: int = row["number"]
    if number != walk.number + 1:
        raise _BadRowError(walk.number + 1, f"it is missing: the next row has the number {number}")
    expected = row_hash(walk.hash, row)
    if not hmac.compare_digest(expected, bytes(row["hash"])):
        raise _BadRowError(number, "its hash does not fit what stands in it and the row before")
    if row["salt"] is None:
        walk.missing[number] = row["actor_id"]
        walk.erased += 1
    else:
        for problem in _wrong_details(row):
            raise _BadRowError(number, problem)
    if row["act"] == DELETE_ORGANIZATION:
        walk.deleted = True
    if row["act"] == ERASE:
        also = _also_erased(row)
        walk.missing = {
            each: actor for each, actor in walk.missing.items() if actor != row["subject_id"] and each not in also
        }
    walk.number, walk.hash = number, expected


def _also_erased(row: RowMapping) -> set[int]:
    """The rows of others' acts that an erasure names: those told of the person whose details were erased."""
    if row["summary"] is None:
        return set()
    return set(orjson.loads(row["summary"])["arguments"].get("rows", ()))


def _wrong_details(row: RowMapping) -> Iterator[str]:
    salt = bytes(row["salt"])
    for column, name in (("client_address", "clientAddress"), ("summary", "summary")):
        if digest(salt, name, row[column]) != _bytes(row[f"{column}_digest"]):
            yield f"its {column} is not the one that was hashed"


def _hold_to_anchor(walk: _Walk, anchored: Anchor | None) -> None:
    if anchored is not None and not hmac.compare_digest(anchored.hash, walk.hash):
        raise _BadRowError(walk.number, "it is another row than the anchor knows: the chain was made anew")


async def _check_end(session: AsyncSession, organization_id: UUID, walk: _Walk, wanted: dict[int, Anchor]) -> None:
    if wanted and max(wanted) > walk.number:
        raise _BadRowError(walk.number + 1, f"it is missing: the anchor knows rows up to {max(wanted)}")
    head = await audit.get_head(session, organization_id)
    if (head is None) != (walk.number == 0) or (head is not None and head["last_number"] != walk.number):
        known = 0 if head is None else head["last_number"]
        raise _BadRowError(
            min(known, walk.number) + 1, f"the chain has {walk.number} rows, and its head counts {known}"
        )
    if head is not None and bytes(head["last_hash"]) != walk.hash:
        raise _BadRowError(walk.number, "its hash is not the one in the chain's head")
    orphan = await audit.orphaned_details(session, organization_id)
    if orphan is not None:
        raise _BadRowError(orphan, "there are details and no row")
    if walk.missing and not walk.deleted:
        first = min(walk.missing)
        raise _BadRowError(first, "its details are missing, and no later row says that they were erased")


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)
