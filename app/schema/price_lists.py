"""The providers' list prices, as operators of the platform see them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import strawberry

from app.context import Info
from app.pricing.delivered import delivered_counts
from app.records import Provider
from app.schema.errors import InvalidInput, NotFound


@strawberry.type(description="How many list prices of one provider were read and hold now.")
class PriceCount:
    """See app.repositories.prices.count_prices."""

    provider: Provider = strawberry.field(description="Whose prices.")
    prices: int = strawberry.field(description="How many hold now.")
    regions: int = strawberry.field(description="In how many regions.")
    newest_valid_from: date = strawberry.field(description="Since when the newest of them holds.")
    changed_at: datetime = strawberry.field(description="When one was last new.")


@strawberry.type(description="How many list prices of one provider are delivered with Skyledger.")
class DeliveredPrices:
    """See app.pricing.delivered."""

    provider: Provider = strawberry.field(description="Whose prices.")
    prices: int = strawberry.field(description="How many there are.")
    regions: int = strawberry.field(description="In how many regions; those that are the same everywhere count as one.")
    newest_valid_from: date = strawberry.field(description="Since when the newest of them holds.")


@strawberry.type(description="How reading one document went, such as the prices of EC2 in a region.")
class PriceDocument:
    """A row of `price_readings`."""

    provider: Provider = strawberry.field(description="Whose prices.")
    name: str = strawberry.field(description="The document, such as `AmazonEC2/us-east-1`.")
    started_at: datetime = strawberry.field(description="When reading it began.")
    finished_at: datetime | None = strawberry.field(description="When it was last read or unchanged; null meanwhile.")
    version: str | None = strawberry.field(description="Its version, where the provider tells one.")
    prices: int = strawberry.field(description="Prices of it that checks ask for.")
    changed: int = strawberry.field(description="Those that were new in the last reading.")
    problem: str | None = strawberry.field(description="Why it was not read to its end; null where all is well.")


@strawberry.type(
    description="List prices that were read of the providers. Beside them stand those that are delivered with "
    "Skyledger, which hold where none was read."
)
class Pricing:
    """Figures for operators."""

    counts: list[PriceCount] = strawberry.field(description="How many there are, by provider.")
    delivered: list[DeliveredPrices] = strawberry.field(description="How many are delivered, by provider.")
    documents: list[PriceDocument] = strawberry.field(description="How reading went, by provider and document.")
    last_refresh_at: datetime | None = strawberry.field(description="When a document was last read to its end.")

    @classmethod
    async def read(cls, info: Info) -> Pricing:
        """Two statements. Whether the caller may know is the resolver's question."""
        loaders = info.context.loaders
        counts, documents = await loaders.price_counts(), await loaders.price_readings()
        return cls(
            counts=[
                PriceCount(
                    provider=Provider(row["provider"]),
                    prices=row["prices"],
                    regions=row["regions"],
                    newest_valid_from=row["newest"],
                    changed_at=row["read_at"],
                )
                for row in counts
            ],
            delivered=[
                DeliveredPrices(
                    provider=each.provider, prices=each.prices, regions=each.regions, newest_valid_from=each.newest
                )
                for each in delivered_counts()
            ],
            documents=[
                PriceDocument(
                    provider=Provider(row["provider"]),
                    name=row["document"],
                    started_at=row["started_at"],
                    finished_at=row["finished_at"],
                    version=row["version"],
                    prices=row["prices"],
                    changed=row["changed"],
                    problem=row["problem"],
                )
                for row in documents
            ],
            last_refresh_at=max((row["finished_at"] for row in documents if row["finished_at"]), default=None),
        )


@strawberry.input(description="Whose price lists to read.")
class RefreshPricesInput:
    """See `refreshPrices`."""

    providers: list[Provider] = strawberry.field(
        default_factory=list, description="AWS, AZURE and GCP; all three when left out."
    )
    regions: list[str] = strawberry.field(
        default_factory=list,
        description="Regions as their providers name them, at most 100; those of which there are prices, "
        "and those with resources, when left out.",
    )


@strawberry.type(description="A worker reads the price lists; `platform.pricing` tells how far it is.")
class RefreshPricesPayload:
    """See `refreshPrices`."""

    queued: bool = strawberry.field(description="False where a refresh is waiting already.")
    pricing: Pricing = strawberry.field(description="What is known so far.")


RefreshPricesResult = Annotated[
    RefreshPricesPayload | InvalidInput | NotFound,
    strawberry.union("RefreshPricesResult", description="What `refreshPrices` answers."),
]
