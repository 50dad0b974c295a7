"""Operations that ask for all there is: the values of a payload and of the objects in it."""

from __future__ import annotations

from graphql import (
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

DEPTH = 4


def everything_of(schema: GraphQLSchema, mutation: str, depth: int = DEPTH) -> str:
    """The document of a mutation that selects all of its payload that needs no argument and is no connection."""
    assert schema.mutation_type is not None
    result = get_named_type(schema.mutation_type.fields[mutation].type)
    assert isinstance(result, GraphQLUnionType)
    capital = mutation[0].upper() + mutation[1:]
    payload = next(member for member in result.types if member.name == f"{capital}Payload")
    return (
        f"mutation ($input: {capital}Input!) {{ {mutation}(input: $input) {{ __typename ... on {capital}Payload "
        f"{_selection(payload, depth)} ... on UserError {{ code message path }} }} }}"
    )


def _selection(type_: GraphQLObjectType, depth: int) -> str:
    parts = ["__typename"]
    for name, field in type_.fields.items():
        inner = get_named_type(field.type)
        if any(is_required_argument(argument) for argument in field.args.values()) or name.endswith("Connection"):
            continue
        if is_leaf_type(inner):
            parts.append(name)
        elif isinstance(inner, GraphQLObjectType) and depth > 1 and not field.args:
            parts.append(f"{name} {_selection(inner, depth - 1)}")
    return "{ " + " ".join(parts) + " }"
