"""Loads how an organization's people sign in elsewhere."""

from __future__ import annotations

from uuid import UUID

from app.database import Database
from app.organizations.single_sign_on import StoredSingleSignOn, stored_single_sign_on


class SingleSignOnLoaders:
    """A part of `Loaders`."""

    database: Database

    async def single_sign_on(self, organization_id: UUID) -> StoredSingleSignOn | None:
        """The provider of an organization; there is one field of it in an operation."""
        return await stored_single_sign_on(self.database, organization_id)
