"""Signing in by the provider of one's organization, and what logging in may ask for instead."""

from __future__ import annotations

from typing import Annotated

import strawberry

from app.schema.errors import Conflict, InvalidInput, NotFound, QuotaExceeded, UserError
from app.schema.second_factors import SecondFactorRequired
from app.schema.sessions import LogInPayload, SessionTokens
from app.schema.viewer import Viewer


@strawberry.type(
    description="The password was right, and your organization asks for single sign-on: open `/sso/start?email=…`."
)
class SingleSignOnRequired(UserError):  # noqa: N818  (a member of a result, not an exception)
    """See `logIn`."""

    start_path: str = strawberry.field(description="Path of this API to open in the browser, with the address in it.")


LogInResult = Annotated[
    LogInPayload | SecondFactorRequired | SingleSignOnRequired | InvalidInput,
    strawberry.union("LogInResult", description="What `logIn` answers."),
]


@strawberry.input(description="What the browser brought back from the provider.")
class CompleteSingleSignOnInput:
    """See `completeSingleSignOn`."""

    code: str = strawberry.field(description="The code behind `#code=`, good once within a minute.")
    verifier: str | None = strawberry.field(
        default=None,
        description="The text whose SHA-256 your page gave `/sso/start` as `challenge`; needed if and only if it did. "
        "It keeps others from signing your page in as themselves.",
    )


@strawberry.type(description="The person is signed in.")
class CompleteSingleSignOnPayload(SessionTokens):
    """See `completeSingleSignOn`."""

    viewer: Viewer = strawberry.field(description="Who has signed in.")


CompleteSingleSignOnResult = Annotated[
    CompleteSingleSignOnPayload | SecondFactorRequired | InvalidInput | Conflict | QuotaExceeded | NotFound,
    strawberry.union("CompleteSingleSignOnResult", description="What `completeSingleSignOn` answers."),
]
