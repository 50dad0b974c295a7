"""Nothing acknowledged is lost and nothing is left running, whichever process is killed."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from app.embedded import Attachment, EngineUrls, attach, status, wait_stopped
from app.embedded.layout import layout_of
from tests.embedded.engine_probes import Holder, cache, eventually, lives, processes_of, sql


@pytest.fixture
def lease(data_dir: Path) -> Iterator[Attachment]:
    with attach(data_dir) as attachment:
        sql(attachment.urls, "CREATE TABLE IF NOT EXISTS note (text text PRIMARY KEY)")
        yield attachment


def write(urls: EngineUrls, text: str) -> None:
    """Put a text in both engines."""
    sql(urls, f"INSERT INTO note VALUES ('{text}')")  # noqa: S608 - a text of this file
    cache(urls, "SET", text, text)


def holds(urls: EngineUrls, text: str) -> bool:
    """Whether both engines have the text."""
    found: int = sql(urls, f"SELECT count(*) FROM note WHERE text = '{text}'")  # noqa: S608 - a text of this file
    return found == 1 and cache(urls, "GET", text) == text


def answers(urls: EngineUrls) -> bool:
    """Whether both engines accept work."""
    with contextlib.suppress(Exception):
        return sql(urls, "SELECT 42") == 42 and bool(cache(urls, "PING"))
    return False


@contextlib.contextmanager
def busy_backend(data_dir: Path, seconds: int) -> Iterator[None]:
    """A backend deep in a computation, which does not look whether its postmaster lives."""
    hello = struct.pack("!i", 196608) + b"user\0app\0database\0skyledger\0\0"
    loop = f"DO $$ BEGIN WHILE clock_timestamp() < now() + '{seconds} s'::interval LOOP END LOOP; END $$\0".encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(layout_of(data_dir).postgres_socket))
        connection.sendall(struct.pack("!i", len(hello) + 4) + hello)
        connection.sendall(b"Q" + struct.pack("!i", len(loop) + 4) + loop)
        assert eventually(lambda: any(" DO" in line for line in processes_of(data_dir).values()))
        yield


def wait_for_another(data_dir: Path, engine: Literal["postgres", "valkey"], than: int | None) -> int:
    """The process id of an engine that was started again."""
    found: list[int | None] = []

    def is_another() -> bool:
        now = status(data_dir)
        found.append(now.postgres_pid if engine == "postgres" else now.valkey_pid)
        return found[-1] not in {None, than}

    assert eventually(is_another)
    return found[-1] or 0


def kill(pid: int | None) -> None:
    assert pid
    os.kill(pid, signal.SIGKILL)


def test_kill_9_of_the_supervisor_leaves_no_orphan_and_loses_nothing(data_dir: Path, lease: Attachment) -> None:
    write(lease.urls, "supervisor")
    kill(lease.status.supervisor_pid)
    assert eventually(lambda: not lease.alive)
    assert eventually(lambda: processes_of(data_dir) == {})
    assert layout_of(data_dir).sockets.exists()  # nobody was left to remove it; the next supervisor does
    assert status(data_dir).state == "stopped"
    with attach(data_dir) as again:
        assert again.urls == lease.urls
        assert holds(again.urls, "supervisor")


def test_kill_9_of_the_supervisor_and_an_attach_at_the_same_moment(data_dir: Path, lease: Attachment) -> None:
    write(lease.urls, "at once")
    kill(lease.status.supervisor_pid)
    with attach(data_dir) as again:  # the old engines are still ending
        assert holds(again.urls, "at once")
        assert again.status.postgres_pid != lease.status.postgres_pid
        running = [line for line in processes_of(data_dir).values() if "valkey-server" in line]
        assert len(running) == 1


def test_kill_9_of_the_postmaster(data_dir: Path, lease: Attachment) -> None:
    write(lease.urls, "postmaster")
    kill(lease.status.postgres_pid)
    wait_for_another(data_dir, "postgres", lease.status.postgres_pid)
    assert lease.alive
    assert status(data_dir).supervisor_pid == lease.status.supervisor_pid
    assert status(data_dir).valkey_pid == lease.status.valkey_pid
    assert holds(lease.urls, "postmaster")


def test_kill_9_of_the_postmaster_while_a_backend_computes(data_dir: Path, lease: Attachment) -> None:
    write(lease.urls, "backend")
    with busy_backend(data_dir, 60):
        kill(lease.status.postgres_pid)
        wait_for_another(data_dir, "postgres", lease.status.postgres_pid)
        assert not any(" DO" in line for line in processes_of(data_dir).values())
    assert holds(lease.urls, "backend")


def test_kill_9_of_valkey(data_dir: Path, lease: Attachment) -> None:
    write(lease.urls, "valkey")
    kill(lease.status.valkey_pid)
    wait_for_another(data_dir, "valkey", lease.status.valkey_pid)
    assert status(data_dir).postgres_pid == lease.status.postgres_pid
    assert holds(lease.urls, "valkey")


def test_kill_9_of_everything_at_once(data_dir: Path, lease: Attachment) -> None:
    write(lease.urls, "everything")
    with busy_backend(data_dir, 60):
        for pid in (lease.status.supervisor_pid, lease.status.postgres_pid, lease.status.valkey_pid):
            kill(pid)
        with attach(data_dir) as again:  # an orphaned backend still holds the shared memory
            assert holds(again.urls, "everything")
            assert not any(" DO" in line for line in processes_of(data_dir).values())


def test_shared_memory_of_killed_servers_is_given_back(data_dir: Path, lease: Attachment) -> None:
    def shared_memory() -> str:
        """Id of the segment that the running server wrote into its lock file (key and id, line 7)."""
        return (lease.status.home / "postgres" / "postmaster.pid").read_text().splitlines()[6].split()[1]

    killed, pid = set(), lease.status.postgres_pid
    for _ in range(3):
        killed.add(shared_memory())
        kill(pid)
        pid = wait_for_another(data_dir, "postgres", pid)
    existing = {line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]}
    assert shared_memory() in existing
    assert existing & killed == set()
    assert answers(lease.urls)


def test_an_engine_that_keeps_dying_ends_the_supervisor_with_a_reason(data_dir: Path, lease: Attachment) -> None:
    previous = 0
    for _ in range(9):
        previous = wait_for_another(data_dir, "valkey", previous)
        kill(previous)
    assert eventually(lambda: not lease.alive)
    assert wait_stopped(data_dir)
    log = (data_dir / "engines" / "supervisor.log").read_text()
    assert "restart 8 of 8" in log
    assert "The embedded Valkey on" in log
    assert "died 9 times within 30 s" in log
    with attach(data_dir) as again:
        assert answers(again.urls)


def test_a_supervisor_killed_while_it_makes_the_database_leaves_a_clean_start(fresh_dir: Path) -> None:
    with Holder(fresh_dir) as starter:
        engines_dir = fresh_dir / "engines"
        assert eventually(lambda: any(engines_dir.glob("postgres.partial-*/base")))
        supervisors = [pid for pid, line in processes_of(fresh_dir).items() if "-m app.embedded" in line]
        for pid in supervisors:
            kill(pid)
        assert eventually(lambda: not any(lives(pid) for pid in supervisors))
        supervisor, _, _ = starter.pids()  # the waiting client starts another one by itself
        assert supervisor not in supervisors
        with attach(fresh_dir) as lease:
            assert answers(lease.urls)
        assert list(engines_dir.glob("postgres.partial*")) == []
        starter.leave()
