"""Mails about somebody's sign-in: asking for one, and the tokens in their links."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import now
from app.queue import enqueue
from app.repositories.identity_mails import add_mail

SEND_JOB = "send_identity_mail"


class MailKind(StrEnum):
    """What a mail is about. The first three carry a token, the others tell somebody what was done."""

    VERIFY_EMAIL = "VERIFY_EMAIL"
    CHANGE_EMAIL = "CHANGE_EMAIL"
    RESET_PASSWORD = "RESET_PASSWORD"  # noqa: S105  (a name)
    PASSWORD_CHANGED = "PASSWORD_CHANGED"  # noqa: S105  (a name)
    EMAIL_CHANGE_REQUESTED = "EMAIL_CHANGE_REQUESTED"
    EMAIL_CHANGED = "EMAIL_CHANGED"
    TOTP_ENABLED = "TOTP_ENABLED"
    TOTP_DISABLED = "TOTP_DISABLED"
    RECOVERY_CODE_USED = "RECOVERY_CODE_USED"
    PASSKEY_ADDED = "PASSKEY_ADDED"
    PASSKEY_REMOVED = "PASSKEY_REMOVED"
    ERASURE_REQUESTED = "ERASURE_REQUESTED"
    ACCOUNT_KEPT = "ACCOUNT_KEPT"
    ACCOUNT_ERASED = "ACCOUNT_ERASED"


# How long a token is good, and for how long it is tried to hand the mail over.
LIVES = {
    MailKind.VERIFY_EMAIL: timedelta(hours=24),
    MailKind.CHANGE_EMAIL: timedelta(hours=24),
    MailKind.RESET_PASSWORD: timedelta(hours=1),
}
_LIFE_OF_NOTICES = timedelta(hours=24)
# The prefixes let a secret scanner tell what it has found.
_PREFIXES = {MailKind.VERIFY_EMAIL: "skv_", MailKind.CHANGE_EMAIL: "ske_", MailKind.RESET_PASSWORD: "skp_"}
_KINDS = {prefix: kind for kind, prefix in _PREFIXES.items()}
_BODY = re.compile(r"[A-Za-z0-9_-]{64}")
_ID_BYTES = 16


class MailTokens:
    """Makes and reads the tokens of mails: the id of a row of `identity_mails` and a MAC of it under the secret key.

    Nothing of a token is stored, and a job that is run twice sends the same one. Another secret key voids all.
    """

    def __init__(self, key: str) -> None:
        self._key = hmac.digest(key.encode(), b"skyledger tokens of mails", hashlib.sha256)

    def make(self, kind: MailKind, mail_id: UUID) -> str:
        """The token of a mail, of a kind that has one."""
        body = mail_id.bytes + self._mac(kind, mail_id.bytes)
        return _PREFIXES[kind] + base64.urlsafe_b64encode(body).decode()

    def read(self, token: str) -> tuple[MailKind, UUID] | None:
        """The kind and the id of the mail in which a token stands; None for one that was not made here."""
        kind, body = _KINDS.get(token[:4]), token[4:]
        if kind is None or not _BODY.fullmatch(body):
            return None
        raw = base64.urlsafe_b64decode(body)
        mail_id, mac = raw[:_ID_BYTES], raw[_ID_BYTES:]
        return (kind, UUID(bytes=mail_id)) if hmac.compare_digest(mac, self._mac(kind, mail_id)) else None

    def _mac(self, kind: MailKind, mail_id: bytes) -> bytes:
        return hmac.digest(self._key, kind.encode() + b"\0" + mail_id, hashlib.sha256)


async def ask_for_mail(session: AsyncSession, kind: MailKind, *, email: str, user_id: UUID | None = None) -> None:
    """Have a mail sent after the transaction. Without `user_id` the job finds out whose the address is, if anyone's."""
    expires_at = now() + LIVES.get(kind, _LIFE_OF_NOTICES)
    mail_id = await add_mail(session, kind=kind.value, email=email, user_id=user_id, expires_at=expires_at)
    await enqueue(session, SEND_JOB, None, {"mailId": str(mail_id)})


async def tell_user(session: AsyncSession, user: RowMapping, kind: MailKind) -> None:
    """Tell a user by mail what was done to their account, where the address is known to be theirs."""
    if user["email_verified_at"] is not None:
        await ask_for_mail(session, kind, email=user["email"], user_id=user["id"])
