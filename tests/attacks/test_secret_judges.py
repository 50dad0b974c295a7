"""The search for secrets bites: a leak that is planted in any place, by the way that real ones take, is found there."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from redis.asyncio import Redis

from app import error_reports, tracing
from app.config import Settings
from app.database import Database
from app.embedded import EngineUrls
from app.queue import enqueue
from app.schema.node import parse_id
from tests.attacks.places import (
    PLACES,
    Listening,
    Planted,
    all_of_valkey,
    exports,
    listening,
    of_backup,
    of_commands,
    of_files,
    pages,
    quiet,
    site,
)
from tests.auth.people import everything_stored
from tests.clients import GraphQL, Person, register
from tests.resolvers.company import CREATE_KEY
from tests.resolvers.test_accounts_secrets import Heard

ROOT_KEY = "root-key-of-the-tests-0123456789abcdef"
NOTE = "mutation ($input: AddNoteInput!) { addNote(input: $input) { ... on AddNotePayload { event { data } } } }"


@dataclass
class World:
    """A site with one person, and what is heard of it."""

    settings: Settings
    database: Database
    owner: Database
    valkey: Redis
    graphql: GraphQL
    person: Person
    heard: Listening
    folder: Path
    secret: str

    @property
    def organization(self) -> dict[str, str]:
        return {"organizationId": self.person.organization_id}

    async def note(self) -> None:
        """Have the secret stored where everybody of the organization reads it."""
        await self.graphql.data(NOTE, {"input": {**self.organization, "text": self.secret}}, token=self.person.token)


async def in_answers(world: World) -> str:
    """As the text of an event, which the activity answers with."""
    await world.note()
    return await pages(world.graphql, world.person, ROOT_KEY)


async def in_answers_to_accounts(world: World) -> str:
    heard = Heard(world.graphql, world.person)
    await heard(NOTE, **world.organization, text=world.secret)
    return "\n".join(heard.answers)


async def in_valkey(world: World) -> str:
    await world.valkey.set("skyledger:probe", world.secret)
    return await all_of_valkey(world.valkey)


async def in_logs(world: World) -> str:
    """In a field whose name says nothing, at the level that nobody reads."""
    structlog.get_logger("skyledger.probe").debug("probe", remark=f"it was {world.secret}")
    return heard_of(world, "logs")


async def in_spans(world: World) -> str:
    span = tracing.begin("probe", url=f"https://example.com/?token={world.secret}")
    assert span is not None
    span.end(failed=False)
    return heard_of(world, "spans")


async def in_error_reports(world: World) -> str:
    error_reports.report(RuntimeError("probe"), job_id=world.secret)
    error_reports.stop()
    return heard_of(world, "error reports")


async def in_job_arguments(world: World) -> str:
    await queued(world)
    return await everything_stored(world.owner)


async def in_exports(world: World) -> str:
    """In the summary of an act, which the export of the audit has, and the archive of the person's data."""
    await world.note()
    await exports(world.graphql, world.person)
    await quiet(world.owner)
    return of_files(world.settings)


async def in_backups(world: World) -> str:
    await queued(world)
    return await of_backup(world.settings, world.folder / "backup")


async def in_commands(world: World) -> str:
    """As the name of a key, which `skyledger keys list` prints."""
    key = {**world.organization, "name": world.secret, "scopes": ["ORGANIZATION_READ"]}
    answer = await world.graphql.data(CREATE_KEY, {"input": key}, token=world.person.token)
    assert answer["createApiKey"]["__typename"] == "CreateApiKeyPayload"
    return await asyncio.to_thread(of_commands, world.settings, world.person.slug)


async def queued(world: World) -> None:
    """Have a job that no worker knows wait with the secret in its arguments."""
    organization_id = parse_id(world.person.organization_id).id
    async with world.database.write(organization_id) as session:
        await enqueue(session, "probe", organization_id, {"token": world.secret})


def heard_of(world: World, place: str) -> str:
    planted = Planted()
    world.heard.hear(planted)
    return planted.found[place]


LEAKS: dict[str, Callable[[World], Awaitable[str]]] = {
    "pages and answers": in_answers,
    "answers to accounts": in_answers_to_accounts,
    "Valkey": in_valkey,
    "logs": in_logs,
    "spans": in_spans,
    "error reports": in_error_reports,
    "tables": in_job_arguments,
    "exports": in_exports,
    "backup": in_backups,
    "commands": in_commands,
}


def test_every_place_has_its_proof() -> None:
    assert set(LEAKS) == set(PLACES)


@pytest.mark.parametrize("place", PLACES)
async def test_a_planted_leak_is_found(
    place: str,
    settings: Settings,
    engine_urls: EngineUrls,
    database: Database,
    owner: Database,
    valkey: Redis,
    tmp_path: Path,
) -> None:
    """The same place is read twice: with the leak it is found, and nothing else of the site is taken for it."""
    planted = Planted()
    secret = planted.plant("canary", f"canary-{secrets.token_hex(16)}")
    own = settings.model_copy(update={"redis_url": engine_urls.redis_url})
    with listening() as heard:
        async with site(own, engine_urls.redis_url) as graphql:
            person = await register(graphql)
            world = World(own, database, owner, valkey, graphql, person, heard, tmp_path, secret)
            planted.found[place] = await LEAKS[place](world)
            innocent = Planted()
            innocent.plant("another", f"canary-{secrets.token_hex(16)}")
            innocent.found = planted.found
    assert planted.leaks() == {("canary", place)}
    assert innocent.leaks() == set()
