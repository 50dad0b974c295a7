"""Verifying and changing an e-mail address."""

from __future__ import annotations

from typing import Annotated

import strawberry

from app.schema.errors import Conflict, InvalidInput

SAME_ANSWER = "The answer is the same, and comes as soon, whether or not it has an account."


@strawberry.input(description="The token of a mail.")
class VerifyEmailInput:
    """See `verifyEmail`."""

    token: str = strawberry.field(description="Token of the mail, good for 24 hours and once.")


@strawberry.type(description="The address is verified.")
class VerifyEmailPayload:
    """See `verifyEmail`."""

    email: str = strawberry.field(description="The address that is now known to be that of the account.")


VerifyEmailResult = Annotated[
    VerifyEmailPayload | InvalidInput | Conflict,
    strawberry.union("VerifyEmailResult", description="What `verifyEmail` answers."),
]


@strawberry.input(description="The address to verify.")
class ResendVerificationInput:
    """See `resendVerification`."""

    email: str = strawberry.field(description="E-mail address of the account.")


@strawberry.type(description=f"If an account has this address, unverified, a mail is on its way. {SAME_ANSWER}")
class ResendVerificationPayload:
    """See `resendVerification`."""

    email: str = strawberry.field(description="The address that was asked about, in lower case.")


ResendVerificationResult = Annotated[
    ResendVerificationPayload | InvalidInput | Conflict,
    strawberry.union("ResendVerificationResult", description="What `resendVerification` answers."),
]


@strawberry.input(description="Another e-mail address for your account.")
class ChangeEmailInput:
    """See `changeEmail`."""

    new_email: str = strawberry.field(description="The address that is to become yours.")
    password: str = strawberry.field(description="Your password.")


@strawberry.type(description="A mail is on its way to the new address; the old one stays until its token is used.")
class ChangeEmailPayload:
    """See `changeEmail`."""

    email: str = strawberry.field(description="The new address, in lower case.")


ChangeEmailResult = Annotated[
    ChangeEmailPayload | InvalidInput | Conflict,
    strawberry.union("ChangeEmailResult", description="What `changeEmail` answers."),
]
