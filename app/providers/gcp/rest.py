"""Questions to those of Google's APIs that are asked by REST: signed, tried again, errors as our own.

Google's own HTTP client is there already; the gRPC client of an API would be one more package for one call.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from google.api_core import exceptions as api
from google.api_core.retry import Retry
from google.auth.exceptions import TransportError
from google.auth.transport.requests import Request
from google.protobuf import json_format
from google.rpc import error_details_pb2

from app.providers.gcp.endpoints import GrpcEndpoint
from app.providers.gcp.errors import GOOGLE_ERRORS, bad_answer, provider_error

_OK = 200

Sign = Callable[[], Sequence[tuple[str, str]]]
"""Returns the headers that say who asks."""
Special = Callable[[int, str], Exception | None]
"""(status, message) → what an API says in a way of its own, None for an error that all of them have."""


class RestApi:
    """Reads one API, used by many threads at a time. `name` is its own, such as `monitoring.googleapis.com`."""

    def __init__(
        self,
        name: str,
        endpoint: GrpcEndpoint,
        sign: Sign,
        call_seconds: float,
        retry: Retry,
        special: Special = lambda _status, _message: None,
    ) -> None:
        self._name = name
        self._root = f"{'http' if endpoint.is_plaintext else 'https'}://{endpoint.address}"
        self._sign = sign
        self._seconds = call_seconds
        self._retry = retry
        self._special = special
        self._request: Any = Request()  # type: ignore[no-untyped-call, unused-ignore]

    def pages(
        self, path: str, parameters: Sequence[tuple[str, str]], asked: str, permission: str | None
    ) -> Iterator[Mapping[str, Any]]:
        """The answers about a path, page by page. `asked` names it in errors, `permission` is what it needs.

        Raises ProviderError, and what `special` makes of an error.
        """
        token, seen = "", set[str]()
        while True:
            page = [("pageToken", token)] if token else []
            query = urlencode([*parameters, *page], quote_via=quote)
            answer = self._answer(f"{self._root}/{quote(path, safe='/:')}?{query}", asked, permission)
            yield answer
            token = answer.get("nextPageToken") or ""
            if token in seen:
                raise bad_answer(asked, "repeats a page")
            seen.add(token)
            if not token:
                return

    def close(self) -> None:
        """Let go of sockets."""
        self._request.session.close()

    def _answer(self, url: str, asked: str, permission: str | None) -> Mapping[str, Any]:
        try:
            answer: Any = self._retry(self._once)(url)
        except GOOGLE_ERRORS as problem:
            raise provider_error(problem, asked, permission, self._name) from None
        if not isinstance(answer, dict):
            raise bad_answer(asked, "is no object")
        return answer

    def _once(self, url: str) -> Any:
        headers = dict(self._sign())
        try:
            # A redirect could lead to anywhere, and would take the token along.
            response = self._request(url, headers=headers, timeout=self._seconds, allow_redirects=False)
        except TransportError:
            reason = "no connection, a lost one, or no answer in time"
            raise api.ServiceUnavailable(reason) from None  # type: ignore[no-untyped-call, unused-ignore]
        if response.status != _OK:
            raise self._refusal(response.status, response.data)
        try:
            return json.loads(response.data)
        except ValueError:
            reason = "no JSON"
            raise api.DataLoss(reason) from None  # type: ignore[no-untyped-call, unused-ignore]

    def _refusal(self, status: int, body: bytes) -> Exception:
        """What an error status means, as the exception that a gRPC client would raise."""
        try:
            told = json.loads(body)["error"]
            message, details = str(told.get("message") or ""), told.get("details") or []
            kinds = [str(detail.get("@type")).rpartition(".")[2] for detail in details]
            parts = [_parsed(kind, detail) for kind, detail in zip(kinds, details, strict=True)]
        except (LookupError, TypeError, ValueError, AttributeError, json_format.ParseError):
            message, parts = "", []
        if special := self._special(status, message):
            return special
        info = next((part for part in parts if isinstance(part, error_details_pb2.ErrorInfo)), None)
        make: Any = api.from_http_status
        refusal: Exception = make(status, message, details=[part for part in parts if part], error_info=info)
        return refusal


def _parsed(kind: str, detail: Mapping[str, Any]) -> Any:
    """A detail of an error as a message of Google's, None for one that is not needed."""
    empty = {"ErrorInfo": error_details_pb2.ErrorInfo, "RetryInfo": error_details_pb2.RetryInfo}.get(kind)
    if empty is None:
        return None
    rest = {key: value for key, value in detail.items() if key != "@type"}
    return json_format.ParseDict(rest, empty(), ignore_unknown_fields=True)
