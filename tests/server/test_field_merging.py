"""Our merge rule decides as graphql-core's does, on documents made at random, and takes linear time."""

from __future__ import annotations

import pytest
from graphql import (
    FieldsOnCorrectTypeRule,
    GraphQLError,
    OverlappingFieldsCanBeMergedRule,
    ValidationContext,
    build_schema,
    parse,
    validate,
)
from hypothesis import given, settings
from hypothesis import strategies as some

from app.errors import ErrorCode
from app.server.merging import LOOKS, FieldsMergeRule

GRAPH = build_schema("""
  interface Node { id: ID! name(first: Int, where: Where): String peer: Node peers: [Node!]! }
  type A implements Node { id: ID! name(first: Int, where: Where): String peer: A peers: [Node!]! size: Int other: B }
  type B implements Node { id: ID! name(first: Int, where: Where): String peer: B peers: [Node!]! size: Int! other: A }
  type C implements Node { id: ID! name(first: Int, where: Where): String peer: Node peers: [Node!]! size: String }
  union Thing = A | B
  input Where { x: Int, y: [Int] }
  type Query { node: Node a: A b: B things: [Thing] id: ID name(first: Int, where: Where): String }
  type Subscription { node: Node }
""")


def errors(text: str) -> list[GraphQLError]:
    return validate(GRAPH, parse(text), [FieldsMergeRule])


@pytest.mark.parametrize(
    "text",
    [
        "{ a { id id x: name x: name } }",
        "{ a { name(first: 1) name(first:1) } }",
        "{ name(where: {x: 1, y: [1, 2]}) name(where: { y: [1 2] x: 1 }) }",
        "{ node { ... on A { x: id } ... on B { x: id } ... on C { x: id } } }",
        "{ node { ... on A { x: name(first: 1) } ... on B { x: name(first: 2) } } }",
        "{ a { id } a { name } ...q } fragment q on Query { a { peer { id } } }",
        "query ($n: Int) { name(first: $n) name(first: $n) }",
    ],
)
def test_what_may_be_merged(text: str) -> None:
    assert errors(text) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{ x: id x: name }", "'id' and 'name' are different fields"),
        ("{ name(first: 1) name(first: 2) }", "they have differing arguments"),
        ("{ name(first: 1) name }", "they have differing arguments"),
        ("query ($a: Int, $b: Int) { name(first: $a) name(first: $b) }", "they have differing arguments"),
        ("{ node { ... on A { size } ... on B { size } } }", "they return conflicting types 'Int' and 'Int!'"),
        ("{ node { ... on A { size } ... on C { size } } }", "they return conflicting types 'Int' and 'String'"),
        ("{ node { ... on A { x: peers { id } } ... on B { x: peer { id } } } }", "they return conflicting types"),
        ("{ node { x: id ... on A { x: name } } }", "'id' and 'name' are different fields"),
        ("{ a { peer { x: id } } a { peer { x: name } } }", "'id' and 'name' are different fields"),
        ("{ ...f a { x: name } } fragment f on Query { a { x: id } }", "are different fields"),
        (
            "{ node { ... on A { other { x: size } } ... on B { other { x: size } } } }",
            "they return conflicting types 'Int!' and 'Int'",
        ),
    ],
)
def test_what_may_not(text: str, reason: str) -> None:
    found = errors(text)
    assert len(found) == 1
    assert reason in found[0].message
    assert len(found[0].locations or ()) == 2


_leaf = some.sampled_from(
    [
        *("id", "x: id", "name", "x: name", "name(first: 1)", "name(first: 2)", "size", "x: size"),
        *("x: name(where: {x: 1, y: 2})", "x: name(where: {y: 2, x: 1})", "__typename", "x: __typename"),
    ]
)
_composite = (
    "peer",
    "x: peer",
    "peers",
    "x: peers",
    "other",
    "x: other",
    "... on A",
    "... on B",
    "... on C",
    "... on Node",
)


def _selections(children: some.SearchStrategy[str]) -> some.SearchStrategy[str]:
    nested = some.builds(lambda head, inner: f"{head} {{ {inner} }}", some.sampled_from(_composite), children)
    one = some.one_of(_leaf, some.sampled_from(["...f", "...g", "...h"]), nested)
    return some.lists(one, min_size=1, max_size=4).map(" ".join)


_selection = some.recursive(some.lists(_leaf, min_size=1, max_size=3).map(" ".join), _selections, max_leaves=12)


@settings(max_examples=150, deadline=None)
@given(_selection, _selection, _selection, _selection, some.sampled_from(["node", "a", "b", "things"]))
def test_it_agrees_with_graphql_core(one: str, f: str, g: str, h: str, root: str) -> None:
    # Fragments may only spread later ones, so that there are no cycles.
    f = f.replace("...f", "id")
    g = g.replace("...f", "id").replace("...g", "id")
    h = h.replace("...f", "id").replace("...g", "id").replace("...h", "id")
    definitions = " ".join(f"fragment {name} on Node {{ {text} }}" for name, text in (("f", f), ("g", g), ("h", h)))
    # Fragments that nobody uses are not ours to judge.
    text = f"{{ {root} {{ __typename {one} }} all: node {{ ...f ...g ...h }} }} {definitions}"
    document = parse(text)
    theirs = validate(GRAPH, document, [OverlappingFieldsCanBeMergedRule])
    ours = validate(GRAPH, document, [FieldsMergeRule])
    assert bool(ours) == bool(theirs), text


def test_it_may_be_called_only_where_fields_exist() -> None:
    text = "{ nope nope { id } ... on Nope { x: id } a { nope } x: name }"
    assert validate(GRAPH, parse(text), [FieldsMergeRule, FieldsOnCorrectTypeRule])


def looks(count: int) -> int:
    """How many fields the rule looks at for a number of equal fields with sub-selections."""
    rules: list[FieldsMergeRule] = []

    class Rule(FieldsMergeRule):
        def __init__(self, context: ValidationContext) -> None:
            super().__init__(context)
            rules.append(self)

    document = parse("{ " + "a { id peer { id name(first: 1) } } " * count + "}")
    assert validate(GRAPH, document, [Rule]) == []
    return LOOKS - rules[0]._looks_left


def test_equal_fields_take_linear_time() -> None:
    assert looks(800) == 8 * looks(100) == 800 * 10


def test_too_many_types_are_refused() -> None:
    names = [f"T{number}" for number in range(60)]
    types = "\n".join(f"type {name} implements I {{ i: I j: ID }}" for name in names)
    schema = build_schema(f"interface I {{ i: I j: ID }} {types} type Query {{ i: I }}")
    selection = "j"
    for _ in range(4):
        selection = f"i {{ {selection} }} " + " ".join(f"... on {name} {{ i {{ j }} }}" for name in names[:40])
    found = validate(schema, parse(f"{{ i {{ {selection} }} }}"), [FieldsMergeRule])
    assert [error.extensions for error in found] == [{"code": ErrorCode.DOCUMENT_LIMIT_EXCEEDED}]
