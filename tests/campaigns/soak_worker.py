"""A worker process of the soak: `python -m tests.campaigns.soak_worker WORLD TASKS`, with settings of the environment.

It is `skyledger worker` but for two things: it scans a local cloud, whose world is read from its file when a scan
begins, and it writes once a second into the file TASKS how many tasks its event loop has.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from app.config import load_settings
from app.costs.outlook.aside import ASIDE
from app.embedded import EngineUrls
from app.logging import configure_logging
from app.workers.process import work
from tests.scanning.local_cloud import LocalCloud, World


async def main(world: Path, tasks: Path) -> None:
    settings = load_settings()
    assert settings.database_url is not None
    assert settings.redis_url is not None
    configure_logging(settings.log_level, settings.log_format)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    telling = asyncio.create_task(tell_tasks(tasks))
    urls = EngineUrls(settings.database_url, settings.redis_url)
    await work(settings, urls, stop, clouds=lambda _: LocalCloud(World.load(world)))
    telling.cancel()


async def tell_tasks(path: Path) -> None:
    """Write the number of tasks, this one included."""
    partial = path.with_suffix(f".{os.getpid()}")
    while True:
        partial.write_text(str(len(asyncio.all_tasks())))
        partial.replace(path)
        await asyncio.sleep(1)


if __name__ == "__main__":
    try:
        asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
    finally:
        ASIDE.close()
