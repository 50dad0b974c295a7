"""One-time codes: those of an authenticator (TOTP, RFC 6238) and recovery codes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from uuid import UUID

import pyotp

STEP_SECONDS = 30
STEPS_AROUND = 1
"""A clock may be a step behind or before ours."""
RECOVERY_CODES = 10
_RECOVERY_BYTES = 10  # 80 random bits, so the hash needs neither salt nor slowness
_CODE = re.compile(r"[0-9]{6}")
_GROUP = 4


def new_totp_secret() -> str:
    """A secret of 160 random bits in base 32, as RFC 4226 recommends."""
    return pyotp.random_base32()


def otpauth_uri(secret: str, email: str) -> str:
    """What authenticators read, mostly from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Skyledger")


def matching_step(secret: str, code: str, last_step: int | None, moment: float | None = None) -> int | None:
    """The time step whose code this is, within one of now and after the last one that was used; None for no such.

    `moment` is in seconds since 1970, now when left out.
    """
    code = "".join(code.split())
    if not _CODE.fullmatch(code):
        return None
    current = int((time.time() if moment is None else moment) // STEP_SECONDS)
    totp = pyotp.TOTP(secret)
    found = None
    for step in range(current - STEPS_AROUND, current + STEPS_AROUND + 1):
        if hmac.compare_digest(totp.generate_otp(step), code) and (last_step is None or step > last_step):
            found = step
    return found


def new_recovery_codes() -> list[str]:
    """Ten codes such as `k3vq-7mzd-a2xw-6bnt`."""
    return [_in_groups(base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode()) for _ in range(RECOVERY_CODES)]


def recovery_code_hash(user_id: UUID, code: str) -> bytes:
    """What is stored of a recovery code, however its groups were typed."""
    normal = "".join(character for character in code if character.isalnum()).lower()
    return hashlib.sha256(user_id.bytes + normal.encode(errors="surrogatepass")).digest()


def _in_groups(code: str) -> str:
    return "-".join(code[at : at + _GROUP] for at in range(0, len(code), _GROUP)).lower()
