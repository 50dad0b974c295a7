"""Business metrics: what the organization counts by day, such as orders, to hold its costs against."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.costs.names import checked_name, named
from app.costs.news.unit_costs import key_of_metric
from app.costs.values import UnusableValueError, read_decimal, read_timestamp
from app.database import Database
from app.errors import BadUserInputError, ConflictError, NotFoundError
from app.models import now
from app.records import Actor, EventKind, NewEvent, RowIssue
from app.repositories import business_metrics
from app.repositories.told_figures import forget_told

MOST_VALUES = 1_000
MOST_METRICS = 500
EARLIEST = date(2000, 1, 1)
_SHOWN = 60  # characters of a refused value


@dataclass(frozen=True)
class MetricsRecorded:
    """What became of a batch; `metric` is the row of the business metric."""

    metric: RowMapping
    received: int
    added: int
    changed: int
    unchanged: int
    issues: list[RowIssue]


async def record_metrics(
    database: Database,
    organization_id: UUID,
    actor: Actor,
    *,
    name: str,
    unit: str | None,
    rows: list[tuple[str | None, str | None]],
) -> MetricsRecorded:
    """Store (day, quantity) rows of a metric, which is added where it is new. A day that is there gets the quantity.

    Raises BadUserInputError for more than 1,000 rows or a new metric without a unit, ConflictError for another unit
    than the metric has or the 501st metric. A metric is found by its name whatever the case. What is wrong with single
    rows is told, and the others land.
    """
    if len(rows) > MOST_VALUES:
        message = f"A batch holds at most {MOST_VALUES:,} values; this one has {len(rows):,}. Send several batches."
        raise BadUserInputError(message, path=("input", "values"))
    name = checked_name(name, "name")
    unit = None if unit is None else checked_name(unit, "unit")
    values, issues = read_values(enumerate(rows, 1))
    async with database.write(organization_id) as session:
        metric = await _metric(session, organization_id, name, unit)
        if unit is not None and unit != metric["unit"]:
            message = (
                f"The metric {metric['name']!r} is counted in {metric['unit']!r}, not in {unit!r}. Take another name."
            )
            raise ConflictError(message)
        added, changed = await business_metrics.store_values(session, organization_id, metric["id"], values)
        if added or changed:
            data = {"name": metric["name"], "unit": metric["unit"], "added": added, "changed": changed}
            event = NewEvent(EventKind.BUSINESS_METRICS_RECORDED, actor, "BusinessMetric", metric["id"], data)
            await record(session, organization_id, event)
    return MetricsRecorded(metric, len(rows), added, changed, len(values) - added - changed, issues)


async def find_metric(session: AsyncSession, organization_id: UUID, name: str) -> UUID | None:
    """The id of the metric with this name, whatever the case."""
    return named(await business_metrics.metric_names(session, organization_id), name)


async def _metric(session: AsyncSession, organization_id: UUID, name: str, unit: str | None) -> RowMapping:
    """The metric to which values are added, new where there is none of that name."""
    found = await find_metric(session, organization_id, name)
    if found is None:
        if unit is None:
            message = f"There is no metric named {name!r} yet: give its `unit`, such as orders."
            raise BadUserInputError(message, path=("input", "unit"))
        names = await business_metrics.metric_names(session, organization_id, lock=True)
        found = named(names, name)  # somebody else may have added it meanwhile
        if found is None:
            if len(names) >= MOST_METRICS:
                message = f"An organization has at most {MOST_METRICS} business metrics. Delete one first."
                raise ConflictError(message)
            return await business_metrics.add_metric(session, organization_id, name, unit)
    metric = await business_metrics.get_metric(session, organization_id, found)
    if metric is None:
        message = f"The metric {name!r} was deleted at this moment. Send the batch again."
        raise ConflictError(message)
    return metric


async def delete_metric(database: Database, organization_id: UUID, actor: Actor, metric_id: UUID) -> RowMapping:
    """Delete a metric with its values; returns the row as it was. Raises NotFoundError."""
    async with database.write(organization_id) as session:
        metric = await business_metrics.delete_metric(session, organization_id, metric_id)
        if metric is None:
            message = "There is no such business metric within your reach."
            raise NotFoundError(message)
        await forget_told(session, organization_id, [key_of_metric(metric_id)])
        data = {"name": metric["name"], "unit": metric["unit"]}
        event = NewEvent(EventKind.BUSINESS_METRIC_DELETED, actor, "BusinessMetric", metric_id, data)
        await record(session, organization_id, event)
        return metric


def read_values(
    rows: Iterable[tuple[int, tuple[str | None, str | None]]],
) -> tuple[dict[date, Decimal], list[RowIssue]]:
    """Quantities by day of (number, (day, quantity)) rows, and what is wrong with the others."""
    values: dict[date, Decimal] = {}
    issues = []
    for number, (sent_day, sent_quantity) in rows:
        try:
            day = _day(sent_day, values)
        except UnusableValueError as error:
            issues.append(RowIssue(number, "day", (sent_day or "")[:_SHOWN], f"`day` {error}."))
            continue
        try:
            values[day] = _quantity(sent_quantity)
        except UnusableValueError as error:
            issues.append(RowIssue(number, "quantity", (sent_quantity or "")[:_SHOWN], f"`quantity` {error}."))
    return values, issues


def _day(sent: str | None, taken: dict[date, Decimal]) -> date:
    if sent is None or not sent.strip():
        message = "is missing; give it as 2026-11-01"
        raise UnusableValueError(message)
    try:
        moment = read_timestamp(sent)[0].astimezone(UTC)
    except UnusableValueError:
        message = "must be a day, such as 2026-11-01"
        raise UnusableValueError(message) from None
    day, latest = moment.date(), now().date() + timedelta(1)
    if (moment.hour, moment.minute, moment.second, moment.microsecond) != (0, 0, 0, 0):
        message = "must be a day, such as 2026-11-01, without a time"
        raise UnusableValueError(message)
    if not EARLIEST <= day <= latest:
        message = f"must be from {EARLIEST} to {latest}"
        raise UnusableValueError(message)
    if day in taken:
        message = "is there in an earlier row of the batch; send one sum for each day"
        raise UnusableValueError(message)
    return day


def _quantity(sent: str | None) -> Decimal:
    if sent is None or not sent.strip():
        message = "is missing; leave the row out where it is not known"
        raise UnusableValueError(message)
    quantity = read_decimal(sent)[0]
    if quantity < 0:
        message = "must not be negative"
        raise UnusableValueError(message)
    return quantity
