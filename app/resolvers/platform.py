"""Root field of the platform's operators."""

from __future__ import annotations

from importlib.metadata import version

import strawberry

from app.context import Info
from app.schema.platform import Platform


@strawberry.type
class PlatformQueries:
    """Figures over the whole platform."""

    @strawberry.field(description="The platform; null for anyone but the holder of the root key and platform admins.")
    async def platform(self, info: Info) -> Platform | None:
        """Null does not tell whether there are platform operations at all."""
        principal = info.context.principal
        if principal is None or not principal.is_platform_admin:
            return None
        return Platform(version=version("skyledger"), figures=info.context.loaders.platform)
