"""What is estimated of documents, and counted of answers, by a schema that is small enough to reckon by hand."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
import strawberry
from graphql import DocumentNode, GraphQLSchema, OperationDefinitionNode, get_variable_values, parse
from strawberry.printer import print_schema

from app.server.costs.derived import declare_costs
from app.server.costs.directives import at_most, sized_by, weighs
from app.server.costs.estimate import CEILING, Estimate, Estimates


@strawberry.interface
class Node:
    id: strawberry.ID


@strawberry.type
class Money:
    amount: str


@strawberry.type
class Crumb(Node):
    name: str


@strawberry.type
class Loaf(Node):
    price: Money
    costs: list[Money]

    @strawberry.field
    def crumbs(self, first: int = 10) -> list[Crumb]:  # noqa: ARG002
        return []

    @strawberry.field(directives=[at_most(7)])
    def makers(self) -> list[Crumb]:
        return []


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class LoafEdge:
    cursor: str
    node: Loaf


@strawberry.type
class LoafConnection:
    nodes: list[Loaf]
    edges: list[LoafEdge]
    page_info: PageInfo

    @strawberry.field(directives=[weighs(5)])
    def total_count(self) -> int:
        return 0


@strawberry.input
class Wish:
    days: int = 1
    groups: int | None = strawberry.field(default=None, directives=[weighs(40)])


@strawberry.type
class Report:
    total: Money
    groups: list[Crumb]


@strawberry.type
class Query:
    @strawberry.field
    def loaves(
        self,
        first: int | None = None,  # noqa: ARG002
        last: int | None = None,  # noqa: ARG002
        after: str | None = None,  # noqa: ARG002
    ) -> LoafConnection | None:
        return None

    @strawberry.field(directives=[weighs(20), sized_by("top", assumed=50, fields=["groups"])])
    def report(
        self,
        top: int | None = None,  # noqa: ARG002
        forecast: Annotated[Wish | None, strawberry.argument(directives=[weighs(100)])] = None,  # noqa: ARG002
    ) -> Report | None:
        return None

    @strawberry.field(directives=[sized_by("ids")])
    def nodes(self, ids: list[strawberry.ID]) -> list[Node | None]:  # noqa: ARG002
        return []


@strawberry.type
class Mutation:
    @strawberry.mutation
    def bake(self) -> Loaf | None:
        return None


def make(query: type = Query) -> strawberry.Schema:
    return strawberry.Schema(query=query, mutation=Mutation, types=[Loaf, Crumb])


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    made = make()
    declare_costs(made, page=25)
    return made._schema


def estimate(schema: GraphQLSchema, text: str, variables: dict[str, Any] | None = None) -> Estimate:
    document = parse(text)
    return Estimates(schema, document, _operation(document)).of(variables or {})


def _operation(document: DocumentNode) -> OperationDefinitionNode:
    return next(each for each in document.definitions if isinstance(each, OperationDefinitionNode))


@pytest.mark.parametrize(
    ("text", "variables", "cost"),
    [
        ("{ __typename }", {}, 1),
        ("{ __schema { types { name } } }", {}, 101),
        # A page costs its rows, however they are asked for; its money is part of them.
        ("{ loaves { nodes { id } } }", {}, 26),
        ("{ loaves(first: 100) { nodes { id price { amount } costs { amount } } } }", {}, 101),
        ("{ loaves(first: 100) { edges { cursor node { id } } pageInfo { endCursor } } }", {}, 101),
        ("{ loaves(last: 3) { totalCount } }", {}, 6),
        ("{ loaves(last: 3, first: 5) { nodes { id } } }", {}, 6),
        ("{ loaves(first: null) { nodes { id } } }", {}, 26),
        ("query ($n: Int) { loaves(first: $n) { nodes { id } } }", {"n": 40}, 41),
        ("query ($n: Int) { loaves(first: $n) { nodes { id } } }", {"n": 40.0}, 41),
        ("query ($n: Int) { loaves(first: $n) { nodes { id } } }", {}, 26),
        ("query ($n: Int) { loaves(first: $n) { nodes { id } } }", {"n": None}, 26),
        ("query ($n: Int = 30) { loaves(first: $n) { nodes { id } } }", {}, 31),
        ("query ($n: Int = 30) { loaves(first: $n) { nodes { id } } }", {"n": 2}, 3),
        ("{ loaves(first: -4) { nodes { id } } }", {}, 1),
        # Lists in lists, with the argument's own default where none is sent.
        ("{ loaves(first: 10) { nodes { crumbs { id } } } }", {}, 1 + 10 + 100),
        ("{ loaves(first: 10) { nodes { crumbs(first: 3) { id } makers { id } } } }", {}, 1 + 10 + 30 + 70),
        ("query ($n: Int!) { loaves(first: 10) { nodes { crumbs(first: $n) { id } } } }", {"n": 2}, 1 + 10 + 20),
        ("query ($n: Int! = 4) { loaves(first: 10) { nodes { crumbs(first: $n) { id } } } }", {}, 1 + 10 + 40),
        # Fields, arguments and what stands in them.
        ("{ report { total { amount } } }", {}, 1 + 20 + 1),
        ("{ report { groups { id } } }", {}, 1 + 20 + 1 + 50),
        ("{ report(top: 3) { groups { id } } }", {}, 1 + 20 + 1 + 3),
        ("{ report(forecast: {}) { total { amount } } }", {}, 1 + 120 + 1),
        ("{ report(forecast: null) { total { amount } } }", {}, 1 + 20 + 1),
        ("{ report(forecast: {days: 2, groups: 1}) { total { amount } } }", {}, 1 + 160 + 1),
        ("query ($f: Wish) { report(forecast: $f) { total { amount } } }", {"f": {"groups": 1}}, 1 + 160 + 1),
        ("query ($f: Wish) { report(forecast: $f) { total { amount } } }", {}, 1 + 20 + 1),
        ("query ($g: Int) { report(forecast: {groups: $g}) { total { amount } } }", {"g": 1}, 1 + 160 + 1),
        ("query ($g: Int) { report(forecast: {groups: $g}) { total { amount } } }", {}, 1 + 120 + 1),
        # Of types that may be found the dearest; a list of ids counts with its length.
        ('{ nodes(ids: ["a", "b"]) { id } }', {}, 3),
        ('{ nodes(ids: "a") { id } }', {}, 2),
        ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["a", "b", "c"]}, 4),
        ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": "a"}, 2),
        ('{ nodes(ids: ["a", "b"]) { ... on Loaf { makers { id } } ... on Crumb { name } } }', {}, 1 + 2 + 14),
        # Equal fields are one, aliases are several, and what is left out costs nothing.
        ("{ loaves { nodes { id } } loaves { nodes { price { amount } } } }", {}, 26),
        ("{ loaves { nodes { id } } again: loaves { nodes { id } } }", {}, 51),
        ("{ ...F ...F } fragment F on Query { loaves { nodes { id } } }", {}, 26),
        ("{ loaves @skip(if: true) { nodes { id } } }", {}, 1),
        ("query ($w: Boolean!) { loaves @include(if: $w) { nodes { id } } }", {"w": True}, 26),
        ("query ($w: Boolean!) { loaves @include(if: $w) { nodes { id } } }", {"w": False}, 1),
        ("query ($w: Boolean! = true) { loaves @include(if: $w) { nodes { id } } }", {}, 26),
        ("mutation { bake { id } }", {}, 1 + 10 + 1),
    ],
)
def test_estimates(schema: GraphQLSchema, text: str, variables: dict[str, Any], cost: int) -> None:
    document = parse(text)
    # What is reckoned with as it was sent is what graphql-core makes of it.
    coerced = get_variable_values(schema, _operation(document).variable_definitions or (), variables)
    assert not isinstance(coerced, list), coerced
    assert estimate(schema, text, variables).requested(variables) == cost
    assert estimate(schema, text, dict(coerced.coerced)).requested(dict(coerced.coerced)) == cost


@pytest.mark.parametrize("wrong", ["x", True, [], {}, 2**40, -1.5, float("inf"), float("nan")])
def test_a_wrong_variable_is_left_to_those_who_refuse_it(schema: GraphQLSchema, wrong: object) -> None:
    text = "query ($n: Int) { loaves(first: $n) { nodes { id } } }"
    assert 1 <= estimate(schema, text, {"n": wrong}).requested({"n": wrong}) <= 2


def test_estimates_stop_growing(schema: GraphQLSchema) -> None:
    text = "{ loaves(first: 2147483647) { nodes { crumbs(first: 2147483647) { id } } } }"
    assert estimate(schema, text).requested({}) == CEILING
    variables = {"n": 2**31 - 1}
    text = "query ($n: Int!) { loaves(first: $n) { nodes { crumbs(first: $n) { id } } } }"
    assert estimate(schema, text, variables).requested(variables) == CEILING


def test_parts_name_where_the_cost_comes_from(schema: GraphQLSchema) -> None:
    found = estimate(schema, "{ loaves(first: 10) { totalCount nodes { crumbs { id } makers { id } } } }").parts({})
    assert found[:4] == [
        ("loaves.nodes.crumbs", 100),
        ("loaves.nodes.makers", 70),
        ("loaves.nodes", 10),
        ("loaves.totalCount", 5),
    ]


@pytest.mark.parametrize(
    ("text", "data", "cost"),
    [
        ("{ __typename }", {"__typename": "Query"}, 1),
        ("{ loaves { totalCount nodes { id } } }", {"loaves": {"totalCount": 2, "nodes": [{"id": 1}] * 2}}, 1 + 5 + 2),
        ("{ loaves { nodes { id } } }", {"loaves": None}, 1),
        (
            "{ loaves { nodes { id crumbs { id } price { amount } } } }",
            {"loaves": {"nodes": [{"crumbs": [{}, {}]}, {"crumbs": []}, {"crumbs": [{}]}]}},
            1 + 3 + 3,
        ),
        ("{ loaves { edges { node { id } } } }", {"loaves": {"edges": [{"node": {}}, {"node": {}}]}}, 3),
        ("{ report(forecast: {groups: 2}) { groups { id } } }", {"report": {"groups": [{}, {}]}}, 1 + 160 + 1 + 2),
        ("{ report { total { amount } } }", {"report": None}, 1 + 20),
        ('{ nodes(ids: ["a", "b"]) { id } }', {"nodes": [None, {"id": "b"}]}, 2),
        (
            '{ nodes(ids: ["a", "b"]) { ... on Loaf { makers { id } } ... on Crumb { name } } }',
            {"nodes": [{"name": "b"}, {"makers": [{}, {}, {}]}]},
            1 + 2 + 3,
        ),
        # Of two fields under one key the answer does not say which it is: the lighter counts.
        (
            '{ nodes(ids: ["a"]) { ... on Loaf { x: crumbs { id } } ... on Crumb { x: name } } }',
            {"nodes": [{"x": "b"}]},
            2,
        ),
    ],
)
def test_answers_cost_what_is_in_them(schema: GraphQLSchema, text: str, data: dict[str, Any], cost: int) -> None:
    found = estimate(schema, text)
    assert found.actual(data, {}) == cost
    assert found.requested({}) >= cost


def test_lists_of_unknown_length_are_refused() -> None:
    @strawberry.type
    class Endless:
        @strawberry.field
        def crumbs(self) -> list[Crumb]:
            return []

    with pytest.raises(ValueError, match=r"Endless.crumbs"):
        declare_costs(make(Endless), page=25)


def test_the_schema_tells_its_costs() -> None:
    made = make()
    declare_costs(made, page=25)
    text = print_schema(made)
    assert 'type Money @cost(weight: "0")' in text
    assert "makers: [Crumb!]! @listSize(assumedSize: 7, requireOneSlicingArgument: false)" in text
    sized = '@listSize(assumedSize: 25, slicingArguments: ["first", "last"], sizedFields: ["edges", "nodes"], '
    assert sized + "requireOneSlicingArgument: false)" in text
    assert "directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], " in text
