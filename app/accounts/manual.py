"""Manual accounts: added by hand, filled by rows that callers send."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import RowMapping

from app.activity.record import record
from app.database import Database
from app.errors import BadUserInputError, ConflictError
from app.records import Actor, EventKind, NewEvent, Provider
from app.repositories.accounts import ACCOUNTS, add_missing_accounts
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
                f"The organization has the {provider} account {native_id} already. Use `updateAccount` to name it, "
                "`connectAccount` to connect it."
            )
            raise ConflictError(message)
        account_id = added[0]["id"]
        data = {"provider": provider.value, "nativeId": native_id, "name": name}
        event = NewEvent(EventKind.ACCOUNT_CREATED, actor, subject_type="Account", subject_id=account_id, data=data)
        await record(session, organization_id, event)
        return (await by_keys(session, ACCOUNTS, organization_id, "id", [account_id]))[0]


def checked(text: str, field: str) -> str:
    """Trimmed text of 1 to 256 characters. Raises BadUserInputError otherwise."""
    trimmed = text.strip()
    if not 1 <= len(trimmed) <= LONGEST_NAME or "\x00" in trimmed:
        message = f"`{field}` must have 1 to {LONGEST_NAME} characters."
        raise BadUserInputError(message, path=("input", field))
    return trimmed
