"""What teams bear of a period, in the organization's currency: read from what was allocated, never stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.allocation.allocate import rules_id
from app.costs.allocation.rules import rule_of
from app.costs.analysis.periods import checked_period
from app.costs.money_series import RateOn, Rates
from app.costs.outlook.series import exact_product, exact_sum
from app.records.allocation import NOBODY
from app.records.cost_analysis import DateRange
from app.records.costs import CostMetric
from app.repositories import allocation, teams
from app.repositories.cost_series import rates_into
from app.repositories.organizations import organizations_by_id


@dataclass(frozen=True)
class Amount:
    """Costs that fall to a team directly, and its part of shared ones; None where no charge has the metric."""

    direct: Decimal | None = Decimal(0)
    shared: Decimal | None = Decimal(0)

    @property
    def total(self) -> Decimal | None:
        """Both together, as far as they are known; None where that is nothing and something is unknown."""
        known = [amount for amount in (self.direct, self.shared) if amount is not None]
        total = exact_sum(known)
        return total if total or len(known) == len((self.direct, self.shared)) else None


@dataclass(frozen=True)
class Borne:
    """What a team bears, in the organization's currency; `apart` is by currency what no rate converts.

    NOBODY stands for what is unallocated.
    """

    team_id: UUID
    amount: Amount = Amount()
    apart: Mapping[str, Amount] = field(default_factory=dict)


@dataclass(frozen=True)
class Bearing:
    """What is borne by each team, in one currency."""

    currency: str
    by_team: Mapping[UUID, Borne]

    def of(self, team_id: UUID) -> Borne:
        """What a team bears; nothing where no charge has come to it."""
        return self.by_team.get(team_id) or Borne(team_id)


@dataclass(frozen=True)
class Report:
    """What is borne, those who bear most first and what is unallocated last; notes of the months; what is out of date.

    `stale_months` are those that the rules and teams of now would allocate in another way.
    """

    currency: str
    borne: list[Borne]
    stale_months: list[date]
    notes: list[dict[str, Any]]


async def bearing(
    session: AsyncSession,
    organization_id: UUID,
    period: DateRange,
    metric: CostMetric,
    team_ids: Collection[UUID] | None = None,
) -> Bearing:
    """What teams bear of a period: these, or without any all and nobody. A fixed number of statements."""
    (organization,) = await organizations_by_id(session, [organization_id])
    currency = organization["currency"]
    rate_on = Rates(await rates_into(session, organization_id, [currency])).into(currency)
    rows: list[Mapping[Any, Any]] = [
        *await teams.costs_of_teams(session, organization_id, team_ids, period.start, period.end, metric.value)
    ]
    if team_ids is None:
        never = await teams.costs_never_allocated(session, organization_id, period.start, period.end, metric.value)
        rows += [{**row, "team_id": NOBODY, "shared": False} for row in never]
    return Bearing(currency, _together(rows, currency, rate_on))


async def report(session: AsyncSession, organization_id: UUID, start: date, end: date, metric: CostMetric) -> Report:
    """What teams bear from `start` on and before `end`. Raises BadUserInputError for a period that cannot be."""
    period = checked_period(start, end)
    found = await bearing(session, organization_id, period, metric)
    months = await allocation.month_rows(session, organization_id, start, end)
    notes = [{"month": row["month"]} | note for row in months for note in row["notes"]]
    known = {row["month"]: row["rules_id"] for row in months}
    stale = await _stale_months(session, organization_id, period, known)
    return Report(found.currency, sorted(found.by_team.values(), key=_by_amount), stale, notes)


async def _stale_months(
    session: AsyncSession, organization_id: UUID, period: DateRange, known: Mapping[date, int]
) -> list[date]:
    """The months that the rules of now would allocate in another way, given {month: content hash of its rules}."""
    rules = [rule_of(row) for row in await allocation.all_rules(session, organization_id)]
    everyone = await teams.all_teams(session, organization_id)
    hashes: dict[tuple[UUID, ...], int | None] = {(): None}
    stale = []
    for month in {*known, *await allocation.months_with_costs(session, organization_id, period.start, period.end)}:
        holding = [rule for rule in rules if rule.holds_in(month)]
        key = tuple(rule.id for rule in holding)
        if key not in hashes:
            hashes[key] = rules_id(holding, everyone)
        if known.get(month) != hashes[key]:
            stale.append(month)
    return sorted(stale)


def _together(rows: Iterable[Mapping[Any, Any]], currency: str, rate_on: RateOn) -> dict[UUID, Borne]:
    """Rows of (team_id, shared, month, currency, cost), each converted at the rate of its month."""
    # Of each team and currency: the amounts that are direct, and those that are shared.
    found: dict[UUID, dict[str, tuple[list[Any], list[Any]]]] = defaultdict(lambda: defaultdict(lambda: ([], [])))
    for row in rows:
        rate = Decimal(1) if row["currency"] == currency else rate_on(row["currency"], row["month"])
        shown = row["currency"] if rate is None else currency
        cost = row["cost"]
        if rate is not None and cost is not None and rate != 1:
            cost = exact_product(cost, rate)
        found[row["team_id"]][shown][1 if row["shared"] else 0].append(cost)
    borne = {}
    for team_id, by_currency in found.items():
        amounts = {of: Amount(_sum(direct), _sum(shared)) for of, (direct, shared) in by_currency.items()}
        own = amounts.pop(currency, Amount())
        borne[team_id] = Borne(team_id, own, dict(sorted(amounts.items())))
    return borne


def _sum(amounts: list[Decimal | None]) -> Decimal | None:
    """0 where there is nothing; None where there is something, and nothing of it is known."""
    known = [amount for amount in amounts if amount is not None]
    return exact_sum(known) if known or not amounts else None


def _by_amount(each: Borne) -> tuple[bool, Decimal, UUID]:
    return each.team_id == NOBODY, -(each.amount.total or Decimal(0)), each.team_id
