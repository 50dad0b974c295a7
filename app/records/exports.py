"""Exports of a connection as the rooms speak of them: how far one is, in which form, what is to be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from app.errors import SkyledgerError
from app.records import Actor

MOST_ROWS = 10_000_000
"""Of one file. Who wants more narrows the query, by time or account, and asks for several."""
LARGEST_PAGE = 1_000


class ExportState(StrEnum):
    """How far an export is. The first two are under way, the others final."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


UNDER_WAY = (ExportState.QUEUED, ExportState.RUNNING)


class ExportFormat(StrEnum):
    """The form of the file; the value is the ending of its name."""

    JSONL = "jsonl.gz"
    PARQUET = "parquet"

    @property
    def media_type(self) -> str:
        """What HTTP calls it."""
        return "application/gzip" if self is ExportFormat.JSONL else "application/vnd.apache.parquet"


class ExportOrderField(StrEnum):
    """Columns that exports are ordered by."""

    CREATED_AT = "created_at"


class ColumnKind(StrEnum):
    """What a column of a Parquet file holds. JSON is text too."""

    TEXT = "TEXT"
    INTEGER = "INTEGER"
    REAL = "REAL"
    TRUTH = "TRUTH"
    MOMENT = "MOMENT"
    DAY = "DAY"
    JSON = "JSON"


@dataclass(frozen=True)
class ExportColumn:
    """A field of a row under the name that it has in the answer."""

    name: str
    kind: ColumnKind


@dataclass(frozen=True)
class ExportCaller:
    """Who asked: by which sign-in or key, for what they may now is what the export may."""

    actor: Actor
    session_id: UUID | None


@dataclass(frozen=True)
class ExportPage:
    """Rows of a connection, whether more follow, the cursor behind them; the total where it was asked."""

    rows: Sequence[Mapping[str, Any]]
    has_next: bool
    cursor: str | None
    total: int | None = None


class ExportEndedError(SkyledgerError):
    """The export cannot succeed however often it is tried; the message says why and what to do."""


class PageTooLargeError(Exception):
    """A page of this size costs or takes more than it may: fewer rows may do."""


class PageLaterError(Exception):
    """The caller's bucket is empty: `seconds` until it has enough for the page."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"wait {seconds} s")
        self.seconds = seconds


class PageSource(Protocol):
    """A query of one connection, read page by page as somebody."""

    columns: Sequence[ExportColumn]

    async def read(self, size: int, after: str | None, *, counted: bool) -> ExportPage:
        """One page.

        Raises ExportEndedError, PageTooLargeError, PageLaterError; UnavailableError for what may pass.
        """


class Graph(Protocol):
    """Where a worker reads pages."""

    async def open(
        self, organization_id: UUID, caller: ExportCaller, query: str, variables: Mapping[str, Any]
    ) -> PageSource:
        """The pages of a query. Raises ExportEndedError for one that this version cannot export."""
