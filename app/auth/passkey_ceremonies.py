"""What a browser is asked of a passkey, and whether its answer is right (WebAuthn, level 3)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import RowMapping
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from app.config import Settings

CHALLENGE_MILLISECONDS: Final = 300_000
LONGEST_ANSWER: Final = 65_536
RP_NAME: Final = "Skyledger"


class PasskeyRefusedError(Exception):
    """What a browser sent of a passkey is not right. The message says why."""


def registration_options(
    settings: Settings, user_id: UUID, email: str, name: str, challenge: bytes, known: Sequence[RowMapping]
) -> dict[str, Any]:
    """What `navigator.credentials.create()` is to be given, as JSON; passkeys that are known are left out."""
    options = generate_registration_options(
        rp_id=rp_id_of(settings),
        rp_name=RP_NAME,
        user_id=user_id.bytes,
        user_name=email,
        user_display_name=name,
        challenge=challenge,
        timeout=CHALLENGE_MILLISECONDS,
        attestation=AttestationConveyancePreference.NONE,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=_descriptors(known),
    )
    found: dict[str, Any] = json.loads(options_to_json(options))
    return found


def authentication_options(settings: Settings, challenge: bytes, known: Sequence[RowMapping]) -> dict[str, Any]:
    """What `navigator.credentials.get()` is to be given, as JSON."""
    options = generate_authentication_options(
        rp_id=rp_id_of(settings),
        challenge=challenge,
        timeout=CHALLENGE_MILLISECONDS,
        allow_credentials=_descriptors(known),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    found: dict[str, Any] = json.loads(options_to_json(options))
    return found


def registered(settings: Settings, answer: Mapping[str, Any], challenge: bytes) -> VerifiedRegistration:
    """The passkey that a browser has made. Raises PasskeyRefusedError."""
    try:
        return verify_registration_response(
            credential=_short(answer),
            expected_challenge=challenge,
            expected_rp_id=rp_id_of(settings),
            expected_origin=list(origins_of(settings)),
            require_user_verification=True,
        )
    except Exception as error:  # noqa: BLE001  (a parser of what strangers send has many ways to fail)
        raise PasskeyRefusedError(_reason(error)) from None


def used(
    settings: Settings, answer: Mapping[str, Any], challenge: bytes, known: Sequence[RowMapping]
) -> tuple[RowMapping, int]:
    """The passkey by which a browser has answered, and how often it says that it was used.

    Raises PasskeyRefusedError, also for a count that is not above the last one: then there are two of it.
    """
    try:
        credential_id = base64url_to_bytes(str(_short(answer).get("id")))
        passkey = next((row for row in known if bytes(row["credential_id"]) == credential_id), None)
        if passkey is None:
            raise PasskeyRefusedError("it is none of yours")  # noqa: EM101, TRY003, TRY301
        verified = verify_authentication_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=rp_id_of(settings),
            expected_origin=list(origins_of(settings)),
            credential_public_key=passkey["public_key"],
            credential_current_sign_count=passkey["sign_count"],
            require_user_verification=True,
        )
    except Exception as error:  # noqa: BLE001  (the same)
        raise PasskeyRefusedError(_reason(error)) from None
    return passkey, verified.new_sign_count


def origins_of(settings: Settings) -> tuple[str, ...]:
    """Origins of the pages that may use passkeys; those of the setting, else that of the frontend."""
    if settings.passkey_origins:
        return settings.passkey_origins
    if settings.public_url is not None:
        parts = urlsplit(settings.public_url)
        return (f"{parts.scheme}://{parts.netloc}",)
    return (f"http://localhost:{settings.port}",) if settings.environment == "development" else ()


def rp_id_of(settings: Settings) -> str:
    """The domain that passkeys belong to: that of the setting, else the host of the first origin."""
    origins = origins_of(settings)
    return settings.passkey_domain or (urlsplit(origins[0]).hostname or "" if origins else "")


def _descriptors(known: Sequence[RowMapping]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=bytes(row["credential_id"])) for row in known]


def _short(answer: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(answer)
    if len(json.dumps(found)) > LONGEST_ANSWER:
        raise PasskeyRefusedError(f"it is longer than {LONGEST_ANSWER:,} characters")  # noqa: EM102, TRY003
    return found


def _reason(error: Exception) -> str:
    return str(error)[:200] or type(error).__name__
