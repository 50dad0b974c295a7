"""What makes the graph a subgraph of Apollo Federation v2: its types, and the directives in the schema's text.

https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/subgraph-spec. Strawberry's own
federation schema finds entities one by one, without our loaders, and pops keys out of the caller's variables.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, NewType, Union

import strawberry
from graphql import GraphQLError, ObjectTypeDefinitionNode, parse
from strawberry.types.scalar import ScalarDefinition

from app.schema.node import Node

SPECIFICATION = "https://specs.apollo.dev/federation/v2.3"
KEY = '@key(fields: "id")'
# As in Apollo's own printed subgraphs, so that the text is also a schema by itself.
DEFINITIONS = f"""\
schema @link(url: "{SPECIFICATION}", import: ["@key"]) {{
  query: Query
  mutation: Mutation
  subscription: Subscription
}}

\"\"\"Says that other subgraphs may refer to objects of a type by these fields.\"\"\"
directive @key(fields: federation__FieldSet!, resolvable: Boolean = true) repeatable on INTERFACE | OBJECT

\"\"\"Says of which specification the directives are that composition reads.\"\"\"
directive @link(as: String, for: link__Purpose, import: [link__Import], url: String!) repeatable on SCHEMA

\"\"\"Fields as a selection without its braces.\"\"\"
scalar federation__FieldSet

\"\"\"The name of what is used of a specification.\"\"\"
scalar link__Import

\"\"\"Why a specification is linked.\"\"\"
enum link__Purpose {{
  \"\"\"Needed to run operations.\"\"\"
  EXECUTION

  \"\"\"Needed to run them safely.\"\"\"
  SECURITY
}}

"""

Representation = NewType("Representation", dict)  # type: ignore[type-arg]


def _representation(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        message = 'A representation is an object, such as {"__typename": "Organization", "id": "…"}.'
        raise GraphQLError(message)
    return value


FEDERATION_SCALARS: dict[object, ScalarDefinition] = {
    Representation: strawberry.scalar(
        name="_Any",
        description="How another subgraph names an object of this one: its `__typename` and its `id`.",
        specified_by_url=SPECIFICATION,
        serialize=lambda value: value,
        parse_value=_representation,
    )
}


@strawberry.type(name="_Service", description="This graph as a subgraph of Apollo Federation.")
class Service:
    """What a composer of graphs reads."""

    sdl: str = strawberry.field(description="The schema in GraphQL's own language, with its `@key` directives.")


def entity_union(types: Iterable[type[Node]]) -> Any:
    """The union `_Entity` of all types that other subgraphs may refer to."""
    members: Any = tuple(sorted(types, key=lambda type_: type_.__name__))
    description = "Anything that another subgraph may refer to by its `id`."
    joined = Union[members]  # noqa: UP007  (of a tuple that is known when it runs)
    return Annotated[joined, strawberry.union("_Entity", description=description)]


def as_subgraph(text: str) -> str:
    """A schema's text with `@link`, and `@key` on every type that implements Node."""
    pieces, before = [DEFINITIONS], 0
    for definition in parse(text).definitions:
        if not isinstance(definition, ObjectTypeDefinitionNode):
            continue
        interfaces = definition.interfaces or ()
        if "Node" in {interface.name.value for interface in interfaces}:
            end = max(interface.loc.end for interface in interfaces if interface.loc)
            pieces += [text[before:end], " ", KEY]
            before = end
    return "".join([*pieces, text[before:]])
