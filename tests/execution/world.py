"""The world of the oracle: the demo's organization with something in nearly every field, and four callers and nobody."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import httpx
import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.cli.example import fill
from app.context import Runtime
from app.main import create_app
from app.recommendations.jobs import look_for_waste_in_charges
from app.server.credentials import Credentials
from app.server.identity import OperationFacts
from app.server.limits import Limits
from app.server.parameters import OperationRequest
from tests.clients import GraphQL
from tests.demo.test_top_up import allocate_all
from tests.demo.test_waste import look_everywhere
from tests.execution.furnishing import furnish
from tests.execution.known import Known, questions
from tests.execution.twins import REQUEST_ID, Twins, identities
from tests.resolvers.company import company, create_key
from tests.resolvers.cost_caller import Caller, Job

__all__ = ["AsyncSession", "World", "make_world", "open_world"]

LOOSE = Limits(document_bytes=10**6, document_tokens=10**6, document_fields=10**4)
"""For the few long documents by which it is learned what there is."""
KEY_SCOPES = ("ORGANIZATION_READ", "API_KEYS_MANAGE")
"""Enough to read; of what needs more only the keys, so that some fields are refused to it that a viewer may not see."""


@dataclass(frozen=True)
class World:
    """Where it is and who may look at it; the secrets are of a database that ends with the tests."""

    slug: str
    owner: str
    viewer: str
    key: str
    root_key: str

    def credentials(self) -> dict[str, Credentials | None]:
        """By scope."""
        return {
            "owner": Credentials(bearer=self.owner),
            "viewer": Credentials(bearer=self.viewer),
            "key": Credentials(api_key=self.key),
            "admin": Credentials(root_key=self.root_key),
            "anonymous": None,
        }


async def make_world(runtime: Runtime, folder: Path) -> World:
    """Fill an empty database."""
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
    root_key = runtime.settings.root_key
    assert root_key is not None
    return World(made.slug, made.token("OWNER"), made.token("VIEWER"), key, root_key.get_secret_value())


async def open_world(runtime: Runtime, world: World) -> tuple[Twins, Known]:
    """The two servers over a world, and what the owner finds in it."""
    twins = Twins(runtime, await identities(runtime, world.credentials()))
    return twins, await learn(twins, world.slug)


async def learn(twins: Twins, slug: str) -> Known:
    """Ask for all there is."""
    known = Known(slug)
    facts = OperationFacts(REQUEST_ID, twins.callers["owner"], None, None, "http")
    server = twins.core
    usual, server.documents._limits = server.documents._limits, LOOSE
    for document in questions(twins.schema):
        request = OperationRequest(document, None, {"slug": slug} if "$slug" in document else {})
        answer = orjson.loads((await server.run(request, facts)).payload)
        assert "errors" not in answer, (document, answer["errors"])
        known.note("", answer["data"])
    server.documents._limits = usual
    return known
