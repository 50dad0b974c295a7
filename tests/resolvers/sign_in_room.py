"""A company with single sign-on, and browsers that pass its provider."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

from tests.clients import GraphQL
from tests.openid_provider import CLIENT_ID, CLIENT_SECRET, OpenIdProvider
from tests.resolvers.company import Company

ROOT = "root-key-of-the-tests-0123456789abcdef"
SHOWN = "issuer clientId redirectUri defaultRole required domains { domain verifiedAt }"
CONFIGURE = f"""mutation ($input: ConfigureSingleSignOnInput!) {{ configureSingleSignOn(input: $input) {{
  __typename ... on ConfigureSingleSignOnPayload {{ singleSignOn {{ {SHOWN} }} }}
  ... on UserError {{ code message path }} }} }}"""
VERIFY = f"""mutation ($input: VerifyEmailDomainInput!) {{ verifyEmailDomain(input: $input) {{
  __typename ... on VerifyEmailDomainPayload {{ singleSignOn {{ {SHOWN} }} }}
  ... on UserError {{ code message path }} }} }}"""
COMPLETE = """mutation ($input: CompleteSingleSignOnInput!) { completeSingleSignOn(input: $input) {
  __typename
  ... on CompleteSingleSignOnPayload { accessToken refreshToken viewer { user { id email name emailVerifiedAt }
    organizations { nodes { slug viewerRole } } } }
  ... on SecondFactorRequired { challenge }
  ... on UserError { code message path } } }"""


def values_of(made: Company, provider: OpenIdProvider, **more: Any) -> dict[str, Any]:
    """The input of `configureSingleSignOn`."""
    return {
        "organizationId": made.organization_id,
        "issuer": provider.issuer,
        "clientId": CLIENT_ID,
        "clientSecret": CLIENT_SECRET,
        "domains": ["corp.example"],
        "defaultRole": "MEMBER",
        **more,
    }


@dataclass
class SignInRoom:
    """The company, its provider, and the graph."""

    graphql: GraphQL
    made: Company
    provider: OpenIdProvider

    async def configure(self, **more: Any) -> dict[str, Any]:
        """Set single sign-on as the owner."""
        values = values_of(self.made, self.provider, **more)
        answer = await self.graphql.data(CONFIGURE, {"input": values}, token=self.made.token("OWNER"))
        found: dict[str, Any] = answer["configureSingleSignOn"]
        return found

    async def verify(self, domain: str = "corp.example", organization_id: str | None = None) -> dict[str, Any]:
        """Verify a domain as the operator."""
        values = {"organizationId": organization_id or self.made.organization_id, "domain": domain}
        answer = await self.graphql.data(VERIFY, {"input": values}, root_key=ROOT)
        found: dict[str, Any] = answer["verifyEmailDomain"]
        return found

    def is_signed_in_there(self, email: str, subject: str | None = None, **more: Any) -> None:
        """Who is signed in at the provider."""
        self.provider.person = {"sub": subject or f"subject of {email}", "email": email, "name": "Ada Corp", **more}

    def browser(self) -> Browser:
        """A new one, without a cookie."""
        transport = self.graphql.client._transport
        return Browser(self, httpx.AsyncClient(transport=transport, base_url="http://test"))

    async def sign_in(self, email: str, **more: Any) -> dict[str, Any]:
        """All of it, in a new browser: what `completeSingleSignOn` answers."""
        self.is_signed_in_there(email, **more)
        browser = self.browser()
        code = await browser.code(email)
        assert code.startswith("sko_"), code
        return await self.complete(code)

    async def complete(self, code: str, **more: Any) -> dict[str, Any]:
        """The whole answer."""
        return await self.graphql(COMPLETE, {"input": {"code": code, **more}})


@dataclass
class Browser:
    """Keeps cookies and follows where it is sent."""

    room: SignInRoom
    client: httpx.AsyncClient

    async def start(self, **asked: str) -> httpx.Response:
        """The first door."""
        return await self.client.get(f"/sso/start?{urlencode(asked)}")

    async def at_provider(self, started: httpx.Response) -> str:
        """Sign in there; the URL to come back by."""
        assert started.status_code == 303, started.text
        async with httpx.AsyncClient() as client:
            answer = await client.get(started.headers["location"])
        assert answer.status_code == 307
        return answer.headers["location"]

    async def back(self, url: str) -> str:
        """The second door: the code, or the text of the error."""
        parts = urlsplit(url)
        answer = await self.client.get(f"{parts.path}?{parts.query}")
        if "#" in answer.headers.get("location", ""):
            found = parse_qs(urlsplit(answer.headers["location"]).fragment)
            return found.get("code", found.get("message", [""]))[0]
        code = re.search(r"sko_[A-Za-z0-9_-]{43}", answer.text)
        return code.group() if code else answer.text

    async def code(self, email: str, **more: str) -> str:
        """From the first door to the second."""
        return await self.back(await self.at_provider(await self.start(email=email, **more)))
