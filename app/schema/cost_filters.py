"""The one filter of costs: which charges count, by any column of FOCUS, an amount, a moment or a tag."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import strawberry
from strawberry.utils.str_converters import to_camel_case

from app.costs.allocation.tag_keys import normal_key
from app.costs.analysis.plan import MOST_CONDITIONS
from app.errors import BadUserInputError
from app.records.cost_analysis import (
    AmountCondition,
    Condition,
    CostDimension,
    CostMeasure,
    Grouping,
    MomentCondition,
    TextCondition,
)
from app.schema.charges import Charge
from app.schema.enums import graph_enum
from app.schema.filters import TAGS, WHERE, bounded, refuse_unstorable
from app.schema.node import parse_id

LONGEST_KEY = 256
_OWN = {
    CostDimension.DATASET: "The stream of rows it arrived in, as its sender named it.",
    CostDimension.ACCOUNT: "The account that it belongs to: SubAccountId, or BillingAccountId where there is none.",
    CostDimension.TEAM: "The team that bears it by the organization's allocation rules; its key is the team's id. With "
    "provider, accounts, service, charge category and currency only.",
}


def _descriptions() -> dict[CostDimension, str]:
    """What each dimension is: FOCUS's columns as `Charge` describes them."""
    columns = {field.python_name: field.description for field in Charge.__strawberry_definition__.fields}  # type: ignore[attr-defined]
    return {one: _OWN.get(one) or columns[one.value] for one in CostDimension}


DESCRIPTIONS = _descriptions()
graph_enum(
    CostDimension,
    "What costs are grouped by: columns of FOCUS, and three of our own.",
    **{one.name: description for one, description in DESCRIPTIONS.items()},
)


def checked_key(key: str, path: tuple[str, ...]) -> str:
    """A key of a tag or detail. Raises BadUserInputError for one that is empty, too long or unstorable."""
    refuse_unstorable([key], path[-1], path[:-1])
    if not 1 <= len(key.strip()) <= LONGEST_KEY:
        message = f"A key has 1 to {LONGEST_KEY} characters."
        raise BadUserInputError(message, path=path)
    return key


@strawberry.input(description="Conditions on a text of each charge; all that are given must hold.")
class CostTextFilter:
    """See app.records.cost_analysis.TextCondition."""

    eq: str | None = strawberry.field(default=None, description="Equals this.")
    in_: list[str] | None = strawberry.field(default=None, name="in", description="Equals one of these (at most 200).")
    not_in: list[str] | None = strawberry.field(
        default=None, description="Equals none of these (at most 200); a charge without a value passes."
    )
    contains: str | None = strawberry.field(default=None, description="Contains this, whatever the case.")
    exists: bool | None = strawberry.field(default=None, description="Whether the charge has a value at all.")

    def condition(self, of: Grouping, name: str, at: tuple[str, ...]) -> TextCondition:
        """The record. Raises BadUserInputError for lists that are too long, or what no row can hold."""
        refuse_unstorable([self.eq, self.contains, *(self.in_ or ()), *(self.not_in or ())], name, at)
        among, besides = bounded(self.in_, name, at), bounded(self.not_in, name, at, "notIn")
        if self.eq is not None:
            among = (self.eq,) if among is None or self.eq in among else ()
        if of.dimension is CostDimension.TEAM:
            path = (*at, name)
            if self.contains is not None:
                message = f"`{'.'.join(path)}` takes the ids of teams; `contains` says nothing of them."
                raise BadUserInputError(message, path=path)
            return TextCondition(of, _team_keys(among, path), _team_keys(besides, path), None, self.exists)
        return TextCondition(of, among, besides, self.contains, self.exists)


def _team_keys(ids: Sequence[str] | None, path: tuple[str, ...]) -> tuple[str, ...] | None:
    return None if ids is None else tuple(str(parse_id(one, "Team", path=path).id) for one in ids)


@strawberry.input(description="A condition on a tag of each charge; all that is given must hold.")
class CostTagFilter(CostTextFilter):
    """The same on a tag."""

    key: str = strawberry.field(description="Key of the tag; case and blanks do not matter.")


@strawberry.input(description="Conditions on an amount of each single charge; one without the amount does not pass.")
class CostAmountFilter:
    """See app.records.cost_analysis.AmountCondition."""

    gt: Decimal | None = strawberry.field(default=None, description="More than this.")
    gte: Decimal | None = strawberry.field(default=None, description="This much or more.")
    lt: Decimal | None = strawberry.field(default=None, description="Less than this.")
    lte: Decimal | None = strawberry.field(default=None, description="This much or less.")


@strawberry.input(description="Conditions on a start or end of each single charge.")
class CostMomentFilter:
    """See app.records.cost_analysis.MomentCondition."""

    gte: datetime | None = strawberry.field(default=None, description="At this moment or later.")
    lt: datetime | None = strawberry.field(default=None, description="Before this moment.")
    lte: datetime | None = strawberry.field(default=None, description="At this moment or before.")


_MOMENTS = (
    CostDimension.BILLING_PERIOD_START,
    CostDimension.BILLING_PERIOD_END,
    CostDimension.CHARGE_PERIOD_START,
    CostDimension.CHARGE_PERIOD_END,
)
_PRICES = (
    CostDimension.LIST_UNIT_PRICE,
    CostDimension.CONTRACTED_UNIT_PRICE,
    CostDimension.PRICING_CURRENCY_LIST_UNIT_PRICE,
    CostDimension.PRICING_CURRENCY_CONTRACTED_UNIT_PRICE,
)
_AMOUNTS = {one.value for one in (*_PRICES, *CostMeasure)} - {CostMeasure.CHARGE_COUNT.value}


def _conditions() -> Any:
    """A class with a field for each dimension and amount, described as FOCUS describes them."""
    kinds: dict[str, Any] = {one.value: CostTextFilter for one in CostDimension}
    kinds |= {one.value: CostMomentFilter for one in _MOMENTS} | dict.fromkeys(sorted(_AMOUNTS), CostAmountFilter)
    columns = {field.python_name: field.description for field in Charge.__strawberry_definition__.fields}  # type: ignore[attr-defined]
    described = columns | {one.value: description for one, description in DESCRIPTIONS.items()}
    fields = {name: strawberry.field(default=None, description=described[name]) for name in kinds}
    annotations = {name: kind | None for name, kind in kinds.items()}
    namespace = {"__annotations__": annotations, "__module__": __name__, "__doc__": "One condition a column."}
    return strawberry.input(type("CostConditions", (), namespace | fields))


_CONDITIONS: Any = _conditions()


@strawberry.input(description="Which charges; all conditions must hold, at most 50.")
class CostFilter(_CONDITIONS):  # type: ignore[misc]
    """A field for each dimension of costs, and conditions on tags."""

    tags: list[CostTagFilter] | None = strawberry.field(default=None, description="Conditions on tags; all must hold.")


def conditions_of(where: CostFilter | None, at: tuple[str, ...] = WHERE) -> tuple[Condition, ...]:
    """The conditions of a filter that stands there among the arguments; keys of tags are in their normal form.

    Raises BadUserInputError for what cannot be asked of any charge.
    """
    found = tuple(_of_filter(where, at)) if where is not None else ()
    if len(found) > MOST_CONDITIONS:
        message = f"`{'.'.join(at)}` has {len(found)} conditions; at most {MOST_CONDITIONS} are answered at a time."
        raise BadUserInputError(message, path=at)
    return found


def _of_filter(where: CostFilter, at: tuple[str, ...]) -> Iterator[Condition]:
    for name, value in vars(where).items():
        if value is None:
            continue
        if name == TAGS:
            for tag in value:
                key = normal_key(checked_key(tag.key, (*at, TAGS)))
                yield tag.condition(Grouping(tag=key), TAGS, at)
        elif isinstance(value, CostTextFilter):
            yield value.condition(Grouping(CostDimension(name)), to_camel_case(name), at)
        elif any(bound is not None for bound in vars(value).values()):
            yield (MomentCondition if isinstance(value, CostMomentFilter) else AmountCondition)(name, **vars(value))
