"""Reading public price lists: documents that are read in batches, skipped where nothing changed, gone on with."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Final, Protocol

import httpx

from app.providers.answers import TAKEN, refuse_packed_twice, whole
from app.providers.problems import ProblemCode, ProviderError
from app.records import Provider
from app.records.prices import ListPrice

BATCH: Final = 1_000
"""Prices that are stored at a time."""
_ATTEMPTS: Final = 3
_PAUSE: Final = 2.0
_LONGEST_PAUSE: Final = 60.0
_TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)
_OK, _NOT_MODIFIED, _TOO_MANY, _SERVER_ERROR = 200, 304, 429, 500
_DENIED: Final = frozenset({401, 403})
_REMEDY: Final = "Look whether this machine reaches the provider's price list, then refresh prices again."


@dataclass(frozen=True, slots=True)
class PriceBatch:
    """Prices of a document, and where to go on behind them; None where only the end of the document tells."""

    prices: Sequence[ListPrice]
    position: str | None = None


@dataclass(frozen=True, slots=True)
class OpenDocument:
    """A document that has something new: its version, if it has one, and its prices, to be read once."""

    version: str | None
    batches: Iterator[PriceBatch]


class PriceReader(Protocol):
    """Reads the price list of one provider. Every method raises ProviderError and may be called in any thread."""

    provider: Provider

    def documents(self, regions: Sequence[str]) -> Sequence[str]:
        """Names of the documents with the prices of some regions; no call is made."""

    def open(self, document: str, version: str | None, position: str | None) -> OpenDocument | None:
        """A document from a position on; None where it still is of this version."""

    def close(self) -> None:
        """Let go of connections."""


class PriceClient:
    """Asks over HTTP, three times where that may help."""

    def __init__(self, headers: dict[str, str] | None = None, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._headers = {"User-Agent": "skyledger", **(headers or {})}
        self._sleep = sleep

    @cached_property
    def _client(self) -> httpx.Client:
        """Made when it is first used: most workers never ask for prices."""
        hooks: dict[str, list[Callable[..., Any]]] = {"response": [refuse_packed_twice]}
        return httpx.Client(timeout=_TIMEOUT, headers={**TAKEN, **self._headers}, event_hooks=hooks)

    def close(self) -> None:
        """Let go of connections."""
        if "_client" in self.__dict__:
            self._client.close()

    def json(self, url: str) -> dict[str, Any]:
        """A JSON object. Raises ProviderError."""
        with self.stream(url) as answer:
            try:
                found = whole(answer).json()
            except httpx.DecodingError:
                raise _unreadable(url) from None
            except httpx.HTTPError as error:
                raise away(url, error) from None
            except ValueError:
                raise bad_answer(url, "is no JSON") from None
        if not isinstance(found, dict):
            raise bad_answer(url, "is no JSON object")
        return found

    @contextmanager
    def stream(self, url: str) -> Iterator[httpx.Response]:
        """The answer to a GET, its body not read yet. Raises ProviderError for any status but 200."""
        answer = self._asked(url)
        try:
            yield answer
        finally:
            answer.close()

    def _asked(self, url: str) -> httpx.Response:
        for attempt in range(_ATTEMPTS):
            problem, pause = ProviderError(ProblemCode.UNREACHABLE, "", _REMEDY), _PAUSE * 2**attempt
            try:
                answer = self._client.send(self._client.build_request("GET", url), stream=True)
            except httpx.DecodingError:
                raise _unreadable(url) from None
            except httpx.HTTPError as error:
                problem = away(url, error)
            else:
                if answer.status_code == _OK:
                    return answer
                answer.close()
                problem = _refused(url, answer.status_code)
                pause = _asked_patience(answer, pause)
                if not problem.retry:
                    break
            if attempt + 1 < _ATTEMPTS:
                self._sleep(pause)
        raise problem


def _asked_patience(answer: httpx.Response, pause: float) -> float:
    told = answer.headers.get("Retry-After", "")
    return min(float(told), _LONGEST_PAUSE) if told.isdecimal() else pause


def _refused(url: str, status: int) -> ProviderError:
    place = httpx.URL(url).host
    if status in _DENIED:
        return ProviderError(
            ProblemCode.DENIED, f"{place} refused to tell prices (HTTP {status}).", "Look at the key for prices."
        )
    if status == _TOO_MANY:
        return ProviderError(ProblemCode.THROTTLED, f"{place} asks for patience.", "Refresh prices again later.")
    code = ProblemCode.FAILED if status >= _SERVER_ERROR else ProblemCode.BAD_ANSWER
    return ProviderError(code, f"{place} answered with HTTP {status}.", _REMEDY, retry=status >= _SERVER_ERROR)


def away(url: str, error: httpx.HTTPError) -> ProviderError:
    """No answer, or one that broke off."""
    place = httpx.URL(url).host
    return ProviderError(ProblemCode.UNREACHABLE, f"{place} was not reached ({type(error).__name__}).", _REMEDY)


def _unreadable(url: str) -> ProviderError:
    return bad_answer(url, "is too large, or packed in a way that was not asked for")


def bad_answer(url: str, why: str) -> ProviderError:
    """An answer that is not what the provider's documentation says."""
    return ProviderError(ProblemCode.BAD_ANSWER, f"What {httpx.URL(url).host} told of prices {why}.", _REMEDY)


def day_of(told: object) -> date:
    """The day of a moment as providers write it, in UTC; AWS writes days. Raises ValueError."""
    moment = datetime.fromisoformat(str(told))
    return moment.date() if moment.tzinfo is None else moment.astimezone(UTC).date()
