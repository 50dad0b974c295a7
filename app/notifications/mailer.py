"""Mailers: what hands a message over, to an SMTP server or, in development, to the terminal."""

from __future__ import annotations

import ssl
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Protocol, TextIO

import aiosmtplib
import structlog

from app.config import Settings
from app.smtp_server import SmtpServer, read_smtp_url

SECONDS = 20.0
"""For each answer of the server."""
_PERMANENT = 500  # RFC 5321, section 4.2.1: 4yz may pass, 5yz will not


class MailNotSentError(Exception):
    """The server could not be reached or does not take mail now: another try may succeed."""


class MailRefusedError(Exception):
    """The server will not take this message, or not for this recipient."""


@dataclass(frozen=True)
class Message:
    """One mail. `message_id` is the same whenever it is sent again, so that mailboxes show it once."""

    message_id: str
    to: str
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)


class Mailer(Protocol):
    """Hands messages over."""

    async def send(self, message: Message) -> None:
        """Hand a message over. Raises MailNotSentError or MailRefusedError."""


class SmtpMailer:
    """Hands each message over on a connection of its own."""

    def __init__(self, server: SmtpServer, sender: str, tls_context: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._sender = sender
        self._tls_context = tls_context

    async def send(self, message: Message) -> None:
        """See Mailer."""
        server = self._server
        try:
            await aiosmtplib.send(
                as_email(message, self._sender),
                hostname=server.host,
                port=server.port,
                username=server.user,
                password=server.password,
                use_tls=server.implicit_tls,
                start_tls=True if server.needs_starttls else None,  # None: where it is offered
                tls_context=self._tls_context,
                timeout=SECONDS,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _failure(error, error.recipients[0].code) from None
        except aiosmtplib.SMTPResponseException as error:
            # A wrong password is the operator's to mend, the next try may find it mended.
            passes = isinstance(error, aiosmtplib.SMTPAuthenticationError)
            raise _failure(error, error.code, passes=passes) from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise MailNotSentError(type(error).__name__) from None


async def greet(server: SmtpServer) -> str:
    """What a server says when it is connected to, after it has been shown the password. Raises MailNotSentError."""
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        username=server.user,
        password=server.password,
        use_tls=server.implicit_tls,
        start_tls=True if server.needs_starttls else None,
        timeout=SECONDS,
    )
    try:
        answer = await client.connect()
        await client.quit()
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise MailNotSentError(type(error).__name__) from None
    return f"{server.host}:{server.port} answers {answer.code}"


class ConsoleMailer:
    """Writes messages to the terminal, tokens and all: for development."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    async def send(self, message: Message) -> None:
        """See Mailer."""
        stream = self._stream or sys.stderr
        line = "─" * 72
        stream.write(f"{line}\nMail to {message.to}: {message.subject}\n\n{message.text}{line}\n")
        stream.flush()


class NoMailer:
    """Sends nothing and says so: for production without a server."""

    async def send(self, message: Message) -> None:
        """See Mailer."""
        structlog.get_logger(__name__).warning("mail_not_sent", subject=message.subject, mend="set SKYLEDGER_SMTP_URL")
        reason = "SKYLEDGER_SMTP_URL is not set"
        raise MailRefusedError(reason)


def make_mailer(settings: Settings) -> Mailer:
    """The mailer of the settings."""
    if settings.smtp_url is not None and settings.mail_from is not None:
        return SmtpMailer(read_smtp_url(settings.smtp_url.get_secret_value()), settings.mail_from)
    return ConsoleMailer() if settings.environment == "development" else NoMailer()


def as_email(message: Message, sender: str) -> EmailMessage:
    """As it travels: plain text, and the same in HTML."""
    made = EmailMessage()
    made["From"] = sender
    made["To"] = message.to
    made["Subject"] = message.subject
    made["Date"] = format_datetime(datetime.now(UTC))
    made["Message-ID"] = message.message_id
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday note answers
    made.set_content(message.text)
    made.add_alternative(message.html, subtype="html")
    return made


def _failure(error: Exception, code: int, *, passes: bool = False) -> Exception:
    """An answer of the server as an error, without its text, which may quote the address."""
    reason = f"{type(error).__name__} ({code})"
    return MailRefusedError(reason) if code >= _PERMANENT and not passes else MailNotSentError(reason)
