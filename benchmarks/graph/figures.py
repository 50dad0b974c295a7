"""What was measured: figures by question, contestant and connections, a figure for each round."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from benchmarks.graph.documents import Question
from benchmarks.graph.load import Load
from benchmarks.graph.rows import SIZES

GOALS = {"Q1": 1.2, "Q2": 1.2, "Q3": 1.0, "Q4": 1.3, "Q5": 1.3, "Q6": 1.3}
"""The most that Skyledger's server may spend on a request, as a ratio to f at one request at a time."""
LEADS = {
    "postgraphile": (2.4, ("Q1", "Q2", "Q3", "Q4")),
    "mercurius": (1.3, ("Q1", "Q2", "Q3", "Q4")),
    "plain-strawberry": (15.0, ("Q1", "Q2", "Q3")),
}
"""How many times what Skyledger's spends a peer's server spends at least, and on which queries."""
MORE_DATA = {
    query: [(size, Question.of(query, slug)) for slug, size in sorted(SIZES.items(), key=lambda one: one[1])]
    for query in ("Q1", "Q2", "Q4", "Q5", "Q6")
}
LONGER_PAGES = {
    query: [(first, Question.of(query, first=first)) for first in (10, 100, 1_000)] for query in ("Q1", "Q2")
}
"""The same question of ten and a hundred times as many resources, and with a page ten and a hundred times as long."""
GROWTH = tuple(
    dict.fromkeys(question for asked in (MORE_DATA, LONGER_PAGES) for one in asked.values() for _, question in one)
)


@dataclass(frozen=True)
class Place:
    """What was measured: who answered what, to how many at a time."""

    question: Question
    contestant: str
    connections: int


@dataclass(frozen=True)
class Figure:
    """One measurement: CPU of the server for a request and times to answer, in seconds; requests a second.

    `failed` counts the answers that were errors or others than expected.
    """

    cpu: float
    rate: float
    p50: float
    p99: float
    failed: int = 0

    @classmethod
    def of(cls, load: Load) -> Figure:
        """Make it of what was asked."""
        return cls(load.cpu, load.rate, load.quantile(0.5), load.quantile(0.99), load.failed)


class Figures:
    """All of a run."""

    def __init__(self) -> None:
        self.rounds: dict[Place, list[Figure]] = {}

    def add(self, place: Place, load: Load) -> None:
        """Add what one round gave."""
        self.rounds.setdefault(place, []).append(Figure.of(load))

    def median(self, place: Place) -> Figure:
        """The median of each figure over the rounds; what failed in any of them."""
        found = self.rounds[place]
        return Figure(
            median(one.cpu for one in found),
            median(one.rate for one in found),
            median(one.p50 for one in found),
            median(one.p99 for one in found),
            sum(one.failed for one in found),
        )

    def ratios(self, place: Place, to: str = "f") -> list[float]:
        """The server CPU of a request against another contestant's in the same round; empty without that one."""
        base = self.rounds.get(Place(place.question, to, place.connections), [])
        return [one.cpu / other.cpu for one, other in zip(self.rounds[place], base, strict=False)]

    def ratio(self, place: Place, to: str = "f") -> float | None:
        """The median of these ratios."""
        found = self.ratios(place, to)
        return median(found) if found else None
