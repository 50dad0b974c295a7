"""The verdict of the campaigns finds what it is there to find."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.activity.probes import seeded
from tests.campaigns.callers import Access, StreamSubscriber, Subscriber, Writer
from tests.campaigns.effects import Effects
from tests.campaigns.hits import Hit
from tests.campaigns.requesters import scanner
from tests.campaigns.settling import ROWS, Settled
from tests.campaigns.verdict import Facts, judge, results
from tests.scanning.local_cloud import filled_world

EVENTS = [(6, "writer-0:1"), (7, "SCAN_STARTED"), (8, "writer-0:2"), (9, "SCAN_FINISHED"), (10, "writer-0:last:1")]


def facts() -> Facts:
    """Those of a campaign in which all went well; one note was written whose answer was lost."""
    access, world = Access([], "", "", seeded(1)), filled_world()
    there = {name for things in world.things.values() for name in things}
    writer = Writer("writer-0", access, {"writer-0:1": 6, "writer-0:last:1": 10}, {"writer-0:2"}, [1.0, 2.0])
    subscribers = [kind(kind.__name__, access, "", list(EVENTS)) for kind in (Subscriber, StreamSubscriber)]
    asked = scanner(access)
    asked.ended["one"] = "SUCCEEDED"
    amount, rows = next(iter(ROWS.items()))
    return Facts(
        settled=Settled(access, 5, "", [], world, []),
        writers=[writer],
        requesters=[asked],
        subscribers=subscribers,
        goal=10,
        stored=list(EVENTS),
        hits=[Hit("SIGKILL of api-1", 0.0, 59.0, "scans")],
        effects=Effects(
            states=Counter({"SUCCEEDED": 3}),
            attempts=Counter({1: 3}),
            dead=[],
            rows_left=0,
            scans=Counter({"SUCCEEDED": 1}),
            imports=Counter({"SUCCEEDED": 1}),
            told_wrongly=[],
            found=(len(there), 0, 0),
            inventory=there,
            charges=(Decimal(amount) * rows, rows),
        ),
        late_workers=1,
        died_alone={},
        failed_starts=0,
    )


def test_a_campaign_without_a_fault_passes() -> None:
    judge(facts())
    told = dict(results(facts()))
    assert told["1 x SIGKILL of api-1"] == "got over in 59.0 s, at most 59.0 s, last by scans"
    assert told["notes acknowledged"] == "2, lost: 0"
    assert told["notes without an answer"] == "1, of which 1 were written once, the rest not"


def lose_a_note(found: Facts) -> Facts:
    return replace(found, stored=EVENTS[:-1])


def write_a_note_twice(found: Facts) -> Facts:
    return replace(found, stored=[*EVENTS, (11, "writer-0:2")])


def write_what_nobody_sent(found: Facts) -> Facts:
    return replace(found, stored=[*EVENTS, (11, "writer-0:9")])


def leave_a_gap(found: Facts) -> Facts:
    return replace(found, stored=[*EVENTS, (12, "SCAN_STARTED")])


def miss_an_event(found: Facts) -> Facts:
    del found.subscribers[0].received[2]
    return found


def repeat_an_event(found: Facts) -> Facts:
    found.subscribers[1].received.insert(2, EVENTS[1])
    return found


def swap_two_events(found: Facts) -> Facts:
    found.subscribers[1].received[1:3] = EVENTS[2:0:-1]
    return found


def end_a_subscription(found: Facts) -> Facts:
    found.subscribers[0].refusals.append({"type": "complete"})
    return found


def recover_late(found: Facts) -> Facts:
    return replace(found, hits=[Hit("SIGSTOP of postgres", 0.0, 60.1)])


def die(found: Facts) -> Facts:
    return replace(found, died_alone={"worker-1": [1]})


def fail_what_was_asked_for(found: Facts) -> Facts:
    found.requesters[0].ended["two"] = "FAILED"
    return found


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lose_a_note, "acknowledged notes are not where the answer said"),
        (write_a_note_twice, "notes were written twice"),
        (write_what_nobody_sent, "notes that nobody wrote"),
        (leave_a_gap, "the numbers have a gap"),
        (miss_an_event, "Subscriber missed, repeated or reordered events"),
        (repeat_an_event, "StreamSubscriber missed, repeated or reordered events"),
        (swap_two_events, "StreamSubscriber missed, repeated or reordered events"),
        (end_a_subscription, "Subscriber was refused as if for good"),
        (recover_late, r"a hit was got over in 60\.1 s"),
        (die, "processes died that nobody had killed"),
        (fail_what_was_asked_for, "scans ended FAILED: 1"),
    ],
)
def test_a_fault_fails_it(spoil: Callable[[Facts], Facts], told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        judge(spoil(facts()))


@pytest.mark.parametrize(
    ("spoilt", "told"),
    [
        ({"dead": ["run_scan: given up"]}, "jobs were given up"),
        ({"states": Counter({"RUNNING": 1})}, "jobs were left undone"),
        ({"scans": Counter({"FAILED": 1})}, "scans were left undone"),
        ({"imports": Counter({"RUNNING": 1})}, "imports were left undone"),
        ({"told_wrongly": ["a scan that ended twice"]}, "a begin or an end was told other than once"),
        ({"inventory": set()}, "the inventory is not what there is"),
        ({"found": (2 * 44, 0, 0)}, "resources were added twice"),
        ({"charges": (Decimal(5000), 4000)}, "charges are not those of one whole delivery"),
        ({"rows_left": 1}, "jobs are done without their effect"),
    ],
)
def test_a_doubled_or_missing_effect_fails_it(spoilt: dict[str, object], told: str) -> None:
    found = facts()
    with pytest.raises(AssertionError, match=told):
        judge(replace(found, effects=replace(found.effects, **spoilt)))  # type: ignore[arg-type]
