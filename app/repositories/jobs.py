"""SQL of the outbox of jobs. All moments are the database's own, so that the clocks of workers do not matter."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import RowMapping, Table, delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Job, new_id

JOBS: Table = Job.__table__  # type: ignore[assignment]
SETTLED = "settled"

# What a lease has run out on goes first: it has waited for a lease. Then the system's own jobs, which are few; then the
# organization with the fewest running jobs, and of several that whose job has waited longest. `tenants` jumps through
# the index from one organization with a due job to the next, so a claim costs the same however many jobs one of them
# has queued. `>=` and `<=` for `=`: with that the planner takes the index by `wake_at` and reads all that others have
# queued before (10,000 rows: 31 ms for 1). MATERIALIZED: rows are chosen and locked once, in the order of the text.
_CLAIM = text("""
    WITH RECURSIVE tenants(organization_id, wake_at) AS (
        (SELECT organization_id, wake_at FROM jobs
            WHERE state = 'QUEUED' AND wake_at <= now() AND organization_id IS NOT NULL
            ORDER BY organization_id, wake_at LIMIT 1)
        UNION ALL
        SELECT next.organization_id, next.wake_at FROM tenants CROSS JOIN LATERAL (
            SELECT jobs.organization_id, jobs.wake_at FROM jobs
            WHERE state = 'QUEUED' AND jobs.wake_at <= now() AND jobs.organization_id > tenants.organization_id
            ORDER BY jobs.organization_id, jobs.wake_at LIMIT 1) AS next),
    expired AS MATERIALIZED (
        SELECT id FROM jobs
        WHERE state = 'RUNNING' AND lease_until < now() AND attempts < :most_attempts AND kind = ANY(:kinds)
            AND (organization_id IS NULL OR organization_id <> ALL(CAST(:full AS uuid[])))
        ORDER BY lease_until LIMIT 1 FOR UPDATE SKIP LOCKED),
    system AS MATERIALIZED (
        SELECT id FROM jobs
        WHERE organization_id IS NULL AND state = 'QUEUED' AND wake_at <= now() AND attempts < :most_attempts
            AND kind = ANY(:kinds) AND NOT EXISTS (SELECT FROM expired)
        ORDER BY wake_at LIMIT 1 FOR UPDATE SKIP LOCKED),
    running AS (
        SELECT organization_id, count(*) AS jobs FROM jobs WHERE state = 'RUNNING' GROUP BY organization_id),
    ranked AS MATERIALIZED (
        SELECT tenants.organization_id
        FROM tenants LEFT JOIN running ON running.organization_id = tenants.organization_id
        WHERE tenants.organization_id <> ALL(CAST(:full AS uuid[]))
        ORDER BY coalesce(running.jobs, 0), tenants.wake_at),
    fairest AS MATERIALIZED (
        SELECT job.id FROM ranked CROSS JOIN LATERAL (
            SELECT id FROM jobs
            WHERE jobs.organization_id >= ranked.organization_id AND jobs.organization_id <= ranked.organization_id
                AND state = 'QUEUED' AND wake_at <= now() AND attempts < :most_attempts AND kind = ANY(:kinds)
            ORDER BY organization_id, wake_at LIMIT 1 FOR UPDATE SKIP LOCKED) AS job
        WHERE NOT EXISTS (SELECT FROM expired) AND NOT EXISTS (SELECT FROM system) LIMIT 1),
    due AS (SELECT id FROM expired UNION ALL SELECT id FROM system UNION ALL SELECT id FROM fairest)
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
_REQUEUE = text("""
    UPDATE jobs SET state = 'QUEUED', attempts = 0, fencing_token = fencing_token + 1, wake_at = now(),
        lease_until = NULL, finished_at = NULL, failure = NULL, arguments = arguments - CAST(:settled AS text)
    WHERE id = :id AND state = 'DEAD' RETURNING fencing_token
""")
_INSERT = text("""
    INSERT INTO jobs (id, organization_id, kind, arguments, state, attempts, fencing_token, asked, wake_at, created_at)
    SELECT sent.id, CAST(:organization_id AS uuid), :kind, CAST(sent.arguments AS jsonb), 'QUEUED', 0, 0, :asked,
        now(), now()
    FROM unnest(CAST(:ids AS uuid[]), CAST(:arguments AS text[])) AS sent(id, arguments)
""")


async def insert_job(
    session: AsyncSession,
    kind: str,
    organization_id: UUID | None,
    arguments: Mapping[str, Any],
    wake_at: datetime | None,
    *,
    asked: bool = False,
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
            asked=asked,
            wake_at=func.now() if wake_at is None else wake_at,
            created_at=func.now(),
        )
    )
    return job_id


async def insert_jobs(
    session: AsyncSession,
    kind: str,
    organization_id: UUID | None,
    arguments: Mapping[UUID, Mapping[str, Any]],
    *,
    asked: bool = False,
) -> None:
    """Insert queued jobs that are due at once, {id: arguments}, in one statement."""
    values = {
        "kind": kind,
        "organization_id": organization_id,
        "asked": asked,
        "ids": list(arguments),
        "arguments": [orjson.dumps(each).decode() for each in arguments.values()],
    }
    await session.execute(_INSERT, values)


async def count_asked(session: AsyncSession, organization_id: UUID, most: int) -> int:
    """How many jobs that its callers have asked for wait in an organization, counted up to `most`.

    Whoever counts for the same organization waits until this transaction ends.
    """
    lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")
    await session.execute(lock, {"key": f"asked jobs {organization_id}"})
    waiting = select(JOBS.c.id).where(
        JOBS.c.organization_id == organization_id, JOBS.c.state == "QUEUED", JOBS.c.asked.is_(True)
    )
    counted = select(func.count()).select_from(waiting.limit(most).subquery())
    return int((await session.execute(counted)).scalar_one())


async def claim_job(
    session: AsyncSession, kinds: Collection[str], *, lease: float, most_attempts: int, full: Collection[UUID] = ()
) -> RowMapping | None:
    """Take one due job under a lease of `lease` seconds, of the organization whose turn it is; of none that is `full`.

    Due is what is queued and awake, and what runs under a lease that has ended. None when there is none, or when
    other workers take them at this moment.
    """
    values = {"kinds": list(kinds), "lease": lease, "most_attempts": most_attempts, "full": list(full)}
    return (await session.execute(_CLAIM, values)).mappings().one_or_none()


async def extend_leases(session: AsyncSession, held: Sequence[tuple[UUID, int]], lease: float) -> set[UUID]:
    """Begin the leases of jobs (id, fencing token) anew, in one statement; returns the jobs that are still ours."""
    values = {"ids": [job_id for job_id, _ in held], "tokens": [token for _, token in held], "lease": lease}
    return set(await session.scalars(_EXTEND, values))


async def hold_lease(session: AsyncSession, job_id: UUID, token: int, lease: float) -> bool:
    """Whether the job is still ours; until the transaction ends nobody else can take it."""
    values = {"id": job_id, "token": token, "lease": lease}
    return (await session.execute(_HOLD, values)).one_or_none() is not None


async def forget_attempts(session: AsyncSession, job_id: UUID, token: int) -> None:
    """Count the running attempt of a job as its first."""
    statement = update(JOBS).where(JOBS.c.id == job_id, JOBS.c.fencing_token == token, JOBS.c.state == "RUNNING")
    await session.execute(statement.values(attempts=1))


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


async def waiting_job(session: AsyncSession, kind: str) -> bool:
    """Whether a job of a kind that no organization owns is queued and not taken yet."""
    statement = select(JOBS.c.id).where(JOBS.c.kind == kind, JOBS.c.organization_id.is_(None), JOBS.c.state == "QUEUED")
    return (await session.execute(statement.limit(1))).first() is not None


async def lock_job(session: AsyncSession, job_id: UUID) -> RowMapping | None:
    """One job, which nobody else claims, holds or settles until the transaction ends."""
    statement = JOBS.select().where(JOBS.c.id == job_id).with_for_update()
    return (await session.execute(statement)).mappings().one_or_none()


async def call_off_job(session: AsyncSession, job_id: UUID) -> None:
    """Take a job that has not ended from whoever runs it, and end it: nobody needs it any more.

    Waits for a transaction that its worker has open; what that worker does afterwards is refused.
    """
    statement = update(JOBS).where(JOBS.c.id == job_id, JOBS.c.state.in_(["QUEUED", "RUNNING"]))
    values = {"state": "SUCCEEDED", "lease_until": None, "finished_at": func.now()}
    await session.execute(statement.values(fencing_token=JOBS.c.fencing_token + 1, **values))


async def take_over_queued(session: AsyncSession, kind: str, organization_id: UUID, job_id: UUID) -> int:
    """End the organization's other jobs of a kind that wait for a worker; how many those are.

    For a job that does the same as they would, and reads only after this transaction what they were queued for: the
    transaction that queued one has committed, or the one is not seen here.
    """
    waiting = (
        select(JOBS.c.id)
        .where(
            JOBS.c.organization_id == organization_id,
            JOBS.c.kind == kind,
            JOBS.c.state == "QUEUED",
            JOBS.c.wake_at <= func.now(),
            JOBS.c.id != job_id,
        )
        .with_for_update(skip_locked=True)
    )
    ended = {"state": "SUCCEEDED", "finished_at": func.now()}
    statement = update(JOBS).where(JOBS.c.id.in_(waiting)).values(**ended).returning(JOBS.c.id)
    return len((await session.execute(statement)).all())


async def unsettled_dead_jobs(
    session: AsyncSession, kinds: Collection[str], limit: int, after: UUID | None = None
) -> Sequence[RowMapping]:
    """Dead jobs of some kinds whose object has not been told yet, oldest first, behind one; see `settle_dead_job`."""
    statement = JOBS.select().where(
        JOBS.c.state == "DEAD",
        JOBS.c.kind.in_(kinds),
        JOBS.c.organization_id.is_not(None),
        ~JOBS.c.arguments.has_key(SETTLED),
    )
    if after is not None:
        statement = statement.where(JOBS.c.id > after)
    return (await session.execute(statement.order_by(JOBS.c.id).limit(limit))).mappings().all()


async def settle_dead_job(session: AsyncSession, job_id: UUID) -> None:
    """Note in a dead job that its object has been told of its end."""
    settled = func.jsonb_build_object(SETTLED, True)  # noqa: FBT003 - a value of JSON
    await session.execute(
        update(JOBS).where(JOBS.c.id == job_id, JOBS.c.state == "DEAD").values(arguments=JOBS.c.arguments + settled)
    )


async def requeue_dead_job(session: AsyncSession, job_id: UUID) -> int | None:
    """Queue a dead job again, due at once, with all its attempts; its new fencing token, None if it is not dead.

    What its object was told of its end is forgotten: should it die again, that is told again.
    """
    return (await session.execute(_REQUEUE, {"id": job_id, "settled": SETTLED})).scalar_one_or_none()


async def delete_finished_jobs(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` jobs that succeeded before a moment; the dead stay until somebody has looked at them."""
    old = JOBS.select().with_only_columns(JOBS.c.id)
    old = old.where(JOBS.c.state == "SUCCEEDED", JOBS.c.finished_at < before).limit(limit)
    result = await session.execute(delete(JOBS).where(JOBS.c.id.in_(old)).returning(JOBS.c.id))
    return len(result.all())


async def delete_waiting(session: AsyncSession, organization_id: UUID, job_id: UUID) -> None:
    """Delete a job of an organization that has not run yet; one that runs, or did, stays."""
    waiting = (JOBS.c.organization_id == organization_id, JOBS.c.state == "QUEUED", JOBS.c.attempts == 0)
    await session.execute(delete(JOBS).where(JOBS.c.id == job_id, *waiting))


async def is_open(session: AsyncSession, job_id: UUID) -> bool:
    """Whether a job is queued or runs."""
    statement = select(JOBS.c.id).where(JOBS.c.id == job_id, JOBS.c.state.in_(["QUEUED", "RUNNING"]))
    return (await session.execute(statement)).first() is not None
