"""Root fields of currency rates."""

from __future__ import annotations

import strawberry

from app.context import Info
from app.costs.currency_rates import SentRate, drop_rates, set_rates
from app.records import Permission
from app.resolvers.access import mutation, organization_of
from app.schema.currencies import (
    DeleteCurrencyRatesInput,
    DeleteCurrencyRatesPayload,
    DeleteCurrencyRatesResult,
    SetCurrencyRatesInput,
    SetCurrencyRatesPayload,
    SetCurrencyRatesResult,
)
from app.schema.ingestion import RowIssue


@strawberry.type
class CurrencyMutations:
    """Setting and deleting currency rates."""

    @mutation(
        Permission.COSTS_MANAGE,
        "Store at most 1,000 dated currency rates. Good rows land in one transaction, bad rows are told one by one.",
    )
    async def set_currency_rates(self, info: Info, input: SetCurrencyRatesInput) -> SetCurrencyRatesResult:  # noqa: A002  (Relay's name)
        """See app.costs.currency_rates.set_rates."""
        stored = await set_rates(
            info.context.database,
            organization_of(input),
            info.context.signed_in().actor,
            [SentRate(one.from_currency, one.to_currency, one.valid_from, one.rate) for one in input.rates],
            input.source,
        )
        return SetCurrencyRatesPayload(
            received=stored.received,
            added=stored.added,
            changed=stored.changed,
            unchanged=stored.unchanged,
            issues=[RowIssue.from_record(issue) for issue in stored.issues],
        )

    @mutation(Permission.COSTS_MANAGE, "Delete the rates of a pair of currencies, all or those of some days.")
    async def delete_currency_rates(self, info: Info, input: DeleteCurrencyRatesInput) -> DeleteCurrencyRatesResult:  # noqa: A002  (Relay's name)
        """See app.costs.currency_rates.drop_rates."""
        deleted = await drop_rates(
            info.context.database,
            organization_of(input),
            info.context.signed_in().actor,
            (input.from_currency, input.to_currency),
            input.valid_from,
            input.valid_before,
        )
        return DeleteCurrencyRatesPayload(deleted=deleted)
