"""Signing up, in and out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from app.schema.errors import Conflict, InvalidInput
from app.schema.organizations import Organization
from app.schema.viewer import Viewer


@strawberry.interface(description="What a started or renewed session gives. The tokens are secrets, shown this once.")
class SessionTokens:
    """An access token and a refresh token."""

    access_token: str = strawberry.field(description="Signs requests: `Authorization: Bearer <access token>`.")
    expires_at: datetime = strawberry.field(description="When the access token ends.")
    refresh_token: str = strawberry.field(
        description="Gives new tokens by `refreshSession`, once: to use it twice ends the session."
    )
    refresh_expires_at: datetime = strawberry.field(description="When the session ends unless it is renewed.")


@strawberry.input(description="Who registers.")
class RegisterInput:
    """See `register`."""

    email: str = strawberry.field(description="E-mail address, the name to log in with.")
    name: str = strawberry.field(description="Name for people; 1 to 100 characters.")
    password: str = strawberry.field(description="10 to 256 characters, and not the e-mail address.")
    organization_name: str | None = strawberry.field(
        default=None, description="Also make an organization of this name, and its registrant the owner."
    )


@strawberry.type(description="The account was made, and its person is signed in.")
class RegisterPayload(SessionTokens):
    """See `register`."""

    viewer: Viewer = strawberry.field(description="Who has registered.")
    organization: Organization | None = strawberry.field(description="The new organization; null when none was asked.")


RegisterResult = Annotated[
    RegisterPayload | InvalidInput | Conflict,
    strawberry.union("RegisterResult", description="What `register` answers."),
]


@strawberry.input(description="Who logs in.")
class LogInInput:
    """See `logIn`."""

    email: str = strawberry.field(description="E-mail address.")
    password: str = strawberry.field(description="Password.")


@strawberry.type(description="The person is signed in.")
class LogInPayload(SessionTokens):
    """See `logIn`."""

    viewer: Viewer = strawberry.field(description="Who has signed in.")


@strawberry.input(description="A session to renew.")
class RefreshSessionInput:
    """See `refreshSession`."""

    refresh_token: str = strawberry.field(description="The latest refresh token of the session.")


@strawberry.type(description="The session goes on with new tokens; the old refresh token is used up.")
class RefreshSessionPayload(SessionTokens):
    """See `refreshSession`."""


RefreshSessionResult = Annotated[
    RefreshSessionPayload | InvalidInput,
    strawberry.union("RefreshSessionResult", description="What `refreshSession` answers."),
]


@strawberry.input(description="What to end.")
class LogOutInput:
    """See `logOut`."""

    everywhere: bool = strawberry.field(default=False, description="End all your sessions, not only this one.")


@strawberry.type(description="The sessions have ended; their access tokens stop within 5 s everywhere.")
class LogOutPayload:
    """See `logOut`."""

    ended_sessions: int = strawberry.field(description="How many sessions ended.")


LogOutResult = Annotated[LogOutPayload, strawberry.union("LogOutResult", description="What `logOut` answers.")]
