"""Fetches one delivery to disk and hands it to the importer; what was imported is remembered in the same breath."""

from __future__ import annotations

import asyncio
import shutil
from functools import partial
from pathlib import Path
from uuid import UUID

from app.costs.conformance import Gap
from app.costs.imports.order import ImportOrder, create_import
from app.costs.imports.storing import Progress
from app.errors import QuotaExceededError
from app.models import new_id
from app.providers.cost_exports import SPARE_BYTES, CostSource, Delivery, Stop
from app.providers.problems import ProblemCode, ProviderError
from app.quotas import take
from app.records.cost_sources import CostSourceStepKind, CostSourceStepState
from app.records.costs import ImportMode, ImportOutcome, ImportSource, ImportSourceKind, ImportState
from app.records.plans import QuotaMetric
from app.repositories import cost_imports, cost_sources
from app.sourcing.schedule import SYSTEM
from app.sourcing.steps import SourceRun, Step, check, end_step, fail_step, fail_with, new_step
from app.sourcing.workplace import Workplace

MOST_NAMES = 100
_IMPORTED = frozenset({ImportState.SUCCEEDED, ImportState.UNCHANGED})
_UNDER_WAY = frozenset({ImportState.QUEUED, ImportState.RUNNING})
_LOOK = "See the import's rejects and conformance; when the export is right again, the next run imports it."
_LARGER_PLAN = "When the quota starts anew, the next run imports it; ask the operator for a larger plan."

Problem = tuple[str, str]
"""What went wrong, and what to do."""


class BrokenOffError(Exception):
    """No further delivery can be fetched either."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem[0])
        self.problem = problem


async def deliver(
    run: SourceRun, source: CostSource, delivery: Delivery, workplace: Workplace, stop: Stop
) -> Problem | None:
    """Fetch and import a delivery; None when it is in, else what was in the way.

    Raises BrokenOffError for credentials that have ended.
    """
    folder = workplace.path / delivery.key.replace("/", "-")
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    try:
        step = await run.begin(CostSourceStepKind.FETCH, delivery.key)
        try:
            paths = await _fetch(run, source, delivery, workplace, folder, step, stop)
        except ProviderError as error:
            fail_step(step, error)
            await run.store()
            if error.code is ProblemCode.CREDENTIALS:
                raise BrokenOffError((error.message, error.remedy)) from None
            return error.message, error.remedy
        return await _import(run, delivery, paths)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _fetch(
    run: SourceRun,
    source: CostSource,
    delivery: Delivery,
    workplace: Workplace,
    folder: Path,
    step: Step,
    stop: Stop,
) -> list[Path]:
    """The files of a delivery, checked. Raises ProviderError."""
    wanted, free = delivery.bytes, workplace.free_bytes()
    if wanted is not None and not check(
        step, "disk", passed=free - wanted >= SPARE_BYTES, message=f"{wanted:,} bytes to fetch, {free:,} are free."
    ):
        raise ProviderError(
            ProblemCode.FAILED,
            f"The delivery of {delivery.key} has {wanted:,} bytes; the worker's disk has no room for it.",
            "The operator of Skyledger makes room in the data folder of the workers; then run the source again.",
            retry=False,
        )
    fetch = partial(source.fetch, delivery, folder, stop)
    paths = await run.tools.pool.patiently(fetch, run.tools.fetch_seconds, run.organization_id)
    lengths = [path.stat().st_size for path in paths]
    check(step, "parts", passed=True, message=f"{len(paths)} files arrived whole.")
    end_step(step, CostSourceStepState.SUCCEEDED, parts=len(paths), bytes=sum(lengths))
    await run.store(fetched_bytes=run.run["fetched_bytes"] + sum(lengths))
    return paths


async def _import(run: SourceRun, delivery: Delivery, paths: list[Path]) -> Problem | None:
    """Hand the files over, under the import that an earlier worker has begun if there is one."""
    begun = await _begun(run, delivery)
    order = ImportOrder(
        run.organization_id,
        begun or new_id(),
        SYSTEM,
        run.source["dataset"],
        ImportMode.REPLACE if delivery.replaces else ImportMode.APPEND,
        hold=run.job.hold,
        month=delivery.billing_period_start.date() if delivery.billing_period_start else None,
    )
    step = new_step(CostSourceStepKind.IMPORT, delivery.key)
    step["importId"] = str(order.import_id)
    run.steps.append(step)
    try:
        async with run.write() as session:
            if begun is None:
                names = tuple(part.name for part in delivery.parts[:MOST_NAMES])
                source = ImportSource(ImportSourceKind.SOURCE, run.source["id"], names)
                await create_import(run.job.database, order, source, session, job_id=run.job.id)
                await take(session, run.organization_id, QuotaMetric.IMPORTS)
            await run.store_in(session)
    except QuotaExceededError as error:
        fail_with(step, ProblemCode.FAILED.value, error.message, _LARGER_PLAN)
        await run.store()
        return error.message, _LARGER_PLAN
    outcome = await run.tools.importer(run.job.database, order, paths, Progress())
    return await _imported(run, delivery, step, outcome)


async def _begun(run: SourceRun, delivery: Delivery) -> UUID | None:
    """The import of a delivery that an earlier worker has begun, unless it has ended: then its worker died after it."""
    import_id = run.begun_import(delivery.key)
    if import_id is None:
        return None
    async with run.job.database.read(run.organization_id) as session:
        found = await cost_imports.get_import(session, run.organization_id, import_id)
    return import_id if found is not None and found["state"] in _UNDER_WAY else None


async def _imported(run: SourceRun, delivery: Delivery, step: Step, outcome: ImportOutcome) -> Problem | None:
    """Remember a delivery that is in; a refused one is fetched again by the next run."""
    told = f"{outcome.received:,} rows, {outcome.rejected:,} of them rejected."
    check(step, "rows", passed=outcome.rejected == 0, message=told)
    counts = {"rows": outcome.received, "added": outcome.added, "rejected": outcome.rejected}
    if outcome.state not in _IMPORTED:
        message = outcome.message or f"The delivery of {delivery.key} was not imported: {outcome.state.lower()}."
        step["counts"] |= counts
        fail_with(step, ProblemCode.BAD_ANSWER.value, message, _LOOK)
        await run.store()
        return message, _LOOK
    end_step(step, CostSourceStepState.SUCCEEDED, **counts)
    import_id = outcome.same_as or outcome.import_id
    async with run.write() as session:
        row = await cost_imports.get_import(session, run.organization_id, import_id)
        for note in row["conformance"] if row is not None else ():
            if note["kind"] == Gap.STILL_COUNTED:
                check(step, "accounts", passed=False, message=f"{note['detail']}.")
        await cost_sources.remember_delivery(
            session, run.organization_id, run.source["id"], delivery.key, delivery.checksum, import_id
        )
        await run.store_in(session, imported=run.run["imported"] + 1)
        await run.job.progressed(session)
    return None
