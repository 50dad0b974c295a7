"""Teams: who bears costs, and how much."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.context import Info
from app.costs.allocation.borne import Borne
from app.costs.analysis.coverage import PeriodCoverage
from app.loaders.scans import Asked
from app.records import Permission
from app.records.allocation import TeamOrderField
from app.records.costs import CostMetric
from app.records.criteria import Direction, Emptiness
from app.schema.cost_coverage import CostCoverage
from app.schema.cost_periods import Metric, Period, days_of
from app.schema.cost_words import Money, known_money
from app.schema.errors import Conflict, InvalidInput, NotFound
from app.schema.filters import StringFilter
from app.schema.node import Node, global_id
from app.schema.organization_part import OrganizationPart
from app.schema.pages import rows_page
from app.schema.paging import After, Before, Connection, First, Last, PageArguments
from app.schema.repeatable import Repeatable


@strawberry.type(description="What a team bears, in the organization's currency.")
class TeamCosts:
    """See app.costs.allocation.borne.Borne."""

    currency: str = strawberry.field(description="The organization's currency.")
    cost: Decimal | None = strawberry.field(description="All of it: 0 where no charge came to it; null where unknown.")
    direct_cost: Decimal | None = strawberry.field(description="What falls to the team alone; null where unknown.")
    shared_cost: Decimal | None = strawberry.field(
        description="Its part of what several teams bear; null where unknown."
    )
    reason: str | None = strawberry.field(
        description="Why one of the three is unknown: nothing was imported for the period, no charge has the metric, "
        "or no rate converts any of it."
    )
    unconverted: list[Money] = strawberry.field(
        description="By currency, what no rate converts of all of it: it is in none of the three."
    )
    direct_unconverted: list[Money] = strawberry.field(description="The part of `unconverted` that is direct.")
    shared_unconverted: list[Money] = strawberry.field(description="The part of `unconverted` that is shared.")
    coverage: CostCoverage = strawberry.field(
        description="What is known of the period, of all billing accounts. Costs of a period that is known in part are "
        "those of that part."
    )

    @classmethod
    def of(cls, currency: str, borne: Borne, coverage: PeriodCoverage) -> TeamCosts:
        """Make it of what is borne."""
        return cls(
            currency=currency,
            cost=borne.amount.total,
            direct_cost=borne.amount.direct,
            shared_cost=borne.amount.shared,
            reason=borne.reason,
            unconverted=known_money({of: amount.total for of, amount in borne.apart.items()}),
            direct_unconverted=known_money({of: amount.direct for of, amount in borne.apart.items()}),
            shared_unconverted=known_money({of: amount.shared for of, amount in borne.apart.items()}),
            coverage=CostCoverage.of(coverage),
        )


@strawberry.type(description="A team or cost centre that bears costs.")
class Team(Node):
    """A row of `teams`."""

    name: str = strawberry.field(description="Its name; unique in the organization, whatever the case.")
    code: str | None = strawberry.field(description="Its cost centre; unique in the organization, whatever the case.")
    archived_at: datetime | None = strawberry.field(
        description="When it was archived: it bears costs of that month and earlier ones; null while it lives."
    )
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")
    key: strawberry.Private[tuple[UUID, UUID]]

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> Team:
        """Make it of a row."""
        return cls(
            id=global_id("Team", row["id"], row["organization_id"]),
            name=row["name"],
            code=row["code"],
            archived_at=row["archived_at"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            key=(row["organization_id"], row["id"]),
        )

    @strawberry.field(description="What it bears. Months that were never allocated are unallocated, so not in here.")
    async def costs(self, info: Info, period: Period, metric: Metric = CostMetric.EFFECTIVE_COST) -> TeamCosts | None:
        """Three statements for all teams of a page."""
        asked = Asked(*self.key, (await days_of(info, self.key[0], period), metric))
        return TeamCosts.of(*await info.context.loaders.team_costs.load(asked))


@strawberry.input(description="Which teams; all conditions must hold.")
class TeamFilter:
    """Fields are named like columns of `teams`."""

    name: StringFilter | None = strawberry.field(default=None, description="Name.")
    code: StringFilter | None = strawberry.field(default=None, description="Cost centre.")


@strawberry.type
class OrganizationTeams(OrganizationPart):
    """The part of `Organization` that this room adds; `Organization` inherits it."""

    @strawberry.field(description="Its teams, by name.")
    async def teams(
        self,
        info: Info,
        where: Annotated[TeamFilter | None, strawberry.argument(description="Which teams.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        include_archived: Annotated[bool, strawberry.argument(description="Also those that are archived.")] = False,
    ) -> Connection[Team] | None:
        """One statement a page, one more for the count when it is asked."""
        key = self.require(Permission.ORGANIZATION_READ)
        page = PageArguments(first, after, last, before)
        order = (TeamOrderField.NAME, Direction.ASC)
        besides = () if include_archived else (("archived_at", Emptiness(empty=True)),)
        return await rows_page(info, info.context.loaders.teams, Team.from_row, key, where, order, page, besides)


@strawberry.input(description="A team to make; an organization has at most 2,000, archived ones included.")
class CreateTeamInput(Repeatable):
    """See `createTeam`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    name: str = strawberry.field(description="Its name, 1 to 256 characters; unique in the organization.")
    code: str | None = strawberry.field(
        default=None, description="Its cost centre, 1 to 256 characters; unique in the organization."
    )


@strawberry.type(description="The team was made.")
class CreateTeamPayload:
    """See `createTeam`."""

    team: Team = strawberry.field(description="The new team.")


CreateTeamResult = Annotated[
    CreateTeamPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("CreateTeamResult", description="What `createTeam` answers."),
]


@strawberry.input(description="What to change about a team; what is left out stays.")
class UpdateTeamInput:
    """See `updateTeam`."""

    id: strawberry.ID = strawberry.field(description="The team.")
    name: strawberry.Maybe[str] = strawberry.field(description="New name.")
    code: strawberry.Maybe[str | None] = strawberry.field(description="New cost centre; null for none.")


@strawberry.type(description="The team is as you want it.")
class UpdateTeamPayload:
    """See `updateTeam`."""

    team: Team = strawberry.field(description="The team as it is now.")


UpdateTeamResult = Annotated[
    UpdateTeamPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("UpdateTeamResult", description="What `updateTeam` answers."),
]


@strawberry.input(description="A team to archive.")
class ArchiveTeamInput:
    """See `archiveTeam`."""

    id: strawberry.ID = strawberry.field(description="The team.")
    archived: bool = strawberry.field(default=True, description="False brings an archived team back.")


@strawberry.type(description="The team is archived, or back.")
class ArchiveTeamPayload:
    """See `archiveTeam`."""

    team: Team = strawberry.field(description="The team as it is now.")


ArchiveTeamResult = Annotated[
    ArchiveTeamPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("ArchiveTeamResult", description="What `archiveTeam` answers."),
]
