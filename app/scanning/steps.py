"""One step of a scan: its service's collectors one after the other, each stored as it comes and swept when it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import now
from app.providers.base import GLOBAL, Collector, Connection, FoundResource, Service
from app.providers.problems import ProblemCode, ProviderError
from app.queue import HeldJob
from app.records import Provider, StepState
from app.repositories import scans
from app.repositories.inventory_store import clear_sightings, prepare_batch, step_counts, store_batch, sweep
from app.repositories.resources import ResourceValues
from app.scanning.plan import Plan, swept_regions
from app.scanning.progress import scan_changed
from app.scanning.tools import ScanTools
from app.scanning.verdict import absence

BATCH = 2_000
"""Rows that are stored in one transaction; a larger page is stored whole. With 1,000 a first scan is a fifth slower."""
STORE_SECONDS = 1.0
"""Found rows wait no longer than this and a page: who follows the scan sees it go on, a killed worker loses little."""

Problem = dict[str, Any]


@dataclass(eq=False)
class ScanRun:
    """A scan that this worker runs, and the only door for what it writes."""

    job: HeldJob
    tools: ScanTools
    organization_id: UUID
    scan: RowMapping
    provider: Provider = Provider.OTHER
    # All writes hold the job's row, so they come one after the other anyway: none waits with a connection in hand.
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def scan_id(self) -> UUID:
        """The scan's id."""
        scan_id: UUID = self.scan["id"]
        return scan_id

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """A transaction that commits only if the job is still ours; its followers hear of it."""
        async with self._writing, self.job.database.write(self.organization_id) as session:
            await self.job.hold(session)
            scan_changed(session, self.organization_id, self.scan_id)
            yield session


async def run_step(run: ScanRun, plan: Plan, connection: Connection, step: RowMapping) -> None:
    """Run one step to its end. Raises ProviderError(CREDENTIALS), after which no other step can succeed either.

    A step that an earlier worker has begun goes on with the collector that was under way, from its first page: what
    was sighted then still counts, as it did the first time.
    """
    service = plan.services[step["service"]]
    async with run.write() as session:
        values = {"state": StepState.RUNNING.value, "started_at": step["started_at"] or now()}
        await scans.update_step(session, run.organization_id, step["id"], **values)
        if step["state"] == StepState.PENDING:
            await run.job.progressed(session)
    # Of an earlier worker's: what its collectors that have ended could not read.
    problems: list[Problem] = list(step["problems"])
    good = 0
    for collector in service.collectors:
        if collector.resource_types[0] in step["collected"]:
            good += 1
            continue
        try:
            if step["region"] in plan.absent:
                raise absence([step["region"]])
            problems += await _collect(run, service, collector, connection, step)
        except ProviderError as error:
            problems.append(_problem(collector.resource_types, error))
            if error.code is ProblemCode.CREDENTIALS:
                await _end(run, step, _state(good, problems), problems)
                raise
        else:
            good += 1
    await _end(run, step, _state(good, problems), problems)


async def _collect(
    run: ScanRun, service: Service, collector: Collector, connection: Connection, step: RowMapping
) -> list[Problem]:
    """Store what a collector tells; when it has told all, mark gone what it did not tell.

    Returns what it could not read of the resources that it has told. Raises ProviderError where it has not told all.
    """
    regions = swept_regions(run.scan, service, step["region"])
    problems: list[Problem] = []
    try:
        await _store_all(run, service, collector, connection, step)
    except ProviderError as error:
        if not error.listed:
            raise
        problems.append(_problem(collector.resource_types, error))
    async with run.write() as session:
        removed = await sweep(
            session,
            run.organization_id,
            run.scan["account_id"],
            step_id=step["id"],
            scan_id=run.scan_id,
            resource_types=collector.resource_types,
            regions=regions,
        )
        await run.job.progressed(session)
        await scans.add_collected(session, run.organization_id, step["id"], collector.resource_types, problems)
        if removed:
            await scans.count_in_step(session, run.organization_id, step["id"], removed=removed)
    return problems


async def _store_all(
    run: ScanRun, service: Service, collector: Collector, connection: Connection, step: RowMapping
) -> None:
    """Store a collector's pages. A problem that is `listed` is raised after the last of them is stored."""
    regions = swept_regions(run.scan, service, step["region"])
    waiting: dict[str, ResourceValues] = {}
    pages = run.tools.pool.pages(
        collector,
        connection,
        step["region"],
        run.tools.page_seconds,
        run.organization_id,
        whole=run.tools.whole_seconds,
    )
    stored_at = time.monotonic()
    told: ProviderError | None = None
    try:
        async with aclosing(pages):
            async for page in pages:
                for found in page:
                    region = found.region or (None if service.is_global else step["region"])
                    if service.is_global and regions is not None and (region or GLOBAL) not in regions:
                        continue
                    waiting[found.native_id] = _values(run, found, region)
                if len(waiting) >= BATCH or (waiting and time.monotonic() - stored_at > STORE_SECONDS):
                    await _store(run, step["id"], list(waiting.values()))
                    waiting.clear()
                    stored_at = time.monotonic()
    except ProviderError as error:
        if not error.listed:
            raise
        told = error
    if waiting:
        await _store(run, step["id"], list(waiting.values()))
    if told is not None:
        raise told


async def sweep_left_regions(run: ScanRun, plan: Plan) -> None:
    """Mark gone what is stored of regions that the account has no more, after a full scan that has read everything.

    They were switched off, or taken out of its own `regions`. Counted in each service's first step, for these regions
    have none. What the global services read is swept over all regions by their own steps.
    """
    if not plan.is_full or not plan.regions:
        return
    regions = [*plan.regions, GLOBAL]
    async with run.job.database.read(run.organization_id) as session:
        steps = await scans.steps_of(session, run.organization_id, run.scan_id)
    first = {step["service"]: step["id"] for step in reversed(steps) if step["region"] in plan.regions}
    for name, step_id in first.items():
        types = [each for collector in plan.services[name].collectors for each in collector.resource_types]
        async with run.write() as session:
            removed = await sweep(
                session,
                run.organization_id,
                run.scan["account_id"],
                step_id=step_id,
                scan_id=run.scan_id,
                resource_types=types,
                regions=regions,
                elsewhere=True,
            )
            if removed:
                await scans.count_in_step(session, run.organization_id, step_id, removed=removed)


def _name(collector: Collector) -> str:
    """What a collector is noted by: no two of a service read the same type."""
    return collector.resource_types[0]


async def _store(run: ScanRun, step_id: UUID, found: Sequence[ResourceValues]) -> None:
    rows = await asyncio.to_thread(prepare_batch, found)
    async with run.write() as session:
        seen = await store_batch(session, run.organization_id, rows, step_id=step_id, scan_id=run.scan_id)
        if seen.found:  # further than any attempt before: repeated pages sight nothing new
            await run.job.progressed(session)
            counts = {
                "found": seen.found,
                "added": seen.added + seen.returned,
                "changed": seen.changed,
                "unchanged": seen.unchanged,
            }
            await scans.count_in_step(session, run.organization_id, step_id, **counts)


async def _end(run: ScanRun, step: RowMapping, state: StepState, problems: Sequence[Problem]) -> None:
    async with run.write() as session:
        await run.job.progressed(session)
        seen = await step_counts(session, run.organization_id, step["id"])
        await scans.update_step(
            session,
            run.organization_id,
            step["id"],
            state=state.value,
            problems=list(problems),
            finished_at=now(),
            found=seen.found,
            added=seen.added + seen.returned,
            changed=seen.changed,
            unchanged=seen.unchanged,
        )
        await clear_sightings(session, run.organization_id, [step["id"]])
    structlog.get_logger(__name__).info(
        "scan_step_ended",
        scan_id=str(run.scan_id),
        service=step["service"],
        region=step["region"],
        state=state.value,
        found=seen.found,
    )


def _state(good: int, problems: Sequence[Problem]) -> StepState:
    if all(problem["code"] == ProblemCode.NOT_ENABLED for problem in problems):
        return StepState.SUCCEEDED  # what is not switched on has been read as far as it can be
    return StepState.PARTIAL if good else StepState.FAILED


def _problem(resource_types: Sequence[str], error: ProviderError) -> Problem:
    return {
        "resourceTypes": list(resource_types),
        "code": error.code.value,
        "message": error.message,
        "remedy": error.remedy,
        "permission": error.permission,
    }


def _values(run: ScanRun, found: FoundResource, region: str | None) -> ResourceValues:
    return ResourceValues(
        account_id=run.scan["account_id"],
        provider=run.provider.value,
        service=found.service,
        resource_type=found.resource_type,
        native_id=found.native_id,
        name=found.name,
        region=region,
        availability_zone=found.availability_zone,
        status=found.status,
        tags=found.tags,
        properties=found.properties,
        provider_created_at=found.created_at,
        last_used_at=found.last_used_at,
        relations=tuple((relation.kind.value, relation.target) for relation in found.relations),
    )
