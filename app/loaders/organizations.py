"""Reads of the organizations within the caller's reach."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.loaders.batching import DataLoader
from app.organizations.slugs import is_slug
from app.paging import Page, PageRequest
from app.records import Permission, Principal
from app.repositories import organizations
from app.repositories.passkeys import passkeys_of
from app.repositories.personal_data import archives_of, find_erasure
from app.repositories.second_factors import factor_summary
from app.repositories.sessions import living_sessions
from app.repositories.users import own_row

MOST_SESSIONS = 100
MOST_ARCHIVES = 20


class ReachableOrganizations:
    """The organizations that the caller has a grant in; for an anonymous caller there are none."""

    def __init__(self, database: Database, principal: Principal | None) -> None:
        self.database = database
        self.principal = principal
        self._by_id: DataLoader[UUID, RowMapping | None] = DataLoader(load_fn=self._load_many)

    async def by_slug(self, slug: str) -> RowMapping | None:
        """The one with this slug."""
        # What can be nobody's slug is not asked for: PostgreSQL refuses some texts, such as one with a NUL.
        if self.principal is None or not self.principal.grants or not is_slug(slug):
            return None
        async with self._door(self.principal) as session:
            row = await organizations.organization_by_slug(session, slug)
        return row if row is not None and row["id"] in self.principal.grants else None

    async def by_id(self, organization_id: UUID) -> RowMapping | None:
        """The one with this id; many at a time are one statement."""
        return await self._by_id.load(organization_id)

    async def one(self, organization_id: UUID) -> RowMapping | None:
        """The same at once, without waiting for others that ask."""
        row = (await self._load_many([organization_id]))[0]
        self._by_id.prime(organization_id, row)
        return row

    async def page(self, request: PageRequest) -> Page[RowMapping]:
        """A page of those that the caller may read, in the order of their creation; the key is (id,)."""
        readable = self._readable()
        if self.principal is None or not readable:
            return Page([], has_next=False, has_previous=False)
        async with self._door(self.principal) as session:
            return await organizations.organization_page(session, readable, request)

    async def count(self) -> int:
        """How many the caller may read."""
        readable = self._readable()
        if self.principal is None or not readable:
            return 0
        async with self._door(self.principal) as session:
            return await organizations.count_organizations(session, readable)

    async def _load_many(self, organization_ids: Sequence[UUID]) -> list[RowMapping | None]:
        if self.principal is None or self.principal.grants.keys().isdisjoint(organization_ids):
            return [None] * len(organization_ids)
        granted = [each for each in organization_ids if each in self.principal.grants]
        rows = await organizations.own_organizations(self.database, granted, user_id=self.principal.user_id)
        found = {row["id"]: row for row in rows}
        return [found.get(organization_id) for organization_id in organization_ids]

    def _readable(self) -> list[UUID]:
        grants = self.principal.grants.values() if self.principal is not None else ()
        return [grant.organization_id for grant in grants if Permission.ORGANIZATION_READ in grant.permissions]

    def _door(self, principal: Principal) -> AbstractAsyncContextManager[AsyncSession]:
        # A user sees all their organizations at once; a key has no user and sees the one that it belongs to.
        if principal.user_id is not None:
            return self.database.read(None, user_id=principal.user_id)
        return self.database.read(next(iter(principal.grants)))


class OwnUser:
    """The caller as a person."""

    def __init__(self, database: Database, principal: Principal | None) -> None:
        self.database = database
        self.principal = principal

    async def row(self) -> RowMapping | None:
        """The caller's own row; None for keys and for nobody."""
        if self.principal is None or self.principal.user_id is None:
            return None
        return await own_row(self.database, self.principal.user_id)


class OwnIdentity:
    """How the caller signs in."""

    def __init__(self, database: Database, principal: Principal | None) -> None:
        self.database = database
        self.principal = principal

    async def sessions(self) -> Sequence[RowMapping]:
        """The caller's living sessions, at most 100; none for keys."""
        if self.principal is None or self.principal.user_id is None:
            return []
        async with self.database.system() as session:
            return await living_sessions(session, self.principal.user_id, MOST_SESSIONS)

    async def passkeys(self) -> Sequence[RowMapping]:
        """The caller's passkeys, at most 10; none for keys."""
        if self.principal is None or self.principal.user_id is None:
            return []
        async with self.database.system() as session:
            return await passkeys_of(session, self.principal.user_id)

    async def second_factor(self) -> RowMapping | None:
        """The caller's second factor, if it is on."""
        if self.principal is None or self.principal.user_id is None:
            return None
        async with self.database.system() as session:
            return await factor_summary(session, self.principal.user_id)

    async def personal_exports(self) -> Sequence[RowMapping]:
        """The caller's archives of personal data, the newest first; none for keys."""
        if self.principal is None or self.principal.user_id is None:
            return []
        async with self.database.system() as session:
            return await archives_of(session, self.principal.user_id, MOST_ARCHIVES)

    async def erasure(self) -> RowMapping | None:
        """When the caller's account is to be erased, if it is."""
        if self.principal is None or self.principal.user_id is None:
            return None
        async with self.database.system() as session:
            return await find_erasure(session, self.principal.user_id)
