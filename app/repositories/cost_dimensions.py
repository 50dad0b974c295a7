"""The dimensions of costs as SQL: where each stands, its value as text, and conditions on it."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Date,
    DateTime,
    Numeric,
    Select,
    Table,
    Text,
    Uuid,
    all_,
    and_,
    any_,
    bindparam,
    case,
    cast,
    collate,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.models import (
    AllocatedDaily,
    AllocationRun,
    AllocationSet,
    Charge,
    CostDaily,
    CostDim,
    CostImportPeriod,
    DetailDim,
    PromotedTagKey,
    ProviderDaily,
    ResourceDim,
    ResourceMonthly,
    ServiceDaily,
    ServiceMonthly,
    SkuDim,
    SummaryDim,
    SummaryMonthly,
    TagDaily,
    TagServiceDaily,
    TagSet,
    TagTotalDaily,
    TeamDaily,
)
from app.records.allocation import AllocationRunKind, AllocationRunState
from app.records.cost_analysis import (
    AmountCondition,
    Condition,
    CostDimension,
    CostRollup,
    Grouping,
    MomentCondition,
    TextCondition,
)
from app.records.cost_rollups import LINK_OF, ROLLUPS, Link

_ROLLUP_MODELS = (
    ProviderDaily,
    ServiceMonthly,
    SummaryMonthly,
    TeamDaily,
    TagTotalDaily,
    TagServiceDaily,
    ServiceDaily,
    TagDaily,
    AllocatedDaily,
    CostDaily,
    ResourceMonthly,
    Charge,
)
TABLES: Mapping[CostRollup, Table] = {CostRollup(model.__tablename__): model.__table__ for model in _ROLLUP_MODELS}  # type: ignore[misc]
_LINKED: Mapping[Link, Table] = {
    Link.SUMMARY: SummaryDim.__table__,  # type: ignore[dict-item]
    Link.COST: CostDim.__table__,  # type: ignore[dict-item]
    Link.SKU: SkuDim.__table__,  # type: ignore[dict-item]
    Link.RESOURCE: ResourceDim.__table__,  # type: ignore[dict-item]
    Link.TAGS: TagSet.__table__,  # type: ignore[dict-item]
    Link.ALLOCATION: AllocationSet.__table__,  # type: ignore[dict-item]
    Link.DETAIL: DetailDim.__table__,  # type: ignore[dict-item]
    Link.PERIOD: CostImportPeriod.__table__,  # type: ignore[dict-item]
}
# Links that a row may lack: its id is then 0, and no row of the dimension has that.
OPTIONAL = frozenset({Link.SKU, Link.RESOURCE, Link.TAGS, Link.ALLOCATION, Link.DETAIL})
NO_TEAM = UUID(int=0)
_KEYS: Table = PromotedTagKey.__table__  # type: ignore[assignment]
_RUNS: Table = AllocationRun.__table__  # type: ignore[assignment]
_BLANKS = " \t\n\r\v\f"
ESCAPE = "/"
_COMPARISONS = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
_SOME: Mapping[type, Any] = {AmountCondition: Decimal(0), MomentCondition: datetime.min}  # noqa: DTZ901  (any will do)
ORGANIZATION = bindparam("organization", type_=Uuid())
_SHOWN_DAY = "YYYY-MM-DD"
_SHOWN_MOMENT = 'YYYY-MM-DD"T"HH24:MI:SS"Z"'


@dataclass(frozen=True)
class Reading:
    """How one roll-up's rows are read: `base` has its columns by name, `linked` the tables that it leads to.

    The organization is the parameter of that name; values of conditions are those that `condition_values` names. Where
    `values` holds them all they go along, otherwise they are given when the statement is executed.
    """

    rollup: CostRollup
    promoted: frozenset[str]
    base: Any
    linked: Mapping[Link, Any]
    values: Mapping[str, Any] | None = None

    def link_of(self, grouping: Grouping) -> Link | None:
        """Where a grouping's value stands; None for the roll-up itself."""
        if grouping.sku_detail is not None:
            return Link.SKU
        if grouping.tag is not None:
            return Link.ALLOCATION if grouping.tag in self.promoted else Link.TAGS
        dimension = grouping.dimension
        if dimension is None or dimension in ROLLUPS[self.rollup].columns:
            return None
        link = LINK_OF[dimension]
        return None if link in {Link.CHARGE, Link.TEAM} else link

    def column(self, grouping: Grouping) -> ColumnElement[Any]:
        """A grouping's value in its own type, null where unknown."""
        link = self.link_of(grouping)
        if grouping.sku_detail is not None:
            return self.linked[Link.SKU].c.sku_price_details[grouping.sku_detail].astext  # type: ignore[no-any-return]
        if grouping.tag is not None and link is not None:
            tags = self.linked[link].c.tags
            return tags[grouping.tag].astext if link is Link.ALLOCATION else tag_value(tags, grouping.tag)
        dimension = grouping.dimension
        if dimension is CostDimension.ACCOUNT:
            summary = self.linked[Link.SUMMARY].c
            return func.coalesce(summary.sub_account_id, summary.billing_account_id)
        if dimension is CostDimension.TEAM:
            return self._team()
        assert dimension is not None  # noqa: S101  (a grouping has one of the three)
        if link is None:
            column = self.base.c[dimension.value]
            return func.nullif(column, "") if LINK_OF[dimension] is not Link.CHARGE else column
        return self.linked[link].c[dimension.value]  # type: ignore[no-any-return]

    def _team(self) -> ColumnElement[Any]:
        if Link.TEAM not in ROLLUPS[self.rollup].links:
            return cast(None, Text)
        return func.nullif(cast(self.base.c.team_id, Text), str(NO_TEAM))

    def shown(self, grouping: Grouping) -> ColumnElement[Any]:
        """A grouping's value as text; moments in UTC, numbers without trailing zeros."""
        column = self.column(grouping)
        if isinstance(column.type, Numeric):
            return cast(func.trim_scale(column), Text)
        if isinstance(column.type, DateTime):
            return func.to_char(func.timezone("UTC", column), _SHOWN_MOMENT)
        if isinstance(column.type, Date):
            return func.to_char(column, _SHOWN_DAY)
        return column

    def conditions(self, conditions: Sequence[Condition]) -> Iterator[ColumnElement[bool]]:
        """The conditions on rows of the roll-up; those on a linked table as the ids that meet them."""
        for link, clauses, none in self.parted(conditions):
            if link is None:
                yield from clauses
            else:
                yield self.met(link, clauses, none=none)

    def parted(self, conditions: Sequence[Condition]) -> Iterator[tuple[Link | None, list[ColumnElement[bool]], bool]]:
        """The conditions by the table that they concern, None for the roll-up, and whether a row may lack its id."""
        by_link: dict[Link | None, list[int]] = {}
        for number, condition in enumerate(conditions):
            by_link.setdefault(self._stands(condition), []).append(number)
        for link, numbers in by_link.items():
            clauses = [clause for number in numbers for clause in self._clauses(conditions[number], number)]
            yield link, clauses, link in OPTIONAL and all(_allows_none(conditions[number]) for number in numbers)

    def met(self, link: Link, clauses: Sequence[ColumnElement[bool]], *, none: bool) -> ColumnElement[bool]:
        """Whether a row's id is one of those that meet the clauses on a linked table, or where it may, no id at all."""
        column, ids = self.ids(link, clauses)
        met = self.base.c[column.value].in_(ids.correlate(None))
        return or_(met, self.base.c[column.value] == 0) if none else met

    def ids(self, link: Link, clauses: Sequence[ColumnElement[bool]]) -> tuple[Link, Select[tuple[int]]]:
        """The ids that meet the clauses on a linked table, and the column of the roll-up that holds such ids."""
        table, organization = self.linked[link], self._bound(ORGANIZATION.key, Uuid())
        column = Link.COST if link is Link.SUMMARY and Link.SUMMARY.value not in self.base.c else link
        if column is not link:
            cost = self.linked[Link.COST]
            ids = select(cost.c.id).join(
                table, and_(table.c.organization_id == organization, table.c.id == cost.c.summary_dim_id)
            )
            ids = ids.where(cost.c.organization_id == organization, *clauses)
        else:
            ids = select(table.c.id).where(table.c.organization_id == organization, *clauses)
        return column, ids

    def _stands(self, condition: Condition) -> Link | None:
        if isinstance(condition, TextCondition):
            return self.link_of(condition.of)
        if isinstance(condition, MomentCondition):
            return Link.PERIOD if condition.column in self.linked[Link.PERIOD].c else None
        return None if condition.column in self.base.c else Link.SKU

    def _clauses(self, condition: Condition, number: int) -> Iterator[ColumnElement[bool]]:
        if isinstance(condition, TextCondition):
            clauses = self._text_clauses(self.shown(condition.of), condition, number)
            is_raw = self.link_of(condition.of) is Link.TAGS
            yield from [self._of_tag_sets(and_(true(), *clauses), condition, number)] if is_raw else clauses
            return
        link = self._stands(condition)
        column = (self.base if link is None else self.linked[link]).c[condition.column]
        type_: Any = Numeric()
        if isinstance(condition, MomentCondition):
            type_ = DateTime(timezone=True)
            if isinstance(column.type, Date):
                column = func.timezone("UTC", cast(column, DateTime))
        for name, compare in _COMPARISONS.items():
            if getattr(condition, name, None) is not None:
                yield compare(column, self._bound(f"{name}_{number}", type_))

    def _text_clauses(
        self, column: ColumnElement[Any], condition: TextCondition, number: int
    ) -> Iterator[ColumnElement[bool]]:
        if condition.in_ is not None:
            yield column == any_(self._bound(f"in_{number}", ARRAY(Text)))
        if condition.not_in is not None:
            yield or_(column.is_(None), column != all_(self._bound(f"not_in_{number}", ARRAY(Text))))
        if condition.contains is not None:
            yield column.ilike(self._bound(f"contains_{number}", Text()), escape=ESCAPE)
        if condition.exists is not None:
            yield column.is_not(None) if condition.exists else column.is_(None)

    def _of_tag_sets(self, raw: ColumnElement[bool], condition: TextCondition, number: int) -> ColumnElement[bool]:
        """What a condition asks of tag sets: by their allocation set where the key is promoted, else by `raw`.

        Both say the same, but to look into the spellings of 50,000 tag sets takes 600 ms, where this takes 17. A
        promoted key counts once no run is still writing it into the sets of past months, as in `cost_coverage`.
        """
        organization = self._bound(ORGANIZATION.key, Uuid())
        settled = exists().where(
            _KEYS.c.organization_id == organization,
            _KEYS.c.key == condition.of.tag,
            ~exists().where(
                _RUNS.c.organization_id == organization,
                _RUNS.c.kind == AllocationRunKind.TAG_KEYS.value,
                or_(
                    *(_RUNS.c.state == state.value for state in (AllocationRunState.QUEUED, AllocationRunState.RUNNING))
                ),
            ),
        )
        sets = AllocationSet.__table__.alias()
        value = sets.c.tags[condition.of.tag].astext
        met = select(sets.c.id).where(
            sets.c.organization_id == organization, *self._text_clauses(value, condition, number)
        )
        of_set = self.linked[Link.TAGS].c.allocation_id
        held: ColumnElement[bool] = of_set.in_(met.correlate(None))
        return case((settled.correlate(None), or_(held, of_set == 0) if condition.allows_none else held), else_=raw)

    def _bound(self, name: str, type_: Any) -> Any:
        """A parameter, with its value where that goes along."""
        if self.values is None:
            return bindparam(name, type_=type_)
        return bindparam(name, self.values[name], type_=type_)

    def joined(self, statement: Select[Any], links: set[Link]) -> Select[Any]:
        """A statement over the base with the linked tables joined to it."""
        for link in sorted(links, key=list(Link).index, reverse=True):  # cost_dims before summary_dims
            table = self.linked[link]
            through = self.base
            if link is Link.SUMMARY and Link.SUMMARY.value not in self.base.c:
                through = self.linked[Link.COST]
            on = and_(table.c.organization_id == ORGANIZATION, table.c.id == through.c[link.value])
            statement = statement.join(table, on, isouter=link in OPTIONAL)
        return statement


def linked_tables() -> dict[Link, Any]:
    """The tables that roll-ups lead to, under aliases of their own."""
    return {link: table.alias() for link, table in _LINKED.items()}


def tag_value(tags: Any, key: str) -> ColumnElement[Any]:
    """What a tag set says under the normal form of a key, by the rule of `app.costs.allocation.tag_keys`.

    Of several spellings the normal form itself comes first, then the others in the order of their code points; blanks
    around a value and empty values count for nothing.
    """
    entry = func.jsonb_each(tags).table_valued("key", "value", name="entry").render_derived()
    normal = func.lower(func.btrim(func.regexp_replace(entry.c.key, r"\s+", " ", "g")))
    value = func.nullif(func.btrim(entry.c.value.op("#>>")(literal_column("'{}'::text[]")), _BLANKS), "")
    return (
        select(value)
        .select_from(entry)
        .where(*_perhaps(entry.c.key, key), normal == key, value.is_not(None))
        .order_by(entry.c.key != key, collate(entry.c.key, "C"))
        .limit(1)
        .scalar_subquery()
    )


def _perhaps(spelling: ColumnElement[Any], key: str) -> Iterator[ColumnElement[bool]]:
    """What a spelling of a key meets at least, and is sooner asked than its normal form.

    A key without blanks stands in its spellings as it is, whatever the case; letters beyond ASCII may change theirs.
    """
    if key.isascii() and not key.count(" "):
        yield func.strpos(func.lower(spelling), key) > 0


def condition_shape(condition: Condition) -> Condition:
    """The condition with its values left out: equal shapes are the same SQL."""
    if isinstance(condition, TextCondition):
        return replace(
            condition,
            in_=None if condition.in_ is None else (),
            not_in=None if condition.not_in is None else (),
            contains=None if condition.contains is None else "",
        )
    given = {name: None if getattr(condition, name) is None else _SOME[type(condition)] for name in _bounds(condition)}
    return replace(condition, **given)  # type: ignore[arg-type]


def condition_values(condition: Condition, number: int) -> dict[str, Any]:
    """The parameters of a condition, by name."""
    if isinstance(condition, TextCondition):
        found: dict[str, Any] = {
            "in": None if condition.in_ is None else list(condition.in_),
            "not_in": None if condition.not_in is None else list(condition.not_in),
            "contains": None if condition.contains is None else contained(condition.contains),
        }
    else:
        found = {name: getattr(condition, name) for name in _bounds(condition)}
    return {f"{name}_{number}": value for name, value in found.items() if value is not None}


def contained(part: str) -> str:
    """The pattern of texts that contain this one, for LIKE."""
    for special in (ESCAPE, "%", "_"):
        part = part.replace(special, ESCAPE + special)
    return f"%{part}%"


def _bounds(condition: AmountCondition | MomentCondition) -> list[str]:
    return [name for name in _COMPARISONS if hasattr(condition, name)]


def _allows_none(condition: Condition) -> bool:
    return isinstance(condition, TextCondition) and condition.allows_none
