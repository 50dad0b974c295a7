"""The command line: `skyledger demo serve worker migrate backup restore jobs import export keys doctor` and others."""

from __future__ import annotations

from app.cli.commands import main

__all__ = ["main"]
