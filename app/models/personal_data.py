"""Tables of what people do with all that is kept about them: archives that they ask for, accounts to be erased."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, new_id, now


class PersonalExport(Base, kw_only=True):
    """One archive of what is kept about a person, whose bytes lie under the person's id and `file_id`."""

    __tablename__ = "personal_exports"
    __table_args__ = (
        Index(None, "user_id"),
        Index(None, "expires_at"),
        CheckConstraint("state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'EXPIRED')", name="state"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    state: Mapped[str]
    size: Mapped[int | None] = mapped_column(BigInteger, default=None)
    file_id: Mapped[UUID | None] = mapped_column(default=None)
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)
    storage: Mapped[str | None] = mapped_column(default=None)
    multipart_id: Mapped[str | None] = mapped_column(default=None)
    message: Mapped[str | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    expires_at: Mapped[datetime]


class AccountErasure(Base, kw_only=True):
    """That an account is to be erased at `due_at`, unless its owner keeps it until then.

    From `begun_at` on parts of it may be gone, and it is too late for that.
    """

    __tablename__ = "account_erasures"
    __table_args__ = (Index(None, "due_at"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    requested_at: Mapped[datetime] = mapped_column(default_factory=now)
    due_at: Mapped[datetime]
    begun_at: Mapped[datetime | None] = mapped_column(default=None)
