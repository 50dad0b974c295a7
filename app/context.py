"""Context: what one operation knows. A new one for every operation, also on a socket."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from uuid import UUID

import strawberry
from redis.asyncio import Redis

from app.activity.stream import ActivityFeed
from app.auth.authenticator import Authenticator
from app.auth.email_addresses import require_verified_email
from app.auth.openid.fetch import Fetcher
from app.auth.openid.providers import Providers
from app.config import Settings
from app.database import Database
from app.errors import AuthenticationError, BadUserInputError, ForbiddenError, NotFoundError
from app.exporting.fetch import Links
from app.loaders.all import Loaders
from app.outgoing import OutgoingGuard
from app.providers.calls import ProviderPool
from app.queue import JobQueue
from app.rate_limits import RateLimits
from app.records import Grant, Permission, Principal
from app.scanning.feed import ScanFeed
from app.sealing.vault import Vault
from app.server.costs.charging import Charge
from app.trusted_documents import TrustedDocuments
from app.uploads.kept import KeptFiles
from app.uploads.storage import UploadStores

MOST_FORECASTS = 12
"""Of one operation, which may hold a field many times: each takes 0.4 s of a process that all organizations share."""
MOST_PREVIEWS = 3
"""Of one operation: each may look at 100,000 resources."""


@dataclass(frozen=True)
class Runtime:
    """What one process shares among all operations."""

    settings: Settings
    database: Database
    valkey: Redis
    authenticator: Authenticator
    feed: ActivityFeed
    scans: ScanFeed
    queue: JobQueue
    vault: Vault
    providers: ProviderPool
    uploads: UploadStores
    exports: KeptFiles
    bulk_exports: KeptFiles
    personal_exports: KeptFiles
    links: Links
    rate_limits: RateLimits

    @cached_property
    def openid(self) -> Providers:
        """What is known of providers of single sign-on; made for the first of them, for workers ask none."""
        settings = self.settings
        return Providers(Fetcher(OutgoingGuard.from_settings(settings), plain=settings.environment == "development"))

    @cached_property
    def trusted_documents(self) -> TrustedDocuments:
        """What an operator has published, and who may run nothing else; workers ask for none."""
        return TrustedDocuments(self.database, self.settings)


@dataclass
class Context:
    """What one operation knows: who is calling, and the loaders that batch its reads."""

    runtime: Runtime
    request_id: str
    principal: Principal | None = None
    client_address: str | None = None
    user_agent: str | None = None
    transport: str = "http"
    charge: Charge | None = None
    notes: dict[str, object] = field(default_factory=dict)
    forecasts: int = 0
    previews: int = 0

    @property
    def database(self) -> Database:
        """The doors to PostgreSQL."""
        return self.runtime.database

    @cached_property
    def loaders(self) -> Loaders:
        """Batching reads; they see what the caller may see."""
        return Loaders(self.runtime.database, self.principal)

    def count_forecasts(self, number: int, path: tuple[str, ...] = ()) -> None:
        """Count what a field is about to have computed. Raises BadUserInputError where that makes too many."""
        self.forecasts += number
        if self.forecasts > MOST_FORECASTS:
            message = (
                f"An operation may ask for {MOST_FORECASTS} forecasts, and each of `topGroups` is one more: send the "
                "others in another operation."
            )
            raise BadUserInputError(message, path=path)

    def count_previews(self) -> None:
        """Count a detection rule that a field is about to try. Raises BadUserInputError where that makes too many."""
        self.previews += 1
        if self.previews > MOST_PREVIEWS:
            message = f"An operation may try {MOST_PREVIEWS} detection rules: try the others in another operation."
            raise BadUserInputError(message)

    def signed_in(self) -> Principal:
        """The caller. Raises AuthenticationError for an anonymous one."""
        if self.principal is None:
            message = "Sign in first: send `Authorization: Bearer <access token>` or `X-API-Key`."
            raise AuthenticationError(message)
        return self.principal

    def grant(self, organization_id: UUID, permission: Permission) -> Grant:
        """The caller's grant in an organization.

        Raises AuthenticationError for an anonymous caller, NotFoundError for an organization out of reach (the same
        as for an absent one), ForbiddenError when the role or the key's scopes lack the permission, or when the
        caller has to verify their e-mail address first.
        """
        require_verified_email(self.signed_in())
        found = self.signed_in().grants.get(organization_id)
        if found is None:
            message = "There is no such organization within your reach. Check the id, or ask its owner to invite you."
            raise NotFoundError(message)
        if permission not in found.permissions:
            message = f"This needs the permission {permission.name}; ask an owner or admin of the organization for it."
            raise ForbiddenError(message)
        return found


Info = strawberry.Info[Context, None]
