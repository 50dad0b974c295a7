"""SQL of the outbox of jobs. All moments are the database's own, so that the clocks of workers do not matter."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Table, delete, func, insert, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Job, new_id

JOBS: Table = Job.__table__  # type: ignore[assignment]

# MATERIALIZED: the rows are chosen and locked once, before the update looks for them.
_CLAIM = text("""
    WITH due AS MATERIALIZED (
        SELECT id FROM jobs
        WHERE state IN ('QUEUED', 'RUNNING') AND wake_at <= now() AND (state = 'QUEUED' OR lease_until < now())
            AND attempts < :most_attempts AND kind = ANY(:kinds) AND (CAST(:id AS uuid) IS NULL OR id = :id)
        ORDER BY wake_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    UPDATE jobs SET state = 'RUNNING', attempts = attempts + 1, fencing_token = fencing_token + 1,
        lease_until = clock_timestamp() + make_interval(secs => :lease)
    FROM due WHERE jobs.id = due.id
    RETURNING jobs.id, organization_id, kind, arguments, attempts, fencing_token
""")
# A row that one of the job's own transactions has locked is passed over: nobody can take that job meanwhile.
_EXTEND = text("""
    WITH sent AS (SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:tokens AS integer[])) AS sent(id, token)),
    free AS MATERIALIZED (
        SELECT jobs.id FROM jobs JOIN sent ON jobs.id = sent.id AND jobs.fencing_token = sent.token
        WHERE jobs.state = 'RUNNING' FOR UPDATE OF jobs SKIP LOCKED),
    extended AS (
        UPDATE jobs SET lease_until = clock_timestamp() + make_interval(secs => :lease)
        FROM free WHERE jobs.id = free.id)
    SELECT jobs.id FROM jobs JOIN sent ON jobs.id = sent.id AND jobs.fencing_token = sent.token
    WHERE jobs.state = 'RUNNING'
""")
_HOLD = text("""
    UPDATE jobs SET lease_until = clock_timestamp() + make_interval(secs => :lease)
    WHERE id = :id AND fencing_token = :token AND state = 'RUNNING' RETURNING id
""")
_BURY = text("""
    WITH spent AS MATERIALIZED (
        SELECT id FROM jobs
        WHERE state IN ('QUEUED', 'RUNNING') AND wake_at <= now() AND (state = 'QUEUED' OR lease_until < now())
            AND attempts >= :most_attempts AND kind = ANY(:kinds)
        LIMIT 100 FOR UPDATE SKIP LOCKED)
    UPDATE jobs SET state = 'DEAD', lease_until = NULL, finished_at = now(),
        failure = coalesce(CASE WHEN state = 'QUEUED' THEN failure END,
            'The worker that ran it ended without a word, on attempt ' || attempts || ' of ' || :most_attempts || '.')
    FROM spent WHERE jobs.id = spent.id
    RETURNING jobs.id, kind, failure
""")


async def insert_job(
    session: AsyncSession,
    kind: str,
    organization_id: UUID | None,
    arguments: Mapping[str, Any],
    wake_at: datetime | None,
) -> UUID:
    """Insert a queued job; without `wake_at` it is due at once."""
    job_id = new_id()
    await session.execute(
        insert(JOBS).values(
            id=job_id,
            organization_id=organization_id,
            kind=kind,
            arguments=dict(arguments),
            state="QUEUED",
            attempts=0,
            fencing_token=0,
            wake_at=func.now() if wake_at is None else wake_at,
            created_at=func.now(),
        )
    )
    return job_id


async def claim_job(
    session: AsyncSession, kinds: Collection[str], *, lease: float, most_attempts: int, job_id: UUID | None = None
) -> RowMapping | None:
    """Take one due job under a lease of `lease` seconds: the given one, or the one that is due the longest.

    Due is what is queued and awake, and what runs under a lease that has ended. None when there is none, or when
    another worker takes it at this moment.
    """
    values = {"kinds": list(kinds), "lease": lease, "most_attempts": most_attempts, "id": job_id}
    return (await session.execute(_CLAIM, values)).mappings().one_or_none()


async def extend_leases(session: AsyncSession, held: Sequence[tuple[UUID, int]], lease: float) -> set[UUID]:
    """Begin the leases of jobs (id, fencing token) anew, in one statement; returns the jobs that are still ours."""
    values = {"ids": [job_id for job_id, _ in held], "tokens": [token for _, token in held], "lease": lease}
    return set(await session.scalars(_EXTEND, values))


async def hold_lease(session: AsyncSession, job_id: UUID, token: int, lease: float) -> bool:
    """Whether the job is still ours; until the transaction ends nobody else can take it."""
    values = {"id": job_id, "token": token, "lease": lease}
    return (await session.execute(_HOLD, values)).one_or_none() is not None


async def finish_job(session: AsyncSession, job_id: UUID, token: int, failure: str | None = None) -> bool:
    """End a job: it succeeded, or it is dead for the reason given. False when it is no longer ours."""
    state = "SUCCEEDED" if failure is None else "DEAD"
    return await _settle(session, job_id, token, state=state, failure=failure, finished_at=func.now())


async def retry_job(session: AsyncSession, job_id: UUID, token: int, pause: float, failure: str) -> bool:
    """Queue a failed job again, due in `pause` seconds. False when it is no longer ours."""
    wake_at = func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, pause)
    return await _settle(session, job_id, token, state="QUEUED", failure=failure, wake_at=wake_at)


async def return_job(session: AsyncSession, job_id: UUID, token: int) -> bool:
    """Queue a job again that was not run to its end, as if this attempt had not been. False when no longer ours."""
    return await _settle(session, job_id, token, state="QUEUED", attempts=JOBS.c.attempts - 1, wake_at=func.now())


async def _settle(session: AsyncSession, job_id: UUID, token: int, **values: Any) -> bool:
    statement = (
        update(JOBS)
        .where(JOBS.c.id == job_id, JOBS.c.fencing_token == token, JOBS.c.state == "RUNNING")
        .values(lease_until=None, **values)
        .returning(JOBS.c.id)
    )
    return (await session.execute(statement)).one_or_none() is not None


async def bury_spent_jobs(session: AsyncSession, kinds: Collection[str], most_attempts: int) -> Sequence[RowMapping]:
    """Declare dead what has no attempt left, up to 100 at a time; returns (id, kind, failure) of each."""
    values = {"kinds": list(kinds), "most_attempts": most_attempts}
    return (await session.execute(_BURY, values)).mappings().all()


async def delete_finished_jobs(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` jobs that succeeded before a moment; the dead stay until somebody has looked at them."""
    old = JOBS.select().with_only_columns(JOBS.c.id)
    old = old.where(JOBS.c.state == "SUCCEEDED", JOBS.c.finished_at < before).limit(limit)
    result = await session.execute(delete(JOBS).where(JOBS.c.id.in_(old)).returning(JOBS.c.id))
    return len(result.all())
