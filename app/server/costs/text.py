"""Directives in a schema's text: graphql-core's printer, which also sorts, leaves them out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphql import parse, print_ast

Place = tuple[str, ...]

_KEPT_BY_PRINTER = frozenset({"deprecated", "specifiedBy", "oneOf"})


def with_directives(text: str, source: str) -> str:
    """The first text of a schema with the directives that the second one has at the same places."""
    found = {
        place: "".join(f" {print_ast(each)}" for each in node.directives if each.name.value not in _KEPT_BY_PRINTER)
        for place, node in _places(source)
        if node.directives
    }
    added = sorted((_end(node), found[place]) for place, node in _places(text) if place in found)
    pieces, before = [], 0
    for at, directives in added:
        pieces += [text[before:at], directives]
        before = at
    return "".join([*pieces, text[before:]])


def _places(text: str) -> Iterator[tuple[Place, Any]]:
    for definition in parse(text).definitions:
        yield from _below((), definition)


def _below(above: Place, node: Any) -> Iterator[tuple[Place, Any]]:
    """A definition and what stands in it: fields, arguments, values."""
    if getattr(node, "name", None) is None or not hasattr(node, "directives"):
        return
    place = (*above, node.name.value)
    yield place, node
    for key in ("fields", "arguments", "values"):
        for child in getattr(node, key, None) or ():
            yield from _below(place, child)


def _end(node: Any) -> int:
    """Where the directives of a definition go: behind its name and interfaces, or behind all of a field."""
    end: int
    if not node.kind.endswith("type_definition"):
        end = node.loc.end
    else:
        last = (*(getattr(node, "interfaces", None) or ()), *(node.directives or ()))
        end = max(each.loc.end for each in (node.name, *last))
    return end
