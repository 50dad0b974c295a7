"""Words of webhooks that cross rooms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from app.records import Grant

PING = "PING"
"""In the place of the kind of an event, for what `testWebhook` sends."""
DELIVER_JOB = "deliver_webhook"
TELL_JOB = "tell_of_webhook"
"""Tells one owner by mail that Skyledger has disabled a webhook."""


class WebhookState(StrEnum):
    """Whether a webhook is sent anything."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class DisabledReason(StrEnum):
    """Why a webhook is sent nothing."""

    ASKED = "ASKED"
    FAILING = "FAILING"
    GONE = "GONE"
    SUBSCRIBER_LEFT = "SUBSCRIBER_LEFT"


class DeliveryState(StrEnum):
    """How far a delivery is. The first is under way, the others are final until it is replayed."""

    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class WebhookOrderField(StrEnum):
    """Columns that webhooks and deliveries are ordered by."""

    CREATED_AT = "created_at"


@dataclass(frozen=True)
class Asked:
    """What the document of a webhook is to be executed for: an event, with the rights of its subscriber."""

    document: str
    event: Mapping[Any, Any]
    grant: Grant


@dataclass(frozen=True)
class Told:
    """What came of a document: its `data`, and its errors as the graph tells them."""

    data: Any
    errors: list[Any]


class Put(Exception):  # noqa: N818 - not a failure: later
    """The document cannot be executed before a moment."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until


class Execute(Protocol):
    """Executes documents. Raises Put where the organization has to wait, BadUserInputError for what never works."""

    async def __call__(self, asked: Asked) -> Told:
        """The result for one event."""


@dataclass(frozen=True)
class NewWebhook:
    """What a subscriber asks for."""

    name: str
    url: str
    kinds: tuple[str, ...]
    document: str


@dataclass(frozen=True)
class WebhookKey:
    """Which webhook."""

    organization_id: UUID
    id: UUID
