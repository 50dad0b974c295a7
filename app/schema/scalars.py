"""Custom scalars: exact decimals as text, moments in UTC, JSON objects; each says where its form is specified."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from app.costs.values import FRACTION_DIGITS, INTEGER_DIGITS

JSONObject = NewType("JSONObject", dict)  # type: ignore[type-arg]


def _decimal(value: object) -> Decimal:
    """Parse text or an integer; a float has already lost digits, so it is refused."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        message = 'A Decimal is given as text, such as "12.340", so that no digit is lost.'
        raise GraphQLError(message)
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal("NaN")
    if (
        not number.is_finite()
        or number.adjusted() >= INTEGER_DIGITS
        or -int(number.as_tuple().exponent) > FRACTION_DIGITS
    ):
        message = f"A Decimal has at most {INTEGER_DIGITS} digits before and {FRACTION_DIGITS} behind the point."
        raise GraphQLError(message)
    return number


def _moment(value: object) -> datetime:
    """Parse ISO 8601; a moment without zone is taken as UTC."""
    if not isinstance(value, str):
        message = 'A DateTime is given as text, such as "2026-11-01T00:00:00Z".'
        raise GraphQLError(message)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        message = f'{value!r} is no ISO 8601 date and time, such as "2026-11-01T00:00:00Z".'
        raise GraphQLError(message) from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def moment_text(value: datetime) -> str:
    """A moment as text in UTC with `Z`, to the microsecond where there is one."""
    return value.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def decimal_text(value: Decimal | int) -> str:
    """A decimal as plain digits, never in exponent form, with the scale that it was stored with."""
    return format(value, "f")


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        message = "A JSONObject is a JSON object."
        raise GraphQLError(message)
    return value


SCALARS: dict[object, ScalarDefinition] = {
    Decimal: strawberry.scalar(
        name="Decimal",
        description='An exact decimal number, as text such as "12.340". Amounts are never floats.',
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259#section-6",
        serialize=decimal_text,
        parse_value=_decimal,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description='A moment in UTC, as ISO 8601 text such as "2026-11-01T00:00:00Z".',
        specified_by_url="https://scalars.graphql.org/andimarek/date-time.html",
        serialize=moment_text,
        parse_value=_moment,
    ),
    JSONObject: strawberry.scalar(
        name="JSONObject",
        description="A JSON object with keys and values of the caller's or the provider's own.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259#section-4",
        serialize=lambda value: value,
        parse_value=_object,
    ),
}
