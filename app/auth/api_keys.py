"""The form of API keys: `sky_<id>_<secret><checksum>`, all in base 62."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field
from uuid import UUID

from app.errors import AuthenticationError

PREFIX = "sky_"
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID_DIGITS = 22  # 62^22 > 2^128
_SECRET_DIGITS = 27  # 62^27 > 2^160
_CHECKSUM_DIGITS = 6  # 62^6 > 2^32
_FORM = re.compile(
    rf"{PREFIX}([0-9A-Za-z]{{{_ID_DIGITS}}})_([0-9A-Za-z]{{{_SECRET_DIGITS}}})([0-9A-Za-z]{{{_CHECKSUM_DIGITS}}})"
)


@dataclass(frozen=True)
class PresentedKey:
    """A key as a caller shows it: whose row it is, and the SHA-256 of its secret."""

    id: UUID
    secret_hash: bytes = field(repr=False)

    def matches(self, stored_hash: bytes) -> bool:
        """Whether this is the key of a stored hash; takes the same time whether or not it is."""
        return hmac.compare_digest(self.secret_hash, stored_hash)


def new_api_key(key_id: UUID) -> str:
    """The text of a new key: 160 random bits of secret, and a checksum of everything before it."""
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_DIGITS))
    return _with_checksum(f"{PREFIX}{_digits(key_id.int, _ID_DIGITS)}_{secret}")


def read_api_key(text: str) -> PresentedKey:
    """The id and secret in a key's text. Raises AuthenticationError for a typo, before any store is asked."""
    form = _FORM.fullmatch(text)
    number = _number(form[1]) if form else 0
    if form is None or number >= 2**128 or _with_checksum(text[:-_CHECKSUM_DIGITS]) != text:
        message = "The API key is not complete or has a typing error; copy it again, or create another."
        raise AuthenticationError(message)
    # The secret has 160 random bits, so its hash needs neither salt nor slowness.
    return PresentedKey(UUID(int=number), hashlib.sha256(form[2].encode()).digest())


def looks_like_api_key(text: str) -> bool:
    """Whether a bearer token is meant as an API key: access tokens never begin so."""
    return text.startswith(PREFIX)


def _with_checksum(text: str) -> str:
    return text + _digits(zlib.crc32(text.encode()), _CHECKSUM_DIGITS)


def _digits(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def _number(digits: str) -> int:
    number = 0
    for digit in digits:
        number = number * len(_ALPHABET) + _ALPHABET.index(digit)
    return number
