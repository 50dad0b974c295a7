"""Scopes: which charges a budget, a forecast or a unit cost is about."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.allocation.tag_keys import normal_key
from app.costs.values import TEXT_BYTES, UnusableValueError, checked_text
from app.errors import BadUserInputError
from app.records.budgets import CostScope
from app.repositories.cost_series import COST_COLUMNS, SUMMARY_COLUMNS, source_of
from app.repositories.tag_keys import promoted_keys

MOST_VALUES = 200
MOST_TAGS = 10


def checked_scope(scope: CostScope, path: tuple[str, ...]) -> CostScope:
    """The scope in order, tag keys in their normal form. Raises BadUserInputError at that place of the arguments."""
    problem = _problem_of(scope)
    if problem is None:
        ordered = CostScope(
            tuple(sorted((column, tuple(sorted(set(values)))) for column, values in scope.dimensions)),
            tuple(sorted((normal_key(key), tuple(sorted(set(values)))) for key, values in scope.tags)),
        )
        if source_of(ordered) is not None:
            return ordered
        problem = "tags cannot be combined with regions, pricing or commitments"
    message = f"`{'.'.join(path)}`: {problem}."
    raise BadUserInputError(message, path=path)


async def check_tags(session: AsyncSession, organization_id: UUID, scope: CostScope, path: tuple[str, ...]) -> None:
    """Raise BadUserInputError for a tag that is not promoted: the roll-ups know of no other."""
    if not scope.tags:
        return
    promoted = set(await promoted_keys(session, organization_id))
    unknown = [key for key, _ in scope.tags if key not in promoted]
    if unknown:
        message = f"`{'.'.join(path)}`: {', '.join(unknown)} is no promoted tag key. Use `setPromotedTagKeys` first."
        raise BadUserInputError(message, path=path)


def _problem_of(scope: CostScope) -> str | None:
    for column, _ in scope.dimensions:
        if column not in SUMMARY_COLUMNS | COST_COLUMNS:
            return f"{_field_of(column)} is no dimension of the roll-ups"
    if len(scope.tags) > MOST_TAGS:
        return f"at most {MOST_TAGS} tags are taken; these are {len(scope.tags)}"
    dimensions = ((_field_of(column), values) for column, values in scope.dimensions)
    problems = (_problem_of_values(name, values) for name, values in (*dimensions, *scope.tags))
    return next((problem for problem in problems if problem is not None), None)


def _field_of(column: str) -> str:
    """A column's name in the graph."""
    first, *others = column.split("_")
    return first + "".join(part.capitalize() for part in others)


def _problem_of_values(name: str, values: tuple[str, ...]) -> str | None:
    if not 1 <= len(values) <= MOST_VALUES:
        return f"{name} needs 1 to {MOST_VALUES} values; it has {len(values)}"
    try:
        for text in (name, *values):
            checked_text(text, TEXT_BYTES)
    except UnusableValueError as error:
        return f"a value of {name} {error}"
    return None
