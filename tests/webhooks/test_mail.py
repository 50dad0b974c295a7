"""Owners are told by mail when Skyledger disables a webhook: they alone, once, and not when it is over."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from app.context import Runtime
from app.database import Database
from tests.clients import Person
from tests.notifications.post import Post, parts, post_office
from tests.resolvers.company import CREATE_KEY
from tests.webhooks.office import UPDATE, Office
from tests.webhooks.receiver import Answering
from tests.webhooks.test_safety import joined

FAILING = "because nothing had reached it for days"


@pytest.fixture
async def post(runtime: Runtime) -> AsyncIterator[Post]:
    async with post_office(runtime.database, runtime.settings, str(runtime.settings.redis_url)) as found:
        yield found


async def verified(owner: Database, *people: Person) -> None:
    """As if they had followed the links in their mails; what else waits to be sent is forgotten."""
    async with owner.engine.begin() as connection:
        for person in people:
            statement = text("UPDATE users SET email_verified_at = now() WHERE email = :email")
            await connection.execute(statement, {"email": person.email})
        await connection.execute(text("DELETE FROM jobs WHERE kind = 'send_identity_mail'"))


async def fail_for_days(office: Office, owner: Database) -> str:
    """A webhook that nothing reaches, until it is disabled; its id."""
    made = await office.create(name="Kitchen alarm")
    office.receiver.otherwise = Answering(500)
    await office.note("one")
    await office.deliver()
    await office.behind(owner, "UPDATE webhooks SET failing_since = now() - interval '6 days'")
    await office.note("two")
    await office.deliver()
    webhook_id: str = made["webhook"]["id"]
    assert (await office.log(webhook_id))["disabledReason"] == "FAILING"
    return webhook_id


async def test_owners_whose_address_is_proven_get_a_mail(office: Office, post: Post, owner: Database) -> None:
    olga = await joined(office, "Olga", "OWNER")
    admin = await joined(office, "Ben", "ADMIN")
    await joined(office, "Uma", "OWNER")  # who has not followed the link
    await verified(owner, office.person, olga, admin)
    await fail_for_days(office, owner)
    await post.deliver()
    assert sorted(str(mail["To"]) for mail in post.box.mails) == sorted([office.person.email, olga.email])
    (mail,) = post.box.to(olga.email)
    assert mail["Subject"] == "A webhook was disabled"
    for part in parts(mail):
        told = " ".join(part.split())
        assert "Hello Olga," in told
        assert "Kitchen alarm" in told
        assert FAILING in told
        assert "updateWebhook" in told
        assert str(office.receiver.port) not in told, "addresses may have secrets in them"


async def test_run_again_it_is_the_same_mail(office: Office, post: Post, owner: Database) -> None:
    await verified(owner, office.person)
    await fail_for_days(office, owner)
    await post.deliver()
    # As if the worker had been killed between handing the mail over and noting that.
    await office.behind(owner, "UPDATE jobs SET state = 'QUEUED', wake_at = now() WHERE kind = 'tell_of_webhook'")
    await post.deliver()
    first, second = post.box.mails
    assert first["Message-ID"] == second["Message-ID"]


async def test_a_server_that_is_away_is_asked_again_unless_it_is_over(
    office: Office, post: Post, owner: Database
) -> None:
    await verified(owner, office.person)
    webhook_id = await fail_for_days(office, owner)
    post.box.answer = "451 later"
    await post.deliver()
    waiting = "SELECT extract(epoch FROM wake_at - now())::float AS seconds FROM jobs WHERE kind = 'tell_of_webhook' "
    (job,) = await office.behind(owner, waiting + "AND state = 'QUEUED'")
    assert 20 < job["seconds"] <= 60
    post.box.answer = "250 OK"
    await office.act(UPDATE, id=webhook_id, enabled=True)
    await office.behind(owner, "UPDATE jobs SET wake_at = now() WHERE kind = 'tell_of_webhook' AND state = 'QUEUED'")
    await post.deliver()
    assert post.box.mails == []
    assert await office.behind(owner, waiting + "AND state <> 'SUCCEEDED'") == []


async def test_after_a_day_it_is_too_late(office: Office, post: Post, owner: Database) -> None:
    await verified(owner, office.person)
    await fail_for_days(office, owner)
    await office.behind(owner, "UPDATE activity_events SET occurred_at = now() - interval '23 hours'")
    post.box.answer = "451 later"
    await post.deliver()
    assert await office.behind(owner, "SELECT id FROM jobs WHERE kind = 'tell_of_webhook' AND state = 'QUEUED'") == []


async def test_who_is_no_owner_any_more_is_not_told(office: Office, post: Post, owner: Database) -> None:
    olga = await joined(office, "Olga", "OWNER")
    await verified(owner, olga)
    await fail_for_days(office, owner)
    await office.behind(owner, "UPDATE memberships SET role = 'ADMIN' WHERE role = 'OWNER'")
    await post.deliver()
    assert post.box.mails == []


@pytest.mark.parametrize("ended", ["gone", "key", "asked"])
async def test_what_else_disables(office: Office, post: Post, owner: Database, ended: str) -> None:
    """Gone, or without rights: nobody of the organization has asked for that. Who asked for it is not told of it."""
    await verified(owner, office.person)
    made = await office.create()
    if ended == "gone":
        office.receiver.otherwise = Answering(410)
    elif ended == "key":
        scopes = ["ORGANIZATION_READ"]
        created = await office.act(CREATE_KEY, organizationId=office.person.organization_id, name="k", scopes=scopes)
        assert created["key"]
        await office.behind(owner, "UPDATE webhooks SET actor_kind = 'API_KEY', actor_id = (SELECT id FROM api_keys)")
    else:
        await office.act(UPDATE, id=made["webhook"]["id"], enabled=False)
    await office.note("one")
    await office.deliver()
    assert (await office.log(made["webhook"]["id"]))["state"] == "DISABLED"
    await post.deliver()
    words = {"gone": "410 Gone", "key": "lacks the permission", "asked": None}[ended]
    assert len(post.box.mails) == (0 if words is None else 1)
    if words is not None:
        assert words in " ".join(parts(post.box.mails[0])[0].split())
