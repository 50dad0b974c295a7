"""Passkeys of a person: adding, naming and removing them. With one, every log-in asks for a second factor."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping

from app.auth.authenticator import Authenticator
from app.auth.identity_mails import MailKind, tell_user
from app.auth.names import checked_name
from app.auth.noted_acts import note_act
from app.auth.one_time_codes import new_recovery_codes, recovery_code_hash
from app.auth.passkey_ceremonies import PasskeyRefusedError, registered, registration_options, rp_id_of
from app.auth.proof import hold_proof, prove_password
from app.auth.sessions import Origin, person
from app.errors import BadUserInputError, ConflictError, NotFoundError, UnavailableError
from app.models import now
from app.records import Principal
from app.repositories import passkeys, second_factors, users

MOST_PASSKEYS: Final = 10
CHALLENGE_LIFE: Final = timedelta(minutes=5)
LONGEST_CREDENTIAL_ID: Final = 1_023  # WebAuthn, section 5.8.3
_CHALLENGE_BYTES: Final = 32
_PASSWORD: Final = ("input", "password")
_CREDENTIAL: Final = ("input", "credential")


async def begin_registration(
    authenticator: Authenticator, origin: Origin, principal: Principal, *, password: str
) -> dict[str, Any]:
    """What the browser is asked for a new passkey; the answer is good for `add_passkey` once within five minutes.

    Raises as `prove_password` does, ConflictError for one passkey too many, UnavailableError where none can be used.
    """
    if not rp_id_of(authenticator.settings):
        message = "Passkeys are off here: the operator has set neither SKYLEDGER_PASSKEY_ORIGINS nor _PUBLIC_URL."
        raise UnavailableError(message)
    proven = await prove_password(authenticator, origin, principal, password, _PASSWORD)
    challenge = secrets.token_bytes(_CHALLENGE_BYTES)
    async with authenticator.database.system() as session:
        await hold_proof(session, proven)
        known = await passkeys.passkeys_of(session, proven["id"])
        if len(known) >= MOST_PASSKEYS:
            raise _too_many()
        await passkeys.put_registration(session, proven["id"], challenge, now() + CHALLENGE_LIFE)
    return registration_options(authenticator.settings, proven["id"], proven["email"], proven["name"], challenge, known)


async def add_passkey(
    authenticator: Authenticator, principal: Principal, *, name: str, credential: Mapping[str, Any]
) -> tuple[RowMapping, list[str] | None]:
    """Add the passkey that the browser has made.

    Returns its row, and recovery codes where it is the first second factor; they are shown this once. Raises
    BadUserInputError for an answer that is not right, late or used, ConflictError.
    """
    user_id, name = person(principal), checked_name(name, ("input", "name"))
    async with authenticator.database.system() as session:
        challenge = await passkeys.take_registration(session, user_id)
    if challenge is None:
        message = "No passkey is being added, or it took too long: begin again with beginPasskeyRegistration."
        raise BadUserInputError(message, path=_CREDENTIAL)
    try:
        made = registered(authenticator.settings, credential, challenge)
    except PasskeyRefusedError as error:
        message = f"The passkey is refused: {error}. Begin again with beginPasskeyRegistration."
        raise BadUserInputError(message, path=_CREDENTIAL) from None
    values = {
        "credential_id": made.credential_id,
        "public_key": made.credential_public_key,
        "sign_count": made.sign_count,
        "name": name,
        "backed_up": made.credential_backed_up,
    }
    async with authenticator.database.system() as session:
        user = await users.lock_user(session, user_id)
        had_factor = await second_factors.has_factor(session, user_id)
        if len(await passkeys.passkeys_of(session, user_id)) >= MOST_PASSKEYS:
            raise _too_many()
        fits = len(made.credential_id) <= LONGEST_CREDENTIAL_ID
        row = await passkeys.add_passkey(session, user_id, values) if fits else None
        if row is None or user is None:
            message = "This passkey is in use already; make another one."
            raise ConflictError(message)
        codes = None
        if not had_factor:
            codes = new_recovery_codes()
            hashes = [recovery_code_hash(user_id, each) for each in codes]
            await second_factors.replace_recovery_codes(session, user_id, hashes)
        note_act(session, user_id)
        await tell_user(session, user, MailKind.PASSKEY_ADDED)
    return row, codes


async def rename_passkey(
    authenticator: Authenticator, principal: Principal, passkey_id: UUID, *, name: str
) -> RowMapping:
    """Give one of the caller's passkeys another name. Raises NotFoundError alike for an absent and a foreign one."""
    user_id, name = person(principal), checked_name(name, ("input", "name"))
    async with authenticator.database.system() as session:
        row = await passkeys.rename_passkey(session, user_id, passkey_id, name)
    if row is None:
        raise _no_passkey()
    return row


async def remove_passkey(
    authenticator: Authenticator, origin: Origin, principal: Principal, passkey_id: UUID, *, password: str
) -> None:
    """Forget one of the caller's passkeys; with the last second factor the recovery codes go too.

    Raises as `prove_password` does, and NotFoundError.
    """
    proven = await prove_password(authenticator, origin, principal, password, _PASSWORD)
    async with authenticator.database.system() as session:
        await hold_proof(session, proven)
        if not await passkeys.delete_passkey(session, proven["id"], passkey_id):
            raise _no_passkey()
        if not await second_factors.has_factor(session, proven["id"]):
            await second_factors.delete_recovery_codes(session, proven["id"])
        note_act(session, proven["id"])
        await tell_user(session, proven, MailKind.PASSKEY_REMOVED)


def _too_many() -> ConflictError:
    return ConflictError(f"You have {MOST_PASSKEYS} passkeys; remove one with removePasskey first.")


def _no_passkey() -> NotFoundError:
    return NotFoundError("There is no such passkey of yours.")
