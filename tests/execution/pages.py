"""Where the graph has lists of which a caller says how long: every place, the way there, and a document that asks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_object_type,
    is_required_argument,
)

DEEPEST = 2
"""So many fields below a row are those that are asked for: an account of a resource, and the checks of that."""
# What fields need. A new one below a row has to be entered here.
GIVEN = {
    "Account.costs": "period: {name: LAST_MONTH}",
    "Organization.commitments": "period: {name: LAST_MONTH}",
    "Query.organization": "slug: $slug",
    "Resource.costs": "period: {name: LAST_MONTH}",
    "Team.costs": "period: {name: LAST_MONTH}",
}
# An organization has statements of its own, since each is a tenant: of many in a list only what is told without.
ALONE = "Organization"


@dataclass(frozen=True)
class Step:
    """A field on the way."""

    type: GraphQLObjectType
    name: str

    @property
    def field(self) -> GraphQLField:
        """Its definition."""
        found: GraphQLField = self.type.fields[self.name]
        return found

    @property
    def place(self) -> str:
        """As people write it."""
        return f"{self.type.name}.{self.name}"

    @property
    def can_be_asked(self) -> bool:
        """Whether all is there that it needs."""
        return self.place in GIVEN or not any(map(is_required_argument, self.field.args.values()))

    @property
    def takes_first(self) -> bool:
        """Whether a caller says how many rows it wants."""
        return "first" in self.field.args

    @property
    def is_connection(self) -> bool:
        """Whether its rows are `nodes`."""
        named = get_named_type(self.field.type)
        return is_object_type(named) and "nodes" in named.fields

    @property
    def rows(self) -> Any:
        """The type of its rows, or of what else it gives."""
        named: Any = get_named_type(self.field.type)
        return get_named_type(named.fields["nodes"].type) if self.is_connection else named


Way = tuple[Step, ...]


def ways(schema: GraphQLSchema) -> Iterator[Way]:
    """The shortest way from the root to each field that takes `first`, which is the last step."""
    root = schema.query_type
    assert root is not None
    known, waiting = {root.name}, deque[tuple[GraphQLObjectType, Way]]([(root, ())])
    while waiting:
        type_, way = waiting.popleft()
        for step in (Step(type_, name) for name in type_.fields):
            if not step.can_be_asked:
                continue
            if step.takes_first:
                yield (*way, step)
            if is_object_type(step.rows) and step.rows.name not in known:
                known.add(step.rows.name)
                waiting.append((step.rows, (*way, step)))


def document(way: Way, first: int) -> str:
    """A query for so many rows, at each step that has them, with all that is below the last ones."""
    above = {step.type.name for step in way}
    asked = _asked(way[-1], first, above - {way[-1].rows.name}, DEEPEST)
    for step in reversed(way[:-1]):
        below = f"nodes {{ {asked} }}" if step.is_connection else asked
        asked = f"{_head(step, first)} {{ {below} }}"
    return f"query Pages($slug: String!) {{ {asked} }}" if "$slug" in asked else f"query Pages {{ {asked} }}"


def rows_below(way: Sequence[Step], data: Mapping[str, Any] | None) -> int:
    """The most rows that one parent has at the end of the way in an answer."""
    found: list[Any] = [data]
    for step in way:
        found = [parent[step.name] for parent in found if parent is not None]
        if step.is_connection:
            found = [connection["nodes"] for connection in found if connection is not None]
        if step is not way[-1]:
            found = [one for each in found for one in (each if isinstance(each, list) else [each])]
    return max((len(rows) for rows in found if rows is not None), default=0)


def _head(step: Step, first: int) -> str:
    given = [GIVEN[step.place]] if step.place in GIVEN else []
    if step.takes_first:
        given.append(f"first: {first}")
    return f"{step.name}({', '.join(given)})" if given else step.name


def _asked(step: Step, first: int, above: set[str], depth: int) -> str:
    """A field with what is below it; empty where that is nothing."""
    assert step.can_be_asked, f"{step.place} needs arguments: enter them in GIVEN"
    head = _head(step, first)
    if is_leaf_type(step.rows):
        return head
    below = _outline(step.rows, first, above, 0 if step.rows.name == ALONE else depth)
    if not below:
        return ""
    if not step.is_connection:
        return f"{head} {{ {below} }}"
    named: Any = get_named_type(step.field.type)
    own = " ".join(name for name, field in named.fields.items() if is_leaf_type(get_named_type(field.type)))
    return f"{head} {{ {own} pageInfo {{ endCursor hasNextPage }} nodes {{ {below} }} }}"


def _outline(type_: Any, first: int, above: set[str], depth: int) -> str:
    """The fields of a type, without what leads back to where it came from."""
    if not is_object_type(type_):
        return "__typename"
    if type_.name in above:
        return ""
    steps = (Step(type_, name) for name in type_.fields)
    asked = (
        _asked(step, first, above | {type_.name}, depth - 1)
        for step in steps
        if depth > 0 or is_leaf_type(get_named_type(step.field.type))
    )
    return " ".join(filter(None, asked))
