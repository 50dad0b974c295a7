"""`skyledger import costs`: files, a folder or a manifest as one delivery, all of which lands at once or nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
import typer
from rich.console import Console
from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar

from app.cli.operator import OPERATOR, as_operator
from app.cli.terminal import errors, fail, out, reason_of
from app.costs.datasets import checked_dataset
from app.costs.imports.storing import Progress
from app.database import Database
from app.errors import BadUserInputError
from app.logging import configure_logging
from app.records import RowIssue
from app.records.costs import DeliveredPeriod, ImportMode, ImportOutcome, ImportState
from app.records.currencies import checked_currency
from app.repositories import cost_import_reads, cost_imports
from app.sourcing.files import FileOptions, import_from_disk
from app.tasks import end_tasks

SHOWN_REJECTS: Final = 20
SHOWN_PERIODS: Final = 12
SOME_REJECTED: Final = 3
"""Exit code when costs landed but rows were refused; 1 is failure, 2 wrong use of the command."""
STOPPED: Final = 130
"""Exit code after Ctrl-C, as of other commands."""
_TURN_SECONDS: Final = 0.1
Row = Mapping[Any, Any]


@dataclass(frozen=True)
class CostsImported:
    """What became of a delivery: its notes as stored, its periods each with the one before it, its first rejects."""

    outcome: ImportOutcome
    notes: Sequence[Mapping[str, Any]] = ()
    periods: Sequence[tuple[Row, Row | None]] = ()
    rejects: Sequence[tuple[str | None, RowIssue]] = field(default_factory=list)


def run_import_costs(
    paths: Sequence[Path], organization: str, dataset: str, mode: str, currency: str | None, accept_rejects: str
) -> None:
    """Import; ends the command with exit code 1 where nothing landed, 3 where some rows were refused."""
    options = _options(dataset, mode, currency, accept_rejects)
    configure_logging("WARNING")  # to standard error, for standard output is the summary's

    async def work(database: Database, organization_id: UUID) -> CostsImported:
        return await import_costs(database, organization_id, paths, options)

    try:
        found = as_operator(organization, work)
    except KeyboardInterrupt:
        errors.print("Stopped; nothing was imported.")
        raise typer.Exit(STOPPED) from None
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:  # of COPY, which speaks to the driver itself
        message = f"{reason_of(error)}\nNothing was imported."
        raise fail(message) from None
    report(found, out)
    if found.outcome.state not in {ImportState.SUCCEEDED, ImportState.UNCHANGED}:
        raise fail(found.outcome.message or "the import was cancelled; nothing was imported.")
    if found.outcome.rejected:
        raise typer.Exit(SOME_REJECTED)


async def import_costs(
    database: Database, organization_id: UUID, paths: Sequence[Path], options: FileOptions
) -> CostsImported:
    """Import files of FOCUS rows while a bar shows how far it is."""
    progress = Progress()
    name = paths[0].name if len(paths) == 1 else f"{len(paths)} files"
    with _bar() as bar:
        task = bar.add_task(name, total=None, rows=0, rate=0)
        showing = asyncio.create_task(_show(bar, task, progress), name="import-progress")
        try:
            outcome = await import_from_disk(database, organization_id, OPERATOR, paths, options, progress)
        finally:
            await end_tasks(showing)
        if outcome.state in {ImportState.SUCCEEDED, ImportState.UNCHANGED}:
            bar.update(task, completed=progress.bytes_total, total=progress.bytes_total, rows=progress.received)
    return await _told(database, organization_id, outcome, progress)


def report(found: CostsImported, console: Console) -> None:
    """Tell what landed, what it took the place of, how it departs from FOCUS, and which rows were refused."""
    outcome = found.outcome
    for line in (*_counts(outcome), *_periods(found.periods), *map(_note, found.notes)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for file_name, issue in found.rejects[:SHOWN_REJECTS]:
        value = "" if issue.value is None else f" {issue.value!r}"
        text = f"  {file_name or 'row'}:{issue.row_number}: {issue.column or 'whole row'}{value}: {issue.reason}"
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    shown = len({(name, issue.row_number) for name, issue in found.rejects[:SHOWN_REJECTS]})
    if outcome.rejected > shown:
        more = (
            f"  … and {outcome.rejected - shown:,} more rejected rows; `costImports` in the graph has the first 1,000."
        )
        console.print(more, markup=False, highlight=False, soft_wrap=True)


def _counts(outcome: ImportOutcome) -> list[str]:
    if outcome.state is ImportState.UNCHANGED:
        return ["Nothing to do: this was imported before."]
    if outcome.state is ImportState.SUCCEEDED and not outcome.received:
        return ["There are no rows in it."]
    if not outcome.received:
        return []
    names = ("added", "unchanged", "rejected")
    counts = ", ".join(f"{count:,} {name}" for name in names if (count := getattr(outcome, name)))
    landed = outcome.state is ImportState.SUCCEEDED
    return [f"{outcome.received:,} rows: {counts or ('nothing to do' if landed else 'nothing was imported')}."]


def _periods(periods: Sequence[tuple[Row, Row | None]]) -> list[str]:
    lines = []
    for period, former in periods[:SHOWN_PERIODS]:
        account = period["billing_account_id"] or "no billing account"
        days = f"{period['billing_period_start']} to {period['billing_period_end']}"
        before = "" if former is None else f"; before: {_total(former)}"
        lines.append(f"  {days}, {account}: {_total(period)} ({period['finality'].lower()}{before})")
    if len(periods) > SHOWN_PERIODS:
        lines.append(f"  … and {len(periods) - SHOWN_PERIODS:,} more billing periods.")
    return lines


def _total(period: Row) -> str:
    currency = period["billing_currency"]
    amount = "several currencies" if currency is None else f"{period['billed_cost']:,f} {currency} billed"
    count = period["charge_count"]
    return f"{count:,} {'charge' if count == 1 else 'charges'}, {amount}"


def _note(note: Mapping[str, Any]) -> str:
    count = note["rows"]
    rows = f"row {note['firstRow']}" if count == 1 else f"{count:,} rows from row {note['firstRow']}"
    return f"  note: {note['column']}: {note['detail']} ({note['kind']}, {rows})"


async def _told(database: Database, organization_id: UUID, outcome: ImportOutcome, progress: Progress) -> CostsImported:
    async with database.read(organization_id) as session:
        row = await cost_imports.get_import(session, organization_id, outcome.import_id)
        ids, limit = [outcome.import_id], SHOWN_PERIODS + 1_000
        periods = (await cost_import_reads.periods_of_imports(session, organization_id, ids, limit))[outcome.import_id]
        keys = [_key(period) for period in periods[:SHOWN_PERIODS]]
        former = await cost_import_reads.superseded_periods(session, organization_id, keys, 1)
    before = {key.period_id: rows[0] for key, rows in former.items() if rows}
    pairs = [(period, before.get(period["id"])) for period in periods]
    return CostsImported(outcome, row["conformance"] if row is not None else (), pairs, progress.rejects)


def _key(period: Row) -> DeliveredPeriod:
    names = ("dataset", "billing_account_id", "billing_period_start", "id")
    return DeliveredPeriod(*(period[name] for name in names))


def _bar() -> ProgressBar:
    return ProgressBar(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TextColumn("{task.fields[rate]:,} rows/s"),
        TimeRemainingColumn(),
        console=errors,
    )


async def _show(bar: ProgressBar, task: TaskID, progress: Progress) -> None:
    """Show how far an import is until it has ended."""
    begun = time.monotonic()
    while True:
        await asyncio.sleep(_TURN_SECONDS)
        rate = int(progress.received / (time.monotonic() - begun))
        total = progress.bytes_total or None
        bar.update(task, completed=progress.bytes_read, total=total, rows=progress.received, rate=rate)


def _options(dataset: str, mode: str, currency: str | None, accept_rejects: str) -> FileOptions:
    """The options, checked. Ends the command with what is wrong."""
    try:
        return FileOptions(
            checked_dataset(dataset),
            ImportMode(mode.upper()),
            None if currency is None else checked_currency(currency),
            _share(accept_rejects),
        )
    except BadUserInputError as error:
        raise fail(error.message) from None
    except ValueError:
        message = f"`--mode` is {mode!r}; it must be replace or append."
        raise fail(message) from None


def _share(text: str) -> float:
    """`5%` or `0.05` as a share. Raises BadUserInputError."""
    number = text.strip().removesuffix("%")
    try:
        share = float(number) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        message = f"`--accept-rejects` is {text!r}; it must be a share of rows such as 5% or 0.05."
        raise BadUserInputError(message)
    return share
