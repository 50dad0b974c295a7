"""The engines live exactly as long as somebody holds a lease on them."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from pathlib import Path

from app.embedded import attach, engines, status, wait_stopped
from app.embedded.layout import layout_of
from tests.embedded.engine_probes import Holder, cache, eventually, lives, processes_of, sql


def test_both_engines_answer_and_nothing_is_left_afterwards(data_dir: Path) -> None:
    with engines(data_dir) as urls:
        found = status(data_dir)
        assert found.state == "ready"
        assert found.urls == urls
        assert sql(urls, "SELECT version()").startswith("PostgreSQL 18.")
        assert sql(urls, "SELECT current_database()") == "skyledger"
        assert sql(urls, "SELECT current_user") == "app"
        assert cache(urls, "CONFIG GET", "appendonly") == {"appendonly": "yes"}
        assert found.valkey_version == cache(urls, "INFO", "server")["valkey_version"]
        assert sql(urls, "SHOW server_version") == found.postgres_version
        sockets = layout_of(data_dir).sockets
        assert len(str(sockets / ".s.PGSQL.5432")) < 90
        assert sockets.stat().st_mode & 0o007 == 0
        pids = [found.supervisor_pid, found.postgres_pid, found.valkey_pid]
        assert all(lives(pid) for pid in pids)
        assert os.getsid(found.supervisor_pid or 0) != os.getsid(0)
    assert wait_stopped(data_dir)
    assert status(data_dir).state == "stopped"
    assert eventually(lambda: not any(lives(pid) for pid in pids))
    assert eventually(lambda: processes_of(data_dir) == {})
    assert not sockets.exists()


def test_no_network_socket_and_durable_settings(data_dir: Path) -> None:
    with attach(data_dir) as lease:
        assert sql(lease.urls, "SHOW listen_addresses") == ""
        assert sql(lease.urls, "SHOW fsync") == "on"
        assert sql(lease.urls, "SHOW synchronous_commit") == "on"
        assert sql(lease.urls, "SHOW data_checksums") == "on"
        assert cache(lease.urls, "CONFIG GET", "port") == {"port": "0"}
        assert cache(lease.urls, "CONFIG GET", "maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        for pid in (lease.status.postgres_pid, lease.status.valkey_pid):
            listening = {line.split()[9] for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]}
            owned = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
            assert not owned & {f"socket:[{inode}]" for inode in listening}


def test_second_client_shares_the_engines_and_they_outlive_the_first(data_dir: Path) -> None:
    with Holder(data_dir) as first:
        pids = first.pids()
        with attach(data_dir) as second:
            assert (second.status.supervisor_pid, second.status.postgres_pid, second.status.valkey_pid) == pids
            first.leave()  # the supervisor it started keeps no pipe of it open: `make demo | tee log` ends
            time.sleep(1.0)  # three times the linger
            assert second.alive
            assert all(lives(pid) for pid in pids)
            assert sql(second.urls, "SELECT 42") == 42
            assert cache(second.urls, "PING")
    assert wait_stopped(data_dir)


def test_engines_stop_after_kill_9_of_their_only_client(data_dir: Path) -> None:
    with Holder(data_dir) as client:
        pids = client.pids()
        client.kill()
    assert eventually(lambda: not any(lives(pid) for pid in pids))
    assert wait_stopped(data_dir)


def test_clients_that_start_at_once_share_one_supervisor(data_dir: Path) -> None:
    assert wait_stopped(data_dir)
    with contextlib.ExitStack() as clients:
        answers = {client.pids() for client in [clients.enter_context(Holder(data_dir)) for _ in range(6)]}
        assert len(answers) == 1

        def supervisors() -> list[int]:
            return [pid for pid, line in processes_of(data_dir).items() if "-m app.embedded" in line]

        assert eventually(lambda: supervisors() == [next(iter(answers))[0]])  # the losers of the race end
    assert wait_stopped(data_dir)


def test_a_command_right_after_another_finds_the_engines_running(data_dir: Path) -> None:
    def is_found() -> bool:
        with attach(data_dir) as first:
            pass
        time.sleep(0.05)  # about what the next command needs to start
        with attach(data_dir) as second:
            return second.status.supervisor_pid == first.status.supervisor_pid

    assert any(is_found() for _ in range(5))  # a busy machine may take longer than they linger


def test_a_client_that_comes_while_the_engines_stop_gets_working_ones(data_dir: Path) -> None:
    for pause in (0.27, 0.29, 0.3, 0.31, 0.33, 0.36, 0.4):  # around the linger and the stop
        with attach(data_dir) as lease:
            assert sql(lease.urls, "SELECT 42") == 42
        time.sleep(pause)
    assert wait_stopped(data_dir)
    with attach(data_dir) as another:
        assert another.status.supervisor_pid != lease.status.supervisor_pid


def test_a_client_sees_the_supervisor_end(data_dir: Path) -> None:
    with attach(data_dir) as lease:
        assert lease.alive
        assert select.select([lease], [], [], 0)[0] == []
        os.kill(lease.status.supervisor_pid or 0, signal.SIGINT)
        assert select.select([lease], [], [], 120)[0] == [lease]
        assert eventually(lambda: not lease.alive)
        with attach(data_dir) as again:
            assert again.urls == lease.urls
            assert again.status.supervisor_pid != lease.status.supervisor_pid
            assert sql(again.urls, "SELECT 42") == 42


def test_sigterm_lets_the_clients_finish(data_dir: Path) -> None:
    with attach(data_dir) as lease:
        os.kill(lease.status.supervisor_pid or 0, signal.SIGTERM)
        time.sleep(0.5)
        assert lease.alive
        assert sql(lease.urls, "SELECT 42") == 42
    assert wait_stopped(data_dir)
    assert eventually(lambda: not lives(lease.status.supervisor_pid))


def test_status_of_a_folder_that_does_not_exist_makes_nothing(tmp_path: Path) -> None:
    found = status(tmp_path / "none")
    assert found.state == "stopped"
    assert found.urls is None
    assert list(tmp_path.iterdir()) == []
    assert wait_stopped(tmp_path / "none")
