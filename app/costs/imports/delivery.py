"""What an import works on between the files and the store: frames with ids, ready to be copied."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal
from uuid import UUID

import polars as pl

from app.costs.conformance import ConformanceNotes
from app.costs.content import repeated_identity
from app.costs.focus import VERSIONS, FocusColumn
from app.costs.imports.checking import check_rules
from app.costs.imports.content import row_identities
from app.costs.imports.frames import LINE
from app.costs.imports.interning import Dimensions
from app.costs.imports.parts import InlineRows, Part
from app.costs.imports.reading import SCHEMA, Normalised
from app.costs.normalise import target_of
from app.records import RowIssue
from app.repositories.cost_store import CHARGE_COLUMNS

NO_ACCOUNT: Final = ""
"""Stands in an import period for a billing account that its rows do not name."""
_MOMENT: Final = "%Y-%m-%d %H:%M:%S%.f+00"
_CONTENT: Final = [name for name in SCHEMA if name != LINE]
PeriodKey = tuple[str, date]


@dataclass(slots=True)
class Prepared:
    """One part of a delivery, interned: `frame` lacks only the ids of its periods, whose keys are in `periods`."""

    frame: pl.DataFrame
    dimensions: Mapping[str, pl.DataFrame]
    periods: Mapping[PeriodKey, date]
    """(billing account, start): end, both days of the billing period."""
    months: frozenset[date]
    rejects: list[tuple[str | None, RowIssue]] = field(default_factory=list)
    received: int = 0
    rejected: int = 0
    bytes_read: int = 0


class Delivery:
    """The files of one delivery, read once and in order; `notes` has its gaps."""

    def __init__(
        self,
        sources: Sequence[Part | InlineRows],
        dimensions: Dimensions,
        notes: ConformanceNotes,
        *,
        billing_currency: str | None = None,
        identities_of: str | None = None,
        month: date | None = None,
    ) -> None:
        """`identities_of` is the dataset where rows are appended, so that each needs an identity.

        `month` is the first day of the month that is delivered, where that is known: rows of other billing periods are
        refused, for few of them would take the place of all that such a period has.
        """
        self.notes = notes
        self._sources = sources
        self._dimensions = dimensions
        self._billing_currency = billing_currency
        self._identities_of = identities_of
        self._month = month
        self._seen: dict[bytes, int] = {}
        self._columns: dict[str, None] = {}

    @property
    def focus_version(self) -> str | None:
        """The FOCUS release that the columns speak: the oldest that has them all. None before anything was read."""
        known = [target for name in self._columns if isinstance(target := target_of(name), FocusColumn)]
        if not known:
            return None
        needed = max(column.since for column in known)
        return next(version for version in VERSIONS if version >= needed)

    def prepared(self) -> Iterator[Prepared]:
        """Part by part, in bounded memory. Blocks; raises UnreadableFileError."""
        lines, done = 0, 0
        for part in self._sources:
            for normalised in part.frames(self.notes, self._billing_currency, self._dimensions.keys):
                prepared = self._prepare(normalised, part.name, lines, done + part.bytes_read)
                del normalised  # or it would be there while the next is read
                yield prepared
                del prepared
            self._columns.update(dict.fromkeys(part.columns))
            lines, done = lines + part.rows, done + part.bytes_total

    def _prepare(self, normalised: Normalised, file_name: str | None, lines: int, bytes_read: int) -> Prepared:
        frame, strays = self._of_month(normalised.frame)
        check_rules(frame, self.notes)
        if self._identities_of is not None:
            frame = frame.with_columns(self._identities(frame, self._identities_of))
        else:
            frame = frame.with_columns(pl.lit(None, dtype=pl.String).alias("identity"))
        frame = self._dimensions.intern(frame).with_columns(
            (pl.col(LINE) + lines).alias("line_no"),
            pl.col("billing_account_id").fill_null(NO_ACCOUNT).alias("\x00account"),
            pl.col("billing_period_start").dt.date().alias("\x00begins"),
            pl.col("billing_period_end").dt.date().alias("\x00ends"),
        )
        periods = frame.group_by("\x00account", "\x00begins").agg(pl.col("\x00ends").max())
        months = frame.get_column("charge_period_start").dt.truncate("1mo").dt.date().unique()
        return Prepared(
            frame.drop(*self._dimensions.keys.names, *(name for name in _CONTENT if name not in _KEPT)),
            self._dimensions.take_new(),
            {(account, begins): ends for account, begins, ends in periods.iter_rows()},
            frozenset(months),
            [(file_name, issue) for issue in (*normalised.issues, *strays)],
            normalised.frame.height + normalised.rejected,
            normalised.rejected + len(strays),
            bytes_read,
        )

    def _of_month(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, list[RowIssue]]:
        """The rows of the month that is delivered, and what is said of the others."""
        if self._month is None:
            return frame, []
        within = pl.col("billing_period_start").dt.truncate("1mo").dt.date() == self._month
        strays = frame.filter(~within).select(LINE, "billing_period_start")
        reason = f"the billing period is none of {self._month:%Y-%m}, the month that is delivered"
        issues = [RowIssue(line, "BillingPeriodStart", f"{start:%Y-%m-%d}", reason) for line, start in strays.rows()]
        return (frame.filter(within) if issues else frame), issues

    def _identities(self, frame: pl.DataFrame, dataset: str) -> pl.Series:
        found = row_identities(frame, _CONTENT, dataset)
        for place, identity in enumerate(found):
            count = self._seen[identity] = self._seen.get(identity, 0) + 1
            if count > 1:
                found[place] = repeated_identity(identity, count)
        return pl.Series("identity", [rf"\x{identity.hex()}" for identity in found], dtype=pl.String)


_KEPT: Final = frozenset(CHARGE_COLUMNS) | {"billing_currency"}


def charges_csv(frame: pl.DataFrame, organization_id: UUID) -> memoryview:
    """A frame with all its ids as the CSV that the store copies: numbers, moments and ids, which need no quotes."""
    return _csv(
        frame.with_columns(
            pl.lit(str(organization_id)).alias("organization_id"),
            pl.col("charge_period_start", "charge_period_end").dt.to_string(_MOMENT),
        ).select(CHARGE_COLUMNS),
        "never",
    )


def to_csv(frame: pl.DataFrame) -> memoryview:
    """A frame as the CSV that the store copies: nulls are nothing, empty text is quoted."""
    return _csv(frame, "necessary")


def _csv(frame: pl.DataFrame, quote_style: Literal["necessary", "never"]) -> memoryview:
    buffer = io.BytesIO()  # polars would make text of it: twice the time
    frame.write_csv(buffer, include_header=False, null_value="", datetime_format=_MOMENT, quote_style=quote_style)
    return buffer.getbuffer()


def with_periods(frame: pl.DataFrame, ids: Mapping[PeriodKey, int]) -> pl.DataFrame:
    """The frame with the id of each row's import period."""
    keys = pl.DataFrame(
        {
            "\x00account": [account for account, _ in ids],
            "\x00begins": [begins for _, begins in ids],
            "import_period_id": list(ids.values()),
        },
        schema={"\x00account": pl.String, "\x00begins": pl.Date, "import_period_id": pl.Int64},
    )
    return frame.join(keys, on=["\x00account", "\x00begins"], how="left", maintain_order="left")
