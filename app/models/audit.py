"""The audit: a chain of rows for each organization, each hashed with the one before, and what may be erased of them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class AuditHead(Base, kw_only=True):
    """The end of an organization's chain; locked by who adds to it."""

    __tablename__ = "audit_heads"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    last_number: Mapped[int] = mapped_column(BigInteger)
    last_hash: Mapped[bytes]


class AuditEvent(Base, kw_only=True):
    """One act. Rows are added and read, and never changed or deleted: see the trigger in the migration.

    What may be about a person is here as a digest only, of what `audit_details` holds.
    """

    __tablename__ = "audit_events"
    __table_args__ = (
        Index(None, "organization_id", "actor_id", "number"),
        Index(None, "organization_id", "subject_id", "number"),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    act: Mapped[str]
    outcome: Mapped[str]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    session_id: Mapped[UUID | None]
    subject_type: Mapped[str | None]
    subject_id: Mapped[UUID | None]
    request_id: Mapped[str | None]
    client_address_digest: Mapped[bytes | None]
    summary_digest: Mapped[bytes]
    occurred_at: Mapped[datetime]
    hash: Mapped[bytes]


class AuditDetail(Base, kw_only=True):
    """What an audit row has only a digest of. It can be deleted, and the chain holds: nobody guesses it without `salt`.

    `summary` is canonical JSON.
    """

    __tablename__ = "audit_details"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    salt: Mapped[bytes]
    client_address: Mapped[str | None]
    summary: Mapped[str]
