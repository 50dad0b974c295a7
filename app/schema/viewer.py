"""The viewer: who is calling, and what they reach."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import strawberry

from app.context import Info
from app.loaders.all import Loaders
from app.records import Principal
from app.schema.api_keys import ApiKey
from app.schema.listings import by_id, connection_by_id
from app.schema.organizations import Organization
from app.schema.paging import After, Before, Connection, First, Last, PageArguments
from app.schema.people import User


@strawberry.type(description="Who is calling: a person, an API key, or the holder of the root key.")
class Viewer:
    """A principal; `loaders` are those of that principal."""

    principal: strawberry.Private[Principal]
    loaders: strawberry.Private[Loaders]

    @classmethod
    def of(cls, info: Info, principal: Principal) -> Viewer:
        """The viewer of a principal, also of one who has signed in in this very operation."""
        own = info.context.loaders
        return cls(principal=principal, loaders=own if own.principal is principal else own.of(principal))

    @strawberry.field(description="The person; null for keys.")
    async def user(self) -> User | None:
        """One's own row."""
        row = await self.loaders.own_user.row()
        return User.from_row(row) if row is not None else None

    @strawberry.field(description="The API key; null for people.")
    async def api_key(self) -> ApiKey | None:
        """The key's own row."""
        if self.principal.api_key_id is None:
            return None
        row = await self.loaders.api_key_by_id.load((next(iter(self.principal.grants)), self.principal.api_key_id))
        return ApiKey.from_row(row) if row is not None else None

    @strawberry.field(description="Whether platform operations are open to the caller.")
    def is_platform_admin(self) -> bool:
        """For the root key and for platform admins."""
        return self.principal.is_platform_admin

    @strawberry.field(description="The organizations that the caller may read, in the order of their creation.")
    async def organizations(
        self, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Organization]:
        """One statement a page."""
        reachable = self.loaders.organizations
        page = await reachable.page(by_id(PageArguments(first, after, last, before)))

        def node(row: Mapping[Any, Any]) -> Organization:
            return Organization.from_row(row, self.principal.grants[row["id"]])

        return connection_by_id(page, node, reachable.count)
