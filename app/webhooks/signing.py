"""Secrets and signatures by the Standard Webhooks specification, version 1.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.sealing.vault import Place, Sealed, Vault

PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32  # the specification allows 24 to 64


def new_secret() -> str:
    """A secret as it is shown, once."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def seal(vault: Vault, organization_id: UUID, webhook_id: UUID, secret: str, previous: str | None) -> dict[str, Any]:
    """The columns that hold a webhook's secret, and the one before it."""
    values = {"secret": secret} | ({"previous": previous} if previous is not None else {})
    sealed = vault.seal(place_of(organization_id, webhook_id), values)
    return {"key_id": sealed.key_id, "wrapped_key": sealed.wrapped_key, "sealed": sealed.sealed}


def open_secrets(vault: Vault, webhook: Mapping[Any, Any], moment: datetime) -> list[str]:
    """The secrets to sign with, the newest first: the one before as well while it is good. Raises VaultError."""
    place = place_of(webhook["organization_id"], webhook["id"])
    found = vault.unseal(place, sealed_of(webhook))
    is_kept = webhook["previous_until"] is not None and webhook["previous_until"] > moment
    return [found["secret"], *([found["previous"]] if is_kept and "previous" in found else [])]


def place_of(organization_id: UUID, webhook_id: UUID) -> Place:
    """Where the secret of a webhook is stored."""
    return Place(organization_id, "webhooks", "sealed", webhook_id)


def sealed_of(webhook: Mapping[Any, Any]) -> Sealed:
    """What is sealed in a row."""
    return Sealed(webhook["key_id"], webhook["wrapped_key"], webhook["sealed"])


def message_id(delivery_id: UUID) -> str:
    """The `webhook-id` of a delivery: the same in every attempt."""
    return f"msg_{delivery_id.hex}"


def headers(keys: Iterable[str], id_: str, moment: datetime, body: bytes) -> dict[str, str]:
    """The three headers of a message: its id, when it is sent, and a signature for each secret."""
    timestamp = str(int(moment.timestamp()))
    signed = f"{id_}.{timestamp}.".encode() + body
    return {
        "webhook-id": id_,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{_sign(key, signed)}" for key in keys),
    }


def _sign(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
