"""What teams bear of a period, in the organization's currency: read from what was allocated, never stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.allocation.allocate import rules_id
from app.costs.allocation.rules import rule_of
from app.costs.analysis.coverage import PeriodCoverage, period_coverage
from app.costs.analysis.nodes import NO_METRIC, NO_RATE, NOTHING_IMPORTED
from app.costs.analysis.periods import checked_period
from app.costs.money_series import RateOn, Rates
from app.costs.outlook.series import exact_product, exact_sum
from app.records.allocation import NOBODY
from app.records.cost_analysis import DateRange
from app.records.costs import CostMetric
from app.repositories import allocation, teams
from app.repositories.cost_coverage import cost_coverage
from app.repositories.cost_series import rates_into

MOST_NOTES = 1_000
"""Of one answer: those of the newest months."""
_Sides = tuple[list[Decimal | None], list[Decimal | None]]
"""Amounts that fall to a team directly, and its parts of shared ones."""


@dataclass(frozen=True)
class Amount:
    """Costs that fall to a team directly, its part of shared ones, and both together.

    Each is 0 where there is no such charge, None where no charge has the metric or none can be converted.
    """

    direct: Decimal | None = Decimal(0)
    shared: Decimal | None = Decimal(0)
    total: Decimal | None = Decimal(0)


@dataclass(frozen=True)
class Borne:
    """What a team bears, in the organization's currency; `apart` is by currency what no rate converts.

    `reason` says why an amount is None. NOBODY stands for what is unallocated.
    """

    team_id: UUID
    amount: Amount = Amount()
    apart: Mapping[str, Amount] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True)
class Bearing:
    """What is borne by each team, in one currency; `total` is borne by all of these together.

    `coverage` is what is known of the period, of all billing accounts: a team may bear costs of each.
    """

    currency: str
    by_team: Mapping[UUID, Borne]
    total: Borne
    coverage: PeriodCoverage

    def of(self, team_id: UUID) -> Borne:
        """What a team bears: 0 where no charge has come to it, unknown where nothing was imported.

        Corrections that came with a later billing period make nothing known of the period in which they lie.
        """
        return _known(self.by_team.get(team_id), team_id, is_known=self.coverage.known_from is not None)


@dataclass(frozen=True)
class Report:
    """What is borne, those who bear most first and what is unallocated last; notes of the months; what is out of date.

    `stale_months` are those that the rules and teams of now would allocate in another way. `total` is borne by all.
    `coverage` is what is known of the period.
    """

    currency: str
    total: Borne
    borne: list[Borne]
    stale_months: list[date]
    notes: list[dict[str, Any]]
    coverage: PeriodCoverage


async def bearing(
    session: AsyncSession,
    organization_id: UUID,
    period: DateRange,
    metric: CostMetric,
    team_ids: Collection[UUID] | None = None,
) -> Bearing:
    """What teams bear of a period: these, or without any all and nobody. A fixed number of statements."""
    coverage = await cost_coverage(session, organization_id, period)
    currency = coverage.currency
    rate_on = Rates(await rates_into(session, organization_id, [currency])).into(currency)
    rows: list[Mapping[Any, Any]] = [
        *await teams.costs_of_teams(session, organization_id, team_ids, period.start, period.end, metric.value)
    ]
    if team_ids is None:
        never = await teams.costs_never_allocated(session, organization_id, period.start, period.end, metric.value)
        rows += [{**row, "team_id": NOBODY, "shared": False} for row in never]
    known = period_coverage(period, coverage.accounts)
    everyone = _together(({**row, "team_id": NOBODY} for row in rows), currency, rate_on)
    total = _known(everyone.get(NOBODY), NOBODY, is_known=known.known_from is not None)
    return Bearing(currency, _together(rows, currency, rate_on), total, known)


async def report(session: AsyncSession, organization_id: UUID, start: date, end: date, metric: CostMetric) -> Report:
    """What teams bear from `start` on and before `end`. Raises BadUserInputError for a period that cannot be."""
    period = checked_period(start, end)
    found = await bearing(session, organization_id, period, metric)
    months = await allocation.month_rows(session, organization_id, start, end)
    notes = [{"month": row["month"]} | note for row in months for note in row["notes"]]
    known = {row["month"]: row["rules_id"] for row in months}
    stale = await _stale_months(session, organization_id, period, known)
    lines = sorted(found.by_team.values(), key=_by_amount)
    return Report(found.currency, found.total, lines, stale, notes[-MOST_NOTES:], found.coverage)


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
    found: dict[UUID, dict[str, _Sides]] = defaultdict(lambda: defaultdict(lambda: ([], [])))
    for row in rows:
        by_currency, side, cost = found[row["team_id"]], 1 if row["shared"] else 0, row["cost"]
        # Nothing is nothing in every currency.
        needs_none = row["currency"] == currency or not cost
        rate = Decimal(1) if needs_none else rate_on(row["currency"], row["month"])
        if rate is None:
            by_currency[row["currency"]][side].append(cost)
            cost = None  # what it is in the currency that is shown
        elif cost is not None and rate != 1:
            cost = exact_product(cost, rate)
        by_currency[currency][side].append(cost)
    return {team_id: _borne(team_id, by_currency, currency) for team_id, by_currency in found.items()}


def _borne(team_id: UUID, by_currency: Mapping[str, _Sides], currency: str) -> Borne:
    amounts = {
        of: Amount(_sum(direct), _sum(shared), _sum([*direct, *shared]))
        for of, (direct, shared) in sorted(by_currency.items())
    }
    own = _without_mere_zeros(amounts.pop(currency), list(amounts.values()))
    unknown = [side for side, amount in enumerate((own.direct, own.shared)) if amount is None]
    reason = None
    if unknown or own.total is None:
        sides = unknown or (0, 1)
        reason = NO_RATE if any(by_currency[of][side] for of in amounts for side in sides) else NO_METRIC
    return Borne(team_id, own, amounts, reason)


def _without_mere_zeros(own: Amount, apart: Sequence[Amount]) -> Amount:
    """None for 0 beside other amounts that no rate converts: as in reports, that says nothing."""
    hidden = (any(one.direct for one in apart), any(one.shared for one in apart), any(one.total for one in apart))
    shown = (own.direct, own.shared, own.total)
    return Amount(*(None if not amount and hides else amount for amount, hides in zip(shown, hidden, strict=True)))


def _known(found: Borne | None, team_id: UUID, *, is_known: bool) -> Borne:
    """What was found, 0 where that is nothing; unknown where nothing was imported for the period."""
    if not is_known:
        return Borne(team_id, Amount(None, None, None), reason=NOTHING_IMPORTED)
    return found or Borne(team_id)


def _sum(amounts: Sequence[Decimal | None]) -> Decimal | None:
    """0 where there is nothing; None where there is something, and nothing of it is known."""
    known = [amount for amount in amounts if amount is not None]
    return exact_sum(known) if known or not amounts else None


def _by_amount(each: Borne) -> tuple[bool, Decimal, UUID]:
    return each.team_id == NOBODY, -(each.amount.total or Decimal(0)), each.team_id
