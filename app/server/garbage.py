"""Garbage collection for a process that holds many long-lived objects: what is old is not walked again and again.

A full collection of CPython 3.11 walks everything and stops the process meanwhile: at 10,000 sockets some two million
objects and one to two seconds, every ten seconds or so. Here what outlived one is set aside (`gc.freeze`), so that the
next walks only what came since. Counted references still free what is set aside; only rings of dead objects stay, and
so that these cannot grow without end, everything is walked once when twice as much is set aside as was after the last
time: a number of long stops that grows with the logarithm of the heap.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping

FULL = 2
LEAST_OBJECTS = 500_000
"""Set aside before everything is walked again: what a process has that has just started, and half as much."""

COUNT_EVERY = 8
"""Full collections: to count what is set aside takes 0.1 s for each million."""

_callback: _SetAside | None = None


class _SetAside:
    """Called by the collector before and after each collection."""

    def __init__(self) -> None:
        self._again_at = 0
        self._collections = 0

    def __call__(self, phase: str, facts: Mapping[str, int]) -> None:
        if facts["generation"] != FULL:
            return
        if phase == "start":
            if self._collections % COUNT_EVERY == 0 and gc.get_freeze_count() >= self._again_at:
                gc.unfreeze()
                self._again_at = 0
            self._collections += 1
        else:
            gc.freeze()
            if not self._again_at:
                self._again_at = max(LEAST_OBJECTS, 2 * gc.get_freeze_count())


def set_old_objects_aside() -> None:
    """Collect, and from now on set aside what outlives a full collection. For the whole process, once."""
    global _callback  # noqa: PLW0603 - the collector is the process's
    if _callback is None:
        _callback = _SetAside()
        gc.callbacks.append(_callback)
    gc.collect()
