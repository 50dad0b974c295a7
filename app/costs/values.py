"""One value of a charge: read from what was sent into a typed value, or refused with the reason."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Final, TypeAlias, TypeVar

import orjson

from app.costs.conformance import shortened

JsonValue: TypeAlias = "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None"
Json = TypeVar("Json", bound=JsonValue)
ColumnValue: TypeAlias = "str | Decimal | datetime | dict[str, JsonValue] | None"

INTEGER_DIGITS: Final = 38
FRACTION_DIGITS: Final = 50
"""AWS sends doubles: what rounding leaves of them, such as -1.1102230246251565E-16, has 17 digits behind zeros."""
EXACT_FLOAT_DIGITS: Final = 15
TEXT_BYTES: Final = 2_048
"""Longest text of a column in UTF-8: the length of the longest AWS ARN, and what a B-tree entry (2,704 bytes) holds."""
DESCRIPTION_BYTES: Final = 8_192
CURRENCY_BYTES: Final = 64
JSON_BYTES: Final = 65_536
JSON_DEPTH: Final = 16
EARLIEST_YEAR: Final = 1990
LATEST_YEAR: Final = 2199

_NULL_LENGTH: Final = 16
_NUMBER_LENGTH: Final = 200
_TIMESTAMP_LENGTH: Final = 64
_LARGEST_INTEGER: Final = 2**63 - 1
_HOURS: Final = 24
# ASCII's record and unit separators: ids of dimensions are made of texts with these between them.
_SEPARATORS: Final = {0x1E: " ", 0x1F: " "}

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,6})?")
# One group alone ("1,234") may be a decimal comma, so it needs a decimal point or a second group behind it.
_GROUPED: Final = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:(?:,[0-9]{3})+\.[0-9]+|(?:,[0-9]{3}){2,})")
_DOLLARS: Final = re.compile(r"([+-]?)\$ ?(.+)")
_ISO: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r" ?(Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?)?",
    re.IGNORECASE,
)
_MONTH_FIRST: Final = re.compile(
    r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{2}|[0-9]{4})(?: ([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?)?"
)


class UnusableValueError(ValueError):
    """The value cannot be used; the message is the reason, made to follow the name of the column."""


def is_null(raw: object) -> bool:
    """Whether nothing was sent: None, blank text, or the word NULL in any case."""
    if not isinstance(raw, str):
        return raw is None
    if len(raw) > _NULL_LENGTH:
        return raw.isspace()
    return raw.strip().lower() in {"", "null"}


def read_text(raw: object, limit: int = TEXT_BYTES) -> tuple[str, str | None]:
    """Text of at most `limit` bytes without surrounding blanks, and what was changed. A whole number becomes text."""
    if isinstance(raw, str):
        text = raw.translate(_SEPARATORS).strip()
        checked_text(text, limit)
        return text, None if text == raw else "blanks around the value removed"
    if isinstance(raw, int) and not isinstance(raw, bool) and abs(raw) <= _LARGEST_INTEGER:
        return str(raw), "number read as text"
    message = f"must be text, not {type(raw).__name__}"
    raise UnusableValueError(message)


def checked_text(text: str, limit: int) -> str:
    """The text itself, if PostgreSQL can store it and it has at most `limit` bytes in UTF-8."""
    if "\0" in text:
        message = "holds a NUL character, which cannot be stored"
        raise UnusableValueError(message)
    try:
        length = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError:
        message = "holds half a surrogate pair, which is no character"
        raise UnusableValueError(message) from None
    if length > limit:
        message = f"is {length} bytes long; at most {limit} are kept"
        raise UnusableValueError(message)
    return text


def read_decimal(raw: object) -> tuple[Decimal, str | None]:
    """An exact number, and what was changed.

    Takes text (plain, with exponent, or as in `$10,000.00`), Decimal, int, and floats of up to 15 digits, which are
    exact (0.1 is 0.1); a longer one may have lost digits before it came here. Refuses what is not finite, has over 38
    digits before the point or over 50 behind it.
    """
    if isinstance(raw, str):
        return _decimal_of_text(raw)
    if isinstance(raw, bool) or not isinstance(raw, (int, float, Decimal)):
        message = f"must be a number, not {type(raw).__name__}"
        raise UnusableValueError(message)
    if isinstance(raw, int):
        if raw.bit_length() > 4 * INTEGER_DIGITS:
            message = f"has more than {INTEGER_DIGITS} digits before the point"
            raise UnusableValueError(message)
        return _bounded(Decimal(raw)), None
    if not math.isfinite(raw) if isinstance(raw, float) else not raw.is_finite():
        message = "is not a finite number"
        raise UnusableValueError(message)
    if isinstance(raw, float):
        return _decimal_of_float(raw), None
    return _bounded(raw), None


def _decimal_of_float(raw: float) -> Decimal:
    """The shortest decimal of a float, where a longer one cannot have been sent: up to 15 digits come through whole."""
    value = Decimal(repr(raw))
    if len(value.as_tuple().digits) > EXACT_FLOAT_DIGITS:
        message = "may have lost digits as a JSON number: send it as text"
        raise UnusableValueError(message)
    return _bounded(value)


def _decimal_of_text(raw: str) -> tuple[Decimal, str | None]:
    text = raw.strip()
    if len(text) > _NUMBER_LENGTH:
        message = f"is {len(text)} characters long, which no number is"
        raise UnusableValueError(message)
    if plain := _NUMBER.fullmatch(text):
        # At most 38 characters without an exponent cannot leave the bounds, and -0 is the only other oddity.
        within = len(text) <= INTEGER_DIGITS and plain.group(1) is None and text[0] != "-"
        return Decimal(text) if within else _bounded(Decimal(text)), None
    dollars = _DOLLARS.fullmatch(text)
    bare = "".join(dollars.groups()) if dollars else text
    if _GROUPED.fullmatch(bare):
        return _bounded(Decimal(bare.replace(",", ""))), "thousands separators and currency sign removed"
    if dollars and _NUMBER.fullmatch(bare):
        return _bounded(Decimal(bare)), "currency sign removed"
    if text.lower().lstrip("+-") in {"nan", "inf", "infinity", "snan"}:
        message = "is not a finite number"
    elif "," in text and text.strip("+-0123456789.,") == "":
        message = "has a comma that may be a decimal comma: write it with a decimal point and without separators"
    else:
        message = "is not a number"
    raise UnusableValueError(message)


def _bounded(value: Decimal) -> Decimal:
    """The same number without exponent form and without a negative zero, if it is within the bounds."""
    if not value:
        return value.copy_abs() if -FRACTION_DIGITS <= int(value.as_tuple().exponent) <= 0 else Decimal(0)
    if value.adjusted() >= INTEGER_DIGITS:
        message = f"has more than {INTEGER_DIGITS} digits before the point"
        raise UnusableValueError(message)
    digits, exponent = value.as_tuple().digits, int(value.as_tuple().exponent)
    if -exponent > FRACTION_DIGITS:
        zeros = len(digits) - len(bytes(digits).rstrip(b"\0"))
        if -exponent - zeros > FRACTION_DIGITS:
            message = f"has more than {FRACTION_DIGITS} digits behind the point"
            raise UnusableValueError(message)
        return Decimal(decimal_text(value))
    return Decimal(format(value, "f")) if exponent > 0 else value


def decimal_text(value: Decimal) -> str:
    """The one text of a number: no exponent, no trailing zeros behind the point, no negative zero."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def read_timestamp(raw: object) -> tuple[datetime, str | None]:
    """A point in time in UTC, and what was changed.

    Takes `YYYY-MM-DD`, the same with a time (blank or T between, seconds and up to 9 decimals optional, Z, UTC or an
    offset optional), `m/d/yy` as in the worked examples of FOCUS, and date and datetime objects. Without a zone it
    is UTC. Hours from 24 on are in the next days, as the worked examples count.
    """
    if isinstance(raw, str):
        text = raw.strip()
        if len(text) > _TIMESTAMP_LENGTH:
            message = f"is {len(text)} characters long, which no timestamp is"
            raise UnusableValueError(message)
        return _timestamp_of_text(text)
    if isinstance(raw, datetime):
        zoned = raw if raw.tzinfo else raw.replace(tzinfo=UTC)
        return _in_range(zoned), None if raw.tzinfo else "no time zone: read as UTC"
    if isinstance(raw, date):
        return _in_range(datetime(raw.year, raw.month, raw.day, tzinfo=UTC)), "date read as midnight UTC"
    message = f"must be a timestamp, not {type(raw).__name__}"
    raise UnusableValueError(message)


@functools.lru_cache(maxsize=8_192)
def _timestamp_of_text(text: str) -> tuple[datetime, str | None]:
    if found := _ISO.fullmatch(text):
        year, month, day, hour, minute, second, fraction, zone = found.groups()
        changed = None if zone else "date read as midnight UTC" if hour is None else "no time zone: read as UTC"
    elif found := _MONTH_FIRST.fullmatch(text):
        month, day, year, hour, minute, second = found.groups()
        year, fraction, zone = year if len(year) > len("yy") else f"20{year}", None, None
        changed = "month/day/year read as UTC"
    else:
        message = "is not a timestamp: write it like 2026-01-31T00:00:00Z"
        raise UnusableValueError(message)
    if fraction and fraction[6:].strip("0"):
        changed = "fraction of a second cut to microseconds"
    days, hours = divmod(int(hour or 0), _HOURS)
    if days:
        changed = "hour beyond 23 carried into the next day"
    microseconds = int((fraction or "").ljust(6, "0")[:6])
    try:
        clock = time(hours, int(minute or 0), int(second or 0), microseconds, _zone(zone))
        moment = datetime.combine(date(int(year), int(month), int(day)), clock) + timedelta(days=days)
    except (ValueError, OverflowError) as error:
        message = f"is not a timestamp: {error}"
        raise UnusableValueError(message) from None
    return _in_range(moment), changed


def _zone(zone: str | None) -> timezone:
    if zone is None or zone.upper() in {"Z", "UTC"}:
        return UTC
    digits = zone[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if zone[0] == "-" else offset)


def _in_range(moment: datetime) -> datetime:
    try:
        in_utc = moment.astimezone(UTC)
    except OverflowError:
        in_utc = None
    if in_utc is None or not EARLIEST_YEAR <= in_utc.year <= LATEST_YEAR:
        message = f"is outside the years {EARLIEST_YEAR} to {LATEST_YEAR}"
        raise UnusableValueError(message)
    return in_utc


def read_currency(raw: object, *, virtual: bool) -> tuple[str, str | None]:
    """An ISO 4217 code in capitals, and what was changed; `virtual` also lets other names through, as they are."""
    text, changed = read_text(raw, CURRENCY_BYTES)
    if re.fullmatch(r"[A-Za-z]{3}", text):
        return text.upper(), changed if text.isupper() else "currency code written in capitals"
    if virtual:
        return text, changed
    message = "is not a currency code of three letters such as USD"
    raise UnusableValueError(message)


def read_enum(raw: object, allowed: tuple[str, ...]) -> tuple[str, str | None]:
    """A value of a closed list as FOCUS writes it, and what was changed. A value outside the list stays as it is.

    Case, blanks, hyphens and underscores do not count: `usage_based` is `Usage-Based`.
    """
    text, changed = read_text(raw)
    if text in allowed:
        return text, changed
    known = _by_folded(allowed).get(_folded(text))
    return (text, changed) if known is None else (known, f"{shortened(text)!r} read as {known!r}")


@functools.lru_cache(maxsize=64)
def _by_folded(allowed: tuple[str, ...]) -> dict[str, str]:
    return {_folded(value): value for value in allowed}


def _folded(text: str) -> str:
    return re.sub(r"[\s_-]+", "", text).lower()


def read_json_object(raw: object) -> dict[str, JsonValue]:
    """A JSON object of at most 64 KiB and 16 levels, from its text or from a mapping; keys and values as sent."""
    if isinstance(raw, str):
        checked_text(raw, JSON_BYTES)
        try:
            raw = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            message = f"is not a JSON object: {error}"
            raise UnusableValueError(message) from None
    if not isinstance(raw, Mapping):
        message = f"must be a JSON object, not {type(raw).__name__}"
        raise UnusableValueError(message)
    return _bounded_json(_json_mapping(raw, 1))


def read_json(raw: object) -> JsonValue:
    """Any JSON value within the bounds of a JSON object; a number that JSON cannot hold exactly becomes text."""
    return _bounded_json(_json(raw, 1))


def _bounded_json(value: Json) -> Json:
    length = len(orjson.dumps(value))
    if length > JSON_BYTES:
        message = f"is {length} bytes of JSON; at most {JSON_BYTES} are kept"
        raise UnusableValueError(message)
    return value


def _json(raw: object, depth: int) -> JsonValue:
    if isinstance(raw, str):
        return checked_text(raw, JSON_BYTES)
    if raw is None or isinstance(raw, bool):
        return raw
    if isinstance(raw, (int, float, Decimal)):
        return _json_number(raw)
    if isinstance(raw, Mapping):
        return _json_mapping(raw, depth)
    if isinstance(raw, (list, tuple)):
        return [_json(value, _deeper(depth)) for value in raw]
    if isinstance(raw, (datetime, date)):
        return raw.isoformat()
    message = f"holds {type(raw).__name__}, which is not JSON"
    raise UnusableValueError(message)


def _json_mapping(raw: Mapping[object, object], depth: int) -> dict[str, JsonValue]:
    return {checked_text(str(key), JSON_BYTES): _json(value, _deeper(depth)) for key, value in raw.items()}


def _json_number(raw: float | Decimal) -> int | float | str:
    if isinstance(raw, int):
        return raw if abs(raw) <= _LARGEST_INTEGER else decimal_text(read_decimal(raw)[0])
    if not math.isfinite(raw) if isinstance(raw, float) else not raw.is_finite():
        message = "holds a number that is not finite"
        raise UnusableValueError(message)
    if isinstance(raw, float):
        return raw
    return float(raw) if math.isfinite(float(raw)) and Decimal(repr(float(raw))) == raw else str(raw)


def _deeper(depth: int) -> int:
    if depth >= JSON_DEPTH:
        message = f"is nested more than {JSON_DEPTH} levels deep"
        raise UnusableValueError(message)
    return depth + 1
