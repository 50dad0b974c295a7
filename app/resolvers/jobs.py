"""Root fields of background jobs."""

from __future__ import annotations

import strawberry

from app.context import Info
from app.queue import requeue
from app.resolvers.access import Access, mutation
from app.schema.jobs import Job, RequeueJobInput, RequeueJobPayload, RequeueJobResult
from app.schema.node import parse_id


@strawberry.type
class JobMutations:
    """What operators do about jobs that were given up."""

    @mutation(
        Access.ROOT,
        "Have a DEAD job run again, once, with all its attempts; a Conflict for a job in any other state. What had "
        "been told of its end stays told: a scan that was declared failed is not begun again, start another one.",
    )
    async def requeue_job(self, info: Info, input: RequeueJobInput) -> RequeueJobResult:  # noqa: A002  (Relay's name)
        """See app.queue.requeue."""
        key = parse_id(input.id, "Job", path=("input", "id"))
        return RequeueJobPayload(job=Job.from_row(await requeue(info.context.database, key.id)))
