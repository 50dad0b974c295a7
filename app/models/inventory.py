"""Tables of the inventory: the resources found in accounts, how they stand to each other, what changed about them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.accounts import PROVIDERS
from app.models.base import Base, OrganizationOwned, now


class Resource(OrganizationOwned, Base, kw_only=True):
    """One thing that runs or is kept at a provider. `content_hash` tells an unchanged row from a changed one.

    What a scan no longer finds gets `gone_at` and stays: when it returns it is the same row.
    """

    __tablename__ = "resources"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "account_id"], ["accounts.organization_id", "accounts.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("organization_id", "account_id", "native_id"),
        Index(None, "organization_id", "name", "id"),
        Index(None, "organization_id", "last_seen_at", "id"),
        Index(None, "organization_id", "native_id"),
        Index(None, "organization_id", "resource_type", "account_id", "region"),
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
    last_used_at: Mapped[datetime | None] = mapped_column(default=None)
    gone_at: Mapped[datetime | None] = mapped_column(default=None)


class ResourceRelationship(Base, kw_only=True):
    """What a resource says about another, which it names by the provider's id: either may be found first.

    No foreign key: checking it cost a first scan 4 of 88 µs a resource, and rows of resources are only ever purged
    with their whole organization.
    """

    __tablename__ = "resource_relationships"
    __table_args__ = (
        # A network that thousands are in is read a page at a time.
        Index(
            "ix_resource_relationships_target",
            "organization_id",
            "target_native_id",
            "kind",
            "resource_id",
        ),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    resource_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    target_native_id: Mapped[str] = mapped_column(primary_key=True)


class ResourceChange(OrganizationOwned, Base, kw_only=True):
    """What a scan found different about a resource: for each field, `from` and `to`."""

    __tablename__ = "resource_changes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "resource_id"], ["resources.organization_id", "resources.id"], ondelete="CASCADE"
        ),
        Index(None, "organization_id", "resource_id", "id"),
        CheckConstraint("kind IN ('CHANGED', 'REMOVED', 'RETURNED')", name="kind"),
    )

    resource_id: Mapped[UUID]
    scan_id: Mapped[UUID | None]
    kind: Mapped[str]
    changes: Mapped[dict[str, Any]]
    changed_at: Mapped[datetime] = mapped_column(default_factory=now)
