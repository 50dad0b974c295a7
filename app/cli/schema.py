"""`skyledger export-schema`."""

from __future__ import annotations

import difflib
from pathlib import Path

from app.cli.terminal import errors, fail, out
from app.resolvers.roots import schema_text


def run_export(path: Path, *, check: bool) -> None:
    """Write the sorted schema, or compare it with the file and show the difference."""
    text = schema_text()
    if not check:
        path.write_text(text)
        out.print(f"Wrote {path} ({len(text.splitlines())} lines).")
        return
    found = path.read_text() if path.exists() else ""
    if found == text:
        out.print(f"{path} is current.")
        return
    for line in difflib.unified_diff(found.splitlines(), text.splitlines(), str(path), "the code", lineterm="", n=2):
        errors.print(line, markup=False, highlight=False)
    reason = f"{path} is stale: run `skyledger export-schema` and commit it."
    raise fail(reason)
