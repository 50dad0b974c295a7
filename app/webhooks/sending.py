"""One request to a webhook, and what its answer means."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import httpx

from app.outgoing import OutgoingError, guarded_client, raw_beginning
from app.webhooks.tools import WebhookTools

KEPT_BYTES: Final = 2_048
"""Of an answer's body, for the log."""
LONGEST_WAIT: Final = timedelta(days=1)
_HEADERS: Final = {
    "content-type": "application/json",
    "user-agent": "Skyledger-Webhooks/1",
}


@dataclass(frozen=True)
class Answer:
    """What came of a request: a status with the beginning of the body, or a failure without one."""

    started_at: datetime
    milliseconds: int
    status_code: int | None = None
    body: str | None = None
    failure: str | None = None
    retry_after: timedelta | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the message was taken."""
        return self.failure is None

    @property
    def gone(self) -> bool:
        """Whether the endpoint wants no message any more."""
        return self.status_code == HTTPStatus.GONE


async def send(tools: WebhookTools, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Send a message; what goes wrong is told, never raised."""
    started_at, begun = datetime.now(UTC), time.monotonic()

    def answer(status_code: int | None = None, text: str | None = None, failure: str | None = None) -> Answer:
        return Answer(started_at, round((time.monotonic() - begun) * 1000), status_code, text, failure)

    try:
        async with (
            asyncio.timeout(tools.seconds),
            guarded_client(tools.guard, seconds=tools.seconds) as client,
            client.stream("POST", url, headers={**_HEADERS, **headers}, content=body) as response,
        ):
            text = await _beginning(response)
            made = answer(response.status_code, text, _failure_of(response.status_code))
            return _waiting(made, response.headers.get("retry-after"))
    except OutgoingError as error:
        return answer(failure=str(error))
    except (TimeoutError, httpx.TimeoutException):
        return answer(failure=f"There was no whole answer within {tools.seconds:g} seconds.")
    except httpx.ConnectError as error:
        why = "its certificate is not trusted" if "CERTIFICATE" in str(error) else "nobody answers there"
        return answer(failure=f"The connection could not be made: {why}.")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return answer(failure=f"The request broke off ({type(error).__name__}).")


async def _beginning(response: httpx.Response) -> str:
    """The first bytes of a body as text; the rest is not read."""
    found = await raw_beginning(response, KEPT_BYTES)
    return found.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def _failure_of(status: int) -> str | None:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return f"The answer was {status}: redirects are not followed. Give the webhook the final URL."
    return f"The answer was {status}."


def _waiting(answer: Answer, retry_after: str | None) -> Answer:
    wait = None if answer.succeeded or retry_after is None else read_retry_after(retry_after, answer.started_at)
    return Answer(
        answer.started_at, answer.milliseconds, answer.status_code, answer.body, answer.failure, retry_after=wait
    )


def read_retry_after(value: str, moment: datetime) -> timedelta | None:
    """How long a `Retry-After` asks to wait, a day at most; None for what says nothing."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter for numbers that no integer of C holds
        return None
    until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return min(max(until - moment, timedelta(0)), LONGEST_WAIT)
