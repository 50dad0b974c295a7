"""How long questions about costs take the database: `python -m benchmarks.cost_queries --charges 1000000 10000000`.

One organization with four months of charges, made by SQL in the embedded PostgreSQL: 50 accounts, 40 services, some
2,000 summary and 10,000 cost dimensions, 1,000 prices, 600 tag sets in 150 allocation sets (three to an account), a
resource for each 100 charges. The roll-ups are made of the charges by the product's own SQL. Up to ten million charges
are made as they are; beyond, only what grows any further is: all other roll-ups hold a row for each combination of
their keys and day already, so `resource_monthly` and its dimensions are filled up to a resource for each 100 charges.

What is timed is what a request spends on the database behind an open transaction: the statement on what the imports
say, and the statement of the answer, with the making of both and the reading of their rows. On a machine that has
other work (see the load), the clock tells more of that than of the questions: promises
are held against the CPU time of the backend, which works alone, without parallel workers; the clock stands beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

from rich.console import Console
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.analysis.nodes import costs_of_resources
from app.costs.analysis.periods import add_months
from app.costs.analysis.plan import make_plan
from app.database import Database
from app.embedded import EngineUrls, engines
from app.models import new_id
from app.records.budgets import CostGranularity
from app.records.cost_analysis import CostDimension, CostQuestion, DateRange, Grouping
from app.records.costs import CostMetric
from app.repositories.cost_coverage import cost_coverage
from app.repositories.cost_reports import read_costs
from app.repositories.cost_store import CostStore
from app.upgrade import upgrade
from benchmarks import cost_recipe

ORGANIZATION = UUID(int=1)
ACCOUNT = UUID(int=2)
MONTHS = tuple(add_months(date(2026, 7, 1), number) for number in range(4))
OCTOBER = DateRange(MONTHS[3], add_months(MONTHS[3], 1))
NINETY_DAYS = DateRange(OCTOBER.end - timedelta(days=90), OCTOBER.end)
MOST_FACTS = 10_000_000
PROMISE, TAG_PROMISE, GROWTH_PROMISE = 10.0, 50.0, 1.2


def _by(*dimensions: CostDimension) -> tuple[Grouping, ...]:
    return tuple(map(Grouping, dimensions))


_RESOURCE = _by(
    CostDimension.RESOURCE_ID, CostDimension.RESOURCE_NAME, CostDimension.RESOURCE_TYPE, CostDimension.AVAILABILITY_ZONE
)
_SERVICE = _by(CostDimension.SERVICE_NAME)
_TEAM = (Grouping(tag="team"),)
QUESTIONS: dict[str, tuple[CostQuestion, float | None]] = {
    "month by service": (CostQuestion(OCTOBER, "USD", groupings=_SERVICE), PROMISE),
    "month by service, against the month before": (
        CostQuestion(OCTOBER, "USD", groupings=_SERVICE, previous=DateRange(MONTHS[2], MONTHS[3])),
        PROMISE,
    ),
    "month by service, converted to EUR": (CostQuestion(OCTOBER, "EUR", groupings=_SERVICE), PROMISE),
    "90 days by provider": (
        CostQuestion(
            NINETY_DAYS, "USD", granularity=CostGranularity.DAY, top=50, groupings=_by(CostDimension.PROVIDER)
        ),
        PROMISE,
    ),
    "top 100 resources of a month": (CostQuestion(OCTOBER, "USD", groupings=_RESOURCE), PROMISE),
    "month by tag": (CostQuestion(OCTOBER, "USD", groupings=_TEAM), TAG_PROMISE),
    "month by tag, by day": (
        CostQuestion(OCTOBER, "USD", granularity=CostGranularity.DAY, top=50, groupings=_TEAM),
        TAG_PROMISE,
    ),
    "month by tag and account": (
        CostQuestion(OCTOBER, "USD", groupings=(*_TEAM, *_by(CostDimension.SUB_ACCOUNT_ID))),
        None,
    ),
    "month by account": (CostQuestion(OCTOBER, "USD", groupings=_by(CostDimension.SUB_ACCOUNT_ID)), None),
    "month by region, by day": (
        CostQuestion(OCTOBER, "USD", granularity=CostGranularity.DAY, top=50, groupings=_by(CostDimension.REGION_ID)),
        None,
    ),
}
_SLOW: dict[str, CostQuestion] = {
    "top 100 by ResourceId alone, summed first": CostQuestion(OCTOBER, "USD", groupings=_by(CostDimension.RESOURCE_ID)),
    "month by SKU, from the charges": CostQuestion(OCTOBER, "USD", groupings=_by(CostDimension.SKU_ID)),
}
NESTED = "month of 100 resources of a page"


@dataclass
class Times:
    """Milliseconds of one question: on the clock, of the backend's CPU, and of the first time after a restart."""

    clock: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    cold: float | None = None


def p95(times: Sequence[float]) -> float:
    """95 of 100 are shorter."""
    return sorted(times)[max(0, -(-len(times) * 95 // 100) - 1)]


Work = Callable[[AsyncSession], Awaitable[object]]


def asking(question: CostQuestion) -> Work:
    """What a request does with the database to answer a question."""

    async def ask(session: AsyncSession) -> object:
        coverage = await cost_coverage(session, ORGANIZATION, question.period)
        plan = make_plan(question, coverage)
        rows = await read_costs(session, ORGANIZATION, plan)
        if plan.by_index:
            totals = CostQuestion(question.period, question.currency)
            rows += await read_costs(session, ORGANIZATION, make_plan(totals, coverage))
        return rows

    return ask


async def ask_resources(session: AsyncSession) -> object:
    """What a page of 100 resources costs."""
    ids = (await session.scalars(text("SELECT id FROM resources ORDER BY id LIMIT 100"))).all()
    return await costs_of_resources(session, ORGANIZATION, ids, OCTOBER, CostMetric.EFFECTIVE_COST)


WORKS: dict[str, Work] = {name: asking(question) for name, (question, _) in QUESTIONS.items()} | {NESTED: ask_resources}


def cpu_of(process: int) -> float:
    """Milliseconds of CPU that a process has had."""
    return int(Path(f"/proc/{process}/schedstat").read_text(encoding="ascii").split()[0]) / 1e6


class Course:
    """A database that is filled further and further."""

    def __init__(self, url: str) -> None:
        self.door = Database.connect(url, pool_size=1, statement_seconds=3600)
        self.owner = Database.connect(url, role=None, pool_size=1, statement_seconds=3600)

    async def close(self) -> None:
        """Close the connections."""
        await self.door.close()
        await self.owner.close()

    async def _run(self, statement: str, **values: object) -> object:
        async with self.owner.engine.begin() as connection:
            found = await connection.execute(text(statement), {"org": ORGANIZATION, **values})
            return found.scalar() if found.returns_rows else None

    async def prepare(self) -> dict[date, int]:
        """Organization, dimensions, partitions, import periods; returns these by month."""
        for statement in cost_recipe.SETUP:
            await self._run(statement, **({"account": ACCOUNT} if ":account" in statement else {}))
        periods: dict[date, int] = {}
        for month in MONTHS:
            await self._run("SELECT app_charge_partition(:month)", month=month)
            following = add_months(month, 1)
            values = {"month": month, "following": following, "last": following - timedelta(days=1)}
            periods[month] = int(str(await self._run(cost_recipe.PERIOD, import_id=new_id(), **values)))
        return periods

    async def grow(self, periods: dict[date, int], before: int, charges: int) -> None:
        """From so many charges to so many."""
        resources = charges // 100
        await self._run(cost_recipe.RESOURCES, first=before // 100 + 1, last=resources)
        facts, held = min(charges, MOST_FACTS), min(before, MOST_FACTS)
        if facts > held:
            for month, period in periods.items():
                days = (add_months(month, 1) - month).days
                first, last = held // len(MONTHS) + 1, facts // len(MONTHS)
                values = {
                    "start": datetime(month.year, month.month, 1, tzinfo=UTC),
                    "days": days,
                    "resources": min(resources, facts // 100),
                }
                await self._run(cost_recipe.CHARGES, period=period, first=first, last=last, **values)
            await self._vacuum()  # without figures about new tables, rolling them up is planned for empty ones
            for month, period in periods.items():
                async with self.door.write(ORGANIZATION) as session:
                    store = await CostStore.open(session, ORGANIZATION)
                    await store.fold([period], month, add_months(month, 1) - timedelta(days=1))
                    await store.merge([month])
        if charges > MOST_FACTS:
            first = max(before, MOST_FACTS) // 100 + 1
            for month, period in periods.items():
                await self._run(cost_recipe.MORE_RESOURCES, month=month, period=period, first=first, last=resources)
        if before == 0:
            await self._run(cost_recipe.INVENTORY, account=ACCOUNT)
        await self._vacuum()

    async def _vacuum(self) -> None:
        async with self.owner.engine.connect() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            if raw is not None:
                await raw.execute("VACUUM ANALYZE", timeout=3600)

    async def time(self, work: Work, runs: int, times: Times) -> None:
        """Do some work again and again, each time in a transaction of its own."""
        for _ in range(runs):
            async with self.door.read(ORGANIZATION) as session:
                backend = (await session.execute(text("SELECT pg_backend_pid()"))).scalar_one()
                await session.execute(text("SET LOCAL max_parallel_workers_per_gather = 0"))
                cpu, start = cpu_of(backend), time.perf_counter()
                await work(session)
                times.clock.append((time.perf_counter() - start) * 1e3)
                times.cpu.append(cpu_of(backend) - cpu)

    async def plan_of(self, question: CostQuestion) -> str:
        """Which roll-ups a question reads."""
        async with self.door.read(ORGANIZATION) as session:
            plan = make_plan(question, await cost_coverage(session, ORGANIZATION, question.period))
        names = list(dict.fromkeys(segment.rollup.value for segment in (*plan.segments, *plan.totals)))
        return ", ".join(names) + (" (index)" if plan.by_index else "")


Found = dict[int, dict[str, Times]]


async def fill(url: str, periods: dict[date, int], before: int, charges: int) -> dict[date, int]:
    """Fill the database up to so many charges."""
    course = Course(url)
    try:
        periods = periods or await course.prepare()
        await course.grow(periods, before, charges)
    finally:
        await course.close()
    return periods


async def cold(url: str, found: dict[str, Times]) -> None:
    """The first time of each question, each on a new connection, after the server has just started."""
    for name, work in WORKS.items():
        course = Course(url)
        try:
            first = Times()
            await course.time(work, 1, first)
            found[name] = Times(cold=first.clock[0])
        finally:
            await course.close()


async def warm(url: str, found: dict[str, Times], runs: int, *, slow: bool) -> dict[str, str]:
    """All questions by turns; returns what each reads."""
    course = Course(url)
    try:
        for work in WORKS.values():
            await course.time(work, 8, Times())  # the server chooses generic plans after five times
        for _ in range(runs // 10):
            for name, work in WORKS.items():
                await course.time(work, 10, found[name])
        for name, question in _SLOW.items() if slow else ():
            await course.time(asking(question), 3, found.setdefault(name, Times()))
        asked = {name: question for name, (question, _) in QUESTIONS.items()} | _SLOW
        return {name: await course.plan_of(question) for name, question in asked.items()}
    finally:
        await course.close()


def row(name: str, found: Found, size: int, plans: dict[str, str]) -> str:
    """The line of a question in the table of a size."""
    times, smallest = found[size][name], found[min(found)].get(name)
    growth = statistics.median(times.cpu) / statistics.median(smallest.cpu) if smallest is not None else None
    promise = QUESTIONS[name][1] if name in QUESTIONS else None
    cells = [
        name,
        plans.get(name, "resource_monthly, charges"),
        f"{statistics.median(times.cpu):.1f}",
        f"{p95(times.cpu):.1f}",
        "" if growth is None else f"{growth:.2f}",
        f"{statistics.median(times.clock):.1f}",
        f"{p95(times.clock):.1f}",
        "" if times.cold is None else f"{times.cold:.1f}",
        "" if promise is None else f"p95 ≤ {promise:g} {'kept' if p95(times.cpu) <= promise else 'MISSED'}",
    ]
    if promise is not None and growth is not None and size != min(found):
        cells[-1] += f", growth ≤ {GROWTH_PROMISE} {'kept' if growth <= GROWTH_PROMISE else 'MISSED'}"
    return f"| {' | '.join(cells)} |"


def report(found: Found, plans: dict[str, str], loads: dict[int, float], runs: int) -> str:
    """The figures as Markdown."""
    sizes = sorted(found)
    lines = ["# Questions about costs: the database's part", "", *(__doc__ or "").splitlines()[2:], ""]
    lines += [f"{runs} runs each, by turns; milliseconds. Growth is that of the CPU median against the smallest size;"]
    lines += ["cold is the first time on a new connection, on the clock, of a server that has just started.", ""]
    names = list(found[sizes[-1]])
    for size in sizes:
        lines += [f"## {size:,} charges", "", f"Load of the machine's two cores: {loads[size]:.1f}.", ""]
        lines += ["| question | reads | CPU median | CPU p95 | growth | clock median | clock p95 | cold | promise |"]
        lines += ["| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |"]
        lines += [row(name, found, size, plans) for name in names if name in found[size]]
        lines.append("")
    return "\n".join(lines)


def run(folder: Path, sizes: Sequence[int], runs: int, *, slow: bool) -> Iterator[str]:
    """Fill, restart, ask, for each size; gives the figures so far after each."""
    found: Found = {}
    periods: dict[date, int] = {}
    plans: dict[str, str] = {}
    loads: dict[int, float] = {}
    before = 0
    console = Console(stderr=True)

    def within(work: Callable[[EngineUrls], object]) -> None:
        with engines(folder / "data") as urls:
            work(urls)

    within(lambda urls: upgrade(urls.database_url))
    for size in sorted(sizes):
        start = time.perf_counter()

        def filling(urls: EngineUrls, size: int = size, before: int = before) -> None:
            periods.update(asyncio.run(fill(urls.database_url, dict(periods), before, size)))

        within(filling)
        console.print(f"{size:,} charges: filled in {time.perf_counter() - start:.0f} s")
        found[size] = {}

        def asking_all(urls: EngineUrls, size: int = size) -> None:
            asyncio.run(cold(urls.database_url, found[size]))
            plans.update(asyncio.run(warm(urls.database_url, found[size], runs, slow=slow)))

        within(asking_all)
        loads[size] = os.getloadavg()[1]
        before = size
        yield report(found, plans, loads, runs)


def main() -> None:
    """Start the engines, ask, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--charges", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--slow", action="store_true", help="also time what is read from all resources or charges")
    parser.add_argument("--output", type=Path, help="write the figures here, such as benchmarks/COST_QUERIES.md")
    options = parser.parse_args()
    # The server may still be writing its last files when its folder is removed.
    with tempfile.TemporaryDirectory(prefix="skyledger-benchmark-", ignore_cleanup_errors=True) as folder:
        for figures in run(Path(folder), options.charges, options.runs, slow=options.slow):
            if options.output:
                options.output.write_text(figures, encoding="utf-8")
        Console(width=200).print(figures, markup=False)


if __name__ == "__main__":
    main()
