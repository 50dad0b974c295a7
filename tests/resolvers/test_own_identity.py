"""Addresses, passwords and sessions of the person who asks, through the graph."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import Connection, event, text
from structlog.testing import capture_logs

from app.auth.authenticator import MAILS_PER_ACCOUNT, MAILS_PER_ADDRESS
from app.auth.tokens import token_hash
from app.config import Settings
from app.context import Runtime
from app.database import Database
from app.embedded import EngineUrls
from app.main import create_app, make_runtime, running
from tests.auth.people import everything_stored
from tests.clients import PASSWORD, GraphQL, cheap_passwords
from tests.notifications.post import Post, post_office, token_in
from tests.notifications.test_identity_mails import rows
from tests.resolvers.company import INVITE, code_of, company, create_key
from tests.resolvers.own_identity import Somebody, document, somebody

FAR_SIDE = "mail.log"  # aiosmtpd's own logger
ANOTHER = "another horse battery"
VIEWER = "{ viewer { user { email emailVerifiedAt } } }"


@pytest.fixture
async def ada(graphql: GraphQL) -> Somebody:
    return await somebody(graphql)


@pytest.fixture
async def post(runtime: Runtime, engine_urls: EngineUrls) -> AsyncIterator[Post]:
    async with post_office(runtime.database, runtime.settings, engine_urls.redis_url) as office:
        yield office


async def verified_at(ada: Somebody) -> str | None:
    found: str | None = (await ada.graphql.data(VIEWER, token=ada.person.token))["viewer"]["user"]["emailVerifiedAt"]
    return found


# Addresses.


async def test_verifying(ada: Somebody, post: Post) -> None:
    assert await verified_at(ada) is None
    token = await post.token(ada.person.email)
    assert await ada("verifyEmail", caller="", token=token) == {
        "__typename": "VerifyEmailPayload",
        "email": ada.person.email,
    }
    assert await verified_at(ada) is not None
    for wrong in (token, token[:-1], "", "skp_" + token[4:]):
        refused = await ada("verifyEmail", caller="", token=wrong)
        assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "token"])


async def test_two_mails_verify_once(ada: Somebody, post: Post) -> None:
    await post.deliver()
    await ada("resendVerification", caller="", email=ada.person.email.upper())
    second = await post.token(ada.person.email)
    assert len(post.box.mails) == 2
    assert (await ada("verifyEmail", caller="", token=second))["__typename"] == "VerifyEmailPayload"


async def test_a_token_that_is_over_verifies_nothing(ada: Somebody, post: Post, owner: Database) -> None:
    token = await post.token(ada.person.email)
    await rows(owner, "UPDATE identity_mails SET expires_at = now() - interval '1 second' RETURNING id")
    assert (await ada("verifyEmail", caller="", token=token))["__typename"] == "InvalidInput"
    assert await verified_at(ada) is None


async def test_changing_the_address(ada: Somebody, post: Post) -> None:
    old, new = ada.person.email, "Ada.New@Example.com"
    await ada("verifyEmail", caller="", token=await post.token(old))
    refused = await ada("changeEmail", newEmail=new, password="wrong " + PASSWORD)
    assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "password"])
    refused = await ada("changeEmail", newEmail=old, password=PASSWORD)
    assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "newEmail"])
    reset = await ada("requestPasswordReset", caller="", email=old)
    assert reset["__typename"] == "RequestPasswordResetPayload"
    old_reset = await post.token(old)
    assert (await ada("changeEmail", newEmail=new, password=PASSWORD))["email"] == new.lower()
    token = await post.token(new.lower())
    viewer = (await ada.graphql.data(VIEWER, token=ada.person.token))["viewer"]
    assert viewer["user"]["email"] == old, "nothing changes before the token is used"
    assert (await ada("verifyEmail", caller="", token=token))["email"] == new.lower()
    viewer = (await ada.graphql.data(VIEWER, token=ada.person.token))["viewer"]
    assert viewer["user"]["email"] == new.lower()
    await post.deliver()
    assert post.box.to(old)[-1]["Subject"] == "Your e-mail address was changed"
    dead = await ada("resetPassword", caller="", token=old_reset, newPassword=ANOTHER)
    assert dead["__typename"] == "InvalidInput", "a mail to the address that was given up"


async def test_an_address_that_was_taken_meanwhile(ada: Somebody, post: Post, graphql: GraphQL) -> None:
    eve = await somebody(graphql, "Eve")
    answer = await ada("changeEmail", newEmail=eve.person.email, password=PASSWORD)
    assert answer["__typename"] == "ChangeEmailPayload", "the same as for a free address"
    await post.deliver()
    mail = [each for each in post.box.to(eve.person.email) if "new" in each["Subject"]][-1]
    refused = await ada("verifyEmail", caller="", token=token_in(mail))
    assert refused["__typename"] == "Conflict"
    viewer = (await ada.graphql.data(VIEWER, token=ada.person.token))["viewer"]
    assert viewer["user"]["email"] == ada.person.email


# Passwords.


async def test_resetting_a_password(ada: Somebody, post: Post) -> None:
    other = await ada.log_in()
    assert (await ada("requestPasswordReset", caller="", email=ada.person.email))["email"] == ada.person.email
    await post.deliver()
    await ada("requestPasswordReset", caller="", email=ada.person.email)
    first, second = [post.box.to(ada.person.email)[-1], await post.token(ada.person.email)]
    short = await ada("resetPassword", caller="", token=second, newPassword="short")
    assert (short["__typename"], short["path"]) == ("InvalidInput", ["input", "newPassword"])
    done = await ada("resetPassword", caller="", token=second, newPassword=ANOTHER)
    assert done == {"__typename": "ResetPasswordPayload", "endedSessions": 2}
    for token in (ada.person.token, other["accessToken"]):
        assert code_of(await ada.graphql(VIEWER, token=token)) == "UNAUTHENTICATED"
    for used in (second, token_in(first)):
        refused = await ada("resetPassword", caller="", token=used, newPassword="a third horse battery")
        assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "token"])
    assert code_of(await ada.send("logIn", caller="", email=ada.person.email, password=PASSWORD)) == "UNAUTHENTICATED"
    token = (await ada.log_in(ANOTHER))["accessToken"]
    viewer = (await ada.graphql.data(VIEWER, token=token))["viewer"]
    assert viewer["user"]["emailVerifiedAt"], "who reads the mail has the address"
    ended = await ada.graphql(
        "mutation ($t: String!) { refreshSession(input: {refreshToken: $t}) { __typename } }",
        {"t": ada.person.refresh_token},
    )
    assert code_of(ended) == "UNAUTHENTICATED"


async def test_a_token_is_used_once_also_at_the_same_moment(ada: Somebody, post: Post) -> None:
    await ada("requestPasswordReset", caller="", email=ada.person.email)
    token = await post.token(ada.person.email)
    wanted = [f"{ANOTHER} {number}" for number in range(4)]
    answers = await asyncio.gather(
        *(ada("resetPassword", caller="", token=token, newPassword=password) for password in wanted)
    )
    won = [each for each, answer in zip(wanted, answers, strict=True) if answer["__typename"] == "ResetPasswordPayload"]
    assert len(won) == 1
    assert (await ada.log_in(won[0]))["__typename"] == "LogInPayload"


async def test_a_reset_keeps_the_second_factor_and_ends_log_ins_under_way(ada: Somebody, post: Post) -> None:
    codes = await ada.enroll()
    waiting = await ada.challenge()
    await ada("requestPasswordReset", caller="", email=ada.person.email)
    token = await post.token(ada.person.email)
    await ada("resetPassword", caller="", token=token, newPassword=ANOTHER)
    assert code_of(await ada.complete(waiting, recoveryCode=codes[0])) == "UNAUTHENTICATED"
    assert (await ada.log_in(ANOTHER))["__typename"] == "SecondFactorRequired"


@pytest.mark.parametrize("mutation", ["requestPasswordReset", "resendVerification"])
async def test_known_and_unknown_addresses_are_the_same(
    ada: Somebody, owner: Database, runtime: Runtime, mutation: str
) -> None:
    """The same answer, and the same statements to PostgreSQL: there is nothing that could take another time."""
    seen: list[tuple[Any, list[str]]] = []
    for email in (ada.person.email, "nobody@example.com"):
        statements: list[str] = []
        with _recorded(runtime, statements):
            answer = await ada(mutation, caller="", email=email)
        seen.append(({**answer, "email": None}, statements))
    assert seen[0] == seen[1]
    assert seen[0][1], "the search sees statements"
    assert len(await rows(owner, "SELECT id FROM identity_mails")) == 3, "one of them is of registering"


async def test_asking_for_mail_is_throttled(ada: Somebody, post: Post) -> None:
    both = ("requestPasswordReset", "resendVerification") * MAILS_PER_ACCOUNT
    for email, sent in ((ada.person.email, MAILS_PER_ACCOUNT - 1), ("nobody@example.com", MAILS_PER_ACCOUNT)):
        answers = [await ada.send(mutation, caller="", email=email) for mutation in both]
        told = [code_of(each) if "errors" in each else "sent" for each in answers]
        assert told == ["sent"] * sent + ["RATE_LIMITED"] * (len(both) - sent)
    await post.deliver()
    assert len(post.box.mails) == MAILS_PER_ACCOUNT, "one of them for registering"


async def test_who_registers_many_sends_no_mail_to_as_many(graphql: GraphQL, owner: Database, valkey: Redis) -> None:
    for _ in range(MAILS_PER_ADDRESS + 3):
        await valkey.delete("none", *await valkey.keys("skyledger:rate:*"))  # as if a minute had passed
        assert (await somebody(graphql)).person.token
    assert len(await rows(owner, "SELECT id FROM identity_mails")) == MAILS_PER_ADDRESS


async def test_changing_a_password(ada: Somebody, post: Post) -> None:
    await ada("verifyEmail", caller="", token=await post.token(ada.person.email))
    other = (await ada.log_in())["accessToken"]
    wrong = await ada("changePassword", currentPassword="wrong " + PASSWORD, newPassword=ANOTHER)
    assert (wrong["__typename"], wrong["path"]) == ("InvalidInput", ["input", "currentPassword"])
    short = await ada("changePassword", currentPassword=PASSWORD, newPassword="short")
    assert (short["__typename"], short["path"]) == ("InvalidInput", ["input", "newPassword"])
    done = await ada("changePassword", currentPassword=PASSWORD, newPassword=ANOTHER)
    assert done == {"__typename": "ChangePasswordPayload", "endedSessions": 1}
    assert code_of(await ada.graphql(VIEWER, token=other)) == "UNAUTHENTICATED"
    assert await ada.graphql.data(VIEWER, token=ada.person.token), "this session goes on"
    assert (await ada.log_in(ANOTHER))["__typename"] == "LogInPayload"
    await post.deliver()
    assert post.box.mails[-1]["Subject"] == "Your password was changed"


async def test_a_thief_of_a_session_cannot_try_passwords_for_ever(ada: Somebody, runtime: Runtime) -> None:
    codes = []
    for _ in range(runtime.settings.login_attempts_per_account + 1):
        answer = await ada.send("changePassword", currentPassword="wrong " + PASSWORD, newPassword=ANOTHER)
        codes.append(code_of(answer) if "errors" in answer else answer["data"]["changePassword"]["__typename"])
    assert set(codes[:-1]) == {"InvalidInput"}
    assert codes[-1] == "RATE_LIMITED"


async def test_api_keys_have_no_sign_in_of_their_own(graphql: GraphQL) -> None:
    made = await company(graphql)
    _, key = await create_key(graphql, made, "ORGANIZATION_READ")
    for mutation, values in (
        ("revokeOtherSessions", {}),
        ("changePassword", {"currentPassword": PASSWORD, "newPassword": ANOTHER}),
        ("changeEmail", {"newEmail": "a@example.com", "password": PASSWORD}),
        ("confirmTotp", {"code": "123456"}),
        ("regenerateRecoveryCodes", {"code": "123456"}),
    ):
        assert code_of(await graphql(document(mutation), {"input": values}, api_key=key)) == "FORBIDDEN"


# Where addresses have to be verified, and where no mail is sent.


async def test_who_must_verify_reaches_nothing_before(
    settings: Settings, engine_urls: EngineUrls, owner: Database
) -> None:
    async with _other(settings, engine_urls, require_verified_email=True) as (graphql, other):
        ada = await somebody(graphql)
        token = ada.person.token
        reach = "{ viewer { user { email } organizations { totalCount } } organization(slug: %r) { name } }"
        reach = reach.replace("%r", f'"{ada.person.slug}"')
        answer = await graphql.data(reach, token=token)
        assert answer["viewer"]["organizations"] == {"totalCount": 0}
        assert answer["organization"] is None
        create = 'mutation { createOrganization(input: {name: "Mine"}) { __typename } }'
        invite = {"organizationId": ada.person.organization_id, "email": "new@example.com", "role": "VIEWER"}
        accept = 'mutation { acceptInvitation(input: {token: "ski_x"}) { __typename } }'
        for refused in (
            await graphql(create, token=token),
            await graphql(accept, token=token),
            await graphql(INVITE, {"input": invite}, token=token),
        ):
            assert code_of(refused) == "FORBIDDEN"
            assert "verifyEmail" in refused["errors"][0]["message"]
        async with post_office(other.database, settings, engine_urls.redis_url) as post:
            await ada("verifyEmail", caller="", token=await post.token(ada.person.email))
        answer = await graphql.data(reach, token=token)
        assert answer["organization"] is not None, "with the session that was there"
        assert "errors" not in await graphql(create, token=token)
    assert await rows(owner, "SELECT id FROM organizations WHERE name = 'Mine'")


async def test_an_installation_that_sends_no_mail_says_so(settings: Settings, engine_urls: EngineUrls) -> None:
    async with _other(settings, engine_urls, environment="production") as (graphql, other):
        ada = await somebody(graphql)
        for mutation, values in (
            ("requestPasswordReset", {"email": ada.person.email}),
            ("requestPasswordReset", {"email": "nobody@example.com"}),
            ("resendVerification", {"email": ada.person.email}),
            ("changeEmail", {"newEmail": "new@example.com", "password": PASSWORD}),
        ):
            refused = await ada(mutation, **values)
            assert refused["__typename"] == "Conflict"
            assert "SKYLEDGER_SMTP_URL" in refused["message"]
        async with other.database.system() as session:
            assert (await session.execute(text("SELECT count(*) FROM identity_mails"))).scalar_one() == 0


async def test_tokens_of_mails_are_in_the_mail_alone(
    ada: Somebody, post: Post, runtime: Runtime, owner: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logs:
        verify = await post.token(ada.person.email)
        await ada("requestPasswordReset", caller="", email=ada.person.email)
        reset = await post.token(ada.person.email)
        await ada("changeEmail", newEmail="ada-new@example.com", password=PASSWORD)
        change = await post.token("ada-new@example.com")
        await ada("verifyEmail", caller="", token=verify)
        await ada("resetPassword", caller="", token=reset, newPassword="short")
        await ada("resetPassword", caller="", token=reset, newPassword=ANOTHER)
        await ada("resetPassword", caller="", token=reset, newPassword=ANOTHER)
        await ada("verifyEmail", caller="", token=change)
        await ada.graphql(f'mutation {{ verifyEmail(input: {{token: "{verify}", nonsense: 1}}) {{ __typename }} }}')
    cached = [key + (await runtime.valkey.dump(key) or b"") for key in await runtime.valkey.keys("*")]
    places = {
        "logs": repr(logs),
        "log": "\n".join(each.getMessage() for each in caplog.records if each.name != FAR_SIDE),
        "answers": "\n".join(ada.answers),
        "tables": await everything_stored(owner),
        "valkey": repr(cached),
    }
    assert "send_identity_mail" in places["tables"], "jobs are among what is stored"
    secrets = [verify, reset, change, ANOTHER]
    assert not [(place, secret) for place, found in places.items() for secret in secrets if secret in found]
    digests = [token_hash(secret).hex() for secret in secrets]
    assert not [digest for digest in digests if digest in places["tables"]], "not even a hash"


@asynccontextmanager
async def _other(settings: Settings, engine_urls: EngineUrls, **changes: Any) -> AsyncIterator[tuple[GraphQL, Runtime]]:
    """A process with other settings."""
    assert settings.database_url is not None
    urls = EngineUrls(settings.database_url, engine_urls.redis_url)
    made = make_runtime(settings.model_copy(update=changes), urls, passwords=cheap_passwords())
    await made.valkey.flushall()
    async with running(made):
        app, _ = create_app(made)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            yield GraphQL(client), made


@contextmanager
def _recorded(runtime: Runtime, statements: list[str]) -> Iterator[None]:
    def note(_connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(runtime.database.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(runtime.database.engine.sync_engine, "before_cursor_execute", note)
