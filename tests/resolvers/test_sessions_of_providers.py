"""Sessions that began by an organization's provider end with it: answers, refreshes, sockets, and halves of log-ins."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import text
from websockets.exceptions import ConnectionClosed

from app.auth.sessions import begin_session
from app.config import Settings
from app.database import Database
from app.organizations import provider_sign_in
from tests.activity.sockets import following
from tests.clients import GraphQL
from tests.openid_provider import OPENED, OpenIdProvider, openid_provider
from tests.resolvers.company import code_of, company
from tests.resolvers.own_identity import Somebody
from tests.resolvers.sign_in_room import SignInRoom
from tests.resolvers.test_single_sign_on import change, signed_in, somebody_at

ADA, BEN = "ada@corp.example", "ben@subsidiary.example"
VIEWER = "{ viewer { user { email } } }"
REFRESH = """mutation ($input: RefreshSessionInput!) { refreshSession(input: $input) {
  ... on RefreshSessionPayload { accessToken refreshToken } } }"""
REMOVE = """mutation ($input: RemoveSingleSignOnInput!) { removeSingleSignOn(input: $input) {
  __typename ... on UserError { code } } }"""
DELETE = """mutation ($input: DeleteOrganizationInput!) { deleteOrganization(input: $input) {
  __typename ... on UserError { code message } } }"""
REMOVE_MEMBER = """mutation ($input: RemoveMemberInput!) { removeMember(input: $input) {
  __typename ... on UserError { code message } } }"""
MEMBERS = "query ($slug: String!) { organization(slug: $slug) { members { nodes { id user { email } } } } }"
LOST = "UPDATE sessions SET revoked_at = NULL, revoked_reason = NULL WHERE provider_organization_id IS NOT NULL"


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with openid_provider() as found:
        yield found


@pytest.fixture
def other_provider() -> Iterator[OpenIdProvider]:
    with openid_provider() as found:
        yield found


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update=OPENED)


@pytest.fixture
async def room(graphql: GraphQL, provider: OpenIdProvider) -> SignInRoom:
    made = SignInRoom(graphql, await company(graphql), provider)
    await made.configure(domains=["corp.example", "subsidiary.example"])
    for domain in ("corp.example", "subsidiary.example"):
        await made.verify(domain)
    return made


async def remove(room: SignInRoom) -> None:
    """As its owner."""
    values = {"input": {"organizationId": room.made.organization_id}}
    answer = await room.graphql.data(REMOVE, values, token=room.made.token("OWNER"))
    assert answer["removeSingleSignOn"]["__typename"] == "RemoveSingleSignOnPayload", answer


async def delete_company(room: SignInRoom) -> None:
    values = {"input": {"organizationId": room.made.organization_id, "confirmSlug": room.made.slug}}
    answer = await room.graphql.data(DELETE, values, token=room.made.token("OWNER"))
    assert answer["deleteOrganization"]["__typename"] == "DeleteOrganizationPayload", answer


async def remove_ada(room: SignInRoom) -> None:
    answer = await room.graphql.data(MEMBERS, {"slug": room.made.slug}, token=room.made.token("OWNER"))
    (member,) = [each["id"] for each in answer["organization"]["members"]["nodes"] if each["user"]["email"] == ADA]
    answer = await room.graphql.data(REMOVE_MEMBER, {"input": {"id": member}}, token=room.made.token("OWNER"))
    assert answer["removeMember"]["__typename"] == "RemoveMemberPayload", answer


async def give_up_domain(room: SignInRoom) -> None:
    await room.configure(domains=["subsidiary.example"])


@pytest.mark.parametrize(
    ("act", "bens_goes_on"),
    [(remove, False), (delete_company, False), (give_up_domain, True), (remove_ada, True)],
)
async def test_what_ends_the_provider_ends_its_sessions(
    room: SignInRoom, owner: Database, act: Callable[[SignInRoom], Awaitable[None]], *, bens_goes_on: bool
) -> None:
    """At once, and whoever has the tokens cannot renew them, not even where the end itself was lost."""
    ada, ben = signed_in(await room.sign_in(ADA)), signed_in(await room.sign_in(BEN))
    mia = room.made.people["MEMBER"]
    for token in (ada["accessToken"], ben["accessToken"]):
        assert await room.graphql.data(VIEWER, token=token), "looked up, and kept for a moment"
    await act(room)
    assert code_of(await room.graphql(VIEWER, token=ada["accessToken"])) == "UNAUTHENTICATED"
    assert code_of(await refreshed(room, ada)) == "UNAUTHENTICATED"
    assert ("errors" not in await room.graphql(VIEWER, token=ben["accessToken"])) == bens_goes_on
    assert ("errors" not in await refreshed(room, ben)) == bens_goes_on
    assert await room.graphql.data(VIEWER, token=mia.token), "a session that a password began is not the provider's"
    await change(owner, LOST)
    assert code_of(await refreshed(room, ada)) == "UNAUTHENTICATED"


async def refreshed(room: SignInRoom, tokens: dict[str, Any]) -> dict[str, Any]:
    """The whole answer."""
    return await room.graphql(REFRESH, {"input": {"refreshToken": tokens["refreshToken"]}})


async def test_another_provider_ends_the_sessions_of_the_one_before(
    room: SignInRoom, other_provider: OpenIdProvider
) -> None:
    ada = signed_in(await room.sign_in(ADA))
    await room.configure(clientId="skyledger-renamed", domains=["corp.example"])
    assert await room.graphql.data(VIEWER, token=ada["accessToken"]), "the same provider, by another client"
    room.provider = other_provider
    await room.configure(domains=["corp.example"])
    assert code_of(await room.graphql(VIEWER, token=ada["accessToken"])) == "UNAUTHENTICATED"
    assert code_of(await refreshed(room, ada)) == "UNAUTHENTICATED"
    again = signed_in(await room.sign_in(ADA))
    assert "errors" not in await refreshed(room, again)


@pytest.mark.parametrize(
    "lost",
    [
        "DELETE FROM verified_domains WHERE domain = 'corp.example'",
        "DELETE FROM single_sign_on_identities",
        "DELETE FROM single_sign_ons",
        "UPDATE users SET email = 'ada@home.example' WHERE email = 'ada@corp.example'",
        "UPDATE sessions SET provider_organization_id = NULL",
    ],
)
async def test_nothing_is_renewed_that_the_provider_could_not_begin(
    room: SignInRoom, owner: Database, lost: str
) -> None:
    """Whatever way it went: the tokens that are out last for their 15 minutes and no longer."""
    ada = signed_in(await room.sign_in(ADA))
    renewed = (await refreshed(room, ada))["data"]["refreshSession"]
    await change(owner, lost)
    assert code_of(await refreshed(room, renewed)) == "UNAUTHENTICATED"
    assert code_of(await room.graphql(VIEWER, token=renewed["accessToken"])) == "UNAUTHENTICATED"


async def test_what_begins_while_the_provider_goes_ends_with_it(
    room: SignInRoom, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that is begun and not yet committed at the very moment is seen, and ended."""
    signed_in(await room.sign_in(ADA))
    # A member who comes by the provider for the first time: no row of theirs is there yet that both would wait for.
    await change(owner, "DELETE FROM single_sign_on_identities")
    await change(owner, "DELETE FROM sessions WHERE began_by = 'SINGLE_SIGN_ON'")
    room.is_signed_in_there(ADA)
    code = await room.browser().code(ADA)
    begun = asyncio.Event()

    async def slowly(*arguments: Any, **more: Any) -> Any:
        made = await begin_session(*arguments, **more)
        begun.set()
        await asyncio.sleep(0.5)
        return made

    monkeypatch.setattr(provider_sign_in, "begin_session", slowly)
    completing = asyncio.create_task(room.complete(code))
    await asyncio.wait_for(begun.wait(), 10)
    await remove(room)
    late = signed_in(await completing)
    assert code_of(await room.graphql(VIEWER, token=late["accessToken"])) == "UNAUTHENTICATED"
    async with owner.engine.connect() as connection:
        statement = "SELECT count(*) FROM sessions WHERE began_by = 'SINGLE_SIGN_ON' AND revoked_at IS NULL"
        assert (await connection.execute(text(statement))).scalar_one() == 0


async def test_a_log_in_half_done_ends_too(room: SignInRoom, owner: Database) -> None:
    ada = await somebody_at(room, ADA)
    await change(owner, "UPDATE users SET email_verified_at = now() WHERE email = :email", email=ADA)
    await ada.enroll()
    challenges = [
        (await room.sign_in(ADA))["data"]["completeSingleSignOn"]["challenge"],
        (await room.sign_in(ADA))["data"]["completeSingleSignOn"]["challenge"],
    ]
    whole = (await ada.complete(challenges[0], code=ada.code()))["data"]["completeLogIn"]
    assert "errors" not in await refreshed(room, whole)
    await remove(room)
    assert code_of(await ada.complete(challenges[1], code=ada.code())) == "UNAUTHENTICATED"
    assert code_of(await room.graphql(VIEWER, token=whole["accessToken"])) == "UNAUTHENTICATED"
    again = Somebody(room.graphql, ada.person, secret=ada.secret, step=ada.step)
    assert await again.challenge(), "their password still opens the first half"


async def test_sockets_end_within_five_seconds(room: SignInRoom, live_server: str) -> None:
    """In another server of the same installation."""
    ada, mia = signed_in(await room.sign_in(ADA)), room.made.people["MEMBER"]
    async with (
        following(live_server, room.made.organization_id, token=ada["accessToken"]) as hers,
        following(live_server, room.made.organization_id, token=mia.token) as others,
    ):
        await remove(room)
        async with asyncio.timeout(5):
            with suppress(ConnectionClosed):
                while True:
                    await hers.receive()  # where the stream begins, what happened, and the end of the subscription
        assert (hers.connection.close_code, hers.connection.close_reason) == (4403, "session revoked")
        _where_it_begins, event = await others.events(2)
        assert event["kind"] == "SINGLE_SIGN_ON_REMOVED"
