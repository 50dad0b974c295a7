"""Requests to providers that customers choose: guarded as all such requests are, small and short.

Where they may go is for `app.outgoing` to say. Beyond that they are https: whoever reads or changes what a provider
tells us may sign in as anybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import httpx
import orjson

from app.outgoing import OutgoingError, OutgoingGuard, checked_url, guarded_client, is_packed, raw_beginning

FETCH_SECONDS: Final = 5.0
"""Of one request, from the name's look-up to the last byte of the answer."""
MOST_BYTES: Final = 262_144


class OpenIdError(Exception):
    """Something of a provider cannot be used. The message is for people and holds no secret."""


class ProviderAwayError(OpenIdError):
    """A provider cannot be reached, or does not answer as it should."""


class Fetcher:
    """Fetches JSON objects, each within a time and a size.

    With `plain` also without TLS, where the guard's networks allow that.
    """

    def __init__(self, guard: OutgoingGuard, *, plain: bool) -> None:
        self._guard = guard
        self._plain = plain

    async def check(self, url: str) -> None:
        """Raise OpenIdError for a URL that may not be called, or not be shown to a browser.

        Where https leads is seen when it is called: only browsers may reach the page of a sign-in.
        """
        found = self._readable(url)
        if found.scheme != "https":
            try:
                await self._guard.addresses(found)
            except OutgoingError as error:
                raise OpenIdError(_unusable(found, error)) from None

    async def fetch(
        self, url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, content: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        """The status and the JSON object of an answer. Raises OpenIdError, ProviderAwayError for no such answer."""
        asked = self._readable(url)
        shown = _shown(asked)
        sent = {"accept": "application/json", **(headers or {})}
        try:
            async with (
                asyncio.timeout(FETCH_SECONDS),
                # One for each request: what a provider has a client keep, such as cookies, is told to nobody else.
                guarded_client(self._guard, seconds=FETCH_SECONDS) as client,
                client.stream(method, asked, headers=sent, content=content) as response,
            ):
                body = await _body(response)
        except OutgoingError as error:
            # Of a kind with one that is away: a name that is not found now may be found later.
            raise ProviderAwayError(_unusable(asked, error)) from None
        except TimeoutError:
            message = f"{shown} did not answer within {FETCH_SECONDS:g} seconds."
            raise ProviderAwayError(message) from None
        except (httpx.HTTPError, OSError, ValueError) as error:
            message = f"{shown} cannot be reached ({type(error).__name__})."
            raise ProviderAwayError(message) from None
        try:
            found = orjson.loads(body)
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            message = f"{shown} answered {response.status_code} without a JSON object."
            raise ProviderAwayError(message)
        return response.status_code, found

    def _readable(self, url: str) -> httpx.URL:
        """A URL of the right form. Raises OpenIdError."""
        try:
            found = checked_url(url)
        except OutgoingError as error:
            message = f"A URL of the provider cannot be used: {error}"
            raise OpenIdError(message) from None
        if found.scheme != "https" and not self._plain:
            message = f"{_shown(found)} cannot be used: The URL must begin with https://."
            raise OpenIdError(message)
        return found


async def _body(response: httpx.Response) -> bytes:
    shown = _shown(response.request.url)
    if is_packed(response):
        message = f"{shown} answered with a Content-Encoding, which was not asked for; have it send its JSON plainly."
        raise ProviderAwayError(message)
    body = await raw_beginning(response, MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        message = f"{shown} answered with more than {MOST_BYTES:,} bytes."
        raise ProviderAwayError(message)
    return body


def _unusable(url: httpx.URL, error: OutgoingError) -> str:
    return f"{_shown(url)} cannot be used: {error}"


def _shown(url: httpx.URL) -> str:
    """A URL without what may be secret in it."""
    return f"{url.scheme}://{url.netloc.decode('ascii', 'replace').rpartition('@')[2]}{url.path}"[:200]
