"""Makes the price book of one look: what the organization pays, what was read of providers, what is delivered."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.pricing.book import PriceBook, newest, seed_prices
from app.records import Provider
from app.repositories.price_overrides import overrides_on
from app.repositories.prices import places_of, prices_of


async def load_book(session: AsyncSession, organization_id: UUID, account_id: UUID, day: date) -> PriceBook:
    """The prices of a day for an account's resources: three statements for an account of one provider."""
    places = await places_of(session, organization_id, account_id)
    return await book_of_regions(session, organization_id, places.providers, places.regions, day)


async def book_of_regions(
    session: AsyncSession,
    organization_id: UUID,
    providers: Collection[Provider],
    regions: Collection[str],
    day: date,
) -> PriceBook:
    """The prices of a day in some regions, and those for all."""
    prices = dict(seed_prices())
    for provider in sorted(providers):
        prices |= newest(await prices_of(session, provider, sorted(regions), day))
    return PriceBook(prices, await overrides_on(session, organization_id, day))
