"""The oracle's campaign apart from the test suite: `python -m tests.execution.campaign --operations 100000`.

Engines of its own, one world, several processes; it prints how far it is and, at the end, a summary for the record.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from app.embedded import engines
from app.logging import configure_logging
from app.upgrade import upgrade
from tests.execution.playing import Failure, Tally, play
from tests.execution.world import Site, make_site, twins_of

_say = Console(highlight=False, markup=False, soft_wrap=True).print
SHOWN = 5
PORTION = 500
"""Operations that a process plays before it tells how it was."""


def main() -> int:
    """Play as many operations as asked for; 1 where any was answered differently or a plan broke."""
    arguments = _arguments()
    configure_logging("ERROR")
    begun = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="skyledger-oracle-")))
        urls = stack.enter_context(engines(folder / "engines"))
        upgrade(urls.database_url)
        site = asyncio.run(make_site(urls.database_url, urls.redis_url, folder))
        _say(f"the world is there after {time.monotonic() - begun:.0f} s; seeds from {arguments.seed}")
        tally = _play_all(site, arguments)
    _report(tally, arguments)
    return 1 if tally.failures or tally.unforeseen else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=5_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1, help="of the first operation; the others follow")
    parser.add_argument("--findings", type=Path, help="folder for what was answered differently, a file each")
    return parser.parse_args()


def _play_all(site: Site, arguments: argparse.Namespace) -> Tally:
    total = Tally()
    portions = list(_portions(arguments.seed, arguments.operations, arguments.processes))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(arguments.processes, mp_context=context) as pool:
        for done in as_completed([pool.submit(_play_portions, site, seeds, arguments.findings) for seeds in portions]):
            total.add(done.result())
            _say(f"{total.played} operations: {dict(total.results)}")
    return total


def _portions(first: int, operations: int, processes: int) -> Iterator[range]:
    """Seeds in parts of a few thousand, since each part begins with learning what there is."""
    size = max(PORTION, min(operations // processes, 10 * PORTION))
    for start in range(first, first + operations, size):
        yield range(start, min(start + size, first + operations))


def _play_portions(site: Site, seeds: range, findings: Path | None) -> Tally:
    configure_logging("ERROR")

    written: set[str] = set()

    def tell(tally: Tally) -> None:
        for name in tally.failures.keys() - written:
            written.add(name)
            _write(tally.failures[name], findings)
        if tally.played % PORTION == 0:
            _say(f"seeds {seeds.start}…: {tally.played} in {tally.seconds:.0f} s, {dict(tally.results)}")

    async def play_them() -> Tally:
        async with twins_of(site) as twins:
            return await play(twins, site.known, seeds, on_progress=tell)

    return asyncio.run(play_them())


def _report(tally: Tally, arguments: argparse.Namespace) -> None:
    _say(tally.summary())
    _say(f"seeds {arguments.seed} to {arguments.seed + arguments.operations - 1}")
    for discard in tally.discards[:SHOWN]:
        _say(f"--- discarded: {discard}")
    for number, failure in enumerate(tally.failures.values(), 1):
        _say(f"--- difference {number}: {failure}")


def _write(failure: Failure, folder: Path | None) -> None:
    """At once, so that it can be looked into while the others are played."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    found = json.dumps(failure.to_json(), indent=1, ensure_ascii=False)
    (folder / f"{failure.seed}.json").write_text(found)


if __name__ == "__main__":
    sys.exit(main())
