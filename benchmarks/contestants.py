"""The processes of the race of scans: moto, a worker, plain boto3; each with what the kernel knows of it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx

from app.config import Settings

START_SECONDS = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")

Calls = Counter[tuple[tuple[str, str], ...]]
"""How often each call was made, by its arguments."""


class Contestant:
    """A process, and what the kernel knows of it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    @property
    def cpu(self) -> float:
        """Seconds of CPU of all its threads since it started."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def memory(self) -> float:
        """The most memory that it has had, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024


class PlainBoto3(Contestant):
    """boto3 without Skyledger."""

    def list_all(self) -> float:
        """Read every page once; in how many seconds."""
        if self.process.stdin is None or self.process.stdout is None:
            message = "the contestant has no pipes"
            raise RuntimeError(message)
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        seconds: float = json.loads(self.process.stdout.readline())["seconds"]
        return seconds


class FarSide(Contestant):
    """moto behind `benchmarks.far_side`."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        super().__init__(process)
        self.url = url

    def calls(self) -> Calls:
        """The calls since this was last asked."""
        bodies: list[str] = httpx.get(f"{self.url}/calls").raise_for_status().json()
        return Counter(tuple(sorted(parse_qsl(body))) for body in bodies)

    def answers(self) -> bool:
        """Whether it has started."""
        try:
            self.calls()
        except httpx.TransportError:
            return False
        return True


@contextmanager
def moto() -> Iterator[FarSide]:
    """The far side on a free port of loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
    command = [sys.executable, "-m", "benchmarks.far_side", str(port), str(os.getpid())]
    with started(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        far_side = FarSide(process, f"http://127.0.0.1:{port}")
        until(far_side.answers)
        yield far_side


@contextmanager
def worker(settings: Settings) -> Iterator[Contestant]:
    """A fresh worker, as an operator starts one, that takes jobs."""
    log = settings.data_dir / f"worker-{time.monotonic_ns()}.log"
    environment = {
        "PATH": os.environ["PATH"],
        "SKYLEDGER_DATA_DIR": str(settings.data_dir),
        "SKYLEDGER_ENDPOINT_HOSTS": ",".join(settings.endpoint_hosts),
        "SKYLEDGER_LOG_FORMAT": "json",
    }
    command = [sys.executable, "-P", "-m", "app", "worker", "--parent", str(os.getpid())]
    with log.open("w") as file, started(command, env=environment, stdout=file, stderr=file) as process:
        until(lambda: "worker_ready" in log.read_text())
        yield Contestant(process)


@contextmanager
def plain_boto3(url: str, region: str) -> Iterator[PlainBoto3]:
    """The other contestant, waiting for its turn."""
    command = [sys.executable, "-m", "benchmarks.plain_boto3", url, region]
    with started(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield PlainBoto3(process)


@contextmanager
def started(command: list[str], **pipes: Any) -> Iterator[subprocess.Popen[str]]:
    """A process of ours, ended with the block."""
    with subprocess.Popen(command, text=True, **pipes) as process:  # noqa: S603 - none of it comes from outside
        try:
            yield process
        finally:
            process.terminate()


def until(done: Callable[[], bool]) -> None:
    """Wait for something that comes with the start of a process. Raises TimeoutError after a minute."""
    deadline = time.monotonic() + START_SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)
