"""Real `skyledger` processes for tests: started in a folder of their own, listened to, stopped, and looked for."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import httpx

from tests.embedded.engine_probes import PROJECT, eventually, processes_of

SKYLEDGER = Path(sys.executable).with_name("skyledger")
PATIENCE = 240.0
LOG_IN = "mutation($input: LogInInput!) { logIn(input: $input) { ... on LogInPayload { accessToken } } }"


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """What a command sees: nothing of the surroundings but the path to programs. Settings without `SKYLEDGER_`."""
    named = {f"SKYLEDGER_{name.upper()}": value for name, value in settings.items()}
    fixed = {"PATH": os.environ["PATH"], "COLUMNS": "100", "SKYLEDGER_PORT": "0", "SKYLEDGER_LOG_FORMAT": "json"}
    return {**fixed, "SKYLEDGER_DATA_DIR": str(data_dir), **named}


def run(data_dir: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """One command from start to end."""
    return subprocess.run(
        [SKYLEDGER, *arguments],
        env=environment(data_dir, **settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


class Service:
    """`demo`, `serve` or `worker` in a process group of its own, as a shell would start it in `folder`."""

    def __init__(self, data_dir: Path, *arguments: str, folder: Path = PROJECT, **settings: str) -> None:
        self.data_dir = data_dir
        number = sum(1 for _ in data_dir.parent.glob("*.out"))
        self._out = data_dir.parent / f"{number}.out"
        self._errors = data_dir.parent / f"{number}.err"
        with self._out.open("wb") as out, self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [SKYLEDGER, *arguments],
                cwd=folder,
                env=environment(data_dir, **settings),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    @property
    def said(self) -> str:
        """Standard output so far."""
        return self._out.read_text()

    @property
    def logged(self) -> str:
        """Standard error so far."""
        return self._errors.read_text()

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until `condition` is true while the command runs."""
        eventually(lambda: condition() or self.process.poll() is not None, PATIENCE)
        assert condition(), f"{what} (exit code {self.process.poll()}):\n{self.said}\n{self.logged}"

    def wait_until_listening(self) -> str:
        """The base URL that a `serve` logs."""
        self.wait_for(lambda: '"listening"' in self.logged, "the API does not listen")
        found = re.search(r'"url":"([^"]+)"', self.logged)
        assert found is not None
        return found[1]

    def wait_until_ready(self) -> str:
        """The base URL that a `demo` prints."""
        self.wait_for(lambda: "\nready " in self.said and self.said.endswith("\n"), "the demo is not ready")
        return self.said.partition("\nready ")[2].splitlines()[0].removesuffix("/graphql")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send one signal to the command alone, and wait: its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def press_ctrl_c(self, times: int = 1) -> int:
        """SIGINT to the whole process group, as a terminal does it; the exit code."""
        for _ in range(times):
            os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(PATIENCE)

    def children(self, command: str) -> list[int]:
        """Ids of living child processes that run `skyledger COMMAND`."""
        return [pid for pid in _living() if _parent(pid) == self.process.pid and f"-m app {command}" in _line(pid)]

    def kill_child(self, command: str) -> None:
        """SIGKILL to the one child that runs `command`; waits until another one stands in its place."""
        (old,) = self.children(command)
        os.kill(old, signal.SIGKILL)
        self.wait_for(lambda: self.children(command) not in ([], [old]), f"{command} did not come back")


def leftovers(data_dir: Path) -> dict[int, str]:
    """Every living process of a data folder: engines, supervisor, and whatever was started with that setting."""
    mark = f"SKYLEDGER_DATA_DIR={data_dir}".encode()
    found = processes_of(data_dir.parent)
    for pid in _living():
        with contextlib.suppress(OSError):
            if mark in (Path("/proc") / str(pid) / "environ").read_bytes().split(b"\0"):
                found[pid] = _line(pid)
    return found


def nothing_is_left(data_dir: Path, seconds: float = 120.0) -> bool:
    """Whether no process of a data folder is left within the bound."""
    return eventually(lambda: leftovers(data_dir) == {}, seconds)


def status_of(url: str, path: str = "/health/ready") -> int:
    """The HTTP status of a path, 0 when nobody answers."""
    try:
        return httpx.get(f"{url}{path}", timeout=20).status_code
    except httpx.HTTPError:
        return 0


def ask(url: str, query: str, variables: dict[str, Any] | None = None, **headers: str) -> dict[str, Any]:
    """The data of one operation that must have no errors."""
    response = httpx.post(
        f"{url}/graphql", json={"query": query, "variables": variables or {}}, headers=headers, timeout=60
    )
    answer: dict[str, Any] = response.json()
    assert "errors" not in answer, answer
    data: dict[str, Any] = answer["data"]
    return data


def log_in(url: str, email: str, password: str) -> str:
    """An access token."""
    token: str = ask(url, LOG_IN, {"input": {"email": email, "password": password}})["logIn"]["accessToken"]
    return token


def _living() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _state(entry) != "Z"]


def _state(entry: Path) -> str:
    try:
        return (entry / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
