"""What a run of a cost source works with: the vault, the threads of the providers, a folder, the importer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.costs.imports.order import ImportOrder
from app.costs.imports.run import run_order
from app.costs.imports.storing import Progress
from app.database import Database
from app.providers import registry
from app.providers.base import Target
from app.providers.calls import ProviderPool
from app.providers.cost_exports import CostSource, ExportSettings
from app.records.cost_sources import CostSourceKind
from app.records.costs import ImportOutcome
from app.sealing.vault import Vault

OpenSource = Callable[[Target, CostSourceKind, ExportSettings], CostSource]


Importer = Callable[[Database, ImportOrder, Sequence[Path], Progress], Awaitable[ImportOutcome]]
"""Imports the files of one delivery that has been noted, wholly or not at all, from the start."""


@dataclass(frozen=True)
class SourceTools:
    """The tools of all runs of a worker; seconds where nothing else is said."""

    vault: Vault
    pool: ProviderPool
    folder: Path
    """Where deliveries are written until they are imported."""
    importer: Importer = run_order
    open_source: OpenSource = registry.cost_source
    discover_seconds: float = 1_800.0
    fetch_seconds: float = 21_600.0
    """For one delivery: 22 GB at 10 Mbit/s take five hours."""
    look: float = 1.0
    """How often a run looks whether its source is still there."""
