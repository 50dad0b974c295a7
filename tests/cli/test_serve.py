"""`skyledger serve` and `skyledger worker`: alone, several on the same engines, on servers of somebody else."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.config import new_credential_key
from app.embedded import EngineUrls, status
from tests.cli.commands import Service, ask, leftovers, nothing_is_left, run, status_of
from tests.cli.conftest import Command
from tests.clients import PASSWORD, REGISTER
from tests.embedded.engine_probes import PROJECT, new_folder

INSECURE = {
    "environment": "production",
    "cors_origins": "https://shop.example,*",
    "introspection": "public",
}
NAMED = (
    "SKYLEDGER_SECRET_KEY is not set",
    "SKYLEDGER_CREDENTIAL_KEYS is not set",
    "SKYLEDGER_CORS_ORIGINS contains *",
    "SKYLEDGER_INTROSPECTION is public",
    "SKYLEDGER_DATABASE_URL is not set",
    "SKYLEDGER_REDIS_URL is not set",
)


def register(url: str, name: str) -> dict[str, Any]:
    """Register somebody over HTTP."""
    person = {"email": f"{name}@skyledger.example", "name": name, "password": PASSWORD, "organizationName": name}
    made: dict[str, Any] = ask(url, REGISTER, {"input": person})["register"]
    assert made["__typename"] == "RegisterPayload", made
    return made


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """One data folder for all of them: its database is made by the first."""
    with new_folder() as folder:
        yield folder


def test_one_command_serves_and_works(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()  # a folder of this name where it is started is none of its business
    (tmp_path / "app" / "__main__.py").write_text("raise SystemExit('the wrong app')")
    with Service(data_dir, "serve", "--with-worker", folder=tmp_path) as serve:
        url = serve.wait_until_listening()
        assert status_of(url) == 200
        register(url, "ada")
        serve.wait_for(lambda: "worker_ready" in serve.logged, "no worker")
        serve.kill_child("worker")
        serve.wait_for(lambda: serve.logged.count("worker_ready") == 2, "no other worker")
        assert serve.press_ctrl_c() == 0
        assert nothing_is_left(data_dir), leftovers(data_dir)
        assert serve.said == ""
        assert "Traceback" not in serve.logged
    with Service(data_dir, "serve", "--with-worker") as serve:
        serve.wait_until_listening()
        serve.stop(signal.SIGKILL)
        assert nothing_is_left(data_dir), leftovers(data_dir)


def test_several_processes_share_the_engines(data_dir: Path) -> None:
    with (
        Service(data_dir, "serve") as one,
        Service(data_dir, "serve") as two,
        Service(data_dir, "worker") as worker,
    ):
        first, second = one.wait_until_listening(), two.wait_until_listening()
        worker.wait_for(lambda: "worker_ready" in worker.logged, "no worker")
        engines = status(data_dir)
        assert len({first, second}) == 2
        token = register(first, "bea")["accessToken"]
        viewer = ask(second, "{ viewer { user { name } } }", authorization=f"Bearer {token}")["viewer"]
        assert viewer == {"user": {"name": "bea"}}
        assert one.stop() == 0
        assert status_of(second) == 200
        assert status(data_dir).postgres_pid == engines.postgres_pid
        assert (two.stop(), worker.stop()) == (0, 0)
        assert nothing_is_left(data_dir), leftovers(data_dir)


def test_a_database_of_somebody_else_is_waited_for_and_not_migrated(
    tmp_path: Path, virgin_database: EngineUrls
) -> None:
    data_dir = tmp_path / "data"
    urls = {"database_url": virgin_database.database_url, "redis_url": virgin_database.redis_url}
    with Service(data_dir, "serve", folder=PROJECT, **urls) as serve:
        url = serve.wait_until_listening()
        assert (status_of(url, "/health/live"), status_of(url)) == (200, 503)
        assert "The database has no tables: run `skyledger migrate`." in serve.logged
        assert run(data_dir, "migrate", **urls).returncode == 0
        serve.wait_for(lambda: status_of(url) == 200, "still not ready")
        register(url, "cem")
        assert serve.stop() == 0
    assert not (data_dir / "engines").exists()


def test_a_production_that_is_not_secure_does_not_start(skyledger: Command) -> None:
    for command in ("serve", "worker", "demo"):
        told = skyledger(command, **INSECURE)
        assert told.exit_code == 1
        assert [sentence for sentence in NAMED if sentence not in told.stderr] == []
    mended = {
        "secret_key": "s" * 32,
        "credential_keys": new_credential_key(),
        "cors_origins": "https://shop.example",
        "introspection": "off",
    }
    left = skyledger("serve", **(INSECURE | mended)).stderr
    assert [sentence for sentence in NAMED if sentence in left] == list(NAMED[4:])


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("port", "70000", "SKYLEDGER_PORT: Input should be less than or equal to 65535"),
        ("database_url", "mysql://x", "SKYLEDGER_DATABASE_URL: must begin with postgresql+asyncpg://"),
        ("database_url", "postgresql://x:secret@h:p/d", "SKYLEDGER_DATABASE_URL cannot be read"),
        ("host", "192.0.2.1", "cannot listen on 192.0.2.1:0 (Cannot assign requested address)"),
    ],
)
def test_a_wrong_setting_is_told_in_one_line(skyledger: Command, setting: str, value: str, reason: str) -> None:
    told = skyledger("serve", **({"redis_url": "redis://127.0.0.1:1"} | {setting: value}))
    assert told.exit_code == 1
    assert reason in told.stderr
    assert "secret" not in told.stderr
