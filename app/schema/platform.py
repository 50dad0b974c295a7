"""Figures over the whole platform, for its operators."""

from __future__ import annotations

import strawberry

from app.context import Info
from app.loaders.organizations import PlatformFigures
from app.schema.jobs import JobsOfPlatform
from app.schema.price_lists import Pricing


@strawberry.type(description="How many there are on the whole platform.")
class PlatformCounts:
    """See app.repositories.platform."""

    organizations: int = strawberry.field(description="Organizations that are not deleted.")
    users: int = strawberry.field(description="Registered people.")
    sessions: int = strawberry.field(description="Sessions that are neither ended nor expired.")


@strawberry.type(description="The platform as its operators see it: with the root key, or as a platform admin.")
class Platform(JobsOfPlatform):
    """Made by the resolver for those who may see it."""

    version: str = strawberry.field(description="Version of Skyledger that answers.")
    figures: strawberry.Private[PlatformFigures]

    @strawberry.field(description="How many organizations, users and sessions there are.")
    async def counts(self) -> PlatformCounts:
        """Counted when selected."""
        found = await self.figures.counts()
        return PlatformCounts(organizations=found.organizations, users=found.users, sessions=found.sessions)

    @strawberry.field(description="What is known of the providers' list prices, and how reading them went.")
    async def pricing(self, info: Info) -> Pricing:
        """Two statements."""
        return await Pricing.read(info)
