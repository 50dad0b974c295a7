"""Handing mail over: to a real SMTP server on loopback, to the terminal, or not at all."""

from __future__ import annotations

import io
import socket
import ssl
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.config import Settings, insecurities, load_settings
from app.errors import ConfigurationError
from app.notifications.letters import Code, Letter, Link
from app.notifications.mailer import (
    ConsoleMailer,
    MailNotSentError,
    MailRefusedError,
    Message,
    NoMailer,
    SmtpMailer,
    greet,
    make_mailer,
)
from app.smtp_server import SmtpServer, read_smtp_url
from tests.certificates import own_certificate
from tests.notifications.post import Mailbox, parts, smtp_server

SENDER = "Skyledger <skyledger@example.com>"
MESSAGE = Message("<1@example.com>", "ada@example.com", "Grüße", "Tagesgruß\n", "<p>Tagesgruß</p>\n")


async def test_a_message_arrives_in_two_shapes() -> None:
    async with smtp_server(Mailbox()) as box:
        await SmtpMailer(SmtpServer("127.0.0.1", box.port, implicit_tls=False), SENDER).send(MESSAGE)
    (mail,) = box.mails
    assert (mail["From"], mail["To"], mail["Subject"]) == (SENDER, MESSAGE.to, MESSAGE.subject)
    assert mail["Message-ID"] == MESSAGE.message_id
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"]
    assert parts(mail) == (MESSAGE.text, MESSAGE.html)


async def test_a_user_and_a_password_are_shown_to_who_asks() -> None:
    async with smtp_server(Mailbox(user="sky", password="p@ss:wörd")) as box:
        url = f"smtp://sky:p%40ss%3Aw%C3%B6rd@127.0.0.1:{box.port}"
        await SmtpMailer(read_smtp_url(url), SENDER).send(MESSAGE)
        with pytest.raises(MailNotSentError, match="SMTPAuthenticationError") as refusal:
            await SmtpMailer(read_smtp_url(url.replace("p%40", "q%40")), SENDER).send(MESSAGE)
    assert len(box.mails) == 1
    assert "wörd" not in str(refusal.value)


async def test_starttls_is_used_where_it_is_offered(tmp_path: Path) -> None:
    context = own_certificate(tmp_path, "localhost")
    assert SmtpServer("mail.example.com", 587, implicit_tls=False, user="sky", password="secret").needs_starttls
    assert not SmtpServer("localhost", 587, implicit_tls=False, user="sky", password="secret").needs_starttls
    assert not SmtpServer("mail.example.com", 587, implicit_tls=False).needs_starttls
    assert not SmtpServer("mail.example.com", 465, implicit_tls=True, user="sky", password="secret").needs_starttls
    async with smtp_server(Mailbox(), tls_context=context) as box:
        server = SmtpServer("localhost", box.port, implicit_tls=False)
        with pytest.raises(MailNotSentError):  # nobody vouches for the certificate
            await SmtpMailer(server, SENDER).send(MESSAGE)
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        await SmtpMailer(server, SENDER, trusting).send(MESSAGE)
    assert len(box.mails) == 1


async def test_without_the_starttls_that_is_needed_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.smtp_server.OWN_HOSTS", frozenset())
    async with smtp_server(Mailbox(user="sky", password="secret")) as box:
        shown: list[object] = []
        monkeypatch.setattr(box, "authenticate", lambda *each: shown.append(each))
        with pytest.raises(MailNotSentError):
            await SmtpMailer(read_smtp_url(f"smtp://sky:secret@127.0.0.1:{box.port}"), SENDER).send(MESSAGE)
    assert (box.mails, shown) == ([], [])


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("451 ada@example.com: try later", MailNotSentError),
        ("552 ada@example.com: mailbox full", MailRefusedError),
        ("554 no", MailRefusedError),
    ],
)
async def test_what_may_pass_is_told_from_what_will_not(answer: str, error: type[Exception]) -> None:
    async with smtp_server(Mailbox(answer=answer)) as box:
        with pytest.raises(error) as refusal:
            await SmtpMailer(SmtpServer("127.0.0.1", box.port, implicit_tls=False), SENDER).send(MESSAGE)
    assert "ada" not in str(refusal.value), "servers quote the address"
    assert answer[:3] in str(refusal.value)


async def test_a_refused_recipient(monkeypatch: pytest.MonkeyPatch) -> None:
    async def handle_rcpt(*_: object) -> str:
        return "550 ada@example.com: no such user"

    monkeypatch.setattr(Mailbox, "handle_RCPT", handle_rcpt, raising=False)
    async with smtp_server(Mailbox()) as box:
        with pytest.raises(MailRefusedError, match="550"):
            await SmtpMailer(SmtpServer("127.0.0.1", box.port, implicit_tls=False), SENDER).send(MESSAGE)


async def test_a_server_that_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(MailNotSentError):
        await SmtpMailer(SmtpServer("127.0.0.1", port, implicit_tls=False), SENDER).send(MESSAGE)


async def test_the_terminal_in_development_and_nothing_in_production() -> None:
    stream = io.StringIO()
    await ConsoleMailer(stream).send(MESSAGE)
    assert "ada@example.com" in stream.getvalue()
    assert MESSAGE.text in stream.getvalue()
    assert isinstance(make_mailer(Settings()), ConsoleMailer)
    assert Settings().sends_mail
    production = Settings(environment="production")
    assert not production.sends_mail
    mailer = make_mailer(production)
    assert isinstance(mailer, NoMailer)
    with pytest.raises(MailRefusedError, match="SKYLEDGER_SMTP_URL"):
        await mailer.send(MESSAGE)
    assert isinstance(make_mailer(Settings(smtp_url=SecretStr("smtp://mail"), mail_from="a@b.example")), SmtpMailer)


def test_letters_are_readable_in_both_shapes() -> None:
    link = Link("Follow <me>", 'https://sky.example/a?b="c"&d#token=' + "x" * 100)
    letter = Letter("A & B", ("Hello <b>Ada</b>, " + "word " * 40, link, Code("skv_x")))
    lines = letter.as_text().splitlines()
    assert all(len(line) <= 72 for line in lines if not line.startswith("https:"))
    assert link.url in lines
    assert "skv_x" in lines
    html = letter.as_html()
    assert "<b>" not in html
    assert "&lt;b&gt;Ada" in html
    assert 'href="https://sky.example/a?b=&quot;c&quot;&amp;d#token=' in html
    assert "<title>A &amp; B</title>" in html
    assert "src=" not in html, "nothing is loaded from elsewhere"


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.com", SmtpServer("mail.example.com", 587, implicit_tls=False)),
        (
            "smtps://u:p@mail.example.com/",
            SmtpServer("mail.example.com", 465, implicit_tls=True, user="u", password="p"),
        ),
        ("smtp://[::1]:25", SmtpServer("::1", 25, implicit_tls=False)),
    ],
)
def test_urls_of_servers(url: str, server: SmtpServer) -> None:
    assert read_smtp_url(url) == server
    assert "password" not in repr(server)


@pytest.mark.parametrize(
    "url", ["", "http://u:Canary@h", "smtp://", "smtp://Canary@h", "smtp://u:Canary@h:port", "smtp://u:Canary@h/x?y=1"]
)
def test_urls_that_are_none_are_refused_without_being_quoted(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYLEDGER_SMTP_URL", url)
    with pytest.raises(ConfigurationError, match="SKYLEDGER_SMTP_URL") as refusal:
        load_settings()
    assert "Canary" not in str(refusal.value)


def test_settings_of_mail_that_do_not_work_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYLEDGER_SMTP_URL", "smtp://mail.example.com")
    with pytest.raises(ConfigurationError, match="SKYLEDGER_MAIL_FROM"):
        load_settings()
    monkeypatch.setenv("SKYLEDGER_MAIL_FROM", SENDER)
    assert load_settings().mail_from == SENDER
    monkeypatch.setenv("SKYLEDGER_MAIL_FROM", "a@b\r\nBcc: c@d.example")
    with pytest.raises(ConfigurationError, match="SKYLEDGER_MAIL_FROM"):
        load_settings()
    monkeypatch.delenv("SKYLEDGER_SMTP_URL")
    monkeypatch.delenv("SKYLEDGER_MAIL_FROM")
    monkeypatch.setenv("SKYLEDGER_ENVIRONMENT", "production")
    monkeypatch.setenv("SKYLEDGER_REQUIRE_VERIFIED_EMAIL", "true")
    with pytest.raises(ConfigurationError, match="SKYLEDGER_REQUIRE_VERIFIED_EMAIL"):
        load_settings()


def test_links_with_tokens_lead_to_https_in_production() -> None:
    sentence = "SKYLEDGER_PUBLIC_URL is not https: links in mail carry tokens; use https."
    assert sentence in insecurities(Settings(public_url="http://sky.example"))
    assert sentence not in insecurities(Settings(public_url="https://sky.example"))


async def test_the_doctor_greets_a_server() -> None:
    async with smtp_server(Mailbox(user="sky", password="secret")) as box:
        url = f"smtp://sky:secret@127.0.0.1:{box.port}"
        assert await greet(read_smtp_url(url)) == f"127.0.0.1:{box.port} answers 220"
        with pytest.raises(MailNotSentError, match="SMTPAuthenticationError"):
            await greet(read_smtp_url(url.replace("secret", "other")))
