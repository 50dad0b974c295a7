"""SQL of what checks of charges are told: sums by subject, kind and day, from the smallest roll-up that has them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.records.cost_analysis import DateRange
from app.records.detection import ChargeSubject

_ACCOUNT = "coalesce(s.sub_account_id, s.billing_account_id)"
# An unused part belongs to the account that bought it; the used parts may be charged to many others.
_OF_OWNER = f"CASE WHEN {{status}} = 'Unused' THEN {_ACCOUNT} END"
_USED = "CASE {status} WHEN 'Used' THEN 'used' WHEN 'Unused' THEN 'unused' ELSE 'untold' END"


@dataclass(frozen=True)
class _Reader:
    """Where the sums of a kind of subjects stand; expressions of SQL."""

    table: str
    key: str
    kind: str
    which: str
    day: str = "day"
    account: str = _ACCOUNT
    name: str = "NULL"
    region: str = "NULL"
    amount: str = "effective_cost"
    more: str = ""
    by_cost_dim: bool = False


def _by_status(name: str) -> _Reader:
    status = f"k.{name}_status"
    return _Reader(
        table="cost_daily",
        key=f"k.{name}_id",
        kind=_USED.format(status=status),
        which=f"k.{name}_id IS NOT NULL AND s.charge_category = 'Usage'",
        account=_OF_OWNER.format(status=status),
        name="max(k.commitment_discount_name)" if name == "commitment_discount" else "NULL",
        by_cost_dim=True,
    )


_READERS = {
    ChargeSubject.COMMITMENT: _by_status("commitment_discount"),
    ChargeSubject.CAPACITY_RESERVATION: _by_status("capacity_reservation"),
}


def _statement(reader: _Reader) -> TextClause:
    dims = "JOIN summary_dims s ON s.organization_id = :organization_id AND s.id = d.summary_dim_id"
    if reader.by_cost_dim:
        dims = """JOIN cost_dims k ON k.organization_id = :organization_id AND k.id = d.cost_dim_id
        JOIN summary_dims s ON s.organization_id = :organization_id AND s.id = k.summary_dim_id"""
    return text(f"""
        SELECT s.provider, {reader.account} AS account, {reader.key} AS key, s.billing_currency AS currency,
            {reader.kind} AS kind, d.{reader.day} AS day, {reader.name} AS name, {reader.region} AS region,
            sum(d.{reader.amount}) AS amount, count(*) FILTER (WHERE d.{reader.amount} IS NULL) AS missing
        FROM {reader.table} d {dims} {reader.more}
        WHERE d.organization_id = :organization_id AND d.{reader.day} >= :start AND d.{reader.day} < :end
            AND {reader.which}
        GROUP BY 1, 2, 3, 4, 5, 6
    """)  # noqa: S608  (made of constants)


_STATEMENTS = {subject: _statement(reader) for subject, reader in _READERS.items()}


async def charged(
    session: AsyncSession, organization_id: UUID, subject: ChargeSubject, period: DateRange
) -> Sequence[RowMapping]:
    """Sums of charges by provider, account, key, currency, kind and day; `missing` counts rows without an amount.

    The account is None where a charge says nothing of who owns its subject.
    """
    values: dict[str, Any] = {"organization_id": organization_id, "start": period.start, "end": period.end}
    return (await session.execute(_STATEMENTS[subject], values)).mappings().all()


_LEDGER = text("""
    SELECT check_id, subject_key, account_id, node, state FROM recommendations
    WHERE organization_id = :organization_id AND check_id = ANY(CAST(:check_ids AS text[]))
        AND (state <> 'RESOLVED' OR subject_key = ANY(CAST(:keys AS text[])))
""")


async def ledger_of_checks(
    session: AsyncSession, organization_id: UUID, check_ids: Collection[str], keys: Collection[str]
) -> Sequence[RowMapping]:
    """What stands of some checks, and what was resolved of some subjects: of which account each is."""
    values = {"organization_id": organization_id, "check_ids": sorted(check_ids), "keys": sorted(keys)}
    return (await session.execute(_LEDGER, values)).mappings().all()
