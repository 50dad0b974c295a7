"""What a session or an API key reaches, as stored: the facts behind a principal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping

from app.auth.permissions import GRANTABLE_TO_KEYS, grant_of, role_of_scopes
from app.auth.tokens import AccessClaims
from app.records import Actor, ActorKind, Grant, Principal, Role


@dataclass(frozen=True)
class SessionReach:
    """A sign-in: whose it is, whether it still stands, and what its user may do where."""

    user_id: UUID
    expires_at: datetime
    revoked: bool
    is_platform_admin: bool
    grants: dict[UUID, Grant]
    must_verify_email: bool = False
    _principals: dict[datetime, Principal] = field(default_factory=dict, init=False, repr=False, compare=False)

    def principal(self, claims: AccessClaims) -> Principal:
        """The user as a caller with one of the session's tokens; made once, for many requests bring the same."""
        made = self._principals.get(claims.expires_at)
        if made is None:
            made = self._principals[claims.expires_at] = Principal(
                actor=Actor(ActorKind.USER, self.user_id),
                grants=self.grants,
                user_id=self.user_id,
                session_id=claims.session_id,
                is_platform_admin=self.is_platform_admin,
                must_verify_email=self.must_verify_email,
                expires_at=claims.expires_at,
            )
        return made

    def concerns(self, ids: frozenset[UUID]) -> bool:
        """Whether a change to one of these users or organizations changes this."""
        return self.user_id in ids or not ids.isdisjoint(self.grants)

    @classmethod
    def of_all(cls, rows: Sequence[RowMapping], *, require_verified_email: bool = False) -> dict[UUID, SessionReach]:
        """Make them of `repositories.sessions.identity_rows`, by the session.

        Where addresses have to be verified, who has not done so reaches no organization and no platform operation.
        """
        found: dict[UUID, SessionReach] = {}
        for row in rows:
            must_verify = require_verified_email and row["email_verified_at"] is None
            reach = found.get(row["id"])
            if reach is None:
                reach = found[row["id"]] = cls(
                    user_id=row["user_id"],
                    expires_at=row["expires_at"],
                    revoked=row["revoked_at"] is not None,
                    is_platform_admin=row["is_platform_admin"] and not must_verify,
                    grants={},
                    must_verify_email=must_verify,
                )
            if row["role"] is not None and not must_verify:
                grant = grant_of(row["organization_id"], Role(row["role"]), row["slug"])
                reach.grants[grant.organization_id] = grant
        return found


@dataclass(frozen=True)
class KeyReach:
    """An API key: the hash of its secret, whether it still stands, and what it may do in its organization."""

    secret_hash: bytes = field(repr=False)
    expires_at: datetime | None
    revoked: bool
    last_used_at: datetime | None
    grant: Grant

    def concerns(self, ids: frozenset[UUID]) -> bool:
        """Whether a change to this organization changes this."""
        return self.grant.organization_id in ids

    @classmethod
    def of(cls, row: RowMapping) -> KeyReach:
        """Make it of one of `repositories.api_keys.identity_rows`."""
        # A scope that this version no longer knows, or that keys may not have, grants nothing.
        scopes = frozenset(scope for scope in GRANTABLE_TO_KEYS if scope.value in row["scopes"])
        return cls(
            secret_hash=row["secret_hash"],
            expires_at=row["expires_at"],
            revoked=row["revoked_at"] is not None,
            last_used_at=row["last_used_at"],
            grant=Grant(row["organization_id"], role_of_scopes(scopes), scopes, row["slug"]),
        )
