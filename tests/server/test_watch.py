"""One task looks at the callers of all streams: nobody outlives their right, and nothing stays of those who left."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pytest
import structlog

from app.server.identity import Identity
from app.server.limits import Limits
from app.server.watch import AT_A_TIME, EXPIRED, MOST_FAILED_LOOKS, REVOKED, UNVERIFIABLE, Ended, Watch, Watched
from tests.server.toy_graph import in_seconds
from tests.server.toy_server import eventually


@dataclass(frozen=True)
class Caller:
    """Somebody with a number."""

    subject: str
    expires_at: datetime | None = None


@dataclass
class Store:
    """Who is revoked, and what the watch has asked."""

    revoked: set[str] = field(default_factory=set)
    broken_for: set[str] = field(default_factory=set)
    hangs: bool = False
    forgets: bool = False
    asked: list[int] = field(default_factory=list)
    told: dict[str, list[Ended]] = field(default_factory=dict)

    async def revalidate(self, identities: Sequence[Identity]) -> list[bool]:
        self.asked.append(len(identities))
        await asyncio.sleep(60 if self.hangs else 0)
        if any(identity.subject in self.broken_for for identity in identities):
            raise ConnectionError
        return [] if self.forgets else [identity.subject not in self.revoked for identity in identities]

    def begin(self, watch: Watch, subject: str, expires_at: datetime | None = None) -> Watched:
        """Watch somebody, and keep what is told."""
        told = self.told.setdefault(subject, [])
        return watch.begin(Caller(subject, expires_at), told.append)

    async def look(self, times: int) -> None:
        """Wait until the watch has asked so many times more."""
        wanted = len(self.asked) + times
        await eventually(lambda: len(self.asked) >= wanted)

    def ended(self, why: Ended) -> set[str]:
        return {subject for subject, told in self.told.items() if told == [why]}


async def test_with_the_default_figures_revocation_bites_within_5_s_for_all_by_one_look() -> None:
    store = Store()
    watch = Watch(store.revalidate, Limits().revalidate_seconds)
    loop, many = asyncio.get_running_loop(), 2 * AT_A_TIME + 7
    streams = [store.begin(watch, str(number)) for number in range(many)]
    await eventually(lambda: store.asked == [AT_A_TIME, AT_A_TIME, 7])  # the worst moment: just looked at
    gone = {str(number) for number in range(0, many, 2)}
    store.revoked |= gone
    revoked_at = loop.time()
    await eventually(lambda: store.ended(REVOKED) == gone)
    assert loop.time() - revoked_at < 5
    assert store.asked == 2 * [AT_A_TIME, AT_A_TIME, 7]
    assert len(watch) == many - len(gone)
    for stream in streams:
        stream.stop()


@pytest.mark.parametrize(("interval", "seconds"), [(30.0, 0.3), (0.1, 0.45)])
async def test_expiry_comes_on_time_within_an_interval_and_after_many(interval: float, seconds: float) -> None:
    store = Store()
    watch = Watch(store.revalidate, interval)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    store.begin(watch, "soon", in_seconds(seconds))
    later = store.begin(watch, "later", in_seconds(3600))
    await eventually(lambda: store.told["soon"])
    assert store.told == {"soon": [EXPIRED], "later": []}
    assert seconds - 0.01 <= loop.time() - begun < seconds + 2
    later.stop()


async def test_without_a_store_only_expiry_ends_a_stream() -> None:
    store = Store()
    watch = Watch(None, 0.05)
    store.begin(watch, "soon", in_seconds(0.3))
    ever = store.begin(watch, "ever")
    await eventually(lambda: store.told["soon"] == [EXPIRED])
    assert store.told["ever"] == []
    ever.stop()


async def test_an_expired_proof_that_holds_no_longer_is_told_as_expired() -> None:
    store = Store(revoked={"late"})
    watch = Watch(store.revalidate, 0.05)
    watched = store.begin(watch, "late", in_seconds(-1))
    watched.hear(holds=False)
    await asyncio.sleep(0.2)
    assert store.told == {"late": [EXPIRED]}


@pytest.mark.parametrize("how", ["breaks", "hangs", "forgets"])
async def test_looks_that_fail_in_a_row_end_all_and_the_log_says_so_once_a_look(how: str) -> None:
    store = Store(hangs=how == "hangs", forgets=how == "forgets", broken_for={"0"} if how == "breaks" else set())
    watch = Watch(store.revalidate, 0.1)
    with structlog.testing.capture_logs() as logs:
        for number in range(20):
            store.begin(watch, str(number))
        await eventually(lambda: len(store.ended(UNVERIFIABLE)) == 20)
    assert len(store.asked) == MOST_FAILED_LOOKS
    assert [(log["event"], log["callers"]) for log in logs] == MOST_FAILED_LOOKS * [("session_checks_failed", 20)]
    assert all((log["exc_info"] is None) == (how == "hangs") for log in logs), "lateness needs no trace"
    assert len(watch) == 0


async def test_a_look_that_succeeds_forgives_those_that_failed() -> None:
    store = Store(broken_for={"somebody"})
    watch = Watch(store.revalidate, 60)  # looks by itself too seldom to disturb
    watched = store.begin(watch, "somebody")
    for _ in range(3):
        for _ in range(MOST_FAILED_LOOKS - 1):
            await watch._look()
        store.broken_for.clear()
        await watch._look()
        store.broken_for.add("somebody")
    assert store.told == {"somebody": []}
    watched.stop()


async def test_a_question_that_fails_leaves_the_others_checked() -> None:
    store = Store(broken_for={"0"}, revoked={str(AT_A_TIME)})
    watch = Watch(store.revalidate, 0.05)
    streams = [store.begin(watch, str(number)) for number in range(AT_A_TIME + 2)]
    await eventually(lambda: len(store.ended(UNVERIFIABLE)) == AT_A_TIME)
    assert store.ended(REVOKED) == {str(AT_A_TIME)}
    assert store.told[str(AT_A_TIME + 1)] == []
    streams[-1].stop()


async def test_nothing_is_left_of_streams_that_stopped_also_in_the_middle_of_a_look() -> None:
    tasks = asyncio.all_tasks()
    store = Store(revoked={"b"})
    watch = Watch(store.revalidate, 0.05)
    first = [store.begin(watch, "a", in_seconds(0.04)), store.begin(watch, "b")]
    await eventually(lambda: store.told == {"a": [EXPIRED], "b": [REVOKED]})
    store.hangs = True
    second = [store.begin(watch, "c", in_seconds(0.5)), store.begin(watch, "d")]
    looks = len(store.asked)
    await eventually(lambda: len(store.asked) > looks)
    for stream in first + second:
        stream.stop()
    await asyncio.sleep(0.6)
    assert (len(watch), store.told["c"], store.told["d"]) == (0, [], [])
    assert asyncio.all_tasks() == tasks
    store.hangs = False
    store.revoked.add("e")
    store.begin(watch, "e")
    await eventually(lambda: store.told["e"] == [REVOKED])


async def test_streams_that_share_an_identity_are_asked_about_once_and_all_told() -> None:
    store = Store(revoked={"ada"})
    watch = Watch(store.revalidate, 0.05)
    ada, told = Caller("ada"), list[Ended]()
    for _ in range(100):
        watch.begin(ada, told.append)
    await eventually(lambda: told == [REVOKED] * 100)
    assert store.asked == [1]
    assert len(watch) == 0
