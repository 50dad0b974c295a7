"""SQL of figures over the whole platform. System role."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.repositories.organizations import count_living_organizations
from app.repositories.sessions import count_living_sessions
from app.repositories.users import count_users


@dataclass(frozen=True)
class PlatformCounts:
    """How many living organizations, users, and sign-ins that are neither ended nor expired."""

    organizations: int
    users: int
    sessions: int


async def platform_counts(session: AsyncSession) -> PlatformCounts:
    """Count."""
    return PlatformCounts(
        organizations=await count_living_organizations(session),
        users=await count_users(session),
        sessions=await count_living_sessions(session),
    )
