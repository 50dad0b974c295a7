"""What a provider, or somebody in its place, may send: each lie is found out, and no session starts."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.errors import SecurityWarning
from joserfc.jwk import RSAKey

from app.auth.openid import fetch, providers
from app.config import Settings
from app.context import Runtime
from tests.clients import GraphQL
from tests.openid_provider import OPENED, Claims, Key, OpenIdProvider, openid_provider
from tests.resolvers.company import company
from tests.resolvers.sign_in_room import SignInRoom, values_of

ADA = "ada@corp.example"
REFUSED = "You were not signed in"


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[OpenIdProvider, Key]]:
    with openid_provider() as found:
        yield found, found.key


@pytest.fixture
def provider(running: tuple[OpenIdProvider, Key]) -> OpenIdProvider:
    """One provider for all tests, who forgets what the one before has changed."""
    found, key = running
    for name, value in vars(OpenIdProvider(key=key, issuer=found.issuer)).items():
        setattr(found, name, value)
    return found


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


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).rstrip(b"=").decode()


def unsigned(claims: Claims) -> str:
    return f"{part({'alg': 'none'})}.{part(claims)}."


def signed_with_public_key(key: Key) -> Callable[[Claims], str]:
    """HS256 under the very text of the public key that everybody may read."""

    def sign(claims: Claims) -> str:
        text = f"{part({'alg': 'HS256', 'kid': key.key.kid})}.{part(claims)}"
        mac = hmac.digest(key.key.as_pem(private=False), text.encode(), hashlib.sha256)
        return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

    return sign


def changed_after(key: Key) -> Callable[[Claims], str]:
    """The right signature of other claims."""

    def sign(claims: Claims) -> str:
        header, _, signature = key.sign(claims).split(".")
        return f"{header}.{part({**claims, 'sub': 'somebody else'})}.{signature}"

    return sign


LIES: dict[str, Claims] = {
    "another nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "another issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "somebody-else"},
    "no audience": {"aud": None},
    "two audiences and no azp": {"aud": ["skyledger", "somebody-else"]},
    "azp of another": {"aud": ["skyledger", "somebody-else"], "azp": "somebody-else"},
    "expired": {"exp": int(time.time()) - 120},
    "no end": {"exp": None},
    "not yet": {"nbf": int(time.time()) + 3_600},
    "no subject": {"sub": None},
    "a subject that is no text": {"sub": 7},
    "a subject that is too long": {"sub": "x" * 256},
    "no address": {"email": None},
    "an address that is none": {"email": "ada"},
    "an unverified address": {"email_verified": False},
    "nothing of the address": {"email_verified": None},
    "a text for true": {"email_verified": "false"},
}


@pytest.mark.parametrize("lie", LIES)
async def test_claims_that_are_wrong_sign_nobody_in(room: SignInRoom, lie: str) -> None:
    room.provider.change = LIES[lie]
    assert REFUSED in await room.browser().code(ADA)


async def test_two_audiences_with_our_azp_are_right(room: SignInRoom) -> None:
    room.provider.change = {"aud": ["skyledger", "somebody-else"], "azp": "skyledger"}
    assert (await room.browser().code(ADA)).startswith("sko_")


async def test_signatures_that_prove_nothing_sign_nobody_in(room: SignInRoom) -> None:
    key = room.provider.key
    for sign in (
        unsigned,
        signed_with_public_key(key),
        changed_after(key),
        Key.rsa(key.key.kid or "").sign,  # another key under the same id
        Key.rsa("unknown").sign,
        lambda _claims: "no token",
        lambda _claims: "x" * 20_000,
    ):
        room.provider.sign = sign
        assert REFUSED in await room.browser().code(ADA)
    room.provider.sign = None
    assert (await room.browser().code(ADA)).startswith("sko_")


async def test_keys_are_rotated(room: SignInRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new key id is looked up at once, and then no oftener than once a minute."""
    assert (await room.browser().code(ADA)).startswith("sko_")
    monkeypatch.setattr(providers, "REFRESH_SECONDS", 0.0)
    room.provider.key = Key.elliptic("new")
    assert (await room.browser().code(ADA)).startswith("sko_")
    monkeypatch.undo()
    reads = room.provider.requests.count("/keys")
    room.provider.sign = Key.rsa("made up").sign
    for _ in range(3):
        assert "a key that the provider does not publish" in await room.browser().code(ADA)
    assert room.provider.requests.count("/keys") == reads
    assert room.provider.requests.count("/.well-known/openid-configuration") == 1, "kept"


async def test_a_small_key_is_refused(room: SignInRoom) -> None:
    small = rsa.generate_private_key(65_537, 1_024)  # noqa: S505  (what is to be refused)
    with pytest.warns(SecurityWarning, match="2048"):
        room.provider.key = Key(RSAKey.import_key(small, {"kid": "small"}), "RS256")
    assert REFUSED in await room.browser().code(ADA)


async def test_a_provider_that_is_down_or_slow(room: SignInRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = room.browser()
    url = await browser.at_provider(await browser.start(email=ADA))
    room.provider.down = True
    assert "The provider refused the sign-in (503): away" in await browser.back(url)
    room.provider.down = False
    url = await browser.at_provider(await browser.start(email=ADA))
    room.provider.delay = 20.0
    monkeypatch.setattr(fetch, "FETCH_SECONDS", 0.2)
    begun = time.monotonic()
    assert "did not answer within" in await browser.back(url)
    assert time.monotonic() - begun < 10


async def test_a_start_waits_for_no_provider_that_is_away(
    room: SignInRoom, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime.openid._known.clear()
    room.provider.down = True
    answers = await asyncio.gather(*(room.browser().start(email=ADA) for _ in range(4)))
    assert [answer.status_code for answer in answers] == [503] * 4
    assert room.provider.requests.count("/.well-known/openid-configuration") == 2, "one at the beginning, one now"
    room.provider.down = False
    monkeypatch.setattr(providers, "FAILED_SECONDS", 0.0)
    assert (await room.browser().start(email=ADA)).status_code == 303


@pytest.mark.parametrize(
    ("discovery", "words"),
    [
        ({"issuer": "https://evil.example"}, "names itself"),
        ({"token_endpoint": None}, "has no `token_endpoint`"),
        ({"token_endpoint": "https://user:password@evil.example/"}, "have no user"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "must begin with https"),
        ({"jwks_uri": "http://192.0.2.7/keys"}, "no public address"),
        ({"jwks_uri": "http://93.184.216.34/keys"}, "must begin with https"),
    ],
)
async def test_a_discovery_document_that_cannot_be_used(
    graphql: GraphQL, provider: OpenIdProvider, discovery: Claims, words: str
) -> None:
    room = SignInRoom(graphql, await company(graphql), provider)
    provider.discovery = discovery
    refused = await room.configure()
    assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "issuer"])
    assert words in refused["message"]


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"issuer": "http://127.0.0.1:1"}, "issuer"),
        ({"issuer": "https://127.0.0.1:1"}, "issuer"),
        ({"issuer": "https://[::1]/"}, "issuer"),
        ({"issuer": "https://localhost/"}, "issuer"),
        ({"issuer": "https://169.254.169.254/latest"}, "issuer"),
        ({"issuer": "https://168.63.129.16/"}, "issuer"),
        ({"issuer": "https://10.0.0.1/"}, "issuer"),
        ({"issuer": "file:///etc/passwd"}, "issuer"),
        ({"issuer": "nonsense"}, "issuer"),
        ({"issuer": ""}, "issuer"),
        ({"clientSecret": None}, "clientSecret"),
        ({"clientSecret": "ü"}, "clientSecret"),
        ({"clientId": ""}, "clientId"),
        ({"domains": []}, "domains"),
        ({"domains": ["nonsense"]}, "domains"),
        ({"domains": [f"d{number}.example" for number in range(21)]}, "domains"),
        ({"defaultRole": "OWNER"}, "defaultRole"),
    ],
)
async def test_settings_that_cannot_be_used(
    graphql: GraphQL, provider: OpenIdProvider, wrong: dict[str, Any], path: str
) -> None:
    room = SignInRoom(graphql, await company(graphql), provider)
    refused = await room.configure(**wrong)
    assert (refused["__typename"], refused.get("path")) == ("InvalidInput", ["input", path]), refused


async def test_the_secret_of_one_provider_is_not_sent_to_another(room: SignInRoom) -> None:
    kept = await room.configure(clientSecret=None)
    assert kept["__typename"] == "ConfigureSingleSignOnPayload"
    assert (await room.browser().code(ADA)).startswith("sko_"), "the stored secret is still right"
    with openid_provider() as other:
        moved = values_of(room.made, other, clientSecret=None)
        del moved["organizationId"]
        refused = await room.configure(**moved)
    assert (refused["__typename"], refused["path"]) in (
        ("InvalidInput", ["input", "issuer"]),
        ("InvalidInput", ["input", "clientSecret"]),
    )
