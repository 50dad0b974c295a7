"""What the tests of the embedded engines look at: folders of their own, processes on this machine, other clients."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import asyncpg
from redis import Redis

from app.embedded import EngineUrls, wait_stopped
from app.embedded.layout import layout_of

PROJECT = Path(__file__).resolve().parents[2]
# Takes a lease, prints "supervisor postgres valkey" process ids, holds the lease until its input ends.
HOLD = """
import sys
from pathlib import Path
from app.embedded import attach
with attach(Path(sys.argv[1])) as lease:
    print(lease.status.supervisor_pid, lease.status.postgres_pid, lease.status.valkey_pid, flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def new_folder(name: str = "data") -> Iterator[Path]:
    """A data folder that does not exist yet; afterwards nothing of it may live, and no sockets may be left."""
    base = Path(tempfile.mkdtemp(prefix="skyledger-test-"))
    try:
        yield base / name
        assert wait_stopped(base / name), f"still running: {processes_of(base)}"
        assert eventually(lambda: processes_of(base) == {})
        assert [folder for folder in base.iterdir() if layout_of(folder).sockets.exists()] == []
    finally:
        shutil.rmtree(base)


def processes_of(folder: Path) -> dict[int, str]:
    """Every process but ours that has the folder, or the token of its data folder, in command line or working folder.

    Reads /proc anew instead of asking the room under test.
    """
    marks = [str(folder), *(layout_of(data).token for data in (folder, *folder.glob("*")) if data.exists())]
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in {os.getpid(), os.getppid()}:
            continue
        with contextlib.suppress(OSError):
            text = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            with contextlib.suppress(OSError):
                text += f" in {(entry / 'cwd').readlink()}"
            if any(mark in text for mark in marks):
                found[int(entry.name)] = text
    return found


def link_tree(source: Path, target: Path) -> None:
    """A copy of a folder that costs no disk where the file system has hard links."""

    def link(old: str, new: str) -> None:
        try:
            Path(new).hardlink_to(old)
        except OSError:
            shutil.copy2(old, new)

    shutil.copytree(source, target, copy_function=link)


def lives(pid: int | None) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def eventually(condition: Callable[[], bool], seconds: float = 120.0) -> bool:
    """Whether `condition` becomes true within a generous bound."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def sql(urls: EngineUrls, statement: str) -> Any:
    """First column of the first row of one statement, on a connection of its own."""

    async def ask() -> Any:
        connection = await asyncpg.connect(urls.database_url.replace("postgresql+asyncpg", "postgresql"), timeout=60)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(ask())


def cache(urls: EngineUrls, *command: str) -> Any:
    """The answer to one Valkey command, on a connection of its own."""
    with Redis.from_url(urls.redis_url, decode_responses=True) as client:
        return client.execute_command(*command)


class Holder:
    """Another process that holds a lease."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(data_dir)],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def pids(self) -> tuple[int, int, int]:
        """Supervisor, postmaster and Valkey, once the engines are ready."""
        assert self.process.stdout is not None
        supervisor, postgres, valkey = self.process.stdout.readline().split()
        return int(supervisor), int(postgres), int(valkey)

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.process.kill()
        self.process.communicate()

    def leave(self) -> None:
        """Let it give its lease back and end; ends when no process holds its output open."""
        _, complaints = self.process.communicate("", timeout=120)
        assert (self.process.returncode, complaints) == (0, "")
