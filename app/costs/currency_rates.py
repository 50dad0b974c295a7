"""Currency rates: setting and deleting dated rates, and reading those that the ECB publishes as CSV."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Context, Decimal
from itertools import islice
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.costs.analysis.periods import FIRST_DAY, LAST_DAY
from app.costs.values import UnusableValueError, read_decimal
from app.database import Database
from app.errors import BadUserInputError
from app.queue import enqueue
from app.records import Actor, EventKind, NewEvent, RowIssue
from app.records.currencies import CURRENCIES, checked_currency
from app.records.recommendations import LOOK_EVERYWHERE_JOB
from app.repositories.converted_savings import convert_again
from app.repositories.currency_rates import Rate, delete_rates, store_rates
from app.repositories.organizations import organizations_by_id

MOST_RATES = 1_000
LONGEST_SOURCE = 100
EURO = "EUR"
_SHOWN = 60  # characters of a refused value
_BATCH = 5_000
# Quotients of two published rates, which have at most six significant digits; 20 keep a cent of 10^15 exact.
_QUOTIENT = Context(prec=20)
Value = TypeVar("Value")


@dataclass(frozen=True)
class SentRate:
    """A rate as it was sent, column by column."""

    from_currency: str | None
    to_currency: str | None
    valid_from: str | None
    rate: str | None


@dataclass
class RatesStored:
    """What became of rates that were sent."""

    received: int = 0
    added: int = 0
    changed: int = 0
    issues: list[RowIssue] = field(default_factory=list)

    @property
    def unchanged(self) -> int:
        """Those that were there just so."""
        return self.received - self.added - self.changed - len({issue.row_number for issue in self.issues})


async def set_rates(
    database: Database, organization_id: UUID, actor: Actor, sent: Sequence[SentRate], source: str
) -> RatesStored:
    """Store at most 1,000 rates; those that cannot be used are told one by one, and the others land.

    Raises BadUserInputError for more rates, or a source that is empty or longer than 100 characters.
    """
    if len(sent) > MOST_RATES:
        message = f"A batch holds at most {MOST_RATES:,} rates; this one has {len(sent):,}. Send several batches."
        raise BadUserInputError(message, path=("input", "rates"))
    if not 1 <= len(source.strip()) <= LONGEST_SOURCE or not source.isprintable():
        message = f"`source` must have 1 to {LONGEST_SOURCE} printable characters."
        raise BadUserInputError(message, path=("input", "source"))
    outcome = RatesStored(len(sent))
    rates = list(_read(sent, outcome.issues))
    async with database.write(organization_id) as session:
        await _store(session, organization_id, actor, rates, source.strip(), outcome)
    return outcome


async def drop_rates(
    database: Database, organization_id: UUID, actor: Actor, pair: tuple[str, str], first: date | None, end: date | None
) -> int:
    """Delete the rates of a pair from a day to before another; returns how many there were."""
    pair = checked_currency(pair[0], ("input", "fromCurrency")), checked_currency(pair[1], ("input", "toCurrency"))
    async with database.write(organization_id) as session:
        deleted = await delete_rates(session, organization_id, pair, first, end)
        if deleted:
            data = {"fromCurrency": pair[0], "toCurrency": pair[1], "deleted": deleted}
            event = NewEvent(EventKind.CURRENCY_RATES_DELETED, actor, "Organization", organization_id, data)
            await _convert_again(session, organization_id)
            await record(session, organization_id, event)
    return deleted


async def import_ecb_rates(
    database: Database, organization_id: UUID, actor: Actor, file: Path, currency: str, since: date | None
) -> RatesStored:
    """Store the rates of a file of the ECB's form into one currency, in one transaction; see `read_ecb`."""
    outcome = RatesStored()
    rates = read_ecb(file, currency, outcome.issues)
    async with database.write(organization_id) as session:
        wanted = (one for one in rates if since is None or one.valid_from >= since)
        await _store(session, organization_id, actor, wanted, "ECB", outcome)
    outcome.received += len({issue.row_number for issue in outcome.issues})
    return outcome


async def _store(
    session: AsyncSession,
    organization_id: UUID,
    actor: Actor,
    rates: Iterable[Rate],
    source: str,
    outcome: RatesStored,
) -> None:
    iterator, stored = iter(rates), 0
    while batch := list(islice(iterator, _BATCH)):
        last = list({one[:3]: one for one in batch}.values())  # of two lines of one day the later one
        added, changed = await store_rates(session, organization_id, last, source)
        outcome.added += added
        outcome.changed += changed
        stored += len(batch)
    outcome.received = max(outcome.received, stored)
    if outcome.added or outcome.changed:
        data = {"added": outcome.added, "changed": outcome.changed, "source": source}
        event = NewEvent(EventKind.CURRENCY_RATES_SET, actor, "Organization", organization_id, data)
        await _convert_again(session, organization_id)
        await record(session, organization_id, event)


async def _convert_again(session: AsyncSession, organization_id: UUID) -> None:
    """Savings at once; budgets and anomalies, in the organization's currency too, and looks follow as jobs."""
    for organization in await organizations_by_id(session, [organization_id]):
        await convert_again(session, organization_id, organization["currency"])
    await enqueue(session, LOOK_EVERYWHERE_JOB, organization_id)


def _read(sent: Sequence[SentRate], issues: list[RowIssue]) -> Iterator[Rate]:
    """The rates that can be used; what is wrong with the others goes to `issues`."""
    seen: dict[tuple[str, str, date], int] = {}
    for number, one in enumerate(sent, 1):
        try:
            rate = Rate(
                _named("fromCurrency", one.from_currency, _currency),
                _named("toCurrency", one.to_currency, _currency),
                _named("validFrom", one.valid_from, _day),
                _named("rate", one.rate, _positive),
            )
        except _ColumnError as error:
            issues.append(RowIssue(number, error.column, error.shown, f"`{error.column}` {error}."))
            continue
        if rate.from_currency == rate.to_currency:
            reason = "`toCurrency` must be another currency than `fromCurrency`."
            issues.append(RowIssue(number, "toCurrency", rate.to_currency, reason))
        elif (first := seen.setdefault(rate[:3], number)) != number:
            reason = f"Row {first} has the same currencies and day."
            issues.append(RowIssue(number, "validFrom", str(rate.valid_from), reason))
        else:
            yield rate


class _ColumnError(Exception):
    """A value that cannot be used, and where it stands."""

    def __init__(self, column: str, sent: str | None, reason: UnusableValueError) -> None:
        super().__init__(str(reason))
        self.column = column
        self.shown = (sent or "")[:_SHOWN]


def _named(column: str, sent: str | None, read: Callable[[str], Value]) -> Value:
    try:
        return _value(sent, read)
    except UnusableValueError as error:
        raise _ColumnError(column, sent, error) from None


def read_ecb(file: Path, currency: str, issues: list[RowIssue]) -> Iterator[Rate]:
    """Rates into a currency, of a file with a date and how much of each currency one euro is, in each line.

    The rate of a currency is the quotient of the two amounts, with 20 significant digits. Cells that are empty or
    `N/A` have no rate; what cannot be read goes to `issues`, by line. Raises BadUserInputError for another file.
    """
    with file.open(encoding="utf-8-sig", newline="") as stream:
        lines = csv.reader(stream)
        header = [name.strip() for name in next(lines, [])]
        if header[:1] != ["Date"] or (currency != EURO and currency not in header):
            message = (
                f"{file.name} is not of the ECB's form: its first line must be `Date` and codes of currencies, "
                f"{currency} among them."
            )
            raise BadUserInputError(message)
        for number, cells in enumerate(lines, 2):
            yield from _of_line(number, dict(zip(header, cells, strict=False)), currency, issues)


def _of_line(number: int, cells: dict[str, str], currency: str, issues: list[RowIssue]) -> Iterator[Rate]:
    if not any(cell.strip() for cell in cells.values()):
        return
    amounts = {EURO: Decimal(1)}
    column, cell = "Date", cells["Date"]
    try:
        day = _value(cell, _day)
        for column, cell in cells.items():
            if column in CURRENCIES and cell.strip() not in {"", "N/A"}:
                amounts[column] = _value(cell, _positive)
    except UnusableValueError as error:
        issues.append(RowIssue(number, column, cell[:_SHOWN], f"`{column}` {error}."))
        return
    if currency in amounts:
        for code, amount in amounts.items():
            if code != currency:
                yield Rate(code, currency, day, _QUOTIENT.divide(amounts[currency], amount))


def _value(sent: str | None, read: Callable[[str], Value]) -> Value:
    if sent is None or not sent.strip():
        message = "is missing"
        raise UnusableValueError(message)
    return read(sent.strip())


def _currency(sent: str) -> str:
    if sent.upper() not in CURRENCIES:
        message = "must be a code of ISO 4217, such as USD or EUR"
        raise UnusableValueError(message)
    return sent.upper()


def _day(sent: str) -> date:
    for read in (date.fromisoformat, lambda text: datetime.strptime(text, "%d %B %Y").date()):  # noqa: DTZ007  (a day)
        try:
            day = read(sent)
        except ValueError:
            continue
        if FIRST_DAY <= day < LAST_DAY:
            return day
    message = f"must be a day such as 2026-11-01, from {FIRST_DAY} to before {LAST_DAY}"
    raise UnusableValueError(message)


def _positive(sent: str) -> Decimal:
    number = read_decimal(sent)[0]
    if number <= 0:
        message = "must be greater than 0"
        raise UnusableValueError(message)
    return number
