"""How long the provider of Microsoft 365 waits and how often it tries again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

_WORTH_ANOTHER_TRY = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait for a connection and between two pieces of an answer, and how often to try again.

    A provider that asks for more than `longest_wait` is not waited for: the call ends as THROTTLED and whoever
    called decides.
    """

    connection_seconds: float = 5
    read_seconds: float = 60
    retries: int = 4
    backoff_seconds: float = 0.8
    longest_wait: float = 20

    def timeout(self) -> httpx.Timeout:
        """Time limits as httpx takes them."""
        return httpx.Timeout(self.read_seconds, connect=self.connection_seconds)

    def send(self, ask: Callable[[], httpx.Response]) -> httpx.Response:
        """Ask until the answer is none that may pass, or for as often as we have patience.

        Raises httpx.TransportError where the last try had no answer.
        """
        for attempt in range(self.retries):
            try:
                answer = ask()
            except httpx.TransportError:
                self.pause(None, attempt)
                continue
            if answer.status_code not in _WORTH_ANOTHER_TRY:
                return answer
            wait = retry_after(answer)
            if wait is not None and wait > self.longest_wait:
                return answer
            answer.close()
            self.pause(wait, attempt)
        return ask()

    def pause(self, asked: float | None, attempt: int) -> None:
        """Wait as long as the provider asks for, or else the longer the more often it was asked."""
        own = min(self.backoff_seconds * 2**attempt, self.longest_wait)
        time.sleep(own if asked is None else asked)


def retry_after(answer: httpx.Response) -> float | None:
    """How long the provider asks to wait, in seconds; None where it does not say."""
    return seconds_of(answer.headers.get("Retry-After"))


def seconds_of(told: str | None) -> float | None:
    """The seconds that a Retry-After says: a number, or a moment; None for neither."""
    if not told:
        return None
    if told.strip().isdecimal():
        return float(told)
    try:
        moment = parsedate_to_datetime(told)
    except ValueError:
        return None
    return max(0.0, (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds())
