"""What tests of scans share: the far side of AWS, and the engine over a local cloud."""

from __future__ import annotations

from tests.providers.moto import moto_server, moto_url
from tests.scanning.engine import engine, world

__all__ = ["engine", "moto_server", "moto_url", "world"]
