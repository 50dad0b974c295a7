"""Buckets in this process's memory, for the time that Valkey is away."""

from __future__ import annotations

import time

from app.rate_limits.script import Rate

FRACTION = 0.25
"""Of the limits: several processes count at the same time, each alone, and none knows how many there are."""
MOST_BUCKETS = 10_000


class OwnBuckets:
    """The same as the script does, at a fraction."""

    def __init__(self) -> None:
        self._full: dict[bytes, float] = {}

    def __len__(self) -> int:
        return len(self._full)

    def take(self, entries: list[tuple[bytes, Rate, int, int]]) -> list[int]:
        """As the script answers: whether all had enough (1 or 0), then what each has now."""
        now = time.monotonic()
        smaller = [_smaller(rate) for _, rate, _, _ in entries]
        full = [
            max(now, self._full.get(key, now) - back / rate.restored)
            for (key, _, _, back), rate in zip(entries, smaller, strict=True)
        ]
        available = [rate.maximum - (at - now) * rate.restored for at, rate in zip(full, smaller, strict=True)]
        # What is more than such a bucket ever holds passes while it is full: the limits of each act still hold.
        wanted = [min(taken, rate.maximum) for (_, _, taken, _), rate in zip(entries, smaller, strict=True)]
        enough = all(one <= other + 0.0001 for one, other in zip(wanted, available, strict=True))
        for place, (key, _, _, _) in enumerate(entries):
            taken = wanted[place] if enough else 0
            self._full[key] = full[place] + taken / smaller[place].restored
            available[place] -= taken
        if len(self._full) > MOST_BUCKETS:
            self._forget(now)
        return [int(enough), *(int(each + 0.0001) for each in available)]

    def _forget(self, now: float) -> None:
        """Those that are full again, and where that is not enough the fullest of the others."""
        left = sorted((at, key) for key, at in self._full.items() if at > now)
        self._full = {key: at for at, key in left[-MOST_BUCKETS // 2 :]}


def _smaller(rate: Rate) -> Rate:
    return Rate(max(1, int(rate.maximum * FRACTION)), rate.restored * FRACTION)
