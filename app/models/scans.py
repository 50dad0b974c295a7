"""Tables of scans: each of one account, its steps, what its running steps have seen, and the schedules."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Text, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, OrganizationOwned, now


class Scan(OrganizationOwned, Base, kw_only=True):
    """One reading of one account. `regions` and `services` limit it; None means all there are."""

    __tablename__ = "scans"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "account_id"], ["accounts.organization_id", "accounts.id"], ondelete="CASCADE"
        ),
        # Two scans of one account cannot be under way at once.
        Index(
            "uq_scans_under_way",
            "organization_id",
            "account_id",
            unique=True,
            postgresql_where=text("state IN ('QUEUED', 'RUNNING')"),
        ),
        Index(None, "organization_id", "account_id", "id"),
        Index(None, "organization_id", "queued_at", "id"),
        Index(None, "queued_at", "state"),  # figures over the whole platform
        CheckConstraint("state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'PARTIAL', 'FAILED', 'CANCELLED')", name="state"),
    )

    account_id: Mapped[UUID]
    schedule_id: Mapped[UUID | None] = mapped_column(default=None)
    state: Mapped[str] = mapped_column(default="QUEUED")
    regions: Mapped[list[str] | None] = mapped_column(ARRAY(Text), default=None)
    services: Mapped[list[str] | None] = mapped_column(ARRAY(Text), default=None)
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None] = mapped_column(default=None)
    job_id: Mapped[UUID | None] = mapped_column(default=None)
    failure: Mapped[str | None] = mapped_column(default=None)
    remedy: Mapped[str | None] = mapped_column(default=None)
    queued_at: Mapped[datetime] = mapped_column(default_factory=now)
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    cancel_requested_at: Mapped[datetime | None] = mapped_column(default=None)


class ScanStep(OrganizationOwned, Base, kw_only=True):
    """One service in one region (`global` for what has none). `problems` say what could not be read, and the remedy.

    `collected` are the resource types of the collectors that have told all: the worker that takes a step over goes on
    with the next, and what is not among the resources of such a type is not there.
    """

    __tablename__ = "scan_steps"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id", "scan_id"], ["scans.organization_id", "scans.id"], ondelete="CASCADE"),
        UniqueConstraint("organization_id", "scan_id", "service", "region"),
        CheckConstraint("state IN ('PENDING', 'RUNNING', 'SUCCEEDED', 'PARTIAL', 'FAILED', 'CANCELLED')", name="state"),
    )

    scan_id: Mapped[UUID]
    service: Mapped[str]
    region: Mapped[str]
    state: Mapped[str] = mapped_column(default="PENDING")
    found: Mapped[int] = mapped_column(default=0)
    added: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    removed: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    collected: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}", default_factory=list)
    problems: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default_factory=list)
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)


class ScanSighting(Base, kw_only=True):
    """That a running step has seen a resource and whether it was new to it; kept until the step has swept.

    A table and not the worker's memory: a step of millions of resources costs the worker nothing. No foreign keys:
    they would cost more than the row.
    """

    __tablename__ = "scan_sightings"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    step_id: Mapped[UUID] = mapped_column(primary_key=True)
    resource_id: Mapped[UUID] = mapped_column(primary_key=True)
    outcome: Mapped[str]


class ScanSchedule(OrganizationOwned, Base, kw_only=True):
    """When to scan by itself: a cron expression in a time zone. `job_id` is the one job that runs it next."""

    __tablename__ = "scan_schedules"
    __table_args__ = (UniqueConstraint("organization_id", "name"),)

    name: Mapped[str]
    cron: Mapped[str]
    time_zone: Mapped[str]
    jitter_seconds: Mapped[int] = mapped_column(default=0)
    account_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid), default=None)
    regions: Mapped[list[str] | None] = mapped_column(ARRAY(Text), default=None)
    services: Mapped[list[str] | None] = mapped_column(ARRAY(Text), default=None)
    enabled: Mapped[bool] = mapped_column(default=True)
    job_id: Mapped[UUID | None] = mapped_column(default=None)
    next_run_at: Mapped[datetime | None] = mapped_column(default=None)
    last_run_at: Mapped[datetime | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    updated_at: Mapped[datetime] = mapped_column(default_factory=now)
