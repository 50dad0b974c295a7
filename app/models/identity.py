"""Tables of people: users, their sign-ins, second factors and mails. They belong to no organization."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, new_id, now


class User(Base, kw_only=True):
    """A person who can sign in. `email` is stored as typed in lower case; it is the sign-in name.

    Who has only ever come by single sign-on has no password.
    """

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str | None]
    email_verified_at: Mapped[datetime | None] = mapped_column(default=None)
    is_platform_admin: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)


class Session(Base, kw_only=True):
    """One sign-in on one device: the family of its refresh tokens, revoked as a whole.

    `began_by` is `PASSWORD` or `SINGLE_SIGN_ON`, then of the provider of `provider_organization_id`; one that does not
    say of which is of before that was noted, and is not renewed.
    """

    __tablename__ = "sessions"
    __table_args__ = (Index(None, "user_id"), Index(None, "expires_at"), Index(None, "provider_organization_id"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    last_used_at: Mapped[datetime] = mapped_column(default_factory=now)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)
    revoked_reason: Mapped[str | None] = mapped_column(default=None)
    began_by: Mapped[str] = mapped_column(default="PASSWORD", server_default="PASSWORD")
    provider_organization_id: Mapped[UUID | None] = mapped_column(default=None)
    user_agent: Mapped[str | None] = mapped_column(default=None)
    client_address: Mapped[str | None] = mapped_column(default=None)


class RefreshToken(Base, kw_only=True):
    """One refresh token of a session, kept as its SHA-256; used once, then it stands as proof of reuse."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (Index(None, "session_id"),)

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    used_at: Mapped[datetime | None] = mapped_column(default=None)


class FailedSignIn(Base, kw_only=True):
    """How often signing in as a member has failed by one way in a window; gone once the audit has told of it."""

    __tablename__ = "failed_sign_ins"
    __table_args__ = (Index(None, "user_id"), Index(None, "window_start"))

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    window_start: Mapped[datetime] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    way: Mapped[str] = mapped_column(primary_key=True)
    times: Mapped[int]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]


class TotpFactor(Base, kw_only=True):
    """The shared secret of somebody's authenticator, sealed by the vault; it counts once it is confirmed.

    `last_step` is the newest time step (of 30 s since 1970) whose code was used: no code is good twice.
    """

    __tablename__ = "totp_factors"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    key_id: Mapped[str]
    wrapped_key: Mapped[bytes] = mapped_column(LargeBinary)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    confirmed_at: Mapped[datetime | None] = mapped_column(default=None)
    last_step: Mapped[int | None] = mapped_column(BigInteger, default=None)


class RecoveryCode(Base, kw_only=True):
    """One code that stands in for a lost authenticator, kept as its SHA-256; used once."""

    __tablename__ = "recovery_codes"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    used_at: Mapped[datetime | None] = mapped_column(default=None)


class LogInChallenge(Base, kw_only=True):
    """A log-in whose second factor is asked for; its token is kept as SHA-256. How it began as of a session."""

    __tablename__ = "log_in_challenges"
    __table_args__ = (Index(None, "user_id"), Index(None, "expires_at"))

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    expires_at: Mapped[datetime]
    began_by: Mapped[str] = mapped_column(default="PASSWORD", server_default="PASSWORD")
    provider_organization_id: Mapped[UUID | None] = mapped_column(default=None)
    passkey_challenge: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)
    tries: Mapped[int] = mapped_column(default=0)
    used_at: Mapped[datetime | None] = mapped_column(default=None)


class Passkey(Base, kw_only=True):
    """A passkey of somebody: its public half. `sign_count` is how often it says that it was used; many say 0 always."""

    __tablename__ = "passkeys"
    __table_args__ = (Index(None, "user_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    credential_id: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str]
    backed_up: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    last_used_at: Mapped[datetime | None] = mapped_column(default=None)


class PasskeyRegistration(Base, kw_only=True):
    """What the passkey that somebody is about to add has to answer."""

    __tablename__ = "passkey_registrations"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    challenge: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime]


class IdentityMail(Base, kw_only=True):
    """A mail about somebody's sign-in, asked for and then sent by a job.

    `email` is whom it goes to. `user_id` is empty where only an address was named, until the job has found whose it
    is. The token of a link is made of the row's id (`app.auth.identity_mails`) and stored nowhere; `used_at` ends it.
    """

    __tablename__ = "identity_mails"
    __table_args__ = (Index(None, "user_id"), Index(None, "expires_at"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    kind: Mapped[str]
    email: Mapped[str]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    expires_at: Mapped[datetime]
    sent_at: Mapped[datetime | None] = mapped_column(default=None)
    used_at: Mapped[datetime | None] = mapped_column(default=None)
