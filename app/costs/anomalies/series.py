"""The series in which anomalies are looked for: all charges of a currency but tax, by service and by account too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.anomalies.spread import arrived, by_columns, with_spread
from app.costs.money_series import RateOn, Rates
from app.costs.outlook.series import DailySeries, exact_product, exact_sum
from app.records.budgets import AnomalySeries
from app.records.costs import CostMetric
from app.repositories.cost_parts import Cut, MonthCost, PartCost, currency_months, daily_parts, long_parts
from app.repositories.cost_series import rates_into
from app.repositories.organizations import organizations_by_id

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
LEFT_OUT: Final = ((("charge_category", "Tax"),),)
"""Tax follows what it is charged on, by the day or by the month, and would tell each cause twice: budgets watch it."""
RANKED_DAYS = 35
"""The days by whose costs currencies are ranked: those that are judged."""


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

    def crossed_with(self, other: SeriesName) -> SeriesName | None:
        """What a series by service and one by account have in common; None for others."""
        by_service, by_account = (self, other) if self.series is AnomalySeries.SERVICE else (other, self)
        kinds = (by_service.series, by_account.series)
        if kinds != (AnomalySeries.SERVICE, AnomalySeries.ACCOUNT) or self.currency != other.currency:
            return None
        both = (by_service.service_name, by_account.sub_account_id)
        return SeriesName(AnomalySeries.SERVICE_ACCOUNT, self.metric, self.currency, *both)

    @property
    def values(self) -> tuple[tuple[str, str], ...]:
        """The values by column that its charges have."""
        pairs = ((SERVICE, self.service_name), (ACCOUNT, self.sub_account_id))
        return tuple((column, value) for column, value in pairs if value is not None)


@dataclass(frozen=True)
class WatchedSeries:
    """The series by their names. `whole` are the (cut, currency) of which all are here, not only the costliest.

    `unwatched` are the currencies that are not looked at, the costliest first.
    """

    series: Mapping[SeriesName, DailySeries]
    whole: frozenset[tuple[AnomalySeries, str]]
    unwatched: tuple[str, ...] = ()


async def read_series(
    session: AsyncSession, organization_id: UUID, metric: CostMetric, start: date, end: date
) -> WatchedSeries:
    """The series of the days from `start` to before `end`, all of which must have been imported.

    Charges of several days lie on all of them, see app.costs.anomalies.spread; tax is left out. Five statements for
    each currency, of which the costliest five are looked at, and three to find those.
    """
    found: dict[SeriesName, DailySeries] = {}
    whole = set()
    since = max(start, end - timedelta(RANKED_DAYS))
    months = await currency_months(session, organization_id, metric, start, since, end)
    currencies = await _ranked(session, organization_id, months)
    for currency in currencies[:MOST_CURRENCIES]:
        cut = Cut(metric, currency, start, end, without=LEFT_OUT)
        long = await long_parts(session, organization_id, cut, (SERVICE, ACCOUNT))
        for series, columns in COLUMNS.items():
            parts = await daily_parts(session, organization_id, cut, columns, MOST_SERIES[series])
            of_key = by_columns(long, [(SERVICE, ACCOUNT).index(column) for column in columns])
            charges = [charge for of_one in of_key.values() for charge in of_one]
            by_key = daily_by_key(with_spread(parts, charges), start, end)
            if len(by_key) < MOST_SERIES[series] or series is AnomalySeries.TOTAL:
                whole.add((series, currency))
            for key, daily in by_key.items():
                values = dict(zip(columns, key, strict=True))
                name = SeriesName(series, metric, currency, values.get(SERVICE), values.get(ACCOUNT))
                found[name] = arrived(daily, of_key.get(key, ()))
    return WatchedSeries(found, frozenset(whole), tuple(currencies[MOST_CURRENCIES:]))


async def _ranked(session: AsyncSession, organization_id: UUID, months: Sequence[MonthCost]) -> list[str]:
    """The currencies, the costliest first; they are compared in the organization's."""
    if len({each.currency for each in months}) <= 1:
        return [each.currency for each in months[:1]]
    rows = await organizations_by_id(session, [organization_id])
    shown = rows[0]["currency"] if rows else None
    rates = Rates(await rates_into(session, organization_id, [shown]) if shown else ())
    return costliest_first(months, shown, rates.into(shown or ""))


def costliest_first(months: Sequence[MonthCost], shown: str | None, rate_on: RateOn) -> list[str]:
    """Currencies by their share of all that can be converted into `shown`, the others by their share of charges."""
    costs: dict[str, list[Decimal]] = {}
    charges: dict[str, int] = {}
    apart = set()
    for each in months:
        charges[each.currency] = charges.get(each.currency, 0) + each.charge_count
        rate = Decimal(1) if each.currency == shown else rate_on(each.currency, each.month)
        if rate is not None:
            costs.setdefault(each.currency, []).append(exact_product(each.amount, rate))
        elif each.amount:
            apart.add(each.currency)
    converted = {currency: exact_sum(amounts) for currency, amounts in costs.items() if currency not in apart}
    all_costs, all_charges = exact_sum(converted.values()) or Decimal(1), Decimal(sum(charges.values()) or 1)
    shares = {
        currency: converted[currency] / all_costs if currency in converted else count / all_charges
        for currency, count in charges.items()
    }
    return sorted(shares, key=lambda currency: (-shares[currency], -charges[currency], currency))


def daily_by_key(parts: Sequence[PartCost], start: date, end: date) -> dict[tuple[str, ...], DailySeries]:
    """The parts as series, in the order of the parts."""
    amounts: dict[tuple[str, ...], dict[date, Decimal]] = {}
    for part in parts:
        of_part = amounts.setdefault(part.key, {})
        of_part[part.day] = exact_sum((of_part.get(part.day, Decimal(0)), part.amount))
    return {key: DailySeries.of_imported(start, end, of_part) for key, of_part in amounts.items()}
