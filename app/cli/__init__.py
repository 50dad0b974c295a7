"""The command line: `skyledger demo serve worker migrate backup restore jobs import export export-schema keys doctor`."""

from __future__ import annotations

from app.cli.commands import main

__all__ = ["main"]
