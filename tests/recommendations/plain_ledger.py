"""The ledger of recommendations as a few plain rules, against which the real one is held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import product

from tests.recommendations.made_up_cloud import GP3, Verdict

Key = tuple[str, str]
"""Check and native id."""


@dataclass
class Entry:
    """One recommendation. `days` are those until an ignored one opens (None: never) or a marked one is due."""

    state: str = "OPEN"
    resolution: str | None = None
    proved: bool = False
    days: int | None = None
    is_read: bool = True
    """Whether its resource was read since it came to its state."""
    history: list[str] = field(default_factory=lambda: ["FOUND"])
    verdict: Verdict = field(default_factory=lambda: Verdict("FOUND"))

    @property
    def counts(self) -> bool:
        """Whether its money may be a potential saving."""
        return self.state in {"OPEN", "MARKED_FOR_DELETION"}

    @property
    def is_over(self) -> bool:
        """Whether the day has come until which it was ignored."""
        return self.state == "IGNORED" and self.days is not None and self.days <= 0

    def become(self, told: str, state: str, resolution: str | None = None, days: int | None = None) -> None:
        """Go to a state, and tell it."""
        self.state, self.resolution, self.days = state, resolution, days
        self.proved = resolution is not None and resolution != "SAID_DONE"
        self.is_read = False
        self.history.append(told)


@dataclass
class PlainLedger:
    """What is recommended, by check and resource."""

    entries: dict[Key, Entry] = field(default_factory=dict)

    def looked(self, check: str, name: str, verdict: Verdict) -> None:
        """A check has looked at a resource that is there."""
        entry = self.entries.get((check, name))
        if verdict.said == "FOUND":
            if entry is None:
                self.entries[check, name] = Entry(verdict=verdict)
                return
            if entry.resolution == "SAID_DONE" and not entry.proved and not entry.is_read:
                return  # what is stored is older than what somebody has said
            entry.verdict = verdict
            if entry.state == "RESOLVED":
                entry.become("CAME_BACK", "OPEN")
            elif entry.is_over:
                entry.become("IGNORE_ENDED", "OPEN")
        elif entry is not None and verdict.said == "UNKNOWN":
            if entry.is_over:
                entry.become("IGNORE_ENDED", "OPEN")
        elif entry is not None:
            self._over(entry, "CHANGED" if verdict.said == "CLEAR" else "LEFT_OUT")

    def read(self) -> None:
        """A scan has read all there is."""
        for entry in self.entries.values():
            entry.is_read = True

    def vanished(self, there: Iterable[str]) -> None:
        """What is not there any more is done."""
        for (_, name), entry in self.entries.items():
            if name not in there:
                self._over(entry, "DELETED")

    def disconnected(self) -> None:
        """Nobody looks at the account any more."""
        for entry in self.entries.values():
            if entry.counts:
                entry.become("RESOLVED", "RESOLVED", "ACCOUNT_GONE")

    def _over(self, entry: Entry, resolution: str) -> None:
        if entry.state == "IGNORED" and resolution == "LEFT_OUT":
            return
        if entry.state != "RESOLVED":
            entry.become("RESOLVED", "RESOLVED", resolution)
        elif entry.resolution == "SAID_DONE" and not entry.proved and resolution != "LEFT_OUT":
            entry.proved = True
            entry.history.append("PROVED")

    def waited(self, days: int) -> None:
        """Days have passed."""
        for entry in self.entries.values():
            if entry.days is not None:
                entry.days -= days

    def woken(self) -> None:
        """What was ignored until a day that has come opens."""
        for entry in self.entries.values():
            if entry.is_over:
                entry.become("IGNORE_ENDED", "OPEN")

    def said(self, act: str, key: Key, days: int | None) -> bool:
        """Somebody says something of a recommendation; whether it fits."""
        entry = self.entries[key]
        if act == "reopen":
            if entry.state == "RESOLVED" and (entry.resolution != "SAID_DONE" or entry.proved):
                return False
            if entry.state != "OPEN":
                entry.become("REOPENED", "OPEN")
            return True
        if entry.state == "RESOLVED" or (act == "mark" and key[0] == GP3):
            return False
        told, state, resolution = {
            "ignore": ("IGNORED", "IGNORED", None),
            "mark": ("MARKED_FOR_DELETION", "MARKED_FOR_DELETION", None),
            "resolve": ("RESOLVED", "RESOLVED", "SAID_DONE"),
        }[act]
        if (entry.state, entry.days) != (state, days):
            entry.become(told, state, resolution, days)
        return True


def most_without_overlap(entries: Mapping[Key, Entry]) -> Decimal:
    """The most that can be saved with no money twice, by trying all choices of one finding or none a resource.

    What covers the parts of its resource leaves nothing to be saved on them.
    """
    of_node: dict[str, list[Entry]] = {}
    for (_, name), entry in entries.items():
        if entry.counts:
            of_node.setdefault(name, []).append(entry)
    parents = {
        name: next((one.verdict.part_of for one in each if one.verdict.part_of), None) for name, each in of_node.items()
    }
    choices: list[Sequence[tuple[str, Entry | None]]] = [
        [(name, None), *((name, one) for one in each)] for name, each in of_node.items()
    ]
    best = Decimal(0)
    for choice in product(*choices):
        chosen = {name: entry for name, entry in choice if entry is not None}
        covered = {name for name, entry in chosen.items() if entry.verdict.covers_parts}
        if not any(parents[name] in covered for name in chosen):
            best = max(best, sum((entry.verdict.amount or Decimal(0) for entry in chosen.values()), Decimal(0)))
    return best
