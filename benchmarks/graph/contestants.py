"""Who is compared: how each is started, what it is sent, and how its answer is read.

A contestant is a process of its own that serves HTTP on 127.0.0.1 at the port it is given, on one core. It may read the
environment: SKYLEDGER_DATABASE_URL (SQLAlchemy's form), DATABASE_URL (plain), SKYLEDGER_SECRET_KEY (signs the access
tokens, HS256; `sub` is the user, `sid` the session). Its `read` turns a body into the shape of Skyledger's own `data`;
ids, moments and amounts may be written in other ways (see `documents.comparable`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson

from app.embedded import EngineUrls
from benchmarks.graph.dataset import SECRET, Facts, plain_url
from benchmarks.graph.documents import Question

EVERY = ("Q1", "Q2", "Q3", "Q4", "Q5", "Q6")
FOUR = EVERY[:4]
"""What peers serve: the others need what Skyledger knows of costs."""


@dataclass(frozen=True)
class Place:
    """Where a contestant serves and what from."""

    port: int
    urls: EngineUrls
    folder: Path
    facts: Facts

    @property
    def environment(self) -> dict[str, str]:
        """What every contestant finds in its environment."""
        return {
            "SKYLEDGER_DATABASE_URL": self.urls.database_url,
            "SKYLEDGER_REDIS_URL": self.urls.redis_url,
            "SKYLEDGER_DATA_DIR": str(self.folder),
            "SKYLEDGER_SECRET_KEY": SECRET,
            "DATABASE_URL": plain_url(self.urls.database_url),
        }


@dataclass(frozen=True)
class Request:
    """One HTTP request."""

    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def raw(self, port: int, token: str) -> bytes:
        """As it goes over the wire: POST with a body, GET without."""
        lines = [
            f"{'GET' if self.body is None else 'POST'} {self.path} HTTP/1.1",
            f"host: 127.0.0.1:{port}",
            f"authorization: Bearer {token}",
            "accept: application/json",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        if self.body is not None:
            lines += ["content-type: application/json", f"content-length: {len(self.body)}"]
        return "\r\n".join([*lines, "", ""]).encode() + (self.body or b"")


def graphql(question: Question) -> Request:
    """Skyledger's own document, by POST."""
    return Request("/graphql", orjson.dumps({"query": question.document, "variables": question.variables}))


def graphql_data(_: Question, body: bytes) -> Any:
    """`data` of an answer. Raises ValueError where it has errors."""
    answer = orjson.loads(body)
    if answer.get("errors") or not answer.get("data"):
        raise ValueError(body[:600].decode(errors="replace"))
    return answer["data"]


@dataclass(frozen=True)
class Contestant:
    """One way of serving the queries.

    `missing` says what it lacks to run here, in words for people, or nothing.
    """

    name: str
    title: str
    command: Callable[[Place], list[str]]
    queries: tuple[str, ...] = EVERY
    environment: Mapping[str, str] = field(default_factory=dict)
    request: Callable[[Question], Request] = graphql
    read: Callable[[Question, bytes], Any] = graphql_data
    missing: Callable[[], str] = lambda: ""
    settle_seconds: float = 1.0
    """From being ready until it has done what it does once: nothing is measured before."""


def _skyledger(place: Place) -> list[str]:
    return [sys.executable, "-m", "app", "serve", "--port", str(place.port)]


UNLIMITED = {"SKYLEDGER_COST_MAXIMUM": "1000000000", "SKYLEDGER_COST_RESTORED": "1000000000"}
"""Every operation is charged, and no caller runs out of points."""
_SERVED = {"SKYLEDGER_LOG_FORMAT": "json", **UNLIMITED}
"""As in production: authentication, limits, metrics, isolation of tenants and a line of log for each request."""
_WARM = 12.0
"""Skyledger loads what forecasts and imports need ten seconds after it is ready (app/main.py)."""


def _module(name: str) -> Callable[[Place], list[str]]:
    return lambda place: [sys.executable, "-m", f"benchmarks.graph.{name}", str(place.port)]


def _without_ariadne() -> str:
    return "" if find_spec("ariadne") else "`make bench` installs it; by hand: `uv pip install ariadne`."


def _page(question: Question) -> Request:
    """The address of a hand-written page."""
    page = f"?first={question.first}" if question.first is not None else ""
    return Request(f"/{question.query.lower()}/{question.slug}{page}")


CONTESTANTS = {
    one.name: one
    for one in (
        Contestant("f", "hand-written Starlette route", _module("hand_written"), request=_page),
        Contestant("skyledger", "Skyledger as served", _skyledger, environment=_SERVED, settle_seconds=_WARM),
        Contestant(
            "skyledger-uncompiled",
            "Skyledger without compiled plans",
            _skyledger,
            environment=_SERVED | {"SKYLEDGER_COMPILED_PLANS": "false"},
            settle_seconds=_WARM,
        ),
        Contestant("plain-strawberry", "plain Strawberry", _module("plain_strawberry"), queries=FOUR),
        Contestant("ariadne", "Ariadne", _module("plain_ariadne"), queries=FOUR, missing=_without_ariadne),
    )
}
