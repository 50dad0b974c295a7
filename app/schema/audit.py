"""The audit log of an organization: who did what, in a chain that shows every change to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar
from uuid import UUID

import orjson
import strawberry

from app.context import Info
from app.loaders.audit import AuditPages
from app.records import ActorKind, Permission
from app.records.audit import AuditOutcome
from app.records.criteria import Direction, IdMatch
from app.schema.activity import ActivityActor, actor_of
from app.schema.enums import graph_enum
from app.schema.filters import DateTimeFilter, EnumFilter, IDFilter, StringFilter, to_criteria
from app.schema.node import global_id, parse_id
from app.schema.organization_part import OrganizationPart
from app.schema.paging import (
    After,
    Before,
    Connection,
    First,
    Last,
    PageArguments,
    connection,
    cursor_text,
    page_request,
)
from app.schema.scalars import JSONObject

# Rows that no tenant owns: their global ids carry no organization.
_OWNED_BY_NOBODY = frozenset({"Organization", "Passkey", "Session", "User"})


class AuditOrderField(StrEnum):
    """Columns that the audit is ordered by."""

    NUMBER = "number"


graph_enum(
    AuditOutcome,
    "How an act ended.",
    SUCCEEDED="It was done. An act that fails is undone together with its row.",
    FAILED="It was tried in vain: sign-ins of a member (`failedSignIns`), counted for a quarter of an hour.",
)
graph_enum(
    AuditOrderField,
    "What the audit log is ordered by.",
    NUMBER="The place in the chain, which is the order in which the acts were committed.",
)


@strawberry.type(description="One act in an organization, as the audit keeps it. It never changes.")
class AuditEvent:
    """A row of `audit_events` with its details."""

    number: int = strawberry.field(description="Its place in the chain, counted from 1 without a gap.")
    act: str = strawberry.field(
        description="What was done: the name of the mutation, of an act of the operator, or `failedSignIns`."
    )
    outcome: AuditOutcome = strawberry.field(description="How it ended.")
    actor: ActivityActor = strawberry.field(description="Who did it.")
    session_id: strawberry.ID | None = strawberry.field(
        description="The sign-in of the person; null for keys and the system."
    )
    subject_type: str | None = strawberry.field(description="Type of the object that it concerns, such as `Account`.")
    subject_id: strawberry.ID | None = strawberry.field(
        description="Global id of the object that it concerns; the object may be gone since."
    )
    request_id: str | None = strawberry.field(description="The request, as logs and answers name it.")
    client_address: str | None = strawberry.field(
        description="Network address of the caller; null for the system, and once details are erased."
    )
    summary: JSONObject | None = strawberry.field(
        description="What changed: `arguments` without secrets, and the `events` of the activity. Null once erased."
    )
    details_erased: bool = strawberry.field(
        description="Whether address and summary were erased on demand of the person. The chain has their digests."
    )
    occurred_at: datetime = strawberry.field(description="When it was done.")
    hash: str = strawberry.field(description="SHA-256 of the row and the hash before it, as hexadecimal digits.")

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> AuditEvent:
        """Make it of a row with its details."""
        organization_id, details = row["organization_id"], row["details"]
        session_id, subject_type, subject_id = row["session_id"], row["subject_type"], row["subject_id"]
        owner = None if subject_type in _OWNED_BY_NOBODY else organization_id
        return cls(
            number=row["number"],
            act=row["act"],
            outcome=AuditOutcome(row["outcome"]),
            actor=actor_of(row),
            session_id=None if session_id is None else global_id("Session", session_id),
            subject_type=subject_type,
            subject_id=None if subject_id is None else global_id(subject_type, subject_id, owner),
            request_id=row["request_id"],
            client_address=None if details is None else details["client_address"],
            summary=None if details is None else JSONObject(orjson.loads(details["summary"])),
            details_erased=details is None,
            occurred_at=row["occurred_at"],
            hash=row["hash"].hex(),
        )


@strawberry.input(description="An object that acts concern.")
class AuditSubjectFilter:
    """See IdMatch."""

    eq: strawberry.ID = strawberry.field(description="Is the object with this global id, of whatever type.")

    def match(self, name: str) -> IdMatch:
        """The condition for repositories."""
        return IdMatch((parse_id(self.eq, path=("where", name)).id,))


@strawberry.input(description="Which acts; all conditions must hold.")
class AuditLogFilter:
    """Fields are named like columns of `audit_events`."""

    COLUMNS: ClassVar[Mapping[str, str]] = {"user_id": "actor_id", "api_key_id": "actor_id"}

    actor_kind: EnumFilter[ActorKind] | None = strawberry.field(default=None, description="What kind of caller.")
    user_id: IDFilter | None = strawberry.field(default=None, description="The person who did it.")
    api_key_id: IDFilter | None = strawberry.field(default=None, description="The API key that did it.")
    act: StringFilter | None = strawberry.field(default=None, description="What was done, such as `createApiKey`.")
    subject_type: StringFilter | None = strawberry.field(default=None, description="Type of what it concerns.")
    subject_id: AuditSubjectFilter | None = strawberry.field(default=None, description="What it concerns.")
    outcome: EnumFilter[AuditOutcome] | None = strawberry.field(default=None, description="How it ended.")
    occurred_at: DateTimeFilter | None = strawberry.field(default=None, description="When it was done.")


@strawberry.input(description="Order of the audit log.")
class AuditLogOrder:
    """Field and direction."""

    field: AuditOrderField = strawberry.field(default=AuditOrderField.NUMBER, description="What to order by.")
    direction: Direction = strawberry.field(default=Direction.DESC, description="Which end first.")


@strawberry.type
class OrganizationAudit(OrganizationPart):
    """The part of `Organization` that this room adds; `Organization` inherits it."""

    @strawberry.field(
        description="Who did what in it, the newest first: each call that changed something, and what its members do "
        "with their own sign-ins, in a chain of hashes that nobody can change unseen. Needs the permission AUDIT_READ."
    )
    async def audit_log(
        self,
        info: Info,
        where: Annotated[AuditLogFilter | None, strawberry.argument(description="Which acts; all if left out.")] = None,
        order_by: Annotated[
            AuditLogOrder | None, strawberry.argument(description="Order; the newest first if left out.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[AuditEvent] | None:
        """Two statements a page, one more for the count when it is asked."""
        key: UUID = self.require(Permission.AUDIT_READ)
        direction = order_by.direction if order_by is not None else Direction.DESC
        name, criteria = f"audit:{direction.value}", to_criteria(where)
        pages = AuditPages(info.context.database)
        request = page_request(name, (_number,), PageArguments(first, after, last, before))
        return connection(
            await pages.page(key, criteria, direction, request),
            AuditEvent.from_row,
            lambda row: cursor_text(name, (row["number"],)),
            pages.counter(key, criteria),
        )


def _number(text: object) -> int:
    """A number of a cursor. Raises ValueError for what no row can have."""
    number = int(str(text))
    if not 0 < number < 2**63:
        raise ValueError(text)
    return number
