"""Root fields of accounts."""

from __future__ import annotations

import strawberry

from app.accounts import change, connect, disconnect, manual, verify
from app.context import Info
from app.recommendations.jobs import request_look
from app.records import Permission
from app.resolvers.access import Limit, mutation, organization_of
from app.scanning.cancel import cancel_scans_of_account
from app.schema.account_connection import (
    ConnectAccountInput,
    ConnectAccountPayload,
    ConnectAccountResult,
    DisconnectAccountInput,
    DisconnectAccountPayload,
    DisconnectAccountResult,
    UpdateAccountInput,
    UpdateAccountPayload,
    UpdateAccountResult,
    VerifyAccountInput,
    VerifyAccountPayload,
    VerifyAccountResult,
)
from app.schema.accounts import Account, CreateAccountInput, CreateAccountPayload, CreateAccountResult
from app.schema.node import parse_id


@strawberry.type
class AccountMutations:
    """Adding, connecting, asking, changing and disconnecting accounts."""

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

    @mutation(
        Permission.ACCOUNTS_MANAGE,
        "Connect accounts of a cloud, so that scans read them. The credentials are tried first, and sealed.",
        limit=Limit(30, per=60),
    )
    async def connect_account(self, info: Info, input: ConnectAccountInput) -> ConnectAccountResult:  # noqa: A002  (Relay's name)
        """See app.accounts.connect.connect_accounts."""
        runtime = info.context.runtime
        organization_id = organization_of(input)
        rows = await connect.connect_accounts(
            info.context.database,
            runtime.vault,
            runtime.providers,
            organization_id,
            info.context.signed_in().actor,
            input.wanted(organization_id, runtime.settings),
        )
        return ConnectAccountPayload(accounts=[Account.from_row(row) for row in rows])

    @mutation(
        Permission.ACCOUNTS_MANAGE,
        "Ask a connected account whether it works: one cheap call to its provider.",
        limit=Limit(30, per=60),
    )
    async def verify_account(self, info: Info, input: VerifyAccountInput) -> VerifyAccountResult:  # noqa: A002  (Relay's name)
        """See app.accounts.verify.verify_account."""
        row = await verify.verify_account(
            info.context.database,
            info.context.runtime.vault,
            info.context.runtime.providers,
            organization_of(input),
            info.context.signed_in().actor,
            parse_id(input.id, "Account", path=("input", "id")).id,
        )
        return VerifyAccountPayload(account=Account.from_row(row))

    @mutation(Permission.ACCOUNTS_MANAGE, "Change an account: its name, or how it is connected.")
    async def update_account(self, info: Info, input: UpdateAccountInput) -> UpdateAccountResult:  # noqa: A002  (Relay's name)
        """See app.accounts.change.update_account."""
        runtime = info.context.runtime
        organization_id = organization_of(input)
        row = await change.update_account(
            info.context.database,
            runtime.vault,
            runtime.providers,
            organization_id,
            info.context.signed_in().actor,
            parse_id(input.id, "Account", path=("input", "id")).id,
            input.wanted(organization_id, runtime.settings),
        )
        return UpdateAccountPayload(account=Account.from_row(row))

    @mutation(
        Permission.ACCOUNTS_MANAGE,
        "Disconnect an account: its credentials are deleted and its scans stop; its inventory and history stay. What "
        "is open or marked for deletion on its resources is resolved, until it is connected and scanned again.",
    )
    async def disconnect_account(self, info: Info, input: DisconnectAccountInput) -> DisconnectAccountResult:  # noqa: A002  (Relay's name)
        """See app.accounts.disconnect.disconnect_account."""
        row = await disconnect.disconnect_account(
            info.context.database,
            organization_of(input),
            info.context.signed_in().actor,
            parse_id(input.id, "Account", path=("input", "id")).id,
            # Handed in, because those know accounts and not the other way round: all happens in one transaction.
            stop_scans=cancel_scans_of_account,
            look_again=request_look,
        )
        return DisconnectAccountPayload(account=Account.from_row(row))
