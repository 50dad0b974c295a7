"""A page of a table's rows with what is worked out of each of them, in one statement where two would do.

Each statement is a wait, a task and a list of ids, and what runs after a wait of a millisecond finds the processor's
caches cold. 100 resources with findings and cost took 1.80 of a hand-written route's processor time in three statements
and take 1.43 in two, 32 requests at a time (1.63 and 1.45 one at a time; medians of 40 rounds).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol
from uuid import UUID

from asyncpg import Record
from sqlalchemy import Table

from app.database import Database
from app.paging import Page, PageRequest, page_of
from app.records.criteria import Criteria, Direction
from app.repositories.kept_statements import (
    PageForm,
    Wanted,
    page_of_rows,
    page_values,
    shown,
    text_of,
)

MOST_FORMS = 8
"""Statements that are kept: PostgreSQL's plan of one takes 2 MB in each connection that has run it."""
UNUSED_SECONDS = 300.0
"""After which one gives its place to another: as long as asyncpg keeps what it has prepared."""
_IDS = "ARRAY(SELECT id FROM page ORDER BY place)"
_KEY = "key_"
_Text = tuple[str, tuple[str, ...]]
_PARAMETER = re.compile(r"\$(\d+)")


class BesideForm(Hashable, Protocol):
    """What a statement about rows depends on, beside its columns."""

    def statement(self, columns: Wanted, ids: str) -> tuple[str, tuple[str, ...]]:
        """SQL of the columns and of the `place` of each of the ids, an array of this SQL; and its parameters."""


class Beside(Protocol):
    """What can be worked out of each row of a page, by their ids."""

    @property
    def form(self) -> BesideForm:
        """The form of its statement."""

    @property
    def prefix(self) -> str:
        """What the names of its columns begin with where they are wanted beside a row's own."""

    def values(self, organization_id: UUID) -> Mapping[str, Any]:
        """The parameters of the statement by name."""

    async def rows(
        self, database: Database, organization_id: UUID, ids: Sequence[UUID], columns: Wanted
    ) -> Sequence[Any]:
        """Rows of the columns in the order of the ids, by a statement of their own."""


async def page_with(
    database: Database,
    table: Table,
    organization_id: UUID,
    criteria: Criteria,
    keys: tuple[str, ...],
    direction: Direction,
    request: PageRequest,
    wanted: Wanted,
    beside: Beside,
) -> Page[Any]:
    """As kept_statements.page_of_rows, with wanted columns of what stands beside; the last of the keys is the id.

    In two statements where the criteria have values: for these PostgreSQL plans anew, and what stands beside takes
    longer to plan than to read. So too where as many statements are kept as may be.
    """
    shape, values = criteria.parted()
    own, others = _parted(wanted, beside.prefix)
    form = PageForm.of(table, shape, keys, direction, request)
    text = None if values or not others else _KEPT.text(form, wanted, beside)
    if text is None:
        page = await page_of_rows(database, table, organization_id, criteria, keys, direction, request, own)
        return await _with_others(database, organization_id, page, wanted, beside) if page.rows and others else page
    sql, names = text
    by_name = {str(number): value for number, value in enumerate(page_values(organization_id, (), request))}
    by_name.update(beside.values(organization_id))
    rows = await database.fetch(sql, [by_name[name] for name in names], organization_id=organization_id)
    return page_of(rows, request)


async def _with_others(
    database: Database, organization_id: UUID, page: Page[Record], wanted: Wanted, beside: Beside
) -> Page[tuple[Any, ...]]:
    """A page of a row's own columns with those that stand beside, which a second statement reads."""
    own, others = _parted(wanted, beside.prefix)
    found = await beside.rows(database, organization_id, [row[-1] for row in page.rows], others)
    places = {name: place for place, name in enumerate([*own, *(f"{beside.prefix}{name}" for name in others)])}
    order = [places[name] for name in wanted]
    rows = []
    for row, other in zip(page.rows, found, strict=True):
        both = (*row[: len(own)], *other)
        rows.append((*[both[place] for place in order], *row[-2:]))
    return replace(page, rows=rows)


def _parted(wanted: Wanted, prefix: str) -> tuple[Wanted, Wanted]:
    """A row's own columns, and those beside by their own names."""
    own = tuple([name for name in wanted if not name.startswith(prefix)])
    return own, tuple([name.removeprefix(prefix) for name in wanted if name.startswith(prefix)])


class Kept:
    """The texts of the statements that are in use."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._texts: dict[Hashable, tuple[_Text, float]] = {}

    def text(self, form: PageForm, wanted: Wanted, beside: Beside) -> _Text | None:
        """That of a page with what stands beside; None where too many others are in use."""
        shape, moment = (form, wanted, beside.form, beside.prefix), self._clock()
        kept = self._texts.get(shape)
        if kept is None and len(self._texts) >= MOST_FORMS:
            oldest = min(self._texts, key=lambda one: self._texts[one][1])
            if moment - self._texts[oldest][1] < UNUSED_SECONDS:
                return None
            del self._texts[oldest]
        text = _text(*shape) if kept is None else kept[0]
        self._texts[shape] = (text, moment)
        return text

    def clear(self) -> None:
        """Forget them all."""
        self._texts.clear()


_KEPT = Kept()


def _text(form: PageForm, wanted: Wanted, beside: BesideForm, prefix: str) -> _Text:
    """The text of a statement of both, and the names of its parameters: those of the page are numbers."""
    own, others = _parted(wanted, prefix)
    keys = [
        column.label(f"{_KEY}{number}")
        for number, column in enumerate(shown(form.table, form.keys, moments_as_text=False))
    ]
    page, numbers = text_of(form.statement([*shown(form.table, tuple(dict.fromkeys((*own, "id")))), *keys]))
    found, names = beside.statement(others, _IDS)
    found = _PARAMETER.sub(lambda match: f"${int(match[1]) + len(numbers)}", found)
    columns = [
        f'beside."{name.removeprefix(prefix)}"' if name.startswith(prefix) else f'page."{name}"' for name in wanted
    ]
    columns += [f"page.{key.name}" for key in keys]
    # A window function without an order numbers rows as they come.
    sql = f"""
        WITH page AS (SELECT *, row_number() OVER () AS place FROM ({page}) AS rows_of_page), beside AS ({found})
        SELECT {", ".join(columns)} FROM page JOIN beside USING (place) ORDER BY place"""  # noqa: S608  (all of it ours)
    return sql, (*numbers, *names)
