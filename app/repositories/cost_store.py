"""SQL of the cost store's writing half: dimensions and charges in, roll-ups beside them, one period for another.

Everything here happens in the transaction of one import, on the driver's connection: COPY is the driver's, and a
statement may take minutes where a session's may not. Import periods in one transaction are those of one organization.
"""

# ruff: noqa: S608  (every name in a statement comes from the constants of this file)

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.database import APP_ROLE
from app.records.months import next_month
from app.repositories.copying import copied, rows_of
from app.repositories.planning import driver_of

STATEMENT_SECONDS: Final = 3600
Pieces = memoryview | AsyncIterator[memoryview]
IMPORTER_ROLE: Final = "skyledger_importer"
METRICS: Final = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
CHARGE_COLUMNS: Final = (
    "organization_id",
    "import_period_id",
    "line_no",
    "charge_period_start",
    "charge_period_end",
    "cost_dim_id",
    "sku_dim_id",
    "resource_dim_id",
    "tag_set_id",
    "detail_dim_id",
    *METRICS,
    "pricing_quantity",
    "consumed_quantity",
    "commitment_discount_quantity",
    "pricing_currency_effective_cost",
    "identity",
)
FINE: Final = {
    "cost_daily": ("day", "cost_dim_id", "import_period_id"),
    "service_daily": ("day", "summary_dim_id", "import_period_id"),
    "tag_daily": ("day", "allocation_id", "summary_dim_id", "import_period_id"),
    "resource_monthly": ("month", "resource_dim_id", "billing_currency", "import_period_id"),
}
"""Roll-ups by import period: their keys behind the organization."""
_SUMS: Final = ", ".join(f"sum({metric})" for metric in METRICS)
_AMOUNTS: Final = (*METRICS, "charge_count")
_SHARED: Final = """
    INSERT INTO cost_months (organization_id, month, shared_resources) SELECT $1, $2, EXISTS (
        SELECT FROM resource_monthly WHERE organization_id = $1 AND month = $2
        GROUP BY resource_dim_id, billing_currency HAVING count(*) > 1)
    ON CONFLICT (organization_id, month) DO UPDATE SET shared_resources = excluded.shared_resources
"""
# Each key as an expression over charges c, cost_dims k, summary_dims s and tag_sets t.
_FROM_CHARGES: Final = {
    "day": "(c.charge_period_start AT TIME ZONE 'UTC')::date",
    "month": "date_trunc('month', c.charge_period_start AT TIME ZONE 'UTC')::date",
    "cost_dim_id": "c.cost_dim_id",
    "summary_dim_id": "k.summary_dim_id",
    "allocation_id": "coalesce(t.allocation_id, 0)",
    "resource_dim_id": "c.resource_dim_id",
    "billing_currency": "s.billing_currency",
    "import_period_id": "c.import_period_id",
}
# Four names of 500 characters of one byte fit into an index entry of 2,704 bytes; of longer ones the begin is a key.
_SERVICE: Final = {
    **{
        name: f"coalesce(left(s.{name}, 500), '')"
        for name in ("service_provider_name", "service_category", "service_name", "charge_category")
    },
    "billing_currency": "s.billing_currency",
}
_WITH_SUMMARY: Final = "JOIN summary_dims s ON s.organization_id = $1 AND s.id = r.summary_dim_id "
_MONTH: Final = {"month": "date_trunc('month', r.day)::date"}
MERGED: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "provider_daily": (
        "service_daily",
        {
            "day": "r.day",
            "provider": "s.provider",
            "service_provider_name": _SERVICE["service_provider_name"],
            "charge_category": _SERVICE["charge_category"],
            "billing_currency": _SERVICE["billing_currency"],
        },
    ),
    "service_monthly": ("service_daily", {**_MONTH, "provider": "s.provider", **_SERVICE}),
    "summary_monthly": ("service_daily", {**_MONTH, "summary_dim_id": "r.summary_dim_id"}),
    "tag_service_daily": (
        "tag_daily",
        {
            "day": "r.day",
            "allocation_id": "r.allocation_id",
            "service_name": _SERVICE["service_name"],
            "charge_category": _SERVICE["charge_category"],
            "billing_currency": _SERVICE["billing_currency"],
        },
    ),
    "tag_total_daily": (
        "tag_service_daily",
        {name: f"r.{name}" for name in ("day", "allocation_id", "charge_category", "billing_currency")},
    ),
}
"""Roll-ups merged over imports: the finer one that each is summed from, and its keys behind the organization."""


class CostStore:
    """The store of one organization within one transaction; every method's rows and periods belong to it."""

    def __init__(self, driver: Any, organization_id: UUID, *, may_copy: bool) -> None:
        self._driver = driver
        self._organization_id = organization_id
        self._may_copy = may_copy

    @classmethod
    async def open(cls, session: AsyncSession, organization_id: UUID) -> CostStore:
        """The store in the session's transaction, which from now on may take long."""
        driver = await driver_of(session)
        await driver.execute(
            f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'; "
            "SET LOCAL idle_in_transaction_session_timeout = '10min';"
            "SET LOCAL plan_cache_mode = force_generic_plan"
        )
        may_copy = await driver.fetchval(
            "SELECT coalesce((SELECT rolbypassrls AND pg_has_role(session_user, oid, 'SET') "
            "FROM pg_roles WHERE rolname = $1), false)",
            IMPORTER_ROLE,
        )
        return cls(driver, organization_id, may_copy=may_copy)

    async def add_dimensions(self, table: str, columns: Sequence[str], rows: memoryview) -> None:
        """Store rows (CSV, without organization) of a dimension that are not there yet."""
        await self._stage(table, columns, rows)
        names = ", ".join(columns)
        # What a tag set says under the promoted keys may have been another when it was stored.
        other = "UPDATE SET allocation_id = excluded.allocation_id" if table == "tag_sets" else "NOTHING"
        # In the order of ids, so that two imports wait for each other's rows in one order and never for ever.
        await self._execute(
            f"INSERT INTO {table} (organization_id, {names}) "
            f"SELECT DISTINCT ON (id) $1, {names} FROM staged_{table} ORDER BY id "
            f"ON CONFLICT (organization_id, id) DO {other}",
            self._organization_id,
        )

    async def add_charges(self, rows: AsyncIterator[memoryview]) -> int:
        """Store charges (CSV of `CHARGE_COLUMNS`, in pieces of any size); returns how many."""
        if not self._may_copy:
            await self._stage("charges", CHARGE_COLUMNS, rows)
            names = ", ".join(CHARGE_COLUMNS)
            return rows_of(await self._execute(f"INSERT INTO charges ({names}) SELECT {names} FROM staged_charges"))
        await self._driver.execute(f"SET LOCAL ROLE {IMPORTER_ROLE}")
        count = await self._copy("charges", CHARGE_COLUMNS, rows, schema="public")
        await self._driver.execute(f"SET LOCAL ROLE {APP_ROLE}")
        return count

    async def append_charges(self, rows: memoryview) -> list[int]:
        """Store those charges (CSV of `CHARGE_COLUMNS`) whose identity is new; returns their line numbers."""
        await self._stage("charges", CHARGE_COLUMNS, rows)
        names = ", ".join(CHARGE_COLUMNS)
        added = await self._driver.fetch(
            f"INSERT INTO charges ({names}) SELECT {names} FROM staged_charges ORDER BY identity "
            "ON CONFLICT (organization_id, identity, charge_period_start) WHERE identity IS NOT NULL DO NOTHING "
            "RETURNING line_no",
            timeout=STATEMENT_SECONDS,
        )
        return [row["line_no"] for row in added]

    async def add_roll_up(self, table: str, rows: memoryview) -> None:
        """Add rows (CSV of the table's keys and amounts) to a fine roll-up; what is there already is added to."""
        columns = (*FINE[table], *_AMOUNTS)
        await self._stage(table, columns, rows)
        await self._add_to(
            table, f"SELECT $1, {', '.join(columns)} FROM staged_{table} ORDER BY {', '.join(FINE[table])}"
        )

    async def fold(self, period_ids: Sequence[int], first_day: date, last_day: date) -> None:
        """Roll charges of import periods, which start on these days (both included), up by SQL.

        For amounts that are too long for the importer's columns; what it folds itself comes to the same.
        """
        await self.drop_roll_ups(period_ids)
        # Before the first statistics a table counts as empty, and each charge would look through all of its dimensions.
        await self._driver.execute("SET LOCAL enable_nestloop = off")
        for table, keys in FINE.items():
            expressions = ", ".join(_FROM_CHARGES[key] for key in keys)
            places = ", ".join(str(place) for place in range(2, len(keys) + 2))
            amounts = ", ".join(f"sum(c.{metric})" for metric in METRICS)
            await self._execute(
                f"INSERT INTO {table} (organization_id, {', '.join((*keys, *_AMOUNTS))}) "
                f"SELECT $1, {expressions}, {amounts}, count(*) FROM charges c "
                "JOIN cost_dims k ON k.organization_id = $1 AND k.id = c.cost_dim_id "
                "JOIN summary_dims s ON s.organization_id = $1 AND s.id = k.summary_dim_id "
                "LEFT JOIN tag_sets t ON t.organization_id = $1 AND t.id = c.tag_set_id "
                "WHERE c.organization_id = $1 AND c.import_period_id = ANY($2) "
                f"AND c.charge_period_start >= $3 AND c.charge_period_start < $4 GROUP BY {places} ORDER BY {places}",
                self._organization_id,
                list(period_ids),
                _midnight(first_day),
                _midnight(last_day + timedelta(days=1)),
            )
        await self._driver.execute("SET LOCAL enable_nestloop TO DEFAULT")

    async def drop_roll_ups(self, period_ids: Sequence[int]) -> None:
        """Delete the fine roll-ups of import periods."""
        for table in FINE:
            await self._execute(
                f"DELETE FROM {table} WHERE organization_id = $1 AND import_period_id = ANY($2)",
                self._organization_id,
                list(period_ids),
            )

    async def drop_charges(self, period_ids: Sequence[int], first_day: date, last_day: date) -> None:
        """Delete the charges of import periods, which start on these days (both included)."""
        await self._execute(
            "DELETE FROM charges WHERE organization_id = $1 AND import_period_id = ANY($2) "
            "AND charge_period_start >= $3 AND charge_period_start < $4",
            self._organization_id,
            list(period_ids),
            _midnight(first_day),
            _midnight(last_day + timedelta(days=1)),
        )

    async def merge(self, months: Iterable[date]) -> None:
        """Make the merged roll-ups of whole months again, and find out whether their resources are shared."""
        for month in sorted(months):
            bounds = (self._organization_id, month, next_month(month))
            for table, (fine, keys) in MERGED.items():
                first = next(iter(keys))
                await self._execute(
                    f"DELETE FROM {table} WHERE organization_id = $1 AND {first} >= $2 AND {first} < $3", *bounds
                )
                places = ", ".join(str(place) for place in range(2, len(keys) + 2))
                await self._execute(
                    f"INSERT INTO {table} (organization_id, {', '.join((*keys, *_AMOUNTS))}) "
                    f"SELECT $1, {', '.join(keys.values())}, {_SUMS}, sum(charge_count) FROM {fine} r "
                    f"{_WITH_SUMMARY if fine in FINE else ''}"
                    f"WHERE r.organization_id = $1 AND r.day >= $2 AND r.day < $3 GROUP BY {places} ORDER BY {places}",
                    *bounds,
                )
            await self._execute(_SHARED, self._organization_id, month)

    async def _add_to(self, table: str, select: str) -> None:
        keys = ", ".join(("organization_id", *FINE[table]))
        added = ", ".join(
            f"{metric} = coalesce(mine.{metric} + excluded.{metric}, mine.{metric}, excluded.{metric})"
            for metric in _AMOUNTS
        )
        await self._execute(
            f"INSERT INTO {table} AS mine ({', '.join(('organization_id', *FINE[table], *_AMOUNTS))}) {select} "
            f"ON CONFLICT ({keys}) DO UPDATE SET {added}",
            self._organization_id,
        )

    async def _stage(self, table: str, columns: Sequence[str], rows: Pieces) -> None:
        """Fill the table's temporary twin with nothing but these rows."""
        twin = f"staged_{table}"
        await self._driver.execute(
            f"CREATE TEMP TABLE IF NOT EXISTS {twin} ON COMMIT DROP AS "
            f"SELECT {', '.join(columns)} FROM {table} WITH NO DATA; TRUNCATE {twin}"
        )
        await self._copy(twin, columns, rows, schema="pg_temp")

    async def _copy(self, table: str, columns: Sequence[str], rows: Pieces, *, schema: str) -> int:
        copying = self._driver.copy_to_table(
            table,
            schema_name=schema,
            columns=columns,
            source=rows,
            format="csv",
            null="",
            timeout=STATEMENT_SECONDS,
        )
        return await copied(self._driver, copying)

    async def _execute(self, statement: str, *values: Any) -> str:
        return str(await self._driver.execute(statement, *values, timeout=STATEMENT_SECONDS))


def _midnight(day: date) -> datetime:
    return datetime.fromisoformat(f"{day.isoformat()}T00:00:00+00:00")
