"""Code that completes scalars and enums: the usual kind of value in place, any other by graphql-core's own function."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson
from graphql import GraphQLEnumType, GraphQLLeafType

from app.execution.code import As, Bail, Now, Reason, Source

# The test that a value is of the usual kind; what it becomes then. orjson writes moments in UTC and days as our scalars
# do, for the executor asks it for `Z`.
_USUAL: dict[str, tuple[str, str]] = {
    "String": ("{}.__class__ is str", "{v}"),
    "ID": ("{}.__class__ is str", "{v}"),
    "Boolean": ("{}.__class__ is bool", "{v}"),
    "Int": ("{}.__class__ is int", "({v} if -2147483648 <= {v} <= 2147483647 else {slow})"),
    "BigInt": ("{}.__class__ is int", "{v}"),
    # Neither infinite nor no number, which JSON has not.
    "Float": ("{}.__class__ is float", "({v} if {v} - {v} == 0.0 else {slow})"),
    "Decimal": ("{}.__class__ is Decimal", 'format({v}, "f")'),
    "DateTime": ("{}.__class__ is datetime", "({v} if {v}.tzinfo is UTC else {slow})"),
    "Date": ("{}.__class__ is date", "{v}"),
}
# What a schema's own scalar has to write for the usual way to be its way.
_PROOFS: dict[str, tuple[object, str]] = {
    "Decimal": (Decimal("1.20E+2"), "120"),
    "DateTime": (datetime(2026, 1, 2, 3, 4, 5, 60, UTC), "2026-01-02T03:04:05.000060Z"),
    "Date": (date(2026, 1, 2), "2026-01-02"),
}
# How a column's value arrives (app.repositories.kept_statements: as text); as it is where nothing is said.
_STORED = {"JSON": "Fragment({})", "JSONObject": "Fragment({})"}
_USUAL_MOMENTS = (22, 29)


def leaf(type_: GraphQLLeafType, *, required: bool, source: Source) -> Now:
    """Code that completes a value of a scalar or an enum."""
    value = source.fresh("v")
    slow = f"{source.bind(_slow(type_.coerce_output_value, required=required), 'slow')}({value})"
    if isinstance(type_, GraphQLEnumType):
        kinds = source.bind(frozenset({_members(type_)}), "kinds")
        return Now(value, f"{{}}.__class__ in {kinds}", f"{source.bind(enum_names(type_), 'names')}[{value}]", slow)
    if type_.name not in _USUAL or not _writes_as_usual(type_):
        return Now(value, "{} is not None", slow, slow)
    test, body = _USUAL[type_.name]
    return Now(value, test, body.format(v=value, slow=slow), slow)


def stored_leaf(type_: GraphQLLeafType, *, required: bool, source: Source) -> Now | As:
    """The same of a column's value: the table vouches for its kind, and that it is there where it must be."""
    value = source.fresh("v")
    if type_.name == "Float" or not _writes_as_usual(type_):
        return leaf(type_, required=required, source=source)
    if type_.name == "DateTime":
        return _stored_moment(value, required=required)
    template = _STORED.get(type_.name, "{}")
    if isinstance(type_, GraphQLEnumType):
        names = {member.value: name for member, name in enum_names(type_).items()}
        template = f"{source.bind(names, 'names')}[{{}}]"
    if required or template == "{}":
        return As(value, template)
    return Now(value, "{} is not None", template.format(value), "None")


def _stored_moment(value: str, *, required: bool) -> Now:
    """A moment as PostgreSQL writes it in UTC, `2026-11-01 08:15:00+00`: mostly whole, or with six digits behind."""
    usual = f'f"{{{value}[:10]}}T{{{value}[11:-3]}}Z"'
    if required:
        return Now(value, f"len({{}}) in {_USUAL_MOMENTS}", usual, f"moment({value})")
    body = f"({usual} if len({value}) in {_USUAL_MOMENTS} else moment({value}))"
    return Now(value, "{} is not None", body, "None")


def moment(written: str) -> str:
    """The text of a moment with a fraction of a second, of which PostgreSQL leaves out the last zeros."""
    if written[19] != "." or not written.endswith("+00"):
        raise Bail(Reason.TYPE)
    return f"{written[:10]}T{written[11:19]}.{written[20:-3]:0<6}Z"


def enum_names(type_: GraphQLEnumType) -> dict[Any, str]:
    """The names of an enum's values by its members."""
    return {member: type_.coerce_output_value(member) for member in _members(type_)}  # type: ignore[attr-defined]


def _writes_as_usual(type_: GraphQLLeafType) -> bool:
    """Whether a scalar of a name writes its values as ours of that name does."""
    value, text = _PROOFS.get(type_.name, (None, ""))
    return value is None or type_.coerce_output_value(value) == text


def _members(type_: GraphQLEnumType) -> type:
    members: type = type_.wrapped_cls  # type: ignore[attr-defined]  # of Strawberry's enum types
    return members


def _slow(serialize: Callable[[Any], Any], *, required: bool) -> Callable[[Any], Any]:
    def complete(value: Any) -> Any:
        found = None if value is None else serialize(value)
        if found is None and (required or value is not None):
            raise Bail(Reason.NULL)
        return found

    return complete


NAMES: dict[str, Any] = {
    "Decimal": Decimal,
    "Fragment": orjson.Fragment,
    "UTC": UTC,
    "date": date,
    "datetime": datetime,
    "moment": moment,
}
"""What the code of leaves names."""
