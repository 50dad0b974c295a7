"""What a campaign leaves, as a table and as a judgement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from tests.campaigns.callers import StreamSubscriber, Subscriber, Writer
from tests.campaigns.effects import Effects
from tests.campaigns.hits import RECOVERY_SECONDS, Hit
from tests.campaigns.record import Row
from tests.campaigns.requesters import Requester
from tests.campaigns.settling import Settled

# What a subscriber may hear while the engines are down; anything else would tell it to give up.
PASSING = {"SERVICE_UNAVAILABLE", "INTERNAL_SERVER_ERROR"}

WELL = {"SUCCEEDED", "UNCHANGED"}
"""How a job ends well; the second where a file is imported after itself, since a start got no answer in between."""


@dataclass(frozen=True)
class Facts:
    """What is to be judged."""

    settled: Settled
    writers: Sequence[Writer]
    requesters: Sequence[Requester]
    subscribers: Sequence[Subscriber]
    goal: int
    """Number of the last acknowledged event."""
    stored: list[tuple[int, str]]
    """(number, text or kind) of all events after the first, as PostgreSQL has them."""
    hits: list[Hit]
    effects: Effects
    late_workers: int
    died_alone: dict[str, list[int]]
    failed_starts: int

    @property
    def start(self) -> int:
        """Number of the event after which the subscribers began."""
        return self.settled.start

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


def results(facts: Facts) -> list[Row]:
    """The figures of the campaign: what, and how much."""
    written = {text for _, text in facts.stored}
    lost, survived = len(facts.acknowledged.keys() - written), len(facts.unknown & written)
    return [
        *hit_rows(facts.hits),
        ("notes acknowledged", f"{len(facts.acknowledged)}, lost: {lost}"),
        ("notes without an answer", f"{len(facts.unknown)}, of which {survived} were written once, the rest not"),
        ("longest time without a write", f"{facts.longest_silence:.1f} s"),
        *subscriber_rows(facts),
        *(job_rows(facts) if facts.effects.states else []),
        ("processes that died by themselves", str(facts.died_alone or "none")),
        ("starts that gave up and were repeated", str(facts.failed_starts)),
    ]


def job_rows(facts: Facts) -> list[Row]:
    """What was asked for, and what has become of it."""
    effects = facts.effects
    rows = [
        (f"{each.name} asked for", f"{len(each.ended)} acknowledged, {each.unknown} without an answer")
        for each in facts.requesters
    ]
    if effects.scans:
        rows.append(("scans", f"{told(effects.scans)}; resources added, changed, removed by all: {effects.found}"))
    rows.append(("imports", f"{told(effects.imports)}; charges in force: {effects.charges[1]}"))
    rows.append(("begins and ends told other than once", str(len(effects.told_wrongly))))
    if facts.settled.condemned:
        rows.append(("purged organizations", f"{len(facts.settled.condemned)}, rows left: {effects.rows_left}"))
    rows.append(("jobs", f"{told(effects.states)}; by attempts: {told(effects.attempts)}"))
    rows.append(("late workers that let a job be", str(facts.late_workers)))
    return rows


def hit_rows(hits: Sequence[Hit]) -> list[Row]:
    """Of each kind of hit how often, and after how long all had got over it."""
    rows = []
    for name in sorted({hit.name for hit in hits}):
        found = sorted((hit.seconds or 0, hit.last) for hit in hits if hit.name == name)
        middle, (longest, last) = median(seconds for seconds, _ in found), found[-1]
        by = ", last by an API process" if last.startswith("http") else f", last by {last}" if last else ""
        rows.append((f"{len(found)} x {name}", f"got over in {middle:.1f} s, at most {longest:.1f} s{by}"))
    return rows


def subscriber_rows(facts: Facts) -> list[Row]:
    """What came to all subscribers of a kind."""
    rows = []
    for kind in (Subscriber.kind, StreamSubscriber.kind):
        group = [each for each in facts.subscribers if each.kind == kind]
        events, connections = sum(len(each.received) for each in group), sum(each.connections for each in group)
        wrong = sum(disorder(facts, each) for each in group)
        errors = sum((refusals(each) for each in group), Counter[str]())
        told_errors = f"; errors: {told(errors)}" if errors else ""
        rows.append(
            (
                f"{len(group)} x subscriber on {kind}",
                f"{events} events over {connections} connections, lost, doubled or out of order: {wrong}{told_errors}",
            )
        )
    return rows


def told(counts: Counter[str] | Counter[int]) -> str:
    """Counts as words."""
    return ", ".join(f"{key}: {count}" for key, count in sorted(counts.items())) or "none"


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
    sent = facts.acknowledged.keys() | facts.unknown
    assert [text for text in sent if times[text] > 1] == [], "notes were written twice"
    assert [text for text in times if text.startswith("writer-") and text not in sent] == [], "notes that nobody wrote"
    for subscriber in facts.subscribers:
        assert disorder(facts, subscriber) == 0, f"{subscriber.name} missed, repeated or reordered events"
        assert subscriber.received == facts.stored[: len(subscriber.received)], f"{subscriber.name} got other events"
        assert subscriber.received[-1][0] >= facts.goal, f"{subscriber.name} did not get the last event"
        assert refusals(subscriber).keys() <= PASSING, f"{subscriber.name} was refused as if for good"
    judge_jobs(facts)
    slowest = max((hit.seconds or 0 for hit in facts.hits), default=0)
    assert slowest <= RECOVERY_SECONDS, f"a hit was got over in {slowest:.1f} s"
    assert facts.died_alone == {}, "processes died that nobody had killed"


def judge_jobs(facts: Facts) -> None:
    """Fail unless each job had its effect, and had it once."""
    effects = facts.effects
    for requester in facts.requesters:
        ends = Counter(requester.ended.values())
        assert ends.keys() <= WELL, f"{requester.name} ended {told(ends)}"
    assert effects.dead == [], "jobs were given up"
    assert effects.states.keys() <= {"SUCCEEDED"}, "jobs were left undone"
    assert effects.scans.keys() <= {"SUCCEEDED"}, "scans were left undone"
    assert effects.imports.keys() <= WELL, "imports were left undone"
    assert effects.told_wrongly == [], "a begin or an end was told other than once"
    there = {name for things in facts.settled.world.things.values() for name in things}
    assert effects.inventory == there, "the inventory is not what there is"
    assert effects.found == (len(there), 0, 0), "resources were added twice, or seen to change or go"
    wanted = facts.settled.deliveries if effects.imports else {(0, 0)}
    assert effects.charges in wanted, "charges are not those of one whole delivery"
    assert effects.rows_left == 0, "jobs are done without their effect"
