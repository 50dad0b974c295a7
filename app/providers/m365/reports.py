"""Usage reports of Microsoft 365: CSV files, or JSON where Graph prefers it, as rows with plain names.

Reports lag about two days, which each row says (`reportRefreshDate`), and look back 7, 30, 90 or 180 days, no other.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from tempfile import SpooledTemporaryFile
from typing import Any, Final

import httpx

from app.providers.answers import whole
from app.providers.m365.errors import bad_answer, concealed, other_form
from app.providers.m365.graph import Graph, entries_of
from app.providers.m365.permissions import READ_REPORTS

_IN_MEMORY: Final = 8 * 1024 * 1024
_LARGEST: Final = 1024 * 1024 * 1024
"""Bytes of a report: a row of 200 bytes for each of five million users."""
_LETTERS: Final = re.compile(r"[^a-z0-9]")
_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NO_ID: Final = "00000000-0000-0000-0000-000000000000"

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Report:
    """A report, and what of it has to be there; columns as `plain_name` writes them."""

    path: str
    about: str
    key: str
    """The column by which its rows are joined: a user's principal name, or an id."""
    columns: tuple[str, ...]
    days: int
    """How far it looks back."""

    @property
    def is_of_users(self) -> bool:
        """Whether its rows are joined by names of users."""
        return self.key.endswith("principalname")


def user_name(row: Row, key: str = "userprincipalname") -> str:
    """The principal name in a row, in the form in which names are compared."""
    return row.get(key, "").strip().lower()


def read_report(graph: Graph, report: Report) -> Iterator[Row]:
    """The rows of a report that are not of something deleted. Raises ProviderError, also where names are concealed."""
    with graph.report(report.path, report.about, READ_REPORTS) as answer:
        is_json = "json" in answer.headers.get("Content-Type", "")
        rows = _json_rows(graph, report, answer) if is_json else _csv_rows(report, answer)
        for row in rows:
            if row.get("isdeleted", "").lower() == "true":
                continue
            if _hides(report, row.get(report.key, "").strip()):
                raise concealed(report.about)
            yield row


def by_key(graph: Graph, report: Report, made: Callable[[Row], dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What is made of each row, by its key; rows without one are left out. Raises ProviderError."""
    found = {user_name(row, report.key): made(row) for row in read_report(graph, report)}
    found.pop("", None)
    return found


def plain_name(column: str) -> str:
    """`Report Refresh Date` of CSV and `reportRefreshDate` of JSON alike: `reportrefreshdate`."""
    return _LETTERS.sub("", column.lower())


def day(row: Row, column: str) -> str | None:
    """A day in a row, None where there is none."""
    text = row.get(column, "").strip()[:10]
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None


def number(row: Row, column: str) -> int | None:
    """A whole number in a row, None where there is none."""
    text = row.get(column, "").strip()
    return int(text) if text.isdecimal() else None


def flag(row: Row, column: str) -> bool | None:
    """Yes or no in a row, None where it says neither."""
    return {"yes": True, "true": True, "no": False, "false": False}.get(row.get(column, "").strip().lower())


def window(report: Report, row: Row) -> dict[str, Any]:
    """Of when a row is, and how far it looks back."""
    told = {"refreshedOn": day(row, "reportrefreshdate"), "periodDays": number(row, "reportperiod") or report.days}
    return known(told)


def known(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are there."""
    return {name: value for name, value in values.items() if value is not None}


def _hides(report: Report, key: str) -> bool:
    """Whether a row has a hash, or nothing, in the place of a name or id that tells whose it is."""
    if report.is_of_users:
        return bool(key) and "@" not in key
    return key == _NO_ID or not _ID.fullmatch(key.lower())


def _csv_rows(report: Report, answer: httpx.Response) -> Iterator[Row]:
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        size = 0
        for piece in answer.iter_bytes():
            size += len(piece)
            if size > _LARGEST:
                raise bad_answer(report.about, "it is too large")
            file.write(piece)
        file.seek(0)
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        try:
            lines = csv.reader(text, strict=True)
            names = _checked(report, [plain_name(column) for column in next(lines, [])])
            for line in lines:
                if line and len(line) != len(names):
                    raise bad_answer(report.about, "a row has more or less columns than the first")
                if line:
                    yield dict(zip(names, line, strict=True))
        except (csv.Error, UnicodeDecodeError):
            raise bad_answer(report.about, "it is cut off or no CSV") from None


def _json_rows(graph: Graph, report: Report, answer: httpx.Response) -> Iterator[Row]:
    try:
        page = whole(answer).json()
    except ValueError:
        raise bad_answer(report.about, "it is cut off or no JSON") from None
    seen: set[str] = set()
    while page is not None:
        if not isinstance(page, dict):
            raise bad_answer(report.about, "it is no object")
        for entry in entries_of(page, report.about):
            row = {plain_name(name): "" if value is None else str(value) for name, value in entry.items()}
            _checked(report, list(row))
            yield row
        link = str(page.get("@odata.nextLink") or "")
        if link and link in seen:
            raise bad_answer(report.about, "the same page is linked twice")
        seen.add(link)
        page = graph.next_page(page, report.about, READ_REPORTS)


def _checked(report: Report, names: list[str]) -> list[str]:
    absent = [name for name in (report.key, "reportrefreshdate", *report.columns) if name not in names]
    if absent:
        raise other_form(report.about, f"it has no column {absent[0]}")
    return names
