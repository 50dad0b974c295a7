"""Fixtures of workers."""

from tests.error_reports import error_reports_of

__all__ = ["error_reports_of"]  # a fixture
