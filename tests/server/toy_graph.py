"""A toy schema and application for the tests of the server room: everything a transport can meet, and no domain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Any, cast
from uuid import UUID

import strawberry
from starlette.types import ASGIApp
from strawberry.types import Info

from app.errors import (
    AuthenticationError,
    BadUserInputError,
    CursorExpiredError,
    ForbiddenError,
    RateLimitedError,
    UnavailableError,
)
from app.server import (
    Credentials,
    GraphQLServer,
    Identity,
    Limits,
    OperationFacts,
    Probe,
    create_graphql_app,
)
from app.server.hub import Event, SharedSource
from tests.server.ledger import Ledger, Reader

TOKEN = "toy-token-of-alice"
OTHER_TOKEN = "toy-token-of-bob"


@dataclass
class World:
    """What the toy's resolvers did, for tests to look at, and the levers that tests pull."""

    contexts: int = 0
    mutations: list[str] = field(default_factory=list)
    mutations_begun: int = 0
    sources_open: int = 0
    sources_closed: int = 0
    slow_started: int = 0
    cancelled: int = 0
    revoked: set[str] = field(default_factory=set)
    expires_at: datetime | None = None
    seen: list[Credentials] = field(default_factory=list)
    broken_identify: bool = False
    broken_revalidate: bool = False
    store_is_away: bool = False
    looks: list[int] = field(default_factory=list)
    """How many callers each look was for."""
    ledger: Ledger = field(default_factory=Ledger)
    written: list[int] = field(default_factory=list)


@dataclass
class Context:
    """The context of one operation or event."""

    world: World
    facts: OperationFacts
    number: int


@dataclass(frozen=True)
class Caller:
    """An identity of the toy."""

    subject: str
    expires_at: datetime | None = None


def _context(info: Info[Any, Any]) -> Context:
    return cast("Context", info.context)


@strawberry.enum
class Colour(Enum):
    RED = "red"
    GREEN = "green"


@strawberry.interface
class Animal:
    name: str


@strawberry.type
class Dog(Animal):
    barks: bool

    @strawberry.field
    def parent(self) -> Dog | None:
        return Dog(name=f"parent of {self.name}", barks=False)


@strawberry.type
class Cat(Animal):
    lives: int


@strawberry.input
class Point:
    x: int
    y: int = 0
    colour: Colour = Colour.RED


@strawberry.input(one_of=True)
class Pick:
    id: strawberry.Maybe[int]
    name: strawberry.Maybe[str]


@strawberry.type
class Money:
    amount: Decimal
    id: UUID
    at: datetime


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str = "world") -> str:
        return f"Hello {name}"

    @strawberry.field
    async def viewer(self, info: Info[Any, Any]) -> str | None:
        identity = _context(info).facts.identity
        return identity.subject if identity else None

    @strawberry.field
    def context_number(self, info: Info[Any, Any]) -> int:
        return _context(info).number

    @strawberry.field
    def request_id(self, info: Info[Any, Any]) -> str:
        return _context(info).facts.request_id

    @strawberry.field
    def dog(self) -> Dog:
        return Dog(name="Rex", barks=True)

    @strawberry.field
    def animals(self) -> list[Animal]:
        return [Dog(name="Rex", barks=True), Cat(name="Tom", lives=9)]

    @strawberry.field
    def sum(self, point: Point) -> int:
        return point.x + point.y

    @strawberry.field
    def colour(self, colour: Colour = Colour.RED) -> Colour:
        return colour

    @strawberry.field
    def pick(self, by: Pick) -> str:
        return str(by.id.value if by.id else by.name.value if by.name else "")

    @strawberry.field
    def money(self) -> Money:
        return Money(
            amount=Decimal("0.10"), id=UUID("01890000-0000-7000-8000-000000000000"), at=datetime(2026, 1, 2, tzinfo=UTC)
        )

    @strawberry.field
    def numbers(self, of: list[list[int]] | None = None) -> int:
        return len(of or [])

    @strawberry.field
    def fails(self) -> str | None:
        message = "postgresql://app:hunter2@db/internal is down"
        raise RuntimeError(message)

    @strawberry.field
    def must_not_fail(self) -> str:
        message = "internal detail"
        raise RuntimeError(message)

    @strawberry.field
    def many_fail(self) -> list[str | None]:
        return cast("list[str | None]", [RuntimeError("internal detail")] * 20)

    @strawberry.field
    def wrong_integer(self) -> int:
        return 2**40

    @strawberry.field
    def forbidden(self) -> str | None:
        message = "You need the role ADMIN."
        raise ForbiddenError(message)

    @strawberry.field
    def wrong_input(self) -> str | None:
        message = "The slug is taken."
        raise BadUserInputError(message, path=("input", "slug"))

    @strawberry.field
    def throttled(self) -> str | None:
        message = "Too many tries."
        raise RateLimitedError(message, retry_after=7)

    @strawberry.field
    async def slow(self, info: Info[Any, Any], seconds: float = 30) -> str:
        _context(info).world.slow_started += 1
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            _context(info).world.cancelled += 1
            raise
        return "done"

    @strawberry.field
    def mutations_begun(self, info: Info[Any, Any]) -> int:
        return _context(info).world.mutations_begun

    @strawberry.field
    def big(self, size: int) -> str:
        return "x" * size


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def remember(self, info: Info[Any, Any], text: str) -> str:
        _context(info).world.mutations.append(text)
        return text

    @strawberry.mutation
    async def remember_slowly(self, info: Info[Any, Any], text: str, seconds: float) -> str:
        _context(info).world.mutations_begun += 1
        await asyncio.sleep(seconds)
        _context(info).world.mutations.append(text)
        return text


@strawberry.type
class Tick:
    number: int

    @strawberry.field
    def context_number(self, info: Info[Any, Any]) -> int:
        return _context(info).number

    @strawberry.field
    def fails_on(self, number: int) -> str | None:
        if self.number == number:
            message = "internal detail"
            raise RuntimeError(message)
        return None

    @strawberry.field
    def padding(self, size: int) -> str:
        return "x" * size

    @strawberry.field
    def written_for(self, info: Info[Any, Any]) -> str | None:
        _context(info).world.written.append(self.number)
        identity = _context(info).facts.identity
        return identity.subject if identity else None


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(
        self, info: Info[Any, Any], to: int = 3, every: float = 0.0, breaks_at: int = -1, expires_at: int = -1
    ) -> AsyncGenerator[Tick, None]:
        world = _context(info).world
        world.sources_open += 1
        try:
            for number in range(to):
                await asyncio.sleep(every)
                if number == breaks_at:
                    message = "internal detail"
                    raise RuntimeError(message)
                if number == expires_at:
                    message = "The events after this cursor are gone."
                    raise CursorExpiredError(message)
                yield Tick(number=number)
        finally:
            world.sources_closed += 1

    @strawberry.subscription
    def ledger(self, info: Info[Any, Any], after: int | None = None, scope: str = "all") -> AsyncIterable[Tick]:
        """What happens in the world's ledger, shared by all of a scope."""
        world, identity = _context(info).world, _context(info).facts.identity
        caller = identity.subject if identity else ""

        async def follow(place: int | None) -> AsyncGenerator[Event[Tick]]:
            async with aclosing(world.ledger.follow(place)) as events:
                async for event in events:
                    yield Event(event.place, Tick(number=event.place), event.opening)

        async def check() -> None:
            if caller in world.revoked:
                message = "You need the role ADMIN."
                raise ForbiddenError(message)

        return SharedSource(scope, Reader(), follow, caller, check, after)

    @strawberry.subscription
    async def refused(self, role: str = "VIEWER") -> AsyncGenerator[int, None]:
        if role != "ADMIN":
            message = "You need the role ADMIN."
            raise ForbiddenError(message)
        yield 1

    @strawberry.subscription
    async def waits(self, info: Info[Any, Any]) -> AsyncGenerator[int, None]:
        world = _context(info).world
        world.sources_open += 1
        try:
            await asyncio.Event().wait()
            yield 1
        finally:
            world.sources_closed += 1


schema = strawberry.Schema(query=Query, mutation=Mutation, subscription=Subscription, types=[Dog, Cat])


@dataclass
class Toy:
    """A toy server with its world and application."""

    world: World
    server: GraphQLServer
    app: ASGIApp


def make_toy(
    limits: Limits | None = None,
    *,
    probes: Mapping[str, Probe] | None = None,
    cors_origins: tuple[str, ...] = (),
    graphiql: bool = False,
    introspection: str = "authenticated",
    **changes: Any,
) -> Toy:
    """A fresh toy; `changes` are limits that differ from the defaults."""
    world = World()

    def make_context(facts: OperationFacts) -> Context:
        world.contexts += 1
        return Context(world, facts, world.contexts)

    server = GraphQLServer(
        schema,
        identify=partial(identify, world),
        make_context=make_context,
        revalidate=partial(revalidate, world),
        limits=replace(limits or Limits(), **changes),
        introspection=cast("Any", introspection),
    )
    app = create_graphql_app(server, probes=probes or {}, cors_origins=cors_origins, graphiql=graphiql)
    return Toy(world, server, app)


async def identify(world: World, credentials: Credentials) -> Identity | None:
    """Alice and Bob have a token each, which is also their API key and root key."""
    world.seen.append(credentials)
    if world.broken_identify:
        message = "postgresql://app:hunter2@db is down"
        raise RuntimeError(message)
    if world.store_is_away:
        message = "The database cannot be reached at the moment. Try again in a few seconds."
        raise UnavailableError(message)
    secret = credentials.bearer or credentials.api_key or credentials.root_key
    if secret is None:
        return None
    subjects = {TOKEN: "alice", OTHER_TOKEN: "bob"}
    if secret not in subjects or subjects[secret] in world.revoked:
        message = "The access token is not valid."
        raise AuthenticationError(message)
    return Caller(subjects[secret], world.expires_at)


async def revalidate(world: World, identities: Sequence[Identity]) -> list[bool]:
    """Whether their sessions were not revoked meanwhile."""
    world.looks.append(len(identities))
    if world.broken_revalidate:
        message = "valkey is down"
        raise RuntimeError(message)
    return [identity.subject not in world.revoked for identity in identities]


def in_seconds(seconds: float) -> datetime:
    """A moment from now."""
    return datetime.now(UTC) + timedelta(seconds=seconds)
