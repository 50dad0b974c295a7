"""The weights and sizes of a schema, as numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

from graphql import GraphQLField, GraphQLNamedType, get_named_type

from app.server.costs.derived import DEFINITION
from app.server.costs.directives import Cost, ListSize, said

INTROSPECTION = {"__schema": 100, "__type": 10}
"""Of the fields that tell of the schema, with all under them: 30 and 1 ms."""


class Sized(NamedTuple):
    """How long a list is, the field's own or `fields` in it: the largest of these arguments, or what is assumed."""

    arguments: tuple[str, ...]
    assumed: int
    fields: frozenset[str]


def weight_of(declared: Any, otherwise: int) -> int:
    """The weight of what a field, type or argument declares. ValueError for what is no whole number."""
    cost = said(declared.extensions.get(DEFINITION), Cost)
    return otherwise if cost is None else int(cost.weight)


def weight_of_type(type_: GraphQLNamedType) -> int:
    """The weight of a value: 1 for objects, 0 for scalars and enums, unless the type says another."""
    return weight_of(type_, int(hasattr(type_, "fields") or hasattr(type_, "types")))


def size_of(field: GraphQLField) -> Sized | None:
    """What a field says of the length of its list; None where it says nothing."""
    size = said(field.extensions.get(DEFINITION), ListSize)
    if size is None:
        return None
    return Sized(tuple(size.slicing_arguments or ()), size.assumed_size or 0, frozenset(size.sized_fields or ()))


def weighs_inside(type_: Any) -> bool:
    """Whether values of an input type may hold something that has a weight."""
    return _weighs_inside(get_named_type(type_), set())


def _weighs_inside(type_: Any, seen: set[str]) -> bool:
    fields = getattr(type_, "fields", None)
    if not fields or type_.name in seen:
        return False
    seen.add(type_.name)
    return any(weight_of(field, 0) > 0 or _weighs_inside(get_named_type(field.type), seen) for field in fields.values())
