"""Does a run of a cost source under its job's lease: finds what is new, fetches it, hands it to the importer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from uuid import UUID

import structlog

from app.accounts.target import open_target
from app.errors import BadUserInputError, ConflictError, NotFoundError, UnavailableError
from app.models import now
from app.providers.calls import WAIT_SECONDS
from app.providers.cost_exports import CostSource, Delivery
from app.providers.problems import ProblemCode, ProviderError
from app.queue import HeldJob
from app.records.cost_sources import CostSourceKind, CostSourceRunState, CostSourceStepKind, CostSourceStepState
from app.records.costs import ImportSourceKind
from app.repositories import cost_sources
from app.repositories.accounts import find_account
from app.repositories.cost_sources import KnownDelivery
from app.sourcing.delivering import BrokenOffError, deliver
from app.sourcing.finish import abandon_imports, end_run
from app.sourcing.since import first_month
from app.sourcing.steps import SourceRun, Step, check, end_step, fail_step, is_begun, note_problem
from app.sourcing.tools import SourceTools
from app.sourcing.workplace import Workplace
from app.tasks import end_tasks

STOP_SECONDS = 0.2
MOST_DELIVERIES = 120
"""Billing periods of one run: ten years of months."""
_RECONNECT = "Connect the account with `connectAccount`, then run the source again."
_KINDS: Mapping[ImportSourceKind, str] = {
    ImportSourceKind.UPLOAD: "the upload",
    ImportSourceKind.FILE: "the file",
    ImportSourceKind.SOURCE: "another cost source's delivery",
    ImportSourceKind.INLINE: "rows that were sent",
}
_Known = Mapping[str, KnownDelivery]
_LATER = "Nothing to do if the provider is delivering at this moment: the next run looks again."


@dataclass(frozen=True)
class Ending:
    """How a run ended, and why where it did not end well."""

    state: CostSourceRunState
    failure: str | None = None
    remedy: str | None = None


async def run_cost_source(job: HeldJob, tools: SourceTools) -> None:
    """Do the run that the job names, from where an earlier worker left it.

    Returns early, with nothing ended, when the worker goes down: the job is given back, its next worker goes on. Ends
    too when the source is deleted or its account disconnected meanwhile.
    """
    if job.organization_id is None or "runId" not in job.arguments:
        message = "run_cost_source needs an organization and a run"
        raise BadUserInputError(message)
    run = await _begin(job, tools, job.organization_id, UUID(job.arguments["runId"]))
    if run is None:
        return
    working = asyncio.create_task(_work(run), name=f"cost-source-{run.run_id}")
    stopped = asyncio.create_task(_until_stopped(job), name=f"cost-source-stop-{run.run_id}")
    gone = asyncio.create_task(_until_gone(run), name=f"cost-source-gone-{run.run_id}")
    try:
        done, _ = await asyncio.wait({working, stopped, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end_tasks(working, stopped, gone)
    if working in done:
        await _end(run, working.result())
    elif gone in done and (ending := gone.result()) is not None:
        await _end(run, ending)
    elif gone in done:
        async with run.job.database.write(run.organization_id) as session:
            await abandon_imports(session, run.organization_id, run.steps, "The source was deleted.")


async def _begin(job: HeldJob, tools: SourceTools, organization_id: UUID, run_id: UUID) -> SourceRun | None:
    """Claim the run; None where there is nothing to do. What an earlier worker has imported stays told."""
    async with job.database.write(organization_id) as session:
        await job.hold(session)
        run = await cost_sources.get_run(session, organization_id, run_id, lock=True)
        if run is None or run["state"] not in cost_sources.UNDER_WAY:
            return None
        source = await cost_sources.find_source(session, organization_id, run["cost_source_id"])
        if source is None:  # a foreign key forbids it
            return None
        steps = _kept(run["steps"])
        values = {"state": CostSourceRunState.RUNNING.value, "started_at": run["started_at"] or now()}
        run = await cost_sources.update_run(session, organization_id, run_id, steps=steps, **values)
    return SourceRun(job, tools, organization_id, run, source, steps)


def _kept(steps: list[Step]) -> list[Step]:
    """The steps of deliveries that an earlier worker has imported, and imports that it has begun.

    All others are done again.
    """
    good = CostSourceStepState.SUCCEEDED.value
    imported = {
        step["delivery"] for step in steps if step["kind"] == CostSourceStepKind.IMPORT and step["state"] == good
    }
    return [step for step in steps if is_begun(step) or (step["delivery"] in imported and step["state"] == good)]


async def _until_stopped(job: HeldJob) -> None:
    while not job.should_stop():  # noqa: ASYNC110 - the worker's flag is no event
        await asyncio.sleep(STOP_SECONDS)


async def _until_gone(run: SourceRun) -> Ending | None:
    """Until the run has been ended by somebody else, or its source deleted: None; or the account disconnected."""
    while True:
        await asyncio.sleep(run.tools.look)
        try:
            async with run.job.database.read(run.organization_id) as session:
                found = await cost_sources.get_run(session, run.organization_id, run.run_id)
                account = await find_account(session, run.organization_id, run.source["account_id"])
        except UnavailableError:
            continue  # the run's own writes notice it too
        if found is None or found["state"] not in cost_sources.UNDER_WAY:
            return None
        if account is not None and account["disconnected_at"] is not None:
            return Ending(CostSourceRunState.FAILED, "The account was disconnected meanwhile.", _RECONNECT)


async def _work(run: SourceRun) -> Ending:
    """Read the source. A problem of the provider is an ending; any other fault is the job's."""
    pool, owner = run.tools.pool, run.organization_id
    step = await run.begin(CostSourceStepKind.DISCOVER)
    source: CostSource | None = None
    try:
        target = await open_target(run.job.database, run.tools.vault, owner, run.source["account_id"])
        made = partial(run.tools.open_source, target, CostSourceKind(run.source["kind"]), run.source["settings"])
        source = await pool.call(made, owner=owner, wait=WAIT_SECONDS)
        deliveries = await pool.patiently(partial(_listed, run, source), run.tools.discover_seconds, owner)
        async with run.job.database.read(owner) as session:
            known = await cost_sources.known_deliveries(session, owner, run.source["id"])
        await _discovered(run, step, deliveries, known)
        return await _deliver_all(run, source, deliveries, known)
    except ProviderError as error:
        fail_step(step, error)
        await run.store()
        return Ending(CostSourceRunState.FAILED, error.message, error.remedy)
    except (NotFoundError, ConflictError) as error:
        end_step(step, CostSourceStepState.FAILED)
        check(step, "account", passed=False, message=error.message)
        await run.store()
        return Ending(CostSourceRunState.FAILED, error.message, _RECONNECT)
    finally:
        if source is not None:
            pool.let_go(source.close)


def _listed(run: SourceRun, source: CostSource) -> list[Delivery]:
    """The deliveries, the newest billing period first."""
    since = first_month(run.source["since"], now())
    found = list(islice(source.deliveries(since), MOST_DELIVERIES))
    return sorted(found, key=lambda each: each.key, reverse=True)


async def _discovered(run: SourceRun, step: Step, deliveries: list[Delivery], known: _Known) -> None:
    month = f"{first_month(run.source['since'], now()):%Y-%m}"
    periods = sum(each.remedy is None for each in deliveries)  # the others are parts of periods at best
    check(step, "deliveries", passed=periods > 0, message=f"{periods} billing periods since {month}.")
    for each in deliveries:
        if each.remedy is not None:
            note_problem(step, ProblemCode.FAILED.value, each.why_incomplete or "", each.remedy)
        elif not each.complete:
            check(step, "complete", passed=False, message=f"{each.key}: {each.why_incomplete}")
        elif each.key in known and known[each.key].checksum == each.checksum and not known[each.key].in_force:
            check(step, "in force", passed=False, message=f"{each.key}: {_why_again(known[each.key])}")
    incomplete = sum(not each.complete for each in deliveries)
    end_step(step, CostSourceStepState.SUCCEEDED, deliveries=periods, incomplete=incomplete)
    await run.store(deliveries=periods)


def _why_again(known: KnownDelivery) -> str:
    """What became of a delivery that was imported and does not count any more."""
    if known.replaced_by is None:
        return "What this source had delivered was deleted. It is fetched and imported again."
    kind, name = known.replaced_by
    other = f"{_KINDS[kind]} {name}" if name else _KINDS[kind]
    return f"What this source had delivered was replaced by {other}. It is fetched and imported again."


def _is_here(delivery: Delivery, known: _Known) -> bool:
    """Whether what counts is this very delivery."""
    found = known.get(delivery.key)
    return found is not None and found.in_force and found.checksum == delivery.checksum


async def _deliver_all(run: SourceRun, source: CostSource, deliveries: list[Delivery], known: _Known) -> Ending:
    """Fetch and import what is not in force, one delivery after the other, and judge."""
    here = {step["delivery"] for step in run.steps if step["importId"] is not None}
    complete = [each for each in deliveries if each.complete]
    unchanged = [each for each in complete if _is_here(each, known)]
    await run.store(unchanged=sum(each.key not in here for each in unchanged))
    problems = [(each.why_incomplete or "", each.remedy or _LATER) for each in deliveries if not each.complete]
    good = len(unchanged)
    stop = threading.Event()
    async with Workplace(run.tools.folder / str(run.source["id"]), run.job) as workplace:
        try:
            for delivery in complete:
                if not _is_here(delivery, known):
                    problem = await deliver(run, source, delivery, workplace, stop.is_set)
                    good += problem is None
                    problems += [problem] if problem else []
        except BrokenOffError as error:
            problems.insert(0, error.problem)
        finally:
            stop.set()
    return _judge(run, deliveries, good, problems)


def _judge(run: SourceRun, deliveries: list[Delivery], good: int, problems: list[tuple[str, str]]) -> Ending:
    if not deliveries:
        month = f"{first_month(run.source['since'], now()):%Y-%m}"
        return Ending(
            CostSourceRunState.FAILED,
            f"The source has no delivery of {month} or later.",
            "Check that the source names the export's own folder or table; a new export takes up to a day to deliver.",
        )
    if not problems:
        return Ending(CostSourceRunState.SUCCEEDED)
    state = CostSourceRunState.PARTIAL if good else CostSourceRunState.FAILED
    return Ending(state, *problems[0])


async def _end(run: SourceRun, ending: Ending) -> None:
    """Write the ending, unless the run has ended meanwhile."""
    async with run.write() as session:
        source = await cost_sources.get_source(session, run.organization_id, run.source["id"])
        found = await cost_sources.get_run(session, run.organization_id, run.run_id, lock=True)
        if source is None or found is None or found["state"] not in cost_sources.UNDER_WAY:
            return
        await end_run(session, found, ending.state, failure=ending.failure, remedy=ending.remedy)
    structlog.get_logger(__name__).info(
        "cost_source_run_ended",
        organization_id=str(run.organization_id),
        run_id=str(run.run_id),
        state=ending.state.value,
    )
