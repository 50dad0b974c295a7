"""Asking for one's account to be erased, and taking that back while there is time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.auth.authenticator import Authenticator
from app.auth.identity_mails import MailKind, tell_user
from app.auth.mail_requests import end_change_of_email
from app.auth.names import normal_email
from app.auth.notices import reach_changed
from app.auth.proof import hold_proof, prove_password
from app.auth.second_factor import prove_code
from app.auth.sessions import Origin, end_other_sessions, person
from app.errors import BadUserInputError, ConflictError
from app.models import now
from app.records import EventKind, NewEvent, Principal, Role
from app.repositories import personal_data, second_factors, users
from app.sealing.vault import Vault

CONFIRM = ("input", "confirm")


@dataclass(frozen=True)
class Asked:
    """An erasure that is asked for: its row, how many sign-ins ended, and the keys that organizations keep."""

    row: RowMapping
    ended_sessions: int
    revoked_keys: int
    kept_keys: int


async def ask_for_erasure(
    authenticator: Authenticator,
    vault: Vault,
    origin: Origin,
    principal: Principal,
    *,
    password: str,
    code: str | None,
    confirm: str,
    grace: timedelta,
) -> Asked:
    """Have the caller's account erased after `grace`; all sign-ins end at once, and a change of address that waits.

    So do the keys that the caller has made in organizations of nobody else; those in others are the organizations'.
    Raises as `prove_password` and `prove_code` do, BadUserInputError for a `confirm` that is not the caller's address,
    ConflictError for the last owner of an organization with other members.
    """
    proven = await prove_password(authenticator, origin, principal, password, ("input", "password"))
    if normal_email(confirm, CONFIRM) != proven["email"]:
        message = "`confirm` must be the e-mail address of your account: what is erased does not come back."
        raise BadUserInputError(message, path=CONFIRM)
    user_id: UUID = proven["id"]
    async with prove_code(authenticator, vault, origin, user_id, code) as session:
        await hold_proof(session, proven)
        places = await personal_data.places_of_person(session, user_id)
        refuse_last_owner(places)
        row = await personal_data.ask_for_erasure(session, user_id, now() + grace)
        await end_change_of_email(session, user_id)
        await second_factors.end_challenges(session, user_id)
        ended = await end_other_sessions(session, user_id, None, "ERASURE_REQUESTED")
        shared = [place["id"] for place in places if place["members"] > 1]
        kept = await personal_data.keys_of_others(session, user_id, shared)
        await tell_user(session, proven, MailKind.ERASURE_REQUESTED)
    revoked = 0
    for place in places:
        if place["members"] == 1:
            revoked += await _revoke_keys(authenticator, principal, place["id"])
    return Asked(row, ended, revoked, kept)


def refuse_last_owner(places: object) -> None:
    """ConflictError for who is the last owner of an organization with other members."""
    held = [
        f"{place['name']} ({place['slug']})"
        for place in places  # type: ignore[attr-defined]
        if place["role"] == Role.OWNER and place["owners"] == 1 and place["members"] > 1
    ]
    if held:
        message = (
            f"You are the last owner of {', '.join(held)}, which has other members: make one of them an owner with "
            "changeMemberRole, or delete the organization with deleteOrganization, and ask again."
        )
        raise ConflictError(message)


async def _revoke_keys(authenticator: Authenticator, principal: Principal, organization_id: UUID) -> int:
    user_id = person(principal)
    async with authenticator.database.write(organization_id, user_id=user_id) as session:
        keys = await personal_data.revoke_keys_of(session, organization_id, user_id)
        if keys:
            told = [NewEvent(EventKind.API_KEY_REVOKED, principal.actor, "ApiKey", key, {}) for key in keys]
            await record(session, organization_id, *told)
            reach_changed(session, *keys)
    return len(keys)


async def keep_account(authenticator: Authenticator, principal: Principal, *, email: str) -> None:
    """Take an erasure back.

    Raises BadUserInputError for another address, ConflictError where none is asked for, or where it has begun.
    """
    async with authenticator.database.system() as session:
        user = await users.lock_user(session, person(principal))
        if user is None or normal_email(email, ("input", "email")) != user["email"]:
            message = "`email` must be the e-mail address of your account."
            raise BadUserInputError(message, path=("input", "email"))
        await _forget(session, user)


async def _forget(session: AsyncSession, user: RowMapping) -> None:
    erasure = await personal_data.find_erasure(session, user["id"])
    if erasure is None:
        message = "Your account is not to be erased: there is nothing to take back."
        raise ConflictError(message)
    if erasure["begun_at"] is not None:
        message = "The erasure of your account has begun: what is gone does not come back, and the rest follows."
        raise ConflictError(message)
    await personal_data.forget_erasure(session, user["id"])
    await tell_user(session, user, MailKind.ACCOUNT_KEPT)
