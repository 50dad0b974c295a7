"""Callers that send uploads: one that does it well, and one that writes the request byte by byte."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.clients import GraphQL, Person

CREATE = """mutation ($input: CreateUploadInput!) { createUpload(input: $input) {
  __typename
  ... on CreateUploadPayload { url method headers { name value } instructions
    upload { id fileName contentType bytes bytesReceived sha256 sha256Expected state storage url expiresAt } }
  ... on UserError { code message path } } }"""
UPLOAD = """query ($id: ID!) { node(id: $id) { ... on Upload {
  fileName bytes bytesReceived sha256 state failure storage createdBy { name } } } }"""
DELETE = """mutation ($input: DeleteUploadInput!) { deleteUpload(input: $input) {
  __typename ... on DeleteUploadPayload { deletedUploadId } ... on UserError { code message } } }"""


def noise(size: int, seed: int = 1) -> bytes:
    """Bytes that nothing can guess or compress, the same for the same seed."""
    return random.Random(seed).randbytes(size)  # noqa: S311  (no secret)


@dataclass
class Sender:
    """A member who sends files to their organization."""

    client: httpx.AsyncClient
    person: Person

    @property
    def graphql(self) -> GraphQL:
        """The graph."""
        return GraphQL(self.client)

    async def create(self, size: int, **more: Any) -> dict[str, Any]:
        """The answer to `createUpload`."""
        values = {"organizationId": self.person.organization_id, "fileName": "costs.csv", "bytes": size, **more}
        answer = await self.graphql.data(CREATE, {"input": values}, token=self.person.token)
        found: dict[str, Any] = answer["createUpload"]
        return found

    async def created(self, data: bytes, **more: Any) -> str:
        """The address of a new upload for some bytes, whose hash is announced."""
        made = await self.create(len(data), **{"sha256": hashlib.sha256(data).hexdigest(), **more})
        assert made["__typename"] == "CreateUploadPayload", made
        url: str = made["url"]
        return url

    async def put(
        self, url: str, body: bytes | AsyncIterator[bytes], offset: int | None = 0, **headers: Any
    ) -> httpx.Response:
        """Send bytes from an offset on."""
        sent: dict[str, Any] = {"authorization": f"Bearer {self.person.token}", **headers}
        if offset is not None:
            sent["upload-offset"] = str(offset)
        return await self.client.put(url, content=body, headers=sent)

    async def head(self, url: str) -> httpx.Response:
        """How far it is."""
        return await self.client.head(url, headers={"authorization": f"Bearer {self.person.token}"})

    async def offset(self, url: str) -> int:
        """Where to go on."""
        answer = await self.head(url)
        assert answer.status_code == 200, answer.status_code
        return int(answer.headers["upload-offset"])

    async def upload(self, url: str) -> dict[str, Any]:
        """The upload as the graph tells it."""
        answer = await self.graphql.data(UPLOAD, {"id": url.rpartition("/")[2]}, token=self.person.token)
        found: dict[str, Any] = answer["node"]
        return found

    async def delete(self, url: str) -> dict[str, Any]:
        """Delete it."""
        variables = {"input": {"id": url.rpartition("/")[2]}}
        answer = await self.graphql.data(DELETE, variables, token=self.person.token)
        found: dict[str, Any] = answer["deleteUpload"]
        return found

    @asynccontextmanager
    async def began(self, url: str, length: int, offset: int = 0) -> AsyncIterator[RawPut]:
        """A request whose body is sent by hand; its connection is broken off at the end, if it is still open."""
        base = urlsplit(str(self.client.base_url))
        reader, writer = await asyncio.open_connection(base.hostname, base.port)
        request = (
            f"PUT {url} HTTP/1.1\r\nhost: {base.netloc}\r\nauthorization: Bearer {self.person.token}\r\n"
            f"upload-offset: {offset}\r\ncontent-length: {length}\r\nexpect: 100-continue\r\n\r\n"
        )
        try:
            writer.write(request.encode())
            await writer.drain()
            yield RawPut(reader, writer)
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()


@dataclass
class RawPut:
    """A PUT on a socket of its own."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def wanted(self) -> None:
        """Wait until the server asks for the body: by then it has the upload for itself."""
        async with asyncio.timeout(20):
            line = await self.reader.readline()
            assert line.startswith(b"HTTP/1.1 100"), line
            await self.reader.readline()

    async def send(self, data: bytes) -> None:
        """Send a part of the body."""
        self.writer.write(data)
        await self.writer.drain()

    async def status(self) -> int:
        """The status of the answer."""
        async with asyncio.timeout(40):
            line = await self.reader.readline()
        return int(line.split()[1])

    async def close(self) -> None:
        """End it from this side, once all is sent."""
        self.writer.close()
        await self.writer.wait_closed()
