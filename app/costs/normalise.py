"""From a delivered row to a typed charge: every oddity of real exports is read, noted and counted, or refused."""

from __future__ import annotations

import calendar
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import Final

import orjson

from app.costs.conformance import ConformanceNotes, Gap, shortened
from app.costs.focus import FOCUS_COLUMNS, INDISPENSABLE, FocusColumn, Kind, Level
from app.costs.values import (
    DESCRIPTION_BYTES,
    EARLIEST_YEAR,
    FRACTION_DIGITS,
    INTEGER_DIGITS,
    JSON_BYTES,
    LATEST_YEAR,
    TEXT_BYTES,
    ColumnValue,
    JsonValue,
    UnusableValueError,
    checked_text,
    is_null,
    read_currency,
    read_decimal,
    read_enum,
    read_json,
    read_json_object,
    read_text,
    read_timestamp,
)
from app.records import RowIssue

NAME_BYTES: Final = 256
EXTRA_COLUMNS: Final = 256
"""Most unknown columns of a row that are kept; Azure, with the most, sends 51."""

TOO_MANY: Final = f"the row has more than {EXTRA_COLUMNS} unknown columns"

FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2049
"""Charges begin in these years: each month of them can have a partition."""

# Two factors have a product of at most as many digits as both together.
_PRODUCT_DIGITS: Final = 2 * (INTEGER_DIGITS + FRACTION_DIGITS)
_IGNORED: Final = frozenset({"id"})
# Azure's names in FOCUS 1.0 for what 1.1 and 1.2 made columns.
RENAMED: Final = {"invoice_id": "x_InvoiceId", "pricing_currency": "x_PricingCurrency", "sku_meter": "x_SkuMeterName"}
TAGS_OF_GOOGLE: Final = "x_Tags"
TAGS_DERIVED: Final = f"taken from {TAGS_OF_GOOGLE}"
TAGS_UNREAD: Final = "no list of keys and values: not read as tags"
MONTH_OF_CHARGE: Final = "month in which the charge period starts"
MONTH_FROM_START: Final = "a month after BillingPeriodStart"
MONTH_TO_END: Final = "a month before BillingPeriodEnd"
PRODUCTS: Final = {"list_cost": "list_unit_price", "contracted_cost": "contracted_unit_price"}


@dataclass(frozen=True, slots=True)
class NormalisedRow:
    """One charge, typed and ready to be stored.

    `values` has every column of `FOCUS_COLUMNS` under its table name (`billed_cost`), in that order: text, exact
    Decimal, datetime in UTC, a dict for JSON, or None. `extra` holds the unknown columns under `x_` names.
    """

    row_number: int
    values: dict[str, ColumnValue]
    extra: dict[str, JsonValue]


def normalise_row(
    row: Mapping[str, object],
    *,
    row_number: int,
    notes: ConformanceNotes | None = None,
    billing_currency: str | None = None,
) -> NormalisedRow | list[RowIssue]:
    """The charge that `row` describes, or everything that is wrong with it.

    Keys are FOCUS names in any case (`BilledCost`), or their forms in the graph (`billedCost`) and in the table
    (`billed_cost`). `row_number` (from 1) is named in issues. Gaps of a row that is kept are counted in `notes`.
    `billing_currency` (a code such as USD) is used where a row has none. Never raises for what a row holds.

    A row is refused only if a value cannot be read, if it lacks BilledCost, BillingCurrency or its charge period, or
    if a period ends before it begins. Every other missing or null column, EffectiveCost included, is kept as null
    and noted: unknown is not zero.
    """
    reading = _Reading(row_number)
    for key, raw in row.items():
        reading.read(key, raw)
    reading.bound()
    reading.derive(billing_currency)
    reading.require()
    if reading.issues:
        if notes is not None:
            notes.rejected += 1
        return reading.issues
    if notes is not None:
        reading.note_gaps()
        notes.accepted += 1
        for gap, column, detail in reading.gaps:
            notes.record(gap, column, detail, row_number)
    return NormalisedRow(row_number, reading.values, reading.extra)


class _Reading:
    """The row being read: what is known of it so far."""

    def __init__(self, row_number: int) -> None:
        self.row_number = row_number
        self.values: dict[str, ColumnValue] = dict.fromkeys(columns_by_table_name())
        self.extra: dict[str, JsonValue] = {}
        self.present: set[str] = set()
        self.unusable: set[str] = set()
        self.derived: set[str] = set()
        self.too_many = False
        self.issues: list[RowIssue] = []
        self.gaps: list[tuple[Gap, str, str]] = []

    def read(self, key: str, raw: object) -> None:
        """Take in one column under whatever name it came."""
        try:
            target = target_of(key)
        except UnusableValueError as error:
            self.issues.append(RowIssue(self.row_number, shortened(key), None, f"the column's name {error}"))
            return
        if isinstance(target, FocusColumn):
            self.present.add(target.column)
            if not is_null(raw):
                self._read_column(target, raw)
            elif raw:
                self.gaps.append((Gap.NORMALISED_VALUE, target.name, "NULL or blanks read as null"))
        elif target is None:
            self.gaps.append((Gap.IGNORED_COLUMN, key, "a row's own number says nothing about the charge"))
        elif not is_null(raw):
            self._read_extra(key, target, raw)

    def _read_column(self, column: FocusColumn, raw: object) -> None:
        if self.values[column.column] is not None:
            self._refuse(column.name, raw, "the column is given more than once")
            return
        try:
            value, changed = typed_value(column, raw)
        except UnusableValueError as error:
            self.unusable.add(column.column)
            self._refuse(column.name, raw, f"{column.name} {error}")
            return
        self.values[column.column] = value
        if changed is not None:
            self.gaps.append((Gap.NORMALISED_VALUE, column.name, changed))
        if column.allowed and value not in column.allowed:
            self.gaps.append((Gap.DISALLOWED_VALUE, column.name, f"{shortened(value)!r} is not in the list"))
        elif column.kind is Kind.NON_NEGATIVE_DECIMAL and isinstance(value, Decimal) and value < 0:
            self.gaps.append((Gap.DISALLOWED_VALUE, column.name, "negative unit price"))

    def _read_extra(self, key: str, name: str, raw: object) -> None:
        if name in self.extra:
            self._refuse(name, raw, "the column is given more than once")
            return
        if len(self.extra) >= EXTRA_COLUMNS:
            if not self.too_many:
                self._refuse(name, raw, TOO_MANY)
            self.too_many = True
            return
        try:
            self.extra[name] = read_json(raw)
        except UnusableValueError as error:
            self._refuse(name, raw, f"{name} {error}")
            return
        if name != key.strip():
            self.gaps.append((Gap.RENAMED_COLUMN, shortened(key) or "", f"kept as {shortened(name)}"))

    def bound(self) -> None:
        """Refuse a row whose unknown columns are too long together."""
        reason = too_long(self.extra)
        if reason is not None:
            self._refuse(None, None, reason)

    def _refuse(self, column: str | None, raw: object, reason: str) -> None:
        self.issues.append(RowIssue(self.row_number, column, shortened(raw), reason))

    def derive(self, billing_currency: str | None) -> None:
        """Fill what is missing from what is there, where FOCUS leaves no doubt about it."""
        values = self.values
        self._fill("billing_currency", billing_currency, "given with the delivery")
        self._fill("service_provider_name", values["provider_name"], "taken from ProviderName")
        if "host_provider_name" not in self.present:
            self._fill("host_provider_name", values["provider_name"], "taken from ProviderName")
        for column, former in RENAMED.items():
            if column not in self.present:
                self._fill(column, self.extra.get(former), f"taken from {former}")
        self._derive_tags()
        self._derive_billing_period()
        for cost, unit_price in PRODUCTS.items():
            if cost not in self.present and values["charge_class"] != "Correction":
                self._fill(
                    cost, product_of(values[unit_price], values["pricing_quantity"]), "unit price times quantity"
                )

    def _derive_tags(self) -> None:
        sent = self.extra.get(TAGS_OF_GOOGLE)
        if sent is None or "tags" in self.present:
            return
        try:
            self._fill("tags", tags_of_list(sent), TAGS_DERIVED)
        except UnusableValueError:
            self.gaps.append((Gap.DISALLOWED_VALUE, TAGS_OF_GOOGLE, TAGS_UNREAD))

    def _derive_billing_period(self) -> None:
        """The calendar month of the charge, or the month that begins or ends where the period is said to."""
        start, end = self.values["billing_period_start"], self.values["billing_period_end"]
        begins = self.values["charge_period_start"]
        if isinstance(start, datetime) and end is None:
            self._fill("billing_period_end", month_away(start, 1), MONTH_FROM_START)
        elif isinstance(end, datetime) and start is None:
            self._fill("billing_period_start", month_away(end, -1), MONTH_TO_END)
        elif isinstance(begins, datetime) and start is None:
            month = datetime(begins.year, begins.month, 1, tzinfo=UTC)
            self._fill("billing_period_start", month, MONTH_OF_CHARGE)
            self._fill("billing_period_end", month_away(month, 1), MONTH_OF_CHARGE)

    def _fill(self, column: str, sent: object, how: str) -> None:
        if sent is None or self.values[column] is not None or column in self.unusable:
            return
        target = columns_by_table_name()[column]
        self._read_column(target, sent)
        if self.values[column] is not None:
            self.derived.add(column)
            self.gaps.append((Gap.DERIVED_VALUE, target.name, how))

    def require(self) -> None:
        """Refuse a row without what makes it a charge, or with a period that ends before it begins."""
        names = columns_by_table_name()
        for column in INDISPENSABLE:
            if self.values[column] is None and column not in self.unusable:
                state = "is null" if column in self.present else "is missing"
                advice = ": give it in the row or for the whole delivery" if column == "billing_currency" else ""
                self._refuse(names[column].name, None, f"{names[column].name} {state}{advice}")
        for period in ("charge_period", "billing_period"):
            start, end = self.values[f"{period}_start"], self.values[f"{period}_end"]
            if isinstance(start, datetime) and isinstance(end, datetime) and end <= start:
                name = names[f"{period}_end"].name
                reason = f"{name} must be after {names[f'{period}_start'].name}, {start.isoformat()}"
                self._refuse(name, end.isoformat(), reason)
        begins = self.values["charge_period_start"]
        if isinstance(begins, datetime) and not FIRST_YEAR <= begins.year <= LAST_YEAR:
            reason = f"charges begin in the years {FIRST_YEAR} to {LAST_YEAR}"
            self._refuse("ChargePeriodStart", begins.isoformat(), reason)

    def note_gaps(self) -> None:
        """Note each mandatory column that the row lacks or leaves null although it must not."""
        for column in mandatory_columns():
            if self.values[column.column] is not None or column.column in self.derived:
                continue
            if column.column not in self.present:
                self.gaps.append((Gap.MISSING_COLUMN, column.name, "kept as null"))
            elif not column.nullable:
                self.gaps.append((Gap.NULL_VALUE, column.name, "kept as null"))


def typed_value(column: FocusColumn, raw: object) -> tuple[ColumnValue, str | None]:
    """The value of a column, and what was changed to read it. Raises UnusableValueError with the reason."""
    found: tuple[ColumnValue, str | None]
    match column.kind:
        case Kind.STRING:
            found = read_text(raw, DESCRIPTION_BYTES if column.column == "charge_description" else TEXT_BYTES)
        case Kind.DECIMAL | Kind.NON_NEGATIVE_DECIMAL:
            found = read_decimal(raw)
        case Kind.TIMESTAMP:
            found = read_timestamp(raw)
        case Kind.ENUM:
            found = read_enum(raw, column.allowed)
        case Kind.CURRENCY:
            found = read_currency(raw, virtual=column.virtual_currency)
        case Kind.JSON_OBJECT | Kind.KEY_VALUE:
            found = read_json_object(raw), None
    return found


@functools.cache
def columns_by_table_name() -> dict[str, FocusColumn]:
    """Every column by its name in the graph's snake case."""
    return {column.column: column for column in FOCUS_COLUMNS}


@functools.cache
def mandatory_columns() -> tuple[FocusColumn, ...]:
    """What FOCUS 1.4 wants in every delivery."""
    return tuple(column for column in FOCUS_COLUMNS if column.level is Level.MANDATORY and "1.4" in column.versions)


@functools.cache
def _columns_by_key() -> dict[str, FocusColumn]:
    return {column.name.lower(): column for column in FOCUS_COLUMNS}


@functools.lru_cache(maxsize=4_096)
def target_of(key: str) -> FocusColumn | str | None:
    """The column a key stands for, the `x_` name of an unknown one, or None for one that is ignored."""
    name = checked_text(key, NAME_BYTES).strip()
    folded = name.replace("_", "").lower()
    if folded in _IGNORED:
        return None
    known = _columns_by_key().get(folded)
    if known is not None:
        return known
    return f"x_{name[2:]}" if name[:2].lower() == "x_" else f"x_{name}"


def month_away(moment: datetime, months: int) -> datetime | None:
    """The same day and hour of another month, its last day where it is shorter; None beyond the years that are read."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    if not EARLIEST_YEAR <= year <= LATEST_YEAR:
        return None
    return moment.replace(year=year, month=month + 1, day=min(moment.day, calendar.monthrange(year, month + 1)[1]))


def too_long(extra: Mapping[str, JsonValue]) -> str | None:
    """Why a row with these unknown columns is refused: they are one JSON object, with the bounds of one."""
    if not extra:
        return None
    length = len(orjson.dumps(extra))
    return (
        f"the unknown columns are {length} bytes of JSON; at most {JSON_BYTES} are kept"
        if length > JSON_BYTES
        else None
    )


def tags_of_list(sent: JsonValue) -> dict[str, JsonValue]:
    """Tags from Google's list of Key, Value, x_Inherited and x_Namespace, from an object, or from the JSON of either.

    Of several values of a key the first that is not inherited counts. Raises UnusableValueError.
    """
    if isinstance(sent, str):
        try:
            sent = orjson.loads(checked_text(sent, JSON_BYTES))
        except orjson.JSONDecodeError as error:
            message = f"is not JSON: {error}"
            raise UnusableValueError(message) from None
    if isinstance(sent, list):
        entries = [_entry(entry) for entry in sent]
        found: dict[str, JsonValue] = {}
        for key, value, _ in sorted(entries, key=lambda entry: entry[2]):
            found.setdefault(key, value)
        sent = found
    return read_json_object(sent)


def _entry(entry: JsonValue) -> tuple[str, JsonValue, bool]:
    named = {name.lower(): value for name, value in entry.items()} if isinstance(entry, dict) else {}
    key = named.get("key")
    if not isinstance(key, str) or "value" not in named:
        message = "has an entry without key and value"
        raise UnusableValueError(message)
    return key, named["value"], named.get("x_inherited") is True


def product_of(unit_price: ColumnValue, quantity: ColumnValue) -> Decimal | None:
    """The exact product, or None where a factor is unknown or the product has more digits than an amount may have."""
    if not isinstance(unit_price, Decimal) or not isinstance(quantity, Decimal):
        return None
    try:
        return read_decimal(Context(prec=_PRODUCT_DIGITS).multiply(unit_price, quantity))[0]
    except UnusableValueError:
        return None
