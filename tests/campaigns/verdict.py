"""What a kill campaign leaves, as a table and as a judgement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from rich.table import Table

from tests.campaigns.callers import Subscriber, Writer

RECOVERY_SECONDS = 60  # the promise of RELIABILITY
# What a subscriber may hear while the engines are down; anything else would tell it to give up.
PASSING = {"SERVICE_UNAVAILABLE", "INTERNAL_SERVER_ERROR"}


@dataclass
class Kill:
    """One kill -9; `seconds` until all had got over it, None when the next kill came before that."""

    victim: str
    moment: float
    seconds: float | None = None


@dataclass(frozen=True)
class Facts:
    """What is to be judged."""

    writers: Sequence[Writer]
    subscribers: Sequence[Subscriber]
    start: int
    """Number of the event after which the subscribers began."""
    goal: int
    """Number of the last acknowledged event."""
    stored: list[tuple[int, str]]
    """(number, text) of all events after `start`, as PostgreSQL has them."""
    kills: list[Kill]
    job_states: Counter[str]
    job_attempts: Counter[int]
    rows_left: int
    """Events of purged organizations that are still there."""
    died_alone: dict[str, list[int]]
    failed_starts: int

    @property
    def acknowledged(self) -> dict[str, int]:
        """Text → number of every acknowledged note."""
        return {text: number for writer in self.writers for text, number in writer.acknowledged.items()}

    @property
    def unknown(self) -> set[str]:
        """Texts whose mutation got no clear answer."""
        return {text for writer in self.writers for text in writer.unknown}

    @property
    def longest_silence(self) -> float:
        """Longest time without an acknowledged note, in seconds."""
        answered = sorted(moment for writer in self.writers for moment in writer.answered_at)
        return max(after - before for before, after in pairwise(answered))


def results(facts: Facts) -> Table:
    """The figures of the campaign."""
    table = Table(title=f"Kill campaign: {len(facts.kills)} kills", show_header=False, title_justify="left")
    for victim in sorted({kill.victim for kill in facts.kills}):
        kills = [kill for kill in facts.kills if kill.victim == victim]
        seconds = sorted(kill.seconds for kill in kills if kill.seconds is not None)
        back = f"all back in {median(seconds):.1f} s, at most {seconds[-1]:.1f} s; " if seconds else ""
        table.add_row(f"{len(kills)} × {victim}", f"{back}{len(kills) - len(seconds)} met by the next kill before that")  # noqa: RUF001
    written = {text for _, text in facts.stored}
    table.add_row("notes acknowledged", f"{len(facts.acknowledged)}, lost: {len(facts.acknowledged.keys() - written)}")
    survived = len(facts.unknown & written)
    table.add_row(
        "notes without an answer", f"{len(facts.unknown)}, of which {survived} were written once, the rest not"
    )
    table.add_row("longest time without a write", f"{facts.longest_silence:.1f} s")
    for subscriber in facts.subscribers:
        events, gaps = len(subscriber.received), disorder(facts, subscriber)
        table.add_row(
            subscriber.name,
            f"{events} events over {subscriber.connections} connections, out of order: {gaps}, "
            f"errors: {dict(refusals(subscriber)) or 'none'}",
        )
    jobs = ", ".join(f"{count} {state}" for state, count in sorted(facts.job_states.items()))
    attempts = ", ".join(f"{count} job(s) took {attempt}" for attempt, count in sorted(facts.job_attempts.items()))
    table.add_row("purge jobs", f"{jobs}; attempts: {attempts}; rows left: {facts.rows_left}")
    table.add_row("processes that died by themselves", str(facts.died_alone or "none"))
    table.add_row("starts that gave up and were repeated", str(facts.failed_starts))
    return table


def refusals(subscriber: Subscriber) -> Counter[str]:
    """How often a subscription was ended by which error code; `complete` would be one too."""
    errors = [
        message["payload"] if message["type"] == "error" else message.get("payload", {}).get("errors", [])
        for message in subscriber.refusals
    ]
    return Counter(error[0]["extensions"]["code"] if error else "COMPLETE" for error in errors)


def disorder(facts: Facts, subscriber: Subscriber) -> int:
    """How many events of a subscriber do not have the number that was due."""
    return sum(number != due for due, (number, _) in enumerate(subscriber.received, start=facts.start + 1))


def judge(facts: Facts) -> None:
    """Fail unless every promise was kept."""
    numbers = [number for number, _ in facts.stored]
    assert numbers == list(range(facts.start + 1, facts.start + 1 + len(numbers))), "the numbers have a gap"
    times = Counter(text for _, text in facts.stored)
    by_number = dict(facts.stored)
    lost = {text: number for text, number in facts.acknowledged.items() if by_number.get(number) != text}
    assert lost == {}, "acknowledged notes are not where the answer said"
    assert [text for text, count in times.items() if count > 1] == [], "notes were written twice"
    assert times.keys() <= facts.acknowledged.keys() | facts.unknown, "notes that nobody wrote"
    for subscriber in facts.subscribers:
        assert disorder(facts, subscriber) == 0, f"{subscriber.name} missed, repeated or reordered events"
        assert subscriber.received == facts.stored[: len(subscriber.received)], f"{subscriber.name} got other events"
        assert subscriber.received[-1][0] >= facts.goal, f"{subscriber.name} did not get the last event"
        assert refusals(subscriber).keys() <= PASSING, f"{subscriber.name} was refused as if for good"
    assert facts.job_states.keys() == {"SUCCEEDED"}, "jobs were left undone"
    assert facts.rows_left == 0, "jobs are done without their effect"
    assert len(facts.acknowledged) > 2 * len(facts.kills), "too few notes to prove anything"
    assert facts.died_alone == {}, "processes died that nobody had killed"
