"""What the two plain Python peers share: SQLAlchemy's ORM with a session for each read, and who asks.

Written as the tutorials of Strawberry and Ariadne write it: whole entities, a DataLoader for each nested field, the
library's own ASGI application. They have no limits, no metrics and no log; tokens and tenants are as everyone's.
"""

from __future__ import annotations

import base64
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import load_only

from app.models import Organization, Recommendation, Resource, ResourceDim, ResourceMonthly, User
from benchmarks.graph.callers import ENTER, SESSION, Callers, Place, Reach

CONNECTIONS = 10
_ENTER = text(ENTER.format(":organization", "true", ":user", "true"))
_SESSION = text(SESSION.format(":session"))


@dataclass(frozen=True)
class Reader:
    """Reads what one caller asks for in one organization."""

    sessions: async_sessionmaker[AsyncSession]
    reach: Reach
    place: Place

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """A session that sees the organization and the user."""
        async with self.sessions() as session:
            await session.execute(_ENTER, {"organization": str(self.place.id), "user": str(self.reach.user_id)})
            yield session

    async def organization(self) -> Organization | None:
        """The organization."""
        async with self.session() as session:
            return await session.get(Organization, self.place.id)

    async def resources(self, first: int) -> Sequence[Resource]:
        """A page by name, and one more where there are more."""
        statement = (
            select(Resource)
            .where(Resource.organization_id == self.place.id, Resource.gone_at.is_(None))
            .order_by(Resource.name, Resource.id)
            .limit(first + 1)
        )
        async with self.session() as session:
            return (await session.scalars(statement)).all()

    async def recommendations(self, resource_ids: Sequence[UUID]) -> list[list[Recommendation]]:
        """What stands of each resource, the dearest first."""
        statement = (
            select(Recommendation)
            .where(
                Recommendation.organization_id == self.place.id,
                Recommendation.resource_id.in_(resource_ids),
                Recommendation.state != "RESOLVED",
            )
            .order_by(Recommendation.saving_order.desc(), Recommendation.id)
        )
        found: dict[UUID | None, list[Recommendation]] = defaultdict(list)
        async with self.session() as session:
            for one in await session.scalars(statement):
                found[one.resource_id].append(one)
        return [found[id_] for id_ in resource_ids]

    async def costs(self, native_ids: Sequence[str]) -> list[Decimal | None]:
        """What each resource cost from the first of this month to today; None where no charge names it."""
        month: date = datetime.now(UTC).date().replace(day=1)
        statement = (
            select(ResourceDim.resource_key, func.coalesce(func.sum(ResourceMonthly.effective_cost), 0))
            .outerjoin(
                ResourceMonthly,
                (ResourceMonthly.organization_id == ResourceDim.organization_id)
                & (ResourceMonthly.resource_dim_id == ResourceDim.id)
                & (ResourceMonthly.month == month)
                & (ResourceMonthly.billing_currency == self.place.currency),
            )
            .where(ResourceDim.organization_id == self.place.id, ResourceDim.resource_key.in_(native_ids))
            .group_by(ResourceDim.resource_key)
        )
        async with self.session() as session:
            found: dict[str | None, Decimal | None] = {key: cost for key, cost in await session.execute(statement)}  # noqa: C416
        return [found.get(native_id) for native_id in native_ids]


class Door:
    """The engine of a process, and who asks."""

    def __init__(self) -> None:
        engine = create_async_engine(
            os.environ["SKYLEDGER_DATABASE_URL"],
            pool_size=CONNECTIONS,
            max_overflow=CONNECTIONS,
            connect_args={"server_settings": {"role": "skyledger_app", "timezone": "UTC"}},
        )
        self._sessions = async_sessionmaker(engine, expire_on_commit=False)
        self._callers = Callers(os.environ["SKYLEDGER_SECRET_KEY"], self._look_up)

    async def enter(self, authorization: str, slug: str) -> Reader:
        """For a caller and an organization. Raises StrangerError, and KeyError for what is out of reach."""
        reach = await self._callers.who(authorization)
        return Reader(self._sessions, reach, reach.places[slug])

    async def user(self, authorization: str) -> User | None:
        """Who asks. Raises StrangerError."""
        reach = await self._callers.who(authorization)
        async with self._sessions() as session:
            await session.execute(_ENTER, {"organization": "", "user": str(reach.user_id)})
            # The tenant's role may not read passwords.
            columns = load_only(User.id, User.name, User.email, raiseload=True)
            return await session.get(User, reach.user_id, options=[columns])

    async def _look_up(self, session_id: UUID) -> Sequence[Any]:
        async with self._sessions() as session:
            await session.execute(text("SET LOCAL ROLE skyledger_system"))
            return (await session.execute(_SESSION, {"session": session_id})).mappings().all()


def cursor_of(resource: Resource) -> str:
    """Where a page ends."""
    return base64.urlsafe_b64encode(f"{resource.name}:{resource.id}".encode()).decode()
