"""Figures over the whole platform, for its operators."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import strawberry

from app.context import Info
from app.loaders.platform import PlatformFigures
from app.records.plans import SubscriptionStatus
from app.schema.filters import DateTimeFilter, EnumFilter, StringFilter, to_criteria
from app.schema.listings import by_id, connection_by_id
from app.schema.node import global_id
from app.schema.paging import After, Before, Connection, First, Last, PageArguments
from app.schema.plans import PlanSubscription
from app.schema.price_lists import Pricing
from app.schema.scalars import BigInt


@strawberry.type(description="How many there are on the whole platform.")
class PlatformCounts:
    """See app.repositories.platform."""

    organizations: int = strawberry.field(description="Organizations that are not deleted.")
    users: int = strawberry.field(description="Registered people.")
    sessions: int = strawberry.field(description="Sessions that are neither ended nor expired.")


@strawberry.type(
    description="An organization as operators see it: who it is and what it is subscribed to, nothing it owns."
)
class PlatformOrganization:
    """A row of `organizations` with its subscription."""

    id: strawberry.ID = strawberry.field(description="Global id of the organization, for `updateSubscription`.")
    slug: str = strawberry.field(description="Its name in addresses; unique.")
    name: str = strawberry.field(description="Name for people.")
    currency: str = strawberry.field(description="Currency of its totals, a code of ISO 4217.")
    created_at: datetime = strawberry.field(description="When it was made.")
    subscription: PlanSubscription | None = strawberry.field(
        description="Its plan; null where it has none: `bootstrap` gives it the default one."
    )

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> PlatformOrganization:
        """Make it of a row with the columns of its subscription."""
        return cls(
            id=global_id("Organization", row["id"]),
            subscription=None if row["status"] is None else PlanSubscription.from_row(row),
            **{name: row[name] for name in ("slug", "name", "currency", "created_at")},
        )


@strawberry.input(description="Which organizations; all conditions must hold.")
class PlatformOrganizationFilter:
    """Fields are named as in app.repositories.platform."""

    slug: StringFilter | None = strawberry.field(default=None, description="Its name in addresses.")
    name: StringFilter | None = strawberry.field(default=None, description="Its name for people.")
    plan: StringFilter | None = strawberry.field(default=None, description="Slug of its plan.")
    status: EnumFilter[SubscriptionStatus] | None = strawberry.field(
        default=None, description="Status of its subscription."
    )
    created_at: DateTimeFilter | None = strawberry.field(default=None, description="When it was made.")


@strawberry.type(description="How many organizations have a plan in a status.")
class PlanCount:
    """See app.repositories.platform.count_subscriptions."""

    plan: str | None = strawberry.field(description="Slug of the plan; null for those without a subscription.")
    status: SubscriptionStatus | None = strawberry.field(description="Status; null for those without a subscription.")
    organizations: int = strawberry.field(description="How many.")


@strawberry.type(description="How often something was asked for on the whole platform.")
class RunCounts:
    """See app.repositories.platform.count_scans."""

    last_day: int = strawberry.field(description="In the last 24 hours.")
    last_day_failed: int = strawberry.field(description="Those of them that have failed.")
    last_30_days: int = strawberry.field(name="last30Days", description="In the last 30 days.")
    last_30_days_failed: int = strawberry.field(name="last30DaysFailed", description="Those of them that have failed.")

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> RunCounts:
        """Make it of a row."""
        return cls(
            last_day=row["day_total"],
            last_day_failed=row["day_failed"],
            last_30_days=row["month_total"],
            last_30_days_failed=row["month_failed"],
        )


@strawberry.type(description="How many background jobs are in a state.")
class JobCount:
    """See app.repositories.platform.count_jobs."""

    state: str = strawberry.field(description="QUEUED, RUNNING, SUCCEEDED (kept for a while) or DEAD (given up).")
    jobs: int = strawberry.field(description="How many.")


@strawberry.type(description="What the platform keeps.")
class Storage:
    """See app.repositories.platform.storage."""

    database_bytes: BigInt = strawberry.field(description="Size of the database with its indexes.")
    upload_bytes: BigInt = strawberry.field(description="Size of the uploads that are stored or on their way.")


@strawberry.type(description="How the platform is used. Each field is counted when it is selected.")
class PlatformStatistics:
    """One statement for each field."""

    figures: strawberry.Private[PlatformFigures]

    @strawberry.field(description="Organizations by plan and status.")
    async def plans(self) -> list[PlanCount]:
        """At most four for each plan."""
        return [
            PlanCount(
                plan=row["plan"],
                status=None if row["status"] is None else SubscriptionStatus(row["status"]),
                organizations=row["organizations"],
            )
            for row in await self.figures.subscriptions()
        ]

    @strawberry.field(description="Scans of accounts.")
    async def scans(self) -> RunCounts:
        """By the index of time and state."""
        return RunCounts.from_row(await self.figures.scans())

    @strawberry.field(description="Imports of costs; those that were refused have failed.")
    async def imports(self) -> RunCounts:
        """By the index of time and state."""
        return RunCounts.from_row(await self.figures.imports())

    @strawberry.field(description="Background jobs by state.")
    async def jobs(self) -> list[JobCount]:
        """At most four."""
        return [JobCount(state=row["state"], jobs=row["jobs"]) for row in await self.figures.jobs()]

    @strawberry.field(description="What is stored.")
    async def storage(self) -> Storage:
        """From the file system and the sizes that uploads note."""
        row = await self.figures.storage()
        return Storage(database_bytes=row["database_bytes"], upload_bytes=row["upload_bytes"])


@strawberry.type(description="The platform as its operators see it: with the root key, or as a platform admin.")
class Platform:
    """Made by the resolver for those who may see it."""

    version: str = strawberry.field(description="Version of Skyledger that answers.")
    figures: strawberry.Private[PlatformFigures]

    @strawberry.field(description="How many organizations, users and sessions there are.")
    async def counts(self) -> PlatformCounts:
        """Counted when selected."""
        found = await self.figures.counts()
        return PlatformCounts(organizations=found.organizations, users=found.users, sessions=found.sessions)

    @strawberry.field(description="All organizations that are not deleted, in the order of their creation.")
    async def organizations(
        self,
        where: Annotated[PlatformOrganizationFilter | None, strawberry.argument(description="Which ones.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[PlatformOrganization]:
        """One statement a page, one more for the count when it is asked."""
        criteria = to_criteria(where)
        page = await self.figures.organizations(criteria, by_id(PageArguments(first, after, last, before)))
        return connection_by_id(page, PlatformOrganization.from_row, self.figures.organization_counter(criteria))

    @strawberry.field(description="How the platform is used.")
    def statistics(self) -> PlatformStatistics:
        """Nothing is counted yet."""
        return PlatformStatistics(figures=self.figures)

    @strawberry.field(description="What is known of the providers' list prices, and how reading them went.")
    async def pricing(self, info: Info) -> Pricing:
        """Two statements."""
        return await Pricing.read(info)
