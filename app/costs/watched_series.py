"""The series in which anomalies are looked for: all charges of a currency, and those of its services and accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.outlook.series import DailySeries, exact_sum
from app.records.budgets import AnomalySeries
from app.records.costs import CostMetric
from app.repositories.cost_parts import Cut, PartCost, currencies_between, daily_parts

SERVICE, ACCOUNT = "service_name", "sub_account_id"
COLUMNS: Mapping[AnomalySeries, tuple[str, ...]] = {
    AnomalySeries.TOTAL: (),
    AnomalySeries.SERVICE: (SERVICE,),
    AnomalySeries.ACCOUNT: (ACCOUNT,),
    AnomalySeries.SERVICE_ACCOUNT: (SERVICE, ACCOUNT),
}
# The costliest of each: in half a millisecond each, all of them are judged in a fifth of a second.
MOST_SERIES: Mapping[AnomalySeries, int] = {
    AnomalySeries.TOTAL: 1,
    AnomalySeries.SERVICE: 100,
    AnomalySeries.ACCOUNT: 100,
    AnomalySeries.SERVICE_ACCOUNT: 200,
}
MOST_CURRENCIES = 5


@dataclass(frozen=True)
class SeriesName:
    """Which series it is: its cut, metric and currency, and the service and account where it has one."""

    series: AnomalySeries
    metric: CostMetric
    currency: str
    service_name: str | None = None
    sub_account_id: str | None = None

    @property
    def key(self) -> str:
        """The name as one text: the same for ever."""
        return orjson.dumps(
            [self.series.value, self.metric.value, self.currency, self.service_name, self.sub_account_id]
        ).decode()

    @property
    def values(self) -> tuple[tuple[str, str], ...]:
        """The values by column that its charges have."""
        pairs = ((SERVICE, self.service_name), (ACCOUNT, self.sub_account_id))
        return tuple((column, value) for column, value in pairs if value is not None)


@dataclass(frozen=True)
class WatchedSeries:
    """The series by their names. `whole` are the (cut, currency) of which all are here, not only the costliest."""

    series: Mapping[SeriesName, DailySeries]
    whole: frozenset[tuple[AnomalySeries, str]]


async def read_series(
    session: AsyncSession, organization_id: UUID, metric: CostMetric, start: date, end: date
) -> WatchedSeries:
    """The series of the days from `start` to before `end`, all of which must have been imported.

    Four statements for each currency, of which at most five are looked at.
    """
    found: dict[SeriesName, DailySeries] = {}
    whole = set()
    currencies = await currencies_between(session, organization_id, start, end)
    for currency in currencies[:MOST_CURRENCIES]:
        cut = Cut(metric, currency, start, end)
        for series, columns in COLUMNS.items():
            parts = await daily_parts(session, organization_id, cut, columns, MOST_SERIES[series])
            by_key = daily_by_key(parts, start, end)
            if len(by_key) < MOST_SERIES[series] or series is AnomalySeries.TOTAL:
                whole.add((series, currency))
            for key, daily in by_key.items():
                values = dict(zip(columns, key, strict=True))
                name = SeriesName(series, metric, currency, values.get(SERVICE), values.get(ACCOUNT))
                found[name] = daily
    return WatchedSeries(found, frozenset(whole))


def daily_by_key(parts: Sequence[PartCost], start: date, end: date) -> dict[tuple[str, ...], DailySeries]:
    """The parts as series, in the order of the parts."""
    amounts: dict[tuple[str, ...], dict[date, Decimal]] = {}
    for part in parts:
        of_part = amounts.setdefault(part.key, {})
        of_part[part.day] = exact_sum((of_part.get(part.day, Decimal(0)), part.amount))
    return {key: DailySeries.of_imported(start, end, of_part) for key, of_part in amounts.items()}
