"""The load of the soak: acts at random at a fixed rate, each of which knows what has to be answered."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from app.tasks import end_tasks
from tests.clients import ACCEPT, PASSWORD

MOST_AT_A_TIME = 12
ACT_SECONDS = 240
"""An act that takes longer is an error."""
TOLD_ERRORS = 20
IDLE_SECONDS = 2.0
"""How long a connection may be unused: the servers close theirs after five, and a request may meet that."""


STALE_SECONDS = 600
"""An access token holds 900."""
LOG_IN = """mutation ($input: LogInInput!) { logIn(input: $input) { __typename
  ... on LogInPayload { accessToken refreshToken } ... on UserError { code message } } }"""


class UnexpectedError(Exception):
    """Something was answered that should not have been."""


@dataclass(eq=False)
class Tenant:
    """Somebody who owns an organization, with the access token that they have last been given."""

    number: int
    email: str
    token: str
    organization_id: str
    slug: str
    alone: asyncio.Lock = field(default_factory=asyncio.Lock)
    """For acts of which a tenant does one at a time."""
    signing_in: asyncio.Lock = field(default_factory=asyncio.Lock)
    signed_in_at: float = field(default_factory=time.monotonic)

    def sign_in(self, token: str) -> None:
        """Go on with another access token."""
        self.token, self.signed_in_at = token, time.monotonic()


@dataclass(eq=False)
class Caller:
    """A tenant who is about to do something on one of the API processes."""

    tenant: Tenant
    client: httpx.AsyncClient
    others: httpx.AsyncClient
    """Of the other API process."""
    chance: random.Random
    number: int
    """Of the act: no two are equal."""

    @property
    def url(self) -> str:
        """Base URL of the API process."""
        return str(self.client.base_url).rstrip("/")

    async def ask(
        self, query: str, variables: dict[str, Any] | None = None, token: str | None = None
    ) -> dict[str, Any]:
        """The answer to an operation, whatever it is."""
        headers = {"accept": ACCEPT, "authorization": f"Bearer {token or self.tenant.token}"}
        body = {"query": query, "variables": variables or {}}
        answer = await self.client.post("/graphql", json=body, headers=headers)
        found: dict[str, Any] = answer.json()
        return found

    async def data(self, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """The data of an operation that must have no errors."""
        answer = await self.ask(query, variables)
        require("errors" not in answer, answer.get("errors"))
        found: dict[str, Any] = answer["data"]
        return found

    async def act(self, mutation: str, values: dict[str, Any], payload: str) -> dict[str, Any]:
        """What a mutation of one field gives, which must be of that type."""
        (found,) = (await self.data(mutation, {"input": values})).values()
        require(found["__typename"] == payload, found)
        result: dict[str, Any] = found
        return result

    async def log_in(self) -> dict[str, Any]:
        """The tokens of a new session."""
        return await self.act(LOG_IN, {"email": self.tenant.email, "password": PASSWORD}, "LogInPayload")

    async def stay_signed_in(self) -> None:
        """Log in again before the access token ends: no act of the tenant may have done so for long."""
        async with self.tenant.signing_in:
            if time.monotonic() - self.tenant.signed_in_at > STALE_SECONDS:
                self.tenant.sign_in((await self.log_in())["accessToken"])

    async def refused(self, query: str, code: str, token: str | None = None) -> None:
        """Send an operation whose first error must have this code."""
        answer = await self.ask(query, token=token)
        errors = answer.get("errors") or [{}]
        require(errors[0].get("extensions", {}).get("code") == code, answer)


def require(true: object, told: object) -> None:
    """Raise UnexpectedError with what was answered instead."""
    if not true:
        raise UnexpectedError(str(told)[:600])


Act = Callable[[Caller], Awaitable[None]]


@dataclass(eq=False)
class Load:
    """Tenants who act at random, `rate` acts a second, by weights; the acts that come too late are counted."""

    urls: list[str]
    tenants: list[Tenant]
    acts: dict[Act, float]
    """Act → weight."""
    chance: random.Random
    done: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    slowest: dict[str, float] = field(default_factory=dict)
    waited: int = 0
    """How often an act had to wait because too many were under way."""
    numbers: int = 0

    async def run(self, seconds: float, rate: float) -> None:
        """Act for so many seconds and wait for the last acts; every connection is closed then."""
        async with self._crowd() as begin:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                await begin(self.chance.choices(list(self.acts), list(self.acts.values()))[0])
                await asyncio.sleep(self.chance.expovariate(rate))

    async def each(self, *acts: Act, times: int = 1) -> None:
        """Do these acts so many times on every API process, as many at a time as there may be."""
        async with self._crowd() as begin:
            for _ in range(times):
                for act in acts:
                    for turn in range(len(self.urls)):
                        await begin(act, turn)

    @asynccontextmanager
    async def _crowd(self) -> AsyncIterator[Callable[..., Awaitable[None]]]:
        """What begins an act; leaving waits for all of them."""
        places, tasks = asyncio.Semaphore(MOST_AT_A_TIME), set[asyncio.Task[None]]()
        clients = [
            httpx.AsyncClient(base_url=url, timeout=ACT_SECONDS, limits=httpx.Limits(keepalive_expiry=IDLE_SECONDS))
            for url in self.urls
        ]

        async def begin(act: Act, turn: int | None = None) -> None:
            self.waited += places.locked()
            await places.acquire()
            turn = self.chance.randrange(len(clients)) if turn is None else turn
            self.numbers += 1
            caller = Caller(
                self.chance.choice(self.tenants), clients[turn], clients[turn - 1], self.chance, self.numbers
            )
            task = asyncio.create_task(self._do(act, caller))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            task.add_done_callback(lambda _: places.release())

        try:
            yield begin
            while tasks:
                await asyncio.wait(set(tasks))
        finally:
            await end_tasks(*tasks)
            for client in clients:
                await client.aclose()

    async def _do(self, act: Act, caller: Caller) -> None:
        name, begun = act.__name__, time.monotonic()
        try:
            async with asyncio.timeout(ACT_SECONDS):
                await caller.stay_signed_in()
                await act(caller)
        except Exception as error:  # noqa: BLE001  (whatever it is, it was not expected)
            self.failed[name] += 1
            if len(self.errors) < TOLD_ERRORS:
                self.errors.append(f"{name} on {caller.url}: {type(error).__name__}: {error}")
        else:
            self.done[name] += 1
        took = time.monotonic() - begun
        self.slowest[name] = max(took, self.slowest.get(name, 0.0))

    def faults(self) -> list[str]:
        """What went wrong, and acts that were never done."""
        found = [f"{name} failed {count} times" for name, count in self.failed.items()] + self.errors
        return found + [f"{act.__name__} was never done" for act in self.acts if not self.done[act.__name__]]
