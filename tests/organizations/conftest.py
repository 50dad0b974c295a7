"""Fixtures of the tests of organizations."""

from __future__ import annotations

from tests.auth.people import authenticator

__all__ = ["authenticator"]
