"""`skyledger demo` as a person meets it: real processes, Ctrl-C, kill -9, and the next start."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.embedded import status
from tests.cli.commands import Service, ask, leftovers, log_in, nothing_is_left, run, status_of
from tests.embedded.engine_probes import new_folder

STOP_SECONDS = 60
# Of the last month, which is there at once: months before it come in behind, and this one grows at midnight.
IDS = """{
  organization(slug: "%s") { id resources(first: 5) { totalCount nodes { id } }
    costs(period: {name: LAST_MONTH}) { total chargeCount coverage { missingDays } } }
}"""


@dataclass(frozen=True)
class Told:
    """What the demo printed."""

    email: str
    password: str
    slug: str
    query: str
    url: str


@dataclass(frozen=True)
class First:
    """A demo that was started in an empty folder, asked, and stopped by Ctrl-C."""

    data_dir: Path
    said: str
    told: Told
    answer: dict[str, Any]
    ids: dict[str, Any]
    exit_code: int
    stop_seconds: float
    left: dict[int, str]


def read(said: str) -> Told:
    """Take the demo at its word."""
    facts = [re.search(rf"│ {name} +(\S+)", said) for name in ("sign in", "password", "organization slug")]
    email, password, slug = (fact[1] if fact else "" for fact in facts)
    query = said.partition("A first query:\n")[2].partition("\nready ")[0]
    (ready,) = [line for line in said.splitlines() if line.startswith("ready ")]
    return Told(email, password, slug, query, ready.removeprefix("ready ").removesuffix("/graphql"))


def ids_of(told: Told) -> dict[str, Any]:
    """Ids that a later start has to show again."""
    return ask(told.url, IDS % told.slug, authorization=f"Bearer {log_in(told.url, told.email, told.password)}")


def before_last_month(told: Told) -> str | None:
    """What the month before the last cost: a worker brings it in once all is ready."""
    token = log_in(told.url, told.email, told.password)
    query = (
        '{ organization(slug: "%s") { costs(period: {name: LAST_MONTH}, compare: PREVIOUS_PERIOD) { previousTotal } } }'
    )
    found: str | None = ask(told.url, query % told.slug, authorization=f"Bearer {token}")["organization"]["costs"][
        "previousTotal"
    ]
    return found


@pytest.fixture(scope="module")
def first() -> Iterator[First]:
    with new_folder() as folder:
        with Service(folder, "demo") as demo:
            demo.wait_until_ready()
            told = read(demo.said)
            token = log_in(told.url, told.email, told.password)
            answer = ask(told.url, told.query, authorization=f"Bearer {token}")
            ids = ids_of(told)
            began = time.monotonic()
            exit_code = demo.press_ctrl_c()
            stop_seconds = time.monotonic() - began
            left = leftovers(folder)
        yield First(folder, demo.said, told, answer, ids, exit_code, stop_seconds, left)


def test_the_first_start_tells_address_sign_in_and_a_query_and_then_that_it_is_ready(first: First) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", first.told.url)
    assert re.search(rf"│ GraphiQL +{first.told.url}/graphql ", first.said)
    assert first.told.email.endswith("@skyledger.example")
    lines = first.said.splitlines()
    assert [line for line in lines if line.startswith("ready ")] == [f"ready {first.told.url}/graphql"]
    assert lines.index(f"ready {first.told.url}/graphql") > lines.index("A first query:")


def test_the_printed_query_answers_with_the_printed_sign_in(first: First) -> None:
    organization = first.answer["organization"]
    assert organization["name"] == "Kestrel Bakery"
    assert organization["resources"]["totalCount"] > 0
    assert all(node["account"]["name"] for node in organization["resources"]["nodes"])
    assert organization["charges"]["totalCount"] > 10_000
    assert [node["billingCurrency"] for node in organization["charges"]["nodes"]] == ["USD"] * 3


def test_ctrl_c_stops_all_of_it(first: First) -> None:
    assert (first.exit_code, first.left) == (0, {})
    assert first.stop_seconds <= STOP_SECONDS
    assert str(first.data_dir) in first.said.splitlines()[-1]


def test_its_password_is_for_its_owner_alone(first: First) -> None:
    assert (first.data_dir / "demo.json").stat().st_mode & 0o777 == 0o600


def test_a_second_start_keeps_the_data_and_an_impatient_ctrl_c_stops_it_too(first: First) -> None:
    with Service(first.data_dir, "demo") as demo:
        demo.wait_until_ready()
        told = read(demo.said)
        assert (told.email, told.password, told.slug) == (first.told.email, first.told.password, first.told.slug)
        assert ids_of(told) == first.ids
        demo.wait_for(lambda: before_last_month(told) is not None, "the months before did not come in")
        assert demo.press_ctrl_c(times=2) == 0
        assert leftovers(first.data_dir) == {}
        assert "Traceback" not in demo.logged


def test_ctrl_c_at_the_moment_of_ready_stops_it(first: First) -> None:
    with Service(first.data_dir, "demo") as demo:
        demo.wait_for(lambda: "\nready " in demo.said, "the demo is not ready")  # the worker is being started now
        began = time.monotonic()
        assert demo.press_ctrl_c() == 0
        assert time.monotonic() - began <= STOP_SECONDS
        assert leftovers(first.data_dir) == {}


def test_killed_processes_come_back(first: First) -> None:
    with Service(first.data_dir, "demo") as demo:
        url = demo.wait_until_ready()
        demo.wait_for(lambda: len(demo.children("worker")) == 1, "no worker")
        demo.kill_child("worker")
        demo.kill_child("serve")
        demo.wait_for(lambda: status_of(url) == 200, "the API did not come back")
        assert ids_of(read(demo.said)) == first.ids
        supervisor = status(first.data_dir).supervisor_pid
        assert supervisor is not None
        os.kill(supervisor, signal.SIGKILL)
        demo.wait_for(lambda: status(first.data_dir).supervisor_pid not in {None, supervisor}, "no engines")
        demo.wait_for(lambda: status_of(url) == 200, "the API did not find the engines again")
        assert ids_of(read(demo.said)) == first.ids
        assert demo.said.endswith(f"\nready {url}/graphql\n")  # the deaths stand in the log
        assert demo.logged.count("process_died") == 2
        assert demo.stop(signal.SIGTERM) == 0
        assert leftovers(first.data_dir) == {}


def test_kill_9_leaves_no_process(first: First) -> None:
    with Service(first.data_dir, "demo") as demo:
        demo.wait_until_ready()
        assert len(leftovers(first.data_dir)) > 4
        demo.stop(signal.SIGKILL)
        assert nothing_is_left(first.data_dir), leftovers(first.data_dir)


def test_a_taken_port_is_told_at_once(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        told = run(data_dir, "demo", port=port)
    assert told.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port} (Address already in use)" in told.stderr
    assert "SKYLEDGER_PORT" in told.stderr
    assert not data_dir.exists()  # before any engine was started


def test_an_interrupted_first_start_can_be_repeated(data_dir: Path) -> None:
    with Service(data_dir, "demo") as demo:
        demo.wait_for((data_dir / "engines" / "postgres").exists, "no database")
        assert demo.press_ctrl_c() == 0
        assert leftovers(data_dir) == {}
        assert "Traceback" not in demo.logged
    with Service(data_dir, "demo") as demo:
        demo.wait_for(lambda: "2 files" in demo.logged, "no import")
        assert demo.press_ctrl_c() == 0
        assert leftovers(data_dir) == {}
        assert "Traceback" not in demo.logged
    with Service(data_dir, "demo") as demo:
        demo.wait_until_ready()
        found = ids_of(read(demo.said))["organization"]["costs"]
        assert (found["chargeCount"] > 10_000, found["coverage"]["missingDays"]) == (True, 0)
        assert demo.press_ctrl_c() == 0
