"""All loaders of one operation, each made when it is first used."""

from __future__ import annotations

from functools import cached_property, partial
from uuid import UUID

from asyncpg import Record
from sqlalchemy import RowMapping

from app.database import Database
from app.loaders.accounts import AccountLoaders
from app.loaders.activity import EventByKey
from app.loaders.allocation import AllocationLoaders
from app.loaders.batching import DataLoader
from app.loaders.budgets import CostWatchLoaders
from app.loaders.cost_exports import CostExportLoaders
from app.loaders.cost_imports import CostImportLoaders
from app.loaders.cost_sources import CostSourceLoaders
from app.loaders.costs import CostLoaders
from app.loaders.detection_rules import DetectionRuleLoaders
from app.loaders.exports import ExportLoaders
from app.loaders.inventory import InventoryLoaders
from app.loaders.jobs import PlatformJobs
from app.loaders.opinions import OpinionLoaders
from app.loaders.organizations import OwnIdentity, OwnUser, ReachableOrganizations
from app.loaders.people import FellowById, Listing, RowById
from app.loaders.plans import PlanLoaders
from app.loaders.platform import PlatformFigures
from app.loaders.prices import PriceLoaders
from app.loaders.recommendations import RecommendationLoaders
from app.loaders.scans import ScanLoaders
from app.loaders.single_sign_on import SingleSignOnLoaders
from app.loaders.uploads import UploadLoaders
from app.loaders.webhooks import WebhookLoaders
from app.records import Principal
from app.repositories import api_keys, invitations, memberships


class Loaders(
    AccountLoaders,
    AllocationLoaders,
    CostLoaders,
    CostExportLoaders,
    CostImportLoaders,
    CostSourceLoaders,
    CostWatchLoaders,
    DetectionRuleLoaders,
    ExportLoaders,
    OpinionLoaders,
    PlanLoaders,
    PriceLoaders,
    RecommendationLoaders,
    ScanLoaders,
    SingleSignOnLoaders,
    UploadLoaders,
    WebhookLoaders,
    InventoryLoaders,
):
    """Batching reads; they see what the principal may see."""

    def __init__(self, database: Database, principal: Principal | None) -> None:
        self.database = database
        self.principal = principal

    def of(self, principal: Principal) -> Loaders:
        """The loaders of another principal: somebody who has signed in in this very operation."""
        return Loaders(self.database, principal)

    @cached_property
    def organizations(self) -> ReachableOrganizations:
        """Organizations within reach."""
        return ReachableOrganizations(self.database, self.principal)

    @cached_property
    def own_user(self) -> OwnUser:
        """The caller as a person."""
        return OwnUser(self.database, self.principal)

    @cached_property
    def own_identity(self) -> OwnIdentity:
        """How the caller signs in."""
        return OwnIdentity(self.database, self.principal)

    @cached_property
    def users(self) -> DataLoader[tuple[UUID, UUID], Record | None]:
        """Users by (organization, user)."""
        return DataLoader(load_fn=FellowById(self.database).load_many)

    @cached_property
    def member_by_id(self) -> DataLoader[tuple[UUID, UUID], RowMapping | None]:
        """Memberships by (organization, id)."""
        return DataLoader(load_fn=RowById(self.database, memberships.memberships_by_id).load_many)

    @cached_property
    def invitation_by_id(self) -> DataLoader[tuple[UUID, UUID], RowMapping | None]:
        """Invitations by (organization, id), open or not."""
        return DataLoader(load_fn=RowById(self.database, invitations.invitations_by_id).load_many)

    @cached_property
    def api_key_by_id(self) -> DataLoader[tuple[UUID, UUID], RowMapping | None]:
        """API keys by (organization, id), revoked or not."""
        return DataLoader(load_fn=RowById(self.database, api_keys.api_keys_by_id).load_many)

    @cached_property
    def members(self) -> Listing:
        """Members of an organization."""
        return Listing(self.database, memberships.member_page, memberships.count_members)

    @cached_property
    def invitations(self) -> Listing:
        """Open invitations of an organization."""
        return Listing(self.database, invitations.open_invitation_page, invitations.count_open_invitations)

    @cached_property
    def api_keys(self) -> Listing:
        """API keys of an organization that are not revoked."""
        return self._api_keys(revoked=False)

    @cached_property
    def all_api_keys(self) -> Listing:
        """API keys of an organization, with those that are revoked."""
        return self._api_keys(revoked=True)

    @cached_property
    def event_by_id(self) -> DataLoader[tuple[UUID, UUID], RowMapping | None]:
        """Activity events by (organization, number as a UUID)."""
        return DataLoader(load_fn=EventByKey(self.database).load_many)

    @cached_property
    def jobs(self) -> PlatformJobs:
        """Background jobs of all organizations."""
        return PlatformJobs(self.database)

    @cached_property
    def platform(self) -> PlatformFigures:
        """Figures over the whole platform."""
        return PlatformFigures(self.database)

    def _api_keys(self, *, revoked: bool) -> Listing:
        return Listing(
            self.database,
            partial(api_keys.api_key_page, revoked=revoked),
            partial(api_keys.count_api_keys, revoked=revoked),
        )
