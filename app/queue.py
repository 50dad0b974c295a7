"""The outbox: a job is a row of the transaction that wants it; after the commit arq is told to wake a worker.

A wake-up is a hint and may be lost: workers look for due rows themselves (`app.workers.runner`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol
from uuid import UUID

import orjson
import structlog
from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.announcing import CommitAnnouncer
from app.database import Database, before_commit
from app.errors import ConflictError, NotFoundError, RateLimitedError
from app.repositories import jobs
from app.repositories.job_pages import job_with_owner

QUEUE_NAME = "skyledger:jobs"
RUN_JOB = "run_job"  # the one arq function: the row tells the rest
# Where `enqueue` leaves the due jobs of a session in its `info`, for the commit listener.
ENQUEUED = "queue.enqueued"
_KEPT_MILLISECONDS = 3_600_000  # a wake-up that nobody took in an hour is worth nothing
_MOST_WAITING = 10_000
RETRY_SECONDS = 30
"""After which whoever was refused may try again; jobs take seconds to minutes."""
_ASKED = "queue.asked"
_most_asked: ContextVar[int | None] = ContextVar("most_asked", default=None)


async def enqueue(
    session: AsyncSession,
    kind: str,
    organization_id: UUID | None,
    arguments: Mapping[str, Any] | None = None,
    wake_at: datetime | None = None,
    *,
    always: bool = False,
) -> UUID:
    """Insert a job in the caller's transaction; returns its id. It exists if and only if the transaction commits.

    `kind` names the worker's function, `arguments` holds ids only (JSON): a job reads the state when it runs.
    `wake_at` is the earliest moment to run it. A tenant's door takes jobs of its own organization only.

    Within `asked_by_caller` it is one of those that an organization may have so many of, unless `always`: for what
    must not be refused, or is there once however often it is asked for.
    """
    asked = _is_asked(session, organization_id, 1, always=always)
    job_id = await jobs.insert_job(session, kind, organization_id, arguments or {}, wake_at, asked=asked)
    if wake_at is None or wake_at <= datetime.now(UTC):
        session.info.setdefault(ENQUEUED, []).append((job_id, 0))
    return job_id


async def enqueue_all(
    session: AsyncSession, kind: str, organization_id: UUID | None, arguments: Mapping[UUID, Mapping[str, Any]]
) -> None:
    """The same for many jobs that are due at once, {id: arguments}, in one statement. The ids are the caller's."""
    asked = _is_asked(session, organization_id, len(arguments), always=False)
    await jobs.insert_jobs(session, kind, organization_id, arguments, asked=asked)
    session.info.setdefault(ENQUEUED, []).extend((job_id, 0) for job_id in arguments)


async def enqueue_instead(
    session: AsyncSession,
    before: UUID | None,
    kind: str,
    organization_id: UUID,
    arguments: Mapping[str, Any],
    wake_at: datetime,
) -> UUID:
    """Insert the one job of something in the place of the one that waits, if it still does: there is never a second.

    So it is no job of those that an organization may have so many of.
    """
    if before is not None:
        await jobs.delete_waiting(session, organization_id, before)
    return await enqueue(session, kind, organization_id, arguments, wake_at, always=True)


@contextmanager
def asked_by_caller(most: int) -> Iterator[None]:
    """Have jobs of the block be those that a caller asks for, of which `most` may wait in an organization.

    A transaction that would exceed it raises RateLimitedError before it commits, so that all of it is undone; one that
    asks for more at once is let through while no others wait.
    """
    token = _most_asked.set(most)
    try:
        yield
    finally:
        _most_asked.reset(token)


def _is_asked(session: AsyncSession, organization_id: UUID | None, count: int, *, always: bool) -> bool:
    """Whether jobs are a caller's; they are counted before the commit, when no lock is left to wait for."""
    most = _most_asked.get()
    if most is None or organization_id is None or always:
        return False
    asked: Counter[UUID] = session.info.setdefault(_ASKED, Counter())
    if not asked:
        before_commit(session, partial(_keep_bound, most=most))
    asked[organization_id] += count
    return True


async def _keep_bound(session: AsyncSession, most: int) -> None:
    asked: Counter[UUID] = session.info[_ASKED]
    for organization_id in sorted(asked):
        most_here = max(most, asked[organization_id])
        if await jobs.count_asked(session, organization_id, most_here + 1) > most_here:
            message = (
                f"The organization has {most} jobs waiting, as many as it may. Nothing was done: wait "
                f"{RETRY_SECONDS} seconds until some of them have run, and try again."
            )
            raise RateLimitedError(message, retry_after=RETRY_SECONDS)


async def requeue(database: Database, job_id: UUID) -> RowMapping:
    """Have a dead job run again, with all its attempts; returns it as `app.repositories.job_pages` shows it.

    Raises NotFoundError for no job, ConflictError for one that is not dead: what still runs must not run twice, what
    succeeded has had its effect. Of two that requeue it at once one succeeds.
    """
    async with database.system() as session:
        token = await jobs.requeue_dead_job(session, job_id)
        found = await job_with_owner(session, job_id)
        if found is None:
            message = "There is no such job: those that succeeded are kept for 30 days."
            raise NotFoundError(message)
        if token is None:
            message = f"The job is {found['state']}: only a DEAD one can be queued again."
            raise ConflictError(message)
        session.info.setdefault(ENQUEUED, []).append((job_id, token))
    structlog.get_logger(__name__).info("job_requeued", job_id=str(job_id), kind=found["kind"])
    return found


class HeldJob(Protocol):
    """A job that a worker runs, as the verb rooms know it."""

    id: UUID
    organization_id: UUID | None
    arguments: Mapping[str, Any]
    token: int
    """Rises with every worker that takes the job."""
    database: Database

    def should_stop(self) -> bool:
        """Whether to stop at the next step: the worker goes down, or the job belongs to another worker now."""

    async def hold(self, session: AsyncSession) -> None:
        """Let the transaction commit only if no other worker has taken the job; first of all in a transaction."""

    async def progressed(self, session: AsyncSession) -> None:
        """Note in a transaction that holds the job that it has come further than any attempt before."""


class JobQueue(CommitAnnouncer):
    """Wakes workers for the jobs of a committed transaction."""

    name = "queue"
    send_seconds = 5.0
    last_seconds = 1.0

    def __init__(self, database: Database, redis_url: str) -> None:
        super().__init__(database)
        self._arq = connect_arq(redis_url)
        self._waiting: list[tuple[UUID, int]] = []

    async def stop(self) -> None:
        """Stop listening; what waits goes out first if Valkey answers."""
        await super().stop()
        await self._arq.aclose(close_connection_pool=True)

    def wake(self, due: Iterable[tuple[UUID, int]]) -> None:
        """Have workers woken for jobs (id, fencing token) soon. The token makes it another wake-up than the last."""
        self._waiting.extend(due)
        del self._waiting[:-_MOST_WAITING]
        self.send_soon()

    def collect(self, info: dict[Any, Any]) -> bool:
        """See CommitAnnouncer."""
        if ENQUEUED in info:
            self.wake(info[ENQUEUED])
        return ENQUEUED in info

    async def send(self) -> None:
        """See CommitAnnouncer."""
        waiting, self._waiting = self._waiting[::-1], []
        try:
            await self._send(waiting)
        except RedisError:
            # A restart of Valkey closes connections, which is noticed when they are used; arq's transaction is not
            # tried again by the client.
            await self._send(waiting)

    async def _send(self, waiting: list[tuple[UUID, int]]) -> None:
        """Send wake-ups, the last first, and take from the list what has been sent."""
        while waiting:
            job_id, token = waiting[-1]
            await self._arq.enqueue_job(RUN_JOB, str(job_id), _job_id=f"{job_id}:{token}")
            waiting.pop()


class _Pipeline(Pipeline):
    """A pipeline that keeps no connection, however it ends."""

    async def reset(self) -> None:
        """Give the connection back. One on which UNWATCH was not answered, or not waited for, is closed before.

        redis-py leaves it with the pipeline then: for ever among those in use, and a warning when it is forgotten.
        """
        try:
            await super().reset()  # type: ignore[no-untyped-call]
        finally:
            connection, self.connection = self.connection, None
            if connection is not None:
                await connection.disconnect(nowait=True)
                await self.connection_pool.release(connection)


class _Arq(ArqRedis):
    """A client of arq whose pipelines are those."""

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        """See Redis."""
        return _Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


def connect_arq(redis_url: str) -> ArqRedis:
    """A client of arq on `redis://`, `rediss://` or `unix://PATH?db=0`, speaking JSON; nothing is connected yet."""
    pool: ConnectionPool = ConnectionPool.from_url(
        redis_url,
        socket_connect_timeout=2,
        socket_timeout=5,  # arq itself would wait for ever for a Valkey that is stopped
        # A connection that Valkey's restart has closed is noticed when it is used: try once more at once.
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.02), 2),
        retry_on_error=[RedisConnectionError, RedisTimeoutError],
    )
    return _Arq(
        pool,
        job_serializer=serialize,
        job_deserializer=deserialize,
        default_queue_name=QUEUE_NAME,
        expires_extra_ms=_KEPT_MILLISECONDS,
    )


def serialize(value: Mapping[str, Any]) -> bytes:
    """Records of arq as JSON; what JSON cannot carry (arq puts exceptions into results) becomes its name."""
    return orjson.dumps(value, default=lambda other: type(other).__name__)


def deserialize(stored: bytes) -> dict[str, Any]:
    """Read a record of arq."""
    record: dict[str, Any] = orjson.loads(stored)
    return record
