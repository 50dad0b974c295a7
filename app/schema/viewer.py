"""The viewer: who is calling, and what they reach."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import strawberry

from app.context import Info
from app.loaders.all import Loaders
from app.records import Principal
from app.schema.api_keys import ApiKey
from app.schema.listings import by_id, connection_by_id
from app.schema.organizations import Organization
from app.schema.own_sessions import Session
from app.schema.paging import After, Before, Connection, First, Last, PageArguments
from app.schema.passkeys import Passkey
from app.schema.people import User
from app.schema.privacy import AccountErasure, PersonalExport


@strawberry.type(description="An authenticator whose codes your log-ins ask for.")
class SecondFactor:
    """A row of `totp_factors` that is confirmed."""

    enabled_at: datetime = strawberry.field(description="When it was switched on.")
    recovery_codes_left: int = strawberry.field(description="How many recovery codes are not used up.")


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

    @strawberry.field(description="Your sessions that have not ended, the last used first; at most 100. None for keys.")
    async def sessions(self) -> list[Session]:
        """One statement."""
        return [Session.from_row(row, self.principal.session_id) for row in await self.loaders.own_identity.sessions()]

    @strawberry.field(description="Your authenticator; null when it is off, and for keys.")
    async def second_factor(self) -> SecondFactor | None:
        """One statement."""
        row = await self.loaders.own_identity.second_factor()
        if row is None:
            return None
        return SecondFactor(enabled_at=row["confirmed_at"], recovery_codes_left=row["recovery_codes_left"])

    @strawberry.field(description="Your passkeys, the oldest first; at most 10. None for keys.")
    async def passkeys(self) -> list[Passkey]:
        """One statement."""
        return [Passkey.from_row(row) for row in await self.loaders.own_identity.passkeys()]

    @strawberry.field(description="Archives of what is kept about you, the newest first; at most 20. None for keys.")
    async def personal_exports(self) -> list[PersonalExport]:
        """One statement."""
        return [PersonalExport.from_row(row) for row in await self.loaders.own_identity.personal_exports()]

    @strawberry.field(description="When your account is to be erased; null where it is not, and for keys.")
    async def erasure(self) -> AccountErasure | None:
        """One statement."""
        row = await self.loaders.own_identity.erasure()
        return None if row is None else AccountErasure.from_row(row)

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
