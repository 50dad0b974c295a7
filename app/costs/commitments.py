"""Commitments: what of them was used, what of the usage they covered, and what they saved, from FOCUS's columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.analysis.periods import uncovered_days
from app.costs.known_days import partly_known
from app.costs.outlook.series import exact_difference, exact_sum, ratio
from app.records.cost_analysis import DateRange
from app.repositories import commitments
from app.repositories.cost_coverage import cost_coverage

_NO_STATUS = "No usage of it has a CommitmentDiscountStatus, so what was used and what was not is unknown."
_NEITHER = "No usage of the period is priced as Standard or Committed."
_NOT_USED = "No charge of the period uses it or leaves it unused."


@dataclass(frozen=True)
class Figure:
    """An amount or a part of one; None with the reason where it is unknown."""

    value: Decimal | None
    reason: str | None = None


@dataclass(frozen=True)
class Use:
    """What commitments cost and saved in one currency.

    `utilization` = used / (used + unused), by effective cost. Savings are what the used part would have cost at list
    or contracted prices, less the effective cost of the used and of the unused part; negative where that is more.
    """

    used: Figure
    unused: Figure
    utilization: Figure
    list_savings: Figure
    contracted_savings: Figure


@dataclass(frozen=True)
class Commitment:
    """One commitment in a period. `purchased` is what was billed for buying it in that time, 0 where nothing was."""

    commitment_id: str
    provider: str
    currency: str
    name: str | None
    type: str | None
    category: str | None
    unit: str | None
    purchased: Decimal
    use: Use


@dataclass(frozen=True)
class CoverageAt:
    """What covered and standard usage cost at a kind of prices, and `coverage` = covered / (covered + standard)."""

    covered: Figure
    standard: Figure
    coverage: Figure


@dataclass(frozen=True)
class Coverage:
    """All commitments of one currency, and the usage that they cover.

    Usage is that of the pricing categories Committed (without what was left unused) and Standard. By effective cost
    coverage is lower than the part of the usage that is covered, because covered usage is cheaper; `at_list` and
    `at_contracted` hold both at the same prices against each other.
    """

    currency: str
    effective: CoverageAt
    at_list: CoverageAt
    at_contracted: CoverageAt
    use: Use


@dataclass(frozen=True)
class Quantities:
    """How much of a commitment was bought, used and left unused, in its unit."""

    purchased: Figure
    used: Figure
    unused: Figure


async def read_commitments(
    session: AsyncSession, organization_id: UUID, start: date, end: date, most: int
) -> list[Commitment]:
    """At most `most` commitments with charges from `start` to before `end`, the costliest first."""
    rows = await commitments.commitments_between(session, organization_id, start, end, most)
    return [
        Commitment(
            commitment_id=row["commitment_discount_id"],
            provider=row["provider"],
            currency=row["billing_currency"],
            name=row["commitment_discount_name"],
            type=row["commitment_discount_type"],
            category=row["commitment_discount_category"],
            unit=row["commitment_discount_unit"],
            purchased=row["purchased"] or Decimal(0),
            use=_use(row, _NO_STATUS if row["untold"] else _NOT_USED),
        )
        for row in rows
    ]


async def read_any(session: AsyncSession, organization_id: UUID) -> bool:
    """Whether any charge of a commitment was ever imported."""
    return await commitments.has_commitments(session, organization_id)


async def read_count(session: AsyncSession, organization_id: UUID, start: date, end: date) -> int:
    """How many commitments, one for each currency, have charges from `start` to before `end`."""
    return await commitments.count_commitments(session, organization_id, start, end)


async def read_coverage(session: AsyncSession, organization_id: UUID, start: date, end: date) -> list[Coverage]:
    """How much usage commitments covered from `start` to before `end`, by billing currency."""
    rows = await commitments.coverage_between(session, organization_id, start, end)
    return [_coverage(row) for row in rows]


async def read_omission(session: AsyncSession, organization_id: UUID, start: date, end: date) -> str | None:
    """Why nothing, or not all, is known of the charges from `start` to before `end`; None where all days are."""
    period = DateRange(start, end)
    coverage = await cost_coverage(session, organization_id, period)
    known = period.days - uncovered_days(period, coverage.covered)
    if not known:
        return "Nothing was imported for these days."
    told = [] if known == period.days else [f"Charges were imported for {known} of these {period.days} days."]
    if partly := partly_known(period, coverage):
        told.append(partly)
    return " ".join(told) or None


async def read_quantities(
    session: AsyncSession, organization_id: UUID, keys: Sequence[tuple[str, str, str]], start: date, end: date
) -> dict[tuple[str, str, str], Quantities]:
    """What was bought, used and left unused, by (commitment, provider, currency); reads charges."""
    ids = sorted({commitment_id for commitment_id, _, _ in keys})
    found = {}
    for row in await commitments.commitment_quantities(session, organization_id, ids, start, end):
        key = (row["commitment_discount_id"], row["provider"], row["billing_currency"])
        found[key] = Quantities(*(_quantity(row, name) for name in ("purchased", "used", "unused")))
    none = Figure(None, "There is no charge of it in the period.")
    return {key: found.get(key, Quantities(none, none, none)) for key in keys}


def _use(row: Mapping[Any, Any], unknown: str) -> Use:
    used, unused = _figure(row, "used", "EffectiveCost"), _figure(row, "unused", "EffectiveCost")
    if row["used"] is None and row["unused"] is None and not row["used_missing"] and not row["unused_missing"]:
        nothing = Figure(None, unknown)
        return Use(nothing, nothing, nothing, nothing, nothing)
    return Use(
        used,
        unused,
        _part(used, unused, "Nothing of it was charged in the period."),
        _saved(_figure(row, "used_list", "ListCost"), used, unused),
        _saved(_figure(row, "used_contracted", "ContractedCost"), used, unused),
    )


def _coverage(row: Mapping[Any, Any]) -> Coverage:
    unknown = None
    if row["usage_rows"] == 0:
        unknown = "There is no usage in the period."
    elif row["untold"] == row["usage_rows"]:
        unknown = "No usage of the period has a PricingCategory."
    return Coverage(
        currency=row["billing_currency"],
        effective=_coverage_at(row, "", "EffectiveCost", unknown),
        at_list=_coverage_at(row, "_list", "ListCost", unknown),
        at_contracted=_coverage_at(row, "_contracted", "ContractedCost", unknown),
        use=_use(row, "No commitment was used."),
    )


def _coverage_at(row: Mapping[Any, Any], prices: str, column: str, unknown: str | None) -> CoverageAt:
    """Coverage at a kind of prices; `unknown` says why there is none at any."""
    if unknown is not None:
        nothing = Figure(None, unknown)
        return CoverageAt(nothing, nothing, nothing)
    covered, standard = _figure(row, f"covered{prices}", column), _figure(row, f"standard{prices}", column)
    return CoverageAt(covered, standard, _part(covered, standard, _NEITHER))


def _figure(row: Mapping[Any, Any], name: str, column: str) -> Figure:
    """A sum of a kind of charges: 0 where there are none, unknown where some of them lack the column."""
    if row[f"{name}_missing"]:
        return Figure(None, f"Some of these charges have no {column}.")
    return Figure(row[name] if row[name] is not None else Decimal(0))


def _part(part: Figure, rest: Figure, of_nothing: str) -> Figure:
    if part.value is None or rest.value is None:
        return Figure(None, part.reason or rest.reason)
    share = ratio(part.value, exact_sum((part.value, rest.value)))
    return Figure(share, of_nothing if share is None else None)


def _saved(without: Figure, used: Figure, unused: Figure) -> Figure:
    if without.value is None or used.value is None or unused.value is None:
        return Figure(None, without.reason or used.reason or unused.reason)
    return Figure(exact_difference(without.value, exact_sum((used.value, unused.value))))


def _quantity(row: Mapping[Any, Any], name: str) -> Figure:
    if row[f"{name}_missing"]:
        return Figure(None, "Some of these charges have no CommitmentDiscountQuantity.")
    return Figure(row[name] if row[name] is not None else Decimal(0))
