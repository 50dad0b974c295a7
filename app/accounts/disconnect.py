"""Disconnecting an account: its credentials are forgotten and its scans stop; what was found stays."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.target import no_such_account
from app.activity.record import record
from app.database import Database
from app.errors import ConflictError
from app.models import now
from app.records import AccountKind, Actor, EventKind, NewEvent
from app.repositories.account_credentials import delete_credential
from app.repositories.accounts import find_account, get_account

# (session, organization, account, actor) → asks the scans of the account to end, in the same transaction.
StopScans = Callable[[AsyncSession, UUID, UUID, Actor], Awaitable[None]]
# (session, organization, account) → asks for a look at what was found in the account, in the same transaction.
LookAgain = Callable[[AsyncSession, UUID, UUID], Awaitable[UUID]]


async def disconnect_account(
    database: Database,
    organization_id: UUID,
    actor: Actor,
    account_id: UUID,
    *,
    stop_scans: StopScans,
    look_again: LookAgain,
) -> RowMapping:
    """Disconnect and return the row; one that is disconnected already stays as it is.

    No scan starts beside it, because a start locks the account too. Raises NotFoundError, and ConflictError for a
    manual account.
    """
    async with database.write(organization_id) as session:
        account = await get_account(session, organization_id, account_id)
        if account is None:
            raise no_such_account()
        if account.kind != AccountKind.CONNECTED:
            message = "The account is a manual one: it is not connected to anything."
            raise ConflictError(message)
        if account.disconnected_at is None:
            account.disconnected_at = account.updated_at = now()
            await session.flush()
            await delete_credential(session, organization_id, account_id)
            await stop_scans(session, organization_id, account_id, actor)
            await look_again(session, organization_id, account_id)
            data = {"provider": account.provider, "nativeId": account.native_id, "name": account.name}
            kind = EventKind.ACCOUNT_DISCONNECTED
            event = NewEvent(kind, actor, subject_type="Account", subject_id=account_id, data=data)
            await record(session, organization_id, event)
        row = await find_account(session, organization_id, account_id)
        if row is None:
            raise no_such_account()
        return row
