"""Manual accounts: added and named by hand, filled by rows that callers send."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.database import Database
from app.errors import BadUserInputError, ConflictError, NotFoundError
from app.models import now
from app.records import Actor, EventKind, NewEvent, Provider
from app.repositories.accounts import ACCOUNTS, add_missing_accounts, get_account
from app.repositories.selection import by_keys

LONGEST_NAME = 256


async def create_account(
    database: Database, organization_id: UUID, actor: Actor, *, provider: Provider, native_id: str, name: str | None
) -> RowMapping:
    """Add a manual account. Raises ConflictError where the organization has it already."""
    native_id = checked(native_id, "nativeId")
    name = checked(name, "name") if name is not None else native_id
    async with database.write(organization_id) as session:
        added = await add_missing_accounts(session, organization_id, {(provider.value, native_id): name})
        if not added:
            message = (
                f"The organization has the {provider} account {native_id} already. Use `updateAccount` to name it."
            )
            raise ConflictError(message)
        account_id = added[0]["id"]
        await _record(session, organization_id, actor, EventKind.ACCOUNT_CREATED, account_id, provider, native_id, name)
        return (await by_keys(session, ACCOUNTS, organization_id, "id", [account_id]))[0]


async def update_account(
    database: Database, organization_id: UUID, actor: Actor, account_id: UUID, *, name: str
) -> RowMapping:
    """Name an account. Raises NotFoundError where there is none."""
    name = checked(name, "name")
    async with database.write(organization_id) as session:
        account = await get_account(session, organization_id, account_id)
        if account is None:
            message = "There is no such account within your reach."
            raise NotFoundError(message)
        if account.name != name:
            account.name = name
            account.updated_at = now()
            await session.flush()
            provider = Provider(account.provider)
            kind = EventKind.ACCOUNT_UPDATED
            await _record(session, organization_id, actor, kind, account_id, provider, account.native_id, name)
        return (await by_keys(session, ACCOUNTS, organization_id, "id", [account_id]))[0]


def checked(text: str, field: str) -> str:
    """Trimmed text of 1 to 256 characters. Raises BadUserInputError otherwise."""
    trimmed = text.strip()
    if not 1 <= len(trimmed) <= LONGEST_NAME or "\x00" in trimmed:
        message = f"`{field}` must have 1 to {LONGEST_NAME} characters."
        raise BadUserInputError(message, path=("input", field))
    return trimmed


async def _record(
    session: AsyncSession,
    organization_id: UUID,
    actor: Actor,
    kind: EventKind,
    account_id: UUID,
    provider: Provider,
    native_id: str,
    name: str,
) -> None:
    data = {"provider": provider.value, "nativeId": native_id, "name": name}
    event = NewEvent(kind, actor, subject_type="Account", subject_id=account_id, data=data)
    await record(session, organization_id, event)
