"""The look at an account as jobs: when a scan has ended its usage is measured, then all checks are run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.target import open_target
from app.costs.watch import LOOK_AT_CHARGES_JOB
from app.database import Database
from app.errors import BadUserInputError, ConflictError, NotFoundError
from app.models import new_id, now
from app.pricing.book import PriceBook
from app.pricing.load import load_book
from app.providers.calls import WAIT_SECONDS
from app.providers.problems import ProviderError
from app.queue import HeldJob, enqueue, enqueue_all
from app.recommendations.bills import months_before
from app.recommendations.deletion_tags import withdraw_tags
from app.recommendations.look import look, start_look
from app.recommendations.look_at_charges import look_at_charges
from app.recommendations.look_at_opinions import look_at_opinions
from app.recommendations.measure import MeasureTools, Measuring, measure
from app.recommendations.narrow import narrowed
from app.recommendations.read_opinions import read_opinions, tell_unread
from app.recommendations.realised import measure_realised
from app.repositories.charged import accounts_behind
from app.repositories.cost_series import imported_days
from app.repositories.detection_rules import accounts_waiting
from app.repositories.jobs import take_over_queued
from app.repositories.looks import accounts_unseen
from app.repositories.organizations import each_organization
from app.repositories.recommendations import lock_account
from app.tasks import end_tasks

MEASURE_JOB = "measure_usage"
LOOK_JOB = "look_for_waste"
_STOP_SECONDS = 0.2
_DAY = timedelta(days=1)


async def request_measuring(session: AsyncSession, organization_id: UUID, account_id: UUID) -> UUID:
    """Queue the measuring of a connected account, and behind it a look; the job's id."""
    return await enqueue(session, MEASURE_JOB, organization_id, {"accountId": str(account_id)})


async def request_look(session: AsyncSession, organization_id: UUID, account_id: UUID) -> UUID:
    """Queue a look at an account in the transaction that changes its ground; the job's id."""
    return await enqueue(session, LOOK_JOB, organization_id, {"accountId": str(account_id)})


async def request_once(session: AsyncSession, organization_id: UUID, kind: str, account_ids: Iterable[UUID]) -> None:
    """Queue a job of a kind for each of some accounts, but for those for which one waits already."""
    waiting = await accounts_waiting(session, organization_id, kind)
    jobs = {new_id(): {"accountId": str(each)} for each in account_ids if str(each) not in waiting}
    if jobs:
        await enqueue_all(session, kind, organization_id, jobs)


async def request_daily_looks(database: Database) -> int:
    """Queue a look at each account that was not looked at for a day: ages pass their limits without a scan.

    Returns how many those are.
    """
    requested = 0
    async for organization_id in each_organization(database):
        async with database.write(organization_id) as session:
            unseen = await accounts_unseen(session, organization_id, now() - _DAY)
            await request_once(session, organization_id, LOOK_JOB, unseen)
        requested += len(unseen)
    return requested


async def request_look_at_charges(session: AsyncSession, organization_id: UUID) -> UUID:
    """Queue a look at an organization's charges in the transaction that changes its ground; the job's id."""
    return await enqueue(session, LOOK_AT_CHARGES_JOB, organization_id)


async def measure_usage(job: HeldJob, tools: MeasureTools) -> None:
    """Read what the provider of the job's account recommends and how much its resources are used; then ask for a look.

    That is asked for however the reading went. Returns early when the worker goes down: the job is given back, and its
    next worker asks for what is still missing.
    """
    organization_id, account_id = _account_of(job)
    working = asyncio.create_task(_measure(job, tools, organization_id, account_id), name=f"measure-{account_id}")
    stopped = asyncio.create_task(_until_stopped(job), name=f"measure-stop-{account_id}")
    try:
        await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end_tasks(working, stopped)
    if working.cancelled():
        return
    error = working.exception()
    if error is not None:  # what was not read is unknown, and all else can be looked at
        structlog.get_logger(__name__).error("usage_not_measured", account_id=str(account_id), exc_info=error)
    async with job.database.write(organization_id) as session:
        await job.hold(session)
        await request_look(session, organization_id, account_id)


async def look_for_waste(job: HeldJob) -> None:
    """Run all checks on what is stored of the job's account, as far as that may have changed since the last look."""
    organization_id, account_id = _account_of(job)
    prices = await _prices(job, organization_id, account_id)
    looking = await start_look(job.database, organization_id, account_id, prices, job.hold)
    if looking is None:
        return
    looking = await narrowed(looking, prices)
    changes = await look(looking)
    await look_at_opinions(looking)
    async with job.database.write(organization_id) as session:
        await job.hold(session)
        await lock_account(session, organization_id, account_id)
        await withdraw_tags(session, organization_id, account_id)
        if await imported_days(session, organization_id):  # of what is charged for some may have come or gone
            await request_look_at_charges(session, organization_id)
    structlog.get_logger(__name__).info(
        "waste_looked_for",
        organization_id=str(organization_id),
        account_id=str(account_id),
        resources=looking.looked_at,
        whole=looking.only is None,
        **{kind.value.lower(): count for kind, count in changes.counts.items()},
    )


async def look_for_waste_in_charges(job: HeldJob) -> None:
    """Run all checks of charges on what the job's organization has imported, and measure what was saved."""
    if job.organization_id is None:
        message = "look_at_charges needs an organization"
        raise BadUserInputError(message)
    async with job.database.write(job.organization_id) as session:
        await job.hold(session)
        await take_over_queued(session, LOOK_AT_CHARGES_JOB, job.organization_id, job.id)
        await _request_looks_behind(session, job.organization_id)
    changes = await look_at_charges(job.database, job.organization_id, job.hold)
    measured = await measure_realised(job.database, job.organization_id, job.hold)
    structlog.get_logger(__name__).info(
        "charges_looked_at",
        organization_id=str(job.organization_id),
        savings_measured=measured,
        **{kind.value.lower(): count for kind, count in changes.counts.items()},
    )


async def _request_looks_behind(session: AsyncSession, organization_id: UUID) -> None:
    """Queue looks at accounts whose resources cost something else since a month that is over was delivered."""
    months = months_before(now().date())
    behind = await accounts_behind(session, organization_id, months[-1].start, months[0].end)
    if behind:
        await request_once(session, organization_id, LOOK_JOB, behind)


async def _prices(job: HeldJob, organization_id: UUID, account_id: UUID) -> PriceBook:
    async with job.database.read(organization_id) as session:
        return await load_book(session, organization_id, account_id, now().date())


async def _measure(job: HeldJob, tools: MeasureTools, organization_id: UUID, account_id: UUID) -> None:
    log = structlog.get_logger(__name__).bind(organization_id=str(organization_id), account_id=str(account_id))
    prices = await _prices(job, organization_id, account_id)
    looking = await start_look(job.database, organization_id, account_id, prices, job.hold)
    if looking is None:
        return
    call = partial(tools.pool.call, owner=organization_id, wait=WAIT_SECONDS)
    try:
        target = await open_target(job.database, tools.vault, organization_id, account_id)
        cloud = await call(partial(tools.clouds, target.provider))
        connection = await call(partial(cloud.connect, target))
    except (NotFoundError, ConflictError, ProviderError) as error:
        log.info("usage_not_measured", reason=error.message)
        if isinstance(error, ProviderError):
            await tell_unread(job, organization_id, account_id, error)
        return
    measuring = Measuring(job, tools, looking, connection, target.native_id)
    try:
        await read_opinions(measuring, cloud)
        await measure(measuring)
    finally:
        tools.pool.let_go(connection.close)
    log.info("usage_measured", metrics=measuring.read, refused=measuring.refused)


def _account_of(job: HeldJob) -> tuple[UUID, UUID]:
    if job.organization_id is None or "accountId" not in job.arguments:
        message = "this job needs an organization and an account"
        raise BadUserInputError(message)
    return job.organization_id, UUID(job.arguments["accountId"])


async def _until_stopped(job: HeldJob) -> None:
    while not job.should_stop():  # noqa: ASYNC110 - the worker's flag is no event
        await asyncio.sleep(_STOP_SECONDS)
