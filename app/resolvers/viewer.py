"""Root field of the caller."""

from __future__ import annotations

import strawberry

from app.context import Info
from app.schema.rate_limit import RateLimit
from app.schema.viewer import Viewer


@strawberry.type
class ViewerQueries:
    """Who is calling."""

    @strawberry.field(description="Who is calling; null for an anonymous caller.")
    async def viewer(self, info: Info) -> Viewer | None:
        """Of the operation's principal."""
        principal = info.context.principal
        return Viewer.of(info, principal) if principal is not None else None

    @strawberry.field(
        description="What the caller may still ask; null where operations are free. `extensions.cost` of each answer "
        "and the headers `RateLimit-*` tell the same."
    )
    def rate_limit(self, info: Info) -> RateLimit | None:
        """Of the operation's charge."""
        charge = info.context.charge
        return RateLimit.of(charge) if charge is not None else None
