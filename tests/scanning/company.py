"""An organization that connects an account in moto and scans it, as a person does: by the graph, over a real worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from functools import cache
from typing import Any

from app.config import Settings
from app.context import Runtime
from app.embedded import EngineUrls
from app.tasks import end_tasks
from app.workers.process import work
from tests.clients import GraphQL, Person
from tests.providers.aws.answering import answering
from tests.providers.moto import REGION

CONNECT = """mutation ($input: ConnectAccountInput!) { connectAccount(input: $input) { __typename
  ... on ConnectAccountPayload { accounts { id nativeId kind health { state missingPermissions } } }
  ... on UserError { code message path } } }"""
START = """mutation ($input: StartScanInput!) { startScan(input: $input) { __typename
  ... on StartScanPayload { scans { id state account { nativeId } } alreadyRunning { id } }
  ... on UserError { code message path } } }"""
SCAN = """query ($id: ID!) { node(id: $id) { ... on Scan { state failure remedy durationMilliseconds
  totals { steps finished found added changed removed unchanged }
  steps { service region state found added changed removed unchanged
    problems { resourceTypes code message remedy permission } } } } }"""
RESOURCES = """query ($slug: String!) { organization(slug: $slug) {
  resources(first: 1000) { totalCount nodes { id nativeId resourceType name region tags properties
    relationships(direction: OUTGOING) { kind nativeId resource { nativeId } } } }
  inventorySummary { totalCount byType { key count } } accounts { nodes { health { state } } } } }"""
MOST_SECONDS = 120
ADVISERS = ("cost-optimization-hub", "compute-optimizer")
_LASTING = ExitStack()
CANARY = "canary-secret-access-key-of-40-characters"


@asynccontextmanager
async def worker(settings: Settings, engine_urls: EngineUrls) -> AsyncIterator[None]:
    """A real worker in this process."""
    assert settings.database_url is not None
    stop = asyncio.Event()
    running = asyncio.create_task(work(settings, EngineUrls(settings.database_url, engine_urls.redis_url), stop))
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(60):
            await asyncio.wait([running])
        await end_tasks(running)


@cache
def unadvised() -> str:
    """The URL of AWS's advisers as an account meets them that has enrolled in none; it is there until the run ends.

    Moto answers with a fault of its own, after which a worker asks again, with pauses.
    """
    advisers = answering(ListEnrollmentStatuses={"items": []}, GetEnrollmentStatus={"status": "Inactive"})
    return _LASTING.enter_context(advisers).url


class Company:
    """An organization that connects the account in moto and scans it."""

    def __init__(self, graphql: GraphQL, runtime: Runtime, person: Person, url: str, region: str = REGION) -> None:
        self.graphql = graphql
        self.runtime = runtime
        self.person = person
        self.url = url
        self.region = region

    async def connect(self, key: str = "AKIA0123456789EXAMPLE", secret: str = CANARY, **elsewhere: str) -> None:
        """By keys; some services may be elsewhere. Of AWS's advisers, which moto lacks, it has enrolled in none."""
        endpoints = {"*": self.url, **dict.fromkeys(ADVISERS, unadvised()), **elsewhere}
        values = {
            "organizationId": self.person.organization_id,
            "aws": {"accessKeyId": key, "secretAccessKey": secret},
            "regions": [self.region],
            "endpoints": [{"service": name, "url": url} for name, url in endpoints.items()],
        }
        answer = await self.graphql.data(CONNECT, {"input": values}, token=self.person.token)
        assert answer["connectAccount"]["__typename"] == "ConnectAccountPayload", answer
        (account,) = answer["connectAccount"]["accounts"]
        assert (account["nativeId"], account["kind"]) == ("123456789012", "CONNECTED")

    async def scan(self, *services: str) -> dict[str, Any]:
        """Start a scan, wait for its end, and give it with its steps."""
        values: dict[str, Any] = {"organizationId": self.person.organization_id}
        if services:
            values["services"] = services
        answer = await self.graphql.data(START, {"input": values}, token=self.person.token)
        assert answer["startScan"]["__typename"] == "StartScanPayload", answer
        (started,) = answer["startScan"]["scans"]
        async with asyncio.timeout(MOST_SECONDS):
            while True:
                scan = (await self.graphql.data(SCAN, {"id": started["id"]}, token=self.person.token))["node"]
                if scan["state"] not in {"QUEUED", "RUNNING"}:
                    found: dict[str, Any] = scan
                    return found
                await asyncio.sleep(0.2)

    async def inventory(self) -> dict[str, Any]:
        """All resources with their relationships, the summary, the account's health."""
        answer = await self.graphql.data(RESOURCES, {"slug": self.person.slug}, token=self.person.token)
        organization: dict[str, Any] = answer["organization"]
        return organization
