"""SQL of prices: what providers ask, as it was read, and what one look at an account needs of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import RowMapping, Table, delete, func, or_, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import ListedPrice, PriceReading, Resource, now
from app.records import Provider
from app.records.detection import PriceUnit
from app.records.prices import ANY_REGION, ListPrice

PRICES: Table = ListedPrice.__table__  # type: ignore[assignment]
READINGS: Table = PriceReading.__table__  # type: ignore[assignment]
_RESOURCES: Table = Resource.__table__  # type: ignore[assignment]
# What is known just so stays as old as it is; what is older than what is known says nothing of today.
_STORE = text("""
    INSERT INTO prices AS held
        (provider, code, region, currency, valid_from, valid_to, unit, amount, sku, source, hash, read_at)
    SELECT sent.provider, sent.code, sent.region, sent.currency, sent.valid_from, sent.valid_to, sent.unit,
           sent.amount, sent.sku, sent.source, decode(sent.hash, 'hex'), :now
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS sent(
        provider text, code text, region text, currency text, valid_from date, valid_to date, unit text,
        amount numeric, sku text, source text, hash text)
    WHERE NOT EXISTS (
        SELECT FROM prices AS held
        WHERE (held.provider, held.code, held.region, held.currency)
            = (sent.provider, sent.code, sent.region, sent.currency)
        AND (held.valid_from > sent.valid_from OR (held.valid_to IS NULL AND held.hash = decode(sent.hash, 'hex')))
    )
    ON CONFLICT (provider, code, region, currency, valid_from) DO UPDATE
        SET unit = excluded.unit, amount = excluded.amount, valid_to = excluded.valid_to, sku = excluded.sku,
            source = excluded.source, hash = excluded.hash, read_at = excluded.read_at
        WHERE held.hash <> excluded.hash OR held.valid_to IS DISTINCT FROM excluded.valid_to
    RETURNING 1
""")
_END = text("""
    UPDATE prices AS held SET valid_to = sent.valid_from
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS sent(
        provider text, code text, region text, currency text, valid_from date, valid_to date, unit text,
        amount numeric, sku text, source text, hash text)
    WHERE (held.provider, held.code, held.region, held.currency)
        = (sent.provider, sent.code, sent.region, sent.currency)
        AND held.valid_from < sent.valid_from AND held.valid_to IS NULL AND held.hash <> decode(sent.hash, 'hex')
""")


def hash_of(price: ListPrice) -> bytes:
    """SHA-256 of what a provider tells of a price, but for since when."""
    told = [price.sku, price.unit.value, f"{price.amount.normalize():f}"]
    return sha256(orjson.dumps(told)).digest()


async def store_prices(session: AsyncSession, prices: Sequence[ListPrice]) -> int:
    """Add what is new, and end what it takes the place of; how many were new. System role.

    Of two prices of the same thing the newer one counts, of the same day the later one in the sequence.
    """
    in_order = sorted(prices, key=lambda each: each.valid_from)
    last = {(each.provider, each.code, each.region, each.currency): each for each in in_order}
    rows = [_row(each) for _, each in sorted(last.items())]  # sorted: locks in one order
    values = {"rows": orjson.dumps(rows).decode(), "now": now()}
    await session.execute(_END, {"rows": values["rows"]})
    return len((await session.execute(_STORE, values)).all())


def _row(price: ListPrice) -> dict[str, Any]:
    return {
        "provider": price.provider.value,
        "code": price.code,
        "region": price.region,
        "currency": price.currency,
        "valid_from": price.valid_from,
        "valid_to": price.valid_to,
        "unit": price.unit.value,
        "amount": str(price.amount),
        "sku": price.sku,
        "source": price.source,
        "hash": hash_of(price).hex(),
    }


async def prices_of(
    session: AsyncSession, provider: Provider, regions: Sequence[str], day: date, codes: Collection[str] | None = None
) -> list[ListPrice]:
    """What a provider asks on a day, in some regions and everywhere; for some codes, or for all. One statement."""
    statement = (
        select(PRICES)
        .where(
            PRICES.c.provider == provider.value,
            PRICES.c.region.in_(sorted({*regions, ANY_REGION})),
            PRICES.c.valid_from <= day,
            or_(PRICES.c.valid_to.is_(None), PRICES.c.valid_to > day),
        )
        .order_by(PRICES.c.code, PRICES.c.region, PRICES.c.valid_from)
    )
    if codes is not None:
        statement = statement.where(PRICES.c.code.in_(sorted(codes)))
    return [_price(row) for row in (await session.execute(statement)).mappings()]


def _price(row: RowMapping) -> ListPrice:
    return ListPrice(
        provider=Provider(row["provider"]),
        code=row["code"],
        region=row["region"],
        unit=PriceUnit(row["unit"]),
        currency=row["currency"],
        amount=row["amount"],
        valid_from=row["valid_from"],
        source=row["source"],
        sku=row["sku"],
        valid_to=row["valid_to"],
    )


@dataclass(frozen=True)
class Places:
    """Whose resources an account has, and where."""

    providers: frozenset[Provider]
    regions: frozenset[str]


async def places_of(session: AsyncSession, organization_id: UUID, account_id: UUID) -> Places:
    """Providers and regions of an account's resources."""
    statement = (
        select(_RESOURCES.c.provider, _RESOURCES.c.region)
        .where(_RESOURCES.c.organization_id == organization_id, _RESOURCES.c.account_id == account_id)
        .distinct()
    )
    rows = (await session.execute(statement)).all()
    return Places(
        frozenset(Provider(provider) for provider, _ in rows), frozenset(region for _, region in rows if region)
    )


async def put_reading(session: AsyncSession, values: dict[str, Any]) -> None:
    """Note how reading a document goes; what is not given stays as it was. System role."""
    statement = insert(READINGS).values({"prices": 0, "changed": 0, "started_at": now(), **values})
    changes = {name: value for name, value in values.items() if name not in {"provider", "document"}}
    await session.execute(statement.on_conflict_do_update(index_elements=["provider", "document"], set_=changes))


async def readings(session: AsyncSession, provider: Provider | None = None) -> Sequence[RowMapping]:
    """How reading went, document by document. System role."""
    statement = select(READINGS).order_by(READINGS.c.provider, READINGS.c.document)
    if provider is not None:
        statement = statement.where(READINGS.c.provider == provider.value)
    return (await session.execute(statement)).mappings().all()


async def regions_of(session: AsyncSession, provider: Provider) -> list[str]:
    """Regions of which there are prices."""
    statement = select(PRICES.c.region).where(PRICES.c.provider == provider.value).distinct()
    return list((await session.scalars(statement)).all())


async def regions_in_use(session: AsyncSession, organization_id: UUID, provider: Provider) -> list[str]:
    """Regions in which an organization has resources of a provider. One statement."""
    statement = (
        select(_RESOURCES.c.region)
        .where(_RESOURCES.c.organization_id == organization_id, _RESOURCES.c.provider == provider.value)
        .distinct()
    )
    return [region for region in (await session.scalars(statement)).all() if region]


async def units_of(session: AsyncSession, codes: Collection[tuple[Provider, str]]) -> dict[tuple[Provider, str], str]:
    """What the list prices of some codes that hold now are for, wherever that is told. One statement."""
    wanted = sorted((provider.value, code) for provider, code in codes)
    statement = (
        select(PRICES.c.provider, PRICES.c.code, func.min(PRICES.c.unit))
        .where(tuple_(PRICES.c.provider, PRICES.c.code).in_(wanted), PRICES.c.valid_to.is_(None))
        .group_by(PRICES.c.provider, PRICES.c.code)
    )
    rows = (await session.execute(statement)).all() if wanted else []
    return {(Provider(provider), code): unit for provider, code, unit in rows}


async def count_prices(session: AsyncSession) -> Sequence[RowMapping]:
    """How many prices of each provider there are, in how many regions, and since when the newest holds."""
    statement = (
        select(
            PRICES.c.provider,
            func.count().label("prices"),
            func.count(PRICES.c.region.distinct()).label("regions"),
            func.max(PRICES.c.valid_from).label("newest"),
            func.max(PRICES.c.read_at).label("read_at"),
        )
        .where(PRICES.c.valid_to.is_(None))
        .group_by(PRICES.c.provider)
        .order_by(PRICES.c.provider)
    )
    return (await session.execute(statement)).mappings().all()


async def delete_ended_prices(session: AsyncSession, before: date) -> int:
    """Forget prices that ended before a day; how many there were. System role."""
    statement = delete(PRICES).where(PRICES.c.valid_to < before).returning(PRICES.c.code)
    return len((await session.execute(statement)).all())
