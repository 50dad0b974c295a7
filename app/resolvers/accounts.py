"""Root fields of accounts."""

from __future__ import annotations

import strawberry

from app.accounts import manual
from app.context import Info
from app.records import Permission
from app.resolvers.access import mutation, organization_of
from app.schema.accounts import (
    Account,
    CreateAccountInput,
    CreateAccountPayload,
    CreateAccountResult,
    UpdateAccountInput,
    UpdateAccountPayload,
    UpdateAccountResult,
)
from app.schema.node import parse_id


@strawberry.type
class AccountMutations:
    """Adding and changing accounts."""

    @mutation(Permission.ACCOUNTS_MANAGE, "Add a manual account, whose resources and costs are sent as rows.")
    async def create_account(self, info: Info, input: CreateAccountInput) -> CreateAccountResult:  # noqa: A002  (Relay's name)
        """See app.accounts.manual.create_account."""
        row = await manual.create_account(
            info.context.database,
            organization_of(input),
            info.context.signed_in().actor,
            provider=input.provider,
            native_id=input.native_id,
            name=input.name,
        )
        return CreateAccountPayload(account=Account.from_row(row))

    @mutation(Permission.ACCOUNTS_MANAGE, "Change the name of an account.")
    async def update_account(self, info: Info, input: UpdateAccountInput) -> UpdateAccountResult:  # noqa: A002  (Relay's name)
        """See app.accounts.manual.update_account."""
        key = parse_id(input.id, "Account", path=("input", "id"))
        row = await manual.update_account(
            info.context.database,
            organization_of(input),
            info.context.signed_in().actor,
            key.id,
            name=input.name,
        )
        return UpdateAccountPayload(account=Account.from_row(row))
