"""The world of the oracle: the demo's organization with something in nearly every field, and who looks at it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
from graphql import assert_interface_type

from app.cli.example import fill
from app.config import Settings
from app.context import Runtime
from app.embedded import EngineUrls
from app.main import create_app, make_runtime, running
from app.recommendations.jobs import look_for_waste_in_charges
from app.server.credentials import Credentials
from app.server.identity import Identity, OperationFacts
from app.server.limits import Limits
from app.server.parameters import OperationRequest
from tests.clients import GraphQL, cheap_passwords
from tests.demo.test_top_up import allocate_all
from tests.demo.test_waste import look_everywhere
from tests.execution.furnishing import furnish
from tests.execution.known import Known, questions
from tests.execution.twins import REQUEST_ID, Twins
from tests.resolvers.company import Company, company, create_key
from tests.resolvers.cost_caller import Caller, Job

ROOT_KEY = "root-key-of-the-tests-0123456789abcdef"
KEY_SCOPES = ("ORGANIZATION_READ", "API_KEYS_MANAGE")
"""More than a viewer may in one place, and less in none: what needs other permissions is refused to it."""
LOOSE = Limits(document_bytes=10**6, document_tokens=10**6, document_fields=10**4)
"""For the few long documents by which it is learned what there is."""


@dataclass(frozen=True)
class Site:
    """Where a world is, who looks at it (None is an anonymous caller), and what the owner has found in it."""

    database_url: str
    redis_url: str
    folder: Path
    callers: Mapping[str, Identity | None]
    known: Known


async def make_site(database_url: str, redis_url: str, folder: Path) -> Site:
    """Fill an empty migrated database."""
    async with _runtime(database_url, redis_url, folder) as runtime:
        slug, callers = await _fill(runtime, folder)
        known = await _learn(Twins(runtime, callers), slug)
    return Site(database_url, redis_url, folder, callers, known)


@asynccontextmanager
async def twins_of(site: Site) -> AsyncIterator[Twins]:
    """The two servers over a world."""
    async with _runtime(site.database_url, site.redis_url, site.folder) as runtime:
        yield Twins(runtime, site.callers)


@asynccontextmanager
async def _runtime(database_url: str, redis_url: str, folder: Path) -> AsyncIterator[Runtime]:
    values: dict[str, Any] = {
        "data_dir": folder / "data",
        "database_url": database_url,
        "redis_url": redis_url,
        "root_key": ROOT_KEY,
        "log_level": "ERROR",
    }
    runtime = make_runtime(Settings(**values), EngineUrls(database_url, redis_url), passwords=cheap_passwords())
    async with running(runtime):
        yield runtime


async def _fill(runtime: Runtime, folder: Path) -> tuple[str, dict[str, Identity | None]]:
    """Make the world; gives the organization's slug and the callers by scope."""
    app, _ = create_app(runtime)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        graphql = GraphQL(client)
        made = await company(graphql)
        _, key = await create_key(graphql, made, *KEY_SCOPES)
        caller = Caller(graphql, runtime.database, made.people["OWNER"], folder)
        await fill(runtime.database, caller.organization_id)
        await allocate_all(caller)
        await caller.checked()
        await look_everywhere(caller)
        await look_for_waste_in_charges(Job(caller.organization_id, caller.database))
        await furnish(caller)
    return made.slug, await _callers(runtime, made, key)


async def _callers(runtime: Runtime, made: Company, key: str) -> dict[str, Identity | None]:
    shown = {
        "owner": Credentials(bearer=made.token("OWNER")),
        "viewer": Credentials(bearer=made.token("VIEWER")),
        "key": Credentials(api_key=key),
        "admin": Credentials(root_key=ROOT_KEY),
        "anonymous": Credentials(),
    }
    return {scope: await runtime.authenticator.identify(each) for scope, each in shown.items()}


async def _learn(twins: Twins, slug: str) -> Known:
    """Ask for all there is."""
    known = Known(slug)
    facts = OperationFacts(REQUEST_ID, twins.callers["owner"], None, None, "http")
    documents = twins.core.documents
    usual, documents._limits = documents._limits, LOOSE
    for document in questions(twins.schema):
        request = OperationRequest(document, None, {"slug": slug} if "$slug" in document else {})
        answer = orjson.loads((await twins.core.run(request, facts)).payload)
        assert "errors" not in answer, (document, answer["errors"])
        known.note("", answer["data"])
    documents._limits = usual
    node = assert_interface_type(twins.schema.type_map["Node"])
    known.keep_ids_of({type_.name for type_ in twins.schema.get_implementations(node).objects})
    return known
