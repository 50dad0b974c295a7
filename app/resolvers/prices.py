"""Root fields of prices."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import strawberry

from app.context import Info
from app.pricing.overrides import SentOverride, drop_overrides, set_overrides
from app.pricing.refresh import request_refresh
from app.recommendations.prices import ASKED_FOR, look_again
from app.records import Permission
from app.resolvers.access import Access, Limit, mutation, organization_of
from app.schema.ingestion import RowIssue
from app.schema.node import parse_id
from app.schema.price_lists import Pricing, RefreshPricesInput, RefreshPricesPayload, RefreshPricesResult
from app.schema.prices import (
    DeletePriceOverridesInput,
    DeletePriceOverridesPayload,
    DeletePriceOverridesResult,
    PriceOverrideInput,
    SetPriceOverridesInput,
    SetPriceOverridesPayload,
    SetPriceOverridesResult,
)


@strawberry.type
class PriceMutations:
    """What organizations pay instead of list prices, and reading list prices."""

    @mutation(
        Permission.COSTS_MANAGE,
        "Store at most 500 own prices and discounts. Good rows land in one transaction, bad rows are told one by "
        "one: also codes that no check asks for, and units that are not those of list prices.",
    )
    async def set_price_overrides(self, info: Info, input: SetPriceOverridesInput) -> SetPriceOverridesResult:  # noqa: A002  (Relay's name)
        """See app.pricing.overrides.set_overrides."""
        stored = await set_overrides(
            info.context.database,
            organization_of(input),
            info.context.signed_in().actor,
            [_sent(one) for one in input.overrides],
            look_again,
            ASKED_FOR,
        )
        return SetPriceOverridesPayload(
            received=stored.received,
            added=stored.added,
            changed=stored.changed,
            unchanged=stored.unchanged,
            issues=[RowIssue.from_record(issue) for issue in stored.issues],
        )

    @mutation(Permission.COSTS_MANAGE, "Delete own prices and discounts; list prices hold again.")
    async def delete_price_overrides(self, info: Info, input: DeletePriceOverridesInput) -> DeletePriceOverridesResult:  # noqa: A002  (Relay's name)
        """See app.pricing.overrides.drop_overrides."""
        organization_id = organization_of(input)
        deleted = await drop_overrides(
            info.context.database,
            organization_id,
            info.context.signed_in().actor,
            _own_ids(input.ids, organization_id),
            look_again,
        )
        return DeletePriceOverridesPayload(deleted=deleted)

    @mutation(
        Access.ROOT,
        "Have a worker read the providers' public price lists. What is new is stored with its date; the same again "
        "changes nothing.",
        limit=Limit(6, per=60),
    )
    async def refresh_prices(self, info: Info, input: RefreshPricesInput) -> RefreshPricesResult:  # noqa: A002  (Relay's name)
        """See app.pricing.refresh.request_refresh."""
        queued = await request_refresh(info.context.database, input.providers, input.regions)
        return RefreshPricesPayload(queued=queued, pricing=await Pricing.read(info))


def _sent(one: PriceOverrideInput) -> SentOverride:
    return SentOverride(
        provider=one.provider,
        pattern=one.pattern,
        region=one.region,
        valid_from=one.valid_from,
        valid_to=one.valid_to,
        discount_percent=one.discount_percent,
        amount=one.amount,
        currency=one.currency,
        unit=one.unit,
        note=one.note,
    )


def _own_ids(sent: Sequence[str], organization_id: UUID) -> list[UUID]:
    """The keys behind global ids; those of another organization name nothing here. Raises BadUserInputError."""
    keys = [parse_id(each, "PriceOverride", path=("input", "ids", str(place))) for place, each in enumerate(sent)]
    return [key.id if key.organization_id == organization_id else UUID(int=0) for key in keys]
