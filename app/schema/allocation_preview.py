"""What would move between teams if an allocation rule were another."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import strawberry

from app.context import Info
from app.costs.allocation.borne import MOST_NOTES
from app.costs.allocation.preview import Draft, Preview
from app.costs.outlook.series import exact_difference
from app.errors import NotFoundError
from app.records import Permission
from app.records.costs import CostMetric
from app.schema.allocation import AllocationNote, team_of
from app.schema.allocation_acts import AllocationRuleInput
from app.schema.node import parse_id
from app.schema.organization_part import OrganizationPart
from app.schema.teams import Team
from app.server.costs.directives import at_most, weighs


@strawberry.input(description="A rule to try on a month.")
class PreviewAllocationRuleInput:
    """See `previewAllocationRule`."""

    month: date = strawberry.field(description="First day of the month.")
    rule: AllocationRuleInput = strawberry.field(description="What the rule does.")
    replaces: strawberry.ID | None = strawberry.field(
        default=None, description="The rule in whose place it is tried; as a new one when left out."
    )
    position: int | None = strawberry.field(
        default=None, description="When a new one is tried, 1 is first; after all others when left out."
    )
    metric: CostMetric = strawberry.field(default=CostMetric.EFFECTIVE_COST, description="Which cost.")

    def wanted(self, organization_id: UUID) -> Draft:
        """The draft for the room of costs. Raises BadUserInputError, NotFoundError."""
        replaced = None
        if self.replaces is not None:
            key = parse_id(self.replaces, "AllocationRule", path=("input", "replaces"))
            if key.organization_id != organization_id:
                message = "There is no such allocation rule within your reach."
                raise NotFoundError(message)
            replaced = key.id
        return Draft(self.rule.wanted(organization_id), replaced, self.position)


@strawberry.type(description="What a team would bear instead, in the currency in which it was billed.")
class AllocationMove:
    """See app.costs.allocation.preview.Moved."""

    currency: str = strawberry.field(description="The currency.")
    before: Decimal | None = strawberry.field(description="Under the rules as they are; null for no charges.")
    after: Decimal | None = strawberry.field(description="With the rule; null for no charges.")
    change: Decimal = strawberry.field(description="By how much it would be more; all changes in a currency sum to 0.")
    team_key: strawberry.Private[tuple[UUID, UUID]]

    @strawberry.field(description="The team; null for what is unallocated.")
    async def team(self, info: Info) -> Team | None:
        """One statement for all moves."""
        return await team_of(info, self.team_key)


@strawberry.type(description="What would move between teams in a month. Nothing is stored.")
class AllocationPreview:
    """See app.costs.allocation.preview.Preview."""

    month: date = strawberry.field(description="First day of the month.")
    moves: list[AllocationMove] = strawberry.field(
        description="By currency, the teams that would bear something else: at most 2,001 in each currency billed.",
        directives=[at_most(10_005)],  # of five currencies
    )
    notes: list[AllocationNote] = strawberry.field(
        description="What rules could not do as they say, at most 1,000.", directives=[at_most(1_000)]
    )

    @classmethod
    def of(cls, preview: Preview, organization_id: UUID) -> AllocationPreview:
        """Make it of a preview."""
        nothing = Decimal(0)
        return cls(
            month=preview.month,
            moves=[
                AllocationMove(
                    currency=each.currency,
                    before=each.before,
                    after=each.after,
                    change=exact_difference(each.after or nothing, each.before or nothing),
                    team_key=(organization_id, each.team_id),
                )
                for each in preview.moved
            ],
            notes=[AllocationNote.of(note, organization_id) for note in preview.notes[:MOST_NOTES]],
        )


@strawberry.type
class OrganizationAllocationPreview(OrganizationPart):
    """The part of `Organization` that this file adds; `Organization` inherits it."""

    @strawberry.field(
        description="What would move between teams in a month if a rule were added or changed, both sides worked out "
        "by the rules of now. Needs the permission COSTS_MANAGE; null without it.",
        directives=[weighs(1_000)],
    )
    async def preview_allocation_rule(
        self,
        info: Info,
        input: Annotated[PreviewAllocationRuleInput, strawberry.argument(description="What to try, on which month.")],  # noqa: A002  (as mutations have it)
    ) -> AllocationPreview | None:
        """A fixed number of statements, none of which writes."""
        key = self.require(Permission.COSTS_MANAGE)
        found = await info.context.loaders.allocation_preview(key, input.month, input.wanted(key), input.metric)
        return AllocationPreview.of(found, key)
