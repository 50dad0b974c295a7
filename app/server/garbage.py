"""Garbage collection for a process that holds many long-lived objects: what is old is not walked again and again.

A full collection of CPython 3.11 walks everything and stops the process meanwhile: at 10,000 sockets some two million
objects and one to two seconds, every ten seconds or so. Here what outlived one is set aside (`gc.freeze`), so that the
next walks only what came since. Counted references still free what is set aside; rings of dead objects stay, such as
documents that the cache has dropped (10 KB each), and so everything is walked once every ten minutes.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Mapping

FULL = 2
WALK_SECONDS = 600.0
"""Between walks of everything. One of two seconds holds up a third of a percent of what happens in the time."""

_callback: _SetAside | None = None


class _SetAside:
    """Called by the collector before and after each collection."""

    def __init__(self) -> None:
        self._walk_at = 0.0

    def __call__(self, phase: str, facts: Mapping[str, int]) -> None:
        if facts["generation"] != FULL:
            return
        if phase == "stop":
            gc.freeze()
        elif time.monotonic() >= self._walk_at:
            gc.unfreeze()
            self._walk_at = time.monotonic() + WALK_SECONDS


def set_old_objects_aside() -> None:
    """Collect, and from now on set aside what outlives a full collection. For the whole process, once."""
    global _callback  # noqa: PLW0603 - the collector is the process's
    if _callback is None:
        _callback = _SetAside()
        gc.callbacks.append(_callback)
    gc.collect()
