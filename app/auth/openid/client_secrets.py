"""Where the secrets of our clients at providers are sealed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.sealing.vault import Place, Sealed


def place_of(organization_id: UUID) -> Place:
    """Where the secret of an organization's client is stored."""
    return Place(organization_id, "single_sign_ons", "sealed", organization_id)


def sealed_of(row: Mapping[Any, Any]) -> Sealed:
    """What is sealed, of a row of `single_sign_ons`."""
    return Sealed(key_id=row["key_id"], wrapped_key=row["wrapped_key"], sealed=row["sealed"])
