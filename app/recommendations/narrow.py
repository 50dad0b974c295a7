"""Which resources a look at an account has to look at: all of them once a day, in between what may have changed.

The first look of a day (UTC) looks at all of them, for ages are days; so does each whose ground is not that of the
look before: other checks, rules, prices, rates or charges, or types that are read completely. A look in between looks
at what has changed since, and at what stands to that as checks ask. Whoever changes the ground need not say so: a look
finds out by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.detection.catalogue import ALL_CHECKS
from app.detection.check import Neighbours
from app.pricing.book import PriceBook
from app.recommendations.ground import digest
from app.recommendations.look import Looking
from app.repositories import looks
from app.repositories.looks import INCOMING, OUTGOING, PEER, SIBLING, Sees

MARGIN = timedelta(minutes=15)
"""Longer than a transaction that changes resources lasts: its rows bear a moment from before others see them."""


async def narrowed(looking: Looking, prices: PriceBook) -> Looking:
    """The same look at no more than it has to look at; `prices` are those that it has. At most two statements."""
    ground = digest([looking.ground, *prices.lines()])
    async with looking.database.read(looking.organization_id) as session:
        only = await _touched(session, looking.organization_id, looking.account_id, ground)
    return replace(looking, ground=ground, only=only)


async def _touched(
    session: AsyncSession, organization_id: UUID, account_id: UUID, ground: str
) -> Mapping[str, Sequence[UUID]] | None:
    """The resources to look at, by type; None for all of them."""
    last = await looks.last_look(session, organization_id, account_id)
    if last is None or last["ground"] != ground:
        return None
    since: datetime = last["looked_at"] - MARGIN
    return await looks.touched_since(session, organization_id, account_id, since, seen_by_checks())


@cache
def seen_by_checks() -> tuple[Sees, ...]:
    """All that checks see of other resources than their own, each once."""
    found = {
        Sees(asked.kind.value, _place(asked), own_type, asked.resource_type)
        for check in ALL_CHECKS
        for asked in check.neighbours
        for own_type in check.resource_types
    }
    return tuple(sorted(found, key=lambda one: (one.place, one.kind, one.own_type, one.other_type)))


def _place(asked: Neighbours) -> str:
    """How the neighbours are found."""
    if asked.peers:
        return PEER
    if asked.siblings:
        return SIBLING
    return OUTGOING if asked.outgoing else INCOMING
