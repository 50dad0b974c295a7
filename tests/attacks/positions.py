"""Every place of the schema that takes an id, found by walking it, and an operation for each that puts an id there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_required_input_field,
)

from app.demo.top_up import today

# Texts that hold an id, or the name by which an organization is found.
IDS_AS_TEXT = {("Query.organization", "slug"), ("Query._entities", "representations")}
TODAY = today()
# Values that a place asks for, by its name; other texts are "x".
EXAMPLES: dict[str, Any] = {
    "checkId": "aws.ebs.unattached",
    "confirmSlug": "nothing",
    "cron": "0 3 * * *",
    "currency": "USD",
    "dueOn": str(TODAY + timedelta(days=9)),
    "email": "new@skyledger.example",
    "fileName": "costs.csv",
    "month": str(TODAY.replace(day=1)),
    "nativeId": "1",
    "period": {"name": "LAST_MONTH"},
    "name": "attack",
    "plan": "free",
    "slug": "attack",
    "fromMonth": str(TODAY.replace(day=1)),
    "toMonth": str(TODAY.replace(day=1)),
    "method": "DIRECT",
    "percent": "100",
    "settings": {"severity": "HIGH"},
    "scopes": ["ORGANIZATION_READ"],
    "startsOn": str(TODAY.replace(day=1)),
    "day": str(TODAY),
    "validFrom": str(TODAY),
    "billingPeriodStart": f"{TODAY.replace(day=1)}T00:00:00Z",
    "tagKey": "team",
}
# Whole inputs without which a place is not reached, by the mutation or field; what the walk needs is put into them.
BASES: dict[str, dict[str, Any]] = {
    "createCostSource": {"awsDataExport": {"bucket": "acme-costs", "prefix": "focus"}},
    "connectAccount": {"aws": {"accessKeyId": "AKIA0123456789EXAMPLE", "secretAccessKey": "x" * 40}},
    "setPriceOverrides": {
        "overrides": [{"provider": "AWS", "pattern": "ec2.*", "discountPercent": "12", "validFrom": "2026-01-01"}]
    },
    "previewAllocationRule": {"rule": {"name": "x", "method": "DIRECT", "targets": [{"teamId": "own Team"}]}},
    "updateBudget": {"amount": "12"},
    "updateTeam": {"name": "attack"},
    "updateAccount": {"name": "attack"},
}
# What has to stand beside a field of an input.
BESIDE: dict[str, dict[str, Any]] = {"mapping": {"method": "BY_TAG", "tagKey": "team"}}


@dataclass(frozen=True)
class Step:
    """One field on the way, with the type it belongs to."""

    parent: str
    name: str
    field: GraphQLField


@dataclass(frozen=True)
class Position:
    """A place for an id: the fields from a root to it, then the names of the argument and of fields of inputs."""

    kind: str
    steps: tuple[Step, ...]
    path: tuple[str, ...]

    def __str__(self) -> str:
        last = self.steps[-1]
        return f"{last.parent}.{last.name}({'.'.join(self.path)})"


def positions(schema: GraphQLSchema) -> Iterator[Position]:
    """All of them, each once, by the shortest way to its field."""
    for kind in ("query", "mutation", "subscription"):
        for steps in _ways(schema, kind):
            last = steps[-1]
            for name, argument in last.field.args.items():
                if (f"{last.parent}.{last.name}", name) in IDS_AS_TEXT:
                    yield Position(kind, steps, (name,))
                for path in _ids(argument.type, (name,), ()):
                    yield Position(kind, steps, path)


def _ways(schema: GraphQLSchema, kind: str) -> Iterator[tuple[Step, ...]]:
    """A way to every field with arguments, breadth first; below mutations nothing is looked for that queries reach."""
    root = {"query": schema.query_type, "mutation": schema.mutation_type, "subscription": schema.subscription_type}[
        kind
    ]
    assert root is not None
    seen, waiting = {root.name}, [(root, ())]
    while waiting:
        type_, before = waiting.pop(0)
        for name, field in type_.fields.items():
            steps: tuple[Step, ...] = (*before, Step(type_.name, name, field))
            if field.args:
                yield steps
            below = get_named_type(field.type)
            if kind == "query" and isinstance(below, GraphQLObjectType) and below.name not in seen:
                seen.add(below.name)
                waiting.append((below, steps))  # type: ignore[arg-type]


def _ids(type_: Any, path: tuple[str, ...], above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    named = get_named_type(type_)
    if named.name == "ID":
        yield path
    elif isinstance(named, GraphQLInputObjectType) and named.name not in above:
        for name, field in named.fields.items():
            yield from _ids(field.type, (*path, name), (*above, named.name))


class Operations:
    """Writes the operation of a position; `own` are ids of the attacker's own things by type, and the slug."""

    def __init__(self, schema: GraphQLSchema, slug: str, own: Mapping[str, list[str]]) -> None:
        self.schema, self.slug, self.own = schema, slug, own

    def document(self, position: Position) -> str:
        """The operation; its only variable is the argument in which the id stands."""
        last = position.steps[-1]
        argument = last.field.args[position.path[0]]
        written = self._selection(get_named_type(last.field.type), 2)
        for step in reversed(position.steps):
            given = [f"{position.path[0]}: $given"] if step is last else []
            given += self._needed(step, without=position.path[0] if step is last else "")
            arguments = f"({', '.join(given)})" if given else ""
            written = f"{{ {step.name}{arguments} {written} }}"
        return f"{position.kind} ($given: {argument.type}) {written}"

    def variables(self, position: Position, id_: str) -> dict[str, Any]:
        """The argument with the id in its place."""
        last = position.steps[-1]
        argument = last.field.args[position.path[0]]
        if position.path == ("representations",):
            return {"given": [{"__typename": "Team", "id": id_}]}
        base = BASES.get(last.name, {})
        return {"given": self._with(argument, position.path, id_, base)}

    def _with(
        self, place: GraphQLArgument | GraphQLInputField, path: tuple[str, ...], id_: str, base: Mapping[str, Any]
    ) -> Any:
        """A value for a place in which the id stands at the end of the path."""
        type_ = place.type.of_type if is_non_null_type(place.type) else place.type
        if len(path) == 1:
            return [id_] if is_list_type(type_) else id_
        named: Any = get_named_type(type_)
        made = {**self._object(named), **self._owned(base), **BESIDE.get(path[1], {})}
        made[path[1]] = self._with(named.fields[path[1]], path[1:], id_, {})
        if named.is_one_of:
            made = {path[1]: made[path[1]]}
        return [made] if is_list_type(type_) else made

    def _owned(self, value: Any) -> Any:
        """A value with ids of our own in the places that ask for them."""
        if isinstance(value, Mapping):
            return {key: self._owned(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self._owned(one) for one in value]
        is_own = isinstance(value, str) and value.startswith("own ")
        return self.own[value.removeprefix("own ")][0] if is_own else value

    def _needed(self, step: Step, without: str) -> list[str]:
        """Arguments without which a field cannot be asked, as literals."""
        found = []
        if step.parent == "Query" and step.name == "organization" and without not in {"slug", "id"}:
            found.append(f'slug: "{self.slug}"')
        if step.name == "resources" and step.parent == "Organization" and without == "":
            found.append("first: 3")
        for name, argument in step.field.args.items():
            if name != without and is_required_argument(argument):
                found.append(f"{name}: {_literal(argument.type, self._value(argument.type, name))}")
        return found

    def _object(self, type_: GraphQLInputObjectType) -> dict[str, Any]:
        return {
            name: self._value(field.type, name)
            for name, field in type_.fields.items()
            if is_required_input_field(field)
        }

    def _value(self, type_: Any, name: str) -> Any:
        type_ = type_.of_type if is_non_null_type(type_) else type_
        if name in EXAMPLES and not (name == "name" and isinstance(get_named_type(type_), GraphQLEnumType)):
            return EXAMPLES[name]
        if is_list_type(type_):
            return [self._value(type_.of_type, name)]
        if isinstance(type_, GraphQLInputObjectType):
            return self._object(type_)
        if isinstance(type_, GraphQLEnumType):
            return next(iter(type_.values))
        return self._scalar(type_.name, name)

    def _scalar(self, type_name: str, name: str) -> Any:
        if type_name == "ID":
            wanted = name[0].upper() + name[1:].removesuffix("s").removesuffix("Id")
            return self.own.get(wanted, self.own["Organization"])[0]
        return {"Int": 1, "Float": 1.0, "Boolean": True, "Decimal": "12", "Date": str(TODAY), "JSON": {}}.get(
            type_name, f"{TODAY}T00:00:00Z" if type_name == "DateTime" else "x"
        )

    def _selection(self, type_: GraphQLNamedType, depth: int) -> str:
        """Everything that needs no argument, so that what leaks is seen."""
        if is_leaf_type(type_):
            return ""
        if isinstance(type_, GraphQLUnionType) or not isinstance(type_, GraphQLObjectType):
            return "{ __typename " + " ".join(self._of_member(type_, depth)) + " }"
        found = ["__typename"]
        for name, field in type_.fields.items():
            below = get_named_type(field.type)
            if any(is_required_argument(argument) for argument in field.args.values()) or name.startswith("forecast"):
                continue
            if is_leaf_type(below):
                found.append(name)
            elif depth > 0 and isinstance(below, GraphQLObjectType) and below.name not in {"Organization", "Viewer"}:
                page = "(first: 2)" if "first" in field.args else ""
                found.append(f"{name}{page} {self._selection(below, depth - 1)}")
        return "{ " + " ".join(found) + " }"

    def _of_member(self, type_: Any, depth: int) -> Iterator[str]:
        """Of a union or an interface: errors with all that they say, other members as far as they go."""
        if isinstance(type_, GraphQLUnionType) and any(member.name.endswith("Payload") for member in type_.types):
            yield "... on UserError { code message path }"
            payload = next(member for member in type_.types if member.name.endswith("Payload"))
            yield f"... on {payload.name} {self._selection(payload, depth)}"
            return
        yield "... on Node { id }"
        for member in self.schema.get_possible_types(type_):
            leaves = [
                f"{member.name}_{name}: {name}"
                for name, field in member.fields.items()
                if is_leaf_type(get_named_type(field.type)) and not field.args
            ]
            yield f"... on {member.name} {{ {' '.join(leaves)} }}"


def _literal(type_: Any, value: Any) -> str:
    """A value as a document has it; the type tells enums from texts."""
    type_ = type_.of_type if is_non_null_type(type_) else type_
    if isinstance(value, list):
        inner = type_.of_type if is_list_type(type_) else type_
        return "[" + ", ".join(_literal(inner, one) for one in value) + "]"
    if isinstance(value, dict):
        fields = getattr(type_, "fields", {})
        return "{" + ", ".join(f"{key}: {_literal(fields[key].type, one)}" for key, one in value.items()) + "}"
    if isinstance(type_, GraphQLEnumType):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)
