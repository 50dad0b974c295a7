"""Background jobs as operators see them: what waits, runs and has been given up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import strawberry

from app.context import Info
from app.records.jobs import JobState
from app.schema.enums import graph_enum
from app.schema.errors import Conflict, InvalidInput, NotFound
from app.schema.filters import EnumFilter, StringFilter, to_criteria
from app.schema.listings import by_id, connection_by_id
from app.schema.node import global_id
from app.schema.paging import After, Before, Connection, First, Last, PageArguments

graph_enum(
    JobState,
    "How far a job is.",
    QUEUED="It waits for a worker, or for its moment.",
    RUNNING="A worker holds it.",
    SUCCEEDED="It has had its effect; kept for 30 days.",
    DEAD="All its attempts have failed; kept until somebody has looked at it. `requeueJob` gives it new ones.",
)


@strawberry.type(description="The organization that a job works for.")
class JobOrganization:
    """Names only: an operator need not belong to it."""

    id: strawberry.ID = strawberry.field(description="Its global id.")
    slug: str = strawberry.field(description="Its slug.")
    name: str = strawberry.field(description="Its name.")


@strawberry.type(description="A piece of background work. What it works on is its organization's and not told here.")
class Job:
    """A row of `jobs`."""

    id: strawberry.ID = strawberry.field(description="Opaque id, for `requeueJob`.")
    kind: str = strawberry.field(description="What it does, such as `run_scan`.")
    state: JobState = strawberry.field(description="How far it is.")
    attempts: int = strawberry.field(description="How often it was begun since it was queued, or last came further.")
    failure: str | None = strawberry.field(
        description="Why the last attempt failed; null where none did. What is not foreseen stands in the worker's log."
    )
    organization: JobOrganization | None = strawberry.field(
        description="For whom; null for the platform itself, and for an organization that is no longer there."
    )
    wake_at: datetime = strawberry.field(description="Before this moment it is not run.")
    created_at: datetime = strawberry.field(description="When it was asked for.")
    finished_at: datetime | None = strawberry.field(description="When it succeeded or died; null before.")

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> Job:
        """Make it of a row of app.repositories.job_pages."""
        owner = None
        if row["organization_slug"] is not None:
            owner = JobOrganization(
                id=global_id("Organization", row["organization_id"]),
                slug=row["organization_slug"],
                name=row["organization_name"],
            )
        return cls(
            id=global_id("Job", row["id"]),
            state=JobState(row["state"]),
            organization=owner,
            **{name: row[name] for name in ("kind", "attempts", "failure", "wake_at", "created_at", "finished_at")},
        )


@strawberry.input(description="Which jobs; all conditions must hold.")
class JobFilter:
    """Fields are columns of `jobs`."""

    state: EnumFilter[JobState] | None = strawberry.field(default=None, description="How far it is.")
    kind: StringFilter | None = strawberry.field(default=None, description="What it does.")


@strawberry.type
class JobsOfPlatform:
    """The part of `Platform` that this room adds; `Platform` inherits it."""

    @strawberry.field(description="Background jobs of all organizations, the newest first.")
    async def jobs(
        self,
        info: Info,
        where: Annotated[JobFilter | None, strawberry.argument(description="Which ones.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Job]:
        """One statement a page, one more for the count when it is asked."""
        criteria, jobs = to_criteria(where), info.context.loaders.jobs
        page = await jobs.page(criteria, by_id(PageArguments(first, after, last, before)))
        return connection_by_id(page, Job.from_row, jobs.counter(criteria))


@strawberry.input(description="Which job is to run again.")
class RequeueJobInput:
    """See `requeueJob`."""

    id: strawberry.ID = strawberry.field(description="Id of a DEAD job, as `platform.jobs` gives it.")


@strawberry.type(description="The job waits for a worker again.")
class RequeueJobPayload:
    """See `requeueJob`."""

    job: Job = strawberry.field(description="The job, QUEUED with no attempt made.")


RequeueJobResult = Annotated[
    RequeueJobPayload | Conflict | InvalidInput | NotFound,
    strawberry.union("RequeueJobResult", description="What `requeueJob` answers."),
]
