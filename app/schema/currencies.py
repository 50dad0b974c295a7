"""Currency rates of an organization: by which amounts in other currencies are shown in its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

import strawberry

from app.context import Info
from app.costs.values import checked_text
from app.records import Permission
from app.schema.errors import InvalidInput, NotFound
from app.schema.filters import StringFilter, to_criteria
from app.schema.ingestion import RowIssue
from app.schema.organization_part import OrganizationPart
from app.schema.paging import (
    After,
    Before,
    Connection,
    First,
    Last,
    PageArguments,
    connection,
    cursor_text,
    page_request,
)

_ORDER = "pair"
_CODE = 3


@strawberry.type(
    description="How much of one currency a unit of another is. A charge is converted at the newest rate of its pair "
    "that is valid on the last day of the calendar month in which the charge starts."
)
class CurrencyRate:
    """A row of `currency_rates`."""

    from_currency: str = strawberry.field(description="The currency that is converted, a code of ISO 4217.")
    to_currency: str = strawberry.field(description="The currency that it is converted to.")
    valid_from: date = strawberry.field(description="From which day on it holds, until a later rate of the pair.")
    rate: Decimal = strawberry.field(description="How much one unit of `fromCurrency` is; exact, never rounded.")
    source: str = strawberry.field(description="Where it is from, as its sender said; `ECB` for imported files.")
    updated_at: datetime = strawberry.field(description="When it was stored or last changed.")

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> CurrencyRate:
        """Make it of a row."""
        names = ("from_currency", "to_currency", "valid_from", "rate", "source", "updated_at")
        return cls(**{name: row[name] for name in names})


@strawberry.input(description="Which rates; all conditions must hold.")
class CurrencyRateFilter:
    """Fields are named like columns of `currency_rates`."""

    from_currency: StringFilter | None = strawberry.field(default=None, description="The currency that is converted.")
    to_currency: StringFilter | None = strawberry.field(default=None, description="The currency it is converted to.")


@strawberry.type
class OrganizationCurrencies(OrganizationPart):
    """The part of `Organization` that this room adds; `Organization` inherits it."""

    @strawberry.field(description="Its currency rates, by currencies and day.")
    async def currency_rates(
        self,
        info: Info,
        where: Annotated[CurrencyRateFilter | None, strawberry.argument(description="Which rates.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[CurrencyRate] | None:
        """One statement a page, one more for the count when it is asked."""
        key = self.require(Permission.ORGANIZATION_READ)
        read = (_code, _code, date.fromisoformat)
        request = page_request(_ORDER, read, PageArguments(first, after, last, before))
        rates, criteria = info.context.loaders.currency_rates, to_criteria(where)
        return connection(
            await rates.page(key, criteria, request),
            CurrencyRate.from_row,
            lambda row: cursor_text(_ORDER, (row["from_currency"], row["to_currency"], row["valid_from"])),
            rates.counter(key, criteria),
        )


def _code(text: str) -> str:
    """A currency of a cursor. Raises ValueError for what no row can hold."""
    return checked_text(text, _CODE)


@strawberry.input(description="One rate as a row. All fields are lenient, so that a bad row is told and others land.")
class CurrencyRateInput:
    """See app.costs.currency_rates.SentRate."""

    from_currency: str | None = strawberry.field(default=None, description="Required: a code of ISO 4217.")
    to_currency: str | None = strawberry.field(default=None, description="Required: a code of ISO 4217.")
    valid_from: str | None = strawberry.field(default=None, description="Required: the day, such as 2026-11-01.")
    rate: str | None = strawberry.field(
        default=None, description="Required: how much of `toCurrency` one unit of `fromCurrency` is, greater than 0."
    )


@strawberry.input(description="At most 1,000 rates. One that is there for the same currencies and day is replaced.")
class SetCurrencyRatesInput:
    """See `setCurrencyRates`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    rates: list[CurrencyRateInput] = strawberry.field(description="The rates, at most 1,000; numbered from 1.")
    source: str = strawberry.field(default="manual", description="Where they are from; 1 to 100 characters.")


@strawberry.type(description="What became of the rates. Costs are shown by them at once, those of past months too.")
class SetCurrencyRatesPayload:
    """See `setCurrencyRates`."""

    received: int = strawberry.field(description="Rates that were sent.")
    added: int = strawberry.field(description="Rates that are new.")
    changed: int = strawberry.field(description="Rates that took the place of another.")
    unchanged: int = strawberry.field(description="Rates that were there just so.")
    issues: list[RowIssue] = strawberry.field(description="What was wrong, row by row; such rows did not land.")


SetCurrencyRatesResult = Annotated[
    SetCurrencyRatesPayload | InvalidInput | NotFound,
    strawberry.union("SetCurrencyRatesResult", description="What `setCurrencyRates` answers."),
]


@strawberry.input(description="Rates of one pair of currencies to delete.")
class DeleteCurrencyRatesInput:
    """See `deleteCurrencyRates`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    from_currency: str = strawberry.field(description="The currency that is converted.")
    to_currency: str = strawberry.field(description="The currency that it is converted to.")
    valid_from: date | None = strawberry.field(default=None, description="Only rates of this day and later ones.")
    valid_before: date | None = strawberry.field(default=None, description="Only rates of days before this one.")


@strawberry.type(description="The rates are gone.")
class DeleteCurrencyRatesPayload:
    """See `deleteCurrencyRates`."""

    deleted: int = strawberry.field(description="How many there were.")


DeleteCurrencyRatesResult = Annotated[
    DeleteCurrencyRatesPayload | InvalidInput | NotFound,
    strawberry.union("DeleteCurrencyRatesResult", description="What `deleteCurrencyRates` answers."),
]
