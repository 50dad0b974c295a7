"""What a campaign finds at its begin: an organization with a cloud and two cost files, and others to purge."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import httpx
from sqlalchemy import text

from app.activity.record import record
from app.database import Database
from app.models import now
from app.organizations.change import PURGE_JOB
from app.queue import enqueue
from app.schema.node import parse_id
from app.sealing.vault import Vault
from tests.activity.probes import note
from tests.campaigns.callers import Access
from tests.campaigns.fleet import Fleet
from tests.clients import GraphQL, Person, register
from tests.scanning.engine import Engine
from tests.scanning.local_cloud import World, filled_world, local_clouds
from tests.sourcing.importing import focus_file
from tests.uploads.senders import Sender

CONDEMNED_EVENTS = 500
ROWS = {"1.25": 2_000, "2.75": 1_500}
"""Amount of each charge → charges of the cost file."""
SCOPES = ["ORGANIZATION_READ", "ACTIVITY_WRITE", "SCANS_RUN", "COSTS_INGEST"]
NEW_KEY = """
mutation Key($input: CreateApiKeyInput!) {
  createApiKey(input: $input) { ... on CreateApiKeyPayload { key } ... on UserError { message } }
}
"""
BEGIN = """
mutation Begin($input: AddNoteInput!) {
  addNote(input: $input) { ... on AddNotePayload { event { cursor sequence } } ... on UserError { message } }
}
"""


@dataclass(frozen=True)
class Settled:
    """What there is."""

    access: Access
    start: int
    """Number of the event after which subscribers begin."""
    cursor: str
    upload_ids: list[str]
    world: World
    condemned: list[UUID]

    @property
    def organization_id(self) -> UUID:
        """The key in the tables."""
        return parse_id(self.access.organization_id).id

    @property
    def deliveries(self) -> set[tuple[Decimal, int]]:
        """(billed cost, charges) of each cost file."""
        return {(Decimal(amount) * rows, rows) for amount, rows in ROWS.items()}


async def settle(
    fleet: Fleet, chance: random.Random, *, cloud: bool = True, condemned: int = 0, seconds: float = 0
) -> Settled:
    """Prepare a fleet that is ready, by the graph where there is no cloud and nobody is condemned.

    So many organizations are purged, at moments of the next `seconds`.
    """
    world = filled_world(servers=20) if cloud else World()
    world.page_size, world.seconds = 5, 0.05
    world.save(fleet.world)
    async with httpx.AsyncClient(base_url=fleet.urls[0], timeout=120) as client:
        graphql = GraphQL(client)
        ada = await register(graphql)
        wanted = {"organizationId": ada.organization_id, "name": "campaign", "scopes": SCOPES}
        key = (await graphql.data(NEW_KEY, {"input": wanted}, token=ada.token))["createApiKey"]["key"]
        upload_ids = [await _sent(Sender(client, ada), focus_file(rows, amount)) for amount, rows in ROWS.items()]
        if cloud:
            await _connect(fleet, ada, world)
        begin = {"organizationId": ada.organization_id, "text": "begin"}
        event = (await graphql.data(BEGIN, {"input": begin}, api_key=key))["addNote"]["event"]
    access = Access(fleet.urls, ada.organization_id, key, chance)
    doomed = await _condemn(fleet, chance, condemned, seconds)
    return Settled(access, event["sequence"], event["cursor"], upload_ids, world, doomed)


async def _sent(sender: Sender, data: bytes) -> str:
    url = await sender.created(data)
    answer = await sender.put(url, data)
    assert answer.status_code == httpx.codes.OK, answer.text
    return url.rpartition("/")[2]


async def _connect(fleet: Fleet, person: Person, world: World) -> None:
    urls = await fleet.engine_urls()
    database = Database.connect(urls.database_url)
    organization_id = parse_id(person.organization_id).id
    vault = Vault.from_settings(fleet.settings)
    await Engine(database, vault, urls.redis_url, local_clouds(world), organization_id).connect()
    await database.close()


async def _condemn(fleet: Fleet, chance: random.Random, count: int, seconds: float) -> list[UUID]:
    """Deleted organizations, each with a job that purges it at some moment of the campaign."""
    organizations = [uuid4() for _ in range(count)]
    urls = await fleet.engine_urls()
    owner, database = Database.connect(urls.database_url, role=None), Database.connect(urls.database_url)
    for organization_id in organizations:
        async with owner.engine.begin() as connection:
            await connection.execute(
                text(
                    "INSERT INTO organizations (id, slug, name, currency, created_at, updated_at, deleted_at) "
                    "VALUES (:id, :slug, 'condemned', 'USD', now(), now(), now())"
                ),
                {"id": organization_id, "slug": f"condemned-{organization_id}"},
            )
        async with database.write(organization_id) as session:
            await record(session, organization_id, *(note(str(number)) for number in range(CONDEMNED_EVENTS)))
            moment = now() + timedelta(seconds=chance.uniform(0, seconds))
            await enqueue(session, PURGE_JOB, organization_id, wake_at=moment)
    await database.close()
    await owner.close()
    return organizations
