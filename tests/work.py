"""Work counted instead of timed: the same on every machine, however busy it is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

CALLS_IN_50_MS = 350_000
"""Calls of functions, Python's and C's, that graphql-core does in 50 ms of processor time: 7 in a microsecond, measured
on the hostile documents of tests/server/test_document_limits.py (235,467 in 33.7 ms, 119,547 in 25.9 the slowest)."""


@dataclass
class Work:
    """What was done between begin and end of `counted`."""

    calls: int = 0


@contextmanager
def counted() -> Iterator[Work]:
    """Counts the calls of this thread."""
    work, before = Work(), sys.getprofile()

    def count(_: FrameType, event: str, __: object) -> None:
        if event in {"call", "c_call"}:
            work.calls += 1

    sys.setprofile(count)
    try:
        yield work
    finally:
        sys.setprofile(before)
