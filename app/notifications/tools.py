"""What jobs that send mail have in common: the mailer, the shape of a message, and when to try again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.auth.identity_mails import MailTokens
from app.config import Settings, signing_key
from app.notifications.letters import Letter
from app.notifications.mailer import Mailer, Message, make_mailer

FIRST_PAUSE: Final = timedelta(seconds=30)
"""Before another try; each pause is half as long as the mail has waited."""


@dataclass(frozen=True)
class MailTools:
    """What the jobs need beside their rows."""

    mailer: Mailer
    tokens: MailTokens
    public_url: str | None
    domain: str

    def message(self, name: str, to: str, letter: Letter) -> Message:
        """A letter as a mail, whose `name` is the same whenever it is sent again."""
        return Message(
            message_id=f"<{name}@{self.domain}>",
            to=to,
            subject=letter.subject,
            text=letter.as_text(),
            html=letter.as_html(),
        )


def make_mail_tools(settings: Settings) -> MailTools:
    """The tools of the settings."""
    domain = (settings.mail_from or "").rpartition("@")[2].rstrip(">") or "localhost"
    return MailTools(make_mailer(settings), MailTokens(signing_key(settings)), settings.public_url, domain)


def next_try(asked_at: datetime, ends_at: datetime, moment: datetime) -> datetime | None:
    """When to try again what was asked for at a moment; None where it is too late by then."""
    later = moment + max(FIRST_PAUSE, (moment - asked_at) / 2)
    return later if later < ends_at else None
