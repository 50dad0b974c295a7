"""Imports a delivery of costs: the same one again is no change, a newer one takes the place of the older."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.costs.allocation.figures import want_figures
from app.costs.conformance import ConformanceNotes, Gap, shortened
from app.costs.files import UnreadableFileError
from app.costs.imports.delivery import Delivery, PeriodKey
from app.costs.imports.interning import Dimensions
from app.costs.imports.order import REJECT_SHARE, ImportOrder, create_import
from app.costs.imports.parts import InlineRows, Part, find_parts
from app.costs.imports.storing import Progress, Storing
from app.costs.left_out import note_left_out
from app.costs.settle import settled_by
from app.costs.watch import request_check
from app.database import Database
from app.errors import BadUserInputError, ConflictError, UnavailableError
from app.models import new_id, now
from app.quotas import take
from app.records import Actor, EventKind, NewEvent
from app.records.costs import ImportMode, ImportOutcome, ImportSource, ImportSourceKind, ImportState
from app.records.plans import QuotaMetric
from app.repositories import cost_imports
from app.repositories.tag_keys import promoted_keys
from app.tasks import end_tasks

TRIES: Final = 3
SAVE_SECONDS: Final = 2.0
_BLOCK: Final = 2**20


class RefusedError(Exception):
    """The delivery is not taken; the message says why."""


class NothingNewError(Exception):
    """All rows that came inline are there already."""


async def import_files(
    database: Database,
    organization_id: UUID,
    actor: Actor,
    paths: Sequence[Path],
    *,
    dataset: str,
    mode: ImportMode,
    source: ImportSource,
    billing_currency: str | None = None,
    reject_share: float = REJECT_SHARE,
    progress: Progress | None = None,
) -> ImportOutcome:
    """Import files, folders or manifests as one delivery.

    Never raises for what is in the files: that is told by the outcome and kept with the delivery. `progress` can be
    looked at meanwhile.
    """
    order = ImportOrder(organization_id, new_id(), actor, dataset, mode, billing_currency, reject_share)
    await create_import(database, order, source)
    return await run_order(database, order, paths, progress if progress is not None else Progress())


async def run_order(database: Database, order: ImportOrder, paths: Sequence[Path], progress: Progress) -> ImportOutcome:
    """Import the files of a delivery that `create_import` has noted, from the start whatever an earlier try did."""
    notes = ConformanceNotes()
    begun = {"state": ImportState.RUNNING, "started_at": now(), **_counts(Progress())}
    if not await _change(database, order, begun):
        return ImportOutcome(order.import_id, ImportState.CANCELLED)
    try:
        parts = await asyncio.to_thread(find_parts, paths, manifests=order.manifests)
        progress.bytes_total = sum(part.bytes_total for part in parts)
        before = await _same_before(database, order, parts, progress.bytes_total)
        if before is not None:
            message = "The dataset has this very content already, and all of it counts: nothing was changed."
            ended = await _end(database, order, ImportState.UNCHANGED, progress, notes, message)
            return replace(ended, same_as=before)
        return await _watched(database, order, parts, progress, notes)
    except (UnreadableFileError, BadUserInputError, ConflictError) as error:
        return await _end(database, order, ImportState.FAILED, progress, notes, error.message)
    except RefusedError as error:
        return await _end(database, order, ImportState.REJECTED, progress, notes, str(error))


async def import_rows(
    database: Database, order: ImportOrder, rows: InlineRows, progress: Progress, notes: ConformanceNotes
) -> None:
    """Append rows that came inline; where all are there already, nothing is left of the delivery."""
    source = ImportSource(ImportSourceKind.INLINE)

    async def note(session: AsyncSession) -> None:
        await create_import(database, order, source, session)

    with suppress(NothingNewError):
        await _tried(database, replace(order, hold=note), [rows], progress, notes)


async def _watched(
    database: Database, order: ImportOrder, parts: list[Part], progress: Progress, notes: ConformanceNotes
) -> ImportOutcome:
    """Import while progress is saved; ends early when somebody cancels the delivery."""
    importing = asyncio.create_task(_tried(database, order, parts, progress, notes), name=f"import-{order.import_id}")
    saving = asyncio.create_task(_save_progress(database, order, progress), name=f"progress-{order.import_id}")
    try:
        done, _ = await asyncio.wait({importing, saving}, return_when=asyncio.FIRST_COMPLETED)
        if importing in done:
            importing.result()
            return _outcome(order, ImportState.SUCCEEDED, progress, None)
        saving.result()
        return _outcome(order, ImportState.CANCELLED, Progress(), None)
    finally:
        await end_tasks(importing, saving)


async def _tried(
    database: Database,
    order: ImportOrder,
    sources: Sequence[Part | InlineRows],
    progress: Progress,
    notes: ConformanceNotes,
) -> None:
    """Store; again from the start where the organization's tag keys changed meanwhile."""
    for left in reversed(range(TRIES)):
        progress.begin()
        notes.begin()
        try:
            await _store(database, order, sources, progress, notes)
        except UnavailableError:
            if not left:
                raise
        else:
            return


async def _store(
    database: Database,
    order: ImportOrder,
    sources: Sequence[Part | InlineRows],
    progress: Progress,
    notes: ConformanceNotes,
) -> None:
    async with database.read(order.organization_id) as session:
        promoted = await promoted_keys(session, order.organization_id)
    delivery = Delivery(
        sources,
        Dimensions(order.organization_id, promoted),
        notes,
        billing_currency=order.billing_currency,
        identities_of=order.dataset if order.mode is ImportMode.APPEND else None,
        month=order.month,
    )
    storing = Storing(database, order.organization_id, order.import_id, order.dataset, order.mode)
    # Beside the reading: both wait for the disk, and one core hashes 1.8 GB a second.
    stop = threading.Event()
    hashing = asyncio.create_task(asyncio.to_thread(_sha256, sources, stop))
    try:
        async with database.write(order.organization_id) as session:
            if order.hold is not None:
                await order.hold(session)
            await storing.store(session, delivery, promoted, progress, order.wait_seconds)
            _accept(order, progress)
            await _note_overlaps(session, order, storing.periods, notes)
            if order.mode is ImportMode.REPLACE:
                import_id, periods = order.import_id, storing.periods
                await note_left_out(session, order.organization_id, import_id, periods, order.month, notes)
            if not progress.added and isinstance(sources[0], InlineRows):
                raise NothingNewError
            if isinstance(sources[0], InlineRows):  # of a file it was taken when its import was asked for
                await take(session, order.organization_id, QuotaMetric.IMPORTS)
            told = _what_is_missing(progress)
            ended = {"sha256": await hashing, "focus_version": delivery.focus_version, "message": told}
            if not await _finish(session, order, ImportState.SUCCEEDED, progress, notes, **ended):
                message = "The import was cancelled."
                raise RefusedError(message)
            if progress.added:
                await request_check(session, order.organization_id)
                await want_figures(session, order.organization_id)
                await record(session, order.organization_id, _event(order, EventKind.COSTS_INGESTED, progress))
    finally:
        stop.set()
        await asyncio.wait([hashing])


def _accept(order: ImportOrder, progress: Progress) -> None:
    """Refuse a delivery with too many bad rows: what is there is better than what it would become."""
    if progress.rejected <= order.reject_share * progress.received:
        return
    share = f"{100 * progress.rejected / progress.received:.1f} %"
    first = progress.rejects[0] if progress.rejects else None
    example = f" The first: {first[0] or 'row'} {first[1].row_number}: {first[1].reason}." if first else ""
    message = (
        f"{progress.rejected:,} of {progress.received:,} rows ({share}) cannot be read, more than the "
        f"{100 * order.reject_share:g} % that are accepted, so nothing was changed.{example}"
    )
    raise RefusedError(message)


def _what_is_missing(progress: Progress) -> str | None:
    """What somebody has to know who sees nothing but that an import has succeeded; None where all is in."""
    if not progress.received:
        return "There are no rows in it, so nothing was changed."
    if progress.rejected:
        return f"{progress.rejected:,} of {progress.received:,} rows were refused and do not count: see its rejects."
    return None


async def _same_before(database: Database, order: ImportOrder, parts: Sequence[Part], size: int) -> UUID | None:
    """The delivery in force that has this very content already; only one of the same size is worth a look."""
    async with database.read(order.organization_id) as session:
        if not await cost_imports.has_delivery_of_size(session, order.organization_id, order.dataset, size):
            return None
    digest = await asyncio.to_thread(_sha256, parts, threading.Event())
    async with database.write(order.organization_id) as session:
        before = await cost_imports.delivered_before(
            session, order.organization_id, order.dataset, digest, order.mode, order.billing_currency
        )
        if before is not None:
            settled = settled_by(now().date())
            await cost_imports.settle_periods(session, order.organization_id, before, settled)
    return before


async def _note_overlaps(
    session: AsyncSession, order: ImportOrder, periods: frozenset[PeriodKey], notes: ConformanceNotes
) -> None:
    """Note the billing periods that another dataset has too: a bill that comes in two ways counts twice."""
    if not periods:
        return
    for row in await cost_imports.in_other_datasets(session, order.organization_id, order.dataset, periods):
        account = shortened(row["billing_account_id"]) or "(none)"
        detail = f"{row['billing_period_start']:%Y-%m} of {account} is in dataset {shortened(row['dataset'])} too"
        notes.record(Gap.COUNTED_TWICE, "BillingPeriodStart", detail, 1, row["charge_count"])


async def _end(
    database: Database,
    order: ImportOrder,
    state: ImportState,
    progress: Progress,
    notes: ConformanceNotes,
    message: str,
) -> ImportOutcome:
    """Note how a delivery ended that changed nothing."""
    progress.added = progress.unchanged = 0
    async with database.write(order.organization_id) as session:
        ended = await _finish(session, order, state, progress, notes, message=message)
        if ended and state is not ImportState.UNCHANGED:
            await record(session, order.organization_id, _event(order, EventKind.COST_IMPORT_FAILED, progress, message))
    return _outcome(order, state if ended else ImportState.CANCELLED, progress, message)


async def _finish(
    session: AsyncSession,
    order: ImportOrder,
    state: ImportState,
    progress: Progress,
    notes: ConformanceNotes,
    **more: Any,
) -> bool:
    """Note how a delivery ended, with its gaps and refused rows; False where it was cancelled meanwhile."""
    values = {
        "state": state,
        "bytes_total": progress.bytes_total,
        "conformance": [
            {
                "kind": note.gap,
                "column": note.column,
                "detail": note.detail,
                "rows": note.rows,
                "firstRow": note.first_row,
            }
            for note in notes.notes()
        ],
        "finished_at": now(),
        **_counts(progress),
        **more,
    }
    if not await cost_imports.change_import(session, order.organization_id, order.import_id, values):
        return False
    await cost_imports.add_rejects(session, order.organization_id, order.import_id, progress.rejects)
    return True


async def _save_progress(database: Database, order: ImportOrder, progress: Progress) -> None:
    """Write how far the import is every two seconds; ends when the delivery was cancelled."""
    while True:
        await asyncio.sleep(SAVE_SECONDS)
        # Only a figure that others look at: the import itself tells whether PostgreSQL is there.
        with suppress(UnavailableError, DBAPIError):
            if not await _change(database, order, {"bytes_total": progress.bytes_total, **_counts(progress)}):
                async with database.read(order.organization_id) as session:
                    found = await cost_imports.get_import(session, order.organization_id, order.import_id)
                # It may also have ended well a moment ago, which this task must not hide.
                if found is None or found["state"] != ImportState.SUCCEEDED:
                    return


async def _change(database: Database, order: ImportOrder, values: dict[str, Any]) -> bool:
    async with database.write(order.organization_id) as session:
        return await cost_imports.change_import(session, order.organization_id, order.import_id, values)


def _counts(progress: Progress) -> dict[str, int]:
    names = ("bytes_read", "received", "added", "unchanged", "rejected")
    return {name: getattr(progress, name) for name in names}


def _event(order: ImportOrder, kind: EventKind, progress: Progress, message: str | None = None) -> NewEvent:
    data: dict[str, Any] = {"dataset": order.dataset, "added": progress.added, "rejected": progress.rejected}
    if message is not None:
        data["message"] = message
    return NewEvent(kind, order.actor, "CostImport", order.import_id, data)


def _outcome(order: ImportOrder, state: ImportState, progress: Progress, message: str | None) -> ImportOutcome:
    return ImportOutcome(
        order.import_id,
        state,
        progress.received,
        progress.added,
        progress.unchanged,
        progress.rejected,
        message,
        dict(progress.billed_cost),
    )


def _sha256(sources: Sequence[Part | InlineRows], stop: threading.Event) -> bytes:
    """The hash of all files of a delivery in order, as they are on disk; of a part of them when it is to stop."""
    digest = hashlib.sha256()
    for part in sources:
        if isinstance(part, Part):
            with part.path.open("rb") as file:
                while not stop.is_set() and (block := file.read(_BLOCK)):
                    digest.update(block)
    return digest.digest()
