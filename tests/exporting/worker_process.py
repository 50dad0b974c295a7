"""A worker of the tests: `python -m tests.exporting.worker_process SETTINGS`, with the jobs of the product.

SETTINGS is a JSON object. Leases are short, so that another worker soon takes over what this one is killed over.
"""

from __future__ import annotations

import asyncio
import signal
import sys

import orjson

from app.config import Settings
from app.embedded import EngineUrls
from app.logging import configure_logging
from app.workers.process import work
from app.workers.runner import RunnerSettings

QUICK = RunnerSettings(lease=3.0, heartbeat=0.4, sweep=0.3)


async def main(settings: Settings) -> None:
    configure_logging("INFO", "json")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    urls = EngineUrls(str(settings.database_url), str(settings.redis_url))
    await work(settings, urls, stop, runner_settings=QUICK)


if __name__ == "__main__":
    asyncio.run(main(Settings(**orjson.loads(sys.argv[1]))))
