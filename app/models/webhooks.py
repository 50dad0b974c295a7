"""Webhooks: where an organization's events are sent, each delivery, and each attempt at it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, OrganizationOwned, now


class Webhook(OrganizationOwned, Base, kw_only=True):
    """An address that is sent the result of a document for each event of some kinds.

    The subscriber is `actor_kind` and `actor_id`: with the rights that they have at each moment the document is
    executed. `place` is the last event that was looked at, `job_id` the one job that sends next. What is sealed holds
    `secret`, and `previous` until `previous_until`. `failing_since` is when the first attempt failed since the last
    one that succeeded.
    """

    __tablename__ = "webhooks"
    __table_args__ = (
        CheckConstraint("state IN ('ENABLED', 'DISABLED')", name="state"),
        CheckConstraint("(state = 'DISABLED') = (disabled_reason IS NOT NULL)", name="disabled"),
        CheckConstraint("actor_kind IN ('USER', 'API_KEY')", name="actor_kind"),
        Index("ix_webhooks_enabled", "organization_id", "place", postgresql_where=text("state = 'ENABLED'")),
    )

    name: Mapped[str]
    url: Mapped[str]
    kinds: Mapped[list[str]] = mapped_column(ARRAY(Text))
    document: Mapped[str]
    state: Mapped[str]
    disabled_reason: Mapped[str | None] = mapped_column(default=None)
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID]
    place: Mapped[int] = mapped_column(BigInteger)
    job_id: Mapped[UUID | None] = mapped_column(default=None)
    job_at: Mapped[datetime | None] = mapped_column(default=None)
    failing_since: Mapped[datetime | None] = mapped_column(default=None)
    key_id: Mapped[str]
    wrapped_key: Mapped[bytes] = mapped_column(LargeBinary)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    previous_until: Mapped[datetime | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    updated_at: Mapped[datetime] = mapped_column(default_factory=now)


class WebhookDelivery(OrganizationOwned, Base, kw_only=True):
    """One message to a webhook: an event of the activity by its number, or a ping without one.

    `body` is made for the first attempt and the same in all others. `claimed_until` keeps other workers away while one
    sends it. `attempts` counts since it was made or replayed, `next_attempt_at` is null where no other will be.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "webhook_id"], ["webhooks.organization_id", "webhooks.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("organization_id", "webhook_id", "sequence"),
        CheckConstraint("state IN ('PENDING', 'SUCCEEDED', 'FAILED', 'CANCELLED')", name="state"),
        CheckConstraint("(state = 'PENDING') = (next_attempt_at IS NOT NULL)", name="next_attempt"),
        Index(None, "created_at"),
        Index("ix_webhook_deliveries_newest", "organization_id", "webhook_id", "created_at", "id"),
        Index(
            "ix_webhook_deliveries_due",
            "organization_id",
            "webhook_id",
            "next_attempt_at",
            postgresql_where=text("state = 'PENDING'"),
        ),
    )

    webhook_id: Mapped[UUID]
    kind: Mapped[str]
    sequence: Mapped[int | None] = mapped_column(BigInteger, default=None)
    body: Mapped[str | None] = mapped_column(default=None)
    state: Mapped[str]
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None] = mapped_column(default=None)
    claimed_until: Mapped[datetime | None] = mapped_column(default=None)
    failure: Mapped[str | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)


class WebhookAttempt(OrganizationOwned, Base, kw_only=True):
    """One request to a webhook: what was answered, or why nothing was."""

    __tablename__ = "webhook_attempts"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "delivery_id"],
            ["webhook_deliveries.organization_id", "webhook_deliveries.id"],
            ondelete="CASCADE",
        ),
        Index(None, "organization_id", "delivery_id", "id"),
    )

    delivery_id: Mapped[UUID]
    started_at: Mapped[datetime]
    milliseconds: Mapped[int]
    status_code: Mapped[int | None] = mapped_column(default=None)
    response_body: Mapped[str | None] = mapped_column(default=None)
    failure: Mapped[str | None] = mapped_column(default=None)
