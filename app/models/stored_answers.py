"""Answers of mutations that are given again to a call with the same idempotency key."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class StoredAnswer(Base, kw_only=True):
    """One answer with the arguments it is for, sealed, because both may hold secrets.

    `organization_id` is the organization, or the user's own id for an act that concerns no organization yet. The
    answer is written in the transaction that makes its row: nobody ever reads a row without one.
    """

    __tablename__ = "stored_answers"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    principal: Mapped[str] = mapped_column(primary_key=True)
    mutation: Mapped[str] = mapped_column(primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[UUID]
    key_id: Mapped[str | None]
    wrapped_key: Mapped[bytes | None]
    sealed: Mapped[bytes | None]
    expires_at: Mapped[datetime] = mapped_column(index=True)
