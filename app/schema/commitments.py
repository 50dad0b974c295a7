"""Commitments: what was bought ahead, what of it was used, what usage it covered and what that saved."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import strawberry

from app.context import Info
from app.costs import commitments as verbs
from app.costs.commitments import Quantities, read_commitments, read_count, read_coverage, read_omission
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
    coverage: CostFigure = strawberry.field(
        description="Covered / (covered + standard): 0.8 is 80 %. By effective cost, so that the part of the usage "
        "that is covered counts for as little as its discounted price; see `listCoverage` and `contractedCoverage`."
    )
    covered_list_cost: CostFigure = strawberry.field(description="What covered usage would cost at list prices.")
    standard_list_cost: CostFigure = strawberry.field(description="What standard usage would cost at list prices.")
    list_coverage: CostFigure = strawberry.field(description="Covered / (covered + standard), both at list prices.")
    covered_contracted_cost: CostFigure = strawberry.field(
        description="What covered usage would cost at contracted prices."
    )
    standard_contracted_cost: CostFigure = strawberry.field(
        description="What standard usage would cost at contracted prices."
    )
    contracted_coverage: CostFigure = strawberry.field(
        description="Covered / (covered + standard), both at contracted prices."
    )
    use: CommitmentUse = strawberry.field(description="What of all commitments was used.")

    @classmethod
    def of(cls, found: verbs.Coverage) -> CommitmentCoverage:
        """Make it of a record."""
        return cls(
            currency=found.currency,
            covered_effective_cost=CostFigure.of(found.effective.covered),
            standard_effective_cost=CostFigure.of(found.effective.standard),
            coverage=CostFigure.of(found.effective.coverage),
            covered_list_cost=CostFigure.of(found.at_list.covered),
            standard_list_cost=CostFigure.of(found.at_list.standard),
            list_coverage=CostFigure.of(found.at_list.coverage),
            covered_contracted_cost=CostFigure.of(found.at_contracted.covered),
            standard_contracted_cost=CostFigure.of(found.at_contracted.standard),
            contracted_coverage=CostFigure.of(found.at_contracted.coverage),
            use=CommitmentUse.of(found.use),
        )


@strawberry.type(description="The commitments of an organization in a period, from FOCUS's columns.")
class CommitmentReport:
    """A read for each of its fields, made when it is asked for."""

    organization_id: strawberry.Private[UUID]
    days: strawberry.Private[DateRange]

    @strawberry.field(
        description="Commitments with charges in the period, the costliest first; one row a currency. At most `first` "
        "of `commitmentCount`."
    )
    async def commitments(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description="How many at most, 1 to 1,000.")] = 100,
    ) -> list[Commitment] | None:
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
        return [CommitmentCoverage.of(each) for each in found]

    @strawberry.field(description="How many commitments have charges in the period, one for each currency.")
    async def commitment_count(self, info: Info) -> int:
        """One statement."""
        async with info.context.database.read(self.organization_id) as session:
            return await read_count(session, self.organization_id, self.days.start, self.days.end)

    @strawberry.field(
        description="Why nothing, or not all, is known of the period; null where charges of all its days are imported."
    )
    async def reason(self, info: Info) -> str | None:
        """One statement."""
        async with info.context.database.read(self.organization_id) as session:
            return await read_omission(session, self.organization_id, self.days.start, self.days.end)
