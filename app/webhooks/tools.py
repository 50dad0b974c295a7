"""What a worker needs to send webhooks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from app.outgoing import OutgoingGuard
from app.records.webhooks import Execute
from app.sealing.vault import Vault

PAUSES: Final = tuple(timedelta(seconds=seconds) for seconds in (5, 60, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600))
"""After each failed attempt but the last: eight attempts within 18 hours."""


@dataclass(frozen=True)
class WebhookTools:
    """How documents are executed, where requests may go, and how long things take."""

    vault: Vault
    guard: OutgoingGuard
    execute: Execute
    require_verified_email: bool = False
    seconds: float = 15.0
    """For the whole of a request."""
    pauses: tuple[timedelta, ...] = field(default=PAUSES)
    at_a_time: int = 4
    """Requests to one webhook."""
    turn: float = 20.0
    """Seconds after which the job of a webhook makes room for other jobs of its organization."""
    patience: timedelta = timedelta(days=5)
    """A webhook that nothing has reached for so long is disabled."""
