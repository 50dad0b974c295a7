"""Getting another password: by the old one, or by a mail where it was forgotten."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.authenticator import Authenticator
from app.auth.identity_mails import MailKind, ask_for_mail, tell_user
from app.auth.mail_requests import end_change_of_email, mail_is_sent, usable_mail
from app.auth.names import normal_email
from app.auth.noted_acts import note_act
from app.auth.notices import reach_changed
from app.auth.passwords import check_policy
from app.auth.proof import hold_proof, prove_password
from app.auth.sessions import Origin, end_other_sessions
from app.records import Principal
from app.repositories import identity_mails, second_factors, users

NEW_PASSWORD = ("input", "newPassword")


async def request_password_reset(authenticator: Authenticator, origin: Origin, *, email: str) -> None:
    """Have a mail with a token sent to an address, if it has an account.

    Whether it has is found out by the job: what is done here is the same for every address. Raises RateLimitedError
    after too many requests for an address or from a network address, ConflictError where no mail is sent.
    """
    mail_is_sent(authenticator)
    email = normal_email(email)
    await authenticator.mails.begin(email, origin.client_address)
    async with authenticator.database.system() as session:
        await ask_for_mail(session, MailKind.RESET_PASSWORD, email=email)


async def reset_password(authenticator: Authenticator, *, token: str, new_password: str) -> int:
    """Set another password by the token of a mail, and end all sessions of the user; returns how many.

    The token works once, and proves the address. A second factor stays. Raises BadUserInputError.
    """
    async with authenticator.database.system() as session:
        _, user = await usable_mail(authenticator, session, token, {MailKind.RESET_PASSWORD})
    check_policy(new_password, user["email"], NEW_PASSWORD)
    password_hash = await authenticator.passwords.hash(new_password)
    async with authenticator.database.system() as session:
        _, user = await usable_mail(authenticator, session, token, {MailKind.RESET_PASSWORD})
        await users.verify_email(session, user["id"])
        reach_changed(session, user["id"])
        return await _set(session, user, password_hash, keep_session=None, reason="PASSWORD_RESET")


async def change_password(
    authenticator: Authenticator, origin: Origin, principal: Principal, *, current_password: str, new_password: str
) -> int:
    """Set another password by the old one, and end the user's other sessions; returns how many.

    Raises as `prove_password` does, and BadUserInputError for a password that is too short or too long.
    """
    proven = await prove_password(authenticator, origin, principal, current_password, ("input", "currentPassword"))
    check_policy(new_password, proven["email"], NEW_PASSWORD)
    password_hash = await authenticator.passwords.hash(new_password)
    async with authenticator.database.system() as session:
        await hold_proof(session, proven)
        return await _set(session, proven, password_hash, keep_session=principal.session_id, reason="PASSWORD_CHANGED")


async def _set(
    session: AsyncSession, user: RowMapping, password_hash: str, *, keep_session: UUID | None, reason: str
) -> int:
    """Store a hash, and end all that rests on the password before.

    That is sessions, log-ins under way, mails to reset it, and a change of address that it has opened.
    """
    await end_change_of_email(session, user["id"])
    await users.set_password_hash(session, user["id"], password_hash)
    note_act(session, user["id"])
    await second_factors.end_challenges(session, user["id"])
    await identity_mails.use_mails(session, user["id"], MailKind.RESET_PASSWORD)
    await tell_user(session, user, MailKind.PASSWORD_CHANGED)
    return await end_other_sessions(session, user["id"], keep_session, reason)
