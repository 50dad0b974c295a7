"""Root fields of organizations."""

from __future__ import annotations

from typing import Annotated

import strawberry

from app.auth.permissions import grant_of
from app.context import Info
from app.errors import BadUserInputError
from app.execution import is_selected
from app.organizations import change, create
from app.records import Permission, Role
from app.resolvers.access import Access, Limit, mutation, organization_of
from app.schema.node import global_id, parse_id
from app.schema.organizations import (
    CreateOrganizationInput,
    CreateOrganizationPayload,
    CreateOrganizationResult,
    DeleteOrganizationInput,
    DeleteOrganizationPayload,
    DeleteOrganizationResult,
    Organization,
    UpdateOrganizationInput,
    UpdateOrganizationPayload,
    UpdateOrganizationResult,
)

Slug = Annotated[str | None, strawberry.argument(description="Its name in addresses.")]
Id = Annotated[strawberry.ID | None, strawberry.argument(description="Its global id, instead of the slug.")]


@strawberry.type
class OrganizationQueries:
    """One organization."""

    @strawberry.field(
        description="An organization by its slug or its id (one of them); null when there is none within your reach."
    )
    async def organization(
        self,
        info: Info,
        slug: Slug = None,
        id: Id = None,  # noqa: A002  (the graph's name)
    ) -> Organization | None:
        """Absent and foreign ones look the same."""
        principal = info.context.signed_in()
        reachable = info.context.loaders.organizations
        if slug is not None and id is None:
            grant = principal.grant_by_slug(slug)
            if grant is not None and not is_selected(info, "name", "currency", "created_at"):
                found = Organization.unread(grant, slug)
                found.require(Permission.ORGANIZATION_READ)
                return found
            row = await (reachable.by_slug(slug) if grant is None else reachable.one(grant.organization_id))
        elif id is not None and slug is None:
            row = await reachable.by_id(parse_id(id, "Organization").id)
        else:
            message = "Give `slug` or `id`, one of them."
            raise BadUserInputError(message, path=("slug",))
        if row is None:
            return None
        found = Organization.from_row(row, principal.grants[row["id"]])
        found.require(Permission.ORGANIZATION_READ)
        return found


@strawberry.type
class OrganizationMutations:
    """Making, changing and deleting organizations."""

    @mutation(Access.SIGNED_IN, "Make an organization, whose owner you are. Not with a key.", limit=Limit(10, per=60))
    async def create_organization(
        self,
        info: Info,
        input: CreateOrganizationInput,  # noqa: A002  (Relay's name)
    ) -> CreateOrganizationResult:
        """See app.organizations.create.create_organization."""
        row = await create.create_organization(
            info.context.database,
            info.context.signed_in(),
            name=input.name,
            slug=input.slug,
            currency=input.currency,
        )
        grant = grant_of(row["id"], Role.OWNER, row["slug"])
        return CreateOrganizationPayload(organization=Organization.from_row(row, grant))

    @mutation(Permission.ORGANIZATION_UPDATE, "Change the name or the currency of an organization.")
    async def update_organization(
        self,
        info: Info,
        input: UpdateOrganizationInput,  # noqa: A002  (Relay's name)
    ) -> UpdateOrganizationResult:
        """See app.organizations.change.update_organization."""
        organization_id = organization_of(input)
        principal = info.context.signed_in()
        info.context.grant(organization_id, Permission.ORGANIZATION_READ)  # the answer shows all of it
        row = await change.update_organization(
            info.context.database, organization_id, principal, name=input.name, currency=input.currency
        )
        return UpdateOrganizationPayload(organization=Organization.from_row(row, principal.grants[organization_id]))

    @mutation(
        Permission.ORGANIZATION_DELETE,
        "Delete an organization with everything that it owns. For owners who are signed in; it cannot be undone.",
        limit=Limit(10, per=60),
    )
    async def delete_organization(
        self,
        info: Info,
        input: DeleteOrganizationInput,  # noqa: A002  (Relay's name)
    ) -> DeleteOrganizationResult:
        """See app.organizations.change.delete_organization."""
        organization_id = organization_of(input)
        await change.delete_organization(
            info.context.database, organization_id, info.context.signed_in(), confirm_slug=input.confirm_slug
        )
        return DeleteOrganizationPayload(deleted_organization_id=global_id("Organization", organization_id))
