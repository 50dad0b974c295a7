"""The outbox of background work: a row is the truth of a job, arq only wakes a worker for it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, new_id, now


class Job(Base, kw_only=True):
    """One piece of background work: claimed under a lease, fenced by a token, run at least once, effective once.

    `asked` says that a caller's act has queued it, rather than the clock, another job or an operator.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index(
            "ix_jobs_open",
            "wake_at",
            postgresql_where=text("state IN ('QUEUED', 'RUNNING')"),
        ),
        Index(None, "organization_id", "id"),
        # The fair claim looks for the organization with the fewest running jobs; recovery for jobs that died.
        Index("ix_jobs_queued", "organization_id", "wake_at", postgresql_where=text("state = 'QUEUED'")),
        Index("ix_jobs_running", "organization_id", postgresql_where=text("state = 'RUNNING'")),
        # What an organization's callers have asked for and still waits, which is bounded.
        Index("ix_jobs_asked", "organization_id", postgresql_where=text("state = 'QUEUED' AND asked")),
        Index("ix_jobs_dead", "kind", "id", postgresql_where=text("state = 'DEAD'")),
        CheckConstraint("state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'DEAD')", name="state"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    organization_id: Mapped[UUID | None]
    kind: Mapped[str]
    arguments: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(default="QUEUED")
    attempts: Mapped[int] = mapped_column(default=0)
    fencing_token: Mapped[int] = mapped_column(default=0)
    asked: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    wake_at: Mapped[datetime] = mapped_column(default_factory=now)
    lease_until: Mapped[datetime | None] = mapped_column(default=None)
    failure: Mapped[str | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
