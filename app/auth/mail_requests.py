"""What acts by mail share: whether mail is sent, whether a token still works, and what takes it back."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.authenticator import Authenticator
from app.auth.identity_mails import MailKind
from app.errors import BadUserInputError, ConflictError
from app.models import now
from app.repositories.identity_mails import get_mail, lock_mail, use_mails
from app.repositories.users import lock_user


def mail_is_sent(authenticator: Authenticator) -> None:
    """Raise ConflictError where no mail is sent: whoever asks should not wait for it."""
    if not authenticator.settings.sends_mail:
        message = "This installation sends no mail; its operator has to set SKYLEDGER_SMTP_URL."
        raise ConflictError(message)


async def usable_mail(
    authenticator: Authenticator, session: AsyncSession, token: str, kinds: Collection[MailKind]
) -> tuple[RowMapping, RowMapping]:
    """The mail in which a token stands and the user it was for, both held until the transaction ends.

    Raises BadUserInputError, in the same words for a forged, a used, a late and a forgotten token, and for one that
    went to an address that the user has given up.
    """
    read = authenticator.mail_tokens.read(token)
    found = await get_mail(session, read[1]) if read is not None and read[0] in kinds else None
    # The user first, as every act that changes how they sign in: two of them do not wait for each other.
    user = await lock_user(session, found["user_id"]) if found is not None and found["user_id"] is not None else None
    mail = await lock_mail(session, found["id"]) if found is not None else None
    if (
        mail is None
        or user is None
        or mail["used_at"] is not None
        or mail["expires_at"] <= now()
        or (mail["kind"] != MailKind.CHANGE_EMAIL and mail["email"] != user["email"])
    ):
        message = "The token is not complete, used or too old; copy all of it, or ask for another mail."
        raise BadUserInputError(message, path=("input", "token"))
    return mail, user


async def end_change_of_email(session: AsyncSession, user_id: UUID) -> None:
    """Take back a change of address that waits: it may be of whoever an act is meant to lock out.

    Comes before an act touches the user's sessions, since what holds the user first waits for nobody in a circle.
    """
    await lock_user(session, user_id)
    await use_mails(session, user_id, MailKind.CHANGE_EMAIL)
