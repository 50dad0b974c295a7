"""What the schema promises: nothing goes or changes its form unless it was deprecated 90 days before, until a day.

Announced is what the record of deprecations holds: each with the day on which it first appeared.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from graphql import (
    GraphQLSchema,
    build_schema,
    get_named_type,
    is_enum_type,
    is_input_object_type,
    is_interface_type,
    is_object_type,
    is_union_type,
)
from graphql.utilities import find_schema_changes
from graphql.utilities.find_schema_changes import BreakingChange, DangerousChange, SafeChange, SafeChangeType

NOTICE = timedelta(days=90)
_UNTIL = re.compile(r"\buntil (\d{4}-\d{2}-\d{2})\b")


@dataclass(frozen=True)
class Announcement:
    """A deprecation: since when it stands in the schema, and until when what it names still works."""

    since: date
    until: date

    def is_due(self, today: date) -> bool:
        """Whether what was announced may go."""
        return today >= self.until and today >= self.since + NOTICE


Record = Mapping[str, Announcement]
"""Announcements by coordinate: `Type.field`, `Type.field(argument:)`, `Enum.VALUE`."""


@dataclass(frozen=True)
class Changes:
    """What is different, in sentences; `refused` is the part of `breaking` that was not announced in time."""

    breaking: list[str]
    refused: list[str]
    dangerous: list[str]
    added: list[str]


def compare(old: str, new: str, record: Record, today: date) -> Changes:
    """The changes from one schema's text to another's.

    What was announced and is due is taken out of the old schema first, with all that cannot be reached without it:
    what then still breaks was not announced.
    """
    before, after = build_schema(old), build_schema(new)
    promised = build_schema(old)
    _take_out(promised, {place for place, said in record.items() if said.is_due(today)})
    found = find_schema_changes(before, after)
    refused = [change for change in find_schema_changes(promised, after) if isinstance(change, BreakingChange)]
    return Changes(
        breaking=_sentences(found, BreakingChange),
        refused=_sentences(refused, BreakingChange),
        dangerous=_sentences(found, DangerousChange),
        added=_sentences(
            [change for change in found if change.type is not SafeChangeType.DESCRIPTION_CHANGED], SafeChange
        ),
    )


def _sentences(changes: list[Any], kind: type[Any]) -> list[str]:
    # Int is "removed" with the last field that has it, which is a change by itself.
    found = {change.description for change in changes if isinstance(change, kind)}
    return sorted(each for each in found if not each.startswith("Standard scalar"))


def _take_out(schema: GraphQLSchema, places: set[str]) -> None:
    """Take announced places out of a schema, and the types that nothing else leads to."""
    used_before = _reachable(schema)
    for place, holder, key, _ in deprecable(schema):
        if place in places:
            del holder[key]
    for name in used_before - _reachable(schema):
        del schema.type_map[name]


def deprecable(schema: GraphQLSchema) -> list[tuple[str, dict[str, Any], str, Any]]:
    """Everything that can be deprecated: its coordinate, the mapping that holds it, its key there, itself."""
    found: list[tuple[str, dict[str, Any], str, Any]] = []
    for name, type_ in schema.type_map.items():
        if name.startswith("__"):
            continue
        members: Any = getattr(type_, "values", None) if is_enum_type(type_) else getattr(type_, "fields", None)
        for key, member in (members or {}).items():
            found.append((f"{name}.{key}", members, key, member))
            arguments = getattr(member, "args", None) or {}
            found += [(f"{name}.{key}({each}:)", arguments, each, arguments[each]) for each in arguments]
    return found


def _reachable(schema: GraphQLSchema) -> set[str]:
    """Names of all types that a document can come across."""
    roots = [root for root in (schema.query_type, schema.mutation_type, schema.subscription_type) if root is not None]
    found, waiting = {root.name for root in roots}, deque[Any](roots)
    while waiting:
        for type_ in _next_types(schema, waiting.popleft()):
            if type_.name not in found:
                found.add(type_.name)
                waiting.append(type_)
    return found


def _next_types(schema: GraphQLSchema, type_: Any) -> Iterator[Any]:
    if is_object_type(type_) or is_interface_type(type_):
        yield from type_.interfaces
        for field in type_.fields.values():
            yield get_named_type(field.type)
            yield from (get_named_type(argument.type) for argument in field.args.values())
    if is_input_object_type(type_):
        yield from (get_named_type(field.type) for field in type_.fields.values())
    if is_union_type(type_):
        yield from type_.types
    if is_interface_type(type_):
        yield from schema.get_possible_types(type_)


def deprecations(text: str) -> dict[str, str]:
    """The reasons of all deprecations of a schema's text, by coordinate."""
    found = deprecable(build_schema(text))
    return {place: member.deprecation_reason for place, _, _, member in found if member.deprecation_reason is not None}


def renewed(record: Record, new: str, today: date) -> dict[str, Announcement]:
    """The record of a schema: what is deprecated now, and what was announced and is gone.

    Raises ValueError for a deprecation that does not say until when, or for less than the notice.
    """
    present = {place for place, *_ in deprecable(build_schema(new))}
    kept = {place: said for place, said in record.items() if place not in present}
    for place, reason in deprecations(new).items():
        since = record[place].since if place in record else today
        kept[place] = Announcement(since, _until(place, reason, since))
    return dict(sorted(kept.items()))


def _until(place: str, reason: str, since: date) -> date:
    said = _UNTIL.search(reason)
    if said is None:
        message = f'{place}: its deprecation has to end in "until YYYY-MM-DD", the day from which it may be gone.'
        raise ValueError(message)
    until = date.fromisoformat(said[1])
    if until < since + NOTICE:
        message = f"{place}: deprecated since {since}, it has to work until {since + NOTICE} at least, not {until}."
        raise ValueError(message)
    return until


def backdated(record: Record, old: str, released: date) -> list[str]:
    """Sentences about what the record dates before a release that has it without its deprecation."""
    return [
        f"{place}: recorded since {record[place].since}, but the release of {released} does not deprecate it."
        for place, _, _, member in deprecable(build_schema(old))
        if place in record and member.deprecation_reason is None and record[place].since < released
    ]
