"""Root fields of API keys."""

from __future__ import annotations

import strawberry

from app.context import Info
from app.organizations import api_keys
from app.records import Permission
from app.resolvers.access import Limit, mutation, organization_of
from app.schema.api_keys import (
    ApiKey,
    CreateApiKeyInput,
    CreateApiKeyPayload,
    CreateApiKeyResult,
    RevokeApiKeyInput,
    RevokeApiKeyPayload,
    RevokeApiKeyResult,
)
from app.schema.node import parse_id


@strawberry.type
class ApiKeyMutations:
    """Making and ending API keys."""

    @mutation(
        Permission.API_KEYS_MANAGE,
        "Make an API key. Its text is in this answer and nowhere else.",
        limit=Limit(60, per=60),
    )
    async def create_api_key(self, info: Info, input: CreateApiKeyInput) -> CreateApiKeyResult:  # noqa: A002  (Relay's name)
        """See app.organizations.api_keys.create_api_key."""
        row, text = await api_keys.create_api_key(
            info.context.database,
            organization_of(input),
            info.context.signed_in(),
            name=input.name,
            scopes=input.scopes,
            expires_at=input.expires_at,
        )
        return CreateApiKeyPayload(api_key=ApiKey.from_row(row), key=text)

    @mutation(Permission.API_KEYS_MANAGE, "End an API key.")
    async def revoke_api_key(self, info: Info, input: RevokeApiKeyInput) -> RevokeApiKeyResult:  # noqa: A002  (Relay's name)
        """See app.organizations.api_keys.revoke_api_key."""
        key = parse_id(input.id, "ApiKey", path=("input", "id"))
        row = await api_keys.revoke_api_key(
            info.context.database, organization_of(input), info.context.signed_in(), key.id
        )
        return RevokeApiKeyPayload(api_key=ApiKey.from_row(row))
