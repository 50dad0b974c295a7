"""One row of an inventory batch: from what a caller sent to typed values, or to what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from app.costs.values import TEXT_BYTES, UnusableValueError, checked_text
from app.records import Provider, RowIssue

LARGEST_OBJECT = 65_536
SHOWN = 80
REQUIRED = ("provider", "account_id", "resource_type", "resource_id")
TEXTS = (*REQUIRED, "account_name", "service", "resource_name", "region", "availability_zone", "status")
OBJECTS = ("tags", "properties")


@dataclass(frozen=True)
class ResourceRow:
    """A good row. `account` is (provider, the provider's account id)."""

    account: tuple[str, str]
    account_name: str
    service: str
    resource_type: str
    native_id: str
    name: str
    region: str | None
    availability_zone: str | None
    status: str | None
    tags: dict[str, Any]
    properties: dict[str, Any]
    provider_created_at: datetime | None


class _IssuesFound(Exception):  # noqa: N818  (control flow inside this file)
    """Carries one issue up to `read_row`."""

    def __init__(self, column: str | None, value: object, reason: str) -> None:
        self.issue = (column, value, reason)


def read_row(number: int, row: Mapping[str, object]) -> ResourceRow | list[RowIssue]:
    """Type one row; `number` counts from 1. All issues of the row are reported, not the first alone."""
    issues: list[RowIssue] = []
    values: dict[str, Any] = {}
    for column, reader in _readers():
        try:
            values[column] = reader(column, row.get(column))
        except _IssuesFound as found:
            name, value, reason = found.issue
            issues.append(RowIssue(number, name, shown(value), reason))
    if issues:
        return issues
    return ResourceRow(
        account=(values["provider"], values["account_id"]),
        account_name=values["account_name"] or values["account_id"],
        service=values["service"] or values["resource_type"],
        resource_type=values["resource_type"],
        native_id=values["resource_id"],
        name=values["resource_name"] or values["resource_id"],
        region=values["region"],
        availability_zone=values["availability_zone"],
        status=values["status"],
        tags=values["tags"],
        properties=values["properties"],
        provider_created_at=values["created_at"],
    )


def _readers() -> Iterator[tuple[str, Any]]:
    yield from ((column, _provider if column == "provider" else _text) for column in TEXTS)
    yield from ((column, _object) for column in OBJECTS)
    yield "created_at", _moment


def shown(value: object) -> str | None:
    """A value short enough for a message."""
    if value is None:
        return None
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _text(column: str, value: object) -> str | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        if column in REQUIRED:
            raise _IssuesFound(column, value, "is required")
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _IssuesFound(column, value, "must be text")
    text = str(value).strip()
    try:
        return checked_text(text, TEXT_BYTES)
    except UnusableValueError as error:
        raise _IssuesFound(column, value, str(error)) from None


def _provider(column: str, value: object) -> str:
    text = _text(column, value)
    name = (text or "").upper().replace(" ", "_")
    if name not in Provider.__members__:
        raise _IssuesFound(column, value, f"must be one of {', '.join(Provider)}")
    return name


def _object(column: str, value: object) -> dict[str, Any]:
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise _IssuesFound(column, value, 'must be a JSON object, such as {"team": "web"}') from None
    if not isinstance(value, dict):
        raise _IssuesFound(column, value, 'must be a JSON object, such as {"team": "web"}')
    try:
        encoded = orjson.dumps(value)
    except (TypeError, orjson.JSONEncodeError):
        raise _IssuesFound(column, value, "contains text that is no valid Unicode") from None
    if len(encoded) > LARGEST_OBJECT:
        raise _IssuesFound(column, None, f"has {len(encoded)} bytes as JSON; at most {LARGEST_OBJECT} are kept")
    if b"\\u0000" in encoded:
        raise _IssuesFound(column, value, "contains a NUL character")
    if column == "tags":
        return {str(key): _tag_value(column, key, item) for key, item in value.items()}
    return value


def _tag_value(column: str, key: object, item: object) -> str:
    if isinstance(item, str):
        return item
    if item is None:
        return ""
    if isinstance(item, bool | int | float):
        return orjson.dumps(item).decode()
    raise _IssuesFound(column, item, f"the value of tag {shown(key)!r} must be text")


def _moment(column: str, value: object) -> datetime | None:
    if value is None or value == "":
        return None
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise _IssuesFound(column, value, "must be an ISO 8601 date and time, such as 2026-11-01T00:00:00Z") from None
