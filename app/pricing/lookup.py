"""Looks prices of some codes up, as the next look at an account would count them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import BadUserInputError
from app.pricing.book import PriceBook, newest, seed_prices
from app.records import Provider
from app.records.detection import Price
from app.records.prices import ANY_REGION
from app.repositories.price_overrides import overrides_on
from app.repositories.prices import prices_of

MOST_CODES: Final = 100
_LONGEST_CODE: Final = 200
_LONGEST_REGION: Final = 64


def check_codes(codes: Sequence[str], region: str) -> None:
    """Raises BadUserInputError for too many codes, or what is none."""
    if not 1 <= len(codes) <= MOST_CODES or any(not 1 <= len(code) <= _LONGEST_CODE for code in codes):
        message = f"`codes` holds 1 to {MOST_CODES} codes of prices, such as `nat.hour`; these are {len(codes):,}."
        raise BadUserInputError(message, path=("codes",))
    if not 1 <= len(region) <= _LONGEST_REGION:
        message = f"`region` is the name of a region of the provider's, or `{ANY_REGION}`."
        raise BadUserInputError(message, path=("region",))


async def look_up(
    session: AsyncSession, organization_id: UUID, provider: Provider, codes: Sequence[str], region: str, day: date
) -> list[Price | None]:
    """What an organization pays on a day for each code, None where nobody says. Two statements for any number."""
    read = newest(await prices_of(session, provider, [region], day, codes))
    prices = {**seed_prices(), **read}
    book = PriceBook(prices, await overrides_on(session, organization_id, day))
    return [book.price(provider, code, None if region == ANY_REGION else region) for code in codes]
