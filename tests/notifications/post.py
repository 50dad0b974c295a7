"""The far side of SMTP on loopback, and a worker that hands over what waits."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from sqlalchemy import text

from app.auth.identity_mails import SEND_JOB
from app.config import Settings
from app.database import Database
from app.notifications.identity import send_identity_mail
from app.notifications.tools import MailTools, make_mail_tools
from app.notifications.webhooks import tell_of_webhook
from app.records.webhooks import TELL_JOB
from tests.workers.probes import make_runner

TOKEN = re.compile(r"sk[vep]_[\w-]{64}")


@dataclass
class Mailbox:
    """What a server took. `answer` is what it says to the next messages; `user` and `password` are asked for if set."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    answer: str = "250 OK"
    user: str = ""
    password: str = ""

    async def handle_DATA(self, _server: SMTP, session: Any, envelope: Envelope) -> str:  # noqa: N802  (aiosmtpd's)
        """Take a message, or not."""
        if self.user and not session.authenticated:
            return "530 Authentication required"
        if self.answer.startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)
            self.mails.append(message_from_bytes(content, policy=policy.default))
        return self.answer

    def authenticate(self, *arguments: Any) -> AuthResult:
        """As aiosmtpd asks."""
        shown = arguments[-1]
        assert isinstance(shown, LoginPassword)
        right = (shown.login, shown.password) == (self.user.encode(), self.password.encode())
        return AuthResult(success=right, handled=right)

    def to(self, address: str) -> list[EmailMessage]:
        """The messages to an address."""
        return [mail for mail in self.mails if mail["To"] == address]


class _Smtp(SMTP):
    """aiosmtpd's, which tells when its connection is gone."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.gone = asyncio.Event()

    def connection_lost(self, error: Exception | None) -> None:
        """See asyncio."""
        super().connection_lost(error)
        self.gone.set()


@asynccontextmanager
async def smtp_server(mailbox: Mailbox, **options: Any) -> AsyncIterator[Mailbox]:
    """A server on a free port of loopback that puts mail into the box."""
    made: set[_Smtp] = set()

    def protocol() -> SMTP:
        smtp = _Smtp(
            mailbox,
            hostname="localhost",
            authenticator=mailbox.authenticate if mailbox.user else None,
            auth_require_tls=False,
            **options,
        )
        made.add(smtp)
        return smtp

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", mailbox.port)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()
        for each in made:
            if each.transport is not None:
                each.transport.close()
            await each.gone.wait()
        await server.wait_closed()


def parts(mail: EmailMessage) -> tuple[str, str]:
    """(plain text, HTML) of a message."""
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    text_part, html_part = (each.get_content().replace("\r\n", "\n") for each in (plain, html))
    return text_part, html_part


def token_in(mail: EmailMessage) -> str:
    """The token in a message, which stands in both of its parts."""
    found = {match for part in parts(mail) for match in TOKEN.findall(part)}
    (token,) = found
    return str(token)


@dataclass
class Post:
    """A worker that does the mail jobs that are due, when it is told to, and the box that they arrive in."""

    box: Mailbox
    database: Database
    redis_url: str
    tools: MailTools

    async def deliver(self) -> None:
        """Do what is due, until nothing is."""
        handlers = {SEND_JOB: send_identity_mail, TELL_JOB: tell_of_webhook}
        kinds = {kind: partial(handler, tools=self.tools) for kind, handler in handlers.items()}
        runner = make_runner(self.database, self.redis_url, kinds)
        due = text("SELECT id FROM jobs WHERE kind = ANY(:kinds) AND state = 'QUEUED' AND wake_at <= now() ORDER BY id")
        while True:
            async with self.database.system() as session:
                jobs = (await session.execute(due, {"kinds": list(kinds)})).scalars().all()
            if not jobs:
                return
            for job_id in jobs:
                await runner.run(job_id)

    async def token(self, address: str) -> str:
        """Deliver, and give the token of the newest mail to an address."""
        await self.deliver()
        return token_in(self.box.to(address)[-1])


@asynccontextmanager
async def post_office(database: Database, settings: Settings, redis_url: str) -> AsyncIterator[Post]:
    """A server, and a worker that hands mail over to it."""
    async with smtp_server(Mailbox()) as box:
        values = {"smtp_url": f"smtp://127.0.0.1:{box.port}", "mail_from": "Skyledger <skyledger@example.com>"}
        tools = make_mail_tools(Settings.model_validate({**settings.model_dump(), **values}))
        yield Post(box, database, redis_url, tools)
