"""Changing and deleting an organization."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping

from app.activity.record import record
from app.auth.names import checked_name
from app.auth.notices import reach_changed
from app.database import Database
from app.errors import BadUserInputError
from app.models import now
from app.organizations.single_sign_on import end_unspoken_sessions
from app.organizations.standing import standing
from app.queue import enqueue
from app.records import EventKind, NewEvent, Permission, Principal
from app.records.currencies import checked_currency
from app.records.recommendations import LOOK_EVERYWHERE_JOB
from app.repositories.converted_savings import convert_again
from app.repositories.organizations import change_organization
from app.repositories.single_sign_on import hold_still

PURGE_JOB = "purge_organization"
# What was allowed just before the deletion may still be writing: 5 s until it bites and 10 s of execution.
PURGE_AFTER = timedelta(seconds=30)


async def update_organization(
    database: Database, organization_id: UUID, principal: Principal, *, name: str | None, currency: str | None
) -> RowMapping:
    """Change what is given and return the row; what is the same already is no change and no event."""
    wanted: dict[str, Any] = {}
    if name is not None:
        wanted["name"] = checked_name(name, ("input", "name"))
    if currency is not None:
        wanted["currency"] = checked_currency(currency)
    async with database.write(organization_id, user_id=principal.user_id) as session:
        caller = await standing(session, organization_id, principal)
        caller.require(Permission.ORGANIZATION_UPDATE)
        changed = {column: value for column, value in wanted.items() if value != caller.organization[column]}
        if not changed:
            return caller.organization
        row = await change_organization(session, organization_id, changed)
        if "currency" in changed:
            await convert_again(session, organization_id, changed["currency"])
            await enqueue(session, LOOK_EVERYWHERE_JOB, organization_id)
        before = {column: caller.organization[column] for column in changed}
        event = NewEvent(
            EventKind.ORGANIZATION_UPDATED,
            principal.actor,
            subject_type="Organization",
            subject_id=organization_id,
            data={"from": before, "to": changed},
        )
        await record(session, organization_id, event)
        return row


async def delete_organization(
    database: Database, organization_id: UUID, principal: Principal, *, confirm_slug: str
) -> RowMapping:
    """Mark an organization as deleted: nobody reaches it any more, and a job removes what it owned.

    Raises BadUserInputError when `confirm_slug` is not its slug, ForbiddenError for anyone but an owner.
    """
    async with database.write(organization_id, user_id=principal.user_id) as session:
        await hold_still(session, organization_id, to_change=True)
        caller = await standing(session, organization_id, principal)
        caller.require(Permission.ORGANIZATION_DELETE)
        if confirm_slug != caller.organization["slug"]:
            message = "`confirmSlug` must be the slug of the organization that you want to delete."
            raise BadUserInputError(message, path=("input", "confirmSlug"))
        row = await change_organization(session, organization_id, {"deleted_at": now()})
        await end_unspoken_sessions(session, organization_id)
        await enqueue(session, PURGE_JOB, organization_id, {}, wake_at=now() + PURGE_AFTER, always=True)
        event = NewEvent(
            EventKind.ORGANIZATION_DELETED,
            principal.actor,
            subject_type="Organization",
            subject_id=organization_id,
            data={"slug": row["slug"], "deletedAt": row["deleted_at"].isoformat()},
        )
        await record(session, organization_id, event)
        reach_changed(session, organization_id)
        return row
