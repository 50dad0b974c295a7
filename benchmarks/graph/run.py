"""Measures the graph against f and its peers: `make bench`, or `python -m benchmarks.graph.run` for a look.

    python -m benchmarks.graph.run --only Q1,Q4 --contestants f,skyledger --rounds 3 --seconds 2
    python -m benchmarks.graph.run --report     all of it, with growth; writes benchmarks/RESULTS.md and its graph

Each contestant is a process on one core; PostgreSQL and who asks are on the other. Answers are compared before anything
is timed. Within a round the contestants take turns, in another order in each; a ratio is to f of the same round, and
what is told is the median over the rounds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.graph.contestants import CONTESTANTS, EVERY, Contestant
from benchmarks.graph.dataset import FOLDER, data_set
from benchmarks.graph.documents import Question, comparable
from benchmarks.graph.figures import GROWTH, Figures, Place
from benchmarks.graph.load import AnswerError, ask
from benchmarks.graph.peers import PEERS
from benchmarks.graph.servers import OTHER_CORE, Server, pin, serving

CONNECTIONS = (1, 32)
WARM_SECONDS = 0.3
FIRST_SECONDS, FIRST_CONNECTIONS = 2.0, 8
"""How each is asked before the first round, for what compiles what it runs often."""
ROUNDS, SECONDS = 7, 1.5
GROWING = ("f", "skyledger")
EVERYONE = CONTESTANTS | PEERS
console = Console(stderr=True)


async def differences(servers: Mapping[str, Server], questions: Sequence[Question]) -> list[str]:
    """In which answers contestants differ from the first of them, in words; none where all say the same.

    Skyledger's and f's must be equal as JSON; what others answer is compared by what it says.
    """
    told = []
    for question in questions:
        first: str | None = None
        exact = said = None
        for server in _asked(servers, question):
            name = server.contestant.name
            try:
                data = await server.data(question)
            except (AnswerError, ValueError) as error:
                told.append(f"{question.query} {question.slug}: {name} fails: {error}")
                continue
            if first is None:
                first, exact, said = name, data, comparable(data)
            elif comparable(data) != said or (name.startswith("skyledger") and first == "f" and data != exact):
                told.append(f"{question.query} {question.slug}: {name} answers another thing than {first}")
    return told


async def measure(
    servers: Mapping[str, Server],
    questions: Sequence[Question],
    rounds: int,
    seconds: float,
    connections: Sequence[int] = CONNECTIONS,
) -> Figures:
    """Ask everyone everything, by turns."""
    figures = Figures()
    for question in questions:
        for server in _asked(servers, question):
            values = (server.place.port, server.request(question), server.process)
            await ask(*values, connections=FIRST_CONNECTIONS, seconds=FIRST_SECONDS)
    for number in range(rounds):
        for question in questions:
            asked = _asked(servers, question)
            turn = number % len(asked)
            for server in asked[turn:] + asked[:turn]:
                expected = await server.body(question)
                values = (server.place.port, server.request(question), server.process)
                for wide in connections:
                    await ask(*values, connections=wide, seconds=WARM_SECONDS)
                    load = await ask(*values, connections=wide, seconds=seconds, expected=expected)
                    figures.add(Place(question, server.contestant.name, wide), load)
        console.print(f"round {number + 1} of {rounds} is done")
    return figures


def _asked(servers: Mapping[str, Server], question: Question) -> list[Server]:
    return [one for one in servers.values() if question.query in one.contestant.queries]


def show(figures: Figures) -> Table:
    """The figures for the terminal."""
    table = Table(
        "query",
        "contestant",
        "at a time",
        "CPU ms",
        "to f",
        "lowest-highest",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "failed",
    )
    for place in figures.rounds:
        to_f, found = figures.ratios(place), figures.median(place)
        table.add_row(
            f"{place.question.query} {place.question.slug} {place.question.first or ''}",
            place.contestant,
            str(place.connections),
            f"{found.cpu * 1e3:.3f}",
            f"{figures.ratio(place):.2f}" if to_f else "",
            f"{min(to_f):.2f}-{max(to_f):.2f}" if to_f else "",
            f"{found.rate:.0f}",
            f"{found.p50 * 1e3:.2f}",
            f"{found.p99 * 1e3:.2f}",
            str(found.failed or ""),
        )
    return table


def chosen(names: str | None) -> tuple[list[Contestant], list[str]]:
    """The contestants to take part, and in words those that cannot run here."""
    found, told = [], []
    for name in names.split(",") if names else EVERYONE:
        contestant = EVERYONE[name]
        if lacking := contestant.missing():
            told.append(f"without {contestant.title}: {lacking}")
        else:
            found.append(contestant)
    return found, told


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", action="store_true", help="measure growth too, and write RESULTS.md and its graph")
    parser.add_argument("--only", help="queries, separated by commas; all by default")
    parser.add_argument("--contestants", help=f"of {', '.join(EVERYONE)}; all by default")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each measurement")
    parser.add_argument("--connections", default=",".join(map(str, CONNECTIONS)), help="how many ask at a time")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of the data, which is made once a day")
    arguments = parser.parse_args()
    if arguments.report and arguments.contestants and not set(GROWING) <= set(arguments.contestants.split(",")):
        parser.error("a report needs f and skyledger among the contestants")
    return arguments


def main() -> int:
    """Run the command line; the exit code is 1 where answers differ."""
    arguments = _arguments()
    pin(OTHER_CORE)
    questions = [Question.of(query) for query in (arguments.only or ",".join(EVERY)).split(",")]
    connections = [int(number) for number in arguments.connections.split(",")]
    contestants, absent = chosen(arguments.contestants)
    console.print("\n".join(absent), markup=False)
    if arguments.report:
        # Before anything is measured: the extra `bench` draws its graphs, and may be missing.
        from benchmarks.graph.report import write  # noqa: PLC0415
    with (
        data_set(arguments.folder) as (urls, facts),
        serving(contestants, urls, facts, arguments.folder.resolve() / "logs") as servers,
    ):
        growing = {name: servers[name] for name in GROWING} if arguments.report else {}
        if told := uvloop.run(differences(servers, questions)) + uvloop.run(differences(growing, GROWTH)):
            console.print("\n".join(told), markup=False)
            return 1
        figures = uvloop.run(measure(servers, questions, arguments.rounds, arguments.seconds, connections))
        Console(width=140).print(show(figures))
        if arguments.report:
            growth = uvloop.run(measure(growing, GROWTH, arguments.rounds, arguments.seconds / 2, (1,)))
            write(figures, growth, contestants, absent, urls, rounds=arguments.rounds, seconds=arguments.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
