"""The vault: seals secrets with AES-256-GCM, each under a data key of its own that a rotated key wraps."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.config import Settings
from app.sealing.credential_keys import KeyFile, KeyRing, SetKeys

_VERSION = b"\x01"
_NONCE_BYTES = 12  # NIST SP 800-38D; a data key is used once, a wrapping key may be used 2^32 times with random ones
_DATA_KEY_BYTES = 32


class VaultError(Exception):
    """A sealed secret cannot be opened. The message says why, without a secret or a key in it."""


@dataclass(frozen=True)
class Place:
    """Where a sealed secret is stored. It is bound to its place: copied to another row it cannot be opened.

    What belongs to a person rather than an organization has none.
    """

    organization_id: UUID | None
    table: str
    column: str
    row_id: UUID

    def associated_data(self, purpose: str, key_id: str = "") -> bytes:
        """What is authenticated beside the secret; the parts cannot run into each other."""
        parts = ["skyledger", purpose, str(self.organization_id), self.table, self.column, str(self.row_id), key_id]
        return orjson.dumps(parts)


@dataclass(frozen=True)
class Sealed:
    """A sealed secret: `key_id` names the key that wraps the data key, which encrypts the secret."""

    key_id: str
    wrapped_key: bytes
    sealed: bytes


class Keys(Protocol):
    """Where the wrapping keys come from; `made_here` tells whether Skyledger makes them, or the operator."""

    made_here: bool

    def ring(self, needed: str | None = None) -> KeyRing:
        """The keys as of now; read again where the `needed` id is not among those known."""

    def add(self) -> None:
        """Make a new active key, where keys are made here."""


class Vault:
    """Seals and opens secrets. Nothing is read before the first of them."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    @classmethod
    def from_settings(cls, settings: Settings) -> Vault:
        """With the keys of the setting, or those of the data folder where there is none."""
        return cls(SetKeys(settings) if settings.credential_keys is not None else KeyFile(settings.data_dir))

    @property
    def active_key_id(self) -> str:
        """The id of the key that seals now."""
        return self._keys.ring().active_id

    @property
    def makes_keys(self) -> bool:
        """Whether new keys are made here; otherwise the operator sets them."""
        return self._keys.made_here

    def renew_key(self) -> None:
        """Seal with a new key from now on, where keys are made here."""
        self._keys.add()

    def seal(self, place: Place, secret: Mapping[str, str]) -> Sealed:
        """Seal a secret for its place, under the active key."""
        data_key = secrets.token_bytes(_DATA_KEY_BYTES)
        sealed = _VERSION + _encrypt(data_key, orjson.dumps(dict(secret)), place.associated_data("secret"))
        return self._wrap(place, data_key, sealed)

    def unseal(self, place: Place, stored: Sealed) -> dict[str, str]:
        """The secret. Raises VaultError where its key is not known, or anything of it or its place was changed."""
        data_key = self._data_key(place, stored)
        if stored.sealed[:1] != _VERSION:
            message = "The stored credentials were sealed by a newer version of Skyledger. Update this one."
            raise VaultError(message)
        opened: dict[str, str] = orjson.loads(
            _decrypt(data_key, stored.sealed[1:], place.associated_data("secret"), stored.key_id)
        )
        return opened

    def rewrap(self, place: Place, stored: Sealed) -> Sealed:
        """The same under the active key: only the data key is encrypted anew. Raises VaultError as `unseal` does."""
        return self._wrap(place, self._data_key(place, stored), stored.sealed)

    def _wrap(self, place: Place, data_key: bytes, sealed: bytes) -> Sealed:
        ring = self._keys.ring()
        associated_data = place.associated_data("key", ring.active_id)
        return Sealed(ring.active_id, _encrypt(ring.active_key, data_key, associated_data), sealed)

    def _data_key(self, place: Place, stored: Sealed) -> bytes:
        ring = self._keys.ring(stored.key_id)
        key = ring.keys.get(stored.key_id)
        if key is None:
            message = (
                f"The stored credentials were sealed under the key {stored.key_id!r}, which is not in {ring.source}. "
                "Put that key back: a new key is added behind the others everywhere first, and made the first one then."
            )
            raise VaultError(message)
        return _decrypt(key, stored.wrapped_key, place.associated_data("key", stored.key_id), stored.key_id)


def _encrypt(key: bytes, text: bytes, associated_data: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, text, associated_data)


def _decrypt(key: bytes, text: bytes, associated_data: bytes, key_id: str) -> bytes:
    try:
        return AESGCM(key).decrypt(text[:_NONCE_BYTES], text[_NONCE_BYTES:], associated_data)
    except (InvalidTag, ValueError):  # ValueError: too short to be one
        message = (
            f"The stored credentials cannot be opened with the key {key_id!r}: either the key is another one of the "
            "same id, or the row was changed. Put the right key back; for a changed row send the credentials again."
        )
        raise VaultError(message) from None
