"""Inputs and answers of the mutations on tag keys and allocation rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry.utils.str_converters import to_camel_case

from app.costs.allocation.tag_keys import normal_key
from app.costs.scopes import refusal
from app.errors import BadUserInputError, NotFoundError, argument
from app.records.allocation import NOBODY, AllocationMethod, Rule, Target
from app.records.cost_analysis import TextCondition
from app.schema.allocation import AllocationRule, AllocationRun
from app.schema.cost_filters import CostFilter, conditions_of
from app.schema.errors import Conflict, InvalidInput, NotFound
from app.schema.node import parse_id
from app.schema.repeatable import Repeatable
from app.server.costs.directives import at_most


def match_of(where: CostFilter | None, at: tuple[str, ...]) -> tuple[TextCondition, ...]:
    """The conditions of a rule. Raises BadUserInputError at that place for those on single charges."""
    conditions = conditions_of(where, at)
    for one in conditions:
        if not isinstance(one, TextCondition):
            problem = "rules know nothing of single charges. Leave it out"
            raise refusal((*at, to_camel_case(one.column)), problem)
    return tuple(one for one in conditions if isinstance(one, TextCondition))


@strawberry.input(description="A team that bears a part.")
class AllocationTargetInput:
    """See app.records.allocation.Target."""

    team_id: strawberry.ID = strawberry.field(description="The team.")
    percent: Decimal | None = strawberry.field(
        default=None, description="Its part in percent, for FIXED only; those of all targets sum to exactly 100."
    )


@strawberry.input(description="A value of a tag that means a team.")
class MappedTagValueInput:
    """An entry of `mapping`."""

    value: str = strawberry.field(description="The value; case and blanks around it do not matter.")
    team_id: strawberry.ID = strawberry.field(description="The team.")


@strawberry.input(description="What an allocation rule does.")
class AllocationRuleInput:
    """See app.records.allocation.Rule."""

    name: str = strawberry.field(description="Name for people, 1 to 256 characters.")
    method: AllocationMethod = strawberry.field(description="How it shares out what it matches.")
    where: CostFilter | None = strawberry.field(
        default=None,
        description="Which charges it is about, by at most 20 conditions on provider, accounts, service, charge "
        "category, billing currency and promoted tags; all when left out.",
    )
    tag_key: str | None = strawberry.field(
        default=None, description="For BY_TAG: the promoted key whose value is a team's code or name."
    )
    mapping: list[MappedTagValueInput] = strawberry.field(
        default_factory=list, description="For BY_TAG: other values that mean a team, at most 1,000."
    )
    targets: list[AllocationTargetInput] = strawberry.field(
        default_factory=list,
        description="The teams that bear the costs: one for DIRECT, none for BY_TAG, else 1 to 100.",
    )
    valid_from: date | None = strawberry.field(
        default=None, description="First day of the first month in which it holds; always when left out."
    )
    valid_to: date | None = strawberry.field(
        default=None, description="First day of the first month in which it no longer holds; for ever when left out."
    )
    enabled: bool = strawberry.field(default=True, description="Whether it is used.")

    def wanted(self, organization_id: UUID) -> Rule:
        """The rule for the room of costs, without an id. Raises BadUserInputError, NotFoundError."""
        with argument("input", "rule"):
            return Rule(
                id=NOBODY,
                position=1,
                name=self.name,
                match=match_of(self.where, ("where",)),
                method=self.method,
                tag_key=None if self.tag_key is None else normal_key(self.tag_key),
                mapping=mapping_of(self.mapping, organization_id),
                targets=targets_of(self.targets, organization_id),
                valid_from=self.valid_from,
                valid_to=self.valid_to,
                enabled=self.enabled,
            )


def targets_of(targets: Sequence[AllocationTargetInput], organization_id: UUID) -> tuple[Target, ...]:
    """The targets that were sent. Raises BadUserInputError, NotFoundError."""
    return tuple(Target(_team(each.team_id, organization_id, "targets"), each.percent) for each in targets)


def mapping_of(mapping: Sequence[MappedTagValueInput], organization_id: UUID) -> dict[str, UUID]:
    """The mapping that was sent. Raises BadUserInputError, NotFoundError."""
    found: dict[str, UUID] = {}
    for each in mapping:
        value = each.value.strip()
        if value.casefold() in {known.casefold() for known in found}:
            message = f"The value {value!r} stands in `mapping` twice: case and blanks around it do not matter."
            raise BadUserInputError(message, path=("input", "mapping"))
        found[value] = _team(each.team_id, organization_id, "mapping")
    return found


def _team(id_: str, organization_id: UUID, name: str) -> UUID:
    key = parse_id(id_, "Team", path=("input", name))
    if key.organization_id != organization_id:
        message = "There is no such team within your reach."
        raise NotFoundError(message)
    return key.id


@strawberry.input(description="The tag keys to promote, all of them.")
class SetPromotedTagKeysInput:
    """See `setPromotedTagKeys`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    keys: list[str] = strawberry.field(
        description="At most 20 keys, in the order in which they are shown; case and blanks around them do not matter."
    )


@strawberry.type(description="These keys are promoted, and no others. Charges that come in from now on follow at once.")
class SetPromotedTagKeysPayload:
    """See `setPromotedTagKeys`."""

    keys: list[str] = strawberry.field(
        description="The promoted keys in their normal form, in their order; at most 20."
    )
    run: AllocationRun | None = strawberry.field(
        description="The run by which past months follow, the newest first; null where only the order has changed."
    )


SetPromotedTagKeysResult = Annotated[
    SetPromotedTagKeysPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("SetPromotedTagKeysResult", description="What `setPromotedTagKeys` answers."),
]


@strawberry.input(description="An allocation rule to make.")
class CreateAllocationRuleInput(Repeatable):
    """See `createAllocationRule`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    rule: AllocationRuleInput = strawberry.field(description="What it does.")
    position: int | None = strawberry.field(
        default=None, description="When it is tried, 1 is first; after all others when left out."
    )


@strawberry.type(
    description="The rule was made. It is used on charges that come in from now on, see `rerunAllocation`."
)
class CreateAllocationRulePayload:
    """See `createAllocationRule`."""

    rule: AllocationRule = strawberry.field(description="The new rule.")


CreateAllocationRuleResult = Annotated[
    CreateAllocationRulePayload | InvalidInput | NotFound | Conflict,
    strawberry.union("CreateAllocationRuleResult", description="What `createAllocationRule` answers."),
]


@strawberry.input(description="What to change about an allocation rule; what is left out stays.")
class UpdateAllocationRuleInput:
    """See `updateAllocationRule`."""

    id: strawberry.ID = strawberry.field(description="The rule.")
    name: strawberry.Maybe[str] = strawberry.field(description="New name.")
    where: strawberry.Maybe[CostFilter | None] = strawberry.field(
        description="New filter in place of the old; null for all charges."
    )
    method: strawberry.Maybe[AllocationMethod] = strawberry.field(description="New method.")
    tag_key: strawberry.Maybe[str | None] = strawberry.field(description="New tag key; null for none.")
    mapping: strawberry.Maybe[list[MappedTagValueInput]] = strawberry.field(description="All of its new mapping.")
    targets: strawberry.Maybe[list[AllocationTargetInput]] = strawberry.field(description="All of its new targets.")
    valid_from: strawberry.Maybe[date | None] = strawberry.field(description="New first month; null for always.")
    valid_to: strawberry.Maybe[date | None] = strawberry.field(
        description="New first month in which it no longer holds; null for none."
    )
    enabled: strawberry.Maybe[bool] = strawberry.field(description="Whether it is used.")

    def changes(self, organization_id: UUID) -> dict[str, Any]:
        """The fields of a rule that are to be others. Raises BadUserInputError, NotFoundError."""
        sent = {name: value.value for name, value in vars(self).items() if name != "id" and value is not None}
        if "where" in sent:
            sent["match"] = match_of(sent.pop("where"), ("input", "where"))
        if sent.get("tag_key") is not None:
            sent["tag_key"] = normal_key(sent["tag_key"])
        if "mapping" in sent:
            sent["mapping"] = mapping_of(sent["mapping"], organization_id)
        if "targets" in sent:
            sent["targets"] = targets_of(sent["targets"], organization_id)
        return sent


@strawberry.type(description="The rule is as you want it. Months that it has allocated stay, see `rerunAllocation`.")
class UpdateAllocationRulePayload:
    """See `updateAllocationRule`."""

    rule: AllocationRule = strawberry.field(description="The rule as it is now.")


UpdateAllocationRuleResult = Annotated[
    UpdateAllocationRulePayload | InvalidInput | NotFound | Conflict,
    strawberry.union("UpdateAllocationRuleResult", description="What `updateAllocationRule` answers."),
]


@strawberry.input(description="An allocation rule to try earlier or later.")
class MoveAllocationRuleInput:
    """See `moveAllocationRule`."""

    id: strawberry.ID = strawberry.field(description="The rule.")
    position: int = strawberry.field(description="Its new position, 1 is first; the others make room.")


@strawberry.type(description="The rule is tried there. Months that were allocated stay, see `rerunAllocation`.")
class MoveAllocationRulePayload:
    """See `moveAllocationRule`."""

    rules: list[AllocationRule] = strawberry.field(
        description="All rules in their order, at most 200.", directives=[at_most(200)]
    )


MoveAllocationRuleResult = Annotated[
    MoveAllocationRulePayload | InvalidInput | NotFound,
    strawberry.union("MoveAllocationRuleResult", description="What `moveAllocationRule` answers."),
]


@strawberry.input(description="An allocation rule to delete.")
class DeleteAllocationRuleInput:
    """See `deleteAllocationRule`."""

    id: strawberry.ID = strawberry.field(description="The rule.")


@strawberry.type(description="The rule is gone. Months that it has allocated stay, see `rerunAllocation`.")
class DeleteAllocationRulePayload:
    """See `deleteAllocationRule`."""

    rule: AllocationRule = strawberry.field(description="The rule as it was.")


DeleteAllocationRuleResult = Annotated[
    DeleteAllocationRulePayload | InvalidInput | NotFound,
    strawberry.union("DeleteAllocationRuleResult", description="What `deleteAllocationRule` answers."),
]


@strawberry.input(description="Months to allocate anew.")
class RerunAllocationInput(Repeatable):
    """See `rerunAllocation`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    from_month: date = strawberry.field(description="First day of the first month.")
    to_month: date = strawberry.field(description="First day of the last month, which is allocated too.")


@strawberry.type(description="The months are allocated anew as soon as a worker is free.")
class RerunAllocationPayload:
    """See `rerunAllocation`."""

    run: AllocationRun = strawberry.field(
        description="The run. It takes the place of one that was under way, and does what that one has left."
    )


RerunAllocationResult = Annotated[
    RerunAllocationPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("RerunAllocationResult", description="What `rerunAllocation` answers."),
]
