"""`skyledger import resources`: files of any size, batch by batch, with a progress bar."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from app.cli.operator import OPERATOR, as_operator
from app.cli.terminal import errors, out
from app.costs.files import Batch, RowFile
from app.database import Database
from app.records import RowIssue
from app.scanning.ingest import Seen, ingest_resources

SHOWN_ISSUES = 20
SOME_REJECTED = 3
"""Exit code when the file was read but rows of it were refused; 1 is failure, 2 wrong use of the command."""


@dataclass
class Tally:
    """What became of a file: rows by outcome, and the first issues."""

    rows: Counter[str] = field(default_factory=Counter)
    issues: list[RowIssue] = field(default_factory=list)
    issue_count: int = 0

    def add_issues(self, issues: list[RowIssue]) -> None:
        """Keep the first twenty issues and count all."""
        self.issue_count += len(issues)
        self.issues += issues[: max(0, SHOWN_ISSUES - len(self.issues))]


StoreBatch = Callable[[Batch], Awaitable[Counter[str]]]


def run_import_resources(file: Path, organization: str) -> None:
    """Import a file of resources."""
    _run(organization, partial(import_resources, file=file))


def _run(organization: str, work: Callable[..., Awaitable[None]]) -> None:
    """Import, and tell what landed also when the rest of a file cannot be read or Ctrl-C ends it."""
    tally = Tally()
    try:
        as_operator(organization, partial(work, tally=tally))
    finally:
        if tally.rows:
            report(tally, out)
    if not tally.rows:
        out.print("The file has no rows.")
    if tally.rows["rejected"]:
        raise typer.Exit(SOME_REJECTED)


async def import_resources(database: Database, organization_id: UUID, *, file: Path, tally: Tally) -> None:
    """Import resources of a CSV or JSON-lines file; `tally` tells what became of its rows."""
    seen: Seen = {}

    async def store(batch: Batch) -> Counter[str]:
        result = await ingest_resources(database, organization_id, OPERATOR, batch.rows, seen)
        tally.add_issues(result.issues)
        rejected = len({issue.row_number for issue in result.issues})
        counts = {"added": result.added, "changed": result.changed, "unchanged": result.unchanged}
        return Counter(counts | {"rejected": rejected})

    await _batches(file, tally, store)


async def _batches(path: Path, tally: Tally, store: StoreBatch) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors) as progress, RowFile(path) as file:
        task = progress.add_task(path.name, total=file.total_bytes, rows=0)
        for batch in file.batches():
            tally.rows += await store(batch)
            tally.rows["rejected"] += len(batch.issues)
            tally.add_issues(batch.issues)
            progress.update(task, completed=file.bytes_read, rows=tally.rows.total())
        progress.update(task, completed=file.total_bytes)


def report(tally: Tally, console: Console) -> None:
    """Tell what became of the rows, and what was wrong."""
    outcomes = ("added", "changed", "unchanged", "rejected")
    counts = ", ".join(f"{tally.rows[name]:,} {name}" for name in outcomes if tally.rows[name])
    console.print(f"{tally.rows.total():,} rows: {counts or 'nothing to do'}.", highlight=False)
    for issue in sorted(tally.issues, key=lambda issue: issue.row_number):
        value = "" if issue.value is None else f" {issue.value!r}"
        text = f"  row {issue.row_number}: {issue.column or 'whole row'}{value}: {issue.reason}"
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    if tally.issue_count > len(tally.issues):
        console.print(f"  … and {tally.issue_count - len(tally.issues):,} more issues.", highlight=False)
