"""Root fields of signing up, in and out."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

import strawberry

from app.auth import sessions
from app.auth.permissions import grant_of
from app.auth.sessions import Challenge, ElsewhereOnly, Origin, SignIn
from app.context import Info
from app.errors import ErrorCode
from app.organizations.create import register_with_organization
from app.records import Role
from app.resolvers.access import Access, Limit, mutation
from app.schema.node import parse_id
from app.schema.organizations import Organization
from app.schema.own_sessions import (
    RevokeOtherSessionsInput,
    RevokeOtherSessionsPayload,
    RevokeOtherSessionsResult,
    RevokeSessionInput,
    RevokeSessionPayload,
    RevokeSessionResult,
)
from app.schema.provider_sign_in import LogInResult, SingleSignOnRequired
from app.schema.scalars import JSONObject
from app.schema.second_factors import SecondFactorRequired
from app.schema.sessions import (
    LogInInput,
    LogInPayload,
    LogOutInput,
    LogOutPayload,
    LogOutResult,
    RefreshSessionInput,
    RefreshSessionPayload,
    RefreshSessionResult,
    RegisterInput,
    RegisterPayload,
    RegisterResult,
)
from app.schema.viewer import Viewer
from app.server.provider_sign_in import START_PATH

WhichToEnd = Annotated[
    RevokeOtherSessionsInput | None, strawberry.argument(description="Which to end; all others when left out.")
]
WhatToEnd = Annotated[LogOutInput | None, strawberry.argument(description="What to end; this session when left out.")]


@strawberry.type
class SessionMutations:
    """Starting, renewing and ending sessions."""

    @mutation(
        Access.ANYONE,
        "Make an account and sign in, with a first organization if you name one.",
        limit=Limit(10, per=60),
    )
    async def register(self, info: Info, input: RegisterInput) -> RegisterResult:  # noqa: A002  (Relay's name)
        """See app.auth.sessions.register and app.organizations.create.register_with_organization."""
        authenticator, origin = info.context.runtime.authenticator, origin_of(info)
        organization = None
        if input.organization_name is None:
            sign_in = await sessions.register(
                authenticator, origin, email=input.email, name=input.name, password=input.password
            )
        else:
            sign_in, row = await register_with_organization(
                authenticator,
                origin,
                email=input.email,
                name=input.name,
                password=input.password,
                organization_name=input.organization_name,
            )
            organization = Organization.from_row(row, grant_of(row["id"], Role.OWNER, row["slug"]))
        return RegisterPayload(**tokens_of(sign_in), viewer=await viewer_of(info, sign_in), organization=organization)

    @mutation(
        Access.ANYONE,
        "Sign in. Failures are counted for the account and for your network address.",
        limit=Limit(20, per=60),
    )
    async def log_in(self, info: Info, input: LogInInput) -> LogInResult:  # noqa: A002  (Relay's name)
        """See app.auth.sessions.log_in."""
        outcome = await sessions.log_in(
            info.context.runtime.authenticator, origin_of(info), email=input.email, password=input.password
        )
        if isinstance(outcome, Challenge):
            return challenged(outcome)
        if isinstance(outcome, ElsewhereOnly):
            return SingleSignOnRequired(
                code=ErrorCode.UNAUTHENTICATED,
                message="Your organization asks for single sign-on: open `startPath` of this API in your browser.",
                start_path=f"{START_PATH}?{urlencode({'email': input.email})}",
            )
        return LogInPayload(**tokens_of(outcome), viewer=await viewer_of(info, outcome))

    @mutation(
        Access.ANYONE,
        "Trade a refresh token for new tokens. Each works once; a second use ends the session.",
        limit=Limit(30, per=60),
    )
    async def refresh_session(
        self,
        info: Info,
        input: RefreshSessionInput,  # noqa: A002  (Relay's name)
    ) -> RefreshSessionResult:
        """See app.auth.sessions.refresh_session."""
        sign_in = await sessions.refresh_session(
            info.context.runtime.authenticator, origin_of(info), refresh_token=input.refresh_token
        )
        return RefreshSessionPayload(**tokens_of(sign_in))

    @mutation(Access.SIGNED_IN, "Sign out: end this session, or all of yours.")
    async def log_out(self, info: Info, input: WhatToEnd = None) -> LogOutResult:  # noqa: A002  (Relay's name)
        """See app.auth.sessions.log_out."""
        ended = await sessions.log_out(
            info.context.runtime.authenticator,
            info.context.signed_in(),
            everywhere=input is not None and input.everywhere,
        )
        return LogOutPayload(ended_sessions=ended)

    @mutation(Access.SIGNED_IN, "End one of your sessions, such as that of a device that was lost.")
    async def revoke_session(
        self,
        info: Info,
        input: RevokeSessionInput,  # noqa: A002  (Relay's name)
    ) -> RevokeSessionResult:
        """See app.auth.sessions.revoke_session."""
        key = parse_id(input.id, "Session", path=("input", "id"))
        await sessions.revoke_session(info.context.runtime.authenticator, info.context.signed_in(), key.id)
        return RevokeSessionPayload(revoked_session_id=input.id)

    @mutation(Access.SIGNED_IN, "End all of your sessions but this one.")
    async def revoke_other_sessions(
        self,
        info: Info,
        input: WhichToEnd = None,  # noqa: A002  (Relay's name)
    ) -> RevokeOtherSessionsResult:
        """See app.auth.sessions.revoke_other_sessions."""
        ended = await sessions.revoke_other_sessions(
            info.context.runtime.authenticator,
            info.context.signed_in(),
            input.last_used_before if input is not None else None,
        )
        return RevokeOtherSessionsPayload(ended_sessions=ended)


def origin_of(info: Info) -> Origin:
    """Where the request comes from."""
    return Origin(client_address=info.context.client_address, user_agent=info.context.user_agent)


def challenged(challenge: Challenge) -> SecondFactorRequired:
    """What is answered to the first half of a log-in."""
    return SecondFactorRequired(
        code=ErrorCode.UNAUTHENTICATED,
        message="Call completeLogIn with this challenge and a code of your authenticator, a passkey or recovery code.",
        challenge=challenge.token,
        expires_at=challenge.expires_at,
        methods=list(challenge.methods),
        passkey_options=None if challenge.passkey_options is None else JSONObject(dict(challenge.passkey_options)),
    )


def tokens_of(sign_in: SignIn) -> dict[str, Any]:
    """The fields of SessionTokens."""
    return {
        "access_token": sign_in.access_token,
        "expires_at": sign_in.expires_at,
        "refresh_token": sign_in.refresh_token,
        "refresh_expires_at": sign_in.refresh_expires_at,
    }


async def viewer_of(info: Info, sign_in: SignIn) -> Viewer:
    """The person who has signed in."""
    # The caller of this operation stays who they were; only the payload speaks for the person who has signed in.
    return Viewer.of(info, await info.context.runtime.authenticator.identify_access_token(sign_in.access_token))
