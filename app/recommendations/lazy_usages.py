"""What is stored of a resource's usage, folded for a check when it asks: most checks of most resources never do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from app.detection.check import Check, signature, window_days
from app.detection.rule import Rule
from app.detection.usage import Usage
from app.recommendations.usage_fold import usage_or_why
from app.recommendations.usage_plan import metrics_of
from app.records.usage import StoredUsage

Windows = Mapping[str, tuple[str, int]]
"""By the key of a check's metric: under what it is stored, and how many days are looked at."""


def windows_of(check: Check, resource_type: str, rule: Rule) -> Windows:
    """What a check reads of a resource type under a rule."""
    return {
        metric.key: (signature(rule.reads(metric)), window_days(metric, rule.parameters))
        for metric in metrics_of(check, resource_type)
    }


@dataclass(frozen=True, slots=True)
class StoredUsages:
    """All that is stored of one resource; each window is folded once, whoever asks for it."""

    stored: Mapping[str, StoredUsage]
    today: date
    folded: dict[tuple[str, int], Usage | str] = field(default_factory=dict)

    def window(self, place: tuple[str, int]) -> Usage | str:
        """The days of a metric, or why they are not known."""
        found = self.folded.get(place)
        if found is None:
            found = self.folded[place] = usage_or_why(self.stored.get(place[0]), place[1], self.today)
        return found


class LazyUsages(Mapping[str, "Usage | None"]):
    """The metrics of one check on one resource by their keys, as app.detection.facts.Facts has them.

    `asked` are the keys that were asked for, in the order of it; `unread` says why those are missing that are.
    """

    __slots__ = ("_own", "_windows", "asked", "unread")

    def __init__(self, own: StoredUsages, windows: Windows) -> None:
        self._own = own
        self._windows = windows
        self.asked: dict[str, None] = {}
        self.unread: dict[str, str] = {}

    def __getitem__(self, key: str) -> Usage:
        found: Usage | None = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def get(self, key: str, default: Any = None) -> Any:
        """As of any mapping; by itself, as checks ask for each metric of each resource several times."""
        self.asked.setdefault(key)
        place = self._windows.get(key)
        found = default if place is None else self._own.window(place)
        if isinstance(found, str):
            self.unread[key] = found
            return default
        return found

    def __iter__(self) -> Iterator[str]:
        return (key for key, place in self._windows.items() if isinstance(self._own.window(place), Usage))

    def __len__(self) -> int:
        return sum(1 for _ in self)
