"""The columns of an exported file: those of a release of FOCUS in its order, then what FOCUS does not know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.costs.focus import FOCUS_COLUMNS, FocusColumn, Kind
from app.records.cost_exports import FocusVersion
from app.records.focus_rows import RowColumn, RowKind

# What a column says where a charge came without it: the newer one that took its place.
_SUCCESSORS = {"provider_name": "service_provider_name"}
# What a release lacks is not lost where another column says the same.
_SAME = {
    "provider_name": "service_provider_name",
    "service_provider_name": "provider_name",
    "host_provider_name": "service_provider_name",
}
_KINDS = {
    Kind.DECIMAL: RowKind.DECIMAL,
    Kind.NON_NEGATIVE_DECIMAL: RowKind.DECIMAL,
    Kind.TIMESTAMP: RowKind.MOMENT,
    Kind.JSON_OBJECT: RowKind.JSON,
    Kind.KEY_VALUE: RowKind.JSON,
}


@dataclass(frozen=True)
class ExportColumns:
    """The columns of FOCUS in a file, and those that the release lacks: what they hold is left out of it."""

    written: tuple[RowColumn, ...]
    lacking: tuple[RowColumn, ...]

    @classmethod
    def of(cls, version: FocusVersion) -> ExportColumns:
        """The columns of a release in the order of its specification, which is that of the alphabet."""
        known = sorted(FOCUS_COLUMNS, key=lambda column: column.name)
        return cls(
            tuple(_row_column(column, _SUCCESSORS) for column in known if version.value in column.versions),
            tuple(_row_column(column, _SAME) for column in known if version.value not in column.versions),
        )


def _row_column(column: FocusColumn, others: Mapping[str, str]) -> RowColumn:
    kind = _KINDS.get(column.kind, RowKind.TEXT)
    return RowColumn(column.name, column.column, kind, others.get(column.column))


def extra_columns(keys: Sequence[str]) -> tuple[RowColumn, ...]:
    """The columns that FOCUS does not know, by their names, in the order of the alphabet."""
    return tuple(RowColumn(key, key, RowKind.EXTRA) for key in sorted(keys))
