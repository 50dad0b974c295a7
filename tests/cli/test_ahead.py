"""An API that was started ahead: it serves where it is told to, and ends with who started it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.ahead import ApiAhead, told_port
from tests.cli.commands import environment
from tests.embedded.engine_probes import PROJECT, eventually

STARTER = "from app.cli.ahead import ApiAhead; api = ApiAhead(); print(api.process.pid)"


def test_the_port_is_told() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        ours.sendall(b"8000\n")
    assert told_port(theirs.detach()) == 8000


@pytest.mark.parametrize("said", [b"", b"80"])
def test_who_says_nothing_whole_ends_it(said: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        ours.sendall(said)
    with pytest.raises(SystemExit):
        told_port(theirs.detach())


def test_it_ends_with_who_started_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARTER],
        cwd=PROJECT,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    assert eventually(lambda: not _is_running(int(done.stdout)), 60)


def test_it_ends_where_the_command_comes_to_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Such as with a wrong setting, which is read when the API loads already."""
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    with ApiAhead() as api:
        assert api.process.poll() is None
    assert api.process.returncode == -signal.SIGTERM


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
