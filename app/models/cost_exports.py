"""The table of exports of charges: what was asked for, and the file that came of it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, OrganizationOwned, now


class CostExport(OrganizationOwned, Base, kw_only=True):
    """One file of charges, whose bytes lie in the folder or bucket of exports under the two ids of this row.

    `criteria` holds the conditions beside dataset and period; `omitted` the columns with values that the release of
    FOCUS lacks. `storage` and `multipart_id` tell where the bytes are, `size` how many.
    """

    __tablename__ = "cost_exports"
    __table_args__ = (
        Index(None, "organization_id", "created_at", "id"),
        Index(None, "organization_id", "expires_at"),
        CheckConstraint("state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'EXPIRED')", name="state"),
        CheckConstraint("format IN ('csv', 'csv.gz', 'parquet')", name="format"),
        CheckConstraint("period_end > period_start", name="period"),
    )

    period_start: Mapped[date]
    period_end: Mapped[date]
    dataset: Mapped[str | None]
    criteria: Mapped[dict[str, Any]]
    focus_version: Mapped[str]
    format: Mapped[str]
    state: Mapped[str]
    rows: Mapped[int | None] = mapped_column(BigInteger, default=None)
    omitted: Mapped[list[Any]] = mapped_column(JSONB, default_factory=list)
    size: Mapped[int | None] = mapped_column(BigInteger, default=None)
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)
    storage: Mapped[str | None] = mapped_column(default=None)
    multipart_id: Mapped[str | None] = mapped_column(default=None)
    message: Mapped[str | None] = mapped_column(default=None)
    job_id: Mapped[UUID | None] = mapped_column(default=None)
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    expires_at: Mapped[datetime]
