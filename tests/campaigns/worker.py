"""A worker process of the campaigns: `python -m tests.campaigns.worker WORLD [--tasks FILE] [--lease SECONDS]`.

It is `skyledger worker`, with settings of the environment, but for this: it scans a local cloud, whose world is read
from its file when a scan begins; it writes once a second into the file of `--tasks` how many tasks its event loop has;
and with `--lease` it has another lease than the product's, the other figures in proportion, and gives no job up.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from pathlib import Path

from app.cli.migrate import complaint_about_tables
from app.cli.terminal import Engines, engines_of
from app.config import Settings, load_settings
from app.costs.outlook.aside import ASIDE
from app.logging import configure_logging
from app.tasks import end_tasks
from app.workers.process import work
from app.workers.runner import RunnerSettings
from tests.scanning.local_cloud import LocalCloud, World

PRODUCT = RunnerSettings()


def main() -> None:
    """Work until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser()
    parser.add_argument("world", type=Path)
    parser.add_argument("--tasks", type=Path)
    parser.add_argument("--lease", type=float)
    arguments = parser.parse_args()
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    with engines_of(settings) as engines:
        complaint_about_tables(settings, engines.urls)
        asyncio.run(until_told(settings, engines, arguments.world, arguments.tasks, figures(arguments.lease)))


def figures(lease: float | None) -> RunnerSettings:
    """The product's, or those in proportion to another lease.

    Without an end to the attempts: an import begins anew after each hit, and a campaign hits it more than five times.
    """
    if lease is None:
        return PRODUCT
    share = lease / PRODUCT.lease
    return RunnerSettings(
        lease=lease,
        heartbeat=PRODUCT.heartbeat * share,
        sweep=PRODUCT.sweep * share,
        first_pause=PRODUCT.first_pause * share,
        longest_pause=lease,
        most_attempts=10_000,
    )


async def until_told(
    settings: Settings, engines: Engines, world: Path, tasks: Path | None, runner_settings: RunnerSettings
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    telling = asyncio.create_task(tell_tasks(tasks)) if tasks is not None else None
    await work(
        settings,
        engines.urls,
        stop,
        tend=engines.renew,
        runner_settings=runner_settings,
        clouds=lambda _: LocalCloud(World.load(world)),
    )
    await end_tasks(telling)


async def tell_tasks(path: Path) -> None:
    """Write the number of tasks, this one included."""
    partial = path.with_suffix(f".{os.getpid()}")
    while True:
        partial.write_text(str(len(asyncio.all_tasks())))
        partial.replace(path)
        await asyncio.sleep(1)


if __name__ == "__main__":
    try:
        main()
    finally:
        ASIDE.close()
