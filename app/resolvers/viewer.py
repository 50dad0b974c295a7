"""Root field of the caller."""

from __future__ import annotations

import strawberry

from app.context import Info
from app.schema.viewer import Viewer


@strawberry.type
class ViewerQueries:
    """Who is calling."""

    @strawberry.field(description="Who is calling; null for an anonymous caller.")
    async def viewer(self, info: Info) -> Viewer | None:
        """Of the operation's principal."""
        principal = info.context.principal
        return Viewer.of(info, principal) if principal is not None else None
