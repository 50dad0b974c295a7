"""Plays generated operations to both servers and keeps count of what came of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from time import process_time
from typing import Any

import orjson

from app.execution.code import Reason
from app.execution.executor import BY_PLAN, NO_PLAN
from tests.execution.known import Known
from tests.execution.operations import Writer
from tests.execution.reducing import reduced, skeleton
from tests.execution.twins import Compared, Operation, Twins, Verdict

MOST_FAILURES = 20
VARIED = 0.3
FORESEEN = frozenset({BY_PLAN, *Reason})
LONGEST_SHOWN = 4_000


@dataclass
class Failure:
    """An operation that plans answered differently, made small, with both answers."""

    seed: int
    operation: Operation
    compared: Compared

    def to_json(self) -> dict[str, Any]:
        """For a file."""
        return {
            "seed": self.seed,
            "scope": self.operation.scope,
            "document": self.operation.document,
            "variables": self.operation.variables,
            "operationName": self.operation.name,
            "core": orjson.loads(self.compared.core),
            "compiled": orjson.loads(self.compared.compiled),
        }

    def __str__(self) -> str:
        shown = (self.compared.core, self.compared.compiled)
        core, compiled = (answer[:LONGEST_SHOWN].decode(errors="replace") for answer in shown)
        head = f"seed {self.seed}, {self.operation.scope}, variables {self.operation.variables}"
        return f"{head}\n{self.operation.document}\ncore:     {core}\ncompiled: {compiled}\n"


@dataclass
class Tally:
    """What came of the operations that were played; tallies of several processes add up."""

    scopes: Counter[str] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    plans: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    """How those without errors were answered: BY_PLAN, or why no plan did it."""
    reached: set[str] = field(default_factory=set)
    failures: dict[str, Failure] = field(default_factory=dict)
    discards: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def played(self) -> int:
        """How many operations."""
        return self.scopes.total()

    @property
    def discarded(self) -> int:
        """How many say nothing, since graphql-core itself has no one answer to them."""
        return self.results[Verdict.UNSTEADY] + self.results[Verdict.BROKEN]

    @property
    def share(self) -> float:
        """The part of the answers without errors that plans gave."""
        return self.answers[BY_PLAN] / (self.answers.total() or 1)

    @property
    def unforeseen(self) -> set[str]:
        """The failures of plans that graphql-core made good: a plan may give up, it may not break."""
        return {why for why in self.answers if why not in FORESEEN and not why.startswith(NO_PLAN)}

    def add(self, other: Tally) -> None:
        """Take another one in."""
        self.scopes += other.scopes
        self.results += other.results
        self.plans += other.plans
        self.answers += other.answers
        self.reached |= other.reached
        self.failures = {**other.failures, **self.failures}
        self.discards += other.discards
        self.seconds += other.seconds

    def summary(self) -> str:
        """As a log has it."""
        lines = [
            f"operations {self.played}, by scope {dict(self.scopes)}",
            f"results { ({str(name): count for name, count in self.results.most_common()}) }",
            f"fields asked {len(self.reached)}",
            f"plans {dict(self.plans.most_common())}",
            f"without errors {self.answers.total()}, {self.share:.2%} by plans: {dict(self.answers.most_common())}",
            f"distinct differences {len(self.failures)}",
            f"processor seconds {self.seconds:.0f}",
        ]
        return "\n".join(lines)


async def play(
    twins: Twins, known: Known, seeds: Iterable[int], *, on_progress: Callable[[Tally], None] | None = None
) -> Tally:
    """Generate an operation of each seed and compare; what differs is made small."""
    tally, begun = Tally(), process_time()
    for seed in seeds:
        writer = Writer(twins.schema, known, seed)
        operation = writer.operation()
        tally.reached |= writer.reached
        await _play_one(tally, twins, seed, operation)
        # Once more by the plan that is there now: what belongs to a request must not have stayed in it.
        if writer.chance(VARIED):
            await _play_one(tally, twins, seed, operation.varied(writer.draw))
        tally.seconds = process_time() - begun
        if on_progress is not None:
            on_progress(tally)
    tally.plans = twins.counters()
    return tally


async def _play_one(tally: Tally, twins: Twins, seed: int, operation: Operation) -> None:
    compared = await twins.compare(operation)
    _count(tally, operation, compared)
    if compared.verdict in {Verdict.BROKEN, Verdict.UNSTEADY}:
        tally.discards.append(str(Failure(seed, operation, compared)))
    if compared.verdict is Verdict.DIFFERENT and len(tally.failures) < MOST_FAILURES:
        await _keep(tally, twins, Failure(seed, operation, compared))


def _count(tally: Tally, operation: Operation, compared: Compared) -> None:
    tally.scopes[operation.scope] += 1
    tally.results[compared.verdict] += 1
    if compared.refused:
        tally.results["refused"] += 1
    elif compared.failed:
        tally.results["with errors"] += 1
    else:
        tally.answers[compared.bail or BY_PLAN] += 1


async def _keep(tally: Tally, twins: Twins, failure: Failure) -> None:
    """Keep a failure, made small; as it was where it does not come again."""
    smaller = await reduced(twins, failure.operation)
    compared = await twins.compare(smaller)
    if compared.verdict is Verdict.DIFFERENT:
        failure = Failure(failure.seed, smaller, compared)
    tally.failures.setdefault(skeleton(failure.operation), failure)
