"""Keeps the generated tables of README.md current: `python -m tools.readme_tables [--check]`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from app.config import Settings
from app.detection.catalogue import ALL_CHECKS
from app.providers.registry import cloud
from app.records import Provider

_KINDS = (
    (Provider.AWS, "CloudFormation"),
    (Provider.AZURE, "ARM"),
    (Provider.GCP, "Cloud Asset"),
    (Provider.MICROSOFT_365, "Microsoft Graph"),
)
README = Path(__file__).resolve().parent.parent / "README.md"


def settings_table() -> str:
    """A Markdown row for every setting: variable, values, default, meaning."""
    lines = ["| variable | values | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        lines.append(f"| `SKYLEDGER_{name.upper()}` | {_values(field)} | {_default(field)} | {field.description} |")
    return "\n".join(lines)


def _values(field: FieldInfo) -> str:
    annotation: Any = field.annotation
    if str(get_origin(annotation)).endswith("Literal"):
        return " ".join(f"`{value}`" for value in get_args(annotation))
    text = str(annotation)
    for mark, word in (("bool", "true, false"), ("int", "whole number"), ("float", "number"), ("Path", "folder")):
        if mark in text:
            return word
    return "texts, by comma" if "tuple" in text else "text"


def _default(field: FieldInfo) -> str:
    if field.default in {None, ()}:
        return "none"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def collected_table() -> str:
    """A Markdown row for every cloud: how much of it is read, and what."""
    lines = ["| cloud | services | resource types | read as |", "| --- | --- | --- | --- |"]
    for provider, kind in _KINDS:
        services = cloud(provider).services()
        types = {name for service in services for each in service.collectors for name in each.resource_types}
        names = ", ".join(f"`{service.name}`" for service in services)
        lines.append(f"| {provider.value} | {names} | {len(types)} | {kind} types |")
    return "\n".join(lines)


def checks_table() -> str:
    """A Markdown row for every cloud and area: the checks that look at it."""
    lines = ["| cloud | area | checks |", "| --- | --- | --- |"]
    found: dict[tuple[str, str], list[str]] = {}
    for check in ALL_CHECKS:
        cloud_name = "any" if check.provider is None else check.provider.value
        found.setdefault((cloud_name, check.area.value), []).append(check.id)
    for (provider, area), ids in sorted(found.items()):
        lines.append(f"| {provider} | {area} | {', '.join(f'`{id_}`' for id_ in sorted(ids))} |")
    return "\n".join(lines)


def filled(text: str, name: str, table: str) -> str:
    """The text with a table between its two marks."""
    marks = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
    return re.sub(marks, lambda match: f"{match[1]}{table}\n{match[2]}", text, flags=re.DOTALL)


def main() -> int:
    """Write the tables into the README, or with --check tell whether they are current."""
    found = README.read_text()
    wanted = filled(filled(found, "settings", settings_table()), "collected", collected_table())
    wanted = filled(wanted, "checks", checks_table())
    if found == wanted:
        return 0
    if "--check" in sys.argv:
        print("README.md is stale: run `python -m tools.readme_tables`.")
        return 1
    README.write_text(wanted)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
