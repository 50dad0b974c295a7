"""The table of exports of connections: the query that was asked, and the file that came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, OrganizationOwned, now


class Export(OrganizationOwned, Base, kw_only=True):
    """One file of a connection's rows, whose bytes lie in the place of exports under the organization and `file_id`.

    Each attempt has a file of its own: a worker that wakes up late spoils nobody's.

    `session_id` is the sign-in by which a user asked: the export sees what that sees when it runs, and ends with it.
    `rows` and `written` grow while it runs; `total` is what the connection counted when it began, null where it was
    not told. `size` is that of the finished file.
    """

    __tablename__ = "exports"
    __table_args__ = (
        Index(None, "organization_id", "created_at", "id"),
        Index(None, "organization_id", "expires_at"),
        CheckConstraint("state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED', 'EXPIRED')", name="state"),
        CheckConstraint("format IN ('jsonl.gz', 'parquet')", name="format"),
    )

    query: Mapped[str]
    variables: Mapped[dict[str, Any]]
    connection: Mapped[str]
    format: Mapped[str]
    state: Mapped[str]
    rows: Mapped[int | None] = mapped_column(BigInteger, default=None)
    total: Mapped[int | None] = mapped_column(BigInteger, default=None)
    written: Mapped[int | None] = mapped_column(BigInteger, default=None)
    size: Mapped[int | None] = mapped_column(BigInteger, default=None)
    file_id: Mapped[UUID | None] = mapped_column(default=None)
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)
    storage: Mapped[str | None] = mapped_column(default=None)
    multipart_id: Mapped[str | None] = mapped_column(default=None)
    message: Mapped[str | None] = mapped_column(default=None)
    job_id: Mapped[UUID | None] = mapped_column(default=None)
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    session_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    expires_at: Mapped[datetime]
