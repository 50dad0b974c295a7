"""Root fields of teams, tag keys and allocation rules."""

from __future__ import annotations

from dataclasses import replace

import strawberry

from app.context import Info
from app.costs.allocation import change_rules, promote, runs, teams
from app.records import UNSET, Permission
from app.resolvers.access import Limit, mutation, organization_of
from app.schema.allocation import AllocationRule, AllocationRun
from app.schema.allocation_acts import (
    CreateAllocationRuleInput,
    CreateAllocationRulePayload,
    CreateAllocationRuleResult,
    DeleteAllocationRuleInput,
    DeleteAllocationRulePayload,
    DeleteAllocationRuleResult,
    MoveAllocationRuleInput,
    MoveAllocationRulePayload,
    MoveAllocationRuleResult,
    RerunAllocationInput,
    RerunAllocationPayload,
    RerunAllocationResult,
    SetPromotedTagKeysInput,
    SetPromotedTagKeysPayload,
    SetPromotedTagKeysResult,
    UpdateAllocationRuleInput,
    UpdateAllocationRulePayload,
    UpdateAllocationRuleResult,
)
from app.schema.node import parse_id
from app.schema.teams import (
    ArchiveTeamInput,
    ArchiveTeamPayload,
    ArchiveTeamResult,
    CreateTeamInput,
    CreateTeamPayload,
    CreateTeamResult,
    Team,
    UpdateTeamInput,
    UpdateTeamPayload,
    UpdateTeamResult,
)


@strawberry.type
class AllocationMutations:
    """Teams, promoted tag keys, and the rules that share costs out."""

    @mutation(Permission.COSTS_MANAGE, "Make a team that bears costs.")
    async def create_team(self, info: Info, input: CreateTeamInput) -> CreateTeamResult:  # noqa: A002  (Relay's name)
        """See app.costs.allocation.teams.create_team."""
        row = await teams.create_team(
            info.context.database,
            organization_of(input),
            info.context.signed_in().actor,
            name=input.name,
            code=input.code,
        )
        return CreateTeamPayload(team=Team.from_row(row))

    @mutation(
        Permission.COSTS_MANAGE,
        "Change a team. Tags name it by its new name and code only, also when months are allocated anew.",
    )
    async def update_team(self, info: Info, input: UpdateTeamInput) -> UpdateTeamResult:  # noqa: A002  (Relay's name)
        """See app.costs.allocation.teams.update_team."""
        row = await teams.update_team(
            info.context.database,
            organization_of(input),
            info.context.signed_in().actor,
            parse_id(input.id, "Team", path=("input", "id")).id,
            name=UNSET if input.name is None else input.name.value,
            code=UNSET if input.code is None else input.code.value,
        )
        return UpdateTeamPayload(team=Team.from_row(row))

    @mutation(
        Permission.COSTS_MANAGE,
        "Archive a team, or bring it back. An archived team bears no costs of later months; what it bore stays.",
    )
    async def archive_team(self, info: Info, input: ArchiveTeamInput) -> ArchiveTeamResult:  # noqa: A002  (Relay's name)
        """See app.costs.allocation.teams.archive_team."""
        row = await teams.archive_team(
            info.context.database,
            organization_of(input),
            info.context.signed_in().actor,
            parse_id(input.id, "Team", path=("input", "id")).id,
            archived=input.archived,
        )
        return ArchiveTeamPayload(team=Team.from_row(row))

    @mutation(
        Permission.COSTS_MANAGE,
        "Choose the tag keys that costs are grouped and allocated by. Past months follow by a run, the newest first.",
    )
    async def set_promoted_tag_keys(self, info: Info, input: SetPromotedTagKeysInput) -> SetPromotedTagKeysResult:  # noqa: A002  (Relay's name)
        """See app.costs.allocation.promote.set_promoted_tag_keys."""
        keys, run = await promote.set_promoted_tag_keys(
            info.context.database, organization_of(input), info.context.signed_in().actor, input.keys
        )
        return SetPromotedTagKeysPayload(keys=list(keys), run=None if run is None else AllocationRun.from_row(run))

    @mutation(
        Permission.COSTS_MANAGE,
        "Make an allocation rule. The first rule that matches a charge decides on it, or it is unallocated.",
    )
    async def create_allocation_rule(self, info: Info, input: CreateAllocationRuleInput) -> CreateAllocationRuleResult:  # noqa: A002  (Relay's name)
        """See app.costs.allocation.change_rules.create_rule."""
        organization_id = organization_of(input)
        row = await change_rules.create_rule(
            info.context.database,
            organization_id,
            info.context.signed_in().actor,
            input.rule.wanted(organization_id),
            input.position,
        )
        return CreateAllocationRulePayload(rule=AllocationRule.from_row(row))

    @mutation(Permission.COSTS_MANAGE, "Change an allocation rule; the activity keeps every version.")
    async def update_allocation_rule(self, info: Info, input: UpdateAllocationRuleInput) -> UpdateAllocationRuleResult:  # noqa: A002  (Relay's name)
        """See app.costs.allocation.change_rules.update_rule."""
        organization_id = organization_of(input)
        changes = input.changes(organization_id)
        row = await change_rules.update_rule(
            info.context.database,
            organization_id,
            info.context.signed_in().actor,
            parse_id(input.id, "AllocationRule", path=("input", "id")).id,
            lambda rule: replace(rule, **changes),
        )
        return UpdateAllocationRulePayload(rule=AllocationRule.from_row(row))

    @mutation(Permission.COSTS_MANAGE, "Have an allocation rule tried earlier or later.")
    async def move_allocation_rule(self, info: Info, input: MoveAllocationRuleInput) -> MoveAllocationRuleResult:  # noqa: A002  (Relay's name)
        """See app.costs.allocation.change_rules.move_rule."""
        rows = await change_rules.move_rule(
            info.context.database,
            organization_of(input),
            info.context.signed_in().actor,
            parse_id(input.id, "AllocationRule", path=("input", "id")).id,
            input.position,
        )
        return MoveAllocationRulePayload(rules=[AllocationRule.from_row(row) for row in rows])

    @mutation(Permission.COSTS_MANAGE, "Delete an allocation rule; the activity keeps all of it.")
    async def delete_allocation_rule(self, info: Info, input: DeleteAllocationRuleInput) -> DeleteAllocationRuleResult:  # noqa: A002  (Relay's name)
        """See app.costs.allocation.change_rules.delete_rule."""
        row = await change_rules.delete_rule(
            info.context.database,
            organization_of(input),
            info.context.signed_in().actor,
            parse_id(input.id, "AllocationRule", path=("input", "id")).id,
        )
        return DeleteAllocationRulePayload(rule=AllocationRule.from_row(row))

    @mutation(
        Permission.COSTS_MANAGE,
        "Have the charges of months shared out by the rules, teams and tag keys as they are now. Readers see each "
        "month as it was or as it will be.",
        limit=Limit(10, per=60),
    )
    async def rerun_allocation(self, info: Info, input: RerunAllocationInput) -> RerunAllocationResult:  # noqa: A002  (Relay's name)
        """See app.costs.allocation.runs.rerun_allocation."""
        row = await runs.rerun_allocation(
            info.context.database,
            organization_of(input),
            info.context.signed_in().actor,
            input.from_month,
            input.to_month,
        )
        return RerunAllocationPayload(run=AllocationRun.from_row(row))
