"""The parameters of a GraphQL request, read from a JSON body, a query string or a `subscribe` payload."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

import orjson

from app.errors import ErrorCode
from app.server.masking import Refusal

# orjson reads 1,024 levels but writes only 254: what could never be answered is not taken in.
DEEPEST_JSON = 200

_MALFORMED = ErrorCode.BAD_REQUEST
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
_PARAMETERS = (
    ("query", str, "a string"),
    ("operationName", str, "a string"),
    ("variables", dict, "an object"),
    ("extensions", dict, "an object"),
    ("documentId", str, "a string"),
)


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """One operation asked for: document text, which operation of it, and the raw values of its variables.

    With `document_digest`, a SHA-256, in the place of a text it has to be found first (app.server.trusted).
    """

    query: str
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None
    document_digest: bytes | None = None


def from_json(body: bytes) -> OperationRequest:
    """The request in an HTTP body; Refusal (400) when it is not one JSON object with the right types."""
    if not body:
        raise Refusal.of(_MALFORMED, "The body is empty: send a JSON object with `query`.")
    try:
        parameters = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refusal.of(_MALFORMED, "The body is not valid JSON in UTF-8.") from None
    if isinstance(parameters, list):
        raise Refusal.of(_MALFORMED, "Batching by an array is not supported: send one operation per request.")
    if not isinstance(parameters, dict):
        raise Refusal.of(_MALFORMED, f"The body must be a JSON object, not {_json_name(parameters)}.")
    if nested_deeper(parameters, body.decode()):
        raise Refusal.of(_MALFORMED, f"The body is nested more than {DEEPEST_JSON} levels deep.")
    return from_mapping(parameters)


def from_query_string(query_string: bytes) -> OperationRequest:
    """The request in a URL, with `variables` and `extensions` as JSON; Refusal (400) when it is malformed."""
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError:
        raise Refusal.of(_MALFORMED, "The query string is not valid percent-encoded UTF-8.") from None
    parameters: dict[str, Any] = dict(pairs)
    if len(parameters) < len(pairs):
        raise Refusal.of(_MALFORMED, "A parameter of the query string is given twice.")
    for name in ("variables", "extensions"):
        if name in parameters:
            text = parameters[name]
            try:
                parameters[name] = orjson.loads(text) if text else None
            except orjson.JSONDecodeError:
                raise Refusal.of(_MALFORMED, f"`{name}` in the query string is not valid JSON.") from None
            if nested_deeper(parameters[name], text):
                raise Refusal.of(_MALFORMED, f"`{name}` is nested more than {DEEPEST_JSON} levels deep.")
    return from_mapping(parameters)


def from_mapping(parameters: Mapping[str, Any]) -> OperationRequest:
    """The request in decoded JSON; Refusal (400) names the parameter of a wrong type. Unknown names are ignored."""
    for name, type_, noun in _PARAMETERS:
        value = parameters.get(name)
        if value is not None and not isinstance(value, type_):
            raise Refusal.of(_MALFORMED, f"`{name}` must be {noun}, not {_json_name(value)}.")
    query, digest = parameters.get("query"), _digest(parameters)
    if query is None and digest is None:
        raise Refusal.of(
            _MALFORMED, "`query` is missing: it must be the text of a GraphQL document, unless `documentId` names one."
        )
    if query is not None and digest is not None:
        if sha256(query.encode()).digest() != digest:
            raise Refusal.of(_MALFORMED, "The id is not the SHA-256 of `query`: send one of them, or make them agree.")
        digest = None
    return OperationRequest(
        query=query or "",
        operation_name=parameters.get("operationName") or None,
        variables=parameters.get("variables"),
        extensions=parameters.get("extensions"),
        document_digest=digest,
    )


def _digest(parameters: Mapping[str, Any]) -> bytes | None:
    """The SHA-256 that names a document, as `documentId` or as Apollo's `extensions.persistedQuery`; None without."""
    given, told = parameters.get("documentId"), "`documentId`"
    if given is None:
        persisted = (parameters.get("extensions") or {}).get("persistedQuery")
        if persisted is None:
            return None
        given, told = persisted.get("sha256Hash") if isinstance(persisted, dict) else None, "`sha256Hash`"
    found = _DIGEST.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        raise Refusal.of(_MALFORMED, f"{told} must be `sha256:` and 64 hexadecimal digits in lower case.")
    return bytes.fromhex(found[1])


def _json_name(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def nested_deeper(value: object, text: str) -> bool:
    """Whether decoded JSON is nested deeper than DEEPEST_JSON; `text` is what it was decoded from."""
    if text.count("[") + text.count("{") <= DEEPEST_JSON:
        return False
    level: list[Any] = [value]
    for _ in range(DEEPEST_JSON + 1):
        level = [
            child
            for parent in level
            if isinstance(parent, (dict, list))
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not level:
            return False
    return True
