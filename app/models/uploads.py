"""The table of uploads: files on their way in, and those that have arrived."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, OrganizationOwned, now


class Upload(OrganizationOwned, Base, kw_only=True):
    """One file of a caller, whose bytes lie in the folder or bucket of uploads under the two ids of this row.

    `bytes_received` is what was certainly stored when it was last noted: there may be more, and after a fault of the
    disk less. `multipart_id` names the unfinished object in a bucket; `writer_id` is the request that writes there,
    until `writer_until`.
    """

    __tablename__ = "uploads"
    __table_args__ = (
        Index(None, "organization_id", "created_at", "id"),
        Index(None, "organization_id", "expires_at"),
        CheckConstraint("state IN ('CREATED', 'RECEIVING', 'COMPLETE', 'FAILED', 'EXPIRED')", name="state"),
        CheckConstraint("storage IN ('LOCAL', 'S3')", name="storage"),
        CheckConstraint("bytes_expected > 0 AND bytes_received BETWEEN 0 AND bytes_expected", name="bytes"),
    )

    file_name: Mapped[str]
    content_type: Mapped[str | None]
    bytes_expected: Mapped[int] = mapped_column(BigInteger)
    bytes_received: Mapped[int] = mapped_column(BigInteger, default=0)
    sha256_expected: Mapped[bytes | None] = mapped_column(LargeBinary)
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)
    state: Mapped[str]
    failure: Mapped[str | None] = mapped_column(default=None)
    storage: Mapped[str]
    multipart_id: Mapped[str | None] = mapped_column(default=None)
    writer_id: Mapped[UUID | None] = mapped_column(default=None)
    writer_until: Mapped[datetime | None] = mapped_column(default=None)
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    expires_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    updated_at: Mapped[datetime] = mapped_column(default_factory=now)
