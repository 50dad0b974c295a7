"""What follows from the shape of a schema, and need not be written beside each field.

An object weighs 1. Those that lead no further weigh nothing (an amount with its currency, a point of a series): they
are part of what holds them. Nor do connections, their edges and page info, so that a page costs what its rows cost.
A field with `first` has as many items; all other lists of what weighs something must say how long they get. A mutation
weighs 10.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import strawberry
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_interface_type,
    is_object_type,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter

from app.server.costs.directives import Cost, ListSize, said, sized_by, weighs

DEFINITION = GraphQLCoreConverter.DEFINITION_BACKREF
CONNECTION = frozenset({"nodes", "pageInfo"})
EDGE = frozenset({"node", "cursor"})
PAGE_INFO = frozenset({"hasNextPage", "endCursor"})
OF_MUTATION = 10

Composite = GraphQLObjectType | GraphQLInterfaceType


def declare_costs(schema: strawberry.Schema, *, page: int) -> None:
    """Give the fields and types of a schema the directives that follow from its shape.

    A connection has `page` rows where nothing else is asked. Raises ValueError that names the lists whose length
    nothing says.
    """
    types = list(_composites(schema))
    for type_ in types:
        for field in type_.fields.values():
            _declare_size(field, page)
    acts = schema._schema.mutation_type  # noqa: SLF001
    for field in acts.fields.values() if acts is not None else ():
        _declare(field, weighs(OF_MUTATION))
    parts = _parts(types)
    for type_ in types:
        if isinstance(type_, GraphQLObjectType) and (type_.name in parts or _is_wrapping(type_)):
            _declare(type_, weighs(0))
    unsized = [f"{type_.name}.{name}" for type_, name, item in _unsized(types) if item.name not in parts]
    if unsized:
        message = f"how many items these lists have at most is not said (`directives=[at_most(…)]`): {unsized}"
        raise ValueError(message)


def is_list(type_: Any) -> bool:
    """Whether values of a type are lists."""
    return isinstance(type_.of_type if isinstance(type_, GraphQLNonNull) else type_, GraphQLList)


def is_leaf(field: GraphQLField) -> bool:
    """Whether a field gives scalars or enums."""
    return not hasattr(get_named_type(field.type), "fields") and not hasattr(get_named_type(field.type), "types")


def _composites(schema: strawberry.Schema) -> Iterator[Composite]:
    for name, type_ in schema._schema.type_map.items():  # noqa: SLF001 - Strawberry names no public way
        if (is_object_type(type_) or is_interface_type(type_)) and not name.startswith("__"):
            yield type_


def _declare_size(field: GraphQLField, page: int) -> None:
    """The size of a field with `first`, unless it says another."""
    declared = field.extensions.get(DEFINITION)
    if declared is None or "first" not in field.args or said(declared, ListSize) is not None:
        return
    if is_list(field.type):
        size = sized_by("first")
    elif CONNECTION.issubset(getattr(get_named_type(field.type), "fields", ())):
        size = sized_by("first", "last", assumed=page, fields=("edges", "nodes"))
    else:
        return
    _declare(field, size)


def _declare(declared: GraphQLField | GraphQLObjectType, directive: Cost | ListSize) -> None:
    """Add a directive, unless one of its kind is there."""
    definition = declared.extensions[DEFINITION]
    if said(definition, type(directive)) is None:
        definition.directives = [*(definition.directives or ()), directive]


def _is_wrapping(type_: Composite) -> bool:
    return any(names <= set(type_.fields) for names in (CONNECTION, EDGE, PAGE_INFO))


def _unsized(types: list[Composite]) -> Iterator[tuple[Composite, str, GraphQLNamedType]]:
    """Lists of objects of whose length nothing is said: the type, the field, what is in them."""
    inside = set(_sized_inside(types))
    for type_ in types:
        for name, field in type_.fields.items():
            sized = said(field.extensions.get(DEFINITION), ListSize) is not None or (type_.name, name) in inside
            if is_list(field.type) and not is_leaf(field) and not sized:
                yield type_, name, get_named_type(field.type)


def _sized_inside(types: list[Composite]) -> Iterator[tuple[str, str]]:
    """Lists of which the field says the length that gives their object."""
    for type_ in types:
        for field in type_.fields.values():
            size = said(field.extensions.get(DEFINITION), ListSize)
            for name in (size.sized_fields or ()) if size is not None else ():
                yield get_named_type(field.type).name, name


def _parts(types: list[Composite]) -> set[str]:
    """Object types that are parts of what holds them: those in lists of unsaid length, and all that these lead to."""
    by_name = {type_.name: type_ for type_ in types}
    ending = _ending(types)
    found: set[str] = set()
    pending = [item.name for _, _, item in _unsized(types)]
    while pending:
        name = pending.pop()
        if name in ending and name not in found:
            found.add(name)
            pending.extend(get_named_type(field.type).name for field in by_name[name].fields.values())
    return found


def _ending(types: list[Composite]) -> set[str]:
    """Object types that lead no further: to no node, to no list of a length, to nothing that has a cost of its own."""
    by_name = {type_.name: type_ for type_ in types if isinstance(type_, GraphQLObjectType)}
    rows = {item for type_ in types for field in type_.fields.values() for item in _rows(type_, field)}
    found = {name for name, type_ in by_name.items() if name not in rows and "id" not in _interface_fields(type_)}
    while True:
        further = {name for name in found if any(_leads_on(field, found) for field in by_name[name].fields.values())}
        if not further:
            return found
        found -= further


def _rows(type_: Composite, field: GraphQLField) -> Iterator[str]:
    """What is in lists of which a length is said."""
    item = get_named_type(field.type)
    sized = said(field.extensions.get(DEFINITION), ListSize)
    if (sized is not None and not sized.sized_fields) or (_is_wrapping(type_) and is_list(field.type)):
        yield item.name


def _interface_fields(type_: GraphQLObjectType) -> set[str]:
    return {name for interface in type_.interfaces for name in interface.fields}


def _leads_on(field: GraphQLField, ending: set[str]) -> bool:
    declared = field.extensions.get(DEFINITION)
    if said(declared, Cost) is not None or said(declared, ListSize) is not None:
        return True
    return not is_leaf(field) and get_named_type(field.type).name not in ending
