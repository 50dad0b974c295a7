"""The three root types, put together from the nouns, and the schema that they make."""

from __future__ import annotations

import asyncio
import functools

import strawberry
from graphql import build_schema, lexicographic_sort_schema, print_schema
from strawberry.printer import print_schema as strawberry_text
from strawberry.schema.config import StrawberryConfig

from app.paging import DEFAULT_PAGE
from app.resolvers.accounts import AccountMutations
from app.resolvers.activity import ActivityMutations, ActivitySubscriptions
from app.resolvers.allocation import AllocationMutations
from app.resolvers.api_keys import ApiKeyMutations
from app.resolvers.cost_exports import CostExportMutations
from app.resolvers.cost_imports import CostImportMutations
from app.resolvers.cost_sources import CostSourceMutations
from app.resolvers.cost_watch import CostWatchMutations
from app.resolvers.costs import CostMutations
from app.resolvers.currencies import CurrencyMutations
from app.resolvers.detection_rules import DetectionRuleMutations
from app.resolvers.email_addresses import EmailAddressMutations
from app.resolvers.exports import ExportMutations
from app.resolvers.invitations import InvitationMutations
from app.resolvers.jobs import JobMutations
from app.resolvers.members import MemberMutations
from app.resolvers.nodes import NodeQueries
from app.resolvers.onboarding import OnboardingMutations, OnboardingQueries
from app.resolvers.organizations import OrganizationMutations, OrganizationQueries
from app.resolvers.passkeys import PasskeyMutations
from app.resolvers.password_changes import PasswordChangeMutations
from app.resolvers.plans import PlanMutations, PlanQueries
from app.resolvers.platform import PlatformQueries
from app.resolvers.prices import PriceMutations
from app.resolvers.privacy import PrivacyMutations
from app.resolvers.recommendations import CheckQueries, RecommendationMutations, RecommendationSubscriptions
from app.resolvers.resources import ResourceMutations
from app.resolvers.scans import ScanMutations, ScanSubscriptions
from app.resolvers.second_factors import SecondFactorMutations
from app.resolvers.sessions import SessionMutations
from app.resolvers.single_sign_on import SingleSignOnMutations
from app.resolvers.uploads import UploadMutations
from app.resolvers.viewer import ViewerQueries
from app.resolvers.webhooks import WebhookMutations
from app.schema.federation import FEDERATION_SCALARS, Service, as_subgraph
from app.schema.scalars import SCALARS
from app.server.costs.derived import declare_costs
from app.server.costs.text import with_directives


@strawberry.type(description="Reading. Everything that a tenant owns hangs under `organization`.")
class Query(
    ViewerQueries, OrganizationQueries, CheckQueries, NodeQueries, PlanQueries, PlatformQueries, OnboardingQueries
):
    """Root of queries."""

    # Who may see it is decided where introspection is.
    @strawberry.field(name="_service", description="For composers of Apollo Federation: this graph as a subgraph.")
    async def service(self) -> Service:
        """The text takes more than a second to make, off the loop and once."""
        return Service(sdl=await asyncio.to_thread(schema_text))


@strawberry.type(description="Acting. Each mutation names the permission that it needs.")
class Mutation(
    SessionMutations,
    EmailAddressMutations,
    PasswordChangeMutations,
    SecondFactorMutations,
    PasskeyMutations,
    SingleSignOnMutations,
    OrganizationMutations,
    PlanMutations,
    OnboardingMutations,
    MemberMutations,
    InvitationMutations,
    ApiKeyMutations,
    AccountMutations,
    ScanMutations,
    ResourceMutations,
    UploadMutations,
    CostImportMutations,
    CostMutations,
    CurrencyMutations,
    PriceMutations,
    CostExportMutations,
    ExportMutations,
    PrivacyMutations,
    CostSourceMutations,
    CostWatchMutations,
    RecommendationMutations,
    DetectionRuleMutations,
    AllocationMutations,
    ActivityMutations,
    WebhookMutations,
    JobMutations,
):
    """Root of mutations."""


@strawberry.type(description="Following what happens, live and without a gap.")
class Subscription(ActivitySubscriptions, RecommendationSubscriptions, ScanSubscriptions):
    """Root of subscriptions."""


@functools.cache
def make_schema() -> strawberry.Schema:
    """The schema, which takes half a second to make and is the same for the whole process."""
    schema = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        config=StrawberryConfig(scalar_map={**SCALARS, **FEDERATION_SCALARS}, disable_field_suggestions=True),
    )
    declare_costs(schema, page=DEFAULT_PAGE)
    return schema


@functools.cache
def schema_text() -> str:
    """The schema in GraphQL's own language, as it stands in schema.graphql; a subgraph of Apollo Federation."""
    text = strawberry_text(make_schema())
    # Sorted as a copy: Strawberry's `sort_schema` leaves the served schema with enums that refuse their own values.
    ordered = print_schema(lexicographic_sort_schema(build_schema(text)))
    return as_subgraph(with_directives(ordered, text) + "\n")
