"""The doors of single sign-on beside the graph: browsers on the one side, the room of organizations behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.context import Runtime
from app.errors import RateLimitedError, UnavailableError
from app.organizations.provider_sign_in import Rooms, begin_sign_in, flow_of, take_back
from app.rate_limits import Rate, Take
from app.server.provider_sign_in import CALLBACK_PATH, Departure

STARTS: Final = Rate(60, 1.0)
"""Of sign-ins that begin behind one address, such as an office."""


class ProviderSignInDoor:
    """What `app.server.provider_sign_in` asks for."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def begin(self, asked: Mapping[str, str], base_url: str, client_address: str | None) -> Departure:
        """See app.organizations.provider_sign_in.begin_sign_in. Raises RateLimitedError too."""
        rate_limits = self._runtime.rate_limits
        bucket = f"singleSignOn:{rate_limits.of_address(client_address)}"
        taken = await rate_limits.take([Take(bucket, STARTS, 1)])
        if taken.wait:
            message = f"Too many sign-ins begin from your network. Wait {taken.wait} seconds before the next."
            raise RateLimitedError(message, retry_after=taken.wait)
        begun = await begin_sign_in(
            self._rooms(base_url),
            email=asked.get("email"),
            slug=asked.get("organization"),
            verifier_challenge=asked.get("challenge"),
        )
        return Departure(begun.url, begun.flow, begun.cookie)

    async def take_back(self, organization: str, brought: Mapping[str, str], cookie: str | None, base_url: str) -> str:
        """See app.organizations.provider_sign_in.take_back."""
        return await take_back(
            self._rooms(base_url),
            organization=organization,
            state=brought.get("state", ""),
            cookie=cookie,
            code=brought.get("code"),
            error=brought.get("error"),
            issuer=brought.get("iss"),
        )

    def flow_of(self, state: str) -> str:
        """See app.organizations.provider_sign_in.flow_of."""
        return flow_of(state)

    def _rooms(self, base_url: str) -> Rooms:
        runtime, settings = self._runtime, self._runtime.settings
        url = settings.api_url
        if url is None and settings.environment == "production":
            message = "Single sign-on is off here: the operator has not set SKYLEDGER_API_URL."
            raise UnavailableError(message)
        return Rooms(runtime.authenticator, runtime.vault, runtime.openid, (url or base_url) + CALLBACK_PATH)
