"""A second tenant with the same things as a first, with ids of its own and marks in what they are called and cost."""

from __future__ import annotations

import hashlib
from uuid import UUID

from sqlalchemy import Column, Table, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from app.models import Base

MARK = "vmark7f3a"
MONEY = "4711.0815"
MARKED = {"name", "note", "text", "title", "description", "file_name"}
MARKED_MONEY = {("budgets", "amount"), ("charges", "billed_cost"), ("business_metric_values", "quantity")}
SLUG = f"{MARK}-bakery"
NOT_COPIED = {"refresh_tokens", "totp_factors", "recovery_codes", "log_in_challenges", "identity_mails"}
WHOSE = {"organizations": "id = :tenant", "users": "true", "sessions": "true"}
PATTERN = "fade"


def twin_id(id_: UUID) -> UUID:
    """The id that the twin has of what has this id."""
    return UUID(id_.hex[:20] + PATTERN + id_.hex[24:])


async def make_twin(connection: AsyncConnection, tenant: UUID, twin: UUID) -> int:
    """Copy all rows of a tenant, and all users with their sessions; how many tables had some.

    The connection's role is one that row security does not bind.
    """
    filled = 0
    for table in Base.metadata.sorted_tables:
        if table.name in NOT_COPIED:
            continue
        where = WHOSE.get(table.name, "organization_id = :tenant")
        if "organization_id" not in table.c and table.name not in WHOSE:
            continue
        columns = [column for column in table.columns if column.computed is None]
        names = ", ".join(f'"{column.name}"' for column in columns)
        values = ", ".join(_value(table, column) for column in columns)
        copy = (
            f"INSERT INTO {table.name} ({names}) OVERRIDING SYSTEM VALUE "  # noqa: S608  (names of our tables)
            f"SELECT {values} FROM {table.name} WHERE {where}"
        )
        given = {"tenant": tenant, "twin": twin} if ":twin" in copy else {"tenant": tenant}
        done = await connection.execute(text(copy), given if ":tenant" in copy else {})
        filled += done.rowcount > 0
    return filled


def _value(table: Table, column: Column[object]) -> str:  # noqa: PLR0911  (a kind of column each)
    """What a column of the twin's row has, in SQL."""
    name = f'"{column.name}"'
    if column.name == "organization_id" or (table.name, column.name) == ("organizations", "id"):
        return "CAST(:twin AS uuid)"
    if (table.name, column.name) == ("organizations", "slug"):
        return f"'{SLUG}'"
    if (table.name, column.name) == ("users", "email"):
        return f"'{MARK}-' || {name}"
    if (table.name, column.name) in MARKED_MONEY:
        return f"CASE WHEN {name} IS NOT NULL THEN {MONEY} END"
    if (table.name, column.name) == ("activity_events", "data"):
        return f"""{name} || '{{"text": "{MARK}"}}'"""
    if column.name == "plan_id":  # plans are the same for all
        return name
    if isinstance(column.type, Uuid):
        return _twin_in_sql(name)
    if isinstance(column.type, ARRAY) and isinstance(column.type.item_type, Uuid):
        each = _twin_in_sql("each")
        return f"(SELECT array_agg({each} ORDER BY place) FROM unnest({name}) WITH ORDINALITY AS u(each, place))"  # noqa: S608
    if column.name in MARKED:
        return f"'{MARK} ' || {name}"
    return name


def _twin_in_sql(name: str) -> str:
    # As text a UUID has dashes: digits 20 to 23 are its characters 24 to 27, from 25 counted from one.
    return f"CAST(overlay({name}::text placing '{PATTERN}' from 25 for 4) AS uuid)"


async def fingerprint(connection: AsyncConnection, tenant: UUID) -> str:
    """A hash of all rows of a tenant, its jobs and its organization included."""
    digest = hashlib.sha256()
    for table in Base.metadata.sorted_tables:
        key = "id" if table.name == "organizations" else "organization_id"
        if key in table.c and (key == "organization_id" or table.name == "organizations"):
            rows = f"SELECT t::text FROM {table.name} AS t WHERE {key} = :tenant ORDER BY 1"  # noqa: S608
            found = (await connection.execute(text(rows), {"tenant": tenant})).scalars().all()
            digest.update("\n".join([table.name, *found]).encode())
    return digest.hexdigest()
