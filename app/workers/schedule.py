"""What workers do by the clock: each kind of work, its times in UTC, and how long it may take."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.failed_sign_ins import tell_failed_sign_ins
from app.activity.retention import purge_expired
from app.config import Settings
from app.costs.exports.purge import purge_expired_exports
from app.costs.settle import settle_costs
from app.costs.watch import request_daily_checks
from app.database import Database
from app.exporting.purge import OF_ROWS
from app.models import now
from app.pricing.refresh import request_weekly_refresh
from app.privacy.archive import purge_archives
from app.privacy.erasing import erase_due_accounts
from app.recommendations.ignored import open_ignored
from app.recommendations.jobs import request_daily_looks
from app.records import Provider
from app.repositories.expiry import delete_expired_sessions
from app.repositories.identity_mails import delete_expired_mails
from app.repositories.jobs import delete_finished_jobs
from app.repositories.passkeys import delete_expired_registrations
from app.repositories.second_factors import delete_expired_challenges
from app.repositories.single_sign_on import delete_expired_flows
from app.repositories.stored_answers import delete_expired_answers
from app.repositories.webhooks import delete_old_deliveries
from app.scanning.retention import purge_expired_scans
from app.sourcing.files import end_abandoned_imports
from app.uploads.purge import purge_expired_uploads
from app.workers.clock import Context, TimedWork

KEPT_JOBS: Final = timedelta(days=30)
BATCH: Final = 1_000
_MINUTE: Final = 60.0
_HOUR: Final = 3_600.0


async def purge_activity(context: Context) -> None:
    """Forget events older than the settings say."""
    database, settings = _tools(context)
    purged = await purge_expired(database, settings.activity_retention_days)
    structlog.get_logger(__name__).info("activity_purged", events=purged)


async def purge_sessions(context: Context) -> None:
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


async def tell_of_failed_sign_ins(context: Context) -> None:
    """Tell the audits of sign-ins that failed."""
    database, _ = _tools(context)
    structlog.get_logger(__name__).info("failed_sign_ins_told", rows=await tell_failed_sign_ins(database))


async def purge_stored_answers(context: Context) -> None:
    """Delete answers that are no longer given to a call with the same idempotency key."""
    database, _ = _tools(context)
    purged = await _in_batches(database, lambda session: delete_expired_answers(session, now(), BATCH))
    structlog.get_logger(__name__).info("stored_answers_purged", answers=purged)


async def purge_deliveries(context: Context) -> None:
    """Delete deliveries of webhooks that are older than the settings say."""
    database, settings = _tools(context)
    before = now() - timedelta(days=settings.webhook_retention_days)
    purged = await _in_batches(database, lambda session: delete_old_deliveries(session, before, BATCH))
    structlog.get_logger(__name__).info("webhook_deliveries_purged", deliveries=purged)


async def purge_jobs(context: Context) -> None:
    """Delete jobs that succeeded long ago."""
    database, _ = _tools(context)
    purged = await _in_batches(database, lambda session: delete_finished_jobs(session, now() - KEPT_JOBS, BATCH))
    structlog.get_logger(__name__).info("jobs_purged", jobs=purged)


async def purge_scans(context: Context) -> None:
    """Delete scans and the history of resources that are older than the settings say."""
    database, settings = _tools(context)
    purged = await purge_expired_scans(database, settings.scan_retention_days, settings.change_retention_days)
    structlog.get_logger(__name__).info("scans_purged", scans=purged.scans, changes=purged.changes)


async def purge_uploads(context: Context) -> None:
    """Delete uploads whose time is over, and bytes without an upload."""
    database, _ = _tools(context)
    purged = await purge_expired_uploads(database, context["uploads"])
    counts = {"expired": purged.expired, "forgotten": purged.forgotten, "stray": purged.stray}
    structlog.get_logger(__name__).info("uploads_purged", **counts)


async def purge_cost_exports(context: Context) -> None:
    """Delete exported files whose time is over, and bytes without an export."""
    database, _ = _tools(context)
    purged = await purge_expired_exports(database, context["exports"].files)
    counts = {"expired": purged.expired, "forgotten": purged.forgotten, "stray": purged.stray}
    structlog.get_logger(__name__).info("cost_exports_purged", **counts)


async def purge_bulk_exports(context: Context) -> None:
    """The same for exports of connections."""
    database, _ = _tools(context)
    purged = await purge_expired_exports(database, context["bulk"].kept.files, OF_ROWS)
    counts = {"expired": purged.expired, "forgotten": purged.forgotten, "stray": purged.stray}
    structlog.get_logger(__name__).info("exports_purged", **counts)


async def purge_personal_exports(context: Context) -> None:
    """Delete archives of people's data whose time is over, and bytes without one."""
    database, _ = _tools(context)
    gone = await purge_archives(database, context["personal"].files)
    structlog.get_logger(__name__).info("personal_exports_purged", archives=gone)


async def erase_accounts(context: Context) -> None:
    """Erase the accounts whose days of grace are over."""
    database, _ = _tools(context)
    structlog.get_logger(__name__).info("accounts_erased", accounts=await erase_due_accounts(database))


async def end_imports(context: Context) -> None:
    """End the imports of commands that were killed."""
    database, _ = _tools(context)
    structlog.get_logger(__name__).info("cost_imports_ended", imports=await end_abandoned_imports(database))


async def settle_all_costs(context: Context) -> None:
    """Make billing periods final that their providers do not restate any more."""
    database, _ = _tools(context)
    structlog.get_logger(__name__).info("costs_settled", periods=await settle_costs(database))


async def check_all_costs(context: Context) -> None:
    """Have the budgets and anomalies of all organizations checked."""
    database, _ = _tools(context)
    structlog.get_logger(__name__).info("cost_checks_requested", organizations=await request_daily_checks(database))


async def open_ignored_recommendations(context: Context) -> None:
    """Open recommendations that were ignored until today."""
    database, _ = _tools(context)
    structlog.get_logger(__name__).info("ignored_opened", recommendations=await open_ignored(database))


async def look_at_all_accounts(context: Context) -> None:
    """Have all accounts looked at for waste that were not since yesterday."""
    database, _ = _tools(context)
    structlog.get_logger(__name__).info("looks_requested", accounts=await request_daily_looks(database))


async def refresh_list_prices(context: Context) -> None:
    """Have the list prices read where there are resources, if the settings allow it."""
    database, settings = _tools(context)
    if not settings.refresh_prices_weekly:
        return
    providers = [Provider.AWS, Provider.AZURE, *([Provider.GCP] if settings.google_prices_key else [])]
    queued = await request_weekly_refresh(database, providers)
    structlog.get_logger(__name__).info("prices_refresh_requested", queued=queued)


def schedule() -> Sequence[TimedWork]:
    """All of it. Most comes once an hour, spread over it; looks at all come once a day, prices once a week."""
    return [
        # Soon after each window of failed sign-ins has ended.
        _timed("2,17,32,47 * * * *", 10 * _MINUTE, tell_of_failed_sign_ins),
        *(_timed(f"{minute} * * * *", 30 * _MINUTE, work) for minute, work in _HOURLY.items()),
        *(_timed(f"{time} * * *", _HOUR, work) for time, work in _DAILY.items()),
        # Before the looks of the day, in which its prices count.
        _timed("12 2 * * 0", 10 * _MINUTE, refresh_list_prices),
    ]


def _timed(cron: str, longest: float, work: Callable[[Context], Awaitable[None]]) -> TimedWork:
    return TimedWork(work.__name__, cron, longest, work)


_HOURLY: Mapping[int, Callable[[Context], Awaitable[None]]] = {
    7: purge_activity,
    12: erase_accounts,
    17: purge_scans,
    22: purge_bulk_exports,
    24: purge_personal_exports,
    27: purge_sessions,
    32: purge_stored_answers,
    34: purge_deliveries,
    37: purge_uploads,
    47: purge_jobs,
    52: end_imports,
    57: purge_cost_exports,
}
# Most providers have delivered yesterday by five; checks come behind what they look at. A day begins at 0 UTC.
_DAILY: Mapping[str, Callable[[Context], Awaitable[None]]] = {
    "2 0": open_ignored_recommendations,
    "27 5": look_at_all_accounts,
    "42 5": settle_all_costs,
    "57 5": check_all_costs,
}


def _tools(context: Context) -> tuple[Database, Settings]:
    return context["database"], context["settings"]


async def _in_batches(database: Database, delete: Callable[[AsyncSession], Awaitable[int]]) -> int:
    """Delete in transactions of `BATCH` rows until there are no more; returns how many there were."""
    total, gone = 0, BATCH
    while gone == BATCH:
        async with database.system() as session:
            gone = await delete(session)
        total += gone
    return total
