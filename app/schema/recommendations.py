"""Recommendations: what checks found, with its money explained, its state and its history."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import orjson
import strawberry

from app.context import Info
from app.detection.catalogue import CHECKS
from app.execution import Made, Part, batch, from_rows, gives_rows
from app.loaders.scans import Asked
from app.recommendations.opinions import second_opinions
from app.records import ActorKind, Permission
from app.records.criteria import Direction, RecommendationOrderField
from app.records.detection import Confidence, PriceBasis, Remedy, Severity
from app.records.recommendations import HistoryKind, IgnoreReason, IgnoreScope, RecommendationState, Resolution
from app.schema.accounts import Account, accounts_of
from app.schema.activity import ActivityActor, actor_of
from app.schema.checks import Check
from app.schema.deletion_tags import DeletionTag
from app.schema.enums import graph_enum
from app.schema.filters import (
    BooleanFilter,
    DateFilter,
    DateTimeFilter,
    DecimalFilter,
    EnumFilter,
    IDFilter,
    StringFilter,
)
from app.schema.node import Node, global_id, node_id
from app.schema.opinions import SecondOpinion
from app.schema.organization_part import OrganizationPart
from app.schema.pages import rows_page
from app.schema.paging import After, Before, Connection, First, Last, PageArguments, within
from app.schema.realised import RealisedSaving
from app.schema.resources import Resource, resources_of
from app.schema.saving import SAVING_COLUMNS, SAVING_KEY, Saving, saving_of_row, savings_of
from app.schema.savings import SavingsSummary
from app.schema.scalars import JSONObject

graph_enum(
    RecommendationState,
    "Where a recommendation stands.",
    OPEN="It is to be decided.",
    IGNORED="Somebody leaves it as it is, until a day or for ever.",
    MARKED_FOR_DELETION="Its resource is to be deleted by a day. Nothing is deleted by this.",
    RESOLVED="It is no longer found, or somebody said that it is done.",
)
graph_enum(
    Resolution,
    "Why a recommendation is resolved.",
    DELETED="The resource is gone.",
    CHANGED="The resource is no longer as it was.",
    LEFT_OUT="The rule leaves it out now, or its saving has become too small.",
    MERGED="Another recommendation tells of the same now.",
    SAID_DONE="Somebody said so; the next scan proves it or opens it again.",
    ACCOUNT_GONE="Its account was disconnected; a scan opens it again when it is connected again.",
)
graph_enum(
    IgnoreScope,
    "What somebody ignores.",
    FINDING="What one check has found on a resource.",
    RESOURCE="All that is found on a resource, now and later.",
)
graph_enum(
    IgnoreReason,
    "Why somebody ignores a recommendation.",
    NEEDED="It is needed as it is.",
    TOO_RISKY="Changing it is too risky.",
    TOO_LITTLE="It is not worth the work.",
    LATER="It is to be looked at again later.",
    WRONG="The finding is wrong.",
    OTHER="Another reason, as the note says.",
)
graph_enum(
    HistoryKind,
    "What happened to a recommendation.",
    FOUND="It was found for the first time.",
    AMOUNT_CHANGED="Its saving changed by more than a tenth.",
    IGNORED="Somebody ignored it.",
    IGNORE_ENDED="The day has come until which it was ignored.",
    MARKED_FOR_DELETION="Somebody marked its resource for deletion.",
    REOPENED="Somebody opened it again.",
    RESOLVED="It was resolved.",
    PROVED="A look has proved that it is done.",
    CAME_BACK="It was found again after it had been resolved.",
    TAGGED="Its resource was tagged in the cloud.",
    TAG_REMOVED="The tag was removed from its resource.",
    TAG_FAILED="The tag could not be written or removed; `data` says why.",
)
graph_enum(
    RecommendationOrderField,
    "What recommendations can be ordered by.",
    SAVING="What can be saved a month, in the organization's currency; unknown is least.",
    FOUND_AT="Since when it has been found.",
)
MOST_TOLD = 1_000
MostTold = Annotated[int, strawberry.argument(description="How many at most, 1 to 1,000.")]


@strawberry.type(description="A fact that a finding rests on.")
class Evidence:
    """An entry of the column `evidence`."""

    label: str = strawberry.field(description="What it is, such as `stopped since`.")
    value: str = strawberry.field(description="What was found.")
    unit: str | None = strawberry.field(description="What it is counted in, where it is a figure.")


@strawberry.type(description="Something that happened to a recommendation.")
class RecommendationEvent:
    """A row of `recommendation_history`."""

    kind: HistoryKind = strawberry.field(description="What happened.")
    actor_kind: ActorKind = strawberry.field(description="What kind of caller did it.")
    actor: ActivityActor = strawberry.field(
        description="Who did it: who ignored it, marked it or said that it is done."
    )
    data: JSONObject = strawberry.field(description="What is to be said of it.")
    happened_at: datetime = strawberry.field(description="When.")


def _saving_key(recommendation: Recommendation) -> tuple[Any, ...]:
    return tuple(recommendation.row[column] for column in SAVING_KEY)


def _account_key(recommendation: Recommendation) -> tuple[UUID, UUID]:
    return (recommendation.row["organization_id"], recommendation.row["account_id"])


def _resource_key(recommendation: Recommendation) -> tuple[UUID, UUID | None]:
    return (recommendation.row["organization_id"], recommendation.row["resource_id"])


def _check(check_id: str) -> Check | None:
    found = CHECKS.get(check_id)
    return None if found is None else Check.of(found)


def _evidence(written: str) -> list[Evidence]:
    return [Evidence(**each) for each in orjson.loads(written)]


@from_rows(
    *("severity", "confidence", "remedy", "state", "state_changed_at", "found_at", "last_found_at", "target"),
    *("is_counted", "ignored_until", "ignored_scope", "reason", "note", "due_on", "resolution", "resolved_at"),
    *("proved_at", "check_id"),
    id=node_id("Recommendation"),
    subject=Made(("node",), str),
    check=Made(("check_id",), _check),
    evidence=Made(("evidence",), _evidence),
    saving=Part({column: column for column in SAVING_COLUMNS}, saving_of_row),
)
@strawberry.type(description="Waste that a check found on a resource or in charges, followed until it is gone.")
class Recommendation(Node):
    """A row of `recommendations`."""

    severity: Severity = strawberry.field(description="How much it should worry.")
    confidence: Confidence = strawberry.field(description="How sure it is.")
    remedy: Remedy = strawberry.field(description="What is to be done.")
    state: RecommendationState = strawberry.field(description="Where it stands.")
    state_changed_at: datetime = strawberry.field(description="Since when it stands there.")
    found_at: datetime = strawberry.field(description="Since when it has been found without a break.")
    last_found_at: datetime = strawberry.field(description="When it was last found.")
    evidence: list[Evidence] = strawberry.field(description="What it rests on.")
    target: str | None = strawberry.field(description="What to change to, such as `gp3`.")
    is_counted: bool = strawberry.field(
        description="Whether its saving counts in totals; not where another finding would save the same money."
    )
    ignored_until: date | None = strawberry.field(description="The day on which it opens again.")
    ignored_scope: IgnoreScope | None = strawberry.field(description="What is ignored, where it is.")
    reason: IgnoreReason | None = strawberry.field(description="Why it is ignored.")
    note: str | None = strawberry.field(description="What was said of it last.")
    due_on: date | None = strawberry.field(description="The day by which its resource is to be deleted.")
    resolution: Resolution | None = strawberry.field(description="Why it is resolved.")
    resolved_at: datetime | None = strawberry.field(description="When it was resolved.")
    proved_at: datetime | None = strawberry.field(description="When a look proved that it is.")
    row: strawberry.Private[Mapping[Any, Any]]

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> Recommendation:
        """Make it of a row."""
        plain = (
            "state_changed_at found_at last_found_at target is_counted ignored_until note due_on resolved_at proved_at"
        )
        return cls(
            id=global_id("Recommendation", row["id"], row["organization_id"]),
            severity=Severity(row["severity"]),
            confidence=Confidence(row["confidence"]),
            remedy=Remedy(row["remedy"]),
            state=RecommendationState(row["state"]),
            evidence=[Evidence(**each) for each in row["evidence"]],
            ignored_scope=IgnoreScope(row["ignored_scope"]) if row["ignored_scope"] else None,
            reason=IgnoreReason(row["reason"]) if row["reason"] else None,
            resolution=Resolution(row["resolution"]) if row["resolution"] else None,
            row=row,
            **{name: row[name] for name in plain.split()},
        )

    @strawberry.field(description="The check that found it; null where this release does not know it any more.")
    def check(self) -> Check | None:
        """Of the catalogue."""
        return _check(self.row["check_id"])

    @strawberry.field(description="Name of the check that found it, such as `aws.ebs.unattached`.")
    def check_id(self) -> str:
        """As stored."""
        check_id: str = self.row["check_id"]
        return check_id

    @strawberry.field(
        description="What it is about, as the provider names it: the resource's own id, or what charges name where it "
        "is about no resource, such as a commitment, a service or an account."
    )
    def subject(self) -> str:
        """As stored."""
        node: str = self.row["node"]
        return node

    @strawberry.field(description="What can be saved.", metadata=batch(savings_of, columns=SAVING_KEY, key=_saving_key))
    async def saving(self, info: Info) -> Saving:
        """The organization's currency is one statement for all recommendations of a page."""
        return (await savings_of(info, [_saving_key(self)]))[0]

    @strawberry.field(
        description="What charges say was saved; null where it is not resolved, nothing has proved that it is, or it "
        "was not measured yet."
    )
    async def realised_saving(self, info: Info) -> RealisedSaving | None:
        """One statement for all recommendations of a page."""
        if self.row["state"] != RecommendationState.RESOLVED:
            return None
        key = (self.row["organization_id"], self.row["id"])
        found = await info.context.loaders.realised_by_recommendation.load(key)
        return None if found is None else RealisedSaving.from_row(found)

    @strawberry.field(description="The tag on its resource in the cloud; null where none was ever asked for.")
    async def deletion_tag(self, info: Info) -> DeletionTag | None:
        """One statement for all recommendations of a page."""
        key = (self.row["organization_id"], self.row["id"])
        found = await info.context.loaders.deletion_tag_by_recommendation.load(key)
        return None if found is None else DeletionTag.from_row(found)

    @strawberry.field(
        description="What the provider itself recommends of the resource, the dearest first: of the same matter, with "
        "the same remedy or another. Empty where it says nothing, or the recommendation is resolved."
    )
    async def second_opinions(self, info: Info) -> list[SecondOpinion]:
        """One statement for all recommendations of a page."""
        if self.row["state"] == RecommendationState.RESOLVED:
            return []
        key = (self.row["organization_id"], self.row["account_id"], self.row["node"])
        told = second_opinions(self.row, await info.context.loaders.opinions_of_node.load(key))
        return [SecondOpinion.of(row, self.remedy) for row in told]

    @strawberry.field(
        description="The resource; null where the finding is about none.",
        metadata=batch(resources_of, columns=("organization_id", "resource_id"), key=_resource_key, rows=True),
    )
    async def resource(self, info: Info) -> Resource | None:
        """One statement for all recommendations of a page."""
        found: Resource | None = (await resources_of(info, [_resource_key(self)]))[0]
        return found

    @strawberry.field(
        description="The account.",
        metadata=batch(accounts_of, columns=("organization_id", "account_id"), key=_account_key),
    )
    async def account(self, info: Info) -> Account:
        """One statement for all recommendations of a page."""
        return (await accounts_of(info, [_account_key(self)]))[0]

    @strawberry.field(description="What happened to it, the newest first.")
    async def history(self, info: Info, first: MostTold = 25) -> list[RecommendationEvent] | None:
        """One statement for all recommendations of a page."""
        asked = Asked(self.row["organization_id"], self.row["id"], (within(first, MOST_TOLD),))
        return [
            RecommendationEvent(
                kind=HistoryKind(row["kind"]),
                actor_kind=ActorKind(row["actor_kind"]),
                actor=actor_of(row),
                data=row["data"],
                happened_at=row["happened_at"],
            )
            for row in await info.context.loaders.recommendation_history.load(asked)
        ]


@strawberry.input(description="Which recommendations; all conditions must hold.")
class RecommendationFilter:
    """Fields are named like columns of `recommendations`."""

    state: EnumFilter[RecommendationState] | None = strawberry.field(default=None, description="Where it stands.")
    check_id: StringFilter | None = strawberry.field(default=None, description="The check, by its name.")
    account_id: IDFilter | None = strawberry.field(default=None, description="The account.")
    resource_id: IDFilter | None = strawberry.field(default=None, description="The resource.")
    severity: EnumFilter[Severity] | None = strawberry.field(default=None, description="How much it should worry.")
    confidence: EnumFilter[Confidence] | None = strawberry.field(default=None, description="How sure it is.")
    remedy: EnumFilter[Remedy] | None = strawberry.field(default=None, description="What is to be done.")
    price_basis: EnumFilter[PriceBasis] | None = strawberry.field(default=None, description="What its money rests on.")
    converted_saving: DecimalFilter | None = strawberry.field(
        default=None, description="What can be saved a month, in the organization's currency."
    )
    found_at: DateTimeFilter | None = strawberry.field(default=None, description="Since when it has been found.")
    due_on: DateFilter | None = strawberry.field(
        default=None, description="By when its resource is to be deleted: before today is overdue."
    )
    is_counted: BooleanFilter | None = strawberry.field(
        default=None, description="Whether its saving counts in totals."
    )


@strawberry.input(description="Order of recommendations; equal ones are ordered by id.")
class RecommendationOrder:
    """Field and direction."""

    field: RecommendationOrderField = strawberry.field(description="What to order by.")
    direction: Direction = strawberry.field(default=Direction.DESC, description="Which end first.")


@strawberry.type
class OrganizationRecommendations(OrganizationPart):
    """The part of `Organization` that this room adds; `Organization` inherits it."""

    @strawberry.field(
        description="What checks found, the dearest first. Ask for `state` to leave out what is resolved.",
        metadata=gives_rows(),
    )
    async def recommendations(
        self,
        info: Info,
        where: Annotated[RecommendationFilter | None, strawberry.argument(description="Which of them.")] = None,
        order_by: Annotated[
            RecommendationOrder | None, strawberry.argument(description="The dearest first when left out.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Recommendation] | None:
        """One statement a page, one more for the count when it is asked."""
        key = self.require(Permission.ORGANIZATION_READ)
        dearest = (RecommendationOrderField.SAVING, Direction.DESC)
        order = (order_by.field, order_by.direction) if order_by else dearest
        page = PageArguments(first, after, last, before)
        return await rows_page(
            info, info.context.loaders.recommendations, Recommendation.from_row, key, where, order, page
        )

    @strawberry.field(description="What could be saved, by check, account, team and age.")
    async def savings_summary(self, info: Info) -> SavingsSummary | None:
        """One statement."""
        key = self.require(Permission.ORGANIZATION_READ)
        organization = await info.context.loaders.organizations.by_id(key)
        if organization is None:
            return None
        rows = await info.context.loaders.savings.of(key)
        return SavingsSummary.of(rows, key, organization["currency"])
