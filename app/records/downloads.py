"""A file that is given to somebody over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Download:
    """A file on this machine: its path, the name it is offered under, what it is, its size and SHA-256."""

    path: Path
    file_name: str
    media_type: str
    size: int
    sha256: bytes
