"""Getting another password."""

from __future__ import annotations

from typing import Annotated

import strawberry

from app.schema.email_addresses import SAME_ANSWER
from app.schema.errors import Conflict, InvalidInput

POLICY = "10 to 256 characters, and not the e-mail address."


@strawberry.input(description="Whose password was forgotten.")
class RequestPasswordResetInput:
    """See `requestPasswordReset`."""

    email: str = strawberry.field(description="E-mail address of the account.")


@strawberry.type(description=f"If the address is that of an account, a mail is on its way. {SAME_ANSWER}")
class RequestPasswordResetPayload:
    """See `requestPasswordReset`."""

    email: str = strawberry.field(description="The address that was asked about, in lower case.")


RequestPasswordResetResult = Annotated[
    RequestPasswordResetPayload | InvalidInput | Conflict,
    strawberry.union("RequestPasswordResetResult", description="What `requestPasswordReset` answers."),
]


@strawberry.input(description="The token of a mail, and another password.")
class ResetPasswordInput:
    """See `resetPassword`."""

    token: str = strawberry.field(description="Token of the mail, good for an hour and once.")
    new_password: str = strawberry.field(description=POLICY)


@strawberry.type(description="The password is set and the address verified; all sessions end within 5 s. Log in.")
class ResetPasswordPayload:
    """See `resetPassword`."""

    ended_sessions: int = strawberry.field(description="How many sessions ended.")


ResetPasswordResult = Annotated[
    ResetPasswordPayload | InvalidInput,
    strawberry.union("ResetPasswordResult", description="What `resetPassword` answers."),
]


@strawberry.input(description="The password that you have, and another.")
class ChangePasswordInput:
    """See `changePassword`."""

    current_password: str = strawberry.field(description="Your password until now.")
    new_password: str = strawberry.field(description=POLICY)


@strawberry.type(description="The password is set; your other sessions end within 5 s.")
class ChangePasswordPayload:
    """See `changePassword`."""

    ended_sessions: int = strawberry.field(description="How many other sessions ended.")


ChangePasswordResult = Annotated[
    ChangePasswordPayload | InvalidInput | Conflict,
    strawberry.union("ChangePasswordResult", description="What `changePassword` answers."),
]
