"""The worker process: waits for arq's wake-ups, runs jobs, works by the clock, and outlives both engines."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, cast
from uuid import UUID

import structlog
from arq.typing import WorkerCoroutine
from arq.worker import Retry, Worker, func
from redis.asyncio import Redis
from sqlalchemy.exc import ProgrammingError

from app.activity.announce import Announcer
from app.config import Settings
from app.costs.exports.files import ExportTools
from app.costs.outlook.aside import ASIDE
from app.database import Database
from app.embedded import EngineUrls
from app.exporting.parts import Parts
from app.exporting.run import BulkTools
from app.notifications.tools import make_mail_tools
from app.pricing.tools import make_price_tools
from app.providers import registry
from app.providers.calls import ProviderPool
from app.queue import QUEUE_NAME, RUN_JOB, JobQueue, connect_arq, deserialize, serialize
from app.scanning.progress import ScanAnnouncer
from app.scanning.tools import Clouds, ScanTools
from app.sealing.vault import Vault
from app.sourcing.tools import SourceTools
from app.tasks import end_tasks
from app.upgrade import check_up_to_date, newest_revision
from app.uploads.stores import BULK_EXPORTS, PERSONAL_EXPORTS, make_kept_files, make_stores
from app.workers.clock import Clock, TimedWork
from app.workers.graph import LazyGraph
from app.workers.jobs import make_handlers
from app.workers.memory import give_back_for_ever
from app.workers.recovery import recover_all, recover_for_ever
from app.workers.runner import Handler, JobRunner, RunnerSettings
from app.workers.schedule import schedule
from app.workers.time_limits import LONGEST
from app.workers.webhooks import dispatch_for_ever, make_webhook_tools

TEND_SECONDS = 0.5
POLL_SECONDS = 0.1  # arq polls Valkey for wake-ups: this is a job's start-up time, twice over
LONGEST_PAUSE_SECONDS = 1.0
_A_DAY = 86_400

_log = structlog.stdlib.get_logger("skyledger.workers")


def run_worker(settings: Settings, urls: EngineUrls, *, tend: Callable[[], None] | None = None) -> None:
    """Work until SIGTERM or SIGINT, then give back what has not ended within `shutdown_seconds`.

    `tend` is called twice a second, off the loop. Raises RuntimeError when the tables are of another version.
    """
    try:
        asyncio.run(_until_signalled(settings, urls, tend))
    finally:
        ASIDE.close()


async def _until_signalled(settings: Settings, urls: EngineUrls, tend: Callable[[], None] | None) -> None:
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    await work(settings, urls, stop, tend=tend)


async def work(
    settings: Settings,
    urls: EngineUrls,
    stop: asyncio.Event,
    *,
    tend: Callable[[], None] | None = None,
    handlers: Mapping[str, Handler] | None = None,
    runner_settings: RunnerSettings | None = None,
    clouds: Clouds = registry.cloud,
    works: Sequence[TimedWork] | None = None,
) -> None:
    """Work until `stop` is set. Waits for a PostgreSQL that is away; goes on without Valkey, by the sweep."""
    database = Database.connect(
        urls.database_url, pool_size=settings.database_pool_size, statement_seconds=settings.statement_seconds
    )
    valkey = Redis.from_url(urls.redis_url, socket_timeout=2, socket_connect_timeout=2)
    queue = JobQueue(database, urls.redis_url)
    announcers = (Announcer(database, valkey), ScanAnnouncer(database, valkey))
    pool = ProviderPool(settings.provider_threads)
    tools = ScanTools(Vault.from_settings(settings), pool, clouds, concurrency=settings.scan_concurrency)
    uploads = make_stores(settings, pool)
    sources = SourceTools(tools.vault, pool, settings.data_dir / "deliveries")
    kept_costs = make_kept_files(settings, pool)
    exports = ExportTools(kept_costs, timedelta(days=settings.export_retention_days))
    kept = make_kept_files(settings, pool, BULK_EXPORTS)
    kept_archives = make_kept_files(settings, pool, PERSONAL_EXPORTS)
    personal = ExportTools(kept_archives, exports.keep)
    parts = Parts(settings, database, valkey, queue, tools.vault, pool, uploads, kept_costs, kept, kept_archives)
    graph = LazyGraph(parts)
    bulk = BulkTools(ExportTools(kept, exports.keep), graph)
    prices = make_price_tools(settings, pool)
    mail = make_mail_tools(settings)
    webhooks = make_webhook_tools(settings, tools.vault, graph.execute)
    kinds = (
        make_handlers(tools, uploads, sources, exports, prices, mail, bulk, personal, webhooks)
        if handlers is None
        else handlers
    )
    runner = JobRunner(database, kinds, queue, runner_settings, on_dead=partial(recover_all, database), longest=LONGEST)
    context = {
        "database": database,
        "settings": settings,
        "uploads": uploads,
        "exports": exports,
        "bulk": bulk,
        "personal": personal,
    }
    clock = Clock(database, schedule() if works is None else works, context)
    async with _tending(tend):
        try:
            if not await _tables_are_ready(database, stop):
                return
            for announcer in announcers:
                await announcer.start()
            await queue.start()
            _log.info("worker_ready", kinds=sorted(kinds))
            await _run(runner, clock, database, settings, urls, stop)
        finally:
            pool.close()
            uploads.close()
            exports.files.close()
            await graph.close()
            kept.close()
            kept_archives.close()
            prices.close()
            await queue.stop()
            for announcer in announcers:
                await announcer.stop()
            await valkey.aclose()
            await database.close()
    _log.info("worker_stopped")


async def _run(
    runner: JobRunner, clock: Clock, database: Database, settings: Settings, urls: EngineUrls, stop: asyncio.Event
) -> None:
    """Run jobs and what the clock asks for until `stop` is set, then give back what has not ended."""
    await runner.start()
    clock.start()
    wakes = asyncio.create_task(_take_wakes(urls.redis_url, runner))
    recovering = asyncio.create_task(recover_for_ever(database), name="jobs-recover")
    dispatching = asyncio.create_task(dispatch_for_ever(database), name="webhooks-dispatch")
    giving_back = asyncio.create_task(give_back_for_ever(), name="memory-give-back")
    try:
        await stop.wait()
        _log.info("worker_stopping", running=runner.running)
        seconds = settings.shutdown_seconds * 0.7
        await asyncio.gather(runner.stop(seconds), clock.stop(seconds))
        await end_tasks(wakes)
    finally:
        await end_tasks(recovering, dispatching, giving_back)


async def _tables_are_ready(database: Database, stop: asyncio.Event) -> bool:
    """Wait for PostgreSQL; False when the worker is stopped first. RuntimeError for tables of another version."""
    newest = newest_revision()
    while not stop.is_set():
        try:
            await check_up_to_date(database, newest)
        except RuntimeError:
            raise
        except ProgrammingError as error:
            message = "The database has no tables: run `skyledger migrate`."
            raise RuntimeError(message) from error
        except Exception as error:  # noqa: BLE001 - drivers raise many kinds while a server is away
            _log.warning("postgresql_is_away", error=f"{type(error).__name__}: {error}")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LONGEST_PAUSE_SECONDS):
                    await stop.wait()
        else:
            return True
    return False


async def run_job(context: dict[str, Any], job_id: str) -> None:
    """The one arq function: what arq knows is an id, the rest stands in the row."""
    runner: JobRunner = context["runner"]
    if runner.stopping:
        raise Retry(defer=1)  # another worker's, and not lost on this one
    await runner.run(UUID(job_id))


class _Worker(Worker):
    """An arq worker that can be put away without leaving anything behind."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._finishing: set[asyncio.Task[Any]] = set()

    async def finish_job(self, *arguments: Any, **options: Any) -> None:
        """Arq runs this shielded from cancellation, and forgets it."""
        task = asyncio.current_task()
        if task is not None:
            self._finishing.add(task)
            task.add_done_callback(self._finishing.discard)
        await super().finish_job(*arguments, **options)

    async def put_away(self) -> None:
        """End who waits for jobs; the jobs go on, for they are the runner's."""
        await end_tasks(self.main_task, *self.tasks.values())
        if self._finishing:
            await asyncio.wait(self._finishing, timeout=LONGEST_PAUSE_SECONDS)
        await end_tasks(*self._finishing)


async def _take_wakes(redis_url: str, runner: JobRunner) -> None:
    """Run arq's worker, and another after each fault: arq's ends when Valkey does not answer.

    It takes wake-ups of jobs and nothing else. Its own cron would lie in Valkey, see app.workers.clock.
    """
    pause, away = 0.1, False
    while True:
        arq = connect_arq(redis_url)
        worker = _Worker(
            # arq forgets a killed worker's job only after the longest timeout. Never mind: leases decide, not arq.
            [func(cast("WorkerCoroutine", run_job), name=RUN_JOB, timeout=_A_DAY, keep_result=0, max_tries=1_000)],
            redis_pool=arq,
            job_serializer=serialize,  # not taken from the pool: the worker would unpickle
            job_deserializer=deserialize,
            queue_name=QUEUE_NAME,
            handle_signals=False,
            max_jobs=runner.settings.slots,
            keep_result=0,
            poll_delay=POLL_SECONDS,
            log_results=False,
            ctx={"runner": runner},
        )
        begun = asyncio.get_running_loop().time()
        try:
            await worker.async_run()
        except Exception as error:  # noqa: BLE001 - the process must outlive any fault of arq and Valkey
            if asyncio.get_running_loop().time() - begun > LONGEST_PAUSE_SECONDS:
                pause, away = 0.1, False
            if not away:
                _log.warning("wake_ups_lost", error=f"{type(error).__name__}: {error}")
            away = True
        finally:
            await worker.put_away()
            await arq.aclose(close_connection_pool=True)
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - not a secret
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


@contextlib.asynccontextmanager
async def _tending(tend: Callable[[], None] | None) -> AsyncIterator[None]:
    async def tend_for_ever(act: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(TEND_SECONDS)
            try:
                await asyncio.to_thread(act)
            except Exception:  # noqa: BLE001 - the next time may succeed
                _log.exception("tending_failed")

    task = asyncio.create_task(tend_for_ever(tend)) if tend is not None else None
    try:
        yield
    finally:
        await end_tasks(task)
