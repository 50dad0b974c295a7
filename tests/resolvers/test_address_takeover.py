"""Another's change of the e-mail address: whoever knew the password once must not wait with it for better days."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text

from app.auth.authenticator import MAILS_PER_ACCOUNT
from app.context import Runtime
from app.database import Database
from app.embedded import EngineUrls
from tests.clients import PASSWORD, GraphQL
from tests.notifications.post import Post, parts, post_office
from tests.resolvers.company import code_of
from tests.resolvers.own_identity import PAYLOADS, Somebody, somebody

PAYLOADS |= {"eraseMyAccount": "endedSessions"}
ANOTHER = "another horse battery"
EVE = "eve@example.com"
ASKED = "Another e-mail address was asked for"
LOG_OUT = (
    "mutation ($input: LogOutInput) { logOut(input: $input) { __typename ... on LogOutPayload { endedSessions } } }"
)
SESSIONS = "{ viewer { user { email } sessions { id isCurrent } } }"


@pytest.fixture
async def post(runtime: Runtime, engine_urls: EngineUrls) -> AsyncIterator[Post]:
    async with post_office(runtime.database, runtime.settings, engine_urls.redis_url) as office:
        yield office


@pytest.fixture
async def ada(graphql: GraphQL, post: Post) -> Somebody:
    """Somebody with an address that is known to be theirs."""
    made = await somebody(graphql)
    await made("verifyEmail", caller="", token=await post.token(made.person.email))
    return made


async def waiting_change(ada: Somebody, post: Post) -> str:
    """Eve, who knows the password, asks for her address from a session of her own; the token, which she keeps."""
    session = (await ada.log_in())["accessToken"]
    assert (await ada("changeEmail", caller=session, newEmail=EVE, password=PASSWORD))["email"] == EVE
    return await post.token(EVE)


async def address(database: Database) -> str | None:
    """The address of Ada's account as it is stored."""
    statement = text("SELECT email FROM users WHERE name = 'Ada'")
    async with database.system() as session:
        found: str | None = (await session.execute(statement)).scalar_one_or_none()
    return found


async def reset(ada: Somebody, post: Post) -> dict[str, Any]:
    await ada("requestPasswordReset", caller="", email=ada.person.email)
    return await ada("resetPassword", caller="", token=await post.token(ada.person.email), newPassword=ANOTHER)


async def log_out(ada: Somebody, *, everywhere: bool) -> dict[str, Any]:
    answer = await ada.graphql.data(LOG_OUT, {"input": {"everywhere": everywhere}}, token=ada.person.token)
    done: dict[str, Any] = answer["logOut"]
    return done


async def end_session(ada: Somebody, _: Post) -> dict[str, Any]:
    """End the session that is not one's own, as who sees a strange device in the list does."""
    listed = (await ada.graphql.data(SESSIONS, token=ada.person.token))["viewer"]["sessions"]
    (strange,) = [each["id"] for each in listed if not each["isCurrent"]]
    return await ada("revokeSession", id=strange)


ACTS: dict[str, Callable[[Somebody, Post], Awaitable[dict[str, Any]]]] = {
    "reset": reset,
    "change": lambda ada, _: ada("changePassword", currentPassword=PASSWORD, newPassword=ANOTHER),
    "log out everywhere": lambda ada, _: log_out(ada, everywhere=True),
    "end the others": lambda ada, _: ada("revokeOtherSessions"),
    "end old ones": lambda ada, _: ada("revokeOtherSessions", lastUsedBefore="2100-01-01T00:00:00Z"),
    "end one": end_session,
    "erase": lambda ada, _: ada("eraseMyAccount", password=PASSWORD, confirm=ada.person.email),
}


@pytest.mark.parametrize("act", ACTS)
async def test_a_change_that_waits_does_not_outlive_what_protects_the_account(
    ada: Somebody, post: Post, database: Database, act: str
) -> None:
    token = await waiting_change(ada, post)
    done = await ACTS[act](ada, post)
    assert done["__typename"].endswith("Payload"), done
    refused = await ada("verifyEmail", caller="", token=token)
    assert (refused["__typename"], refused.get("path")) == ("InvalidInput", ["input", "token"])
    assert await address(database) == ada.person.email


async def test_a_change_that_was_not_sent_yet_ends_too(ada: Somebody, post: Post, database: Database) -> None:
    session = (await ada.log_in())["accessToken"]
    await ada("changeEmail", caller=session, newEmail=EVE, password=PASSWORD)
    await ada("changePassword", currentPassword=PASSWORD, newPassword=ANOTHER)
    await post.deliver()
    assert post.box.to(EVE) == []
    assert await address(database) == ada.person.email


async def test_a_reset_that_was_not_sent_yet_ends_with_the_password(ada: Somebody, post: Post) -> None:
    """Its mail names an address alone until it is sent."""
    await post.deliver()
    before = len(post.box.to(ada.person.email))
    await ada("requestPasswordReset", caller="", email=ada.person.email)
    await ada("changePassword", currentPassword=PASSWORD, newPassword=ANOTHER)
    await post.deliver()
    subjects = [mail["Subject"] for mail in post.box.to(ada.person.email)[before:]]
    assert subjects == ["Your password was changed"]


async def test_logging_out_of_one_device_leaves_the_change_that_one_waits_for(ada: Somebody, post: Post) -> None:
    """Asked for at the desk, confirmed on the phone."""
    token = await waiting_change(ada, post)
    assert (await log_out(ada, everywhere=False))["endedSessions"] == 1
    assert (await ada("verifyEmail", caller="", token=token))["email"] == EVE


async def test_the_old_address_is_told_when_another_is_asked_for(ada: Somebody, post: Post) -> None:
    await waiting_change(ada, post)
    (mail,) = [each for each in post.box.to(ada.person.email) if each["Subject"] == ASKED]
    for part in parts(mail):
        assert "set another password" in part, "what to do"
        assert EVE not in part, "nobody has another say something by an address"
        assert "sk" + "e_" not in part, "the token is for the new address alone"


async def test_an_address_that_is_not_proven_is_told_nothing(graphql: GraphQL, post: Post) -> None:
    """It may be anybody's."""
    ada = await somebody(graphql)
    await waiting_change(ada, post)
    assert [each["Subject"] for each in post.box.to(ada.person.email)] == ["Verify your e-mail address"]


async def test_asking_for_many_addresses_is_throttled(ada: Somebody, post: Post) -> None:
    """Each has a limit of its own, and the old one would be told of all of them."""
    told = []
    for number in range(MAILS_PER_ACCOUNT + 2):
        answer = await ada.send("changeEmail", newEmail=f"eve-{number}@example.com", password=PASSWORD)
        told.append(code_of(answer) if "errors" in answer else answer["data"]["changeEmail"]["__typename"])
    assert told == ["ChangeEmailPayload"] * MAILS_PER_ACCOUNT + ["RATE_LIMITED"] * 2
    await post.deliver()
    assert sum(each["Subject"] == ASKED for each in post.box.to(ada.person.email)) == MAILS_PER_ACCOUNT


async def test_strangers_do_not_use_up_what_the_owner_may_ask_for(ada: Somebody) -> None:
    """Anybody may ask for a reset of any address."""
    for _ in range(MAILS_PER_ACCOUNT + 1):
        await ada.send("requestPasswordReset", caller="", email=ada.person.email)
    answer = await ada("changeEmail", newEmail="ada-new@example.com", password=PASSWORD)
    assert answer["__typename"] == "ChangeEmailPayload"
