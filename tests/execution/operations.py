"""Generates valid operations over the schema from a seed: the same seed and world give the same operation.

hypothesis-graphql was tried (0.13.5): 82 ms an operation against 2, one strategy for all arguments of a scalar, so that
ids and cursors never meet data, and neither variables nor fragments nor directives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLNonNull,
    GraphQLSchema,
    is_leaf_type,
    is_object_type,
)
from graphql.pyutils import Undefined

from tests.execution.known import DEAR, Known
from tests.execution.twins import Operation
from tests.execution.values import Values, Variable, is_list, literal, named, plain

SCOPES = {"owner": 55, "viewer": 20, "key": 15, "admin": 5, "anonymous": 5}
ROOTS = {"organization": 62, "node": 14, "nodes": 10, "viewer": 8, "checks": 4, "platform": 2}
SMALL_TYPES = frozenset({"User", "PageInfo", "Money"})
NASTY_NAMES = ("class", "None", "self", "row", "rows", "lambda", "data", "errors", "_", "key", "x", "await", "id_")
ODD = 0.03
MOST_ROWS = 300
PAGES = frozenset({"first", "last", "after", "before"})


@dataclass
class Left:
    """What may still be written before the server's limits are reached."""

    fields: int = 110
    aliases: int = 28
    directives: int = 18


@dataclass
class Place:
    """Where selections are written: their type, how deep, and about how many objects there will be."""

    type: Any
    depth: int
    rows: int
    deepest: int

    def below(self, type_: Any, rows: int) -> Place:
        """The place of a field's own selections."""
        return Place(type_, self.depth + 1, rows, self.deepest)


@dataclass
class Declared:
    """The variables of an operation."""

    definitions: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)

    def forget(self, kept: int) -> None:
        """Take back all but the first ones: what they stood in is not written."""
        for number in range(kept, len(self.definitions)):
            self.values.pop(f"v{number}", None)
        del self.definitions[kept:]


class Writer:
    """Writes one operation."""

    def __init__(self, schema: GraphQLSchema, known: Known, seed: int) -> None:
        self.draw = Random(seed)  # noqa: S311  (no secret)
        self.schema, self.known = schema, known
        odd = self.draw.choice((0.0, 0.0, ODD, 0.15))
        self.values = Values(self.draw, known, odd)
        self.chance = self.values.chance
        self.left = Left()
        self.declared = Declared()
        self.fragments: list[str] = []
        self.reached: set[str] = set()
        self._owners: dict[str, tuple[str, str, str]] = {}

    def operation(self) -> Operation:
        """A whole operation."""
        scope = self._weighed(SCOPES)
        roots = [self._weighed(ROOTS) for _ in range(self.draw.choice((1, 1, 1, 2, 3)))]
        deepest = self.draw.choice((4, 5, 6, 7, 9, 11))
        place = Place(self.schema.query_type, 0, 1, deepest)
        selections = [written for root in roots if (written := self._field(place, root))]
        if self.chance(0.02):
            selections.append('__type(name: "Money") { name kind fields { name } } __schema { queryType { name } }')
        selections = self._dressed(place, selections or ["__typename"])
        name = "Asked" if self.declared.definitions or self.chance(0.3) else None
        return Operation(self._document(selections, name), self.declared.values, scope, name)

    def _document(self, selections: list[str], name: str | None) -> str:
        definitions = f"({', '.join(self.declared.definitions)})" if self.declared.definitions else ""
        head = f"query {name or ''}{definitions} " if name or definitions else ""
        others = ["query Other { __typename }"] if name and self.chance(0.05) else []
        return "\n".join([head + _block(selections), *self.fragments, *others])

    def _weighed(self, weights: Mapping[str, int]) -> str:
        return self.draw.choices(list(weights), list(weights.values()))[0]

    def _selections(self, place: Place) -> str:
        """What is asked of a type, in braces."""
        if not is_object_type(place.type):
            return _block(self._dressed(place, list(self._of_abstract(place))))
        written = [one for name in self._chosen(place) if (one := self._field(place, name))]
        if self.chance(0.12) or not written:
            written.insert(self.draw.randint(0, len(written)), "__typename")
        return _block(self._dressed(place, written))

    def _of_abstract(self, place: Place) -> Iterator[str]:
        """Fragments on some of the types that an interface or union has, and what all of them have."""
        yield self._head("__typename", "", "String!") or "__typename"
        if not hasattr(place.type, "types") and self.chance(0.6):
            yield from filter(None, (self._field(place, name) for name in place.type.fields))
        types = list(self.schema.get_possible_types(place.type))
        for type_ in self.draw.sample(types, min(len(types), self.draw.choice((1, 2, 4, 8)))):
            yield f"... on {type_.name} {self._selections(Place(type_, place.depth, place.rows, place.deepest))}"

    def _chosen(self, place: Place) -> list[str]:
        """Some fields of an object type: of lists nearly always what is in them."""
        fields = list(place.type.fields)
        wanted = self.draw.choice((1, 2, 3, 4, 6, 9)) if place.depth > 1 else self.draw.choice((1, 1, 2, 3, 5))
        chosen = self.draw.sample(fields, min(len(fields), wanted))
        if "nodes" in fields and "nodes" not in chosen and self.chance(0.8):
            chosen.append("nodes")
        return chosen

    def _field(self, place: Place, name: str) -> str | None:
        """One field with its arguments and what is below it; None where there is no room for it."""
        each: GraphQLField = place.type.fields[name]
        type_ = named(each.type)
        if self.left.fields <= 0 or (name in DEAR and self.chance(0.9)):
            return None
        if not is_leaf_type(type_) and (place.depth + 1 >= place.deepest or place.rows > MOST_ROWS):
            return None
        self.left.fields -= 1
        declared = len(self.declared.definitions)
        arguments, rows = self._arguments(name, each, place.rows)
        head = self._head(name, arguments, str(each.type))
        if head is None:
            self.declared.forget(declared)
            return None
        self.reached.add(f"{place.type.name}.{name}")
        directives = self._directives()
        if is_leaf_type(type_):
            return head + directives
        below = place.below(type_, rows)
        written = f"{head}{directives} {self._selections(below)}"
        # The same field again, with other selections: they are merged.
        if self.chance(0.06) and self.left.fields > 0 and (":" not in head or self._take_alias()):
            written += f" {head} {self._selections(below)}"
        return written

    def _head(self, name: str, arguments: str, type_: str) -> str | None:
        """The field with its arguments, under an alias where its name is another's or by chance."""
        key = (name, arguments, type_)
        response = name
        if self.chance(0.06):
            response = self.draw.choice(NASTY_NAMES)
        while self._owners.setdefault(response, key) != key:
            response = f"{self.draw.choice(NASTY_NAMES)}{len(self._owners)}"
        if response == name:
            return name + arguments
        return f"{response}: {name}{arguments}" if self._take_alias() else None

    def _take_alias(self) -> bool:
        self.left.aliases -= 1
        return self.left.aliases >= 0

    def _arguments(self, name: str, each: GraphQLField, rows: int) -> tuple[str, int]:
        """Arguments in parentheses, and how many objects there will be below."""
        chosen: dict[str, Any] = {}
        either = each.args.keys() >= {"slug", "id"}  # the root field wants exactly one of them
        one = self.draw.choice(("slug", "id")) if either and not self.chance(self.values.odd) else None
        if one is not None:
            type_ = each.args[one].type
            chosen[one] = self._given(type_, self.values.of(GraphQLNonNull(type_), (name, one)))
        for key, argument in each.args.items():
            if one is not None:
                break
            required = isinstance(argument.type, GraphQLNonNull) and argument.default_value is Undefined
            if not required and (key in PAGES or not self.chance(0.05 if key in DEAR else 0.35)):
                continue
            chosen[key] = self._argument(argument, (name, key))
        rows = self._page(name, each, chosen, rows)
        written = ", ".join(f"{key}: {literal(value)}" for key, value in chosen.items())
        return f"({written})" if written else "", rows

    def _page(self, name: str, each: GraphQLField, chosen: dict[str, Any], rows: int) -> int:
        """Choose how many rows of a list; gives how many objects there will be."""
        if "first" not in each.args:
            return rows * 4 if is_list(each.type) else rows
        most = 25 if rows == 1 else max(1, min(5, MOST_ROWS // rows))
        if rows > 1 or self.chance(0.8):
            key = "last" if "last" in each.args and self.chance(0.15) else "first"
            few = self.draw.randint(1, most)
            chosen[key] = self._argument(each.args[key], (name, key)) if rows == 1 and self.chance(0.2) else few
        for key in ("after", "before"):
            if key in each.args and self.chance(0.15):
                chosen[key] = self._argument(each.args[key], (name, key))
        return rows * most

    def _argument(self, argument: GraphQLArgument, names: tuple[str, ...]) -> Any:
        """A value, a variable, or a value with a variable in it."""
        value = self.values.of(argument.type, names)
        if self.chance(0.25):
            return self._variable(argument.type, value, has_default=argument.default_value is not Undefined)
        if isinstance(value, dict) and value and self.chance(0.2):
            fields = named(argument.type).fields
            key = self.draw.choice(list(value))
            default = fields[key].default_value is not Undefined
            value[key] = self._variable(fields[key].type, value[key], has_default=default)
        return value

    def _given(self, type_: Any, value: Any) -> Any:
        """A value as it is or by a variable that has it."""
        if not self.chance(0.5):
            return value
        name = f"v{len(self.declared.definitions)}"
        self.declared.definitions.append(f"${name}: {type_}")
        self.declared.values[name] = plain(value)
        return Variable(name)

    def _variable(self, type_: Any, value: Any, *, has_default: bool) -> Variable:
        """Declare a variable for a place: required, given, null, absent, or left to its default."""
        name = f"v{len(self.declared.definitions)}"
        required = isinstance(type_, GraphQLNonNull)
        bare = type_.of_type if required else type_
        how = self.draw.choice(("required", "given", "default", "overridden", "absent", "null"))
        if value is None or (how == "null" and required and has_default and not self.chance(0.2)):
            how = "null" if value is None else "absent"
        if required and not has_default and how in {"given", "null", "absent"}:
            how = "required"
        definition = f"${name}: {bare}"
        if how == "required":
            definition += "!"
        elif how in {"default", "overridden"}:
            definition += f" = {literal(value)}"
        self.declared.definitions.append(definition)
        if how not in {"absent", "default"}:
            self.declared.values[name] = None if how == "null" else plain(value)
        return Variable(name)

    def _directives(self) -> str:
        """`@skip`, `@include`, both or none, by a literal or a variable."""
        if not self.chance(0.06) or self.left.directives < 2:
            return ""
        both = self.chance(0.2)
        names = self.draw.sample(("skip", "include"), 2 if both else 1)
        self.left.directives -= len(names)
        return "".join(f" @{name}(if: {literal(self._condition())})" for name in names)

    def _condition(self) -> Any:
        value = self.chance(0.5)
        if self.chance(0.4):
            return value
        return self._variable(GraphQLNonNull(self.schema.type_map["Boolean"]), value, has_default=False)

    def _dressed(self, place: Place, written: list[str]) -> list[str]:
        """Some of the selections inside a fragment, in line or by name, which may be spread twice."""
        if not self.chance(0.12) or not written:
            return written
        start = self.draw.randrange(len(written))
        end = self.draw.randint(start + 1, len(written))
        inside = _block(written[start:end])
        on = place.type.name
        if self.chance(0.5):
            condition = f" on {on}" if self.chance(0.7) else ""
            return [*written[:start], f"...{condition}{self._directives()} {inside}", *written[end:]]
        name = f"F{len(self.fragments)}"
        self.fragments.append(f"fragment {name} on {on} {inside}")
        return [*written[:start], f"...{name}{self._directives()}", *written[end:]]


def _block(selections: list[str]) -> str:
    return "{ " + " ".join(selections) + " }"
