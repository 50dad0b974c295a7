"""Microsoft Graph v1.0: objects, lists page by page, questions in batches, and reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from app.providers.answers import whole
from app.providers.m365.errors import bad_answer, error_code, in_our_words, refused, refused_with
from app.providers.m365.patience import Patience, seconds_of
from app.providers.m365.signin import Token, TokenSource
from app.providers.problems import ProviderError

BATCH: Final = 20
"""The most requests that one batch takes."""
_OK, _FOUND, _UNAUTHORIZED, _NOT_FOUND = 200, 302, 401, 404
_PASSING: Final = frozenset({429, 503, 504})
"""What one of several answers may say for a moment, while the others are good."""
_MICROSOFT: Final = (
    ".office.com",
    ".office.net",
    ".office365.com",
    ".microsoft.com",
    ".cloud.microsoft",
    ".windows.net",
    ".office365.us",
    ".office.us",
    ".microsoft.us",
    ".partner.outlook.cn",
    ".chinacloudapi.cn",
)
"""Ends of the hosts from which Microsoft hands out reports."""

Document = dict[str, Any]


class Graph:
    """Reads one tenant. Used by many threads at a time; follows no redirect but that of a report."""

    def __init__(self, client: httpx.Client, tokens: TokenSource, url: str, patience: Patience) -> None:
        self._client = client
        self._tokens = tokens
        self._url = url
        self._patience = patience

    def object(self, path: str, reading: str, permission: str) -> Document:
        """The object at a path below `/v1.0`. Raises ProviderError."""
        return self._document(f"{self._url}/v1.0{path}", reading, permission)

    def pages(self, path: str, reading: str, permission: str) -> Iterator[list[Document]]:
        """The entries of a list, page by page. Raises ProviderError.

        BAD_ANSWER where a page comes twice or is on another host, which is not to have our token.
        """
        url, seen = f"{self._url}/v1.0{path}", set[str]()
        while url:
            answer = self._document(url, reading, permission)
            yield entries_of(answer, reading)
            url = str(answer.get("@odata.nextLink") or "")
            if url in seen:
                raise bad_answer(reading, "the same page is linked twice")
            if url and urlsplit(url)[:2] != urlsplit(self._url)[:2]:
                raise bad_answer(reading, "its next page is on another host")
            seen.add(url)

    def each(self, paths: Sequence[str], reading: str, permission: str) -> list[Document | None]:
        """What is at each path, in order, None where nothing is; asked for in batches. Raises ProviderError."""
        found: dict[int, Document | None] = {}
        for start in range(0, len(paths), BATCH):
            wanted = range(start, min(start + BATCH, len(paths)))
            found |= self._batch(wanted, paths, reading, permission)
        return [found[number] for number in range(len(paths))]

    @contextmanager
    def report(self, path: str, reading: str, permission: str) -> Iterator[httpx.Response]:
        """The answer with a report, its body not yet read: CSV from another host, or JSON from Graph itself.

        The link to the other host carries its own permission; our token is not sent there.
        """
        with in_our_words(reading):
            answer = self._authorized(lambda headers: self._open(f"{self._url}/v1.0{path}", headers))
            try:
                if answer.status_code == _FOUND:
                    place = self._place(answer, reading)
                    answer.close()
                    answer = self._patience.send(lambda: self._open(place, {}))
                if answer.status_code != _OK:
                    raise refused(whole(answer), reading, permission)
                yield answer
            finally:
                answer.close()

    def next_page(self, answer: Document, reading: str, permission: str) -> Document | None:
        """The page after this one; None where it is the last."""
        url = str(answer.get("@odata.nextLink") or "")
        if not url:
            return None
        if urlsplit(url)[:2] != urlsplit(self._url)[:2]:
            raise bad_answer(reading, "its next page is on another host")
        return self._document(url, reading, permission)

    def _batch(
        self, wanted: Sequence[int], paths: Sequence[str], reading: str, permission: str
    ) -> dict[int, Document | None]:
        """The answers by number; those that may pass are asked for again."""
        found: dict[int, Document | None] = {}
        left = list(wanted)
        for attempt in range(self._patience.retries + 1):
            answers = self._batched(left, paths, reading, permission)
            passing = [number for number in left if answers[number].get("status") in _PASSING]
            for number in left:
                if number not in passing:
                    found[number] = _inside(answers[number], reading, permission)
            if not passing:
                return found
            waits = [_wait(answers[number]) for number in passing]
            wait = max((seconds for seconds in waits if seconds is not None), default=None)
            if attempt == self._patience.retries or (wait or 0) > self._patience.longest_wait:
                raise refused_with(int(answers[passing[0]]["status"]), None, reading, permission, wait)
            self._patience.pause(wait, attempt)
            left = passing
        return found

    def _batched(
        self, wanted: Sequence[int], paths: Sequence[str], reading: str, permission: str
    ) -> dict[int, Document]:
        requests = [{"id": str(number), "method": "GET", "url": paths[number]} for number in wanted]
        with in_our_words(reading):
            answer = self._authorized(
                lambda headers: whole(
                    self._open(f"{self._url}/v1.0/$batch", headers, method="POST", json={"requests": requests})
                )
            )
        told = _json(answer, reading, permission).get("responses")
        answers = {str(one.get("id")): one for one in told or () if isinstance(one, dict)}
        if set(answers) != {str(number) for number in wanted}:
            raise bad_answer(reading, "it answers other questions than were asked")
        return {number: answers[str(number)] for number in wanted}

    def _document(self, url: str, reading: str, permission: str) -> Document:
        with in_our_words(reading):
            answer = self._authorized(lambda headers: whole(self._open(url, headers)))
        return _json(answer, reading, permission)

    def _authorized(self, ask: Callable[[dict[str, str]], httpx.Response]) -> httpx.Response:
        """The answer to a question with our token; once more with a new one where that one is not accepted."""
        token = self._tokens.token()
        answer = self._patience.send(lambda: ask(_headers(token)))
        if answer.status_code != _UNAUTHORIZED:
            return answer
        answer.close()
        fresh = self._tokens.token(instead_of=token)
        return self._patience.send(lambda: ask(_headers(fresh)))

    def _open(
        self, url: str, headers: dict[str, str], *, method: str = "GET", json: Document | None = None
    ) -> httpx.Response:
        return self._client.send(self._client.build_request(method, url, headers=headers, json=json), stream=True)

    def _place(self, answer: httpx.Response, reading: str) -> str:
        """Where a report is handed out: a host of Microsoft's, or that of the account's own endpoint."""
        place = answer.headers.get("Location", "")
        parts = urlsplit(place)
        host = (parts.hostname or "").lower()
        known = host == urlsplit(self._url).hostname or host.endswith(_MICROSOFT)
        if parts.scheme != "https" or not known:
            raise bad_answer(reading, "it points to a host that is none of Microsoft's")
        return str(place)


def entries_of(answer: Document, reading: str) -> list[Document]:
    """The entries of a page."""
    entries = answer.get("value")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise bad_answer(reading, "it holds no list of objects")
    return entries


def _headers(token: Token) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.value}"}


def _json(answer: httpx.Response, reading: str, permission: str) -> Document:
    if answer.status_code != _OK:
        raise refused(answer, reading, permission)
    try:
        told = answer.json()
    except ValueError:
        raise bad_answer(reading, "it is cut off or no JSON") from None
    if not isinstance(told, dict):
        raise bad_answer(reading, "it is no object")
    return told


def _inside(answer: Document, reading: str, permission: str) -> Document | None:
    """One answer of a batch: the object, None where nothing is there."""
    status, body = answer.get("status"), answer.get("body")
    if status == _OK and isinstance(body, dict):
        return body
    if status == _NOT_FOUND:
        return None
    raise _refused_inside(status, body, reading, permission)


def _refused_inside(status: Any, body: Any, reading: str, permission: str) -> ProviderError:
    if not isinstance(status, int) or status == _OK:
        return bad_answer(reading, "a part of it is no object")
    return refused_with(status, error_code(body), reading, permission)


def _wait(answer: Document) -> float | None:
    headers = answer.get("headers")
    return seconds_of(str(headers.get("Retry-After") or "")) if isinstance(headers, dict) else None
