"""Custom scalars: exact decimals as text, moments in UTC, JSON objects; each says where its form is specified."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from app.costs.values import FRACTION_DIGITS, INTEGER_DIGITS

JSONObject = NewType("JSONObject", dict)  # type: ignore[type-arg]
BigInt = NewType("BigInt", int)
# The largest whole number that every client reads as it was written: those of JavaScript are floats of 64 bits.
LARGEST_BIG_INT = 2**53 - 1


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


def _day(value: object) -> date:
    """Parse a calendar date."""
    try:
        return date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        message = f'{value!r} is no date, such as "2026-11-01".'
        raise GraphQLError(message) from None


def moment_text(value: datetime) -> str:
    """A moment as text in UTC with `Z`, to the microsecond where there is one."""
    return value.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def decimal_text(value: Decimal | int) -> str:
    """A decimal as plain digits, never in exponent form, with the scale that it was stored with."""
    return format(value, "f")


def _big_int(value: object) -> int:
    """Parse a whole number; also as text, for clients whose variables are floats."""
    text = str(value)
    if (
        isinstance(value, bool)
        or not isinstance(value, str | int)
        or len(text) > len(str(-LARGEST_BIG_INT))
        or not text.removeprefix("-").isascii()
        or not text.removeprefix("-").isdecimal()
        or abs(int(text)) > LARGEST_BIG_INT
    ):
        message = f"A BigInt is a whole number from -{LARGEST_BIG_INT} to {LARGEST_BIG_INT}."
        raise GraphQLError(message)
    return int(text)


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
    date: strawberry.scalar(
        name="Date",
        description='A calendar day, as ISO 8601 text such as "2026-11-01". Days begin and end in UTC.',
        specified_by_url="https://scalars.graphql.org/andimarek/local-date.html",
        serialize=date.isoformat,
        parse_value=_day,
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A whole number beyond 32 bits, such as a number of bytes, from -(2^53 - 1) to 2^53 - 1.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259#section-6",
        serialize=int,
        parse_value=_big_int,
    ),
    JSONObject: strawberry.scalar(
        name="JSONObject",
        description="A JSON object with keys and values of the caller's or the provider's own.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259#section-4",
        serialize=lambda value: value,
        parse_value=_object,
    ),
}
