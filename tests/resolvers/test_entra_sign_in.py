"""Signing in by Microsoft Entra, whose id tokens have no `email_verified`: by which tenant and which claims."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from app.auth.openid import entra
from app.auth.openid.fetch import OpenIdError
from app.config import Settings
from tests.clients import GraphQL
from tests.openid_provider import OPENED, Claims, OpenIdProvider, openid_provider
from tests.resolvers.company import code_of, company
from tests.resolvers.sign_in_room import SignInRoom

ADA = "ada@corp.example"
TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
OTHER_TENANT = "5e2c0f6a-4f53-4a52-9c4b-0b6f4a3c1d11"
REFUSED = "You were not signed in"


@pytest.fixture(scope="module")
def running() -> Iterator[OpenIdProvider]:
    with openid_provider() as found:
        found.issuer = f"{found.issuer}/{TENANT}/v2.0"
        yield found


@pytest.fixture
def provider(running: OpenIdProvider, monkeypatch: pytest.MonkeyPatch) -> OpenIdProvider:
    """One whose issuer is formed as a tenant's is, at a host that stands in for Entra's."""
    running.person, running.change = {}, {}
    monkeypatch.setattr(entra, "HOSTS", frozenset({urlsplit(running.issuer).netloc}))
    return running


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update=OPENED)


@pytest.fixture
async def room(graphql: GraphQL, provider: OpenIdProvider) -> SignInRoom:
    made = SignInRoom(graphql, await company(graphql), provider)
    configured = await made.configure()
    assert configured["__typename"] == "ConfigureSingleSignOnPayload", configured
    await made.verify()
    made.is_signed_in_there(ADA)
    return made


def said(**claims: Any) -> Claims:
    """What Entra says of the address: of its tenant, without `email_verified`."""
    return {"email_verified": None, "tid": TENANT, **claims}


@pytest.mark.parametrize("true", [True, 1, "1", "true"])
async def test_an_address_of_a_domain_that_the_tenant_owns_signs_in(room: SignInRoom, true: object) -> None:
    room.provider.change = said(xms_edov=true)
    answer = await room.sign_in(ADA)
    assert answer["data"]["completeSingleSignOn"]["viewer"]["user"]["email"] == ADA


LIES: dict[str, Claims] = {
    "nothing of the domain": said(),
    "a domain that the tenant does not own": said(xms_edov=False),
    "a number for false": said(xms_edov=0),
    "a text for false": said(xms_edov="0"),
    "another text": said(xms_edov="false"),
    "a list": said(xms_edov=[True]),
    "another tenant": said(xms_edov=True, tid=OTHER_TENANT),
    "no tenant": said(xms_edov=True, tid=None),
    "an issuer of another tenant": said(xms_edov=True, iss=f"https://login.microsoftonline.com/{OTHER_TENANT}/v2.0"),
    "an unverified address": {"email_verified": False, "tid": TENANT, "xms_edov": True},
    "a text for true": {"email_verified": "true", "tid": TENANT, "xms_edov": True},
}


@pytest.mark.parametrize("lie", LIES)
async def test_what_does_not_prove_the_address_signs_nobody_in(room: SignInRoom, lie: str) -> None:
    room.provider.change = LIES[lie]
    assert REFUSED in await room.browser().code(ADA)


async def test_the_message_says_which_claims_to_add(room: SignInRoom) -> None:
    room.provider.change = said()
    told = await room.browser().code(ADA)
    assert "`xms_edov`" in told
    assert "app registration" in told


async def test_a_domain_that_is_not_the_organizations_is_not_spoken_for(room: SignInRoom) -> None:
    """The tenant owns it in Entra, but nobody has verified it for the organization."""
    room.provider.change = said(xms_edov=True)
    room.is_signed_in_there("eve@elsewhere.example")
    code = await room.browser().code(ADA)
    assert code_of(await room.complete(code)) == "FORBIDDEN"


async def test_the_claim_counts_for_nothing_elsewhere(room: SignInRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that is not Entra proves addresses as the standard says."""
    monkeypatch.setattr(entra, "HOSTS", frozenset({"login.microsoftonline.com"}))
    room.provider.change = said(xms_edov=True)
    assert REFUSED in await room.browser().code(ADA)


@pytest.mark.parametrize("tenant", ["common", "organizations", "consumers", entra.PERSONAL_TENANT, TENANT.upper(), ""])
async def test_the_issuer_has_to_be_one_tenant(room: SignInRoom, tenant: str) -> None:
    issuer = room.provider.issuer.replace(TENANT, tenant)
    asked = len(room.provider.requests)
    refused = await room.configure(issuer=issuer)
    assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "issuer"])
    assert "your own tenant" in refused["message"]
    assert len(room.provider.requests) == asked, "nothing is fetched"


@pytest.mark.parametrize(
    ("issuer", "tenant"),
    [
        (f"https://login.microsoftonline.com/{TENANT}/v2.0", TENANT),
        (f"https://login.microsoftonline.us/{TENANT}/v2.0", TENANT),
        (f"https://login.partner.microsoftonline.cn/{TENANT}/v2.0", TENANT),
        (f"https://login.microsoftonline.com.evil.example/{TENANT}/v2.0", None),
        (f"https://login.microsoftonline.com@evil.example/{TENANT}/v2.0", None),
        (f"https://evil.example/login.microsoftonline.com/{TENANT}/v2.0", None),
    ],
)
def test_which_issuers_are_entras(issuer: str, tenant: str | None) -> None:
    assert entra.tenant_of(issuer) == tenant
    entra.check_issuer(issuer)


def test_an_issuer_of_everybody_is_refused() -> None:
    with pytest.raises(OpenIdError, match="your own tenant"):
        entra.check_issuer("https://login.microsoftonline.com/common/v2.0")
