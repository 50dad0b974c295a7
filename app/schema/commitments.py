"""Commitments: what was bought ahead, what of it was used, what usage it covered and what that saved."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import strawberry

from app.context import Info
from app.costs import commitments as verbs
from app.costs.commitments import Quantities, read_commitments, read_coverage
from app.loaders.budgets import CommitmentKey
from app.records import Provider
from app.records.cost_analysis import DateRange
from app.schema.cost_words import CostFigure, Money
from app.schema.paging import within

MOST_COMMITMENTS = 1_000


@strawberry.type(description="What commitments cost and saved, in one currency.")
class CommitmentUse:
    """See app.costs.commitments.Use."""

    used_effective_cost: CostFigure = strawberry.field(description="Effective cost of usage that they covered.")
    unused_effective_cost: CostFigure = strawberry.field(description="Effective cost of what was left unused.")
    utilization: CostFigure = strawberry.field(description="Used / (used + unused), by effective cost: 0.8 is 80 %.")
    list_savings: CostFigure = strawberry.field(
        description="What the used part would have cost at list prices, less the effective cost of the used and the "
        "unused part; negative where the commitments cost more."
    )
    contracted_savings: CostFigure = strawberry.field(description="The same at contracted prices.")

    @classmethod
    def of(cls, use: verbs.Use) -> CommitmentUse:
        """Make it of a record."""
        return cls(
            used_effective_cost=CostFigure.of(use.used),
            unused_effective_cost=CostFigure.of(use.unused),
            utilization=CostFigure.of(use.utilization),
            list_savings=CostFigure.of(use.list_savings),
            contracted_savings=CostFigure.of(use.contracted_savings),
        )


@strawberry.type(description="One commitment in a period: a reservation, a savings plan, a committed-use discount.")
class Commitment:
    """See app.costs.commitments.Commitment."""

    commitment_discount_id: str = strawberry.field(description="The provider's id.")
    commitment_discount_name: str | None = strawberry.field(description="Its name.")
    commitment_discount_type: str | None = strawberry.field(description="The provider's word for its kind.")
    commitment_discount_category: str | None = strawberry.field(
        description="Whether it is to an amount spent (Spend) or used (Usage)."
    )
    commitment_discount_unit: str | None = strawberry.field(description="Unit of its quantities.")
    provider: Provider = strawberry.field(description="The provider.")
    purchased: Money = strawberry.field(description="What was billed for buying it in the period; 0 where nothing was.")
    use: CommitmentUse = strawberry.field(description="What of it was used in the period.")
    key: strawberry.Private[CommitmentKey]

    @classmethod
    def of(cls, organization_id: UUID, days: DateRange, found: verbs.Commitment) -> Commitment:
        """Make it of a record."""
        return cls(
            commitment_discount_id=found.commitment_id,
            commitment_discount_name=found.name,
            commitment_discount_type=found.type,
            commitment_discount_category=found.category,
            commitment_discount_unit=found.unit,
            provider=Provider(found.provider),
            purchased=Money(amount=found.purchased, currency=found.currency),
            use=CommitmentUse.of(found.use),
            key=CommitmentKey(organization_id, days, (found.commitment_id, found.provider, found.currency)),
        )

    @strawberry.field(description="How much of it was bought in the period, in its unit. Reads charges.")
    async def purchased_quantity(self, info: Info) -> CostFigure:
        """One statement for all commitments."""
        return CostFigure.of((await self._quantities(info)).purchased)

    @strawberry.field(description="How much of it was used in the period, in its unit. Reads charges.")
    async def used_quantity(self, info: Info) -> CostFigure:
        """One statement for all commitments."""
        return CostFigure.of((await self._quantities(info)).used)

    @strawberry.field(description="How much of it was left unused in the period, in its unit. Reads charges.")
    async def unused_quantity(self, info: Info) -> CostFigure:
        """One statement for all commitments."""
        return CostFigure.of((await self._quantities(info)).unused)

    async def _quantities(self, info: Info) -> Quantities:
        return await info.context.loaders.commitment_quantities.load(self.key)


@strawberry.type(description="All commitments of a billing currency, and how much usage they covered.")
class CommitmentCoverage:
    """See app.costs.commitments.Coverage."""

    currency: str = strawberry.field(description="The billing currency.")
    covered_effective_cost: CostFigure = strawberry.field(
        description="Effective cost of usage priced as Committed, without what was left unused."
    )
    standard_effective_cost: CostFigure = strawberry.field(description="Effective cost of usage priced as Standard.")
    coverage: CostFigure = strawberry.field(description="Covered / (covered + standard): 0.8 is 80 %.")
    use: CommitmentUse = strawberry.field(description="What of all commitments was used.")


@strawberry.type(description="The commitments of an organization in a period, from FOCUS's columns.")
class CommitmentReport:
    """Two reads, each made when it is asked for."""

    organization_id: strawberry.Private[UUID]
    days: strawberry.Private[DateRange]

    @strawberry.field(description="Commitments with charges in the period, the costliest first; one row a currency.")
    async def commitments(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description="How many at most, 1 to 1,000.")] = 100,
    ) -> list[Commitment]:
        """One statement."""
        most = within(first, MOST_COMMITMENTS)
        async with info.context.database.read(self.organization_id) as session:
            found = await read_commitments(session, self.organization_id, self.days.start, self.days.end, most)
        return [Commitment.of(self.organization_id, self.days, each) for each in found]

    @strawberry.field(description="How much usage commitments covered, by billing currency.")
    async def coverage(self, info: Info) -> list[CommitmentCoverage]:
        """One statement."""
        async with info.context.database.read(self.organization_id) as session:
            found = await read_coverage(session, self.organization_id, self.days.start, self.days.end)
        return [
            CommitmentCoverage(
                currency=each.currency,
                covered_effective_cost=CostFigure.of(each.covered),
                standard_effective_cost=CostFigure.of(each.standard),
                coverage=CostFigure.of(each.coverage),
                use=CommitmentUse.of(each.use),
            )
            for each in found
        ]
