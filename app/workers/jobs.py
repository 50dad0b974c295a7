"""What workers do: the functions of the outbox's job kinds, and what is done by the clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, cast
from uuid import UUID

import structlog
from arq.cron import CronJob, cron
from arq.typing import WorkerCoroutine
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.failed_sign_ins import tell_failed_sign_ins
from app.activity.retention import purge_expired
from app.auth.identity_mails import SEND_JOB
from app.config import Settings
from app.costs.allocation.figures import FIGURES_JOB, count_tag_keys
from app.costs.allocation.runs import ALLOCATION_JOB, run_allocation
from app.costs.exports.files import ExportTools
from app.costs.exports.purge import purge_expired_exports
from app.costs.exports.run import run_export
from app.costs.exports.start import RUN_EXPORT_JOB
from app.costs.settle import settle_costs
from app.costs.watch import CHECK_COSTS_JOB, LOOK_AT_CHARGES_JOB, check_costs, request_daily_checks
from app.database import Database
from app.demo.top_up import TOP_UP_JOB, run_top_up
from app.errors import BadUserInputError
from app.exporting.purge import OF_ROWS
from app.exporting.run import BulkTools
from app.exporting.run import run_export as run_bulk_export
from app.exporting.start import RUN_EXPORT_JOB as RUN_BULK_EXPORT_JOB
from app.models import now
from app.notifications.identity import send_identity_mail
from app.notifications.tools import MailTools
from app.notifications.webhooks import tell_of_webhook
from app.organizations.change import PURGE_JOB
from app.organizations.purge import purge
from app.pricing.refresh import REFRESH_JOB, PriceTools, refresh_prices, request_weekly_refresh
from app.privacy.archive import ARCHIVE_JOB, make_archive, purge_archives
from app.privacy.erasing import erase_due_accounts
from app.providers.registry import tagger
from app.recommendations.deletion_tags import TAG_JOB
from app.recommendations.everywhere import look_everywhere
from app.recommendations.ignored import open_ignored
from app.recommendations.jobs import (
    LOOK_JOB,
    MEASURE_JOB,
    look_for_waste,
    look_for_waste_in_charges,
    measure_usage,
    request_daily_looks,
)
from app.recommendations.measure import MeasureTools
from app.recommendations.prices import look_again_everywhere
from app.recommendations.tagging_job import TagTools, tag_for_deletion
from app.records import Provider
from app.records.recommendations import LOOK_EVERYWHERE_JOB
from app.records.webhooks import DELIVER_JOB, TELL_JOB
from app.repositories.expiry import delete_expired_sessions
from app.repositories.identity_mails import delete_expired_mails
from app.repositories.jobs import delete_finished_jobs
from app.repositories.passkeys import delete_expired_registrations
from app.repositories.second_factors import delete_expired_challenges
from app.repositories.single_sign_on import delete_expired_flows
from app.repositories.stored_answers import delete_expired_answers
from app.repositories.webhooks import delete_old_deliveries
from app.scanning.retention import purge_expired_scans
from app.scanning.run import run_scan
from app.scanning.schedule import SCHEDULE_JOB, start_scheduled_scans
from app.scanning.start import RUN_SCAN_JOB
from app.scanning.tools import ScanTools
from app.sourcing.files import end_abandoned_imports
from app.sourcing.run import run_cost_source
from app.sourcing.schedule import SCHEDULE_JOB as SOURCE_SCHEDULE_JOB
from app.sourcing.schedule import start_scheduled_cost_source
from app.sourcing.start import RUN_JOB as RUN_SOURCE_JOB
from app.sourcing.tools import SourceTools
from app.sourcing.upload_run import run_import
from app.sourcing.uploads import IMPORT_JOB
from app.uploads.purge import forget_organization, purge_expired_uploads
from app.uploads.storage import UploadStores
from app.webhooks.deliver import deliver_webhook
from app.webhooks.tools import WebhookTools
from app.workers.runner import Handler, RunningJob

KEPT_JOBS = timedelta(days=30)
BATCH = 1_000


async def purge_organization(
    job: RunningJob,
    uploads: UploadStores | None = None,
    exports: ExportTools | None = None,
    bulk: BulkTools | None = None,
) -> None:
    """Delete everything of a deleted organization, the bytes of its files too where their storages are given."""
    if job.organization_id is None:
        message = "purge_organization needs an organization"
        raise BadUserInputError(message)

    async def forget_files(organization_id: UUID) -> None:
        if uploads is not None:
            await forget_organization(uploads, organization_id)
        if exports is not None:
            await exports.files.forget_organization(organization_id)
        if bulk is not None:
            await bulk.kept.files.forget_organization(organization_id)

    await purge(job.database, job.organization_id, should_stop=job.should_stop, forget_files=forget_files)


HANDLERS: Mapping[str, Handler] = {PURGE_JOB: purge_organization}


def make_handlers(
    tools: ScanTools,
    uploads: UploadStores | None = None,
    sources: SourceTools | None = None,
    exports: ExportTools | None = None,
    prices: PriceTools | None = None,
    mail: MailTools | None = None,
    bulk: BulkTools | None = None,
    personal: ExportTools | None = None,
    webhooks: WebhookTools | None = None,
) -> Mapping[str, Handler]:
    """The functions of all job kinds, those that call providers with their tools."""
    of_sources: dict[str, Handler] = {}
    if sources is not None:
        of_sources[RUN_SOURCE_JOB] = partial(run_cost_source, tools=sources)
    if sources is not None and uploads is not None:
        of_sources[IMPORT_JOB] = partial(run_import, stores=uploads, folder=sources.folder)
    return {
        **of_sources,
        **({} if exports is None else {RUN_EXPORT_JOB: partial(run_export, tools=exports)}),
        **({} if bulk is None else {RUN_BULK_EXPORT_JOB: partial(run_bulk_export, tools=bulk)}),
        **({} if personal is None else {ARCHIVE_JOB: partial(make_archive, tools=personal)}),
        **(
            {}
            if prices is None
            else {REFRESH_JOB: partial(refresh_prices, tools=prices, changed=look_again_everywhere)}
        ),
        **({} if mail is None else {SEND_JOB: partial(send_identity_mail, tools=mail)}),
        **({} if mail is None else {TELL_JOB: partial(tell_of_webhook, tools=mail)}),
        **({} if webhooks is None else {DELIVER_JOB: partial(deliver_webhook, tools=webhooks)}),
        CHECK_COSTS_JOB: check_costs,
        LOOK_AT_CHARGES_JOB: look_for_waste_in_charges,
        LOOK_EVERYWHERE_JOB: look_everywhere,
        LOOK_JOB: look_for_waste,
        MEASURE_JOB: partial(measure_usage, tools=MeasureTools(tools.vault, tools.pool, tools.clouds)),
        ALLOCATION_JOB: run_allocation,
        FIGURES_JOB: count_tag_keys,
        SOURCE_SCHEDULE_JOB: start_scheduled_cost_source,
        PURGE_JOB: partial(purge_organization, uploads=uploads, exports=exports, bulk=bulk),
        RUN_SCAN_JOB: partial(run_scan, tools=tools),
        TAG_JOB: partial(tag_for_deletion, tools=TagTools(tools.vault, tools.pool, tagger)),
        TOP_UP_JOB: run_top_up,
        SCHEDULE_JOB: partial(start_scheduled_scans, clouds=tools.clouds),
    }


async def purge_activity(context: dict[str, Any]) -> None:
    """Forget events older than the settings say."""
    database, settings = _tools(context)
    purged = await purge_expired(database, settings.activity_retention_days)
    structlog.get_logger(__name__).info("activity_purged", events=purged)


async def purge_sessions(context: dict[str, Any]) -> None:
    """Delete sign-ins whose time is over, those that were not completed, and what is known of mails about them."""
    database, _ = _tools(context)
    purged = {
        "sessions": await _in_batches(database, lambda session: delete_expired_sessions(session, now(), BATCH)),
        "challenges": await _in_batches(database, lambda session: delete_expired_challenges(session, now(), BATCH)),
        "registrations": await _in_batches(
            database, lambda session: delete_expired_registrations(session, now(), BATCH)
        ),
        "flows": await _in_batches(database, lambda session: delete_expired_flows(session, now(), BATCH)),
        "mails": await _in_batches(database, lambda session: delete_expired_mails(session, now(), BATCH)),
    }
    structlog.get_logger(__name__).info("sessions_purged", **purged)


async def tell_of_failed_sign_ins(context: dict[str, Any]) -> None:
    """Tell the audits of sign-ins that failed."""
    database, _ = _tools(context)
    structlog.get_logger(__name__).info("failed_sign_ins_told", rows=await tell_failed_sign_ins(database))


async def purge_stored_answers(context: dict[str, Any]) -> None:
    """Delete answers that are no longer given to a call with the same idempotency key."""
    database, _ = _tools(context)
    purged = await _in_batches(database, lambda session: delete_expired_answers(session, now(), BATCH))
    structlog.get_logger(__name__).info("stored_answers_purged", answers=purged)


async def purge_deliveries(context: dict[str, Any]) -> None:
    """Delete deliveries of webhooks that are older than the settings say."""
    database, settings = _tools(context)
    before = now() - timedelta(days=settings.webhook_retention_days)
    purged = await _in_batches(database, lambda session: delete_old_deliveries(session, before, BATCH))
    structlog.get_logger(__name__).info("webhook_deliveries_purged", deliveries=purged)


async def purge_jobs(context: dict[str, Any]) -> None:
    """Delete jobs that succeeded long ago."""
    database, _ = _tools(context)
    purged = await _in_batches(database, lambda session: delete_finished_jobs(session, now() - KEPT_JOBS, BATCH))
    structlog.get_logger(__name__).info("jobs_purged", jobs=purged)


async def purge_scans(context: dict[str, Any]) -> None:
    """Delete scans and the history of resources that are older than the settings say."""
    database, settings = _tools(context)
    purged = await purge_expired_scans(database, settings.scan_retention_days, settings.change_retention_days)
    structlog.get_logger(__name__).info("scans_purged", scans=purged.scans, changes=purged.changes)


async def purge_uploads(context: dict[str, Any]) -> None:
    """Delete uploads whose time is over, and bytes without an upload."""
    database, _ = _tools(context)
    purged = await purge_expired_uploads(database, context["uploads"])
    counts = {"expired": purged.expired, "forgotten": purged.forgotten, "stray": purged.stray}
    structlog.get_logger(__name__).info("uploads_purged", **counts)


async def purge_cost_exports(context: dict[str, Any]) -> None:
    """Delete exported files whose time is over, and bytes without an export."""
    database, _ = _tools(context)
    purged = await purge_expired_exports(database, context["exports"].files)
    counts = {"expired": purged.expired, "forgotten": purged.forgotten, "stray": purged.stray}
    structlog.get_logger(__name__).info("cost_exports_purged", **counts)


async def purge_bulk_exports(context: dict[str, Any]) -> None:
    """The same for exports of connections."""
    database, _ = _tools(context)
    purged = await purge_expired_exports(database, context["bulk"].kept.files, OF_ROWS)
    counts = {"expired": purged.expired, "forgotten": purged.forgotten, "stray": purged.stray}
    structlog.get_logger(__name__).info("exports_purged", **counts)


async def purge_personal_exports(context: dict[str, Any]) -> None:
    """Delete archives of people's data whose time is over, and bytes without one."""
    database, _ = _tools(context)
    gone = await purge_archives(database, context["personal"].files)
    structlog.get_logger(__name__).info("personal_exports_purged", archives=gone)


async def erase_accounts(context: dict[str, Any]) -> None:
    """Erase the accounts whose days of grace are over."""
    database, _ = _tools(context)
    structlog.get_logger(__name__).info("accounts_erased", accounts=await erase_due_accounts(database))


async def end_imports(context: dict[str, Any]) -> None:
    """End the imports of commands that were killed."""
    database, _ = _tools(context)
    structlog.get_logger(__name__).info("cost_imports_ended", imports=await end_abandoned_imports(database))


async def settle_all_costs(context: dict[str, Any]) -> None:
    """Make billing periods final that their providers do not restate any more."""
    database, _ = _tools(context)
    structlog.get_logger(__name__).info("costs_settled", periods=await settle_costs(database))


async def check_all_costs(context: dict[str, Any]) -> None:
    """Have the budgets and anomalies of all organizations checked."""
    database, _ = _tools(context)
    structlog.get_logger(__name__).info("cost_checks_requested", organizations=await request_daily_checks(database))


async def open_ignored_recommendations(context: dict[str, Any]) -> None:
    """Open recommendations that were ignored until today."""
    database, _ = _tools(context)
    structlog.get_logger(__name__).info("ignored_opened", recommendations=await open_ignored(database))


async def look_at_all_accounts(context: dict[str, Any]) -> None:
    """Have all accounts looked at for waste that were not since yesterday."""
    database, _ = _tools(context)
    structlog.get_logger(__name__).info("looks_requested", accounts=await request_daily_looks(database))


async def refresh_list_prices(context: dict[str, Any]) -> None:
    """Have the list prices read where there are resources, if the settings allow it."""
    database, settings = _tools(context)
    if not settings.refresh_prices_weekly:
        return
    providers = [Provider.AWS, Provider.AZURE, *([Provider.GCP] if settings.google_prices_key else [])]
    queued = await request_weekly_refresh(database, providers)
    structlog.get_logger(__name__).info("prices_refresh_requested", queued=queued)


def schedule() -> list[CronJob]:
    """What is done by the clock, each by one worker: most once an hour, spread over it, looks at all once a day."""
    return [_quarterly(), *_hourly(), *_daily(), _weekly()]


def _quarterly() -> CronJob:
    """Soon after each window of failed sign-ins has ended."""
    return cron(
        cast("WorkerCoroutine", tell_of_failed_sign_ins),
        name=tell_of_failed_sign_ins.__name__,
        minute={2, 17, 32, 47},
        second=0,
        timeout=600,
        keep_result=0,
        max_tries=1,
    )


def _weekly() -> CronJob:
    """Before the looks of the day, in which its prices count."""
    return cron(
        cast("WorkerCoroutine", refresh_list_prices),
        name=refresh_list_prices.__name__,
        weekday="sun",
        hour=2,
        minute=12,
        second=0,
        timeout=600,
        keep_result=0,
        max_tries=1,
    )


def _daily() -> list[CronJob]:
    """Most providers have delivered yesterday by five; checks come behind what they look at. A day begins at 0 UTC."""
    times = {
        open_ignored_recommendations: (0, 2),
        look_at_all_accounts: (5, 27),
        settle_all_costs: (5, 42),
        check_all_costs: (5, 57),
    }
    return [
        cron(
            cast("WorkerCoroutine", work),
            name=work.__name__,
            hour=hour,
            minute=minute,
            second=0,
            timeout=3600,
            keep_result=0,
            max_tries=1,
        )
        for work, (hour, minute) in times.items()
    ]


def _hourly() -> list[CronJob]:
    minutes = {
        purge_activity: 7,
        purge_scans: 17,
        purge_sessions: 27,
        purge_stored_answers: 32,
        purge_deliveries: 34,
        purge_uploads: 37,
        purge_jobs: 47,
        end_imports: 52,
        purge_cost_exports: 57,
        purge_bulk_exports: 22,
        purge_personal_exports: 24,
        erase_accounts: 12,
    }
    return [
        cron(
            cast("WorkerCoroutine", work),
            name=work.__name__,
            minute=minute,
            second=0,
            timeout=1800,
            keep_result=0,
            max_tries=1,
        )
        for work, minute in minutes.items()
    ]


def _tools(context: dict[str, Any]) -> tuple[Database, Settings]:
    return context["database"], context["settings"]


async def _in_batches(database: Database, delete: Callable[[AsyncSession], Awaitable[int]]) -> int:
    """Delete in transactions of `BATCH` rows until there are no more; returns how many there were."""
    total, gone = 0, BATCH
    while gone == BATCH:
        async with database.system() as session:
            gone = await delete(session)
        total += gone
    return total
