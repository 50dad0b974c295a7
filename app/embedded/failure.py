"""The one error of the embedded engines; it names paths of this machine and is never shown to a remote caller."""

from __future__ import annotations


class EmbeddedEngineError(Exception):
    """An embedded engine cannot run; the message says what failed and what to do about it."""
