"""Amounts such as 1.234: one and a bit, or a thousand and more where a file writes decimal commas.

A point is read as a decimal point. Where amounts of the file prove a decimal comma that may be wrong by a thousand
times, so the whole file is looked at again, and refused unless its amounts prove the point.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from app.costs.focus import FocusColumn, Kind
from app.costs.imports.frames import LINE
from app.costs.normalise import target_of
from app.costs.values import UnusableValueError

_NUMBERS: Final = frozenset({Kind.DECIMAL, Kind.NON_NEGATIVE_DECIMAL})
_CLEARLY: Final = 20
"""Times as many amounts as speak against it: a few may be damaged."""
_BEFORE: Final = r"^\s*[+-]?(?:[$€£]|[A-Za-z]{3})?\s?"
_BEHIND: Final = r"\s?(?:[$€£]|[A-Za-z]{3})?\s*$"
# Polars' regular expressions look neither ahead nor behind, so what is open in a set is taken out of it by another.
_OPEN: Final = r"^\s*[+-]?(?:\$ ?)?[1-9][0-9]{0,2}\.[0-9]{3}\s*$"
_OPEN_COMMA: Final = rf"{_BEFORE}[1-9][0-9]{{0,2}},[0-9]{{3}}{_BEHIND}"
_COMMA: Final = (
    rf"{_BEFORE}(?:[0-9]+,[0-9]+|[0-9]{{1,3}}(?:[. '\u2019\u00a0\u202f][0-9]{{3}})+,[0-9]+"
    rf"|[1-9][0-9]{{0,2}}(?:\.[0-9]{{3}}){{2,}}){_BEHIND}"
)
_POINT: Final = (
    rf"{_BEFORE}(?:[0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)?|[1-9][0-9]{{0,2}}(?:,[0-9]{{3}})+\.[0-9]+"
    rf"|[1-9][0-9]{{0,2}}(?:,[0-9]{{3}}){{2,}}){_BEHIND}"
)
_IS_COMMA: Final = re.compile(_COMMA)
_IS_OPEN_COMMA: Final = re.compile(_OPEN_COMMA)


class MixedMarksError(Exception):
    """Some amounts of a file may be read both ways; `line` has the first with a decimal comma."""

    def __init__(self, line: int, open_line: int, place: str) -> None:
        self.line = line
        super().__init__(
            f"amounts are written with a decimal comma in {place} {line} and with a point that may be a decimal point "
            f"or part thousands in {place} {open_line}: write all of them with a decimal point and nothing between "
            "thousands, and send all of it again"
        )


@dataclass(slots=True)
class _Column:
    """How many amounts prove which mark, and the first lines with a decimal comma and with what is open."""

    commas: int = 0
    points: int = 0
    comma_line: int | None = None
    open_line: int | None = None

    @property
    def is_point(self) -> bool:
        return self.points > 0 and self.points >= _CLEARLY * self.commas

    @property
    def is_comma(self) -> bool:
        return self.commas > 0 and not self.is_point


def proves_comma(text: object) -> bool:
    """Whether an amount can only have been written with a decimal comma, or with points between thousands."""
    return isinstance(text, str) and bool(_IS_COMMA.search(text)) and not _IS_OPEN_COMMA.search(text)


def is_amount(column: FocusColumn | str | None) -> bool:
    """Whether a column holds amounts."""
    return isinstance(column, FocusColumn) and column.kind in _NUMBERS


def check_marks(frames: Iterable[pl.DataFrame], place: str = "line") -> None:
    """Look at all amounts of a file: frames with `LINE` and its columns. Raises MixedMarksError.

    `place` is what the message calls a line.

    A column has a decimal comma where its amounts prove that and do not prove the point 20 times as often. Where any
    has, amounts that may be read both ways are only certain in columns that prove the point.
    """
    columns: dict[str, _Column] = {}
    for frame in frames:
        for series in frame.get_columns():
            if series.dtype == pl.String and is_amount(_target(series.name)):
                _count(columns.setdefault(series.name, _Column()), series, frame.get_column(LINE))
    commas = [column.comma_line for column in columns.values() if column.is_comma and column.comma_line is not None]
    doubtful = [column.open_line for column in columns.values() if column.open_line is not None and not column.is_point]
    if commas and doubtful:
        raise MixedMarksError(min(commas), min(doubtful), place)


def frame_of_texts(rows: Sequence[tuple[int, Mapping[str, object]]]) -> pl.DataFrame:
    """Numbered rows as such a frame, with the texts of their amounts; numbers of JSON are what they are."""
    names = dict.fromkeys(name for _, row in rows for name in row if is_amount(_target(name)))
    texts = {name: [text if isinstance(text := row.get(name), str) else None for _, row in rows] for name in names}
    return pl.DataFrame(
        {LINE: [number for number, _ in rows], **texts}, schema={LINE: pl.Int64, **dict.fromkeys(names, pl.String)}
    )


def _count(column: _Column, texts: pl.Series, lines: pl.Series) -> None:
    open_ = texts.str.contains(_OPEN)
    commas = lines.filter(texts.str.contains(_COMMA) & ~texts.str.contains(_OPEN_COMMA))
    column.commas += commas.len()
    column.points += int((texts.str.contains(_POINT) & ~open_).sum())
    column.comma_line = _first(column.comma_line, commas)
    column.open_line = _first(column.open_line, lines.filter(open_))


def _first(known: int | None, lines: pl.Series) -> int | None:
    return known if known is not None or not lines.len() else int(str(lines.min()))


def _target(name: str) -> FocusColumn | str | None:
    try:
        return target_of(name)
    except UnusableValueError:
        return None
