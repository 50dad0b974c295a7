"""The price store: dated, the same told again changes nothing, and one look loads what it needs in few statements."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from app.database import Database
from app.models import new_id
from app.pricing.load import load_book
from app.records import Actor, ActorKind, Provider
from app.records.detection import PriceBasis, PriceUnit
from app.records.prices import ListPrice, PriceOverride
from app.repositories.price_overrides import store_overrides
from app.repositories.prices import PRICES, count_prices, delete_ended_prices, prices_of, store_prices
from app.scanning.ingest import ingest_resources
from tests.house.statements import counted
from tests.pricing.test_book import DAY, discount, listed

ORGANIZATION = UUID(int=1)
LATER = date(2026, 12, 1)
NAT = listed("nat.hour", "0.045", sku="A1")


async def store(database: Database, *prices: ListPrice) -> int:
    async with database.system() as session:
        return await store_prices(session, prices)


async def held(database: Database) -> list[tuple[Any, ...]]:
    async with database.read(None) as session:
        rows = await session.execute(
            select(PRICES.c.code, PRICES.c.amount, PRICES.c.valid_from, PRICES.c.valid_to).order_by(
                PRICES.c.code, PRICES.c.valid_from
            )
        )
        return [tuple(row) for row in rows]


async def test_the_same_again_changes_nothing(database: Database) -> None:
    assert await store(database, NAT, listed("eip.hour", "0.005")) == 2
    assert await store(database, NAT, replace(NAT, valid_from=LATER, amount=Decimal("0.0450"))) == 0

    assert [row[:2] for row in await held(database)] == [("eip.hour", Decimal("0.005")), ("nat.hour", Decimal("0.045"))]


async def test_a_new_price_ends_the_one_before(database: Database) -> None:
    await store(database, NAT)

    assert await store(database, replace(NAT, amount=Decimal("0.05"), valid_from=LATER)) == 1

    assert await held(database) == [
        ("nat.hour", Decimal("0.045"), DAY, LATER),
        ("nat.hour", Decimal("0.05"), LATER, None),
    ]
    async with database.read(None) as session:
        found = [
            [price.amount for price in await prices_of(session, Provider.AWS, ["us-east-1"], day)]
            for day in (date(2026, 10, 31), DAY, date(2026, 11, 30), LATER)
        ]
    assert found == [[], [Decimal("0.045")], [Decimal("0.045")], [Decimal("0.05")]]


async def test_a_price_of_the_same_day_is_put_right(database: Database) -> None:
    await store(database, NAT)

    assert await store(database, replace(NAT, amount=Decimal("0.046"))) == 1

    assert await held(database) == [("nat.hour", Decimal("0.046"), DAY, None)]


async def test_what_is_older_than_what_is_known_is_left_out(database: Database) -> None:
    await store(database, replace(NAT, valid_from=LATER))

    assert await store(database, replace(NAT, amount=Decimal(1))) == 0

    assert await held(database) == [("nat.hour", Decimal("0.045"), LATER, None)]


async def test_of_the_same_price_told_twice_the_later_counts(database: Database) -> None:
    assert await store(database, NAT, replace(NAT, amount=Decimal(2))) == 1

    assert [row[1] for row in await held(database)] == [Decimal(2)]


async def test_prices_that_ended_long_ago_are_forgotten(database: Database) -> None:
    await store(database, NAT)
    await store(database, replace(NAT, amount=Decimal("0.05"), valid_from=LATER))

    async with database.system() as session:
        assert [dict(row)["prices"] for row in await count_prices(session)] == [1]
        assert await delete_ended_prices(session, LATER) == 0
        assert await delete_ended_prices(session, date(2026, 12, 2)) == 1
    assert len(await held(database)) == 1


async def _account(database: Database) -> UUID:
    row = {
        "provider": "AWS",
        "account_id": "1",
        "resource_type": "vm",
        "resource_id": "i-1",
        "resource_name": "i",
        "region": "us-east-1",
    }
    await ingest_resources(database, ORGANIZATION, Actor(ActorKind.SYSTEM), [(1, row)])
    async with database.read(ORGANIZATION) as session:
        found = (await session.execute(text("SELECT account_id FROM resources"))).scalar_one()
        return UUID(str(found))


async def test_a_look_loads_what_is_contracted_what_was_read_and_what_is_delivered(database: Database) -> None:
    account = await _account(database)
    await store(database, NAT, replace(NAT, region="eu-west-1"), listed("elb.alb.hour", "0.03", valid_from=LATER))
    seats = PriceOverride(
        new_id(),
        Provider.MICROSOFT_365,
        "m365.seat.spe_e5",
        "*",
        DAY,
        amount=Decimal(50),
        currency="EUR",
        unit=PriceUnit.SEAT_MONTH,
    )
    terms = [
        discount("nat.*", "10", id=new_id()),
        discount("eip.*", "10", id=new_id(), valid_to=date(2026, 11, 20)),
        seats,
    ]
    async with database.write(ORGANIZATION) as session:
        assert await store_overrides(session, ORGANIZATION, terms) == (3, 0)
        assert await store_overrides(session, ORGANIZATION, terms) == (0, 0)

    with counted(database) as statements:
        async with database.read(ORGANIZATION) as session:
            book = await load_book(session, ORGANIZATION, account, date(2026, 11, 22))

    assert len([each for each in statements if "prices" in each or "resources" in each or "price_" in each]) == 3
    found = {
        code: book.price(Provider.AWS, code, "us-east-1") for code in ("nat.hour", "elb.alb.hour", "eip.hour", "x.hour")
    }
    assert {code: price and (price.amount, price.basis) for code, price in found.items()} == {
        "nat.hour": (Decimal("0.0405"), PriceBasis.CONTRACTED),
        "elb.alb.hour": (Decimal("0.0225"), PriceBasis.LIST),
        "eip.hour": (Decimal("0.005"), PriceBasis.LIST),
        "x.hour": None,
    }
    seat = book.price(Provider.MICROSOFT_365, "m365.seat.spe_e5", None)
    assert seat is not None
    assert (seat.amount, seat.unit) == (Decimal(50), PriceUnit.SEAT_MONTH)


async def test_overrides_are_of_one_organization(database: Database) -> None:
    account = await _account(database)
    async with database.write(UUID(int=2)) as session:
        await store_overrides(session, UUID(int=2), [discount("nat.*", "10", id=new_id())])

    async with database.read(ORGANIZATION) as session:
        book = await load_book(session, ORGANIZATION, account, DAY)

    price = book.price(Provider.AWS, "nat.hour", "us-east-1")
    assert price is not None
    assert price.basis is PriceBasis.LIST
