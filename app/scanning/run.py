"""Runs a scan under its job's lease: opens the account, plans steps, runs them side by side, says how it went."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from functools import partial
from uuid import UUID

import structlog

from app.accounts.health import record_health
from app.accounts.target import open_target
from app.errors import BadUserInputError, ConflictError, NotFoundError, UnavailableError
from app.models import now
from app.providers.base import Connection
from app.providers.calls import WAIT_SECONDS
from app.providers.problems import ProviderError
from app.queue import HeldJob
from app.records import AccountHealth, ScanState
from app.repositories import scans
from app.repositories.accounts import get_account
from app.scanning.finish import SYSTEM, end_scan
from app.scanning.plan import Plan, make_plan
from app.scanning.progress import scan_changed
from app.scanning.steps import ScanRun, run_step, sweep_left_regions
from app.scanning.tools import ScanTools
from app.scanning.verdict import Ending, failed, judge
from app.tasks import end_tasks

STOP_SECONDS = 0.2


async def run_scan(job: HeldJob, tools: ScanTools) -> None:
    """Run the scan that the job names, from where an earlier worker left it.

    Returns early, with nothing ended, when the worker goes down: the job is given back, its next worker goes on.
    """
    if job.organization_id is None or "scanId" not in job.arguments:
        message = "run_scan needs an organization and a scan"
        raise BadUserInputError(message)
    run = await _begin(job, tools, job.organization_id, UUID(job.arguments["scanId"]))
    if run is None:
        return
    working = asyncio.create_task(_read(run), name=f"scan-{run.scan_id}")
    stopped = asyncio.create_task(_until_stopped(job), name=f"scan-stop-{run.scan_id}")
    cancelled = asyncio.create_task(_until_cancelled(run), name=f"scan-cancel-{run.scan_id}")
    try:
        done, _ = await asyncio.wait({working, stopped, cancelled}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end_tasks(working, stopped, cancelled)
    if working in done:
        await _end(run, working.result())
    elif cancelled in done:
        cancelled.result()
        await _end(run, Ending(ScanState.CANCELLED))


async def _begin(job: HeldJob, tools: ScanTools, organization_id: UUID, scan_id: UUID) -> ScanRun | None:
    """Claim the scan; None where there is nothing to do."""
    async with job.database.write(organization_id) as session:
        await job.hold(session)
        scan = await scans.get_scan(session, organization_id, scan_id, lock=True)
        if scan is None or scan["state"] not in scans.UNDER_WAY:
            return None
        if scan["cancel_requested_at"] is not None:
            await end_scan(session, scan, ScanState.CANCELLED)
            return None
        values = {"state": ScanState.RUNNING.value, "started_at": scan["started_at"] or now()}
        scan = await scans.update_scan(session, organization_id, scan_id, **values)
        scan_changed(session, organization_id, scan_id)
    return ScanRun(job, tools, organization_id, scan)


async def _until_stopped(job: HeldJob) -> None:
    while not job.should_stop():  # noqa: ASYNC110 - the worker's flag is no event
        await asyncio.sleep(STOP_SECONDS)


async def _until_cancelled(run: ScanRun) -> None:
    while True:
        await asyncio.sleep(run.tools.look)
        try:
            async with run.job.database.read(run.organization_id) as session:
                if await scans.cancel_wanted(session, run.organization_id, run.scan_id):
                    return
        except UnavailableError:
            continue  # the scan's own writes notice it too


async def _read(run: ScanRun) -> Ending:
    """Read the account. A problem of the provider is an ending; any other fault is the job's."""
    try:
        target = await open_target(run.job.database, run.tools.vault, run.organization_id, run.scan["account_id"])
        run.provider = target.provider
        call = partial(run.tools.pool.call, owner=run.organization_id, wait=WAIT_SECONDS)
        cloud = await call(partial(run.tools.clouds, target.provider))
        connection = await call(partial(cloud.connect, target))
    except ProviderError as error:
        return failed(error)
    except (NotFoundError, ConflictError) as error:
        remedy = "Connect the account with `connectAccount`, then scan it."
        return Ending(ScanState.FAILED, failure=error.message, remedy=remedy)
    try:
        regions = await run.tools.pool.patiently(connection.regions, owner=run.organization_id)
        plan = make_plan(run.scan, cloud.services(), regions)
        return await _run_steps(run, plan, connection)
    except ProviderError as error:
        return failed(error)
    finally:
        run.tools.pool.let_go(connection.close)


async def _run_steps(run: ScanRun, plan: Plan, connection: Connection) -> Ending:
    async with run.write() as session:
        steps = await scans.insert_steps(session, run.organization_id, run.scan_id, plan.steps)
    planned = set(plan.steps)
    # Steps of another plan (the account has lost a region since) stay as they are and end as CANCELLED.
    left = deque(
        step for step in steps if step["state"] in scans.UNFINISHED and (step["service"], step["region"]) in planned
    )

    async def work() -> None:
        while left:
            await run_step(run, plan, connection, left.popleft())

    workers = [asyncio.create_task(work()) for _ in range(min(run.tools.concurrency, len(left)))]
    try:
        with contextlib.suppress(ProviderError):  # credentials that end: the steps say so, and what was read before
            await asyncio.gather(*workers)
    finally:
        await end_tasks(*workers)
    async with run.job.database.read(run.organization_id) as session:
        steps = await scans.steps_of(session, run.organization_id, run.scan_id)
    ending = judge(
        [step for step in steps if (step["service"], step["region"]) in planned], plan.absent, is_full=plan.is_full
    )
    if ending.state is ScanState.SUCCEEDED:
        await sweep_left_regions(run, plan)
    return ending


async def _end(run: ScanRun, ending: Ending) -> None:
    """Write the ending and what it says of the account, unless the scan has ended or is to be cancelled."""
    account_id = run.scan["account_id"]
    async with run.write() as session:
        account = await get_account(session, run.organization_id, account_id)  # before the scan: see app.scanning.start
        scan = await scans.get_scan(session, run.organization_id, run.scan_id, lock=True)
        if scan is None or scan["state"] not in scans.UNDER_WAY:
            return
        if scan["cancel_requested_at"] is not None:
            ending = Ending(ScanState.CANCELLED)
        if ending.health is not None and account is not None and account.disconnected_at is None:
            # A part of an account that can be read says nothing of the parts that could not.
            limited = scan["regions"] is not None or scan["services"] is not None
            if not (
                limited and ending.health.state == AccountHealth.HEALTHY and account.health == AccountHealth.DEGRADED
            ):
                await record_health(session, run.organization_id, account_id, ending.health, SYSTEM)
        await end_scan(session, scan, ending.state, failure=ending.failure, remedy=ending.remedy)
    structlog.get_logger(__name__).info(
        "scan_ended", organization_id=str(run.organization_id), scan_id=str(run.scan_id), state=ending.state.value
    )
