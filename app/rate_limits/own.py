"""Buckets in this process's memory, for the time that Valkey is away."""

from __future__ import annotations

import time
from collections.abc import Sequence

from app.rate_limits.script import Entry, Rate

FRACTION = 0.25
"""Of the limits: several processes count at the same time, each alone, and none knows how many there are."""
MOST_BUCKETS = 10_000


class OwnBuckets:
    """The same as the script does, at a fraction."""

    def __init__(self) -> None:
        self._full: dict[bytes, float] = {}

    def __len__(self) -> int:
        return len(self._full)

    def take(self, entries: Sequence[Entry]) -> list[int]:
        """As the script answers, with nothing ahead."""
        now = time.monotonic()
        smaller = [_smaller(entry.rate) for entry in entries]
        each = list(zip(entries, smaller, strict=True))
        full = [max(now, self._full.get(entry.key, now) - entry.back / rate.restored) for entry, rate in each]
        available = [rate.maximum - (at - now) * rate.restored + 0.0001 for at, rate in zip(full, smaller, strict=True)]
        # What is more than such a bucket ever holds passes while it is full: the limits of each act still hold.
        wanted = [min(entry.taken, rate.maximum) for entry, rate in each]
        enough = all(one <= other for one, other in zip(wanted, available, strict=True))
        for place, (entry, rate) in enumerate(each):
            taken = wanted[place] if enough else 0
            self._full[entry.key] = full[place] + taken / rate.restored
            available[place] -= taken
        if len(self._full) > MOST_BUCKETS:
            self._forget(now)
        return [int(enough), *[number for has in available for number in (int(has), 0)]]

    def _forget(self, now: float) -> None:
        """Those that are full again, and where that is not enough the fullest of the others."""
        left = sorted((at, key) for key, at in self._full.items() if at > now)
        self._full = {key: at for at, key in left[-MOST_BUCKETS // 2 :]}


def _smaller(rate: Rate) -> Rate:
    return Rate(max(1, int(rate.maximum * FRACTION)), rate.restored * FRACTION)
