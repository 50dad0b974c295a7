"""Anomalies: days on which costs were far from what their past lets expect, and what caused that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar
from uuid import UUID

import strawberry

import app.schema.cost_words  # noqa: F401  (makes CostMetric an enum of the graph)
from app.context import Info
from app.records.budgets import AnomalySeries, AnomalyState
from app.records.costs import CostMetric
from app.records.criteria import AnomalyOrderField, Direction
from app.schema.accounts import Account
from app.schema.enums import graph_enum
from app.schema.errors import Conflict, InvalidInput, NotFound
from app.schema.filters import DateTimeFilter, DecimalFilter, EnumFilter, StringFilter
from app.schema.node import Node, global_id
from app.schema.pages import rows_page
from app.schema.paging import Connection, PageArguments

graph_enum(
    AnomalySeries,
    "By what the charges of an anomaly are cut out of all charges.",
    TOTAL="Not at all.",
    SERVICE="By service.",
    ACCOUNT="By sub account.",
    SERVICE_ACCOUNT="By service and sub account.",
)
graph_enum(
    AnomalyState,
    "What has been said of an anomaly.",
    OPEN="Nobody has looked at it yet.",
    ACKNOWLEDGED="Somebody has seen it.",
    EXPECTED="Somebody said that it was expected, and why.",
    RESOLVED="It is no longer there, because its charges were restated.",
    MERGED="It has the same cause as another one, `mergedInto`, and is told as that. Its amounts are in that one's: "
    "sums of anomalies leave it out.",
)
graph_enum(
    AnomalyOrderField,
    "What anomalies can be ordered by.",
    FOUND_AT="When it was found.",
    STARTS_ON="Its first day.",
    EXCESS="How much more than expected was spent, whatever the currency.",
)


@strawberry.type(description="What one service, account, region or resource added to an anomaly.")
class AnomalyContribution:
    """See app.costs.outlook.explain.Contribution."""

    key: str = strawberry.field(description="ServiceName, SubAccountId, RegionId or ResourceId.")
    name: str | None = strawberry.field(description="Name of the resource.")
    actual: Decimal = strawberry.field(description="What it cost on the days of the anomaly.")
    expected: Decimal = strawberry.field(description="What its own past let expect.")
    excess: Decimal = strawberry.field(description="Actual less expected.")
    share: Decimal = strawberry.field(description="Part of the anomaly's excess; above 1 where others pulled back.")
    is_new: bool = strawberry.field(description="It had no cost before.")


@strawberry.type(description="Who caused an anomaly, by one way of telling charges apart; all parts add up to it.")
class AnomalyCauses:
    """An entry of the column `explanation`."""

    contributions: list[AnomalyContribution] = strawberry.field(description="The largest, at most 10.")
    others: Decimal = strawberry.field(description="What those add that are not listed.")
    other_count: int = strawberry.field(description="How many those are.")
    unexplained: Decimal = strawberry.field(
        description="What is in none of them, or only in their sum, such as charges without a resource."
    )


@strawberry.type(
    description="Another cut of charges in which an anomaly shows as well. It is counted once all the same."
)
class AnomalySighting:
    """An entry of the column `also_seen_in`."""

    series: AnomalySeries = strawberry.field(description="By what the charges are cut.")
    service_name: str | None = strawberry.field(description="The service; null where it is not cut by service.")
    sub_account_id: str | None = strawberry.field(description="The sub account; null where it is not cut by account.")
    starts_on: date = strawberry.field(description="The first day on which it shows there.")
    ends_on: date = strawberry.field(description="The day after the last one.")
    excess: Decimal = strawberry.field(description="How much more than expected was spent there, whatever the cause.")


@strawberry.type(
    description="Days on which costs were far from what their past lets expect. A charge for several days lies on all "
    "of them here; one for a month or longer says nothing of a day and is left out, and so is tax, which follows what "
    "it is charged on; a purchase is on its first day. "
    "One cause is one anomaly: of the narrowest charges that explain most of it, or of wider ones where no few of "
    "those do; a wider cut has an anomaly of its own only for what else is out of line in it."
)
class CostAnomaly(Node):
    """A row of `cost_anomalies`."""

    series: AnomalySeries = strawberry.field(description="By what its charges are cut out of all charges.")
    metric: CostMetric = strawberry.field(description="What is summed.")
    currency: str = strawberry.field(description="The billing currency of its charges and of all its amounts.")
    service_name: str | None = strawberry.field(description="The service; null where it is not cut by service.")
    sub_account_id: str | None = strawberry.field(description="The sub account; null where it is not cut by account.")
    starts_on: date = strawberry.field(description="Its first day.")
    ends_on: date = strawberry.field(description="The day after its last one.")
    expected: Decimal = strawberry.field(
        description="What those days were expected to cost, with what narrower anomalies of these days explain."
    )
    actual: Decimal = strawberry.field(description="What they cost, exact.")
    excess: Decimal = strawberry.field(description="Actual less expected: negative where too little was spent.")
    score: Decimal = strawberry.field(
        description="How far off the worst day is, in standard deviations of the noise; at most 100."
    )
    state: AnomalyState = strawberry.field(description="What has been said of it.")
    state_reason: str | None = strawberry.field(description="Why it was expected.")
    state_changed_at: datetime | None = strawberry.field(description="When the state last changed.")
    found_at: datetime = strawberry.field(description="When it was first found.")
    last_seen_at: datetime = strawberry.field(description="When its figures were last changed.")
    resolved_at: datetime | None = strawberry.field(description="When a restatement removed it.")
    first_import_id: strawberry.ID | None = strawberry.field(description="The newest delivery when it was found.")
    last_import_id: strawberry.ID | None = strawberry.field(
        description="The newest delivery when its figures were last changed."
    )
    organization_id: strawberry.Private[UUID]
    merged_into_id: strawberry.Private[UUID | None]
    seen: strawberry.Private[Sequence[Mapping[str, Any]]]
    explanation: strawberry.Private[Mapping[str, Any]]

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> CostAnomaly:
        """Make it of a row."""
        organization_id = row["organization_id"]

        def delivery(id_: UUID | None) -> strawberry.ID | None:
            return None if id_ is None else global_id("CostImport", id_, organization_id)

        plain = (
            "service_name sub_account_id starts_on ends_on expected actual excess score state_reason state_changed_at "
            "found_at last_seen_at resolved_at organization_id merged_into_id explanation"
        )
        return cls(
            id=global_id("CostAnomaly", row["id"], organization_id),
            series=AnomalySeries(row["series"]),
            metric=CostMetric(row["metric"]),
            currency=row["billing_currency"],
            state=AnomalyState(row["state"]),
            first_import_id=delivery(row["first_import_id"]),
            last_import_id=delivery(row["last_import_id"]),
            seen=row["also_seen_in"],
            **{name: row[name] for name in plain.split()},
        )

    @strawberry.field(description="The account in the inventory; null where it is none of ours, or of several.")
    async def account(self, info: Info) -> Account | None:
        """One statement for all anomalies of a page."""
        if self.sub_account_id is None:
            return None
        key = (self.organization_id, self.sub_account_id)
        found = await info.context.loaders.accounts_by_native_id.load(key)
        return Account.from_row(found[0]) if len(found) == 1 else None

    @strawberry.field(description="Where else the same shows, the largest first, at most 20: other and wider cuts.")
    def also_seen_in(self) -> list[AnomalySighting]:
        """As stored."""
        return [
            AnomalySighting(
                series=AnomalySeries(each["series"]),
                service_name=each["serviceName"],
                sub_account_id=each["subAccountId"],
                starts_on=date.fromisoformat(each["startsOn"]),
                ends_on=date.fromisoformat(each["endsOn"]),
                excess=Decimal(each["excess"]),
            )
            for each in self.seen
        ]

    @strawberry.field(description="The anomaly as which it is told; null unless it is merged.")
    async def merged_into(self, info: Info) -> CostAnomaly | None:
        """One statement for all anomalies of a page."""
        if self.merged_into_id is None:
            return None
        found = await info.context.loaders.cost_anomaly_by_id.load((self.organization_id, self.merged_into_id))
        return None if found is None else CostAnomaly.from_row(found)

    @strawberry.field(description="Which services caused it; null where it is cut by service, or was not looked into.")
    def services(self) -> AnomalyCauses | None:
        """As stored."""
        return self._causes("services")

    @strawberry.field(description="Which sub accounts caused it; null where it is cut by account, or not looked into.")
    def accounts(self) -> AnomalyCauses | None:
        """As stored."""
        return self._causes("accounts")

    @strawberry.field(description="Which regions caused it; null where its charges have none, or not looked into.")
    def regions(self) -> AnomalyCauses | None:
        """As stored."""
        return self._causes("regions")

    @strawberry.field(description="Which resources caused it; null where its charges have none, or not looked into.")
    def resources(self) -> AnomalyCauses | None:
        """As stored."""
        return self._causes("resources")

    def _causes(self, by: str) -> AnomalyCauses | None:
        stored = self.explanation.get(by)
        if stored is None:
            return None
        return AnomalyCauses(
            contributions=[
                AnomalyContribution(
                    key=each["key"],
                    name=each["name"],
                    is_new=each["isNew"],
                    **{name: Decimal(each[name]) for name in ("actual", "expected", "excess", "share")},
                )
                for each in stored["contributions"]
            ],
            others=Decimal(stored["others"]),
            other_count=stored["otherCount"],
            unexplained=Decimal(stored["unexplained"]),
        )


@strawberry.input(description="Which anomalies; all conditions must hold.")
class CostAnomalyFilter:
    """Fields are named like those of `CostAnomaly`."""

    COLUMNS: ClassVar[Mapping[str, str]] = {"currency": "billing_currency"}

    state: EnumFilter[AnomalyState] | None = strawberry.field(default=None, description="What was said of it.")
    series: EnumFilter[AnomalySeries] | None = strawberry.field(default=None, description="Its cut.")
    service_name: StringFilter | None = strawberry.field(default=None, description="The service.")
    sub_account_id: StringFilter | None = strawberry.field(default=None, description="The sub account.")
    currency: StringFilter | None = strawberry.field(default=None, description="Its billing currency.")
    excess: DecimalFilter | None = strawberry.field(default=None, description="How much more than expected.")
    found_at: DateTimeFilter | None = strawberry.field(default=None, description="When it was found.")


@strawberry.input(description="Order of anomalies; equal ones are ordered by id.")
class CostAnomalyOrder:
    """Field and direction."""

    field: AnomalyOrderField = strawberry.field(description="What to order by.")
    direction: Direction = strawberry.field(default=Direction.DESC, description="Which end first.")


async def anomaly_page(
    info: Info,
    organization_id: UUID,
    where: CostAnomalyFilter | None,
    order_by: CostAnomalyOrder | None,
    page: PageArguments,
) -> Connection[CostAnomaly]:
    """A page of an organization's anomalies, the latest found first when no order is given."""
    latest = (AnomalyOrderField.FOUND_AT, Direction.DESC)
    order = (order_by.field, order_by.direction) if order_by else latest
    return await rows_page(
        info, info.context.loaders.cost_anomalies, CostAnomaly.from_row, organization_id, where, order, page
    )


@strawberry.input(description="An anomaly that somebody has seen.")
class AcknowledgeAnomalyInput:
    """See `acknowledgeAnomaly`."""

    id: strawberry.ID = strawberry.field(description="The anomaly.")


@strawberry.type(description="The anomaly is acknowledged.")
class AcknowledgeAnomalyPayload:
    """See `acknowledgeAnomaly`."""

    anomaly: CostAnomaly = strawberry.field(description="The anomaly as it is now.")


AcknowledgeAnomalyResult = Annotated[
    AcknowledgeAnomalyPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("AcknowledgeAnomalyResult", description="What `acknowledgeAnomaly` answers."),
]


@strawberry.input(description="An anomaly that was expected.")
class MarkAnomalyExpectedInput:
    """See `markAnomalyExpected`."""

    id: strawberry.ID = strawberry.field(description="The anomaly.")
    reason: str = strawberry.field(description="Why it was expected, 1 to 2,000 characters.")


@strawberry.type(description="The anomaly is marked as expected.")
class MarkAnomalyExpectedPayload:
    """See `markAnomalyExpected`."""

    anomaly: CostAnomaly = strawberry.field(description="The anomaly as it is now.")


MarkAnomalyExpectedResult = Annotated[
    MarkAnomalyExpectedPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("MarkAnomalyExpectedResult", description="What `markAnomalyExpected` answers."),
]


@strawberry.input(description="An anomaly to open again.")
class ReopenAnomalyInput:
    """See `reopenAnomaly`."""

    id: strawberry.ID = strawberry.field(description="The anomaly.")


@strawberry.type(description="The anomaly is open again.")
class ReopenAnomalyPayload:
    """See `reopenAnomaly`."""

    anomaly: CostAnomaly = strawberry.field(description="The anomaly as it is now.")


ReopenAnomalyResult = Annotated[
    ReopenAnomalyPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("ReopenAnomalyResult", description="What `reopenAnomaly` answers."),
]
