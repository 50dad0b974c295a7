"""Who is calling, as far as the server needs to know."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.server.credentials import Credentials


class Identity(Protocol):
    """A caller who proved who they are; everything else about them is the product's business."""

    @property
    def subject(self) -> str:
        """A name for logs that is no secret."""

    @property
    def expires_at(self) -> datetime | None:
        """When the proof ends, with a time zone; None when it does not."""


@dataclass(frozen=True, slots=True)
class OperationFacts:
    """What is known of an operation when its context is made."""

    request_id: str
    identity: Identity | None
    client_address: str | None
    user_agent: str | None
    transport: str


Identify = Callable[[Credentials], Awaitable[Identity | None]]
Revalidate = Callable[[Sequence[Identity]], Awaitable[Sequence[bool]]]
"""Says for each of many callers whether what they have proved still holds."""
MakeContext = Callable[[OperationFacts], object]
