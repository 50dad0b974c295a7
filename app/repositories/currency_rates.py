"""SQL of currency rates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import RowMapping, Select, Table, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import CurrencyRate, now
from app.paging import Page, PageRequest
from app.records.criteria import Criteria, Direction
from app.repositories.selection import conditions, page_of_statement

RATES: Table = CurrencyRate.__table__  # type: ignore[assignment]
KEY = ("from_currency", "to_currency", "valid_from")


class Rate(NamedTuple):
    """How much of `to_currency` one unit of `from_currency` is, from a day on."""

    from_currency: str
    to_currency: str
    valid_from: date
    rate: Decimal


# One statement for any number of rates; xmax is 0 in a row that was not there before.
_STORE = text("""
    INSERT INTO currency_rates AS held
        (organization_id, from_currency, to_currency, valid_from, rate, source, updated_at)
    SELECT :organization_id, sent.from_currency, sent.to_currency, sent.valid_from, sent.rate, :source, :now
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
        AS sent(from_currency text, to_currency text, valid_from date, rate numeric)
    ON CONFLICT (organization_id, from_currency, to_currency, valid_from)
        DO UPDATE SET rate = excluded.rate, source = excluded.source, updated_at = excluded.updated_at
        WHERE held.rate <> excluded.rate
    RETURNING xmax = 0
""")


async def store_rates(
    session: AsyncSession, organization_id: UUID, rates: Sequence[Rate], source: str
) -> tuple[int, int]:
    """Add or replace rates, no two of which have the same currencies and day: (added, changed)."""
    rows = orjson.dumps([one._asdict() for one in sorted(rates)], default=str).decode()  # sorted: locks in one order
    values = {"organization_id": organization_id, "rows": rows, "source": source, "now": now()}
    outcomes = (await session.scalars(_STORE, values)).all()
    added = sum(outcomes)
    return added, len(outcomes) - added


async def delete_rates(
    session: AsyncSession,
    organization_id: UUID,
    pair: tuple[str, str],
    first: date | None,
    end: date | None,
) -> int:
    """Delete the rates of a pair from a day to before another; returns how many there were."""
    statement = delete(RATES).where(
        RATES.c.organization_id == organization_id, RATES.c.from_currency == pair[0], RATES.c.to_currency == pair[1]
    )
    if first is not None:
        statement = statement.where(RATES.c.valid_from >= first)
    if end is not None:
        statement = statement.where(RATES.c.valid_from < end)
    return len((await session.execute(statement.returning(RATES.c.valid_from))).all())


async def rate_page(
    session: AsyncSession, organization_id: UUID, criteria: Criteria, request: PageRequest
) -> Page[RowMapping]:
    """A page of rates by pair and day; the key of the request is (from currency, to currency, day)."""
    columns = [RATES.c.organization_id, *(RATES.c[name] for name in KEY)]
    statement: Select[Any] = select(RATES).where(*conditions(RATES, organization_id, criteria))
    return await page_of_statement(session, statement, columns, 1, Direction.ASC, request)


async def count_rates(session: AsyncSession, organization_id: UUID, criteria: Criteria) -> int:
    """How many rates meet the criteria."""
    statement = select(func.count()).select_from(RATES).where(*conditions(RATES, organization_id, criteria))
    return int((await session.execute(statement)).scalar_one())
