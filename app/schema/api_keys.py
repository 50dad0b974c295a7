"""API keys of an organization."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.context import Info
from app.records import Permission
from app.schema.errors import InvalidInput, NotFound, QuotaExceeded
from app.schema.node import Node, global_id
from app.schema.people import User, fellow


@strawberry.type(description="A key by which a program acts for an organization.")
class ApiKey(Node):
    """A row of `api_keys`, never its secret."""

    name: str = strawberry.field(description="Name for people.")
    scopes: list[Permission] = strawberry.field(description="What the key may do.")
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime | None = strawberry.field(description="Until when it is good; null for no end.")
    last_used_at: datetime | None = strawberry.field(
        description="When it was last used, to about a minute; null for never."
    )
    revoked_at: datetime | None = strawberry.field(description="When it was revoked; null for never.")
    organization_id: strawberry.Private[UUID]
    creator_id: strawberry.Private[UUID | None]

    @strawberry.field(description="Who made it; null for another API key, and for a person who has left.")
    async def created_by(self, info: Info) -> User | None:
        """Loaded for the whole page at once."""
        return await fellow(info, self.organization_id, self.creator_id)

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> ApiKey:
        """Make it of a row."""
        return cls(
            id=global_id("ApiKey", row["id"], row["organization_id"]),
            name=row["name"],
            # By the enum's order; a scope that this version no longer knows allows nothing and is not shown.
            scopes=[permission for permission in Permission if permission.value in row["scopes"]],
            created_at=row["created_at"],
            expires_at=row["expires_at"],
            last_used_at=row["last_used_at"],
            revoked_at=row["revoked_at"],
            organization_id=row["organization_id"],
            creator_id=row["created_by"],
        )


@strawberry.input(description="A key to make.")
class CreateApiKeyInput:
    """See `createApiKey`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization for which it acts.")
    name: str = strawberry.field(description="Name for people; 1 to 100 characters.")
    scopes: list[Permission] = strawberry.field(
        description="What it may do: at least one permission, and none that you lack yourself."
    )
    expires_at: datetime | None = strawberry.field(
        default=None, description="Until when it is good; null for no end. A key made by a key ends with it."
    )


@strawberry.type(description="The key was made.")
class CreateApiKeyPayload:
    """See `createApiKey`."""

    api_key: ApiKey = strawberry.field(description="The key's facts.")
    key: str = strawberry.field(
        description="The key itself, for `Authorization: Bearer` or `X-API-Key`. Shown this once: keep it safe."
    )


CreateApiKeyResult = Annotated[
    CreateApiKeyPayload | InvalidInput | NotFound | QuotaExceeded,
    strawberry.union("CreateApiKeyResult", description="What `createApiKey` answers."),
]


@strawberry.input(description="A key to end.")
class RevokeApiKeyInput:
    """See `revokeApiKey`."""

    id: strawberry.ID = strawberry.field(description="The key.")


@strawberry.type(description="The key is good for nothing any more, within 5 s everywhere.")
class RevokeApiKeyPayload:
    """See `revokeApiKey`."""

    api_key: ApiKey = strawberry.field(description="The key's facts as they are now.")


RevokeApiKeyResult = Annotated[
    RevokeApiKeyPayload | InvalidInput | NotFound,
    strawberry.union("RevokeApiKeyResult", description="What `revokeApiKey` answers."),
]
