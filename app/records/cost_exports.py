"""Exports of charges as the rooms speak of them: how far one is, in which form and version of FOCUS."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.records.cost_analysis import Condition


class CostExportState(StrEnum):
    """How far an export is. The first two are under way, the others final."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


UNDER_WAY = (CostExportState.QUEUED, CostExportState.RUNNING)


class CostExportFormat(StrEnum):
    """The form of the file; the value is the ending of its name."""

    CSV = "csv"
    CSV_GZ = "csv.gz"
    PARQUET = "parquet"

    @property
    def media_type(self) -> str:
        """What HTTP calls it."""
        return {
            CostExportFormat.CSV: "text/csv; charset=utf-8",
            CostExportFormat.CSV_GZ: "application/gzip",
            CostExportFormat.PARQUET: "application/vnd.apache.parquet",
        }[self]


class FocusVersion(StrEnum):
    """The releases of FOCUS that exports are written in."""

    V1_2 = "1.2"
    V1_3 = "1.3"
    V1_4 = "1.4"


class CostExportOrderField(StrEnum):
    """Columns that exports are ordered by."""

    CREATED_AT = "created_at"


@dataclass(frozen=True)
class CostExportOrder:
    """Which charges to write, and how: those whose charge period starts from `start` to before `end` (UTC)."""

    start: date
    end: date
    focus_version: FocusVersion
    format: CostExportFormat
    dataset: str | None = None
    where: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class StoredFile:
    """A file that is kept: where, under which id of an unfinished object, and what its bytes are."""

    storage: str
    multipart_id: str | None
    size: int
    sha256: bytes
