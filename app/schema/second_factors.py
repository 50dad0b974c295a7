"""The second factor of the person who asks, and logging in with it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from app.auth.sessions import SecondFactorMethod
from app.schema.enums import graph_enum
from app.schema.errors import Conflict, InvalidInput, UserError
from app.schema.scalars import JSONObject
from app.schema.sessions import SessionTokens
from app.schema.viewer import Viewer

graph_enum(
    SecondFactorMethod,
    "By what a log-in can be completed.",
    PASSKEY="One of the passkeys of the account.",
    TOTP="A code of the authenticator.",
    RECOVERY_CODE="A recovery code.",
)


@strawberry.type(
    description="You have proved the first half, and this account asks for a second factor: call `completeLogIn`."
)
class SecondFactorRequired(UserError):  # noqa: N818  (a member of a result, not an exception)
    """See `logIn`."""

    challenge: str = strawberry.field(description="For `completeLogIn`, once. A secret, shown this once.")
    expires_at: datetime = strawberry.field(description="When the challenge ends.")
    methods: list[SecondFactorMethod] = strawberry.field(description="By what the log-in can be completed.")
    passkey_options: JSONObject | None = strawberry.field(
        description="For `PublicKeyCredential.parseRequestOptionsFromJSON()` and `navigator.credentials.get()`; null "
        "without passkeys."
    )


@strawberry.input(description="The second half of a log-in: a code, a recovery code or a passkey.")
class CompleteLogInInput:
    """See `completeLogIn`."""

    challenge: str = strawberry.field(
        description="Challenge of `logIn` or `completeSingleSignOn`, good for 5 minutes and 5 tries."
    )
    code: str | None = strawberry.field(default=None, description="Six digits of the authenticator, each good once.")
    recovery_code: str | None = strawberry.field(
        default=None, description="A recovery code, when the authenticator is lost; each is good once."
    )
    passkey: JSONObject | None = strawberry.field(
        default=None, description="What `navigator.credentials.get()` gave for the challenge's options, by `toJSON()`."
    )


@strawberry.type(description="The person is signed in.")
class CompleteLogInPayload(SessionTokens):
    """See `completeLogIn`."""

    viewer: Viewer = strawberry.field(description="Who has signed in.")


CompleteLogInResult = Annotated[
    CompleteLogInPayload | InvalidInput,
    strawberry.union("CompleteLogInResult", description="What `completeLogIn` answers."),
]


@strawberry.input(description="Who sets up a second factor.")
class EnrollTotpInput:
    """See `enrollTotp`."""

    password: str = strawberry.field(description="Your password.")


@strawberry.type(description="The secret of your authenticator, shown this once. It counts after `confirmTotp`.")
class EnrollTotpPayload:
    """See `enrollTotp`."""

    secret: str = strawberry.field(description="In base 32, to type into an authenticator.")
    otpauth_uri: str = strawberry.field(description="The same as an `otpauth://` URI, to show as a QR code.")


EnrollTotpResult = Annotated[
    EnrollTotpPayload | InvalidInput | Conflict,
    strawberry.union("EnrollTotpResult", description="What `enrollTotp` answers."),
]


@strawberry.input(description="A first code of the authenticator.")
class ConfirmTotpInput:
    """See `confirmTotp`."""

    code: str = strawberry.field(description="Six digits of the authenticator.")


@strawberry.type(description="The second factor is on: every log-in asks for it from now on.")
class ConfirmTotpPayload:
    """See `confirmTotp`."""

    recovery_codes: list[str] = strawberry.field(
        description="Ten codes for when the authenticator is lost, each good once. Secrets, shown this once."
    )


ConfirmTotpResult = Annotated[
    ConfirmTotpPayload | InvalidInput | Conflict,
    strawberry.union("ConfirmTotpResult", description="What `confirmTotp` answers."),
]


@strawberry.input(description="Proof that it is you: either the password or a code.")
class DisableTotpInput:
    """See `disableTotp`."""

    password: str | None = strawberry.field(default=None, description="Your password.")
    code: str | None = strawberry.field(default=None, description="Six digits of the authenticator.")


@strawberry.type(description="The second factor is off, and its secret and recovery codes are forgotten.")
class DisableTotpPayload:
    """See `disableTotp`."""

    viewer: Viewer = strawberry.field(description="You, without a second factor.")


DisableTotpResult = Annotated[
    DisableTotpPayload | InvalidInput | Conflict,
    strawberry.union("DisableTotpResult", description="What `disableTotp` answers."),
]


@strawberry.input(description="Proof that it is you: either the password or a code.")
class RegenerateRecoveryCodesInput:
    """See `regenerateRecoveryCodes`."""

    password: str | None = strawberry.field(default=None, description="Your password.")
    code: str | None = strawberry.field(default=None, description="Six digits of the authenticator.")


@strawberry.type(description="New recovery codes; those before are worth nothing.")
class RegenerateRecoveryCodesPayload:
    """See `regenerateRecoveryCodes`."""

    recovery_codes: list[str] = strawberry.field(description="Ten codes, each good once. Secrets, shown this once.")


RegenerateRecoveryCodesResult = Annotated[
    RegenerateRecoveryCodesPayload | InvalidInput | Conflict,
    strawberry.union("RegenerateRecoveryCodesResult", description="What `regenerateRecoveryCodes` answers."),
]
