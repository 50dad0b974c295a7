"""Quotes left open: the rows between them are found again or told, in both ways of reading."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.costs.imports.deliveries import charge, write
from tests.costs.imports.test_damaged_files import by_columns, by_rows

HEADER = "BilledCost,BillingCurrency,ChargePeriodStart,ChargePeriodEnd,ChargeDescription,Stray"


def a_file(path: Path, descriptions: dict[int, str]) -> Path:
    """Sixty charges, each of its own line; descriptions are written as they are, quotes too."""
    lines = [
        f"{line},USD,2026-10-01T00:00:00Z,2026-10-02T00:00:00Z,{descriptions.get(line, 'plain')},x"
        for line in range(2, 62)
    ]
    path.write_text("\n".join([HEADER, *lines, ""]))
    return path


@pytest.mark.parametrize(
    ("descriptions", "lost"),
    [
        ({10: '"d10', 40: '"'}, {10, 40}),
        ({10: '"', 40: '"'}, {10, 40}),
        ({10: '"d10', 40: '"d40'}, {10, 40}),
        ({10: '"24 inch', 40: '24 "'}, {10}),
        ({10: '"d10', 11: '"'}, {10, 11}),
        ({10: '"a', 20: '"', 30: '"b', 40: '"'}, {10, 20, 30, 40}),
    ],
    ids=range(6),
)
def test_rows_between_two_stray_quotes_are_not_swallowed(
    tmp_path: Path, descriptions: dict[int, str], lost: set[int]
) -> None:
    path = a_file(tmp_path / "stray.csv", descriptions)
    for read in (by_columns, by_rows):
        charges, lines, refused = read(path)
        assert (charges, lines, refused) == ({n: str(n) for n in range(2, 62) if n not in lost}, lost, None)


def test_texts_of_several_lines_stay_texts(tmp_path: Path) -> None:
    text = 'first, line\nsecond "line", too\n\nlast'
    path = write(tmp_path / "texts.csv", [charge(number, ChargeDescription=text) for number in range(1, 9)])
    for read in (by_columns, by_rows):
        charges, lines, refused = read(path)
        assert (len(charges), lines, refused) == (8, set(), None)


def test_a_chunk_of_nothing_but_broken_lines_is_told_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.csv"
    sound = "1,USD,2026-10-01T00:00:00Z,2026-10-02T00:00:00Z,text,x"
    path.write_text("\n".join([HEADER, *(["1,USD"] * 2_000), sound, *([""] * 2_000), sound, ""]))
    assert by_columns(path) == by_rows(path) == ({2_002: "1", 4_003: "1"}, set(range(2, 2_002)), None)
