"""Operations written by hand, see nasties.graphql: what is easy to get wrong in the place of graphql-core."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.execution.known import Known
from tests.execution.operations import SCOPES
from tests.execution.twins import Operation

FILE = Path(__file__).with_name("nasties.graphql")
VARIABLES = {
    "slug": "String!",
    "id": "ID!",
    "gone": "ID!",
    "ids": "[ID!]!",
    "resources": "String",
    "yes": "Boolean!",
    "no": "Boolean!",
    "direction": "Direction! = ASC",
    "severity": "Severity",
    "where": "ResourceFilter",
    "few": "Int!",
    "provider": "String",
    "absent": "Int",
    "nowhere": "ResourceFilter",
    "null": "Int",
    "usual": "Int = 2",
    "nothing": "Boolean",
    "rule": "PreviewAllocationRuleInput!",
}


def nasties(known: Known) -> Iterator[tuple[str, Operation]]:
    """Each with its name, for each of the callers."""
    sections = _sections()
    fragments = sections["fragments"]
    selections = sections["of an organization"].items()
    documents = {name: f"{{ organization(slug: $slug) {{ {text} }} }}" for name, text in selections}
    for scope in SCOPES:
        for name, text in (documents | sections["documents"]).items():
            yield name, _operation(_with_fragments(text, fragments), _values(known), scope)


def _sections() -> dict[str, dict[str, str]]:
    """The texts by section and name: a section begins with `## `, a text with `# `."""
    found: dict[str, dict[str, str]] = {}
    for section in FILE.read_text().split("\n## ")[1:]:
        title, *texts = section.split("\n# ")
        found[title.strip()] = {name: body for name, _, body in (text.partition("\n") for text in texts)}
    return found


def _with_fragments(text: str, fragments: dict[str, str]) -> str:
    """A document with all the fragments that it spreads, and those that they spread."""
    parts = [text]
    while missing := [body for spread, body in fragments.items() if spread in "\n".join(parts) and body not in parts]:
        parts += missing
    return "\n".join(parts)


def _operation(document: str, values: dict[str, Any], scope: str) -> Operation:
    used = [name for name in VARIABLES if re.search(rf"\${name}\b", document)]
    definitions = ", ".join(f"${name}: {VARIABLES[name]}" for name in used)
    head = f"query Nasty({definitions}) " if used else ""
    return Operation(head + document, {name: values[name] for name in used if name in values}, scope)


def _values(known: Known) -> dict[str, Any]:
    """Of all variables but those that are to be absent."""
    found = known.ids["Resource"][0]
    return {
        "slug": known.slug,
        "id": found,
        "gone": found[:-6] + "AAAAAA",
        "ids": [ids[0] for _, ids in sorted(known.ids.items())],
        "resources": known.cursors["resources"][0],
        "yes": True,
        "no": False,
        "direction": "DESC",
        "severity": "HIGH",
        "where": {"provider": {"in": ["AWS", "GCP"]}, "name": {"contains": "a"}},
        "few": 3,
        "provider": "AZURE",
        "null": None,
        "nothing": None,
        "rule": {"month": "2026-11-01", "rule": {"name": "new", "method": "DIRECT"}},
    }
