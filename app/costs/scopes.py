"""Who can honour which conditions on charges: reports all, charges all but teams, daily sums those of their columns."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import BadUserInputError
from app.records.cost_analysis import Condition, CostDimension, Grouping, TextCondition
from app.records.cost_rollups import LINK_OF, Link
from app.records.cost_scopes import CostScope
from app.repositories.tag_keys import promoted_keys, spreading_keys

MOST_TAGS = 10
SPREADING = (
    "The tag key {} was promoted a short time ago, and past months do not know it yet. Ask again when the last of "
    "`allocationRuns` has SUCCEEDED."
)
_IN_DAILY_SUMS = frozenset({Link.SUMMARY, Link.COST})


def of_charges(conditions: Sequence[Condition], at: tuple[str, ...]) -> tuple[Condition, ...]:
    """The conditions, where single charges can be held against them.

    Raises BadUserInputError at that place of the arguments for a team: what one charge costs may be shared out.
    """
    if any(isinstance(one, TextCondition) and one.of.dimension is CostDimension.TEAM for one in conditions):
        problem = (
            "charges are shared out to teams by day, not one by one. Ask `costs` for what a team bears, and here for "
            "the accounts, services or tags that its allocation rules name"
        )
        raise refusal((*at, "team"), problem)
    return tuple(conditions)


def checked_scope(conditions: Sequence[Condition], at: tuple[str, ...]) -> CostScope:
    """The conditions in order, values sorted, where the sums of each day can be held against them.

    Budgets, forecasts and unit costs are made of these sums. They know the columns that many charges share, and
    promoted tags beside the coarsest of these. Raises BadUserInputError at that place of the arguments.
    """
    checked = [_checked(one, at) for one in conditions]
    tags = [one.of.tag for one in checked if one.of.tag is not None]
    if len(tags) > MOST_TAGS:
        raise refusal((*at, "tags"), f"at most {MOST_TAGS} tags are taken; these are {len(tags)}")
    if len(set(tags)) < len(tags):
        raise refusal((*at, "tags"), "a key stands there twice. Say in one condition all that its value must meet")
    fine = [one.of for one in checked if one.of.dimension is not None and LINK_OF[one.of.dimension] is Link.COST]
    if tags and fine:
        problem = "no sums of days know it beside `tags`. Leave one of them out, or ask `costs`, which takes both"
        raise refusal((*at, field_of(fine[0])), problem)
    return CostScope(tuple(sorted(checked, key=lambda one: (one.of.tag or "", one.of.dimension or ""))))


async def check_tags(session: AsyncSession, organization_id: UUID, scope: CostScope, at: tuple[str, ...]) -> None:
    """Raise BadUserInputError for a tag that is not promoted: the sums of days know of no other."""
    if not scope.tags:
        return
    promoted = set(await promoted_keys(session, organization_id))
    unknown = [key for key in scope.tags if key not in promoted]
    if unknown:
        problem = f"{', '.join(unknown)} is no promoted tag key. Use `setPromotedTagKeys` first"
        raise refusal((*at, "tags"), problem)


async def why_spreading(session: AsyncSession, organization_id: UUID, scope: CostScope) -> str | None:
    """Why the sums of days of a scope are unknown for now: past months do not have one of its tags. None otherwise."""
    if not scope.tags:
        return None
    unknown = sorted(await spreading_keys(session, organization_id) & scope.tags.keys())
    return SPREADING.format(unknown[0]) if unknown else None


def field_of(of: Grouping) -> str:
    """The field of `CostFilter` by which something is chosen."""
    if of.dimension is None:
        return "tags"
    first, *others = of.dimension.value.split("_")
    return first + "".join(part.capitalize() for part in others)


def said_nothing(condition: TextCondition) -> bool:
    """Whether a condition lets all charges pass because nothing is given of it."""
    return (condition.in_, condition.not_in, condition.contains, condition.exists) == (None,) * 4


def refusal(path: tuple[str, ...], problem: str) -> BadUserInputError:
    """The error at a place of the arguments."""
    return BadUserInputError(f"`{'.'.join(path)}`: {problem}.", path=path)


def _checked(condition: Condition, at: tuple[str, ...]) -> TextCondition:
    """A condition that sums of days can be held against, its values sorted."""
    if not isinstance(condition, TextCondition):
        first, *others = condition.column.split("_")
        path = (*at, first + "".join(part.capitalize() for part in others))
        problem = "sums of days know nothing of single charges. Leave it out, or ask `costs`, which does"
        raise refusal(path, problem)
    path = (*at, field_of(condition.of))
    dimension = condition.of.dimension
    if dimension is not None and LINK_OF[dimension] not in _IN_DAILY_SUMS:
        problem = (
            "sums of days do not know it. Choose charges by provider, account, service, region, category, commitment "
            "or a promoted tag instead, or ask `costs`, which knows it"
        )
        raise refusal(path, problem)
    if said_nothing(condition):
        raise refusal(path, "it says nothing: give `eq`, `in`, `notIn`, `contains` or `exists`")
    among, besides = (None if values is None else tuple(sorted(set(values))) for values in _lists(condition))
    if among == () or besides == ():
        raise refusal(path, "a list needs a value")
    return TextCondition(condition.of, among, besides, condition.contains, condition.exists)


def _lists(condition: TextCondition) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    return condition.in_, condition.not_in
