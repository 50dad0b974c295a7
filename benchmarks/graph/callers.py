"""Who asks, for everyone but Skyledger: the token by pyjwt, and what its session reaches, kept for four seconds."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import jwt

FRESH_SECONDS = 4.0
"""As long as Skyledger keeps it."""
SESSION: Final = """
    SELECT s.user_id, m.organization_id, m.role, o.slug, o.currency
    FROM sessions s JOIN memberships m ON m.user_id = s.user_id
    JOIN organizations o ON o.id = m.organization_id AND o.deleted_at IS NULL
    WHERE s.id = {} AND s.revoked_at IS NULL AND s.expires_at > now()"""
"""What a session reaches, a row for each organization; the place is for the driver's way of writing a parameter."""
ENTER: Final = "SELECT set_config('app.organization_id', {}, {}), set_config('app.user_id', {}, {})"
"""Sets the tenant and the user; the second and the fourth place say whether for one transaction only."""


class StrangerError(Exception):
    """The token is wrong, or its session has ended."""


@dataclass(frozen=True)
class Place:
    """An organization that a session reaches."""

    id: UUID
    role: str
    currency: str


@dataclass(frozen=True)
class Reach:
    """What a session reaches, by slug."""

    until: float
    user_id: UUID
    places: dict[str, Place]


class Callers:
    """Tells who asks; `look_up` gives the rows of SESSION."""

    def __init__(self, secret: str, look_up: Callable[[UUID], Awaitable[Sequence[Mapping[str, Any]]]]) -> None:
        self._secret, self._look_up = secret, look_up
        self._reach: dict[str, Reach] = {}

    async def who(self, authorization: str) -> Reach:
        """By the header. Raises StrangerError."""
        try:
            claims = jwt.decode(
                authorization.removeprefix("Bearer "),
                self._secret,
                algorithms=["HS256"],
                issuer="skyledger",
                audience="skyledger:access",
            )
        except jwt.InvalidTokenError:
            raise StrangerError from None
        reach = self._reach.get(claims["sid"])
        if reach is None or reach.until < time.monotonic():
            reach = self._reach[claims["sid"]] = await self._fetch(claims["sid"])
        if str(reach.user_id) != claims["sub"]:
            raise StrangerError
        return reach

    async def _fetch(self, session_id: str) -> Reach:
        until = time.monotonic() + FRESH_SECONDS
        rows = await self._look_up(UUID(session_id))
        if not rows:
            raise StrangerError
        places = {row["slug"]: Place(row["organization_id"], row["role"], row["currency"]) for row in rows}
        return Reach(until, rows[0]["user_id"], places)
