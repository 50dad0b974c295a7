"""Allocation: tag keys, rules that share costs out to teams, runs that use them again, and the report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.context import Info
from app.costs.allocation.borne import Report
from app.costs.allocation.rules import rule_of
from app.costs.outlook.series import ratio
from app.records import Permission
from app.records.allocation import (
    NOBODY,
    AllocationMethod,
    AllocationNoteCode,
    AllocationRunKind,
    AllocationRunState,
)
from app.records.costs import CostMetric
from app.schema.applied_filters import AppliedCostFilter
from app.schema.cost_periods import Metric, Period, days_of
from app.schema.cost_words import Money
from app.schema.enums import graph_enum
from app.schema.node import Node, global_id
from app.schema.organization_part import OrganizationPart
from app.schema.paging import within
from app.schema.tag_keys import TagKey
from app.schema.teams import OrganizationTeams, Team, TeamCosts
from app.server.costs.directives import at_most, weighs

MOST_TAG_KEYS = 1_000
MOST_RUNS = 100
graph_enum(
    AllocationMethod,
    "How a rule shares out the charges that it matches.",
    DIRECT="All to one team.",
    BY_TAG="Each charge to the team that a tag of it names, by code or name; one whose tag names no team is left to "
    "the rules after.",
    EVEN="In equal parts to the targets.",
    PROPORTIONAL="To the targets by what they bear directly of the same month, in effective cost of the charge's "
    "currency. Where that sums to nothing, evenly, which a note says.",
    FIXED="To the targets by percents that sum to 100.",
)
graph_enum(
    AllocationRunKind,
    "Why months are allocated anew.",
    TAG_KEYS="Other tag keys were promoted.",
    RULES="Somebody asked for it, by `rerunAllocation`.",
)
graph_enum(
    AllocationRunState,
    "How far a run is.",
    QUEUED="A worker will take it as soon as one is free.",
    RUNNING="Months are being allocated, the newest first.",
    SUCCEEDED="All its months are allocated.",
    SUPERSEDED="A later run took its place, and does its months too.",
)
graph_enum(
    AllocationNoteCode,
    "What a rule could not do as it says.",
    NO_DIRECT_COST="Its targets bear nothing directly in that month and currency, so it split evenly.",
)


@strawberry.type(description="A team that bears a part of what a rule matches.")
class AllocationTarget:
    """See app.records.allocation.Target."""

    percent: Decimal | None = strawberry.field(description="Its part in percent; null where the method is not FIXED.")
    team_key: strawberry.Private[tuple[UUID, UUID]]

    @strawberry.field(description="The team.")
    async def team(self, info: Info) -> Team | None:
        """One statement for all rules."""
        return await team_of(info, self.team_key)


@strawberry.type(description="A value of a tag that means a team, besides the codes and names of teams.")
class MappedTagValue:
    """An entry of `mapping` of a rule."""

    value: str = strawberry.field(description="The value; case and blanks around it do not matter.")
    team_key: strawberry.Private[tuple[UUID, UUID]]

    @strawberry.field(description="The team.")
    async def team(self, info: Info) -> Team | None:
        """One statement for all rules."""
        return await team_of(info, self.team_key)


async def team_of(info: Info, key: tuple[UUID, UUID]) -> Team | None:
    """A team by its key; None for nobody."""
    if key[1] == NOBODY:
        return None
    row = await info.context.loaders.team_by_id.load(key)
    return None if row is None else Team.from_row(row)


@strawberry.type(description="A rule that shares costs out. The first rule that matches a charge decides on it.")
class AllocationRule(Node):
    """A row of `allocation_rules`."""

    position: int = strawberry.field(description="When it is tried: 1 is first.")
    name: str = strawberry.field(description="Name for people.")
    enabled: bool = strawberry.field(description="Whether it is used.")
    where: AppliedCostFilter = strawberry.field(description="Which charges it is about.")
    method: AllocationMethod = strawberry.field(description="How it shares them out.")
    tag_key: str | None = strawberry.field(description="The tag that names the team; null where not BY_TAG.")
    mapping: list[MappedTagValue] = strawberry.field(
        description="Values of that tag that mean a team, at most 1,000.", directives=[at_most(1_000)]
    )
    targets: list[AllocationTarget] = strawberry.field(
        description="The teams that bear the costs, at most 100; none for BY_TAG.", directives=[at_most(100)]
    )
    valid_from: date | None = strawberry.field(description="First day of the first month in which it holds.")
    valid_to: date | None = strawberry.field(description="First day of the first month in which it no longer holds.")
    version: int = strawberry.field(description="Counts its changes, from 1; the activity has all versions.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> AllocationRule:
        """Make it of a row."""
        rule, organization_id = rule_of(row), row["organization_id"]
        return cls(
            id=global_id("AllocationRule", rule.id, organization_id),
            position=rule.position,
            name=rule.name,
            enabled=rule.enabled,
            where=AppliedCostFilter.of(rule.match),
            method=rule.method,
            tag_key=rule.tag_key,
            mapping=[
                MappedTagValue(value=value, team_key=(organization_id, team)) for value, team in rule.mapping.items()
            ],
            targets=[
                AllocationTarget(percent=target.percent, team_key=(organization_id, target.team_id))
                for target in rule.targets
            ],
            valid_from=rule.valid_from,
            valid_to=rule.valid_to,
            version=row["version"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
        )


@strawberry.type(description="Months that are allocated anew, the newest first; each is old or new to who reads.")
class AllocationRun(Node):
    """A row of `allocation_runs`."""

    kind: AllocationRunKind = strawberry.field(description="Why.")
    state: AllocationRunState = strawberry.field(description="How far it is.")
    from_month: date | None = strawberry.field(
        description="First day of its first month; null where that is not known yet, or there are no charges."
    )
    to_month: date | None = strawberry.field(description="First day of its last month.")
    next_month: date | None = strawberry.field(description="First day of the month that comes next.")
    months_done: int = strawberry.field(description="How many months are done.")
    created_at: datetime = strawberry.field(description="When it was asked for.")
    started_at: datetime | None = strawberry.field(description="When a worker began.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> AllocationRun:
        """Make it of a row."""
        names = ("from_month", "to_month", "next_month", "months_done", "created_at", "started_at", "finished_at")
        return cls(
            id=global_id("AllocationRun", row["id"], row["organization_id"]),
            kind=AllocationRunKind(row["kind"]),
            state=AllocationRunState(row["state"]),
            **{name: row[name] for name in names},
        )


@strawberry.type(description="Something that a rule could not do as it says.")
class AllocationNote:
    """An entry of `notes` of a month."""

    code: AllocationNoteCode = strawberry.field(description="What it was.")
    month: date = strawberry.field(description="First day of the month.")
    currency: str = strawberry.field(description="The currency of the charges.")
    rule_key: strawberry.Private[tuple[UUID, UUID]]

    @strawberry.field(description="The rule; null where it was deleted since, or is only tried.")
    async def rule(self, info: Info) -> AllocationRule | None:
        """One statement for all notes."""
        row = await info.context.loaders.allocation_rule_by_id.load(self.rule_key)
        return None if row is None else AllocationRule.from_row(row)

    @classmethod
    def of(cls, note: Mapping[str, Any], organization_id: UUID) -> AllocationNote:
        """Make it of an entry."""
        return cls(
            code=AllocationNoteCode(note["code"]),
            month=note["month"],
            currency=note["currency"],
            rule_key=(organization_id, UUID(note["ruleId"])),
        )


@strawberry.type(description="What one team bears, or what nobody does.")
class AllocationLine:
    """See app.costs.allocation.borne.Borne."""

    costs: TeamCosts = strawberry.field(description="What it is.")
    share: Decimal | None = strawberry.field(description="Its part of the total; null where that is 0 or unknown.")
    team_key: strawberry.Private[tuple[UUID, UUID]]

    @strawberry.field(description="The team; null for what is unallocated.")
    async def team(self, info: Info) -> Team | None:
        """One statement for all lines."""
        return await team_of(info, self.team_key)


@strawberry.type(description="Who bears the costs of a period. All lines together are all charges, to the last digit.")
class AllocationReport:
    """See app.costs.allocation.borne.Report."""

    currency: str = strawberry.field(description="The organization's currency.")
    cost: Decimal | None = strawberry.field(description="All costs: 0 where there was no charge; null where unknown.")
    reason: str | None = strawberry.field(description="Why they are unknown.")
    unconverted: list[Money] = strawberry.field(
        description="By currency, what no rate converts of all lines: it is not in `cost`."
    )
    lines: list[AllocationLine] = strawberry.field(
        description="By team, those who bear most first; what is unallocated comes last, where there is any. At most "
        "2,001: an organization has no more than 2,000 teams.",
        directives=[at_most(2_001)],
    )
    stale_months: list[date] = strawberry.field(
        description="First days of the months that the rules, teams and tag keys of now would allocate in another way: "
        "`rerunAllocation` brings them up to date. At most 600: charges start in the years 2000 to 2049."
    )
    notes: list[AllocationNote] = strawberry.field(
        description="What rules could not do as they say: at most 1,000, those of the newest months.",
        directives=[at_most(1_000)],
    )

    @classmethod
    def of(cls, report: Report, organization_id: UUID) -> AllocationReport:
        """Make it of a report."""
        costs = TeamCosts.of(report.currency, report.total, report.coverage)
        total = costs.cost
        return cls(
            currency=report.currency,
            cost=total,
            reason=None if total is not None else costs.reason,
            unconverted=costs.unconverted,
            lines=[
                AllocationLine(
                    costs=TeamCosts.of(report.currency, each, report.coverage),
                    share=None if each.amount.total is None or total is None else ratio(each.amount.total, total),
                    team_key=(organization_id, each.team_id),
                )
                for each in report.borne
            ],
            stale_months=report.stale_months,
            notes=[AllocationNote.of(note, organization_id) for note in report.notes],
        )


@strawberry.type
class OrganizationAllocation(OrganizationTeams, OrganizationPart):
    """The part of `Organization` that this room adds; `Organization` inherits it."""

    @strawberry.field(description="Tag keys that its charges carry: promoted ones first, then the commonest.")
    async def tag_keys(
        self, info: Info, first: Annotated[int, strawberry.argument(description="How many, 1 to 1,000.")] = 100
    ) -> list[TagKey] | None:
        """One statement."""
        key = self.require(Permission.ORGANIZATION_READ)
        rows = await info.context.loaders.tag_keys(key, within(first, MOST_TAG_KEYS))
        return [TagKey.from_row(row) for row in rows]

    @strawberry.field(
        description="Its allocation rules in the order in which they are tried; at most 200.",
        directives=[at_most(200)],
    )
    async def allocation_rules(self, info: Info) -> list[AllocationRule]:
        """One statement."""
        rows = await info.context.loaders.allocation_rules(self.require(Permission.ORGANIZATION_READ))
        return [AllocationRule.from_row(row) for row in rows]

    @strawberry.field(description="Its last runs of allocation, the newest first.")
    async def allocation_runs(
        self, info: Info, first: Annotated[int, strawberry.argument(description="How many, 1 to 100.")] = 10
    ) -> list[AllocationRun] | None:
        """One statement."""
        key = self.require(Permission.ORGANIZATION_READ)
        rows = await info.context.loaders.allocation_runs(key, within(first, MOST_RUNS))
        return [AllocationRun.from_row(row) for row in rows]

    @strawberry.field(
        description="Who bears the costs of a period: by team, with direct and shared costs.", directives=[weighs(20)]
    )
    async def allocation(
        self, info: Info, period: Period, metric: Metric = CostMetric.EFFECTIVE_COST
    ) -> AllocationReport | None:
        """A fixed number of statements."""
        key = self.require(Permission.ORGANIZATION_READ)
        report = await info.context.loaders.allocation_report(key, await days_of(info, key, period), metric)
        return AllocationReport.of(report, key)
