"""Makes, changes and deletes webhooks, and rotates their secrets."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.auth.names import checked_name
from app.database import Database
from app.errors import BadUserInputError, ConflictError, NotFoundError
from app.models import new_id, now
from app.outgoing import OutgoingError, OutgoingGuard
from app.records import UNSET, EventKind, NewEvent, Principal, Unset
from app.records.webhooks import DisabledReason, NewWebhook, WebhookState
from app.repositories import webhooks
from app.repositories.activity import get_head
from app.repositories.organizations import lock_organization
from app.sealing.vault import Vault
from app.webhooks import signing
from app.webhooks.ending import disable
from app.webhooks.subscriber import actor_of

MOST_WEBHOOKS: Final = 20
LONGEST_OVERLAP: Final = timedelta(days=7)


async def create_webhook(
    database: Database, vault: Vault, guard: OutgoingGuard, organization_id: UUID, principal: Principal, new: NewWebhook
) -> tuple[RowMapping, str]:
    """Make a webhook, from the next event on; returns its row and its secret, which is shown this once.

    The document is checked already. Raises BadUserInputError, ForbiddenError for the root key, ConflictError for too
    many.
    """
    await _check_url(guard, new.url)
    name, kinds = checked_name(new.name, ("input", "name")), _checked_kinds(new.kinds)
    subscriber = actor_of(principal)
    webhook_id, secret, moment = new_id(), signing.new_secret(), now()
    sealed = await asyncio.to_thread(signing.seal, vault, organization_id, webhook_id, secret, None)
    async with database.write(organization_id) as session:
        await lock_organization(session, organization_id)  # of two who make the last one, one waits here
        if await webhooks.count_webhooks(session, organization_id) >= MOST_WEBHOOKS:
            message = f"An organization may have {MOST_WEBHOOKS} webhooks: delete one that nobody needs."
            raise ConflictError(message)
        head = await get_head(session, organization_id)
        values = {
            "id": webhook_id,
            "name": name,
            "url": new.url,
            "kinds": kinds,
            "document": new.document,
            "state": WebhookState.ENABLED.value,
            "place": head.last_sequence,
            "created_at": moment,
            "updated_at": moment,
        }
        row = await webhooks.insert_webhook(session, organization_id, values | subscriber | sealed)
        await _record(session, row, principal, EventKind.WEBHOOK_CREATED)
        return row, secret


async def update_webhook(
    database: Database,
    guard: OutgoingGuard,
    organization_id: UUID,
    principal: Principal,
    webhook_id: UUID,
    *,
    name: str | Unset = UNSET,
    url: str | Unset = UNSET,
    kinds: Collection[str] | Unset = UNSET,
    document: str | Unset = UNSET,
    enabled: bool | Unset = UNSET,
) -> RowMapping:
    """Change what is given. Raises NotFoundError, BadUserInputError, ForbiddenError.

    Who changes what is sent, or where to, or enables it, is the subscriber from then on: nobody has a document of
    theirs executed with the rights of somebody else. One that is enabled again goes on from the next event.
    """
    values: dict[str, Any] = {}
    if not isinstance(name, Unset):
        values["name"] = checked_name(name, ("input", "name"))
    if not isinstance(url, Unset):
        await _check_url(guard, url)
        values["url"] = url
    if not isinstance(kinds, Unset):
        values["kinds"] = _checked_kinds(kinds)
    if not isinstance(document, Unset):
        values["document"] = document
    if enabled is True or {"url", "kinds", "document"} & values.keys():
        values |= actor_of(principal)
    async with database.write(organization_id) as session:
        webhook = await _locked(session, organization_id, webhook_id)
        if enabled is True and webhook["state"] == WebhookState.DISABLED.value:
            head = await get_head(session, organization_id)
            again = {"state": WebhookState.ENABLED.value, "disabled_reason": None, "failing_since": None}
            values |= again | {"place": head.last_sequence, "job_id": None, "job_at": None}
        if values:
            webhook = await webhooks.change_webhook(
                session, organization_id, webhook_id, values | {"updated_at": now()}
            )
        if enabled is False:
            disabled = await disable(session, organization_id, webhook_id, DisabledReason.ASKED, principal.actor)
            webhook = disabled or webhook
        await _record(session, webhook, principal, EventKind.WEBHOOK_UPDATED)
        return webhook


async def delete_webhook(
    database: Database, organization_id: UUID, principal: Principal, webhook_id: UUID
) -> RowMapping:
    """Delete a webhook with its deliveries; returns the row as it was. Raises NotFoundError."""
    async with database.write(organization_id) as session:
        webhook = await _locked(session, organization_id, webhook_id)
        await webhooks.delete_webhook(session, organization_id, webhook_id)
        await _record(session, webhook, principal, EventKind.WEBHOOK_DELETED)
        return webhook


async def rotate_secret(
    database: Database, vault: Vault, organization_id: UUID, principal: Principal, webhook_id: UUID, overlap: timedelta
) -> tuple[RowMapping, str]:
    """Give a webhook another secret; for so long its messages are signed with the one before as well.

    Returns the row and the secret, which is shown this once. Raises NotFoundError, BadUserInputError, and VaultError
    where there is an overlap with a secret that cannot be opened.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        message = f"`overlapHours` must be 0 to {LONGEST_OVERLAP // timedelta(hours=1)}."
        raise BadUserInputError(message, path=("input", "overlapHours"))
    secret, moment = signing.new_secret(), now()
    async with database.write(organization_id) as session:
        webhook = await _locked(session, organization_id, webhook_id)
        previous = None
        if overlap:
            previous = (await asyncio.to_thread(signing.open_secrets, vault, webhook, moment))[0]
        sealed = await asyncio.to_thread(signing.seal, vault, organization_id, webhook_id, secret, previous)
        until = moment + overlap if overlap else None
        values = sealed | {"previous_until": until, "updated_at": moment}
        webhook = await webhooks.change_webhook(session, organization_id, webhook_id, values)
        await _record(session, webhook, principal, EventKind.WEBHOOK_SECRET_ROTATED)
        return webhook, secret


async def _locked(session: AsyncSession, organization_id: UUID, webhook_id: UUID) -> RowMapping:
    webhook = await webhooks.lock_webhook(session, organization_id, webhook_id)
    if webhook is None:
        raise no_such_webhook()
    return webhook


def no_such_webhook() -> NotFoundError:
    """The same for an absent webhook and for one of somebody else."""
    return NotFoundError("There is no such webhook within your reach.")


async def _check_url(guard: OutgoingGuard, url: str) -> None:
    try:
        await guard.check(url)
    except OutgoingError as error:
        message = f"`url`: {error}"
        raise BadUserInputError(message, path=("input", "url")) from None


def _checked_kinds(kinds: Collection[str]) -> list[str]:
    """Kinds of events, each once; none stands for all."""
    return sorted({EventKind(kind).value for kind in kinds})


async def _record(session: AsyncSession, webhook: RowMapping, principal: Principal, kind: EventKind) -> None:
    # Not the URL: some receivers have a secret in theirs, and every member reads the activity.
    data = {"name": webhook["name"], "kinds": list(webhook["kinds"]), "enabled": webhook["state"] == "ENABLED"}
    event = NewEvent(kind, principal.actor, subject_type="Webhook", subject_id=webhook["id"], data=data)
    await record(session, webhook["organization_id"], event)
