"""Looks after imports at what forecasts, commitments and unit costs have come to, and tells each move once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.costs.anomalies.look import Hold
from app.costs.known_days import deliveries_of, known_days
from app.costs.news.commitments import read_use
from app.costs.news.figures import News, Seen, row_of
from app.costs.news.forecasts import KEY, MonthAhead, forecast_of, read_month_ahead
from app.costs.news.unit_costs import UnitCostMove, read_moves
from app.database import Database
from app.records import EventKind
from app.repositories.business_metrics import lock_metrics
from app.repositories.cost_anomalies import lock_watch
from app.repositories.cost_series import imported_days
from app.repositories.organizations import organizations_by_id
from app.repositories.told_figures import Key, forget_told, keep_told, told_figures

__all__ = ["watch_figures"]


async def watch_figures(database: Database, organization_id: UUID, today: date, hold: Hold) -> list[EventKind]:
    """Tell what has moved since it was last told; the kinds of the events.

    Eight statements where nothing has, without commitments and business metrics; fifteen with any number of them.
    Idempotent, also beside another worker. Where a delivery came in meanwhile nothing is told: that one asks for a
    check of its own.
    """
    async with database.read(organization_id) as session:
        organizations = await organizations_by_id(session, [organization_id])
        periods = await imported_days(session, organization_id)
        known = known_days(periods, today)
        if known is None or not organizations:
            return []
        currency: str = organizations[0]["currency"]
        told = await told_figures(session, organization_id)
        seen: list[Seen] = [
            *await read_use(session, organization_id, known, today),
            *await read_moves(session, organization_id, known, currency, today),
        ]
        ahead = await read_month_ahead(session, organization_id, currency, today)
    if ahead is not None and not ahead.is_forecast(told.get(KEY)):
        seen += await _forecasts(ahead)
    seen = [one for one in seen if one.news(told.get(one.key)) is not None]
    if not seen:
        return []
    async with database.write(organization_id) as session:
        await hold(session)
        await lock_watch(session, organization_id)
        if deliveries_of(await imported_days(session, organization_id)) != deliveries_of(periods):
            return []
        return await _tell(session, organization_id, await _still_there(session, organization_id, seen))


async def _forecasts(ahead: MonthAhead) -> list[Seen]:
    made = await forecast_of(ahead)
    return [] if made is None else [made]


async def _still_there(session: AsyncSession, organization_id: UUID, seen: Sequence[Seen]) -> list[Seen]:
    """Without what is of business metrics that were deleted meanwhile; the others stay until this is told."""
    ids = [one.metric["id"] for one in seen if isinstance(one, UnitCostMove)]
    left = await lock_metrics(session, organization_id, ids) if ids else set()
    return [one for one in seen if not isinstance(one, UnitCostMove) or one.metric["id"] in left]


async def _tell(session: AsyncSession, organization_id: UUID, seen: Sequence[Seen]) -> list[EventKind]:
    """Tell what is news still: another worker may have told it. The watch is locked."""
    told = await told_figures(session, organization_id)
    looked = [(one.key, one.news(told.get(one.key))) for one in seen]
    found: list[tuple[Key, News]] = [(key, news) for key, news in looked if news is not None]
    await keep_told(session, organization_id, [row_of(key, news.kept) for key, news in found if news.kept is not None])
    await forget_told(session, organization_id, [key for key, news in found if news.kept is None])
    events = [news.event for _, news in found if news.event is not None]
    if events:
        await record(session, organization_id, *events)
    return [event.kind for event in events]
