"""Random sequences of scans, user actions and clock moves never lose, duplicate or contradict a recommendation.

On a real database, through what the product itself calls; after each step the ledger is held against plain rules, and
totals against the sum of what does not overlap. `pytest -m campaign --sequences 3000` is the full form.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console
from sqlalchemy import text

from app.database import Database
from app.records.recommendations import HistoryKind, Resolution
from tests.recommendations.life import Life, somebody_elses
from tests.recommendations.made_up_cloud import CHECKS, UNATTACHED, VOLUMES, Tuned, Volume

Step = tuple[Any, ...]
PICKS = st.lists(st.integers(0, 15), min_size=1, max_size=6)
A_VOLUME = st.builds(
    Volume,
    kind=st.sampled_from(["gp2", "gp2", "gp3", "gp9"]),
    size=st.sampled_from([5, 40, 100]),
    attached=st.booleans(),
    readable=st.sampled_from([True, True, True, False]),
    kept=st.booleans(),
)
PART = st.tuples(st.sampled_from(VOLUMES), st.none() | A_VOLUME | A_VOLUME)
SCAN = st.tuples(
    st.just("scan"),
    st.lists(PART, max_size=3),
    st.sampled_from(["as before", "stopped", "stopped", "running", None]),
    st.sampled_from([True, True, True, False]),
)
TUNED = {
    "enabled": st.sampled_from([True, True, False]),
    "minimum": st.sampled_from([Decimal(0), Decimal(1), Decimal(5)]),
    "leaves_out_kept": st.booleans(),
}
RULE = st.one_of(
    st.tuples(st.just("tune"), st.sampled_from(CHECKS), st.builds(Tuned, **TUNED)),
    st.tuples(st.just("tune"), st.just(UNATTACHED), st.builds(Tuned, age_days=st.sampled_from([7, 14]), **TUNED)),
)
SAY = st.one_of(
    st.tuples(st.just("ignore"), PICKS, st.none() | st.integers(1, 9)),
    st.tuples(st.just("mark"), PICKS, st.integers(1, 9)),
    st.tuples(st.sampled_from(["resolve", "reopen"]), PICKS, st.none()),
)
STEP: st.SearchStrategy[Step] = st.one_of(
    SCAN,
    SCAN,
    SAY,
    SAY,
    SAY,
    st.tuples(st.just("wait"), st.sampled_from([1, 3, 8, 20]), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([1, 3, 8, 20]), st.booleans()),
    RULE,
    st.tuples(st.just("measure"), st.sampled_from([False, False, True])),
    st.tuples(st.just("look")),
    st.tuples(st.sampled_from(["disconnect", "connect", "connect"])),
)
FIRST = st.tuples(*([A_VOLUME] * len(VOLUMES))).map(
    lambda volumes: [("scan", list(zip(VOLUMES, volumes, strict=True)), "stopped", True), ("wait", 8, True), ("look",)]
)
STEPS = st.tuples(FIRST, st.lists(STEP, min_size=10, max_size=30)).map(lambda pair: [*pair[0], *pair[1]])
"""Something is there and has been found when it begins."""


ENOUGH = 300
"""Sequences in which all that can happen does happen."""


class Stage:
    """A database and a loop on which sequences are played, one after the other."""

    def __init__(self, url: str) -> None:
        self.runner = asyncio.Runner()
        self.database, self.owner = Database.connect(url), Database.connect(url, role=None)
        self.foreign: UUID = self.runner.run(somebody_elses(self.owner))

    def play(self, steps: list[Step]) -> None:
        """Play a sequence in an organization of its own."""
        self.runner.run(self._play(steps))

    async def _play(self, steps: list[Step]) -> None:
        life = Life(self.database, self.owner, self.foreign)
        await life.begin()
        for step in steps:
            await take(life, *step)
            await life.check()

    def happened(self) -> Counter[str]:
        """How often each thing happened to a recommendation, and why each that is resolved is so, in all sequences."""
        return self.runner.run(self._happened())

    async def _happened(self) -> Counter[str]:
        found: Counter[str] = Counter()
        async with self.owner.read(None) as session:
            for column, table in (("kind", "recommendation_history"), ("resolution", "recommendations")):
                counts = f"SELECT {column}, count(*) FROM {table} WHERE {column} IS NOT NULL GROUP BY 1"  # noqa: S608
                found.update({row[0]: row[1] for row in await session.execute(text(counts))})
        return found

    async def close(self) -> None:
        """Let go of the database."""
        await self.database.close()
        await self.owner.close()


async def take(life: Life, kind: str, *values: Any) -> None:
    """Take one step."""
    if kind == "scan":
        changes, instance, complete = values
        for name, volume in changes:
            life.cloud.volumes.pop(name, None)
            if volume is not None:
                life.cloud.volumes[name] = volume
        if instance != "as before":
            life.cloud.instance = instance
        await life.scan(complete=complete)
    elif kind == "tune":
        await life.tune(*values)
    elif kind == "wait":
        days, woken = values
        await life.wait(days, woken=woken)
    elif kind == "measure":
        await life.measure(denied=values[0])
    elif kind in {"look", "connect", "disconnect"}:
        if kind != "disconnect" or life.is_connected:
            await getattr(life, kind)()
    else:
        await life.say(kind, *values)


@pytest.fixture
def stage(fresh_database_url: str) -> Iterator[Stage]:
    made = Stage(fresh_database_url)
    yield made
    made.runner.run(made.close())
    made.runner.close()


@pytest.mark.campaign
def test_no_sequence_loses_doubles_or_contradicts(request: pytest.FixtureRequest, stage: Stage) -> None:
    @settings(
        max_examples=request.config.getoption("--sequences"),
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(STEPS)
    def play(steps: list[Step]) -> None:
        stage.play(steps)

    play()
    happened = stage.happened()
    Console(width=110).print(*(f"{name} {count:,}" for name, count in sorted(happened.items())), sep="; ")
    if request.config.getoption("--sequences") >= ENOUGH:
        assert happened.keys() >= {*HistoryKind, *Resolution}, "all that can happen has happened"
