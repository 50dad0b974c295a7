"""What people do with their own sign-ins, in the audit of each organization of theirs: who, how, and never a secret."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.activity.failed_sign_ins import tell_failed_sign_ins
from app.activity.verify_audit import verify
from app.config import Settings
from app.context import Runtime
from app.database import Database
from app.embedded import EngineUrls
from app.models import now
from app.privacy.erasing import erase_account
from app.records.audit import FAILURE_WINDOW
from app.schema.node import parse_id
from tests.clients import PASSWORD, GraphQL, Person
from tests.notifications.post import post_office
from tests.openid_provider import OPENED, OpenIdProvider
from tests.resolvers.company import ACCEPT, Company, code_of, company, invite
from tests.resolvers.own_identity import Somebody, another
from tests.resolvers.sign_in_room import SignInRoom
from tests.resolvers.test_audit_log import log
from tests.resolvers.test_single_sign_on import signed_in

LOG_OUT = "mutation ($input: LogOutInput) { logOut(input: $input) { __typename } }"
REFRESH = """mutation ($input: RefreshSessionInput!) { refreshSession(input: $input) {
  ... on RefreshSessionPayload { refreshToken } } }"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update=OPENED)


@pytest.fixture
async def made(graphql: GraphQL) -> Company:
    return await company(graphql)


@pytest.fixture
def mia(graphql: GraphQL, made: Company) -> Somebody:
    return Somebody(graphql, made.people["MEMBER"])


async def rows(graphql: GraphQL, owner_of: Person, **where: Any) -> list[dict[str, Any]]:
    """What an owner finds, the oldest first."""
    found = await log(graphql, owner_of.slug, owner_of.token, where=where, first=100)
    return list(reversed(found["nodes"]))


async def of_person(graphql: GraphQL, made: Company, mia: Somebody) -> list[dict[str, Any]]:
    """What the company's owner finds of Mia's acts since she joined."""
    viewer = await graphql.data("{ viewer { user { id } } }", token=(await mia.log_in())["accessToken"])
    found = await rows(graphql, made.people["OWNER"], userId={"eq": viewer["viewer"]["user"]["id"]})
    assert found[0]["act"] == "acceptInvitation"
    return found[1:-1]  # without the log-in above


async def test_sign_ins_and_outs_of_a_member(graphql: GraphQL, made: Company, mia: Somebody) -> None:
    """In her company's audit as in that of her own organization."""
    first = await mia.log_in()
    await graphql.data(LOG_OUT, token=first["accessToken"])
    second = await mia.log_in()
    mia.person = Person(mia.person.email, second["accessToken"], "", mia.person.organization_id, mia.person.slug)
    assert (await mia("revokeOtherSessions"))["endedSessions"] == 1
    assert (await mia("revokeOtherSessions"))["endedSessions"] == 0
    assert (await mia("changePassword", currentPassword=PASSWORD, newPassword=PASSWORD))["endedSessions"] == 0
    told = await of_person(graphql, made, mia)
    began = {"beganBy": "PASSWORD", "secondFactor": None}
    assert [(row["act"], row["summary"]["arguments"]) for row in told] == [
        ("logIn", began),
        ("logOut", {"endedSessions": 1, "reason": "LOGGED_OUT"}),
        ("logIn", began),
        ("revokeOtherSessions", {"endedSessions": 1, "reason": "REVOKED"}),
        ("changePassword", {}),
    ]
    for row in told:
        assert (row["actor"]["kind"], row["actor"]["user"]["email"]) == ("USER", mia.person.email)
        assert (row["outcome"], row["subjectType"], row["subjectId"]) == ("SUCCEEDED", "User", row["actor"]["id"])
        assert (row["clientAddress"], row["summary"]["events"]) == ("127.0.0.1", [])
    assert told[0]["sessionId"] == told[1]["sessionId"] != told[2]["sessionId"]
    own = await rows(graphql, mia.person, act={"in": ["logIn", "logOut"]})
    assert [row["act"] for row in own] == ["logIn", "logOut", "logIn", "logIn"]
    stranger = await rows(graphql, made.stranger)
    assert [row["act"] for row in stranger] == ["register"], "she does not belong there"


async def test_second_factors(graphql: GraphQL, made: Company, mia: Somebody) -> None:
    codes = await mia.enroll()
    completed = await mia.complete(await mia.challenge(), recoveryCode=codes[0])
    assert "errors" not in completed
    assert (await mia("regenerateRecoveryCodes", code=mia.code()))["__typename"] == "RegenerateRecoveryCodesPayload"
    challenge = await mia.challenge()
    assert "errors" not in await mia.complete(challenge, code=mia.code())
    await mia("disableTotp", password=PASSWORD)
    told = await of_person(graphql, made, mia)
    assert [(row["act"], row["summary"]["arguments"]) for row in told] == [
        ("confirmTotp", {}),
        ("completeLogIn", {"beganBy": "PASSWORD", "secondFactor": "RECOVERY_CODE"}),
        ("regenerateRecoveryCodes", {}),
        ("completeLogIn", {"beganBy": "PASSWORD", "secondFactor": "TOTP"}),
        ("disableTotp", {}),
    ], "a log-in that waits for its second half is none yet"


async def test_another_address(
    graphql: GraphQL, made: Company, mia: Somebody, runtime: Runtime, engine_urls: EngineUrls
) -> None:
    async with post_office(runtime.database, runtime.settings, engine_urls.redis_url) as post:
        await mia("verifyEmail", caller="", token=await post.token(mia.person.email))
        await mia("changeEmail", newEmail="mia-new@example.com", password=PASSWORD)
        await mia("verifyEmail", caller="", token=await post.token("mia-new@example.com"))
    mia.person = replace(mia.person, email="mia-new@example.com")
    told = await of_person(graphql, made, mia)
    assert [(row["act"], row["summary"]["arguments"]) for row in told] == [
        ("verifyEmail", {"changedAddress": False}),
        ("changeEmail", {}),
        ("verifyEmail", {"changedAddress": True}),
    ], "and no address"


async def test_a_used_refresh_token_is_told_of_nobody(graphql: GraphQL, made: Company, mia: Somebody) -> None:
    """It is the person's or a thief's: the row says what was ended, not who did it."""
    begun = await mia.log_in()
    values = {"input": {"refreshToken": begun["refreshToken"]}}
    await graphql.data(REFRESH, values)
    assert code_of(await graphql(REFRESH, values)) == "UNAUTHENTICATED"
    (row,) = await rows(graphql, made.people["OWNER"], act={"eq": "refreshSession"})
    assert row["actor"]["kind"] == "SYSTEM"
    assert row["summary"]["arguments"] == {"endedSessions": 1, "reason": "REFRESH_TOKEN_REUSED"}
    assert (row["subjectType"], row["clientAddress"]) == ("User", None)


async def test_single_sign_on(graphql: GraphQL, made: Company, provider: OpenIdProvider) -> None:
    room = SignInRoom(graphql, made, provider)
    await room.configure()
    await room.verify()
    tokens = [signed_in(await room.sign_in("ada@corp.example"))["accessToken"] for _ in range(2)]
    told = await rows(graphql, made.people["OWNER"], act={"eq": "completeSingleSignOn"})
    assert [row["summary"]["arguments"]["beganBy"] for row in told] == ["SINGLE_SIGN_ON"] * 2
    assert [[event["kind"] for event in row["summary"]["events"]] for row in told] == [["MEMBER_JOINED"], []]
    assert {row["actor"]["user"]["email"] for row in told} == {"ada@corp.example"}
    assert await graphql.data(LOG_OUT, token=tokens[0])
    (left,) = await rows(graphql, made.people["OWNER"], act={"eq": "logOut"})
    assert left["sessionId"] == told[0]["sessionId"]


async def test_failures_are_counted_and_told_once(
    graphql: GraphQL, made: Company, mia: Somebody, runtime: Runtime, database: Database
) -> None:
    await mia.enroll()
    for _ in range(3):
        assert code_of(await mia.send("logIn", caller="", email=mia.person.email, password="wrong")) == (
            "UNAUTHENTICATED"
        )
    challenge = await mia.challenge()
    assert code_of(await mia.complete(challenge, code=another(mia.code()))) == "UNAUTHENTICATED"
    unknown = await mia.send("logIn", caller="", email="nobody@corp.example", password="wrong")
    assert code_of(unknown) == "UNAUTHENTICATED"
    await runtime.authenticator.failed_sign_ins.write()
    assert await tell_failed_sign_ins(database) == 0, "the window is not over"
    later = now() + FAILURE_WINDOW * 2
    assert await tell_failed_sign_ins(database, later) == 2, "in both organizations of hers"
    assert await tell_failed_sign_ins(database, later) == 0
    for owner_of in (made.people["OWNER"], mia.person):
        (row,) = await rows(graphql, owner_of, outcome={"eq": "FAILED"})
        assert (row["act"], row["actor"]["kind"], row["subjectType"]) == ("failedSignIns", "SYSTEM", "User")
        arguments = row["summary"]["arguments"]
        assert (arguments["times"], arguments["ways"]) == (4, {"PASSWORD": 3, "SECOND_FACTOR": 1})
        assert arguments["from"] <= arguments["to"]
        assert await rows(graphql, owner_of, subjectId={"eq": row["subjectId"]}, act={"eq": "failedSignIns"}) == [row]
        assert (await verify(database, parse_id(owner_of.organization_id).id)).problem is None
    assert await rows(graphql, made.stranger, outcome={"eq": "FAILED"}) == []


async def test_no_secret_of_a_sign_in_is_in_the_audit(
    graphql: GraphQL, mia: Somebody, owner: Database, provider: OpenIdProvider, made: Company
) -> None:
    codes = await mia.enroll()
    challenge = await mia.challenge()
    used = mia.code()
    whole = (await mia.complete(challenge, code=used))["data"]["completeLogIn"]
    room = SignInRoom(graphql, made, provider)
    await room.configure()
    await room.verify()
    room.is_signed_in_there("ada@corp.example")
    code = await room.browser().code("ada@corp.example")
    ada = signed_in(await room.complete(code))
    async with owner.engine.connect() as connection:
        stored = (await connection.execute(text("SELECT string_agg(d::text, ' ') FROM audit_details d"))).scalar_one()
        stored += (await connection.execute(text("SELECT string_agg(e::text, ' ') FROM audit_events e"))).scalar_one()
    assert "completeLogIn" in stored
    assert "completeSingleSignOn" in stored
    tokens = [found[name] for found in (whole, ada) for name in ("accessToken", "refreshToken")]
    for secret in (*codes, *tokens, challenge, f'"{used}"', code, mia.secret, PASSWORD):
        assert secret not in stored


async def test_an_erased_person_leaves_a_chain_that_holds(
    graphql: GraphQL, made: Company, mia: Somebody, runtime: Runtime, database: Database, owner: Database
) -> None:
    await mia.log_in()
    await mia.send("logIn", caller="", email=mia.person.email, password="wrong")
    await runtime.authenticator.failed_sign_ins.write()
    await tell_failed_sign_ins(database, now() + FAILURE_WINDOW * 2)
    await mia.send("logIn", caller="", email=mia.person.email, password="wrong")
    await runtime.authenticator.failed_sign_ins.write()
    async with owner.engine.begin() as connection:
        found = await connection.execute(text("SELECT id FROM users WHERE email = :email"), {"email": mia.person.email})
        user_id = found.scalar_one()
        await connection.execute(
            text("INSERT INTO account_erasures (user_id, requested_at, due_at) VALUES (:id, :at, :at)"),
            {"id": user_id, "at": now() - timedelta(days=1)},
        )
    assert await erase_account(database, user_id)
    assert await tell_failed_sign_ins(database, now() + FAILURE_WINDOW * 2) == 0, "what was not told yet is gone"
    for organization_id in (made.organization_id, mia.person.organization_id):
        verdict = await verify(database, parse_id(organization_id).id)
        assert verdict.problem is None, verdict
        assert verdict.erased >= 1
    (row,) = await rows(graphql, made.people["OWNER"], act={"eq": "logIn"})
    assert (row["detailsErased"], row["clientAddress"], row["summary"]) == (True, None, None)
    async with owner.engine.connect() as connection:
        stored = (await connection.execute(text("SELECT string_agg(d::text, ' ') FROM audit_details d"))).scalar_one()
    assert mia.person.email not in stored


async def test_a_person_of_many_organizations(graphql: GraphQL, made: Company, mia: Somebody) -> None:
    """Two at a time, of people whose organizations overlap: none waits in a circle."""
    others = [await company(graphql) for _ in range(3)]
    people = [mia, Somebody(graphql, made.people["VIEWER"]), Somebody(graphql, made.people["ADMIN"])]
    for each in others:
        for person in people:
            _, token = await invite(graphql, each, person.person.email, "VIEWER")
            answer = await graphql.data(ACCEPT, {"input": {"token": token}}, token=person.person.token)
            assert answer["acceptInvitation"]["__typename"] == "AcceptInvitationPayload"
    answers = await asyncio.gather(*(person.log_in() for person in people * 5))
    assert {answer["__typename"] for answer in answers} == {"LogInPayload"}
    for each in (made, *others):
        found = await rows(graphql, each.people["OWNER"], act={"eq": "logIn"})
        assert len(found) == 15
