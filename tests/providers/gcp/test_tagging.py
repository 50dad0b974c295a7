"""The label on what is marked for deletion: set with the fingerprint that was read, by REST on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from app.providers.gcp.cloud import GcpCloud
from app.providers.gcp.connection import PERMISSIONS as NEEDED
from app.providers.gcp.policy import TAGGING_ROLE
from app.providers.gcp.tagging import PERMISSIONS, GcpTagger
from app.providers.problems import ProblemCode, ProviderError
from app.providers.tagging import TAG, TagChange
from tests.providers.gcp.advice import error
from tests.providers.gcp.conftest import HASTY
from tests.providers.gcp.google import PROJECT, TOKEN, Google

DISK = f"/compute/v1/projects/{PROJECT}/zones/us-central1-a/disks/old"
DAY = date(2026, 12, 24)


@dataclass
class Compute:
    """Compute Engine, as far as labels are concerned. `lagging` reads come before a change is seen."""

    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    prints: dict[str, int] = field(default_factory=dict)
    refusals: list[tuple[int, str]] = field(default_factory=list)
    meddle: list[dict[str, str]] = field(default_factory=list)
    """Labels that somebody else sets between our reading and our writing."""
    lagging: int = 0
    seen: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    def answer(self, method: str, path: str, body: str, token: str) -> tuple[int, str]:
        self.asked.append((method, path))
        resource = path.removesuffix("/setLabels")
        if token != f"Bearer {TOKEN}":
            return error(401)
        if resource not in self.labels:
            return error(404)
        if method == "GET":
            return 200, json.dumps(
                {"name": "old", "labelFingerprint": self._print(resource), "labels": self._seen(resource)}
            )
        if self.refusals:
            return self.refusals.pop(0)
        return self._set(resource, json.loads(body))

    def _seen(self, resource: str) -> dict[str, str]:
        if self.lagging and resource in self.seen:
            self.lagging -= 1
            return self.seen[resource]
        return self.labels[resource]

    def _print(self, resource: str) -> str:
        return f"print-{self.prints.get(resource, 0)}"

    def _set(self, resource: str, sent: dict[str, Any]) -> tuple[int, str]:
        if self.meddle:
            self.labels[resource] |= self.meddle.pop()
            self.prints[resource] = self.prints.get(resource, 0) + 1
        if sent["labelFingerprint"] != self._print(resource):
            return error(412)
        self.seen[resource], self.labels[resource] = self.labels[resource], sent["labels"]
        self.prints[resource] = self.prints.get(resource, 0) + 1
        return 200, json.dumps({"kind": "compute#operation", "status": "RUNNING", "name": "operation-1"})


@pytest.fixture
def compute() -> Iterator[Compute]:
    far = Compute({DISK: {"team": "shop"}})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            status, body = far.answer(self.command, self.path, content, self.headers.get("Authorization", ""))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_DELETE = do_PATCH = do_PUT = do_GET  # noqa: N815  (the base class wants these names)

        def log_message(self, *_: object) -> None:
            """Nothing: the test tells."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    far.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield far
    server.shutdown()
    thread.join()
    server.server_close()
    assert {(method, path.endswith("/setLabels")) for method, path in far.asked} <= {("GET", False), ("POST", True)}


@pytest.fixture
def tagger(google: Google, compute: Compute) -> Iterator[GcpTagger]:
    made = GcpTagger(GcpCloud(HASTY).connect(google.target(compute=compute.url)))
    yield made
    made.close()


def change(day: date | None = DAY, path: str = DISK) -> TagChange:
    native_id = f"//compute.googleapis.com/{path.removeprefix('/compute/v1/')}"
    return TagChange(native_id, "compute.googleapis.com/Disk", "us-central1", day)


def test_it_is_set_and_taken_away_and_no_other_label_is_touched(compute: Compute, tagger: GcpTagger) -> None:
    compute.lagging = 2
    for _ in range(2):
        assert tagger.change([change()]) == {}
    assert compute.labels[DISK] == {"team": "shop", TAG: "2026-12-24"}
    for _ in range(2):
        assert tagger.change([change(None)]) == {}
    assert compute.labels[DISK] == {"team": "shop"}
    assert [path for method, path in compute.asked if method == "POST"] == [f"{DISK}/setLabels"] * 2


def test_a_label_that_somebody_else_sets_meanwhile_is_kept(compute: Compute, tagger: GcpTagger) -> None:
    compute.meddle = [{"owner": "rita"}]
    assert tagger.change([change()]) == {}
    assert compute.labels[DISK] == {"team": "shop", "owner": "rita", TAG: "2026-12-24"}


def test_what_is_gone_has_no_label(tagger: GcpTagger) -> None:
    assert tagger.change([change(None, f"{DISK}-gone")]) == {}
    (why,) = tagger.change([change(DAY, f"{DISK}-gone")]).values()
    assert (why.code, why.retry) == (ProblemCode.FAILED, False)


def test_a_denial_names_the_permission(compute: Compute, tagger: GcpTagger) -> None:
    compute.refusals = [error(403)]
    with pytest.raises(ProviderError) as told:
        tagger.change([change()])
    assert (told.value.code, told.value.permission) == (ProblemCode.DENIED, "compute.disks.setLabels")
    assert compute.labels[DISK] == {"team": "shop"}


def test_the_permissions_are_apart_and_nobody_lacks_them() -> None:
    policy = GcpCloud().policy()
    assert not set(PERMISSIONS) & set(NEEDED)
    comments = [line for line in policy.splitlines() if line.startswith("#")]
    assert any("Optional, only if Skyledger may tag" in line for line in comments)
    assert any(TAGGING_ROLE in line for line in comments)
    assert not any("setLabels" in line for line in policy.splitlines() if not line.startswith("#"))
