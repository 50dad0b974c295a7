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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.config import Settings
from app.embedded import EngineUrls, engines
from app.logging import configure_logging
from app.main import make_runtime, running
from app.upgrade import upgrade
from tests.clients import cheap_passwords
from tests.execution.playing import Tally, play
from tests.execution.world import World, make_world, open_world

PORTION = 500
"""Operations that a process plays before it tells how it was."""


@dataclass(frozen=True)
class Site:
    """What a process needs to play its part."""

    database_url: str
    redis_url: str
    folder: Path
    world: World | None = None

    def settings(self) -> Settings:
        """Those of the world's runtime."""
        values: dict[str, Any] = {
            "data_dir": self.folder / "data",
            "database_url": self.database_url,
            "redis_url": self.redis_url,
            "root_key": "root-key-of-the-tests-0123456789abcdef",
            "log_level": "ERROR",
        }
        return Settings(**values)


def main() -> int:
    """Play as many operations as asked for; 1 where any was answered differently."""
    arguments = _arguments()
    configure_logging("ERROR")
    begun = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="skyledger-oracle-")))
        urls = stack.enter_context(engines(folder / "engines"))
        upgrade(urls.database_url)
        site = asyncio.run(_prepare(Site(urls.database_url, urls.redis_url, folder)))
        print(f"the world is there after {time.monotonic() - begun:.0f} s; seeds from {arguments.seed}", flush=True)
        tally = _play_all(site, arguments)
    _report(tally, arguments)
    return 1 if tally.failures else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=5_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1, help="of the first operation; the others follow")
    parser.add_argument("--findings", type=Path, help="folder for what was answered differently, a file each")
    return parser.parse_args()


async def _prepare(site: Site) -> Site:
    runtime = make_runtime(site.settings(), EngineUrls(site.database_url, site.redis_url), passwords=cheap_passwords())
    async with running(runtime):
        world = await make_world(runtime, site.folder)
    return Site(site.database_url, site.redis_url, site.folder, world)


def _play_all(site: Site, arguments: argparse.Namespace) -> Tally:
    total = Tally()
    portions = list(_portions(arguments.seed, arguments.operations, arguments.processes))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(arguments.processes, mp_context=context) as pool:
        for done in as_completed([pool.submit(_play_portions, site, seeds) for seeds in portions]):
            total.add(done.result())
            print(f"{total.played} operations: {dict(total.results)}", flush=True)
    return total


def _portions(first: int, operations: int, processes: int) -> Iterator[range]:
    """Seeds in parts of a few thousand, since each part begins with learning what there is."""
    size = max(PORTION, min(operations // processes, 10 * PORTION))
    for start in range(first, first + operations, size):
        yield range(start, min(start + size, first + operations))


def _play_portions(site: Site, seeds: range) -> Tally:
    configure_logging("ERROR")

    def tell(tally: Tally) -> None:
        if tally.played % PORTION == 0:
            print(f"seeds {seeds.start}…: {tally.played} in {tally.seconds:.0f} s, {dict(tally.results)}", flush=True)

    async def play_them() -> Tally:
        urls = EngineUrls(site.database_url, site.redis_url)
        runtime = make_runtime(site.settings(), urls, passwords=cheap_passwords())
        async with running(runtime):
            assert site.world is not None
            twins, known = await open_world(runtime, site.world)
            return await play(twins, known, seeds, on_progress=tell)

    return asyncio.run(play_them())


def _report(tally: Tally, arguments: argparse.Namespace) -> None:
    print(tally.summary())
    print(f"seeds {arguments.seed} to {arguments.seed + arguments.operations - 1}")
    for line in tally.unanswered[:3]:
        print(f"graphql-core gave no answer: {line}")
    for number, failure in enumerate(tally.failures.values(), 1):
        print(f"--- difference {number}: {failure}")
        if arguments.findings is not None:
            arguments.findings.mkdir(parents=True, exist_ok=True)
            found = json.dumps(failure.to_json(), indent=1, ensure_ascii=False)
            (arguments.findings / f"{number}.json").write_text(found)


if __name__ == "__main__":
    sys.exit(main())
