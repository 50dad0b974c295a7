"""Tables of cost sources: where costs are fetched from, what has been fetched, and each run with its steps."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, OrganizationOwned, now


class CostSource(OrganizationOwned, Base, kw_only=True):
    """Where the costs of an account come from, and when they are fetched. `job_id` is the one job that runs it next.

    `settings` by kind, see app.providers.cost_exports; no secret: what opens the account stands with the account.
    `since` is the first month that is wanted, as `2026-01`; None is 13 months before the current one.
    """

    __tablename__ = "cost_sources"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "account_id"], ["accounts.organization_id", "accounts.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("organization_id", "name"),
        # Two sources of one account in one dataset would replace each other's months, or count them twice.
        UniqueConstraint("organization_id", "account_id", "dataset"),
        CheckConstraint("kind IN ('AWS_DATA_EXPORT', 'AWS_COST_EXPLORER', 'AZURE_EXPORT', 'BIGQUERY')", name="kind"),
    )

    account_id: Mapped[UUID]
    name: Mapped[str]
    kind: Mapped[str]
    settings: Mapped[dict[str, Any]]
    dataset: Mapped[str]
    cron: Mapped[str]
    time_zone: Mapped[str]
    since: Mapped[str | None] = mapped_column(default=None)
    enabled: Mapped[bool] = mapped_column(default=True)
    job_id: Mapped[UUID | None] = mapped_column(default=None)
    next_run_at: Mapped[datetime | None] = mapped_column(default=None)
    last_run_at: Mapped[datetime | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    updated_at: Mapped[datetime] = mapped_column(default_factory=now)


class CostSourceDelivery(Base, kw_only=True):
    """What was last imported of a billing period: the same checksum is not fetched again while the import counts."""

    __tablename__ = "cost_source_deliveries"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "cost_source_id"],
            ["cost_sources.organization_id", "cost_sources.id"],
            ondelete="CASCADE",
        ),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    cost_source_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    checksum: Mapped[str]
    import_id: Mapped[UUID]
    imported_at: Mapped[datetime] = mapped_column(default_factory=now)


class CostSourceRun(OrganizationOwned, Base, kw_only=True):
    """One look at a source. `steps` say what was found, fetched and imported, each with its checks and problems."""

    __tablename__ = "cost_source_runs"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "cost_source_id"],
            ["cost_sources.organization_id", "cost_sources.id"],
            ondelete="CASCADE",
        ),
        # Two runs of one source cannot be under way at once.
        Index(
            "uq_cost_source_runs_under_way",
            "organization_id",
            "cost_source_id",
            unique=True,
            postgresql_where=text("state IN ('QUEUED', 'RUNNING')"),
        ),
        Index(None, "organization_id", "cost_source_id", "id"),
        CheckConstraint("state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'PARTIAL', 'FAILED', 'CANCELLED')", name="state"),
    )

    cost_source_id: Mapped[UUID]
    state: Mapped[str] = mapped_column(default="QUEUED")
    steps: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default_factory=list)
    deliveries: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    imported: Mapped[int] = mapped_column(default=0)
    fetched_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None] = mapped_column(default=None)
    job_id: Mapped[UUID | None] = mapped_column(default=None)
    failure: Mapped[str | None] = mapped_column(default=None)
    remedy: Mapped[str | None] = mapped_column(default=None)
    queued_at: Mapped[datetime] = mapped_column(default_factory=now)
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
