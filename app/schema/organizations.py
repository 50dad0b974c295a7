"""Organizations: the tenants, under which everything that they own hangs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import strawberry

from app.accounts.external_id import aws_external_id
from app.context import Info
from app.records import Grant, Permission, Role
from app.schema.activity import OrganizationActivity
from app.schema.allocation import OrganizationAllocation
from app.schema.allocation_preview import OrganizationAllocationPreview
from app.schema.api_keys import ApiKey
from app.schema.audit import OrganizationAudit
from app.schema.cost_exports import OrganizationCostExports
from app.schema.cost_imports import OrganizationCostImports
from app.schema.cost_sources import OrganizationCostSources
from app.schema.cost_watch import OrganizationCostWatch
from app.schema.costs import OrganizationCosts
from app.schema.detection_rule_preview import OrganizationDetectionRulePreview
from app.schema.detection_rules import OrganizationDetectionRules
from app.schema.errors import Conflict, InvalidInput, NotFound
from app.schema.exports import OrganizationExports
from app.schema.inventory import OrganizationInventory
from app.schema.invitations import Invitation
from app.schema.listings import listing_page
from app.schema.node import Node, global_id
from app.schema.paging import After, Before, Connection, First, Last, PageArguments
from app.schema.people import Member
from app.schema.plans import OrganizationPlan
from app.schema.prices import OrganizationPrices
from app.schema.recommendations import OrganizationRecommendations
from app.schema.repeatable import Repeatable
from app.schema.scans import OrganizationScans
from app.schema.single_sign_on import OrganizationSingleSignOn
from app.schema.uploads import OrganizationUploads
from app.schema.webhooks import OrganizationWebhooks


@strawberry.type(description="A tenant: a company or team with its members, clouds and costs.")
class Organization(
    OrganizationInventory,
    OrganizationScans,
    OrganizationUploads,
    OrganizationCostExports,
    OrganizationExports,
    OrganizationCostImports,
    OrganizationCostSources,
    OrganizationCosts,
    OrganizationCostWatch,
    OrganizationRecommendations,
    OrganizationDetectionRules,
    OrganizationDetectionRulePreview,
    OrganizationPrices,
    OrganizationPlan,
    OrganizationAllocation,
    OrganizationAllocationPreview,
    OrganizationActivity,
    OrganizationAudit,
    OrganizationSingleSignOn,
    OrganizationWebhooks,
    Node,
):
    """A row of `organizations`, with what the caller may do in it."""

    slug: str = strawberry.field(description="Its name in addresses; unique.")
    name: str = strawberry.field(description="Name for people.")
    currency: str = strawberry.field(description="Currency of its totals, a code of ISO 4217.")
    created_at: datetime = strawberry.field(description="When it was made.")

    @classmethod
    def from_row(cls, row: Mapping[Any, Any], grant: Grant) -> Organization:
        """Make it of a row and the caller's grant."""
        return cls(
            id=global_id("Organization", row["id"]),
            slug=row["slug"],
            name=row["name"],
            currency=row["currency"],
            created_at=row["created_at"],
            key=row["id"],
            grant=grant,
        )

    @classmethod
    def unread(cls, grant: Grant, slug: str) -> Organization:
        """Make it without its row, for those who select nothing of that."""
        key = grant.organization_id
        never = datetime.min.replace(tzinfo=UTC)
        id_ = global_id("Organization", key)
        return cls(id=id_, slug=slug, name="", currency="", created_at=never, key=key, grant=grant)

    @strawberry.field(description="The caller's role; for an API key the least role that allows all its scopes.")
    def viewer_role(self) -> Role:
        """From the grant."""
        return self.grant.role

    @strawberry.field(description="What the caller may do here.")
    def viewer_permissions(self) -> list[Permission]:
        """From the grant, in the enum's order."""
        return [permission for permission in Permission if permission in self.grant.permissions]

    @strawberry.field(description="External id that the trust policy of a role in AWS has to ask for; no secret.")
    def aws_external_id(self) -> str:
        """The same for ever."""
        return aws_external_id(self.key)

    @strawberry.field(description="Its members, in the order in which they joined.")
    async def members(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Member]:
        """One statement a page."""
        key = self.require(Permission.ORGANIZATION_READ)
        page = PageArguments(first, after, last, before)
        return await listing_page(info.context.loaders.members, Member.from_row, key, page)

    @strawberry.field(description="Open invitations, the oldest first. Needs the permission MEMBERS_MANAGE.")
    async def invitations(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Invitation] | None:
        """One statement a page."""
        key = self.require(Permission.MEMBERS_MANAGE)
        page = PageArguments(first, after, last, before)
        return await listing_page(info.context.loaders.invitations, Invitation.from_row, key, page)

    @strawberry.field(description="API keys, the oldest first. Needs the permission API_KEYS_MANAGE.")
    async def api_keys(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        include_revoked: Annotated[bool, strawberry.argument(description="Also those that are revoked.")] = False,
    ) -> Connection[ApiKey] | None:
        """One statement a page."""
        key = self.require(Permission.API_KEYS_MANAGE)
        loaders = info.context.loaders
        listing = loaders.all_api_keys if include_revoked else loaders.api_keys
        return await listing_page(listing, ApiKey.from_row, key, PageArguments(first, after, last, before))


@strawberry.input(description="An organization to make.")
class CreateOrganizationInput(Repeatable):
    """See `createOrganization`."""

    name: str = strawberry.field(description="Name for people; 1 to 100 characters.")
    slug: str | None = strawberry.field(
        default=None,
        description="Its name in addresses: 2 to 63 of a-z, 0-9 and hyphens; made of the name if left out.",
    )
    currency: str | None = strawberry.field(
        default=None, description="Currency of its totals, a code of ISO 4217; USD when left out."
    )


@strawberry.type(description="The organization was made, and you are its owner.")
class CreateOrganizationPayload:
    """See `createOrganization`."""

    organization: Organization = strawberry.field(description="The new organization.")


CreateOrganizationResult = Annotated[
    CreateOrganizationPayload | InvalidInput | Conflict,
    strawberry.union("CreateOrganizationResult", description="What `createOrganization` answers."),
]


@strawberry.input(description="What to change about an organization; what is left out stays.")
class UpdateOrganizationInput:
    """See `updateOrganization`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    name: str | None = strawberry.field(default=None, description="New name for people; 1 to 100 characters.")
    currency: str | None = strawberry.field(default=None, description="New currency, a code of ISO 4217.")


@strawberry.type(description="The organization is as you want it.")
class UpdateOrganizationPayload:
    """See `updateOrganization`."""

    organization: Organization = strawberry.field(description="The organization as it is now.")


UpdateOrganizationResult = Annotated[
    UpdateOrganizationPayload | InvalidInput | NotFound,
    strawberry.union("UpdateOrganizationResult", description="What `updateOrganization` answers."),
]


@strawberry.input(description="An organization to delete, with everything that it owns.")
class DeleteOrganizationInput:
    """See `deleteOrganization`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    confirm_slug: str = strawberry.field(description="Its slug once more, so that no other is deleted by mistake.")


@strawberry.type(description="Nobody reaches the organization any more within 5 s; its data is removed soon after.")
class DeleteOrganizationPayload:
    """See `deleteOrganization`."""

    deleted_organization_id: strawberry.ID = strawberry.field(description="The id that it had.")


DeleteOrganizationResult = Annotated[
    DeleteOrganizationPayload | InvalidInput | NotFound,
    strawberry.union("DeleteOrganizationResult", description="What `deleteOrganization` answers."),
]


@strawberry.input(description="An invitation to accept.")
class AcceptInvitationInput:
    """See `acceptInvitation`."""

    token: str = strawberry.field(description="The invitation's token, as `inviteMember` gave it.")


@strawberry.type(description="You are a member.")
class AcceptInvitationPayload:
    """See `acceptInvitation`."""

    organization: Organization = strawberry.field(description="The organization.")
    member: Member = strawberry.field(description="Your place in it.")


AcceptInvitationResult = Annotated[
    AcceptInvitationPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("AcceptInvitationResult", description="What `acceptInvitation` answers."),
]
