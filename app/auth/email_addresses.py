"""E-mail addresses: proving that one is somebody's, and changing it."""

from __future__ import annotations

from sqlalchemy import RowMapping

from app.auth.authenticator import Authenticator
from app.auth.identity_mails import MailKind, ask_for_mail, tell_user
from app.auth.mail_requests import mail_is_sent, usable_mail
from app.auth.names import normal_email
from app.auth.noted_acts import note_act
from app.auth.notices import reach_changed
from app.auth.proof import hold_proof, prove_password
from app.auth.sessions import Origin
from app.errors import BadUserInputError, ConflictError, ForbiddenError
from app.records import Principal
from app.repositories import identity_mails, users


async def verify_email(authenticator: Authenticator, *, token: str) -> RowMapping:
    """Note that an address is somebody's, by the token of a mail to it; returns the user.

    The mail was sent for the address that the user registered with, or for one to change to. Raises
    BadUserInputError, ConflictError where another account has got the address meanwhile.
    """
    kinds = {MailKind.VERIFY_EMAIL, MailKind.CHANGE_EMAIL}
    async with authenticator.database.system() as session:
        mail, before = await usable_mail(authenticator, session, token, kinds)
        changes = mail["kind"] == MailKind.CHANGE_EMAIL
        if not changes:
            await users.verify_email(session, before["id"])
        elif not await users.set_verified_email(session, before["id"], mail["email"]):
            message = "Another account has this e-mail address; change to another address, or log in there."
            raise ConflictError(message)
        else:
            await tell_user(session, before, MailKind.EMAIL_CHANGED)
        await identity_mails.use_mails(session, before["id"], mail["kind"])
        reach_changed(session, before["id"])
        note_act(session, before["id"], changedAddress=changes)
        after = await users.get_user(session, before["id"])
    return after if after is not None else before


async def resend_verification(authenticator: Authenticator, origin: Origin, *, email: str) -> None:
    """Have a mail with a token sent to an address, if it is that of an account and not verified.

    Whether it is, is found out by the job: what is done here is the same for every address. Raises as
    `request_password_reset` does.
    """
    mail_is_sent(authenticator)
    email = normal_email(email)
    await authenticator.mails.begin(email, origin.client_address)
    async with authenticator.database.system() as session:
        await ask_for_mail(session, MailKind.VERIFY_EMAIL, email=email)


async def change_email(
    authenticator: Authenticator, origin: Origin, principal: Principal, *, password: str, new_email: str
) -> None:
    """Have a mail sent to another address, whose token makes it the user's; until then nothing changes.

    The present address is told: whoever knows the password need not be its owner. Whether the other one has an account
    already shows when the token is used, to who reads its mail. Raises as `prove_password` does, BadUserInputError for
    what is no address or the present one, RateLimitedError after too many for an address, from one or by an account.
    """
    mail_is_sent(authenticator)
    email = normal_email(new_email, ("input", "newEmail"))
    proven = await prove_password(authenticator, origin, principal, password, ("input", "password"))
    if email == proven["email"]:
        message = "This is your e-mail address already."
        raise BadUserInputError(message, path=("input", "newEmail"))
    await authenticator.mails.begin(email, origin.client_address)
    # Not by the present address, whose mails anybody may use up.
    await authenticator.mails.count_account(str(proven["id"]))
    async with authenticator.database.system() as session:
        await hold_proof(session, proven)
        await tell_user(session, proven, MailKind.EMAIL_CHANGE_REQUESTED)
        await identity_mails.use_mails(session, proven["id"], MailKind.CHANGE_EMAIL)
        await ask_for_mail(session, MailKind.CHANGE_EMAIL, email=email, user_id=proven["id"])
        note_act(session, proven["id"])


def require_verified_email(principal: Principal) -> None:
    """Raise ForbiddenError for a user who reaches nothing before they have verified their address."""
    if principal.must_verify_email:
        raise ForbiddenError(MUST_VERIFY)


MUST_VERIFY = (
    "Verify your e-mail address first: send the token of the mail that you got with verifyEmail, or ask for another "
    "mail with resendVerification."
)
