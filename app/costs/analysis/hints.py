"""Hints on a report without any charge: which condition no charge of the period meets, and what there is instead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.analysis.plan import MOST_GROUPS, unchecked_plan
from app.costs.analysis.report import CostAnswer
from app.costs.scopes import field_of
from app.database import Database
from app.records.budgets import CostGranularity
from app.records.cost_analysis import (
    CostCoverage,
    CostDimension,
    CostMeasure,
    CostQuestion,
    CostRollup,
    Grouping,
    TextCondition,
)
from app.repositories.cost_coverage import cost_coverage
from app.repositories.cost_reports import read_costs
from app.repositories.tag_key_figures import figures

MOST_HINTS: Final = 5
SHOWN: Final = 5
NO_CHARGE_OF_ALL = "Charges of the period meet each condition of `where` by itself, but none meets all of them."
_KEYS: Final = 200
_ALIKE: Final = 0.6


async def hints_on(database: Database, organization_id: UUID, answer: CostAnswer) -> list[str]:
    """What no charge of the period has of what `where` asks for, and the values that there are: at most five sentences.

    Nothing is read where charges were found, or without conditions; else one statement for the coverage and one or two
    for each condition that names values, from roll-ups alone: what only the single charges know is not looked up.
    """
    conditions = answer.question.conditions
    if not conditions or (answer.total is not None and answer.total.charges):
        return []
    named = [one for one in conditions if isinstance(one, TextCondition) and _names_values(one)][:MOST_HINTS]
    async with database.read(organization_id, one_state=True) as session:
        coverage = await cost_coverage(session, organization_id, answer.question.period)
        if not coverage.currencies:
            return []  # nothing was imported, which the report says
        found = [await _hint(session, organization_id, answer.question, coverage, one) for one in named]
    hints = [hint for hint in found if hint]
    return hints if hints or None in found or len(named) < len(conditions) else [NO_CHARGE_OF_ALL]


def _names_values(condition: TextCondition) -> bool:
    """Whether it can be told of a condition what there is instead. Teams are named by ids, which are checked before."""
    is_given = bool(condition.in_) or condition.contains is not None or condition.exists is True
    return is_given and condition.of.dimension is not CostDimension.TEAM


async def _hint(
    session: AsyncSession,
    organization_id: UUID,
    question: CostQuestion,
    coverage: CostCoverage,
    condition: TextCondition,
) -> str | None:
    """What no charge has of a condition, "" where one has it, None where that is not looked up."""
    tag = condition.of.tag
    if tag is not None:
        keys = [row["key"] for row in await figures(session, organization_id, _KEYS)]
        if keys and len(keys) < _KEYS and tag not in keys:
            return f"No charge has the tag `{tag}`. {_instead('tag keys', keys, (tag,))}"
    values = await _values(session, organization_id, question, coverage, condition.of)
    if values is None:
        return None
    if any(condition.holds(value) for value in values):
        return ""
    wanted = condition.in_ or (() if condition.contains is None else (condition.contains,))
    shown = " or ".join(f"`{value}`" for value in wanted[:SHOWN])
    name = f"tag `{tag}`" if tag is not None else f"`{field_of(condition.of)}`"
    means = "that contains" if condition.contains is not None and not condition.in_ else "of"
    missing = f"No charge has a {name}" + (f" {means} {shown}." if wanted else ".")
    return f"{missing} {_instead('values of the period', values, wanted)}"


def _instead(what: str, values: Sequence[str], wanted: Iterable[str]) -> str:
    """The values that there are, and the one that was probably meant."""
    if not values:
        return "No charge of the period has any."
    shown = ", ".join(f"`{value}`" for value in values[:SHOWN])
    more = f" and {len(values) - SHOWN:,} more" if len(values) > SHOWN else ""
    meant = next((found for one in wanted if (found := _like(one, values)) is not None), None)
    told = f"The {what} are {shown}{more}."
    return told if meant is None else f"{told} Did you mean `{meant}`?"


def _like(wanted: str, values: Sequence[str]) -> str | None:
    """The value that differs least, whatever the case; None where none is alike."""
    by_folded = {value.casefold(): value for value in reversed(values)}
    within = [folded for folded in by_folded if wanted.casefold() in folded]
    close = get_close_matches(wanted.casefold(), list(by_folded), n=1, cutoff=_ALIKE) or within[:1]
    return by_folded[close[0]] if close else None


async def _values(
    session: AsyncSession, organization_id: UUID, question: CostQuestion, coverage: CostCoverage, of: Grouping
) -> list[str] | None:
    """What charges of the period have there, the commonest first; None where only the single charges know it."""
    asked = replace(
        question,
        measures=(CostMeasure.CHARGE_COUNT,),
        granularity=CostGranularity.TOTAL,
        groupings=(of,),
        conditions=(),
        previous=None,
        top=MOST_GROUPS,
    )
    plan = unchecked_plan(asked, coverage)
    if any(segment.rollup is CostRollup.CHARGES for segment in plan.segments):
        return None
    rows = await read_costs(session, organization_id, plan)
    shown = sorted((row for row in rows if row.place is not None), key=lambda row: row.place or 0)
    return list(dict.fromkeys(row.key[0] for row in shown if row.key and row.key[0] is not None))
