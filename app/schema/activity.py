"""The activity of an organization: events, the messages that stream them, notes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.activity.cursors import activity_order, encode_place, parse_sequence
from app.context import Info
from app.loaders.activity import ActivityPages
from app.records import ActorKind, EventKind, Permission
from app.schema.enums import graph_enum
from app.schema.errors import Conflict, InvalidInput, NotFound
from app.schema.node import Node, global_id
from app.schema.organization_part import OrganizationPart
from app.schema.paging import After, Before, Connection, First, Last, PageArguments, connection, page_request
from app.schema.people import User, fellow
from app.schema.repeatable import Repeatable
from app.schema.scalars import JSONObject

graph_enum(
    EventKind,
    "What happened.",
    ORGANIZATION_CREATED="The organization was made.",
    ORGANIZATION_UPDATED="Its name or currency was changed.",
    ORGANIZATION_DELETED="It was deleted; its data is removed soon after.",
    MEMBER_INVITED="Somebody was offered a place in it.",
    INVITATION_REVOKED="An open invitation was withdrawn.",
    MEMBER_JOINED="Somebody accepted an invitation, or signed in by single sign-on for the first time.",
    MEMBER_ROLE_CHANGED="A member got another role.",
    MEMBER_REMOVED="A member left or was removed.",
    API_KEY_CREATED="An API key was made.",
    API_KEY_REVOKED="An API key was revoked.",
    ACCOUNT_CREATED="An account at a provider was added.",
    ACCOUNT_UPDATED="An account at a provider was changed.",
    ACCOUNT_CONNECTED="An account was connected to its cloud.",
    ACCOUNT_DISCONNECTED="An account was disconnected; its inventory and history stay.",
    ACCOUNT_HEALTH_CHANGED="An account answers better or worse than before.",
    SCAN_STARTED="A scan of an account was asked for.",
    SCAN_FINISHED="A scan ended, well or not.",
    SCAN_SCHEDULE_CREATED="A schedule of scans was added.",
    SCAN_SCHEDULE_UPDATED="A schedule of scans was changed.",
    SCAN_SCHEDULE_DELETED="A schedule of scans was deleted.",
    SCAN_SCHEDULE_SKIPPED="A schedule could not start all or any of its scans; `data` has the reason.",
    RESOURCES_INGESTED="A batch of resources was stored; `data` has the counts.",
    COSTS_INGESTED="Charges were stored; `data` has the counts.",
    COST_IMPORT_STARTED="The import of an uploaded file was asked for.",
    COST_IMPORT_CANCELLED="An import of costs was cancelled; nothing of it landed.",
    COST_IMPORT_FAILED="A delivery of costs was not taken; `data` says why.",
    BILLING_PERIOD_DELETED="What counted of a billing account in a billing period was deleted; `data` tells how much.",
    EXPORT_STARTED="A file of a connection's rows was asked for.",
    EXPORT_FINISHED="A file of rows is ready, or could not be made, or was cancelled; `data` tells which.",
    COST_EXPORT_STARTED="A file of charges was asked for.",
    COST_EXPORT_FINISHED="A file of charges is ready, or could not be made; `data` tells which.",
    COST_SOURCE_CREATED="A source that costs are fetched from was added.",
    COST_SOURCE_UPDATED="A source of costs was changed.",
    COST_SOURCE_DELETED="A source of costs was deleted; what was imported stays.",
    COST_SOURCE_RUN_FINISHED="Costs were fetched from a source, well or not; `data` has the counts.",
    CURRENCY_RATES_SET="Currency rates were stored; `data` has the counts.",
    CURRENCY_RATES_DELETED="Currency rates were deleted; `data` has the pair and the count.",
    PRICE_OVERRIDES_SET="Own prices or discounts were stored; `data` has the counts.",
    PRICE_OVERRIDES_DELETED="Own prices or discounts were deleted; `data` has the count.",
    BUDGET_CREATED="A budget was made.",
    BUDGET_UPDATED="A budget was changed; `data` has the names of what was.",
    BUDGET_DELETED="A budget was deleted with its alerts.",
    BUDGET_THRESHOLD_CROSSED="A threshold of a budget was crossed; `data` has the period, the threshold and the cost.",
    BUDGET_RECOVERED="A threshold of a budget is no longer crossed, because charges were restated, the forecast fell "
    "or the budget was changed.",
    ANOMALY_FOUND="Days were found that cost far more or less than expected; `data` has the amounts.",
    ANOMALY_RESOLVED="An anomaly is no longer there, because its charges were restated.",
    ANOMALY_MERGED="An anomaly has the same cause as another one and is told as that from now on, which `data` names.",
    ANOMALY_ACKNOWLEDGED="Somebody has seen an anomaly.",
    ANOMALY_MARKED_EXPECTED="Somebody said that an anomaly was expected; `data` has the reason.",
    ANOMALY_REOPENED="Somebody opened an anomaly again.",
    RECOMMENDATIONS_CHANGED="Recommendations of an account were found, changed or resolved; `data` says which.",
    RECOMMENDATIONS_IGNORED="Somebody ignores recommendations; `data` has the reason and how many.",
    RECOMMENDATIONS_MARKED_FOR_DELETION="Somebody marked resources for deletion; `data` has the day and how many.",
    RECOMMENDATIONS_REOPENED="Somebody opened recommendations again; `data` says how many.",
    RECOMMENDATIONS_RESOLVED="Somebody said that recommendations are done; `data` says how many.",
    RECOMMENDATIONS_TAGGED="The tag on resources marked for deletion was written or removed, or could not be; `data` "
    "says how often.",
    DETECTION_RULE_CHANGED="A check was tuned in another way; `data` has its rule as it was and as it is.",
    COST_FORECAST_MADE="What the month under way will cost is forecast for the first time; `data` has the amounts.",
    COST_FORECAST_MOVED="The forecast of the month under way is 10 % or more above or below the one last told of; "
    "`data` has both.",
    COMMITMENT_UNDERUSED="Less than 90 % of a commitment was used in the last seven days whose charges have arrived.",
    COMMITMENT_RECOVERED="90 % or more of a commitment is used again.",
    COMMITMENT_COVERAGE_FELL="Commitments covered a part of the usage of a month that is 10 points or more below that "
    "of the month before; `data` has both.",
    UNIT_COST_MOVED="One unit of a business metric cost 20 % or more above or below the month before; `data` has both.",
    BUSINESS_METRICS_RECORDED="Values of a business metric were stored; `data` has the counts.",
    BUSINESS_METRIC_DELETED="A business metric was deleted with its values.",
    TEAM_CREATED="A team that bears costs was made.",
    TEAM_UPDATED="The name or code of a team was changed.",
    TEAM_ARCHIVED="A team was archived: it bears no costs of later months.",
    TEAM_RESTORED="An archived team bears costs again.",
    TAG_KEYS_PROMOTED="Other tag keys were promoted; past months follow.",
    ALLOCATION_RULE_CREATED="An allocation rule was made; `data` has all of it.",
    ALLOCATION_RULE_UPDATED="An allocation rule was changed; `data` has it as it was and as it is.",
    ALLOCATION_RULE_MOVED="An allocation rule is tried earlier or later than before.",
    ALLOCATION_RULE_DELETED="An allocation rule was deleted; `data` has all of it.",
    ALLOCATION_RERUN="Past months are to be allocated anew.",
    ALLOCATION_FINISHED="Past months have been allocated anew.",
    SUBSCRIPTION_CHANGED="The operator gave the organization another plan, or its subscription another status or end; "
    "`data` has what it was and is.",
    SINGLE_SIGN_ON_CONFIGURED="An owner set where its people sign in; `data` has the issuer and the domains.",
    SINGLE_SIGN_ON_REMOVED="Its people sign in here alone again.",
    EMAIL_DOMAIN_VERIFIED="An operator found that an e-mail domain is its own; `data` has the domain.",
    NOTE_ADDED="A person or a program wrote a note; `data` has its `text`.",
    WEBHOOK_CREATED="A webhook was made.",
    WEBHOOK_UPDATED="A webhook was changed, enabled or disabled.",
    WEBHOOK_DELETED="A webhook was deleted with its deliveries.",
    WEBHOOK_SECRET_ROTATED="A webhook got another secret.",  # noqa: S106  (a name)
    WEBHOOK_DISABLED="A webhook is sent nothing any more; `data` has the reason.",
)
graph_enum(
    ActorKind,
    "What kind of caller did it.",
    USER="A person who was signed in.",
    API_KEY="A program with an API key.",
    SYSTEM="Skyledger itself, or an operator with the root key.",
)
# Rows that no tenant owns: their global ids carry no organization.
_OWNED_BY_NOBODY = frozenset({"Organization", "User"})


@strawberry.type(description="Who did something.")
class ActivityActor:
    """The actor columns of `activity_events`."""

    kind: ActorKind = strawberry.field(description="What kind of caller it was.")
    id: strawberry.ID | None = strawberry.field(description="Global id of the person or API key; null for the system.")
    organization_id: strawberry.Private[UUID]
    actor_id: strawberry.Private[UUID | None]

    @strawberry.field(description="The person; null for keys and the system, and for somebody who has left.")
    async def user(self, info: Info) -> User | None:
        """Loaded for the whole page at once."""
        return await fellow(info, self.organization_id, self.actor_id) if self.kind is ActorKind.USER else None


def actor_of(row: Mapping[Any, Any]) -> ActivityActor:
    """Who a row says that did it."""
    organization_id = row["organization_id"]
    return ActivityActor(
        kind=ActorKind(row["actor_kind"]),
        id=_actor_id(row["actor_kind"], row["actor_id"], organization_id),
        organization_id=organization_id,
        actor_id=row["actor_id"],
    )


@strawberry.type(description="One thing that happened in an organization. Events never change.")
class ActivityEvent(Node):
    """A row of `activity_events`."""

    cursor: str = strawberry.field(
        description="Its place in the activity: pass it as `after` to the subscription, or to page on from here."
    )
    sequence: int = strawberry.field(
        description="Its number in the organization, counted from 1 without a gap in the order of the commits."
    )
    kind: EventKind = strawberry.field(description="What happened.")
    actor: ActivityActor = strawberry.field(description="Who did it.")
    subject_type: str | None = strawberry.field(description="Type of the object that it concerns, such as `Account`.")
    subject_id: strawberry.ID | None = strawberry.field(
        description="Global id of the object that it concerns, for `node(id)`; the object may be gone since."
    )
    data: JSONObject = strawberry.field(description="Details, depending on the kind.")
    occurred_at: datetime = strawberry.field(description="When it happened.")

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> ActivityEvent:
        """Make it of a row. Its global id holds the number, so that it is found by its primary key."""
        organization_id = row["organization_id"]
        return cls(
            id=global_id("ActivityEvent", UUID(int=row["sequence"]), organization_id),
            cursor=encode_place(organization_id, row["sequence"]),
            sequence=row["sequence"],
            kind=EventKind(row["kind"]),
            actor=actor_of(row),
            subject_type=row["subject_type"],
            subject_id=_global_id(row["subject_type"], row["subject_id"], organization_id),
            data=JSONObject(row["data"]),
            occurred_at=row["occurred_at"],
        )


@strawberry.type(description="One message of the subscription `activity`.")
class ActivityMessage:
    """The first message has no event."""

    cursor: str = strawberry.field(
        description="Where the stream stands after this message. Keep it when you have handled the message; after a "
        "lost connection pass it as `after`, and nothing is missed or sent twice."
    )
    event: ActivityEvent | None = strawberry.field(
        description="What happened; null in the first message, which tells that the stream is open and where it begins."
    )


@strawberry.type
class OrganizationActivity(OrganizationPart):
    """The part of `Organization` that this room adds; `Organization` inherits it."""

    @strawberry.field(description="What happened in it, the newest first.")
    async def activity(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[ActivityEvent]:
        """One statement a page; the count is a subtraction."""
        self.require(Permission.ORGANIZATION_READ)
        pages = ActivityPages(info.context.database)
        request = page_request(activity_order(self.key), (parse_sequence,), PageArguments(first, after, last, before))
        return connection(
            await pages.page(self.key, request),
            ActivityEvent.from_row,
            lambda row: encode_place(self.key, row["sequence"]),
            pages.counter(self.key),
        )


@strawberry.input(description="A note to write into the activity.")
class AddNoteInput(Repeatable):
    """See `addNote`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    text: str = strawberry.field(description="The note; 1 to 2,000 characters, white space around it is dropped.")


@strawberry.type(description="The note was written.")
class AddNotePayload:
    """See `addNote`."""

    event: ActivityEvent = strawberry.field(description="The event that it became.")


AddNoteResult = Annotated[
    AddNotePayload | InvalidInput | NotFound | Conflict,
    strawberry.union("AddNoteResult", description="What `addNote` answers."),
]


def _actor_id(kind: str, id_: UUID | None, organization_id: UUID) -> strawberry.ID | None:
    return _global_id("ApiKey" if kind == ActorKind.API_KEY else "User", id_, organization_id)


def _global_id(type_name: str | None, id_: UUID | None, organization_id: UUID) -> strawberry.ID | None:
    if type_name is None or id_ is None:
        return None
    return global_id(type_name, id_, None if type_name in _OWNED_BY_NOBODY else organization_id)
