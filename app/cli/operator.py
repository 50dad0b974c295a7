"""Commands of the operator on an organization: past sign-in, through the same doors and acts as everyone else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar
from uuid import UUID

from redis.asyncio import Redis
from sqlalchemy.exc import SQLAlchemyError

from app.activity.announce import Announcer
from app.activity.audit import AuditedAct
from app.auth.permissions import grant_of
from app.cli.migrate import complaint_about_tables
from app.cli.terminal import engines_of, fail, reason_of, settings_or_exit
from app.database import Database, acting
from app.embedded import EngineUrls
from app.errors import SkyledgerError
from app.records import Actor, ActorKind, Principal, Role
from app.repositories.organizations import organization_by_slug
from app.tasks import to_the_end

Result = TypeVar("Result")
OPERATOR = Actor(ActorKind.SYSTEM)


def as_operator(slug: str, work: Callable[[Database, UUID], Awaitable[Result]], act: str | None = None) -> Result:
    """Run `work(database, organization id)`. Ends the command with the reason when it fails for one that is known.

    `act` is its name in the audit, for what is about who may do what; imports stand in the activity.
    """

    async def within(database: Database) -> Result:
        async with database.system() as session:
            found = await organization_by_slug(session, slug)
        if found is None:
            message = f"there is no organization with the slug {slug!r}."
            raise fail(message)
        with acting(None if act is None else AuditedAct(act, OPERATOR)):
            return await work(database, found["id"])

    return as_platform_operator(within)


def as_platform_operator(work: Callable[[Database], Awaitable[Result]]) -> Result:
    """The same with `work(database)`, which concerns no organization."""
    settings = settings_or_exit()
    with engines_of(settings) as engines:
        complaint = complaint_about_tables(settings, engines.urls)
        if complaint is not None:
            raise fail(complaint)
        try:
            return asyncio.run(_work(engines.urls, work))
        except SkyledgerError as error:
            raise fail(error.message) from None
        except (SQLAlchemyError, OSError) as error:
            raise fail(reason_of(error)) from error


async def _work(urls: EngineUrls, work: Callable[[Database], Awaitable[Result]]) -> Result:
    async with announcing_database(urls) as database:
        return await work(database)


def operator_of(organization_id: UUID) -> Principal:
    """The operator as a caller: an admin of the organization."""
    return Principal(actor=OPERATOR, grants={organization_id: grant_of(organization_id, Role.ADMIN)})


@asynccontextmanager
async def announcing_database(urls: EngineUrls) -> AsyncIterator[Database]:
    """The doors, with commits announced to the subscribers of running servers."""
    database = Database.connect(urls.database_url, pool_size=2, statement_seconds=120)
    valkey = Redis.from_url(urls.redis_url, socket_timeout=2, socket_connect_timeout=2)
    announcer = Announcer(database, valkey)
    await announcer.start()
    try:
        yield database
    finally:
        # A connection that is cut off while it is being closed complains in the log.
        await to_the_end(_close(announcer, database, valkey))


async def _close(announcer: Announcer, database: Database, valkey: Redis) -> None:
    await announcer.stop()
    await database.close()
    await valkey.aclose()
