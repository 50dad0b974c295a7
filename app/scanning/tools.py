"""What a scan works with: the vault of credentials, the threads of the providers, the clouds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.providers import registry
from app.providers.base import Cloud
from app.providers.calls import COLLECTOR_SECONDS, PAGE_SECONDS, ProviderPool
from app.records import Provider
from app.sealing.vault import Vault

Clouds = Callable[[Provider], Cloud]


@dataclass(frozen=True)
class ScanTools:
    """The tools of all scans of a worker; seconds where nothing else is said."""

    vault: Vault
    pool: ProviderPool
    clouds: Clouds = registry.cloud
    concurrency: int = 8
    """Steps of one scan that run at a time."""
    page_seconds: float = PAGE_SECONDS
    whole_seconds: float = COLLECTOR_SECONDS
    """The longest that one collector may take."""
    look: float = 1.0
    """How often a running scan looks whether it is to be cancelled."""
