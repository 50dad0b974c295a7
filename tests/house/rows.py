"""A plausible row for any table, made from its columns, so that house tests need no list of tables to keep up."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Column, Table, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.models import Base

# Values that check constraints ask for, by column name.
_CHECKED = {
    "role": "OWNER",
    "provider": "AWS",
    "kind": "MANUAL",
    "state": "QUEUED",
    "currency": "USD",
    "health": "HEALTHY",
    "basis": "ACTUAL",
    "metric": "billed_cost",
    "recurrence": "MONTHLY",
    "finality": "PROVISIONAL",
    "mode": "REPLACE",
    "status": "ACTIVE",
}
_START = datetime(2026, 10, 1, tzinfo=UTC)


def row_of(table: Table, tenant: UUID) -> dict[str, Any]:
    """A row that belongs to the tenant; rows of one tenant point to each other, two tenants' rows are alike."""
    return {column.name: _value(table, column, tenant) for column in table.columns}


def _value(table: Table, column: Column[Any], tenant: UUID) -> Any:
    if column.name == "organization_id" or (table.name, column.name) == ("organizations", "id"):
        return tenant
    if column.name == "user_id" or (table.name, column.name) == ("users", "id"):
        return uuid5(tenant, "user")
    if column.name == "session_id" or (table.name, column.name) == ("sessions", "id"):
        return uuid5(tenant, "session")
    # What is unique in the whole world, whoever asks: names of tenants and people, jobs, hashes of random tokens.
    unique = {
        ("jobs", "id"): uuid5(tenant, "job"),
        ("organizations", "slug"): f"slug-{tenant}",
        ("users", "email"): f"email-{tenant}",
        ("passkeys", "credential_id"): tenant.bytes,
        ("verified_domains", "domain"): f"{tenant}.example",
        ("single_sign_ons", "default_role"): "VIEWER",
        ("refresh_tokens", "token_hash"): tenant.bytes,
        ("log_in_challenges", "token_hash"): tenant.bytes,
        # Constraints of their own on a column that others have too.
        ("resource_changes", "kind"): "CHANGED",
        ("allocation_rules", "method"): "DIRECT",
        ("allocation_runs", "kind"): "RULES",
        ("budgets", "ends_on"): date(2027, 1, 1),
        ("budget_forecasts", "reason"): None,
        ("cost_anomalies", "ends_on"): date(2027, 1, 1),
        ("cost_anomalies", "series"): "TOTAL",
        ("resource_usage", "daily"): [7.5, None],
        ("resource_usage", "samples"): [1, 0],
        ("price_overrides", "amount"): None,
        ("price_overrides", "currency"): None,
        ("price_overrides", "unit"): None,
        ("price_overrides", "valid_to"): date(2027, 1, 1),
        ("prices", "valid_to"): date(2027, 1, 1),
        ("plans", "price"): None,
        ("plans", "currency"): None,
        ("subscriptions", "trial_ends_at"): None,
        ("usage_counters", "metric"): "SCANS",
        ("usage_counters", "period"): "DAY",
        ("realised_savings", "reason"): None,
        ("provider_opinions", "saving_reason"): None,
        ("recommendations", "ignored_scope"): "FINDING",
        ("recommendations", "price_basis"): "LIST",
        ("recommendations", "resolution"): None,
        ("recommendations", "state"): "OPEN",
        ("deletion_tags", "state"): "WRITTEN",
        ("cost_anomalies", "state"): "OPEN",
        ("cost_anomalies", "merged_into_id"): None,
        ("cost_sources", "kind"): "BIGQUERY",
        ("scan_steps", "state"): "PENDING",
        ("cost_exports", "format"): "csv",
        ("exports", "format"): "parquet",
        ("cost_exports", "period_end"): date(2027, 1, 1),
        ("told_figures", "figure"): "FORECAST",
        ("uploads", "state"): "CREATED",
        ("uploads", "storage"): "LOCAL",
        ("scan_schedules", "account_ids"): [UUID(int=7)],
        ("webhooks", "state"): "ENABLED",
        ("webhooks", "disabled_reason"): None,
        ("webhooks", "actor_kind"): "USER",
        ("webhook_deliveries", "state"): "PENDING",
    }
    key = (table.name, column.name)
    return unique[key] if key in unique else _typed(column)


def _typed(column: Column[Any]) -> Any:
    values: dict[type, Any] = {
        UUID: UUID(int=7),
        str: _CHECKED.get(column.name, f"some {column.name}"),
        bytes: b"\x07" * 16,
        bool: False,
        int: 7,
        Decimal: Decimal("7.50"),
        datetime: _START + timedelta(days=1) if column.name.endswith("end") else _START,
        date: _START.date(),
        object: {"team": "web"},
        list: ["organization:read"],
    }
    return values[column.type.python_type]


async def insert_all(connection: AsyncConnection, tenant: UUID) -> None:
    """One row of the tenant in every table, as a role that row security does not bind."""
    await connection.execute(text("SELECT app_charge_partition(:month)"), {"month": _START.date()})
    for table in Base.metadata.sorted_tables:
        await connection.execute(insert(table).values(row_of(table, tenant)))
