"""schemathesis against a real server: whatever it makes of the schema, there is no server error.

The long form (`make campaign`) sends 1,000 examples of each operation. What counts is what the server itself says, for
an unforeseen error of a field is masked in an answer of status 200: a line `unforeseen_error`, and a status of 500.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import orjson
import pytest
from redis import Redis

from app.config import Settings
from app.embedded import EngineUrls
from app.logging import configure_logging
from tests.clients import ACCEPT, PASSWORD, REGISTER, serving

PROJECT = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).with_name("schemathesis")
SEED = 20261123
LONGEST = 14_000
# It ends the session with which all others are called; test_sessions.py has it.
ENDS_THE_SESSION = "Mutation.logOut"


@contextmanager
def unlimited(redis_url: str) -> Iterator[None]:
    """Forgets all limits of calls a minute, again and again: random calls would meet little else."""
    stop = threading.Event()

    def forget() -> None:
        with Redis.from_url(redis_url) as client:
            while not stop.wait(0.1):
                client.flushall()

    thread = threading.Thread(target=forget)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def token_at(url: str) -> str:
    """Somebody's who has an organization."""
    person = {"email": "st@skyledger.example", "name": "St", "password": PASSWORD, "organizationName": "Steel"}
    body = {"query": REGISTER, "variables": {"input": person}}
    answer = httpx.post(f"{url}/graphql", json=body, headers={"accept": ACCEPT}, timeout=60).json()
    token: str = answer["data"]["register"]["accessToken"]
    return token


@pytest.mark.campaign
def test_no_example_is_a_server_error(
    settings: Settings, engine_urls: EngineUrls, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    examples = pytestconfig.getoption("--examples")
    assert settings.database_url is not None
    urls = EngineUrls(settings.database_url, engine_urls.redis_url)
    # The session has to last for as long as all examples take.
    free = settings.model_copy(update={"cost_maximum": 0, "access_token_seconds": LONGEST})
    logged = io.StringIO()
    configure_logging("INFO", "json", logged)
    try:
        with serving(free, urls) as url, unlimited(engine_urls.redis_url):
            command = [
                *(str(PROGRAM), "run", f"{url}/graphql", "--phases", "fuzzing", "--checks", "no_unforeseen_error"),
                *("--header", f"Authorization: Bearer {token_at(url)}", "--exclude-name", ENDS_THE_SESSION),
                *("--max-examples", str(examples), "--seed", str(SEED), "--continue-on-failure", "--no-color"),
                *("--suppress-health-check", "all", "--request-timeout", "60", "--generation-database", "none"),
            ]
            environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "COLUMNS": "120"}
            environment |= {"PYTHONPATH": str(PROJECT), "SCHEMATHESIS_HOOKS": "tests.attacks.schemathesis_hooks"}
            done = subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=LONGEST, check=False
            )
    finally:
        configure_logging("WARNING")
    lines = [orjson.loads(line) for line in logged.getvalue().splitlines()]
    unforeseen = [line for line in lines if line["event"] == "unforeseen_error" or line.get("status", 0) >= 500]
    answered = [line for line in lines if line["event"] == "request" and line["path"] == "/graphql"]
    print(f"\n{len(answered)} requests\n{done.stdout[-2_000:]}")  # noqa: T201  (pytest shows it when asked)
    assert unforeseen == []
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-2_000:]
    tested = re.search(r"Tested: (\d+)", done.stdout)
    assert tested is not None, done.stdout[-2_000:]
    assert int(tested[1]) > 90
    assert len(answered) > int(tested[1]) * examples / 2, "they got as far as the graph"
