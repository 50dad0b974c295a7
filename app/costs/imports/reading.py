"""From frames of text to normalised charges: the same reading as `app.costs.normalise`, by columns instead of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

import polars as pl

from app.costs.conformance import ConformanceNotes, Gap, shortened
from app.costs.files import UnreadableFileError
from app.costs.focus import FOCUS_COLUMNS, INDISPENSABLE, FocusColumn, Kind
from app.costs.foreign import why_no_charges
from app.costs.imports.columns import MOMENT, REPORTED, Seen, has_comma, note_odd_values, read_columns, refused
from app.costs.imports.date_orders import DAY_FIRST_READ, AmbiguousDatesError, DateOrders
from app.costs.imports.extras import EXTRA, NOTHING, json_text, read_extras, tags_of
from app.costs.imports.frames import LINE, RawFrame
from app.costs.imports.keys import GroupKeys
from app.costs.normalise import (
    FIRST_YEAR,
    LAST_YEAR,
    MONTH_FROM_START,
    MONTH_OF_CHARGE,
    MONTH_TO_END,
    PRODUCTS,
    RENAMED,
    TAGS_DERIVED,
    TAGS_OF_GOOGLE,
    TAGS_UNREAD,
    NormalisedRow,
    columns_by_table_name,
    mandatory_columns,
    product_of,
    target_of,
)
from app.costs.values import EARLIEST_YEAR, JSON_BYTES, LATEST_YEAR, UnusableValueError, decimal_text, read_decimal
from app.records import RowIssue

_PERIODS: Final = ("charge_period", "billing_period")
SCHEMA: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    LINE: pl.Int64,
    **{column.column: MOMENT if column.kind is Kind.TIMESTAMP else pl.String for column in FOCUS_COLUMNS},
    EXTRA: pl.String,
}


@dataclass(slots=True)
class Normalised:
    """Rows that are kept, with the columns of `SCHEMA`, and what is wrong with those that are not.

    Amounts are decimal text, JSON is text, moments are in UTC. `rejected` counts rows, `issues` tells of the first.
    `decimal_comma` says that an amount was refused that proves a decimal comma: see `check_marks`.
    """

    frame: pl.DataFrame
    issues: list[RowIssue] = field(default_factory=list)
    rejected: int = 0
    decimal_comma: bool = False


class FrameReader:
    """Reads the frames of one file, whose columns are known. Gaps are counted in `notes`.

    Raises UnreadableFileError where two columns of the file mean the same one of FOCUS, no row can be a charge, or
    nothing tells whether its dates have the day or the month first.
    """

    def __init__(
        self,
        path: Path,
        columns: Sequence[str],
        notes: ConformanceNotes,
        billing_currency: str | None = None,
        keys: GroupKeys | None = None,
    ) -> None:
        self.notes = notes
        self._keys = keys if keys is not None else GroupKeys()
        self.billing_currency = billing_currency
        self.focus: dict[str, FocusColumn] = {}
        self.extras: dict[str, str] = {}
        self.ignored: list[str] = []
        self._seen = Seen()
        self._path = path
        self._dates = DateOrders(path.name)
        self._derivations: dict[str, tuple[Gap, str, str]] = {}
        for name in columns:
            self._place(path, name)
        self.present = frozenset(column.column for column in self.focus.values())
        reason = why_no_charges(columns, self.present)
        if reason is not None:
            raise UnreadableFileError(path, 1, reason)
        # Under names that no column of a file has, so that one named `extra` is no other.
        self._held = {name: f"\x00x_{place}" for place, name in enumerate(self.extras)}
        self._former = {extra: self._held[name] for name, extra in self.extras.items()}
        table = columns_by_table_name()
        self._renamed = {
            former: table[name]
            for name, former in RENAMED.items()
            if name not in self.present and former in self._former
        }
        self._keys.begin({*self.present, *(column.column for column in self._renamed.values())})

    def _place(self, path: Path, name: str) -> None:
        try:
            target = target_of(name)
        except UnusableValueError as error:
            raise UnreadableFileError(path, 1, f"the column's name {shortened(name)} {error}") from None
        if target is None:
            self.ignored.append(name)
        elif isinstance(target, str):
            if target in self.extras.values():
                raise UnreadableFileError(path, 1, f"the column {shortened(target)} is given more than once")
            self.extras[name] = target
        elif target in self.focus.values():
            raise UnreadableFileError(path, 1, f"the column {target.name} is given more than once")
        else:
            self.focus[name] = target

    def read(self, raw: RawFrame) -> Normalised:
        """Normalise a part of the file."""
        columns = [*self.focus.values(), *self._renamed.values()]
        names = {name: column.column for name, column in self.focus.items()}
        sent = self._dated(self._with_renamed(raw.frame.rename(names | self._held)))
        plain = {names[name] for name in raw.plain if name in names}
        read = read_columns(sent, columns, self._seen, self._keys, plain)
        unusable, issues = refused(read, columns)
        extras = read_extras(read.frame, {held: self.extras[name] for name, held in self._held.items()})
        frame = self._derived(read.frame).with_columns(extras.texts)
        wrong, missing = self._required(frame, unusable)
        for mask in (*unusable.values(), *(() if extras.wrong is None else (extras.wrong,))):
            wrong |= mask
        issues += extras.issues
        kept = frame.filter(~wrong)
        note_odd_values(kept, read, columns, self.notes)
        self._note_marked(kept)
        self._note_gaps(kept)
        self._note_not_numbers(kept, raw.not_numbers)
        self.notes.accepted += kept.height
        self.notes.rejected += frame.height - kept.height
        return Normalised(
            kept.select(*_in_schema(kept), *self._keys.names),
            raw.issues + issues + missing,
            raw.rows - kept.height,
            has_comma(read, columns),
        )

    def _dated(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with its dates in the order that is read."""
        try:
            frame, changed = self._dates.read_frame(frame)
        except AmbiguousDatesError as error:
            raise UnreadableFileError(self._path, 0, str(error)) from None
        for column, rows in changed.items():
            name = columns_by_table_name()[column].name
            frame = self._marked(frame, rows, Gap.NORMALISED_VALUE, name, DAY_FIRST_READ)
        return frame

    def _with_renamed(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with columns that FOCUS lacked when it was written, from what was sent in their place."""
        for former, column in self._renamed.items():
            sent = pl.col(self._former[former])
            # What no unknown column may hold is told of that column alone.
            kept = ~sent.str.contains("\0", literal=True) & (sent.str.len_bytes() <= JSON_BYTES)
            frame = frame.with_columns(pl.when(kept & ~sent.str.contains(NOTHING)).then(sent).alias(column.column))
        return frame

    def _derived(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Fill what is missing from what is there; see `app.costs.normalise`."""
        absent = [column for column in columns_by_table_name() if column not in frame.columns]
        frame = frame.with_columns(pl.lit(None, dtype=SCHEMA[column]).alias(column) for column in absent)
        if self.billing_currency is not None:
            frame = self._filled(frame, "billing_currency", pl.lit(self.billing_currency), "given with the delivery")
        seller = pl.col("provider_name")
        frame = self._filled(frame, "service_provider_name", seller, "taken from ProviderName")
        if "host_provider_name" not in self.present:
            frame = self._filled(frame, "host_provider_name", seller, "taken from ProviderName")
        for former, target in self._renamed.items():
            filled = frame.get_column(target.column).is_not_null()
            frame = self._marked(frame, filled, Gap.DERIVED_VALUE, target.name, f"taken from {former}")
        if "tags" not in self.present and TAGS_OF_GOOGLE in self._former:
            tags, wrong = tags_of(frame.get_column(self._former[TAGS_OF_GOOGLE]))
            frame = self._filled(frame, "tags", tags, TAGS_DERIVED)
            frame = self._marked(frame, wrong, Gap.DISALLOWED_VALUE, TAGS_OF_GOOGLE, TAGS_UNREAD)
        frame = self._with_billing_period(frame)
        for cost, unit_price in PRODUCTS.items():
            if cost not in self.present and unit_price in self.present:
                frame = self._filled(frame, cost, _products(frame, unit_price), "unit price times quantity")
        return frame

    def _with_billing_period(self, frame: pl.DataFrame) -> pl.DataFrame:
        start, end = pl.col("billing_period_start"), pl.col("billing_period_end")
        lacking = frame.select((start.is_null() | end.is_null()).any()).item()
        if not lacking:
            return frame
        unknown = start.is_null() & end.is_null()
        month = pl.col("charge_period_start").dt.truncate("1mo")
        found = frame.select(
            month_start=pl.when(unknown).then(month),
            month_end=pl.when(unknown).then(_month_away(month, "1mo")),
            after=pl.when(start.is_not_null()).then(_month_away(start, "1mo")),
            before=pl.when(end.is_not_null()).then(_month_away(end, "-1mo")),
        )
        for column, sent, how in (
            ("billing_period_end", "after", MONTH_FROM_START),
            ("billing_period_start", "before", MONTH_TO_END),
            ("billing_period_start", "month_start", MONTH_OF_CHARGE),
            ("billing_period_end", "month_end", MONTH_OF_CHARGE),
        ):
            frame = self._filled(frame, column, found.get_column(sent), how)
        return frame

    def _filled(self, frame: pl.DataFrame, column: str, sent: pl.Expr | pl.Series, how: str) -> pl.DataFrame:
        """The frame with the nulls of a column filled, and which were, for `_note_marked`."""
        before = frame.get_column(column)
        if not before.null_count():
            return frame
        filled = frame.with_columns(pl.coalesce(pl.col(column), sent).alias(column))
        found = before.is_null() & filled.get_column(column).is_not_null()
        return self._marked(filled, found, Gap.DERIVED_VALUE, columns_by_table_name()[column].name, how)

    def _marked(self, frame: pl.DataFrame, rows: pl.Series, gap: Gap, name: str, how: str) -> pl.DataFrame:
        """The frame with a column that says for which rows, if they are kept, a gap is noted."""
        mark = f"\x00mark_{len(self._derivations)}"
        self._derivations[mark] = (gap, name, how)
        return frame.with_columns(rows.alias(mark))

    def _note_marked(self, kept: pl.DataFrame) -> None:
        for mark, (gap, name, how) in self._derivations.items():
            lines = kept.filter(pl.col(mark)).get_column(LINE)
            if lines.len():
                self.notes.record(gap, name, how, int(str(lines.min())), lines.len())
        self._derivations.clear()

    def _note_not_numbers(self, kept: pl.DataFrame, not_numbers: Mapping[str, pl.Series]) -> None:
        for name, rows in not_numbers.items():
            lines = kept.filter(pl.col(LINE).is_in(rows.implode())).get_column(LINE)
            if lines.len():
                detail = "not a number read as null"
                first = int(str(lines.min()))
                self.notes.record(Gap.NORMALISED_VALUE, self.focus[name].name, detail, first, lines.len())

    def _required(self, frame: pl.DataFrame, unusable: Mapping[str, pl.Series]) -> tuple[pl.Series, list[RowIssue]]:
        """Which rows are no charges, and what they lack."""
        issues: list[RowIssue] = []
        wrong = pl.repeat(False, frame.height, dtype=pl.Boolean, eager=True)  # noqa: FBT003  (polars' signature)
        for column in INDISPENSABLE:
            lacking = frame.get_column(column).is_null()
            if column in unusable:
                lacking &= ~unusable[column]
            if lacking.any():
                name = columns_by_table_name()[column].name
                state = "is null" if column in self.present else "is missing"
                advice = ": give it in the row or for the whole delivery" if column == "billing_currency" else ""
                issues += _issues(frame.filter(lacking), name, f"{name} {state}{advice}")
                wrong |= lacking
        for period in _PERIODS:
            ends, begins = frame.get_column(f"{period}_end"), frame.get_column(f"{period}_start")
            backwards = (ends <= begins).fill_null(value=False)
            if backwards.any():
                issues += _backwards(frame.filter(backwards), period)
                wrong |= backwards
        years = frame.get_column("charge_period_start").dt.year()
        far = ~years.is_between(FIRST_YEAR, LAST_YEAR).fill_null(value=True)
        if far.any():
            issues += _far(frame.filter(far))
            wrong |= far
        return wrong, issues

    def _note_gaps(self, frame: pl.DataFrame) -> None:
        """Note the mandatory columns that the rows lack or leave null, and what became of unknown columns."""
        if not frame.height:
            return
        for column in mandatory_columns():
            present = column.column in self.present
            if (present and column.nullable) or not frame.get_column(column.column).null_count():
                continue
            lacking = frame.filter(pl.col(column.column).is_null()).get_column(LINE)
            gap = Gap.NULL_VALUE if present else Gap.MISSING_COLUMN
            self.notes.record(gap, column.name, "kept as null", int(str(lacking.min())), lacking.len())
        first = int(str(frame.get_column(LINE).min()))
        for name in self.ignored:
            detail = "a row's own number says nothing about the charge"
            self.notes.record(Gap.IGNORED_COLUMN, name, detail, first, frame.height)
        for name, extra in self.extras.items():
            if extra != name.strip():
                rows = frame.filter(~pl.col(self._held[name]).str.contains(NOTHING)).get_column(LINE)
                if rows.len():
                    detail = f"kept as {shortened(extra)}"
                    self.notes.record(
                        Gap.RENAMED_COLUMN, shortened(name) or "", detail, int(str(rows.min())), rows.len()
                    )


def frame_of_rows(rows: Sequence[NormalisedRow]) -> pl.DataFrame:
    """Rows that were normalised one by one as a frame of `SCHEMA`."""
    values: dict[str, list[object]] = {name: [] for name in SCHEMA}
    for row in rows:
        values[LINE].append(row.row_number)
        values[EXTRA].append(json_text(row.extra) if row.extra else None)
        for column, value in row.values.items():
            values[column].append(_plain(value))
    return pl.DataFrame(values, schema=dict(SCHEMA))


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return decimal_text(value)
    return json_text(value) if isinstance(value, dict) else value


def _month_away(moment: pl.Expr, by: str) -> pl.Expr:
    """The same day of another month, or its last; null beyond the years that are read, as `month_away` says."""
    found = moment.dt.offset_by(by)
    return pl.when(found.dt.year().is_between(EARLIEST_YEAR, LATEST_YEAR)).then(found)


def _in_schema(frame: pl.DataFrame) -> list[pl.Expr]:
    found = frame.schema  # made anew whenever it is asked for: for each column it took half a second of a million rows
    return [pl.col(name).cast(dtype) if found[name] != dtype else pl.col(name) for name, dtype in SCHEMA.items()]


def _products(frame: pl.DataFrame, unit_price: str) -> pl.Series:
    columns = frame.select(unit_price, "pricing_quantity", "charge_class")
    return pl.Series([_product(*row) for row in columns.iter_rows()], dtype=pl.String)


def _product(unit_price: str | None, quantity: str | None, charge_class: str | None) -> str | None:
    if unit_price is None or quantity is None or charge_class == "Correction":
        return None
    found = product_of(read_decimal(unit_price)[0], read_decimal(quantity)[0])
    return None if found is None else decimal_text(found)


def _issues(frame: pl.DataFrame, name: str, reason: str) -> list[RowIssue]:
    return [RowIssue(line, name, None, reason) for line in frame.head(REPORTED).get_column(LINE)]


def _far(frame: pl.DataFrame) -> list[RowIssue]:
    reason = f"charges begin in the years {FIRST_YEAR} to {LAST_YEAR}"
    told = frame.head(REPORTED).select(LINE, "charge_period_start")
    return [RowIssue(line, "ChargePeriodStart", _iso(begins), reason) for line, begins in told.iter_rows()]


def _backwards(frame: pl.DataFrame, period: str) -> list[RowIssue]:
    names = columns_by_table_name()
    start, end = f"{period}_start", f"{period}_end"
    return [
        RowIssue(
            line,
            names[end].name,
            _iso(ended),
            f"{names[end].name} must be after {names[start].name}, {_iso(began)}",
        )
        for line, began, ended in frame.head(REPORTED).select(LINE, start, end).iter_rows()
    ]


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
