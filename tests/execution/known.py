"""What there is in a world: ids by type, words by field, cursors by list; for arguments that meet data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from random import Random
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_object_type,
)
from graphql.pyutils import Undefined

# Each costs as much as a hundred others.
DEAR = frozenset({"costForecast", "previewDetectionRule", "previewAllocationRule", "forecast"})
MOST_WORDS = 60
LONGEST_WORD = 200
DEEPEST = 4
# Arguments whose words are those of another field.
ELSEWHERE = {
    "metric": "BusinessMetric.name",
    "codes": "prices",
    "tagKey": "TagKey.key",
    "tag": "TagKey.key",
    "key": "TagKey.key",
    "account": "Account.nativeId",
    "team": "Team.code",
    "currency": "currency",
    "replaces": "AllocationRule",
    "target": "Team",
}
# Fields that need arguments, with some that any organization can answer.
QUESTIONS = {
    "Organization.charges": "(first: 40)",
    "Organization.costs": "(period: {name: LAST_MONTH}, groupBy: [{dimension: SERVICE_NAME}], topN: 5)",
    "Organization.commitments": "(period: {name: LAST_MONTH})",
    "Organization.allocation": "(period: {name: LAST_MONTH})",
}


@dataclass
class Known:
    """Values by which generated operations meet what is stored."""

    slug: str
    ids: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    words: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    cursors: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def note(self, name: str, value: Any) -> None:
        """Take note of all that an answer tells under the name of a field."""
        if isinstance(value, list):
            for one in value:
                self.note(name, one)
        elif isinstance(value, Mapping):
            self._note_object(name, value)
        elif value is not None and len(str(value)) <= LONGEST_WORD:
            _add(self.words[name], value)

    def _note_object(self, name: str, found: Mapping[str, Any]) -> None:
        type_name = found.get("__typename", "")
        if type_name and isinstance(found.get("id"), str):
            _add(self.ids[type_name], found["id"])
        for key, value in found.items():
            if key in {"startCursor", "endCursor", "cursor"} and value is not None:
                _add(self.cursors[name], value)
            if key in {"nodes", "edges", "node", "pageInfo"}:  # these belong to the list
                self.note(name, value)
            else:
                self.note(key, value)
                if type_name and isinstance(value, str):
                    _add(self.words[f"{type_name}.{key}"], value)

    def keep_ids_of(self, types: Collection[str]) -> None:
        """Forget the ids of what no global id names."""
        for type_name in set(self.ids) - set(types):
            del self.ids[type_name]

    def id(self, draw: Random, names: tuple[str, ...]) -> str:
        """The id of something that the names of an argument speak of; of anything where they do not."""
        for name in reversed(names):
            type_name = ELSEWHERE.get(name, name)
            type_name = type_name.removesuffix("s").removesuffix("Id").removesuffix("s")
            type_name = type_name[:1].upper() + type_name[1:]
            for candidate in (
                type_name,
                f"Cost{type_name}",
                type_name.removeprefix("Excluded").removeprefix("Included"),
            ):
                if self.ids.get(candidate):
                    return draw.choice(self.ids[candidate])
        return draw.choice(self.ids[draw.choice(sorted(self.ids))])

    def word(self, draw: Random, names: tuple[str, ...]) -> Any:
        """A value of the field that the names of an argument speak of; None where there is none."""
        for name in reversed(names):
            for candidate in (ELSEWHERE.get(name), name, name.removesuffix("s")):
                if candidate and self.words.get(candidate):
                    return draw.choice(self.words[candidate])
        return None

    def cursor(self, draw: Random, name: str, odd: float) -> str | None:
        """A cursor of a list of that name, None where it has none; now and then one of another."""
        own = self.cursors.get(name)
        if not own and draw.random() >= odd:
            return None
        return draw.choice(own or self.cursors[draw.choice(sorted(self.cursors))])


def questions(schema: GraphQLSchema) -> Iterator[str]:
    """Documents that ask an organization (`$slug`) for all that there is in it, a field of it each."""
    organization = schema.get_type("Organization")
    assert isinstance(organization, GraphQLObjectType)
    yield "{ checks { " + _outline(schema, schema.get_type("Check"), 2, ("Check",)) + " } }"
    yield "{ viewer { " + _outline(schema, schema.get_type("Viewer"), 3, ("Viewer",)) + " } }"
    for name, each in organization.fields.items():
        asked = _asked(schema, name, each, DEEPEST, ("Organization",))
        if asked:
            yield "query ($slug: String!) { organization(slug: $slug) { __typename id " + asked + " } }"


def _asked(schema: GraphQLSchema, name: str, each: GraphQLField, depth: int, above: tuple[str, ...]) -> str:
    """A field with all that is below it, down to a depth; empty where it cannot be asked for."""
    named = get_named_type(each.type)
    needs = [
        key
        for key, argument in each.args.items()
        if isinstance(argument.type, GraphQLNonNull) and argument.default_value is Undefined
    ]
    place = f"{above[-1]}.{name}"
    if name in DEAR or (needs and place not in QUESTIONS):
        return ""
    arguments = QUESTIONS.get(place, f"(first: {10 if depth == DEEPEST else 2})" if "first" in each.args else "")
    if is_leaf_type(named):
        return f"{name}{arguments}"
    if depth == 0 or named.name in above:
        return ""
    below = _outline(schema, named, depth - 1, (*above, named.name))
    return f"{name}{arguments} {{ {below} }}"


def _outline(schema: GraphQLSchema, type_: Any, depth: int, above: tuple[str, ...]) -> str:
    if not is_object_type(type_):
        return "__typename"
    asked = (_asked(schema, name, each, depth, above) for name, each in type_.fields.items())
    return " ".join(filter(None, chain(["__typename"], asked)))


def _add(words: list[Any], word: Any) -> None:
    if len(words) < MOST_WORDS and word not in words:
        words.append(word)
