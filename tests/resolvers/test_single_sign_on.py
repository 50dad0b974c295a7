"""Single sign-on through the doors and the graph, against a provider on loopback: who is let in, and as whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from app.activity.verify_audit import verify
from app.config import Settings
from app.database import Database
from app.schema.node import parse_id
from tests.clients import PASSWORD, GraphQL, register
from tests.openid_provider import OPENED, OpenIdProvider, openid_provider
from tests.resolvers.company import code_of, company, invite
from tests.resolvers.own_identity import Somebody
from tests.resolvers.sign_in_room import SignInRoom

ADA = "ada@corp.example"


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with openid_provider() as found:
        yield found


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update=OPENED)


@pytest.fixture
async def room(graphql: GraphQL, provider: OpenIdProvider) -> SignInRoom:
    made = SignInRoom(graphql, await company(graphql), provider)
    configured = await made.configure()
    assert configured["__typename"] == "ConfigureSingleSignOnPayload", configured
    verified = await made.verify()
    assert verified["__typename"] == "VerifyEmailDomainPayload", verified
    return made


def signed_in(answer: dict[str, Any]) -> dict[str, Any]:
    assert "errors" not in answer, answer["errors"]
    found: dict[str, Any] = answer["data"]["completeSingleSignOn"]
    assert found["__typename"] == "CompleteSingleSignOnPayload", found
    return found


async def somebody_at(room: SignInRoom, email: str) -> Somebody:
    """Somebody who has registered an address with a password."""
    document = """mutation ($input: RegisterInput!) { register(input: $input) {
      ... on RegisterPayload { accessToken refreshToken viewer { user { id } } } } }"""
    values = {"email": email, "name": "Somebody", "password": PASSWORD}
    made = (await room.graphql.data(document, {"input": values}))["register"]
    person = await register(room.graphql, "Template")
    own = person.__class__(email, made["accessToken"], made["refreshToken"], "", "")
    return Somebody(room.graphql, own)


async def change(owner: Database, statement: str, **values: Any) -> None:
    """Change rows behind the doors."""
    async with owner.engine.begin() as connection:
        await connection.execute(text(statement), values)


async def test_the_first_sign_in_makes_a_member(room: SignInRoom, database: Database) -> None:
    viewer = signed_in(await room.sign_in(ADA))["viewer"]
    assert (viewer["user"]["email"], viewer["user"]["name"]) == (ADA, "Ada Corp")
    assert viewer["user"]["emailVerifiedAt"] is not None
    assert viewer["organizations"]["nodes"] == [{"slug": room.made.slug, "viewerRole": "MEMBER"}]
    again = signed_in(await room.sign_in("renamed@corp.example", subject=f"subject of {ADA}"))["viewer"]
    assert again["user"]["id"] == viewer["user"]["id"], "told by the subject, whatever the address is by now"
    asked = room.provider.asked[-1]
    assert (asked["code_challenge_method"], asked["response_type"]) == ("S256", "code")
    organization_id = parse_id(room.made.organization_id).id
    assert asked["redirect_uri"] == f"http://test/sso/callback/{organization_id}"
    assert (await verify(database, organization_id)).problem is None
    async with database.read(organization_id) as session:
        rows = await session.execute(text("SELECT act FROM audit_events ORDER BY number"))
        acts = [row.act for row in rows]
    assert acts[-4:] == ["configureSingleSignOn", "verifyEmailDomain", *["completeSingleSignOn"] * 2]


async def test_an_unverified_domain_signs_nobody_in(graphql: GraphQL, provider: OpenIdProvider) -> None:
    room = SignInRoom(graphql, await company(graphql), provider)
    await room.configure()
    browser = room.browser()
    assert (await browser.start(email=ADA)).status_code == 404
    room.is_signed_in_there(ADA)
    code = await browser.back(await browser.at_provider(await browser.start(organization=room.made.slug)))
    assert code_of(await room.complete(code)) == "FORBIDDEN"


async def test_a_domain_of_another_tenant_is_not_spoken_for(room: SignInRoom, graphql: GraphQL) -> None:
    """Neither named nor asserted: the words are the same as for a domain that nobody has."""
    other = SignInRoom(graphql, await company(graphql), room.provider)
    await other.configure(domains=["corp.example", "eve.example"])
    taken = await other.verify("corp.example")
    assert (taken["__typename"], taken["code"]) == ("Conflict", "CONFLICT")
    assert (await other.verify("eve.example"))["__typename"] == "VerifyEmailDomainPayload"
    signed_in(await room.sign_in(ADA))
    messages = []
    for email in (ADA, "ada@nobody.example"):
        other.is_signed_in_there(email)
        browser = other.browser()
        code = await browser.back(await browser.at_provider(await browser.start(email="x@eve.example")))
        answer = await other.complete(code)
        assert code_of(answer) == "FORBIDDEN"
        messages.append(answer["errors"][0]["message"].replace(email.partition("@")[2], "it"))
    assert messages[0] == messages[1]


async def test_the_operator_verifies_only_what_the_owner_has_named(room: SignInRoom) -> None:
    refused = await room.verify("elsewhere.example")
    assert (refused["__typename"], refused["code"]) == ("NotFound", "NOT_FOUND")
    given_up = await room.configure(domains=["new.example"])
    assert given_up["singleSignOn"]["domains"] == [{"domain": "new.example", "verifiedAt": None}]
    assert (await room.browser().start(email=ADA)).status_code == 404


async def test_who_registered_the_address_before_its_owner_has_nothing_left(room: SignInRoom, owner: Database) -> None:
    """A thief registers the address, sets a second factor up and waits for the owner: nothing of it is left."""
    thief = await somebody_at(room, ADA)
    await thief.enroll()
    challenge = await thief.challenge()
    user = signed_in(await room.sign_in(ADA))["viewer"]["user"]
    assert user["emailVerifiedAt"] is not None
    assert code_of(await thief.send("regenerateRecoveryCodes", password=PASSWORD)) == "UNAUTHENTICATED"
    assert code_of(await thief.send("logIn", caller="", email=ADA, password=PASSWORD)) == "UNAUTHENTICATED"
    assert code_of(await thief.complete(challenge, code=thief.code())) == "UNAUTHENTICATED"
    async with owner.engine.connect() as connection:
        open_mails = await connection.execute(
            text(
                "SELECT count(*) FROM identity_mails WHERE used_at IS NULL AND kind IN "
                "('VERIFY_EMAIL', 'CHANGE_EMAIL', 'RESET_PASSWORD') AND email = :email"
            ),
            {"email": ADA},
        )
        assert open_mails.scalar_one() == 0


async def test_a_proved_account_is_linked_and_keeps_its_second_factor(room: SignInRoom, owner: Database) -> None:
    ada = await somebody_at(room, ADA)
    await change(owner, "UPDATE users SET email_verified_at = now() WHERE email = :email", email=ADA)
    await ada.enroll()
    answer = await room.sign_in(ADA)
    asked = answer["data"]["completeSingleSignOn"]
    assert asked["__typename"] == "SecondFactorRequired", asked
    completed = await ada.complete(asked["challenge"], code=ada.code())
    assert completed["data"]["completeLogIn"]["viewer"]["user"]["email"] == ADA
    assert (await ada.log_in())["__typename"] == "SecondFactorRequired", "the password is still theirs"


async def test_a_platform_admin_is_never_linked_by_an_address(room: SignInRoom, owner: Database) -> None:
    await somebody_at(room, ADA)
    await change(owner, "UPDATE users SET is_platform_admin = true WHERE email = :email", email=ADA)
    assert code_of(await room.sign_in(ADA)) == "FORBIDDEN"


async def test_who_took_the_address_elsewhere_is_not_spoken_for(room: SignInRoom, owner: Database) -> None:
    signed_in(await room.sign_in(ADA))
    await change(owner, "UPDATE users SET email = 'ada@home.example' WHERE email = :email", email=ADA)
    assert code_of(await room.sign_in(ADA)) == "FORBIDDEN"


async def test_who_was_removed_does_not_come_back_by_the_provider(room: SignInRoom, owner: Database) -> None:
    signed_in(await room.sign_in(ADA))
    statement = "DELETE FROM memberships WHERE user_id = (SELECT id FROM users WHERE email = :email)"
    await change(owner, statement, email=ADA)
    assert code_of(await room.sign_in(ADA)) == "FORBIDDEN"


async def test_a_member_that_was_invited_keeps_the_role(room: SignInRoom, owner: Database) -> None:
    ada = await somebody_at(room, ADA)
    await change(owner, "UPDATE users SET email_verified_at = now() WHERE email = :email", email=ADA)
    _, token = await invite(room.graphql, room.made, ADA, "ADMIN")
    accept = "mutation ($input: AcceptInvitationInput!) { acceptInvitation(input: $input) { __typename } }"
    await room.graphql.data(accept, {"input": {"token": token}}, token=ada.person.token)
    viewer = signed_in(await room.sign_in(ADA))["viewer"]
    assert viewer["organizations"]["nodes"] == [{"slug": room.made.slug, "viewerRole": "ADMIN"}]


async def test_a_full_plan_lets_nobody_more_in(room: SignInRoom, owner: Database) -> None:
    await change(owner, "UPDATE plans SET members = 4")
    answer = await room.sign_in(ADA)
    assert answer["data"]["completeSingleSignOn"]["__typename"] == "QuotaExceeded", answer
    async with owner.engine.connect() as connection:
        found = await connection.execute(text("SELECT count(*) FROM users WHERE email = :email"), {"email": ADA})
    assert found.scalar_one() == 0, "nothing of it stays"


async def test_required_single_sign_on_shuts_the_password(room: SignInRoom, owner: Database) -> None:
    ada = await somebody_at(room, ADA)
    await change(owner, "UPDATE users SET email_verified_at = now() WHERE email = :email", email=ADA)
    kept = signed_in(await room.sign_in(ADA))
    assert (await ada.log_in())["__typename"] == "LogInPayload", "not required yet"
    await room.configure(required=True)
    asked = await ada.log_in()
    assert (asked["__typename"], asked["code"]) == ("SingleSignOnRequired", "UNAUTHENTICATED")
    wrong = await ada.send("logIn", caller="", email=ADA, password="wrong " + PASSWORD)
    assert code_of(wrong) == "UNAUTHENTICATED", "told to who knows the password alone"
    refresh = """mutation ($input: RefreshSessionInput!) { refreshSession(input: $input) {
      ... on RefreshSessionPayload { accessToken } } }"""
    old = await room.graphql(refresh, {"input": {"refreshToken": ada.person.refresh_token}})
    assert code_of(old) == "UNAUTHENTICATED", "a session that a password began is not renewed"
    renewed = await room.graphql.data(refresh, {"input": {"refreshToken": kept["refreshToken"]}})
    assert renewed["refreshSession"]["accessToken"]


async def test_an_owner_always_gets_in_by_password(room: SignInRoom) -> None:
    olga = Somebody(room.graphql, room.made.people["OWNER"])
    await room.configure(required=True, domains=["skyledger.example"])
    await room.verify("skyledger.example")
    assert (await olga.log_in())["__typename"] == "LogInPayload"
    member = Somebody(room.graphql, room.made.people["MEMBER"])
    assert (await member.log_in())["__typename"] == "SingleSignOnRequired"
    stranger = Somebody(room.graphql, room.made.stranger)
    assert (await stranger.log_in())["__typename"] == "LogInPayload", "no member"


async def test_removing_it_ends_all_of_it(room: SignInRoom) -> None:
    signed_in(await room.sign_in(ADA))
    remove = """mutation ($input: RemoveSingleSignOnInput!) { removeSingleSignOn(input: $input) {
      __typename ... on UserError { code } } }"""
    values = {"input": {"organizationId": room.made.organization_id}}
    for expected in ("RemoveSingleSignOnPayload", "NotFound"):
        answer = await room.graphql.data(remove, values, token=room.made.token("OWNER"))
        assert answer["removeSingleSignOn"]["__typename"] == expected
    assert (await room.browser().start(email=ADA)).status_code == 404
    assert (await room.browser().start(organization=room.made.slug)).status_code == 404
