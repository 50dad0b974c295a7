"""Measures the graph against f and its peers: `python -m benchmarks.graph.run`, or `make bench` for all of it.

    --only Q1,Q4 --contestants f,skyledger --rounds 3 --seconds 2    for a quick look, which writes no report

Each contestant is a process on one core; PostgreSQL and who asks are on the other. Answers are compared before anything
is timed. Within a round the contestants take turns, in another order in each; a ratio is to f of the same round, and
what is told is the median over the rounds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.graph.contestants import CONTESTANTS, EVERY, Contestant
from benchmarks.graph.dataset import FOLDER, data_set
from benchmarks.graph.documents import Question, comparable
from benchmarks.graph.load import AnswerError, Load, ask
from benchmarks.graph.servers import OTHER_CORE, Server, pin, serving

CONNECTIONS = (1, 32)
WARM_SECONDS = 0.5
ROUNDS, SECONDS = 5, 3.0
console = Console(stderr=True)


@dataclass(frozen=True)
class Place:
    """Where a measurement stands in the table."""

    question: Question
    contestant: str
    connections: int


Rounds = dict[Place, list[Load]]


async def differences(servers: Mapping[str, Server], questions: Sequence[Question]) -> list[str]:
    """In which answers contestants differ from the first of them, in words; none where all say the same.

    Skyledger's and f's must be equal as JSON; what others answer is compared by what it says.
    """
    told = []
    for question in questions:
        first: str | None = None
        exact = said = None
        for name, server in servers.items():
            if question.query not in server.contestant.queries:
                continue
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
    connections: Sequence[int],
) -> Rounds:
    """Ask everyone everything, by turns."""
    found: Rounds = {}
    for number in range(rounds):
        for question in questions:
            asked = [one for one in servers.values() if question.query in one.contestant.queries]
            turn = number % len(asked)
            for server in asked[turn:] + asked[:turn]:
                request, expected = server.request(question), await server.body(question)
                values = (server.place.port, request, server.process)
                for wide in connections:
                    await ask(*values, connections=wide, seconds=WARM_SECONDS)
                    load = await ask(*values, connections=wide, seconds=seconds, expected=expected)
                    found.setdefault(Place(question, server.contestant.name, wide), []).append(load)
        console.print(f"round {number + 1} of {rounds} is done")
    return found


def ratios(found: Rounds, place: Place) -> list[float]:
    """The server CPU of a request against that of f in the same round; empty without f."""
    base = found.get(Place(place.question, "f", place.connections), [])
    return [load.cpu / of_f.cpu for load, of_f in zip(found[place], base, strict=False)]


def show(found: Rounds) -> Table:
    """The figures for the terminal."""
    table = Table(
        "query", "contestant", "at a time", "CPU ms", "ratio to f", "lowest-highest", "requests/s", "p50 ms", "p99 ms"
    )
    for place, loads in found.items():
        to_f = ratios(found, place)
        table.add_row(
            f"{place.question.query} {place.question.slug} {place.question.first or ''}",
            place.contestant,
            str(place.connections),
            f"{median(load.cpu for load in loads) * 1e3:.3f}",
            f"{median(to_f):.2f}" if to_f else "",
            f"{min(to_f):.2f}-{max(to_f):.2f}" if to_f else "",
            f"{median(load.rate for load in loads):.0f}",
            f"{median(load.quantile(0.5) for load in loads) * 1e3:.2f}",
            f"{median(load.quantile(0.99) for load in loads) * 1e3:.2f}",
        )
    return table


def chosen(names: str | None) -> list[Contestant]:
    """The contestants to take part; those that cannot run here are told and left out."""
    found = []
    for name in names.split(",") if names else CONTESTANTS:
        contestant = CONTESTANTS[name]
        if lacking := contestant.missing():
            console.print(f"without {contestant.title}: {lacking}")
        else:
            found.append(contestant)
    return found


def main() -> int:
    """Run the command line; the exit code is 1 where answers differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="queries, separated by commas; all by default")
    parser.add_argument("--contestants", help=f"of {', '.join(CONTESTANTS)}; all by default")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each measurement")
    parser.add_argument("--connections", default=",".join(map(str, CONNECTIONS)), help="how many ask at a time")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of the data, which is made once")
    parser.add_argument("--organization", default="grown")
    arguments = parser.parse_args()
    pin(OTHER_CORE)
    questions = [Question.of(query, arguments.organization) for query in (arguments.only or ",".join(EVERY)).split(",")]
    with (
        data_set(arguments.folder) as (urls, facts),
        serving(chosen(arguments.contestants), urls, facts, arguments.folder.resolve() / "logs") as servers,
    ):
        if told := uvloop.run(differences(servers, questions)):
            console.print("\n".join(told), markup=False)
            return 1
        connections = [int(number) for number in arguments.connections.split(",")]
        found = uvloop.run(measure(servers, questions, arguments.rounds, arguments.seconds, connections))
    Console(width=150).print(show(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
