"""Tables of the inventory: accounts at providers, and the resources found in them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, OrganizationOwned, now

PROVIDERS = "('AWS', 'AZURE', 'GCP', 'MICROSOFT_365', 'OPENAI', 'ANTHROPIC', 'GEMINI', 'OTHER')"


class Account(OrganizationOwned, Base, kw_only=True):
    """An account, subscription, project or tenant at a provider. `native_id` is the provider's own id."""

    __tablename__ = "accounts"
    __table_args__ = (
        UniqueConstraint("organization_id", "provider", "native_id"),
        CheckConstraint(f"provider IN {PROVIDERS}", name="provider"),
        CheckConstraint("kind IN ('MANUAL')", name="kind"),
    )

    provider: Mapped[str]
    kind: Mapped[str]
    native_id: Mapped[str]
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    updated_at: Mapped[datetime] = mapped_column(default_factory=now)


class Resource(OrganizationOwned, Base, kw_only=True):
    """One thing that runs or is kept at a provider. `content_hash` tells an unchanged row from a changed one."""

    __tablename__ = "resources"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "account_id"], ["accounts.organization_id", "accounts.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("organization_id", "account_id", "native_id"),
        Index(None, "organization_id", "name", "id"),
        Index(None, "organization_id", "last_seen_at", "id"),
        Index(None, "organization_id", "native_id"),
        CheckConstraint(f"provider IN {PROVIDERS}", name="provider"),
    )

    account_id: Mapped[UUID]
    provider: Mapped[str]
    service: Mapped[str]
    resource_type: Mapped[str]
    native_id: Mapped[str]
    name: Mapped[str]
    region: Mapped[str | None]
    availability_zone: Mapped[str | None]
    status: Mapped[str | None]
    tags: Mapped[dict[str, Any]]
    properties: Mapped[dict[str, Any]]
    provider_created_at: Mapped[datetime | None]
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    first_seen_at: Mapped[datetime] = mapped_column(default_factory=now)
    last_seen_at: Mapped[datetime] = mapped_column(default_factory=now)
    updated_at: Mapped[datetime] = mapped_column(default_factory=now)
