"""Fixtures of the tests of privacy."""

from __future__ import annotations

from tests.auth.people import authenticator

__all__ = ["authenticator"]
