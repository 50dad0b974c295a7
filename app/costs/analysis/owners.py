"""Whose charges the groups of an answer are: the billing accounts that decide whether nothing is 0 or unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.analysis.coverage import of_payers
from app.costs.analysis.periods import touches
from app.records.cost_analysis import CostCoverage, CostDimension, CostQuestion, CostRow, DateRange
from app.records.cost_rollups import LINK_OF, Link
from app.repositories.cost_coverage import payers_by_values

Key = tuple[str | None, ...]


@dataclass(frozen=True)
class Owners:
    """The days that are known of the billing accounts of each group.

    `places` are those of the key that say whose charges they are, `payers` the billing accounts by the values there.
    Without any place, as for tags or resources, charges may be of any billing account.
    """

    coverage: CostCoverage
    places: tuple[int, ...] = ()
    payers: Mapping[Key, frozenset[str]] = field(default_factory=dict)

    def covered(self, key: Key) -> tuple[DateRange, ...]:
        """The days of which anything was imported that may be of the group with this key."""
        own = self.payers.get(tuple(key[place] for place in self.places)) if self.places and key else None
        known = of_payers(self.coverage, own) if own else self.coverage
        return known.covered if known.accounts else self.coverage.covered


async def owners_of(
    session: AsyncSession,
    organization_id: UUID,
    question: CostQuestion,
    coverage: CostCoverage,
    rows: Sequence[CostRow],
) -> Owners:
    """The billing accounts of the groups of these rows.

    One statement, none where every group has charges, or every billing account is known, in all periods of the
    question.
    """
    if not needs_owners(question, coverage, rows):
        return Owners(coverage)
    places = _places(question)
    columns = [one.dimension for place, one in enumerate(question.groupings) if place in places and one.dimension]
    return Owners(coverage, places, await payers_by_values(session, organization_id, columns))


def needs_owners(question: CostQuestion, coverage: CostCoverage, rows: Sequence[CostRow]) -> bool:
    """Whether it has to be known whose charges the groups of these rows are, and their keys can tell."""
    sides = [(question.period, False)] + ([(question.previous, True)] if question.previous else [])
    groups = {row.place for row in rows if row.place is not None}
    unsure = any(
        groups - {row.place for row in rows if row.previous is previous}
        and not all(touches(days, account.covered) for account in coverage.accounts)
        for days, previous in sides
    )
    return unsure and bool(_places(question))


def _places(question: CostQuestion) -> tuple[int, ...]:
    """Where in a key it stands whose charges they are."""
    return tuple(
        place
        for place, one in enumerate(question.groupings)
        if one.dimension is not None and one.dimension is not CostDimension.TEAM and _is_told(one.dimension)
    )


def _is_told(dimension: CostDimension) -> bool:
    """Whether few rows tell which billing accounts have charges with a value there."""
    return LINK_OF.get(dimension) is Link.SUMMARY
