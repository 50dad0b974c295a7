"""What tests of scans share: the engine over a local cloud."""

from __future__ import annotations

from tests.scanning.engine import engine, world

__all__ = ["engine", "world"]
