"""The demo's past with recommendations: since when all is known, how it is used, and what was decided of some waste."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.providers import resource_key
from app.database import Database
from app.demo.estate import Resource
from app.demo.leftovers import deleted_id
from app.demo.stored import stored
from app.demo.usage import usages
from app.pricing.load import load_book
from app.recommendations.answer import ignore, mark_for_deletion
from app.recommendations.look import look, start_look
from app.recommendations.store import resolve_gone
from app.records import Actor
from app.records.recommendations import HistoryKind, IgnoreReason
from app.repositories.demo_past import gone_on, ids_by_native_id, know_since, set_gone, set_happened
from app.repositories.recommendations import of_subjects
from app.repositories.relationships import replace_relationships
from app.repositories.usage import write_usage

FOUND_DAYS, DELETED_DAYS, DUE_DAYS = 29, 20, 14
"""How many days ago some waste was found and the volume deleted; in how many days the next is to be."""
IGNORED, MARKED = "partner", "before-migration"


@dataclass(frozen=True)
class _Place:
    """Where a resource of the demo is stored."""

    id: UUID
    account_id: UUID


def deleted_day(day: date) -> date:
    """The day on which the volume was deleted, of a demo that is made on a day."""
    return day - timedelta(days=DELETED_DAYS)


async def when_deleted(session: AsyncSession, organization_id: UUID) -> date | None:
    """That day of a demo that is there; None for one that has none, as those of earlier releases."""
    return await gone_on(session, organization_id, deleted_id())


async def make_past(
    database: Database, organization_id: UUID, actor: Actor, resources: Sequence[Resource], first_day: date, day: date
) -> None:
    """Give a new demo its past, once its inventory is stored and before a worker looks at it."""
    places = await _places(database, organization_id)
    async with database.write(organization_id) as session:
        await know_since(session, organization_id, datetime.combine(first_day, time(), UTC))
        relations = [
            (places[resource_key(one.id)].id, kind.value, target)
            for one in resources
            for kind, target in stored(one).relations
        ]
        await replace_relationships(session, organization_id, [], relations)
    await record_usage(database, organization_id, resources, day)
    chosen = {one.name: one for one in resources if one.name in {IGNORED, MARKED} or one.ends is not None}
    await _decide(database, organization_id, actor, chosen, places, day)


async def record_usage(database: Database, organization_id: UUID, resources: Sequence[Resource], day: date) -> None:
    """Store how much all was used in the days before a day."""
    places = await _places(database, organization_id)
    ids = {one.id: places[key].id for one in resources if (key := resource_key(one.id)) in places}
    async with database.write(organization_id) as session:
        await write_usage(session, organization_id, list(usages(resources, ids, day)))


async def _places(database: Database, organization_id: UUID) -> dict[str, _Place]:
    async with database.read(organization_id) as session:
        found = await ids_by_native_id(session, organization_id)
    return {native_id: _Place(*ids) for native_id, ids in found.items()}


async def _decide(
    database: Database,
    organization_id: UUID,
    actor: Actor,
    chosen: Mapping[str, Resource],
    places: Mapping[str, _Place],
    day: date,
) -> None:
    """Find the waste of some resources of one account as it was then, and say something of each."""
    there = {name: places[resource_key(one.id)] for name, one in chosen.items()}
    (account_id,) = {place.account_id for place in there.values()}
    then = datetime.combine(day - timedelta(days=FOUND_DAYS), time(6), UTC)
    deleted_at = datetime.combine(deleted_day(day), time(), UTC)
    only: dict[str, list[UUID]] = {}
    for name, one in chosen.items():
        only.setdefault(one.kind.inventory_type, []).append(there[name].id)
    async with database.read(organization_id) as session:
        prices = await load_book(session, organization_id, account_id, then.date())
    looking = await start_look(database, organization_id, account_id, prices, _hold)
    if looking is None:
        return
    # Of no ground, so that the next look is at all of the account.
    await look(replace(looking, moment=then, only=only, ground=""))
    (deleted,) = [there[name].id for name, one in chosen.items() if one.ends is not None]
    async with database.write(organization_id) as session:
        await set_happened(session, organization_id, HistoryKind.FOUND, then)
        await set_gone(session, organization_id, deleted, deleted_at)
        await resolve_gone(session, organization_id, account_id, deleted_at)
        await set_happened(session, organization_id, HistoryKind.RESOLVED, deleted_at)
        found = {
            name: [row["id"] for row in await of_subjects(session, organization_id, account_id, [str(there[name].id)])]
            for name in (IGNORED, MARKED)
        }
    await ignore(
        database,
        organization_id,
        actor,
        found[IGNORED],
        reason=IgnoreReason.NEEDED,
        note="A partner's firewall lets this address in; it is needed again in spring.",
        until=day + timedelta(days=120),
    )
    await mark_for_deletion(
        database,
        organization_id,
        actor,
        found[MARKED],
        due_on=day + timedelta(days=DUE_DAYS),
        note="The migration is over; the auditors have until then.",
    )


async def _hold(_: AsyncSession) -> None:
    """Nobody else looks yet: the worker is started when the demo is there."""
