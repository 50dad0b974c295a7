"""The job that sends mail about sign-ins: once, again after a failure, with the same token, and to nobody else."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from structlog.testing import capture_logs

from app.auth.authenticator import Authenticator
from app.auth.email_addresses import resend_verification, verify_email
from app.auth.identity_mails import SEND_JOB, MailKind
from app.auth.password_changes import request_password_reset
from app.config import Settings
from app.database import Database
from app.embedded import EngineUrls
from app.notifications.identity_letters import letter_of
from app.repositories.identity_mails import delete_expired_mails
from app.workers.process import work
from tests.auth.people import ORIGIN, eventually, sign_up
from tests.notifications.post import Post, parts, token_in


async def rows(owner: Database, statement: str, **values: Any) -> list[dict[str, Any]]:
    """What a statement finds, or changes, behind the doors."""
    async with owner.engine.begin() as connection:
        return [dict(row) for row in (await connection.execute(text(statement), values)).mappings()]


async def wait_for_it(owner: Database) -> None:
    """As if the pause before another try were over."""
    await rows(owner, "UPDATE jobs SET wake_at = now() WHERE state = 'QUEUED' RETURNING id")


async def test_registering_sends_one_mail_whose_token_verifies(
    authenticator: Authenticator, post: Post, owner: Database
) -> None:
    await sign_up(authenticator, "ada")
    (job,) = await rows(owner, "SELECT kind, arguments, organization_id FROM jobs")
    (mail,) = await rows(owner, "SELECT id, kind, sent_at FROM identity_mails")
    assert job == {"kind": SEND_JOB, "arguments": {"mailId": str(mail["id"])}, "organization_id": None}
    await post.deliver()
    (message,) = post.box.mails
    assert message["To"] == "ada@example.com"
    assert str(mail["id"]) in message["Message-ID"]
    user = await verify_email(authenticator, token=token_in(message))
    assert user["email_verified_at"] is not None
    (job,) = await rows(owner, "SELECT state FROM jobs")
    assert job == {"state": "SUCCEEDED"}


async def test_a_job_that_is_run_again_sends_the_same_mail_or_none(
    authenticator: Authenticator, post: Post, owner: Database
) -> None:
    await sign_up(authenticator, "ada")
    await post.deliver()
    await rows(owner, "UPDATE jobs SET state = 'QUEUED' RETURNING id")
    await post.deliver()
    assert len(post.box.mails) == 1, "it was sent"
    # As if the worker had been killed between handing the mail over and noting that.
    await rows(owner, "UPDATE identity_mails SET sent_at = NULL RETURNING id")
    await rows(owner, "UPDATE jobs SET state = 'QUEUED' RETURNING id")
    await post.deliver()
    first, second = post.box.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert token_in(first) == token_in(second)
    await verify_email(authenticator, token=token_in(first))


async def test_a_server_that_does_not_take_it_now_is_asked_again(
    authenticator: Authenticator, post: Post, owner: Database
) -> None:
    post.box.answer = "451 ada@example.com try again later"
    await sign_up(authenticator, "ada")
    with capture_logs() as logs:
        await post.deliver()
    assert post.box.mails == []
    later = "SELECT extract(epoch FROM wake_at - now())::float AS seconds FROM jobs WHERE state = 'QUEUED'"
    assert 20 < (await rows(owner, later))[0]["seconds"] <= 30
    assert [each["reason"] for each in logs if each["event"] == "identity_mail_not_sent"] == ["SMTPDataError (451)"]
    await rows(owner, "UPDATE identity_mails SET created_at = now() - interval '2 hours' RETURNING id")
    await wait_for_it(owner)
    await post.deliver()
    assert 3500 < (await rows(owner, later))[0]["seconds"] < 3610, "half of what it has waited"
    post.box.answer = "250 OK"
    await wait_for_it(owner)
    await post.deliver()
    assert len(post.box.mails) == 1


async def test_a_mail_is_not_sent_for_ever(authenticator: Authenticator, post: Post, owner: Database) -> None:
    post.box.answer = "451 later"
    await sign_up(authenticator, "ada")
    await rows(owner, "UPDATE identity_mails SET expires_at = now() + interval '20 seconds' RETURNING id")
    await post.deliver()
    assert await rows(owner, "SELECT id FROM jobs WHERE state <> 'SUCCEEDED'") == [], "no try after its token ends"
    await rows(owner, "UPDATE identity_mails SET expires_at = now() - interval '1 second' RETURNING id")
    await rows(owner, "UPDATE jobs SET state = 'QUEUED' RETURNING id")
    post.box.answer = "250 OK"
    await post.deliver()
    assert post.box.mails == []


async def test_a_refused_mail_is_not_tried_again_and_its_address_not_logged(
    authenticator: Authenticator, post: Post, owner: Database
) -> None:
    post.box.answer = "554 ada@example.com is nobody"
    await sign_up(authenticator, "ada")
    with capture_logs() as logs:
        await post.deliver()
    assert await rows(owner, "SELECT id FROM jobs WHERE state <> 'SUCCEEDED'") == []
    assert "identity_mail_refused" in repr(logs)
    assert "ada@" not in repr(logs)


async def test_nobody_gets_mail_for_an_address_without_an_account(
    authenticator: Authenticator, post: Post, owner: Database
) -> None:
    await request_password_reset(authenticator, ORIGIN, email="nobody@example.com")
    await resend_verification(authenticator, ORIGIN, email="nobody@example.com")
    assert len(await rows(owner, "SELECT id FROM identity_mails")) == 2
    await post.deliver()
    assert post.box.mails == []
    assert await rows(owner, "SELECT id FROM identity_mails") == [], "the address is forgotten"


async def test_a_verified_address_is_not_verified_again(authenticator: Authenticator, post: Post) -> None:
    await sign_up(authenticator, "ada")
    await verify_email(authenticator, token=await post.token("ada@example.com"))
    await resend_verification(authenticator, ORIGIN, email="Ada@Example.com")
    await post.deliver()
    assert len(post.box.mails) == 1
    await request_password_reset(authenticator, ORIGIN, email="ada@example.com")
    await post.deliver()
    assert post.box.mails[-1]["Subject"] == "Set another password"


async def test_mails_are_forgotten_when_their_tokens_are_over(authenticator: Authenticator, owner: Database) -> None:
    await sign_up(authenticator, "ada")
    (mail,) = await rows(owner, "SELECT expires_at FROM identity_mails")
    for before, gone in ((mail["expires_at"], 0), (mail["expires_at"] + timedelta(seconds=1), 1)):
        async with authenticator.database.system() as session:
            assert await delete_expired_mails(session, before, 10) == gone


async def test_who_registers_cannot_put_words_into_the_mail_of_a_stranger(
    authenticator: Authenticator, post: Post
) -> None:
    await sign_up(authenticator, "buy-now-at-evil.example")
    await post.deliver()
    (mail,) = post.box.mails
    assert all("Buy-Now" not in part for part in parts(mail))


async def test_a_real_worker_sends_by_its_settings(
    authenticator: Authenticator, post: Post, settings: Settings, engine_urls: EngineUrls
) -> None:
    url = SecretStr(f"smtp://127.0.0.1:{post.box.port}")
    changes = {"smtp_url": url, "mail_from": "sky@example.com", "public_url": "https://sky.example"}
    assert settings.database_url is not None
    urls, stop = EngineUrls(settings.database_url, engine_urls.redis_url), asyncio.Event()
    working = asyncio.create_task(work(settings.model_copy(update=changes), urls, stop))
    try:
        await sign_up(authenticator, "ada")
        await eventually(lambda: len(post.box.mails) == 1)
        assert (await verify_email(authenticator, token=token_in(post.box.mails[0])))["email_verified_at"]
    finally:
        stop.set()
        await working


@pytest.mark.parametrize("kind", MailKind)
def test_every_kind_has_its_letter(kind: MailKind) -> None:
    token = "skv_x" if kind in {MailKind.VERIFY_EMAIL, MailKind.CHANGE_EMAIL, MailKind.RESET_PASSWORD} else None
    by_hand = letter_of(kind, "Ada", token, None).as_text()
    linked = letter_of(kind, "Ada", token, "https://sky.example/app").as_text()
    assert "Hello Ada," in linked
    if token is None:
        assert by_hand == linked
        assert "If that was not you" in linked
    else:
        assert f"#token={token}" in linked, "behind #: no server sees it"
        assert "https://sky.example/app/" in linked
        assert f"\n{token}\n" in by_hand
        assert "input: {token" in by_hand


async def test_a_link_where_there_is_a_frontend(authenticator: Authenticator, post: Post) -> None:
    post.tools = replace(post.tools, public_url="https://sky.example")
    await sign_up(authenticator, "ada")
    await post.deliver()
    (mail,) = post.box.mails
    assert f"https://sky.example/verify-email#token={token_in(mail)}" in parts(mail)[0]
