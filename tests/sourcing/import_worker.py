"""A worker process with quick leases: `python -m tests.sourcing.import_worker DATABASE_URL REDIS_URL DATA_DIR`."""

from __future__ import annotations

import asyncio
import faulthandler
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.config import Settings
from app.embedded import EngineUrls
from app.logging import configure_logging
from app.workers.process import work
from app.workers.runner import RunnerSettings

PROJECT = Path(__file__).resolve().parents[2]
# An import begins anew after each kill, so it may take as many attempts as there are kills.
QUICK = RunnerSettings(
    lease=1.5, heartbeat=0.4, sweep=0.3, most_attempts=10_000, first_pause=0.1, longest_pause=0.5, per_organization=10
)


@contextmanager
def import_worker(urls: EngineUrls, data_dir: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process, killed in the end."""
    command = [sys.executable, "-m", "tests.sourcing.import_worker", urls.database_url, urls.redis_url, str(data_dir)]
    with log.open("ab") as file, subprocess.Popen(command, cwd=PROJECT, stderr=file) as process:
        try:
            yield process
        finally:
            process.kill()


async def main(database_url: str, redis_url: str, data_dir: Path) -> None:
    configure_logging("INFO", "json")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, tell_tasks)
    settings = Settings(data_dir=data_dir, database_url=database_url, redis_url=redis_url)
    await work(settings, EngineUrls(database_url, redis_url), stop, runner_settings=QUICK)


def tell_tasks() -> None:
    """On SIGUSR1: what each task awaits and where each thread is, for a worker that seems to hang."""
    for task in asyncio.all_tasks():
        sys.stderr.write(f"{task.get_name()}\n")
        awaited: Any = task.get_coro()
        while awaited is not None:
            sys.stderr.write(f"    {awaited}\n")
            awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
    faulthandler.dump_traceback(file=sys.stderr)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
