"""The sessions of the person who asks, and ending them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.schema.errors import InvalidInput, NotFound
from app.schema.node import global_id


@strawberry.type(description="One sign-in of yours on one device.")
class Session:
    """A row of `sessions`."""

    id: strawberry.ID = strawberry.field(description="Opaque id, for `revokeSession`.")
    created_at: datetime = strawberry.field(description="When it began.")
    last_used_at: datetime = strawberry.field(
        description="When it was last begun or renewed; its access tokens live 15 minutes at most."
    )
    expires_at: datetime = strawberry.field(description="When it ends unless it is renewed.")
    user_agent: str | None = strawberry.field(description="What the client called itself when it was last renewed.")
    client_address: str | None = strawberry.field(description="Network address from which it was last renewed.")
    is_current: bool = strawberry.field(description="Whether it is the session of this request.")

    @classmethod
    def from_row(cls, row: Mapping[Any, Any], current: UUID | None) -> Session:
        """Make it of a row."""
        return cls(
            id=global_id("Session", row["id"]),
            created_at=row["created_at"],
            last_used_at=row["last_used_at"],
            expires_at=row["expires_at"],
            user_agent=row["user_agent"],
            client_address=row["client_address"],
            is_current=row["id"] == current,
        )


@strawberry.input(description="A session to end.")
class RevokeSessionInput:
    """See `revokeSession`."""

    id: strawberry.ID = strawberry.field(description="Id of one of your sessions; this one too.")


@strawberry.type(description="The session has ended; its access tokens stop within 5 s everywhere.")
class RevokeSessionPayload:
    """See `revokeSession`."""

    revoked_session_id: strawberry.ID = strawberry.field(description="Id of the session that has ended.")


RevokeSessionResult = Annotated[
    RevokeSessionPayload | InvalidInput | NotFound,
    strawberry.union("RevokeSessionResult", description="What `revokeSession` answers."),
]


@strawberry.input(description="Which of your other sessions to end.")
class RevokeOtherSessionsInput:
    """See `revokeOtherSessions`."""

    last_used_before: datetime | None = strawberry.field(
        default=None, description="Only those last used before this moment; all others when left out."
    )


@strawberry.type(description="The sessions have ended; their access tokens stop within 5 s everywhere.")
class RevokeOtherSessionsPayload:
    """See `revokeOtherSessions`."""

    ended_sessions: int = strawberry.field(description="How many sessions ended.")


RevokeOtherSessionsResult = Annotated[
    RevokeOtherSessionsPayload | InvalidInput,
    strawberry.union("RevokeOtherSessionsResult", description="What `revokeOtherSessions` answers."),
]
