"""Writes what was measured: benchmarks/RESULTS.md and its graphs, with versions and recipe."""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import asyncpg
import orjson

from app.embedded import EngineUrls
from benchmarks.graph.chart import draw, draw_growth
from benchmarks.graph.contestants import Contestant
from benchmarks.graph.dataset import plain_url
from benchmarks.graph.documents import TITLES, Question
from benchmarks.graph.figures import GOALS, LEADS, LONGER_PAGES, MORE_DATA, Figures, Place

RESULTS = Path("benchmarks/RESULTS.md")
GRAPH = Path("benchmarks/RESULTS.png")
GROWTH_GRAPH = Path("benchmarks/GROWTH.png")
_PACKAGES = (
    *("uvicorn", "uvloop", "httptools", "starlette", "asyncpg", "orjson", "sqlalchemy", "strawberry-graphql"),
    *("graphql-core", "ariadne"),
)
_PEERS = Path(__file__).parent / "peers/package.json"
_INTRODUCTION = """# The graph against hand-written routes and its peers

![Server CPU of a request as a ratio to f](RESULTS.png)

**f** is the route that an expert would write by hand for one page: a Starlette route with a token check, the tenant set
on the connection, the fewest statements with asyncpg, orjson (`benchmarks/graph/hand_written.py`). The figure is the
CPU that the kernel gave the server's process for one request, and its ratio to f in the same round.
"""
_RECIPE = """50 organizations with 100,000 resources, 20,000 recommendations and four months of charges
(`benchmarks/graph/rows.py`, `charges.py`); questions are about the largest, which has 20,000 resources. Each
contestant is a process on one core; PostgreSQL and who asks are on the other. Answers are compared before anything is
timed. CPU is that of all threads of the server's process (`/proc/PID/task/*/schedstat`). Skyledger is `skyledger
serve` as it is: authentication, isolation of tenants, limits, metrics and a line of log for each request. The others
check the token and set the tenant, and do nothing else; they do so at each request, where Skyledger keeps a token
whose signature was right, by its hash, and sets the tenant of a connection when it is another one's turn. Q5 and Q6
need what Skyledger knows of costs, which the peers do not. `failed` counts answers that were errors, such as of a
server that ran out of its time."""


def write(
    figures: Figures,
    growth: Figures,
    contestants: Sequence[Contestant],
    absent: Sequence[str],
    urls: EngineUrls,
    *,
    rounds: int,
    seconds: float,
) -> None:
    """Write the table and the graphs."""
    titles = {one.name: one.title for one in contestants}
    parts = [
        _INTRODUCTION,
        "\n".join(_goals(figures, titles)),
        "\n".join(_tables(figures, titles)),
        "\n".join(_growth(growth)),
        "\n".join(_recipe(urls, absent, rounds, seconds)),
    ]
    RESULTS.write_text("\n".join(parts), encoding="utf-8")
    draw(figures, titles, GRAPH)
    draw_growth(growth, GROWTH_GRAPH)


def _goals(figures: Figures, titles: dict[str, str]) -> Iterator[str]:
    """What was promised and what came of it, at one request at a time."""
    yield from ("## What was promised", "", "| query | promise | measured | |", "| --- | --- | ---: | --- |")
    for query, most in GOALS.items():
        place = Place(Question.of(query), "skyledger", 1)
        ratio = figures.ratio(place) if place in figures.rounds else None
        if ratio is not None:
            kept = "kept" if ratio <= most else "MISSED"
            yield f"| {query} {TITLES[query]} | Skyledger ≤ {most} of f | {ratio:.2f} | {kept} |"
    for peer, (least, queries) in LEADS.items():
        for query in queries:
            place = Place(Question.of(query), peer, 1)
            ratio = figures.ratio(place, "skyledger") if place in figures.rounds else None
            if ratio is not None:
                kept = "kept" if ratio >= least else "MISSED"
                yield f"| {query} | {titles[peer]} ≥ {least} of Skyledger | {ratio:.2f} | {kept} |"
    yield ""


def _tables(figures: Figures, titles: dict[str, str]) -> Iterator[str]:
    """A table for each query and number of connections."""
    questions = dict.fromkeys((place.question, place.connections) for place in figures.rounds)
    for question, connections in sorted(questions, key=lambda one: (one[0].query, one[1])):
        at_a_time = "one request at a time" if connections == 1 else f"{connections} requests at a time"
        yield from (f"## {question.query}: {TITLES[question.query]}, {at_a_time}", "")
        yield "| | CPU ms | ratio to f | lowest to highest | requests/s | p50 ms | p99 ms | failed |"
        yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
        for name, title in titles.items():
            place = Place(question, name, connections)
            if place in figures.rounds:
                yield f"| {title} | {' | '.join(_cells(figures, place))} |"
        yield ""


def _cells(figures: Figures, place: Place) -> tuple[str, ...]:
    found, ratios = figures.median(place), figures.ratios(place)
    return (
        f"{found.cpu * 1e3:.3f}",
        f"{figures.ratio(place):.2f}" if ratios else "",
        f"{min(ratios):.2f} to {max(ratios):.2f}" if ratios else "",
        f"{found.rate:,.0f}",
        f"{found.p50 * 1e3:.2f}",
        f"{found.p99 * 1e3:.2f}",
        str(found.failed or ""),
    )


def _growth(growth: Figures) -> Iterator[str]:
    """How the cost of a request grows with data and with the page."""
    yield from ("## Growth", "", "![Server CPU of a request as data and page grow](GROWTH.png)", "")
    yield from ("One request at a time; growth is that of the server's CPU against the line above.", "")
    for asked, what in ((MORE_DATA, "resources of the organization"), (LONGER_PAGES, "page")):
        yield f"| query | {what} | f, CPU ms | growth | Skyledger, CPU ms | growth | ratio to f | p50 ms |"
        yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
        for query, steps in asked.items():
            before: tuple[float, float] | None = None
            for size, question in steps:
                place = Place(question, "skyledger", 1)
                of_f, found = growth.median(Place(question, "f", 1)).cpu, growth.median(place)
                grown = (f"{of_f / before[0]:.2f}", f"{found.cpu / before[1]:.2f}") if before else ("", "")
                before = (of_f, found.cpu)
                cells = (query, f"{size:,}", f"{of_f * 1e3:.3f}", grown[0], f"{found.cpu * 1e3:.3f}", grown[1])
                yield f"| {' | '.join(cells)} | {growth.ratio(place):.2f} | {found.p50 * 1e3:.2f} |"
        yield ""


def _recipe(urls: EngineUrls, absent: Sequence[str], rounds: int, seconds: float) -> Iterator[str]:
    """How to get the same again."""
    yield from ("## Recipe", "", f'`make bench BENCH="--rounds {rounds} --seconds {seconds:g}"`', "")
    yield f"{_RECIPE} {rounds} rounds of {seconds:g} s for each contestant and query, by turns; medians."
    yield ""
    yield f"{datetime.now(UTC):%Y-%m-%d}; {_processor()}; load at the end {os.getloadavg()[0]:.1f}."
    yield f"Python {platform.python_version()}, {asyncio.run(_postgresql(urls))}, {', '.join(_versions())}."
    yield from ("", *absent)


def _versions() -> Iterator[str]:
    for name in _PACKAGES:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    if _PEERS.exists():
        packages = orjson.loads(_PEERS.read_bytes()).get("dependencies", {})
        yield from (f"{name} {number.lstrip('^~=')}" for name, number in packages.items())


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{os.cpu_count()} cores of {names[0]}" if names else f"{os.cpu_count()} cores"


async def _postgresql(urls: EngineUrls) -> str:
    connection = await asyncpg.connect(plain_url(urls.database_url))
    try:
        found: str = await connection.fetchval("SHOW server_version")
    finally:
        await connection.close()
    return f"PostgreSQL {found}"
