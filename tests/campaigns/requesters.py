"""Who has jobs done during a campaign, one after the other: scans of an account, imports of cost files."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle, repeat
from typing import Any

import httpx

from tests.campaigns.callers import Access
from tests.scanning.company import START as START_SCAN
from tests.sourcing.importing import START as START_IMPORT

STATE = "query ($id: ID!) {{ node(id: $id) {{ ... on {type} {{ state }} }} }}"
UNDER_WAY = {"QUEUED", "RUNNING"}
ASK_SECONDS = 0.2
LEAST_SECONDS, MOST_SECONDS = 0.8, 1.6
"""Between two jobs: an organization may start 60 a minute."""


@dataclass(eq=False)
class Requester:
    """Starts a job, sees it end, starts the next."""

    name: str
    access: Access
    type: str
    """Of what the mutation starts."""
    mutation: str
    inputs: Iterator[dict[str, Any]]
    ended: dict[str, str] = field(default_factory=dict)
    """Id of what was acknowledged → the state in which it ended."""
    unknown: int = 0
    """How often nobody said whether it was started."""

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until told to stop; what was acknowledged is waited for."""
        async with httpx.AsyncClient(timeout=10) as client:
            while not stop.is_set():
                begun = time.monotonic()
                started = await self._start(client)
                if started is not None:
                    self.ended[started] = await self._end_of(client, started)
                    self.access.went_well(self.name, begun)
                await asyncio.sleep(self.access.chance.uniform(LEAST_SECONDS, MOST_SECONDS))

    async def _start(self, client: httpx.AsyncClient) -> str | None:
        values = {"organizationId": self.access.organization_id, **next(self.inputs)}
        data = await self._ask(client, self.mutation, {"input": values})
        if data is None:
            self.unknown += 1
            return None
        (payload,) = data.values()
        begun = [payload["costImport"]] if "costImport" in payload else payload["scans"] + payload["alreadyRunning"]
        return begun[0]["id"] if begun else None

    async def _end_of(self, client: httpx.AsyncClient, started: str) -> str:
        while True:
            data = await self._ask(client, STATE.format(type=self.type), {"id": started})
            if data is not None and data["node"]["state"] not in UNDER_WAY:
                state: str = data["node"]["state"]
                return state
            await asyncio.sleep(ASK_SECONDS)

    async def _ask(self, client: httpx.AsyncClient, document: str, variables: dict[str, Any]) -> dict[str, Any] | None:
        """The data of an operation; None for anything but a whole answer."""
        url = self.access.chance.choice(self.access.urls)
        body = {"query": document, "variables": variables}
        try:
            response = await client.post(f"{url}/graphql", json=body, headers=self.access.headers)
            answer: dict[str, Any] = response.json()
        except (httpx.HTTPError, ValueError) as error:
            self.access.failures.append(f"{self.name} on {url}: {error!r}")
            return None
        data: dict[str, Any] = answer.get("data") or {}
        if "errors" in answer or not data or any(not value or "code" in value for value in data.values()):
            self.access.failures.append(f"{self.name} on {url}: {response.text}")
            return None
        return data


def scanner(access: Access) -> Requester:
    """Has the account scanned."""
    return Requester("scans", access, "Scan", START_SCAN, repeat({}))


def importer(access: Access, upload_ids: list[str]) -> Requester:
    """Has one file imported in the place of the other."""
    return Requester(
        "imports", access, "CostImport", START_IMPORT, cycle({"uploadIds": [upload_id]} for upload_id in upload_ids)
    )
