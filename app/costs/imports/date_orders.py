"""Dates such as 3/10/2026: whether a file writes the day or the month first, by what else stands in the file.

Read wrongly, a month's charges lie in twelve others, so where nothing tells which it is the file is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from enum import Enum
from typing import Final

import polars as pl

from app.costs.values import UnusableValueError, read_timestamp

DAY_FIRST_READ: Final = "day/month/year read as UTC"
_START, _END = "billing_period_start", "billing_period_end"
_CHARGE: Final = "charge_period_start"
DATES: Final = (_START, _END, _CHARGE, "charge_period_end")
# As app.costs.values reads months first: two or four digits of the year, a time of day or none.
_SLASHED: Final = re.compile(
    r"\s*([0-9]{1,2})/([0-9]{1,2})/([0-9]{2}|[0-9]{4})(?: ([0-9]{1,2})(:[0-9]{2}(?::[0-9]{2})?))?\s*"
)
_MONTH_IN_NAME: Final = re.compile(r"(?<![0-9])(20[0-9]{2})[-_.]?(0[1-9]|1[0-2])(?![0-9])")
_MONTHS: Final = 12
_CLEARLY: Final = 20
"""Times as many rows as speak against it: a few may be damaged, or corrections of another month."""
Texts = Mapping[str, str | None]
"""A row's dates as they were sent, by column of `DATES`."""


class DateOrder(Enum):
    """What stands first; the value is how a message says it."""

    MONTH_FIRST = "month/day/year"
    DAY_FIRST = "day/month/year"


class AmbiguousDatesError(Exception):
    """Nothing tells in which order the dates of a file are; the message says what to do."""

    def __init__(self, example: str) -> None:
        super().__init__(
            f"dates such as {example} may be day/month/year or month/day/year, and nothing beside them tells which: "
            "write them like 2026-10-31, in Excel by the format yyyy-mm-dd, and send all of it again"
        )


class DateOrders:
    """The order of one file's dates, found out where the first of them stand. Raises AmbiguousDatesError."""

    def __init__(self, file_name: str = "") -> None:
        self._file_name = file_name
        self._order: DateOrder | None = None

    def read_frame(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, pl.Series]]:
        """The frame with dates that have the day first as YYYY-MM-DD; by column, in which rows that is so."""
        schema = frame.schema
        names = [name for name in DATES if schema.get(name) == pl.String]
        slashed = [name for name in names if frame.get_column(name).str.contains("/", literal=True).any()]
        if not slashed:
            return frame, {}
        if self._order is None:
            self._order = date_order(frame.select(names).unique(maintain_order=True).to_dicts(), self._file_name)
        if self._order is not DateOrder.DAY_FIRST:
            return frame, {}
        changed: dict[str, pl.Series] = {}
        for name in slashed:
            texts = frame.get_column(name)
            changed[name] = texts.str.contains("/", literal=True).fill_null(value=False)
            frame = frame.with_columns(
                texts.replace({text: in_iso(text) for text in texts.filter(changed[name]).unique()})
            )
        return frame, changed

    def read_rows(self, rows: Sequence[Mapping[str, object]], columns: Mapping[str, str]) -> list[Mapping[str, object]]:
        """The same for rows whose columns have these names, each with its name in `DATES`."""
        texts = [{columns[name]: _text(value) for name, value in row.items() if name in columns} for row in rows]
        if not any("/" in (text or "") for row in texts for text in row.values()):
            return list(rows)
        if self._order is None:
            self._order = date_order(texts, self._file_name)
        if self._order is not DateOrder.DAY_FIRST:
            return list(rows)
        return [
            {name: in_iso(sent) if name in columns and isinstance(sent, str) else sent for name, sent in row.items()}
            for row in rows
        ]


def date_order(rows: Iterable[Texts], file_name: str = "") -> DateOrder | None:
    """The order in which these rows write their dates; None where all are the same in both.

    What tells, the first that does: billing periods begin and end with months; a month has no number above 12; charges
    lie in their billing period; charges lie in the month that the file's name has.
    """
    found = [row for row in rows if any(_SLASHED.fullmatch(text) for text in row.values() if text)]
    example = next((text for row in found for text in row.values() if text and _is_open(text)), None)
    if example is None and not any(_differ(text) for row in found for text in row.values() if text):
        return None
    named = _MONTH_IN_NAME.search(file_name)
    month = date(int(named[1]), int(named[2]), 1) if named else None
    for evidence in (_of_billing_period, _of_numbers, _within_billing_period, lambda row: _within(row, month)):
        counts: Counter[DateOrder] = Counter()
        for row in found:
            possible = evidence(row)
            if len(possible) == 1:
                counts.update(possible)
        for order, other in (tuple(DateOrder), tuple(DateOrder)[::-1]):
            if counts[order] and counts[order] >= _CLEARLY * counts[other]:
                return order
    raise AmbiguousDatesError((example or next(text for row in found for text in row.values() if text)).strip())


def in_iso(text: str) -> str:
    """A date that has the day first, as YYYY-MM-DD with its time; what cannot be one is made no date at all."""
    found = _SLASHED.fullmatch(text)
    if found is None:
        return text
    day, month, year, hour, minutes = found.groups()
    if int(month) > _MONTHS:
        return f"{text} (not {DateOrder.DAY_FIRST.value})"
    clock = f" {int(hour):02d}{minutes}" if hour else ""
    return f"{_year(year):04d}-{int(month):02d}-{int(day):02d}{clock}"


def _of_billing_period(row: Texts) -> set[DateOrder]:
    """The orders in which all of the billing period that is written so are firsts of months."""
    texts = [text for name in (_START, _END) if (text := row.get(name)) and _SLASHED.fullmatch(text)]
    if not any(_differ(text) for text in texts):
        return set()
    found = set()
    for order in DateOrder:
        days = [day.replace(day=1) for text in texts if (day := _date(text, order)) is not None and day.day == 1]
        if len(set(days)) == len(texts):
            found.add(order)
    return found


def _of_numbers(row: Texts) -> set[DateOrder]:
    """The order that some date of the row can have alone."""
    found: set[DateOrder] = set()
    for text in row.values():
        possible = {order for order in DateOrder if text and _date(text, order) is not None}
        if text and _SLASHED.fullmatch(text) and len(possible) == 1:
            found |= possible
    return found


def _within_billing_period(row: Texts) -> set[DateOrder]:
    """The orders in which the charge begins in its billing period, which is written in another way."""
    start, end = _plain(row.get(_START)), _plain(row.get(_END))
    if start is None:
        return set()
    return {order for order in DateOrder if (day := _charge(row, order)) is not None and _is_in(day, start, end)}


def _within(row: Texts, month: date | None) -> set[DateOrder]:
    """The orders in which the charge begins in a month."""
    if month is None:
        return set()
    return {order for order in DateOrder if (day := _charge(row, order)) is not None and day.replace(day=1) == month}


def _is_in(day: date, start: date, end: date | None) -> bool:
    return start <= day < end if end is not None else day.replace(day=1) == start.replace(day=1)


def _charge(row: Texts, order: DateOrder) -> date | None:
    text = row.get(_CHARGE)
    return _date(text, order) if text else None


def _date(text: str, order: DateOrder) -> date | None:
    """The day of a date with slashes read in an order; None for what it cannot be."""
    found = _SLASHED.fullmatch(text)
    if found is None:
        return None
    first, second, year = int(found[1]), int(found[2]), _year(found[3])
    month, day = (first, second) if order is DateOrder.MONTH_FIRST else (second, first)
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _plain(text: str | None) -> date | None:
    """The day of a date without slashes."""
    if not text or "/" in text:
        return None
    try:
        return read_timestamp(text)[0].date()
    except UnusableValueError:
        return None


def _year(text: str) -> int:
    return int(text) if len(text) > len("26") else 2000 + int(text)


def _differ(text: str) -> bool:
    """Whether the two orders do not read the same day."""
    return _date(text, DateOrder.MONTH_FIRST) != _date(text, DateOrder.DAY_FIRST)


def _is_open(text: str) -> bool:
    """Whether a date can be read in both orders, as two days."""
    return _differ(text) and None not in {_date(text, order) for order in DateOrder}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
