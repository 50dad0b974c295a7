"""Fixtures for the tests of AWS: moto as the far side."""

from __future__ import annotations

from tests.providers.moto import moto_server, moto_url

__all__ = ["moto_server", "moto_url"]
