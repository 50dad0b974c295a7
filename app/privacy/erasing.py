"""Erases accounts whose time has come: nothing that tells who the person was stays in the database."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.audit import AuditedAct
from app.activity.record import record
from app.activity.verify_audit import all_organizations
from app.auth.identity_mails import MailKind, ask_for_mail
from app.auth.mail_requests import end_change_of_email
from app.auth.notices import reach_changed
from app.database import Database, acting
from app.errors import ConflictError
from app.models import now
from app.organizations.change import PURGE_AFTER, PURGE_JOB
from app.privacy.erasure import refuse_last_owner
from app.queue import enqueue
from app.records import Actor, ActorKind, EventKind, NewEvent, Role
from app.records.audit import DELETE_ORGANIZATION, ERASE
from app.repositories import audit, personal_data, typed_notes, users, webhook_texts
from app.repositories.memberships import count_members, count_owners, role_of_user
from app.repositories.organizations import change_organization, lock_organization
from app.repositories.webhook_texts import Sought

SYSTEM = Actor(ActorKind.SYSTEM)
ERASED = "erased"
_BATCH = 50
_SHOWN = ("email", "name", "email_verified_at")
"""What of a person is looked for in texts, and where."""


async def erase_due_accounts(database: Database) -> int:
    """Erase the accounts whose grace is over; returns how many. Several processes may do it, and each again.

    Who has become the last owner of an organization with other members meanwhile is left for the next time, and holds
    nobody up.
    """
    moment, after, erased = now(), None, 0
    while True:
        async with database.system() as session:
            due = await personal_data.due_erasures(session, moment, after, _BATCH)
        for row in due:
            erased += await _erase_if_possible(database, row["user_id"])
        if len(due) < _BATCH:
            return erased
        after = (due[-1]["due_at"], due[-1]["user_id"])


async def _erase_if_possible(database: Database, user_id: UUID) -> bool:
    try:
        return await erase_account(database, user_id)
    except ConflictError as error:
        structlog.get_logger(__name__).warning("account_not_erased", user_id=str(user_id), reason=error.message)
    except Exception:  # noqa: BLE001 - the others are not to wait for it; the next round tries again
        structlog.get_logger(__name__).exception("account_erasure_failed", user_id=str(user_id))
    return False


async def erase_account(database: Database, user_id: UUID) -> bool:
    """Erase an account whose erasure is due; whether this call has.

    First in all organizations, then the person's own row with all that hangs on it: whatever is cut short is done
    again from the start. Raises ConflictError for the last owner of an organization with other members, and where the
    person has changed before the end.
    """
    begun = await _begin(database, user_id)
    if begun is None:
        return False
    user, places = begun
    for place in places:
        if place["members"] == 1:
            await _delete_organization(database, place["id"], user)
    for organization_id in await all_organizations(database):
        # Anybody can register with another's address: before it is verified, it proves nothing to strangers.
        by_address = user["email_verified_at"] is not None or organization_id in {place["id"] for place in places}
        await _erase_in(database, organization_id, user, by_address=by_address)
    if not await _end(database, user):
        return False
    structlog.get_logger(__name__).info("account_erased", user_id=str(user_id))
    return True


async def _begin(database: Database, user_id: UUID) -> tuple[RowMapping, Sequence[RowMapping]] | None:
    """The user and their places, if their erasure is due: from now on nobody takes it back. None if it is not.

    `keep_account` holds the user too: whichever of the two comes first, the other sees it.
    """
    async with database.system() as session:
        user = await users.lock_user(session, user_id)
        erasure = await personal_data.find_erasure(session, user_id)
        if user is None or erasure is None or erasure["due_at"] > now():
            return None
        places = await personal_data.places_of_person(session, user_id)
        refuse_last_owner(places)
        await end_change_of_email(session, user_id)
        await personal_data.begin_erasure(session, user_id)
    return user, places


async def _end(database: Database, user: RowMapping) -> bool:
    """Delete the person's own row; whether it was there. Raises ConflictError for what has changed since `_begin`."""
    async with database.system() as session:
        last = await users.lock_user(session, user["id"])
        if last is None:
            return False
        # Until here they could sign in, which who has to make another one an owner needs.
        places = await personal_data.places_of_person(session, user["id"])
        if places or any(last[column] != user[column] for column in _SHOWN):
            message = "The person has changed, or joined an organization, while they were erased: it is done again."
            raise ConflictError(message)
        if user["email_verified_at"] is not None:
            await ask_for_mail(session, MailKind.ACCOUNT_ERASED, email=user["email"])
        await personal_data.delete_person(session, user["id"])
        reach_changed(session, user["id"])
    return True


async def _delete_organization(database: Database, organization_id: UUID, user: RowMapping) -> None:
    """Delete an organization, unless somebody else has joined it by now; its name may be the person's."""
    with acting(AuditedAct(DELETE_ORGANIZATION, SYSTEM, subject=("Organization", organization_id))):
        async with database.write(organization_id) as session:
            living = await lock_organization(session, organization_id)
            if living is None or await count_members(session, organization_id) > 1:
                return
            row = await change_organization(session, organization_id, {"deleted_at": now(), "name": ERASED})
            await enqueue(session, PURGE_JOB, organization_id, {}, wake_at=now() + PURGE_AFTER)
            data = {"deletedAt": row["deleted_at"].isoformat(), "reason": "ACCOUNT_ERASED", "userId": str(user["id"])}
            await record(
                session,
                organization_id,
                NewEvent(EventKind.ORGANIZATION_DELETED, SYSTEM, "Organization", organization_id, data),
            )
            reach_changed(session, organization_id)


async def _erase_in(database: Database, organization_id: UUID, user: RowMapping, *, by_address: bool) -> None:
    """Erase a person in one organization: membership, invitations, texts of events, notes and messages, the audit's.

    `by_address` says that what only names the address is about the person too. One row of the chain says whose details
    are missing from now on, and of which acts of others that named the person.
    """
    user_id, email, name = user["id"], user["email"], user["name"]
    words, arguments = words_of(email, name), dict[str, Any]()
    with acting(AuditedAct(ERASE, SYSTEM, subject=("User", user_id), arguments=arguments)):
        async with database.write(organization_id) as session:
            await _hold_members(session, organization_id, user_id)
            naming = await personal_data.audit_rows_naming(
                session, organization_id, user_id, email, name, by_address=by_address
            )
            arguments["rows"] = [row["number"] for row in naming if words.search(row["summary"])]
            await audit.erase_details(session, organization_id, user_id)
            await audit.erase_rows(session, organization_id, arguments["rows"])
            if by_address:
                await personal_data.delete_invitations(session, organization_id, email)
            membership_id = await personal_data.delete_membership_of(session, organization_id, user_id)
            events = await personal_data.events_naming(
                session, organization_id, user_id, email, name, by_address=by_address
            )
            for event in events:
                await personal_data.set_event_data(session, event, redacted(event["data"], words))
            belongs = membership_id is not None
            sought = Sought(organization_id, user_id, email, name, by_address=by_address, belongs=belongs)
            await _erase_notes(session, sought, words)
            await _erase_messages(session, sought, words)
            if membership_id is not None:
                data = {"userId": str(user_id), "reason": "ACCOUNT_ERASED"}
                told = NewEvent(EventKind.MEMBER_REMOVED, SYSTEM, "Member", membership_id, data)
                await record(session, organization_id, told)
                reach_changed(session, user_id)


async def _hold_members(session: AsyncSession, organization_id: UUID, user_id: UUID) -> None:
    """Keep the members as they are until the transaction ends.

    Raises ConflictError where the organization cannot be without the person, who was not needed when it began.
    """
    organization = await lock_organization(session, organization_id)
    role = await role_of_user(session, organization_id, user_id)
    if organization is None or role is None:
        return
    members = await count_members(session, organization_id)
    if members == 1:
        message = "Nobody else belongs to an organization any more: it is deleted the next time."
        raise ConflictError(message)
    owners = await count_owners(session, organization_id) if role is Role.OWNER else 0
    refuse_last_owner([{**organization, "role": role, "owners": owners, "members": members}])


async def _erase_notes(session: AsyncSession, sought: Sought, words: re.Pattern[str]) -> None:
    """Replace a person in what people typed beside recommendations and prices."""
    for notes in typed_notes.NOTES:
        after: UUID | None = None
        while found := await typed_notes.notes_naming(session, notes, sought, after):
            for row in found:
                await typed_notes.set_note(
                    session, notes, sought.organization_id, row["id"], redacted(row["told"], words)
                )
            after = found[-1]["id"]


async def _erase_messages(session: AsyncSession, sought: Sought, words: re.Pattern[str]) -> None:
    """Replace a person in the bodies that webhooks were sent; of answers with them, of whatever form, nothing stays."""
    after: UUID | None = None
    while found := await webhook_texts.bodies_naming(session, sought, after):
        for row in found:
            told = redacted(json.loads(row["told"]), words)
            body = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
            await webhook_texts.set_body(session, sought.organization_id, row["id"], body)
        after = found[-1]["id"]
    forms = itertools.product(webhook_texts.written(sought.email), webhook_texts.written(sought.name))
    patterns = [words_of(*form) for form in forms]
    after = None
    while found := await webhook_texts.answers_naming(session, sought, after):
        for row in found:
            if any(pattern.search(row["told"]) for pattern in patterns):
                await webhook_texts.set_answer(session, sought.organization_id, row["id"], ERASED)
        after = found[-1]["id"]


def words_of(email: str, name: str) -> re.Pattern[str]:
    """What finds an address and a name in a text, and no address or word that they are only a part of."""
    return re.compile(rf"(?<![\w.+%-]){re.escape(email)}(?![\w-]|\.\w)|(?<!\w){re.escape(name)}(?!\w)")


def redacted(value: Any, words: re.Pattern[str]) -> Any:
    """JSON whose texts have words replaced; keys stay."""
    if isinstance(value, str):
        return words.sub(ERASED, value)
    if isinstance(value, list):
        return [redacted(each, words) for each in value]
    if isinstance(value, dict):
        return {key: redacted(each, words) for key, each in value.items()}
    return value
