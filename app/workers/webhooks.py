"""What a worker does for webhooks beside its jobs: looking at what has happened."""

from __future__ import annotations

import asyncio
import random

import structlog

from app.config import Settings
from app.database import Database
from app.outgoing import OutgoingGuard
from app.records.webhooks import Execute
from app.sealing.vault import Vault
from app.webhooks.dispatch import dispatch_all
from app.webhooks.tools import WebhookTools

DISPATCH_SECONDS = 1.0
"""From an event to its deliveries, at most one and a half times that; each look is one statement for all tenants."""


def make_webhook_tools(settings: Settings, vault: Vault, execute: Execute) -> WebhookTools:
    """The tools of the settings."""
    guard = OutgoingGuard.from_settings(settings)
    return WebhookTools(vault, guard, execute, require_verified_email=settings.require_verified_email)


async def dispatch_for_ever(database: Database) -> None:
    """Make deliveries of what happens."""
    while True:
        await asyncio.sleep(DISPATCH_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - not a secret
        try:
            await dispatch_all(database)
        except Exception as error:  # noqa: BLE001 - drivers raise many kinds while a server is away
            structlog.get_logger(__name__).warning("webhooks_not_dispatched", error=type(error).__name__)
