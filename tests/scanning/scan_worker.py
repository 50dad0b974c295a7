"""A worker process over a local cloud: `python -m tests.scanning.scan_worker DATABASE_URL REDIS_URL DATA_DIR WORLD`.

The world is read from its file when a scan begins, so that it may change between scans.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.config import Settings
from app.embedded import EngineUrls
from app.logging import configure_logging
from app.workers.process import work
from app.workers.runner import RunnerSettings
from tests.scanning.local_cloud import LocalCloud, World

PROJECT = Path(__file__).resolve().parents[2]
QUICK = RunnerSettings(lease=3.0, heartbeat=0.4, sweep=0.3)


@contextmanager
def scan_worker(settings: Settings, urls: EngineUrls, world: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process, killed in the end."""
    arguments = (urls.database_url, urls.redis_url, str(settings.data_dir), str(world))
    with (
        log.open("ab") as file,
        subprocess.Popen(
            [sys.executable, "-m", "tests.scanning.scan_worker", *arguments], cwd=PROJECT, stderr=file
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


async def main(database_url: str, redis_url: str, data_dir: Path, world: Path) -> None:
    configure_logging("INFO", "json")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    settings = Settings(data_dir=data_dir, database_url=database_url, redis_url=redis_url)
    await work(
        settings,
        EngineUrls(database_url, redis_url),
        stop,
        runner_settings=QUICK,
        clouds=lambda _: LocalCloud(World.load(world)),
    )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])))
