"""Clients of the graph for tests: operations over HTTP, people who sign up, a server in a thread."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from app.auth.passwords import Passwords
from app.config import Settings
from app.embedded import EngineUrls
from app.main import create_app, make_runtime
from app.server.serving import make_server

ACCEPT = "application/graphql-response+json, application/json"
PASSWORD = "correct horse battery"
_numbers = itertools.count(1)


def cheap_passwords() -> Passwords:
    """Hashes of the least memory and one pass: a test that registers somebody need not wait for a slow one."""
    return Passwords(memory_kib=8, passes=1)


class GraphQL:
    """Runs operations and gives the decoded answer."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def __call__(
        self,
        query: str,
        variables: dict[str, Any] | None = None,
        *,
        token: str | None = None,
        api_key: str | None = None,
        root_key: str | None = None,
        **extra_headers: str,
    ) -> dict[str, Any]:
        """One operation; returns `{"data": …, "errors": …}` as the server sent it."""
        headers = {"accept": ACCEPT, **extra_headers}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        if api_key is not None:
            headers["x-api-key"] = api_key
        if root_key is not None:
            headers["x-root-key"] = root_key
        body = {"query": query, "variables": variables or {}}
        response = await self.client.post("/graphql", json=body, headers=headers)
        answer: dict[str, Any] = response.json()
        return answer

    async def data(self, query: str, variables: dict[str, Any] | None = None, **who: Any) -> dict[str, Any]:
        """The data of an operation that must have no errors."""
        answer = await self(query, variables, **who)
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data


@dataclass(frozen=True)
class Person:
    """A registered user with an organization of their own."""

    email: str
    token: str
    refresh_token: str
    organization_id: str
    slug: str


REGISTER = """
mutation Register($input: RegisterInput!) {
  register(input: $input) {
    __typename
    ... on RegisterPayload { accessToken refreshToken organization { id slug } }
    ... on UserError { code message path }
  }
}
"""


async def register(graphql: GraphQL, name: str = "Ada") -> Person:
    """Register somebody new with an organization of which they are the owner."""
    email = f"{name.lower()}-{next(_numbers)}@skyledger.example"
    answer = await graphql.data(
        REGISTER,
        {"input": {"email": email, "name": name, "password": PASSWORD, "organizationName": f"{name} {email}"}},
    )
    made = answer["register"]
    assert made["__typename"] == "RegisterPayload", made
    organization = made["organization"]
    return Person(email, made["accessToken"], made["refreshToken"], organization["id"], organization["slug"])


@contextmanager
def serving(settings: Settings, urls: EngineUrls, port: int = 0) -> Iterator[str]:
    """A real server on a port of loopback, a free one unless it is given, in a thread; gives its base URL."""
    ready = threading.Event()
    app, graph = create_app(make_runtime(settings, urls, passwords=cheap_passwords()))
    server = make_server(app, graph.lifecycle, limits=graph.limits, on_ready=lambda _url: ready.set())
    with socket.create_server(("127.0.0.1", port)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        assert ready.wait(60), "the server did not start"
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.stop()
            thread.join(60)
            assert not thread.is_alive(), "the server did not stop"
