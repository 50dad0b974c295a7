"""Tables of single sign-on: an organization's provider, its e-mail domains, who came from there, sign-ins under way."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, now


class SingleSignOn(Base, kw_only=True):
    """The OpenID provider of an organization; the client's secret is sealed by the vault."""

    __tablename__ = "single_sign_ons"
    __table_args__ = (CheckConstraint("default_role IN ('ADMIN', 'MEMBER', 'VIEWER')", name="default_role"),)

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    issuer: Mapped[str]
    client_id: Mapped[str]
    key_id: Mapped[str]
    wrapped_key: Mapped[bytes] = mapped_column(LargeBinary)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    domains: Mapped[list[str]] = mapped_column(ARRAY(Text))
    default_role: Mapped[str]
    required: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    updated_at: Mapped[datetime] = mapped_column(default_factory=now)


class VerifiedDomain(Base, kw_only=True):
    """An e-mail domain that a platform admin found to be an organization's, and by its key no other's."""

    __tablename__ = "verified_domains"
    __table_args__ = (Index(None, "organization_id"),)

    domain: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    verified_at: Mapped[datetime] = mapped_column(default_factory=now)


class SingleSignOnIdentity(Base, kw_only=True):
    """Who of a provider is which user: by the provider's own subject, which never becomes somebody else's."""

    __tablename__ = "single_sign_on_identities"
    __table_args__ = (Index(None, "user_id"),)

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    issuer: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    last_used_at: Mapped[datetime] = mapped_column(default_factory=now)


class SingleSignOnFlow(Base, kw_only=True):
    """A sign-in under way: sent to the provider, back with an identity, exchanged for a session. Secrets are hashes.

    `verifier_challenge` is the S256 challenge of the page that began, if it gave one. `code_hash` is that of the code
    which the page exchanges; it is there once the browser is back.
    """

    __tablename__ = "single_sign_on_flows"
    __table_args__ = (Index(None, "state_hash"), Index(None, "code_hash"), Index(None, "expires_at"))

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    state_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    cookie_hash: Mapped[bytes] = mapped_column(LargeBinary)
    verifier_challenge: Mapped[str | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    expires_at: Mapped[datetime]
    returned_at: Mapped[datetime | None] = mapped_column(default=None)
    code_hash: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)
    issuer: Mapped[str | None] = mapped_column(default=None)
    subject: Mapped[str | None] = mapped_column(default=None)
    email: Mapped[str | None] = mapped_column(default=None)
    name: Mapped[str | None] = mapped_column(default=None)
    used_at: Mapped[datetime | None] = mapped_column(default=None)
