"""Writes docs/reference/ from schema.graphql, a page for each root noun: `python -m tools.reference [--check]`."""

from __future__ import annotations

import re
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLSchema,
    build_schema,
    get_named_type,
    is_enum_type,
    is_interface_type,
    is_object_type,
    is_scalar_type,
    is_specified_scalar_type,
    is_union_type,
)

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference"
SHARED = "shared"
TENANT = "Organization"
NOTE = "Generated from [schema.graphql](../../schema.graphql) by `python -m tools.reference`."
# Of gateways and of composition; docs/federation.md speaks of it.
_FEDERATION = re.compile(r"^(_|link__|federation__)")


class Reference:
    """The schema cut into pages: which types and mutations stand on the page of which noun."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        self.nouns = self._find_nouns()
        self.page_of = self._share_out()
        self.acts = self._find_acts()
        for noun, names in self.acts.items():
            for name in names:
                self._claim_of_act(noun, schema.mutation_type.fields[name])  # type: ignore[union-attr]

    def _find_nouns(self) -> list[str]:
        """What the fields of the root and of an organization give."""
        found = {TENANT}
        for parent in (self.schema.query_type, self.schema.type_map[TENANT]):
            for name, field in parent.fields.items():  # type: ignore[union-attr]
                type_ = self._rows(field)
                if is_object_type(type_) and not _FEDERATION.match(name):
                    found.add(type_.name)
        return sorted(found)

    def _rows(self, field: Any) -> Any:
        """The type of what a field gives; of a connection, of its nodes."""
        type_ = get_named_type(field.type)
        return get_named_type(type_.fields["nodes"].type) if type_.name.endswith("Connection") else type_

    def _share_out(self) -> dict[str, str]:
        """The page of every type that one noun leads to; types of several nouns stand on the shared page."""
        pages = {noun: noun for noun in self.nouns}
        claims: dict[str, set[str]] = {}
        for noun in self.nouns:
            for name in self._below(self.schema.type_map[noun], frozenset(self.nouns)):
                claims.setdefault(name, set()).add(noun)
        for name, claimed in claims.items():
            pages[name] = self._named_after(name, min(claimed)) if len(claimed) == 1 else SHARED
        return pages

    def _named_after(self, name: str, otherwise: str) -> str:
        """The noun that a type's or mutation's name holds, the longest: BudgetConnection is told of with Budget."""
        named = [noun for noun in self.nouns if noun.lower() in name.lower() and noun != TENANT]
        return max(named, key=len) if named else otherwise

    def _below(self, start: Any, stops: frozenset[str]) -> list[str]:
        """Names of the types that one leads to, the nearest first, without going through those of `stops`."""
        found: dict[str, None] = {}
        waiting = deque([start])
        while waiting:
            for type_ in _next_types(waiting.popleft()):
                if type_.name in found or type_.name in stops or is_specified_scalar_type(type_):
                    continue
                found[type_.name] = None
                waiting.append(type_)
        return list(found)

    def _find_acts(self) -> dict[str, list[str]]:
        """Mutations by the noun that they give, or are named after."""
        found: dict[str, list[str]] = {}
        for name in self.schema.mutation_type.fields:  # type: ignore[union-attr]
            found.setdefault(self._noun_of(name), []).append(name)
        return found

    def _noun_of(self, name: str) -> str:
        payload = self.schema.type_map[f"{name[0].upper()}{name[1:]}Payload"]
        given = [get_named_type(each.type).name for each in payload.fields.values()]  # type: ignore[attr-defined]
        return self._named_after(name, next((each for each in given if each in self.nouns), TENANT))

    def _claim_of_act(self, noun: str, field: Any) -> None:
        for name in self._below(_Start(field), frozenset(self.page_of)):
            self.page_of[name] = noun

    def pages(self) -> dict[str, str]:
        """The text of each page by its file's name."""
        made = {f"{_file(noun)}.md": self._page(noun) for noun in self.nouns}
        made[f"{SHARED}.md"] = self._shared()
        made["README.md"] = self._index()
        return made

    def _page(self, noun: str) -> str:
        type_ = self.schema.type_map[noun]
        parts = [f"# {noun}", _text(type_.description), NOTE, self._described(type_)]
        mutations = self.schema.mutation_type.fields  # type: ignore[union-attr]
        if self.acts.get(noun):
            parts.append("## Mutations")
            parts += [self._act(name, mutations[name]) for name in self.acts[noun]]
        parts += self._types(noun, without=noun)
        return "\n\n".join(part for part in parts if part) + "\n"

    def _act(self, name: str, field: Any) -> str:
        taken = self._link(field.args["input"].type)
        return f"### {name}\n\n{_text(field.description)} Takes {taken}, gives {self._link(field.type)}."

    def _shared(self) -> str:
        parts = ["# Shared types", "What several nouns use.", NOTE, *self._types(SHARED)]
        return "\n\n".join(parts) + "\n"

    def _types(self, page: str, without: str = "") -> list[str]:
        names = sorted(name for name, found in self.page_of.items() if found == page and name != without)
        types = [self.schema.type_map[name] for name in names]
        told = [
            f"### {type_.name}\n\n{_text(type_.description)}\n\n{self._described(type_)}".rstrip() for type_ in types
        ]
        return ["## Types", *told] if told else []

    def _index(self) -> str:
        nouns = "\n".join(
            f"| [{noun}]({_file(noun)}.md) | {_text(self.schema.type_map[noun].description)} |" for noun in self.nouns
        )
        parts = ["# Reference", NOTE, f"| noun | what it is |\n| --- | --- |\n{nouns}", f"[Shared types]({SHARED}.md)"]
        for title, root in (("Queries", self.schema.query_type), ("Subscriptions", self.schema.subscription_type)):
            parts += [f"## {title}", self._described(root)]
        return "\n\n".join(parts) + "\n"

    def _described(self, type_: Any) -> str:
        """The table of a type: its fields with their arguments, its values, or its members."""
        if is_enum_type(type_):
            rows = [f"| `{name}` | {_meaning(value)} |" for name, value in type_.values.items()]
            return "\n".join(["| value | meaning |", "| --- | --- |", *rows])
        if is_union_type(type_):
            return "One of " + ", ".join(self._link(member) for member in type_.types) + "."
        if is_scalar_type(type_):
            return f"Specified at <{type_.specified_by_url}>." if type_.specified_by_url else ""
        return "\n".join(["| field | type | meaning |", "| --- | --- | --- |", *self._rows_of(type_)])

    def _rows_of(self, type_: Any) -> Iterator[str]:
        for name, field in type_.fields.items():
            if name.startswith("_"):
                continue
            yield f"| `{name}` | {self._link(field.type)} | {_meaning(field)} |"
            for key, argument in getattr(field, "args", {}).items():
                yield f"| &nbsp; `{name}({key}:)` | {self._link(argument.type)} | {_meaning(argument)} |"

    def _link(self, type_: Any) -> str:
        name = get_named_type(type_).name
        page = self.page_of.get(name)
        if page is None:
            return f"`{type_}`"
        return f"[`{type_}`]({_file(page)}.md#{name.lower()})"


class _Start:
    """A field as the start of a walk."""

    def __init__(self, field: Any) -> None:
        self.fields = {"field": field}


def _next_types(type_: Any) -> Iterator[Any]:
    if is_union_type(type_):
        yield from type_.types
        return
    if is_object_type(type_) or is_interface_type(type_):
        yield from type_.interfaces
    for field in (getattr(type_, "fields", None) or {}).values():
        yield get_named_type(field.type)
        yield from (get_named_type(argument.type) for argument in getattr(field, "args", {}).values())


def _file(noun: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", noun).lower()


def _text(description: str | None) -> str:
    return " ".join((description or "").split())


def _meaning(described: Any) -> str:
    """A description as a cell of a table, with until when it works where it is deprecated."""
    said = _text(described.description).replace("|", "\\|")
    return f"{said} **Deprecated:** {described.deprecation_reason}" if described.deprecation_reason else said


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check tell whether they are current."""
    pages = Reference(build_schema((ROOT / "schema.graphql").read_text())).pages()
    found = {path.name: path.read_text() for path in FOLDER.glob("*.md")}
    if found == pages:
        return 0
    if "--check" in arguments:
        print("docs/reference is stale: run `python -m tools.reference` and commit it.")
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in found.keys() - pages.keys():
        (FOLDER / name).unlink()
    for name, text in pages.items():
        (FOLDER / name).write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
