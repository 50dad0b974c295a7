"""Tables of accounts at providers: what is known of them, their sealed credentials, how they answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, OrganizationOwned, now

PROVIDERS = "('AWS', 'AZURE', 'GCP', 'MICROSOFT_365', 'OPENAI', 'ANTHROPIC', 'GEMINI', 'OTHER')"
_HEALTH = "health IN ('HEALTHY', 'DEGRADED', 'ERROR')"


class Account(OrganizationOwned, Base, kw_only=True):
    """An account, subscription, project or tenant at a provider. `native_id` is the provider's own id.

    A connected account has a `method`, and `settings` that are no secret; its health is that of the last check.
    """

    __tablename__ = "accounts"
    __table_args__ = (
        UniqueConstraint("organization_id", "provider", "native_id"),
        CheckConstraint(f"provider IN {PROVIDERS}", name="provider"),
        CheckConstraint("kind IN ('MANUAL', 'CONNECTED')", name="kind"),
        CheckConstraint(_HEALTH, name="health"),
    )

    provider: Mapped[str]
    kind: Mapped[str]
    native_id: Mapped[str]
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    updated_at: Mapped[datetime] = mapped_column(default_factory=now)
    method: Mapped[str | None] = mapped_column(default=None)
    settings: Mapped[dict[str, Any]] = mapped_column(server_default="{}", default_factory=dict)
    health: Mapped[str | None] = mapped_column(default=None)
    health_message: Mapped[str | None] = mapped_column(default=None)
    missing_permissions: Mapped[list[str] | None] = mapped_column(ARRAY(Text), default=None)
    response_milliseconds: Mapped[int | None] = mapped_column(default=None)
    health_checked_at: Mapped[datetime | None] = mapped_column(default=None)
    disconnected_at: Mapped[datetime | None] = mapped_column(default=None)
    allows_tagging: Mapped[bool] = mapped_column(server_default="false", default=False)


class AccountCredential(Base, kw_only=True):
    """What signs in to an account, sealed: a key of its own encrypts it, and the key named by `key_id` wraps that."""

    __tablename__ = "account_credentials"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "account_id"], ["accounts.organization_id", "accounts.id"], ondelete="CASCADE"
        ),
        Index(None, "organization_id", "key_id"),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    key_id: Mapped[str]
    wrapped_key: Mapped[bytes] = mapped_column(LargeBinary)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    updated_at: Mapped[datetime] = mapped_column(default_factory=now)


class AccountCheck(OrganizationOwned, Base, kw_only=True):
    """How an account answered at one moment."""

    __tablename__ = "account_checks"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "account_id"], ["accounts.organization_id", "accounts.id"], ondelete="CASCADE"
        ),
        Index(None, "organization_id", "account_id", "id"),
        CheckConstraint(_HEALTH, name="health"),
    )

    account_id: Mapped[UUID]
    health: Mapped[str]
    message: Mapped[str | None]
    missing_permissions: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    response_milliseconds: Mapped[int | None]
    checked_at: Mapped[datetime] = mapped_column(default_factory=now)
