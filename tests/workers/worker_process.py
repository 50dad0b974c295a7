"""A worker process of the tests: `python worker_process.py DATABASE_URL REDIS_URL NOTES`, with jobs that take notes.

`slow` writes `began ID PID` into the file NOTES, takes two seconds, and writes `ended ID PID`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from app.config import Settings
from app.embedded import EngineUrls
from app.logging import configure_logging
from app.workers.process import work
from app.workers.runner import RunnerSettings, RunningJob

QUICK = RunnerSettings(lease=3.0, heartbeat=0.4, sweep=0.3)


async def main(database_url: str, redis_url: str, notes: Path) -> None:
    def note(word: str, job: RunningJob) -> None:
        with notes.open("a") as file:
            file.write(f"{word} {job.id} {os.getpid()}\n")

    async def slow(job: RunningJob) -> None:
        note("began", job)
        for _ in range(80):
            await asyncio.sleep(0.05)
            if job.should_stop():
                note("asked", job)
                return
        note("ended", job)

    configure_logging("INFO", "json")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    settings = Settings(data_dir=notes.parent, database_url=database_url, redis_url=redis_url)
    urls = EngineUrls(database_url, redis_url)
    await work(settings, urls, stop, handlers={"slow": slow}, runner_settings=QUICK)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
