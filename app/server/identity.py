"""Who is calling, as far as the server needs to know, and the watch that ends streams when that ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import structlog

from app.server.credentials import Credentials

if TYPE_CHECKING:
    from app.server.costs.charging import Charge

# A store that does not answer three looks in a row cannot vouch for anybody.
MOST_FAILED_LOOKS = 3

_log = structlog.stdlib.get_logger("skyledger.server")


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
    """What is known of an operation when its context is made; its charge where operations are charged."""

    request_id: str
    identity: Identity | None
    client_address: str | None
    user_agent: str | None
    transport: str
    charge: Charge | None = None


Identify = Callable[[Credentials], Awaitable[Identity | None]]
Revalidate = Callable[[Identity], Awaitable[bool]]
MakeContext = Callable[[OperationFacts], object]


@dataclass(frozen=True, slots=True)
class Ended:
    """Why a caller may no longer be served: a WebSocket close code and a sentence."""

    code: int
    reason: str


EXPIRED = Ended(4403, "token expired")
REVOKED = Ended(4403, "session revoked")
UNVERIFIABLE = Ended(1013, "the session cannot be checked at the moment, try again later")


async def watch_identity(identity: Identity | None, revalidate: Revalidate | None, interval: float) -> Ended:
    """Wait until the identity expires or is revoked and say which; never returns for an anonymous caller.

    `revalidate` is asked every `interval` seconds and given as long to answer.
    """
    failed_looks = 0
    while True:
        left = _seconds_left(identity)
        if left is not None and left <= 0:
            return EXPIRED
        if identity is None:
            await asyncio.Event().wait()
        await asyncio.sleep(interval if left is None else min(interval, left))
        if identity is None or revalidate is None:
            continue
        try:
            async with asyncio.timeout(interval):
                valid = await revalidate(identity)
        except Exception as error:  # noqa: BLE001 - whatever broke, the session could not be checked
            failed_looks += 1
            _log.warning("session_check_failed", subject=identity.subject, exc_info=error)
            if failed_looks >= MOST_FAILED_LOOKS:
                return UNVERIFIABLE
            continue
        failed_looks = 0
        if not valid:
            return REVOKED


def _seconds_left(identity: Identity | None) -> float | None:
    if identity is None or identity.expires_at is None:
        return None
    return (identity.expires_at - datetime.now(UTC)).total_seconds()
