"""What was bent or lacking in the rows of a delivery that were kept."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SHORTENED = 80
DISTINCT_NOTES = 1_000
"""Notes kept apart in one delivery; what comes after is counted together, so that memory stays bounded."""


class Gap(StrEnum):
    """In which way a delivery departs from FOCUS although its rows were kept."""

    STILL_COUNTED = "not delivered again"
    MISSING_COLUMN = "missing column"
    NULL_VALUE = "null where mandatory"
    DERIVED_VALUE = "derived value"
    NORMALISED_VALUE = "normalised value"
    DISALLOWED_VALUE = "disallowed value"
    BROKEN_RULE = "broken rule"
    COUNTED_TWICE = "also in another dataset"
    RENAMED_COLUMN = "unknown column kept under x_"
    IGNORED_COLUMN = "ignored column"


@dataclass(frozen=True, slots=True)
class ConformanceNote:
    """One kind of gap in one column: how many rows have it and which is the first."""

    gap: Gap
    column: str
    detail: str
    rows: int
    first_row: int


class ConformanceNotes:
    """The gaps of one delivery (a file or a batch), counted; `accepted` and `rejected` count its rows."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Count from nothing."""
        self.accepted = 0
        self.rejected = 0
        self._counts: dict[tuple[Gap, str, str], list[int]] = {}

    def record(self, gap: Gap, column: str, detail: str, row_number: int, rows: int = 1) -> None:
        """Count a gap of `rows` rows, the first of which is `row_number`."""
        key = (gap, column, detail)
        if key not in self._counts and len(self._counts) >= DISTINCT_NOTES:
            key = (gap, "*", "further columns and values")
        count = self._counts.setdefault(key, [0, row_number])
        count[0] += rows
        count[1] = min(count[1], row_number)

    def merge(self, other: ConformanceNotes) -> None:
        """Add the counts of another part of the same delivery."""
        self.accepted += other.accepted
        self.rejected += other.rejected
        for note in other.notes():
            self.record(note.gap, note.column, note.detail, note.first_row, note.rows)

    def notes(self) -> list[ConformanceNote]:
        """All notes, by gap in the order of `Gap`, then column and detail."""
        order = {gap: place for place, gap in enumerate(Gap)}
        keys = sorted(self._counts, key=lambda key: (order[key[0]], key[1], key[2]))
        return [ConformanceNote(*key, *self._counts[key]) for key in keys]


def shortened(value: object) -> str | None:
    """A value as it may be shown: at most 80 characters, nothing unprintable; None stays None."""
    if value is None:
        return None
    if isinstance(value, str):
        text = value[: SHORTENED + 1]
    elif isinstance(value, int) and value.bit_length() > 4 * SHORTENED:
        text = f"a whole number of {value.bit_length()} bits"
    elif isinstance(value, (list, tuple, dict)):
        text = f"{type(value).__name__} of {len(value)}"
    else:
        text = str(value)
    printable = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return printable if len(printable) <= SHORTENED else printable[: SHORTENED - 1] + "…"
