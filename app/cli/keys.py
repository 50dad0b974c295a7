"""`skyledger keys`: secrets, and API keys made by the operator."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import RowMapping

from app.cli.operator import as_operator, operator_of
from app.cli.terminal import fail, out
from app.config import new_credential_key
from app.database import Database
from app.models import now
from app.organizations.api_keys import create_api_key, revoke_api_key
from app.paging import PageRequest
from app.records import Permission
from app.repositories.api_keys import api_key_page

LISTED = 1_000
MOMENTS = (("until", "expires_at"), ("last used", "last_used_at"), ("revoked", "revoked_at"))


def run_secret() -> None:
    """Print 48 random bytes as text."""
    print(secrets.token_urlsafe(48))  # noqa: T201  (for scripts, without colours or wrapping)


def run_credential() -> None:
    """Print a key for the vault, with its id."""
    print(new_credential_key())  # noqa: T201  (for scripts, without colours or wrapping)


def run_create(organization: str, name: str, scopes: list[str], days: int | None) -> None:
    """Make a key and print its text."""
    unknown = sorted(set(scopes) - set(Permission))
    if unknown:
        message = f"there is no scope {', '.join(unknown)}; choose of: {', '.join(Permission)}."
        raise fail(message)
    wanted = [Permission(scope) for scope in scopes]
    expires_at = None if days is None else now() + timedelta(days=days)

    async def create(database: Database, organization_id: UUID) -> str:
        operator = operator_of(organization_id)
        _, text = await create_api_key(
            database, organization_id, operator, name=name, scopes=wanted, expires_at=expires_at
        )
        return text

    print(as_operator(organization, create, "createApiKey"))  # noqa: T201  (for scripts, without colours or wrapping)


def run_list(organization: str) -> None:
    """Show an organization's keys, the latest first; their secrets are not kept."""

    async def read(database: Database, organization_id: UUID) -> Sequence[RowMapping]:
        async with database.read(organization_id) as session:
            request = PageRequest(size=LISTED, backwards=True)
            return (await api_key_page(session, organization_id, request, revoked=True)).rows[::-1]

    rows = as_operator(organization, read)
    for row in rows:
        facts = [
            " ".join(row["scopes"]),
            *(f"{name} {row[column]:%Y-%m-%d %H:%M}" for name, column in MOMENTS if row[column]),
        ]
        for line in (f"{row['id']}  {row['name']}", f"  {', '.join(facts)}"):
            out.print(line, highlight=False, markup=False, soft_wrap=True)
    if not rows:
        out.print("There is no key.")


def run_revoke(organization: str, key_id: str) -> None:
    """Revoke one key."""
    try:
        wanted = UUID(key_id)
    except ValueError:
        message = f"{key_id!r} is no key's id; `skyledger keys list` shows them."
        raise fail(message) from None

    async def revoke(database: Database, organization_id: UUID) -> RowMapping:
        return await revoke_api_key(database, organization_id, operator_of(organization_id), wanted)

    row = as_operator(organization, revoke, "revokeApiKey")
    message = f"Revoked {row['name']}; it stops working within 5 seconds."
    out.print(message, highlight=False, markup=False, soft_wrap=True)
