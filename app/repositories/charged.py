"""SQL of what checks of charges are told: sums by subject, kind and day, from the smallest roll-up that has them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.records.cost_analysis import DateRange
from app.records.detection import ChargeSubject
from app.repositories.planning import plan_for_sets

_PAGE = 2_000
"""Rows that are fetched at a time."""
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
    day: str = "d.day"
    account: str = _ACCOUNT
    name: str = "NULL"
    region: str = "NULL"
    amount: str = "d.effective_cost"
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


_NAME = "max(coalesce(s.sub_account_name, s.billing_account_name))"
_OF_USAGE = "s.charge_category = 'Usage'"
# Tag keys in their normal form, and what their values say of what need not run at night.
_NOT_PRODUCTION = """
    JOIN allocation_sets t ON t.organization_id = :organization_id AND t.id = d.allocation_id
    CROSS JOIN LATERAL (
        SELECT one.key, one.value FROM jsonb_each_text(t.tags) AS one
        WHERE one.key IN ('environment', 'env', 'stage')
            AND lower(one.value) ~ '^(dev|test|qa|stag|sandbox|non-?prod|demo)'
        ORDER BY one.key LIMIT 1
    ) AS e"""
_READERS = {
    ChargeSubject.COMMITMENT: _by_status("commitment_discount"),
    ChargeSubject.CAPACITY_RESERVATION: _by_status("capacity_reservation"),
    ChargeSubject.TAGGING: _Reader(
        table="tag_daily",
        key=_ACCOUNT,
        name=_NAME,
        kind="CASE d.allocation_id WHEN 0 THEN 'untagged' ELSE 'tagged' END",
        which=_OF_USAGE,
    ),
    ChargeSubject.CREDIT: _Reader(
        table="service_daily", key=_ACCOUNT, name=_NAME, kind="'credits'", which="s.charge_category = 'Credit'"
    ),
    # By the month that they were invoiced in: the days that they correct lie before it.
    ChargeSubject.CORRECTION: _Reader(
        table="cost_daily",
        key=_ACCOUNT,
        name=_NAME,
        kind="CASE WHEN d.billed_cost < 0 THEN 'refunded' ELSE 'charged' END",
        which="k.charge_class = 'Correction'",
        day="p.billing_period_start",
        amount="d.billed_cost",
        more="""JOIN cost_import_periods p ON p.organization_id = :organization_id AND p.id = d.import_period_id
            AND p.status = 'ACTIVE'""",
        by_cost_dim=True,
    ),
    ChargeSubject.SERVICE: _Reader(
        table="summary_monthly",
        key="s.service_name",
        kind="'cost'",
        which=f"s.service_name IS NOT NULL AND {_OF_USAGE}",
        day="d.month",
    ),
    ChargeSubject.ENVIRONMENT: _Reader(
        table="tag_daily",
        key="s.service_name || ' ' || e.key || '=' || e.value",
        name="max(s.service_name)",
        kind="'cost'",
        which=f"s.service_name IS NOT NULL AND s.service_category IN ('Compute', 'Databases') AND {_OF_USAGE}",
        more=_NOT_PRODUCTION,
    ),
}
# What the surcharges for old versions and the transfers between zones and regions are called in bills.
_BETWEEN = "inter[- ]?(zone|region|az)|(cross|between)[- ]?(zone|region|az|availability)"
_TRANSFERS = f"DataTransfer-Regional|-AWS-(In|Out)-Bytes|{_BETWEEN}"
_SURCHARGES = "extended[- ]?(support|coverage)"
_NAMED_SO = """SELECT id FROM sku_dims WHERE organization_id = :organization_id
        AND concat_ws(' ', charge_description, sku_meter) ~* '{pattern}'"""
# No roll-up has SKUs; charges of days are read by their primary key, and only where such SKUs were ever billed.
_OF_SKUS = """FROM charges c
    JOIN cost_dims k ON k.organization_id = :organization_id AND k.id = c.cost_dim_id
    JOIN summary_dims s ON s.organization_id = :organization_id AND s.id = k.summary_dim_id"""
_THEN = """c.organization_id = :organization_id AND c.charge_period_start >= CAST(:start AS date)::timestamp
        AT TIME ZONE 'UTC' AND c.charge_period_start < CAST(:end AS date)::timestamp AT TIME ZONE 'UTC'"""
_DAY = "(c.charge_period_start AT TIME ZONE 'UTC')::date"
_SPECIAL = {
    ChargeSubject.TRANSFER: f"""
        SELECT s.provider, {_ACCOUNT} AS account, {_ACCOUNT} AS key, s.billing_currency AS currency, 'transfer' AS kind,
            {_DAY} AS day, {_NAME} AS name, NULL AS region, sum(c.effective_cost) AS amount,
            count(*) FILTER (WHERE c.effective_cost IS NULL) AS missing
        {_OF_SKUS} WHERE c.sku_dim_id = ANY(ARRAY({_NAMED_SO.format(pattern=_TRANSFERS)})) AND {_THEN}
        GROUP BY 1, 2, 3, 4, 5, 6
        UNION ALL
        SELECT s.provider, {_ACCOUNT}, {_ACCOUNT}, s.billing_currency, 'total', d.day, {_NAME}, NULL,
            sum(d.effective_cost), count(*) FILTER (WHERE d.effective_cost IS NULL)
        FROM service_daily d JOIN summary_dims s ON s.organization_id = :organization_id AND s.id = d.summary_dim_id
        WHERE d.organization_id = :organization_id AND d.day >= :start AND d.day < :end AND {_OF_USAGE}
        GROUP BY 1, 2, 3, 4, 5, 6""",  # noqa: S608  (made of constants)
    ChargeSubject.SURCHARGE: f"""
        WITH found AS (
            SELECT s.provider, {_ACCOUNT} AS account, coalesce(r.resource_key, s.service_name) AS key,
                s.billing_currency AS currency, 'surcharge' AS kind, {_DAY} AS day, max(r.resource_name) AS name,
                max(k.region_id) AS region, sum(c.effective_cost) AS amount,
                count(*) FILTER (WHERE c.effective_cost IS NULL) AS missing
            {_OF_SKUS}
            LEFT JOIN resource_dims r ON r.organization_id = :organization_id AND r.id = c.resource_dim_id
            WHERE c.sku_dim_id = ANY(ARRAY({_NAMED_SO.format(pattern=_SURCHARGES)})) AND {_THEN}
                AND coalesce(r.resource_key, s.service_name) IS NOT NULL
            GROUP BY 1, 2, 3, 4, 5, 6)
        SELECT found.*, (
            SELECT one.id FROM resources one JOIN accounts a ON a.organization_id = :organization_id
                AND a.id = one.account_id AND a.provider = found.provider AND a.native_id = found.account
            WHERE one.organization_id = :organization_id AND one.native_id = found.key LIMIT 1) AS resource_id
        FROM found""",  # noqa: S608  (made of constants)
    ChargeSubject.UNBILLED_TYPE: """
        WITH billed AS MATERIALIZED (
            SELECT DISTINCT d.resource_key FROM resource_monthly m
            JOIN resource_dims d ON d.organization_id = :organization_id AND d.id = m.resource_dim_id
            WHERE m.organization_id = :organization_id AND m.month >= :start AND m.month < :end)
        SELECT a.provider, a.native_id AS account, r.resource_type AS key, '' AS currency, each.kind,
            CAST(:start AS date) AS day, NULL AS name, NULL AS region, sum(each.amount) AS amount, 0 AS missing
        FROM resources r
        JOIN accounts a ON a.organization_id = :organization_id AND a.id = r.account_id
        LEFT JOIN billed ON billed.resource_key = r.native_id
        CROSS JOIN LATERAL (
            VALUES ('resources', 1), ('unbilled', (billed.resource_key IS NULL)::int)) AS each(kind, amount)
        WHERE r.organization_id = :organization_id AND r.gone_at IS NULL
            AND coalesce(r.provider_created_at, r.first_seen_at) < CAST(:start AS date)::timestamp AT TIME ZONE 'UTC'
        GROUP BY 1, 2, 3, 5""",
    # A resource that is charged for still, in an account that was scanned since, of a kind that the inventory has.
    ChargeSubject.UNLISTED_RESOURCE: f"""
        WITH kinds AS MATERIALIZED (
            SELECT r.account_id, d.resource_type, array_agg(DISTINCT r.resource_type) AS types
            FROM resource_dims d
            JOIN resources r ON r.organization_id = :organization_id AND r.native_id = d.resource_key
            WHERE d.organization_id = :organization_id AND d.resource_type IS NOT NULL GROUP BY 1, 2),
        absent AS MATERIALIZED (
            SELECT d.id, d.resource_key, d.resource_name, d.resource_type, m.billing_currency, m.effective_cost
            FROM resource_monthly m
            JOIN resource_dims d ON d.organization_id = :organization_id AND d.id = m.resource_dim_id
            WHERE m.organization_id = :organization_id AND m.month >= :start AND m.month < :end
                AND m.effective_cost > 0 AND d.resource_type IN (SELECT resource_type FROM kinds)
                AND NOT EXISTS (
                    SELECT FROM resources r
                    WHERE r.organization_id = :organization_id AND r.native_id = d.resource_key)
            ORDER BY m.effective_cost DESC LIMIT :most)
        SELECT s.provider, {_ACCOUNT} AS account, absent.resource_key AS key, absent.billing_currency AS currency,
            'cost' AS kind, CAST(:start AS date) AS day, max(absent.resource_name) AS name, max(k.region_id) AS region,
            sum(absent.effective_cost) AS amount, 0 AS missing, kinds.types
        FROM absent
        CROSS JOIN LATERAL (
            SELECT c.cost_dim_id FROM charges c
            WHERE c.organization_id = :organization_id AND c.resource_dim_id = absent.id
                AND c.charge_period_start >= CAST(:until AS date)::timestamp AT TIME ZONE 'UTC' - interval '7 days'
            ORDER BY c.charge_period_start DESC LIMIT 1) AS last
        JOIN cost_dims k ON k.organization_id = :organization_id AND k.id = last.cost_dim_id
        JOIN summary_dims s ON s.organization_id = :organization_id AND s.id = k.summary_dim_id
        JOIN accounts a ON a.organization_id = :organization_id AND a.provider = s.provider
            AND a.native_id = {_ACCOUNT}
        JOIN kinds ON kinds.account_id = a.id AND kinds.resource_type = absent.resource_type
        WHERE EXISTS (
            SELECT FROM scans WHERE scans.organization_id = :organization_id AND scans.account_id = a.id
                AND scans.finished_at >= CAST(:end AS date)::timestamp AT TIME ZONE 'UTC')
        GROUP BY s.provider, {_ACCOUNT}, absent.resource_key, absent.billing_currency, kinds.types""",  # noqa: S608  (made of constants)
}
MOST_UNLISTED = 5_000


def _statement(reader: _Reader) -> TextClause:
    dims = "JOIN summary_dims s ON s.organization_id = :organization_id AND s.id = d.summary_dim_id"
    if reader.by_cost_dim:
        dims = """JOIN cost_dims k ON k.organization_id = :organization_id AND k.id = d.cost_dim_id
        JOIN summary_dims s ON s.organization_id = :organization_id AND s.id = k.summary_dim_id"""
    return text(f"""
        SELECT s.provider, {reader.account} AS account, {reader.key} AS key, s.billing_currency AS currency,
            {reader.kind} AS kind, {reader.day} AS day, {reader.name} AS name, {reader.region} AS region,
            sum({reader.amount}) AS amount, count(*) FILTER (WHERE {reader.amount} IS NULL) AS missing
        FROM {reader.table} d {dims} {reader.more}
        WHERE d.organization_id = :organization_id AND {reader.day} >= :start AND {reader.day} < :end
            AND {reader.which}
        GROUP BY 1, 2, 3, 4, 5, 6
    """)  # noqa: S608  (made of constants)


_STATEMENTS = {subject: _statement(reader) for subject, reader in _READERS.items()} | {
    subject: text(statement) for subject, statement in _SPECIAL.items()
}


async def charged(
    session: AsyncSession, organization_id: UUID, subject: ChargeSubject, period: DateRange, until: date
) -> AsyncIterator[Sequence[RowMapping]]:
    """Sums of charges by provider, account, key, currency, kind and day; `missing` counts rows without an amount.

    The account is None where a charge says nothing of who owns its subject. `until` is the first day whose charges are
    still arriving. Page by page: a company of a thousand accounts has half a million sums of a subject.
    """
    statement = _STATEMENTS[subject]
    values: dict[str, Any] = {
        "organization_id": organization_id,
        "start": period.start,
        "end": period.end,
        "until": until,
        "most": MOST_UNLISTED,
    }
    asked = {name: value for name, value in values.items() if name in statement.compile().params}
    # After a first import of 37,000 charges the planner took all of them for one row: 20 s instead of 0.8.
    await plan_for_sets(session)
    rows = await session.stream(statement, asked, execution_options={"yield_per": _PAGE})
    async for page in rows.mappings().partitions(_PAGE):
        yield page


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


_NAMED = text("""
    SELECT a.provider, a.native_id AS account, r.native_id, r.id
    FROM resources r JOIN accounts a ON a.organization_id = :organization_id AND a.id = r.account_id
    WHERE r.organization_id = :organization_id AND r.native_id = ANY(CAST(:native_ids AS text[]))
""")


async def resources_named(
    session: AsyncSession, organization_id: UUID, native_ids: Collection[str]
) -> dict[tuple[str, str | None, str], UUID]:
    """The resources of the inventory with some native ids, by provider, account and native id."""
    if not native_ids:
        return {}
    values = {"organization_id": organization_id, "native_ids": sorted(native_ids)}
    rows = await session.execute(_NAMED, values)
    return {(row.provider, row.account, row.native_id): row.id for row in rows}


# A delivery of a month that is over makes it complete, or corrects it; one of a month that goes on changes nothing that
# looks at resources are told.
_BEHIND = text("""
    WITH delivered AS (
        SELECT p.billing_account_id AS payer, max(i.finished_at) AS at
        FROM cost_import_periods p
        JOIN cost_imports i ON i.organization_id = :organization_id AND i.id = p.import_id
        WHERE p.organization_id = :organization_id AND p.status = 'ACTIVE'
            AND p.billing_period_start >= :start AND p.billing_period_end <= :end
        GROUP BY 1)
    SELECT a.id FROM accounts a
    LEFT JOIN account_looks look ON look.organization_id = :organization_id AND look.account_id = a.id
    WHERE a.organization_id = :organization_id
        AND EXISTS (SELECT FROM resources r WHERE r.organization_id = :organization_id AND r.account_id = a.id)
        AND EXISTS (
            SELECT FROM delivered JOIN summary_dims s ON s.organization_id = :organization_id
                AND coalesce(s.billing_account_id, '') = delivered.payer AND s.provider = a.provider
                AND coalesce(s.sub_account_id, s.billing_account_id) = a.native_id
            WHERE look.looked_at IS NULL OR look.looked_at <= delivered.at)
""")


async def accounts_behind(session: AsyncSession, organization_id: UUID, start: date, end: date) -> Sequence[UUID]:
    """The accounts of which a month from `start` to before `end` was delivered since they were last looked at."""
    values = {"organization_id": organization_id, "start": start, "end": end}
    return (await session.execute(_BEHIND, values)).scalars().all()
