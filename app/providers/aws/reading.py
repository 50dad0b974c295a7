"""How collectors read AWS: page by page, tags, ARNs, moments, plain values, and what a resource's network is."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, Protocol

import jmespath
from botocore.exceptions import PaginationError
from botocore.utils import parse_timestamp

from app.providers.aws.errors import repeated_page
from app.providers.base import GLOBAL, Relation
from app.records import RelationshipKind

_TOKENS: Final = {
    "NextToken": "NextToken",
    "nextToken": "nextToken",
    "NextMarker": "Marker",
    "Marker": "Marker",
    "marker": "marker",
    "nextMarker": "marker",
}
"""Where an answer names the next page, and the argument that asks for it; an argument of the same name comes first."""
_KEY_NAMES: Final = ("Key", "key", "TagKey", "tagKey")
_VALUE_NAMES: Final = ("Value", "value", "TagValue", "tagValue")
_LATEST_SECONDS: Final = 10**11
"""A number of seconds beyond the year 5000 is one of milliseconds."""


class Named(Protocol):
    """What an ARN needs to know of a connection."""

    account: str
    partition: str


def paged(client: Any, operation: str, key: str, **arguments: Any) -> Iterator[list[dict[str, Any]]]:
    """The pages of `operation` (in snake case): what stands at `key`, a JMESPath, in each answer; [] where nothing is.

    Raises ProviderError(BAD_ANSWER) when an answer names the page that was just read as the next one.
    """
    found = _picker(key)
    if client.can_paginate(operation):
        try:
            for answer in client.get_paginator(operation).paginate(**arguments):
                yield found(answer) or []
        except PaginationError:
            raise repeated_page(operation) from None
        return
    following: dict[str, Any] = {}
    while True:
        answer = getattr(client, operation)(**arguments, **following)
        yield found(answer) or []
        token = _next_token(client, operation, answer)
        if not token:
            return
        if token == following:
            raise repeated_page(operation)
        following = token


def names_in(client: Any, operation: str, key: str, **arguments: Any) -> Iterator[list[str]]:
    """The pages of an operation that lists names or ARNs only."""
    for page in paged(client, operation, key, **arguments):
        yield [str(name) for name in page]


def tags(pairs: Mapping[str, Any] | Iterable[Mapping[str, Any]] | None) -> dict[str, str]:
    """Tags by key, of any of the shapes in which services of AWS tell them."""
    if not pairs:
        return {}
    if isinstance(pairs, Mapping):
        return {str(key): str(value) for key, value in pairs.items()}
    told = {}
    for pair in pairs:
        key = _first(pair, _KEY_NAMES)
        if key is not None:
            told[str(key)] = str(_first(pair, _VALUE_NAMES) or "")
    return told


def arn(connection: Named, service: str, region: str, rest: str) -> str:
    """The ARN of `rest`, such as `volume/vol-1`; without a region for `global`."""
    place = "" if region == GLOBAL else region
    return f"arn:{connection.partition}:{service}:{place}:{connection.account}:{rest}"


def moment(value: Any) -> datetime | None:
    """A moment in UTC of a datetime, ISO 8601 text or Unix seconds (or milliseconds); None where there is none."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        value = datetime.fromtimestamp(value / 1000 if value >= _LATEST_SECONDS else value, UTC)
    if not isinstance(value, datetime):
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def read_timestamp(value: Any) -> datetime:
    """A timestamp as an answer of AWS holds it. Raises ValueError where it is none.

    For botocore's parsers, whose own reading of ISO 8601 took half of the time in which they read a page of EC2.
    """
    if isinstance(value, str) and "T" in value:
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass  # RFC 822, such as `Tue, 06 Jan 2026 00:00:00 GMT`
    found: datetime = parse_timestamp(value)
    return found


def plain(value: Any) -> Any:
    """A copy that JSON can hold: moments as ISO 8601 text in UTC, exact numbers as text; bytes are left out."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items() if not isinstance(item, bytes)}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value if not isinstance(item, bytes)]
    if isinstance(value, datetime):
        told = moment(value)
        return told.isoformat() if told else None
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return None if isinstance(value, bytes) else value


def placed_in(
    vpc: str | None, subnets: Iterable[str | None] = (), groups: Iterable[str | None] = ()
) -> tuple[Relation, ...]:
    """IN_NETWORK to the VPC, the subnets and the security groups, each once; empty ids are left out."""
    ids = dict.fromkeys(identifier for identifier in (vpc, *subnets, *groups) if identifier)
    return tuple(Relation(RelationshipKind.IN_NETWORK, identifier) for identifier in ids)


@functools.cache
def _picker(key: str) -> Any:
    return jmespath.compile(key).search


def _first(pair: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((pair[name] for name in names if name in pair), None)


def _next_token(client: Any, operation: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """The argument that asks for the page after this answer; empty where it was the last."""
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation]).input_shape
    members = shape.members if shape is not None else {}
    for name, argument in _TOKENS.items():
        if answer.get(name):
            taken = next((known for known in (name, argument) if known in members), None)
            if taken is not None:
                return {taken: answer[name]}
    return {}
