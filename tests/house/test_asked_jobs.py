"""What a caller's call queues is bounded, but for the few jobs that must never be refused: they stand here."""

from __future__ import annotations

import ast
from pathlib import Path

import app

ROOT = Path(app.__file__).parent
NEVER_REFUSED = {
    "organizations/change.py": "who leaves is not held back by what waits; there is one of it",
    "queue.py": "`enqueue_instead`: the job before it goes, so there is one of it",
}


def test_only_these_jobs_are_never_refused() -> None:
    found, calls = set(), 0
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or ast.unparse(node.func) not in {"enqueue", "enqueue_all"}:
                continue
            calls += 1
            if any(each.arg == "always" for each in node.keywords):
                found.add(path.relative_to(ROOT).as_posix())
    assert calls >= 20, "the code is read"
    assert found == set(NEVER_REFUSED)
