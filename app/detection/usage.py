"""How much a resource was used in the days before a check: one value a day, and whether any day is missing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class Usage:
    """Values of one statistic of one metric, by day from `first_day`; None for a day of which nothing is known.

    A day without samples is None as well, unless the metric is one that is silent at zero use: then whoever made
    this put 0 there, which it may only where the provider answered.
    """

    first_day: date
    values: tuple[float | None, ...]
    samples: int = 0
    """How many samples the values were made of, where the provider tells."""

    @property
    def days(self) -> int:
        """The length of the window."""
        return len(self.values)

    @property
    def known(self) -> Sequence[float]:
        """The values that are there, in the order of their days."""
        return [value for value in self.values if value is not None]

    @property
    def is_complete(self) -> bool:
        """Whether there is a value for each day of the window."""
        return bool(self.values) and None not in self.values

    @property
    def maximum(self) -> float:
        """The largest value. Raises ValueError where none is known."""
        return max(self.known)

    @property
    def minimum(self) -> float:
        """The smallest value. Raises ValueError where none is known."""
        return min(self.known)

    @property
    def total(self) -> float:
        """All values together."""
        return math.fsum(self.known)

    @property
    def mean(self) -> float:
        """The average of the values. Raises ValueError where none is known."""
        known = self.known
        if not known:
            message = "nothing is known of the usage"
            raise ValueError(message)
        return math.fsum(known) / len(known)


@dataclass(frozen=True, slots=True)
class NotedUsages(Mapping[str, "Usage | None"]):
    """Metrics of which none is known; it notes which of them a check has asked for."""

    asked: set[str] = field(default_factory=set)

    def __getitem__(self, key: str) -> Usage | None:
        self.asked.add(key)
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
