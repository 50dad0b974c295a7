"""The two doors that a browser passes: what binds a sign-in to it, and what is good once."""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from structlog.testing import capture_logs

from app.accounts.rotate import rotate_credentials
from app.config import Settings, new_credential_key
from app.context import Runtime
from app.database import Database
from app.main import create_app
from app.schema.node import parse_id
from app.sealing.vault import Vault
from tests.auth.people import everything_stored
from tests.clients import GraphQL
from tests.openid_provider import CLIENT_SECRET, OPENED, OpenIdProvider, openid_provider
from tests.resolvers.company import code_of, company
from tests.resolvers.sign_in_room import SignInRoom

ADA = "ada@corp.example"
VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
NOT_HERE = "did not begin in this browser"


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
    await made.configure()
    await made.verify()
    made.is_signed_in_there(ADA)
    return made


async def late(owner: Database) -> None:
    async with owner.engine.begin() as connection:
        await connection.execute(text("UPDATE single_sign_on_flows SET expires_at = now() - interval '1 second'"))


async def test_a_state_is_good_once(room: SignInRoom) -> None:
    browser = room.browser()
    url = await browser.at_provider(await browser.start(email=ADA))
    cookies = dict(browser.client.cookies)
    assert (await browser.back(url)).startswith("sko_")
    assert not browser.client.cookies, "the cookie is gone"
    browser.client.cookies.update(cookies)
    assert NOT_HERE in await browser.back(url)


async def test_another_browser_cannot_come_back(room: SignInRoom) -> None:
    """Neither without a cookie nor with that of a flow of its own: nobody is signed in as somebody else."""
    browser, other = room.browser(), room.browser()
    url = await browser.at_provider(await browser.start(email=ADA))
    assert NOT_HERE in await other.back(url)
    await other.start(email=ADA)
    (name,), (value,) = browser.client.cookies.keys(), list(other.client.cookies.values())
    other.client.cookies.set(name, value)
    assert NOT_HERE in await other.back(url)
    assert (await browser.back(url)).startswith("sko_"), "and the right browser still can"


async def test_a_flow_and_a_code_end(room: SignInRoom, owner: Database) -> None:
    browser = room.browser()
    url = await browser.at_provider(await browser.start(email=ADA))
    await late(owner)
    assert NOT_HERE in await browser.back(url)
    code = await room.browser().code(ADA)
    await late(owner)
    assert code_of(await room.complete(code)) == "UNAUTHENTICATED"


async def test_a_code_is_good_once(room: SignInRoom) -> None:
    code = await room.browser().code(ADA)
    assert "errors" not in await room.complete(code)
    for used in (code, "sko_" + "x" * 43, "nonsense", ""):
        assert code_of(await room.complete(used)) == "UNAUTHENTICATED"


async def test_a_page_that_began_with_a_challenge_proves_itself(room: SignInRoom) -> None:
    """And one that proves itself is not signed in by a code that somebody else began without one."""
    for challenge, verifier, right in (
        (CHALLENGE, VERIFIER, True),
        (CHALLENGE, "w" * 50, False),
        (CHALLENGE, "short", False),
        (CHALLENGE, None, False),
        (None, VERIFIER, False),
    ):
        code = await room.browser().code(ADA, **({"challenge": challenge} if challenge else {}))
        answer = await room.complete(code, verifier=verifier)
        assert ("errors" not in answer) == right, (challenge, verifier)
    assert (await room.browser().start(email=ADA, challenge="nonsense")).status_code == 400


async def test_two_sign_ins_of_one_browser_do_not_meet(room: SignInRoom) -> None:
    browser = room.browser()
    first = await browser.at_provider(await browser.start(email=ADA))
    second = await browser.at_provider(await browser.start(email=ADA))
    assert (await browser.back(first)).startswith("sko_")
    assert (await browser.back(second)).startswith("sko_")


async def test_the_provider_may_refuse(room: SignInRoom) -> None:
    room.provider.refusal = "access_denied"
    assert "did not sign you in (access_denied)" in await room.browser().code(ADA)


async def test_what_a_start_refuses(room: SignInRoom) -> None:
    browser = room.browser()
    answers = [
        await browser.start(email="ada@unknown.example"),
        await browser.start(organization="unknown"),
        await browser.start(email="nonsense"),
        await browser.start(),
        await browser.start(email=ADA, organization=room.made.slug),
        await browser.client.get(f"/sso/start?email={ADA}&email={ADA}"),
        await browser.client.post("/sso/start"),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 400, 400, 400, 400, 405]
    assert not browser.client.cookies
    statuses = [(await browser.start(email="ada@unknown.example")).status_code for _ in range(70)]
    assert 429 in statuses


async def test_the_cookie_and_the_headers(room: SignInRoom) -> None:
    started = await room.browser().start(email=ADA)
    cookie = started.headers["set-cookie"]
    assert cookie.startswith("skyledger-sso-")
    assert all(word in cookie for word in ("HttpOnly", "Max-Age=600", "Path=/", "SameSite=lax"))
    assert "Secure" not in cookie, "over http in development"
    assert (started.headers["cache-control"], started.headers["referrer-policy"]) == ("no-store", "no-referrer")
    asked = parse_qs(urlsplit(started.headers["location"]).query)
    assert asked["login_hint"] == [ADA]


async def test_in_production_the_cookie_is_the_hosts_own_and_the_frontend_gets_the_code(
    room: SignInRoom, runtime: Runtime
) -> None:
    """No token is in a URL, and the code stands behind `#`, where no server sees it."""
    changes = {"environment": "production", "public_url": "https://app.example/base/", "api_url": "https://api.example"}
    settings = runtime.settings.model_copy(update=changes)
    object.__setattr__(runtime, "settings", settings)
    app, _ = create_app(runtime)
    room.graphql.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://api.example")
    async with room.graphql.client:
        browser = room.browser()
        browser.client.base_url = httpx.URL("https://api.example")
        started = await browser.start(email=ADA)
        assert started.headers["set-cookie"].startswith("__Host-skyledger-sso-")
        assert "; Secure" in started.headers["set-cookie"]
        url = urlsplit(await browser.at_provider(started))
        assert f"{url.scheme}://{url.netloc}{url.path}" == f"https://api.example/sso/callback/{organization_of(room)}"
        answer = await browser.client.get(f"{url.path}?{url.query}")
        place, _, fragment = answer.headers["location"].partition("#")
        assert place == "https://app.example/base/single-sign-on"
        assert list(parse_qs(fragment)) == ["code"]
        again = await browser.client.get(f"{url.path}?{url.query}")
        assert parse_qs(urlsplit(again.headers["location"]).fragment)["error"] == ["UNAUTHENTICATED"]


async def test_the_clients_secret_is_nowhere(
    room: SignInRoom, owner: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor the cookie, the state and the code: not in the database, in a log or in an answer but their own."""
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logs:
        browser = room.browser()
        started = await browser.start(email=ADA)
        url = await browser.at_provider(started)
        cookie, state = next(iter(browser.client.cookies.values())), parse_qs(urlsplit(url).query)["state"][0]
        code = await browser.back(url)
        stored = str(await everything_stored(owner))
        await room.complete(code)
        room.provider.sign = lambda _claims: "broken"
        await room.browser().code(ADA)
    query = "query ($slug: String!) { organization(slug: $slug) { singleSignOn { issuer clientId } } }"
    shown = await room.graphql(query, {"slug": room.made.slug}, token=room.made.token("ADMIN"))
    assert shown["data"]["organization"]["singleSignOn"]["issuer"] == room.provider.issuer
    told = stored + str(await everything_stored(owner)) + str(logs) + str(shown)
    for secret in (CLIENT_SECRET, cookie, state, code):
        assert secret not in told
    assert CLIENT_SECRET not in caplog.text
    denied = await room.graphql(query, {"slug": room.made.slug}, token=room.made.token("MEMBER"))
    assert code_of(denied) == "FORBIDDEN"


async def test_the_clients_secret_gets_a_new_key(room: SignInRoom, runtime: Runtime, database: Database) -> None:
    rotation = await rotate_credentials(database, runtime.vault, lambda *_: None)
    assert (rotation.renewed, rotation.failures) == (True, [])
    assert (await room.browser().code(ADA)).startswith("sko_")
    other = SecretStr(new_credential_key())
    lost = Vault.from_settings(runtime.settings.model_copy(update={"credential_keys": other}))
    object.__setattr__(runtime, "vault", lost)
    assert (await room.browser().start(email=ADA)).status_code == 503, "a lost key is the operator's to mend"


def organization_of(room: SignInRoom) -> str:
    return str(parse_id(room.made.organization_id).id)


async def test_a_code_of_another_provider_is_shown_to_nobody(room: SignInRoom, graphql: GraphQL) -> None:
    """Mix-up: Eve's provider sends the browser on to the honest one, with a state that began for Eve's."""
    eve = SignInRoom(graphql, await company(graphql), room.provider)
    await eve.configure(domains=["eve.example"])
    room.is_signed_in_there(ADA)
    browser = room.browser()
    begun = urlsplit(await browser.at_provider(await browser.start(organization=eve.made.slug)))
    exchanges = room.provider.requests.count("/token")
    honest = f"/sso/callback/{organization_of(room)}?{begun.query}"
    assert NOT_HERE in await browser.back(honest)
    assert NOT_HERE in await browser.back(f"{begun.path}?{begun.query}"), "it was good once"
    browser = room.browser()
    begun = urlsplit(await browser.at_provider(await browser.start(email=ADA)))
    named = f"{begun.path}?{begun.query}&{urlencode({'iss': 'https://eve.example'})}"
    assert NOT_HERE in await browser.back(named), "it says that it is another"
    assert room.provider.requests.count("/token") == exchanges


async def test_a_secret_goes_to_its_own_provider_alone(room: SignInRoom, owner: Database) -> None:
    """The provider was changed while somebody was away there."""
    room.is_signed_in_there(ADA)
    browser = room.browser()
    url = await browser.at_provider(await browser.start(email=ADA))
    async with owner.engine.begin() as connection:
        await connection.execute(text("UPDATE single_sign_ons SET issuer = 'https://other.example'"))
    exchanges = room.provider.requests.count("/token")
    assert NOT_HERE in await browser.back(url)
    assert room.provider.requests.count("/token") == exchanges


async def test_graphiql_gets_the_code_where_it_asked(room: SignInRoom, runtime: Runtime) -> None:
    """In the frontend's place; nothing but GraphiQL of this server can be asked for, and it has to prove itself."""
    changes = {"public_url": "https://app.example"}
    object.__setattr__(runtime, "settings", runtime.settings.model_copy(update=changes))
    app, _ = create_app(runtime)
    room.graphql.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")
    frontend = "https://app.example/single-sign-on"
    async with room.graphql.client:
        browser = room.browser()
        started = await browser.start(organization=room.made.slug, page="graphiql", challenge=CHALLENGE)
        url = urlsplit(await browser.at_provider(started))
        answer = await browser.client.get(f"{url.path}?{url.query}")
        place, _, fragment = answer.headers["location"].partition("#")
        assert (answer.status_code, place) == (303, "/graphql")
        (code,) = parse_qs(fragment)["code"]
        assert code_of(await room.complete(code)) == "UNAUTHENTICATED", "not without the page's secret"
        for page, challenge, at in (
            ("graphiql", CHALLENGE, "/graphql"),
            ("graphiql", None, "/graphql"),
            ("https://evil.example", CHALLENGE, frontend),
            ("//evil.example", CHALLENGE, frontend),
            ("", CHALLENGE, frontend),
        ):
            asked = {"organization": "unknown", "page": page, **({"challenge": challenge} if challenge else {})}
            place, _, fragment = (await room.browser().start(**asked)).headers["location"].partition("#")
            assert (place, list(parse_qs(fragment))) == (at, ["error", "message"])


async def test_graphiql_gets_no_code_where_it_is_not_served(room: SignInRoom, runtime: Runtime) -> None:
    object.__setattr__(runtime, "settings", runtime.settings.model_copy(update={"graphiql": False}))
    app, _ = create_app(runtime)
    room.graphql.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")
    async with room.graphql.client:
        answer = await room.browser().start(email=ADA, page="graphiql", challenge=CHALLENGE)
        assert (answer.status_code, "GraphiQL" in answer.text) == (400, True)
        assert "set-cookie" not in answer.headers
