"""Documents that are sent as values for workers to execute: who may send others than published ones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.config import Settings
from app.database import Database
from app.embedded import EngineUrls
from app.main import create_app, make_runtime, running
from app.trusted_documents import PublishedDocument, publish
from tests.clients import GraphQL, Person, cheap_passwords, register
from tests.resolvers.company import CREATE_KEY

START = """mutation Start($input: StartExportInput!) { startExport(input: $input) {
  __typename ... on StartExportPayload { export { id } } ... on UserError { message path } } }"""
CREATE = """mutation Create($input: CreateWebhookInput!) { createWebhook(input: $input) {
  __typename ... on CreateWebhookPayload { webhook { id document } } ... on UserError { message path } } }"""
UPDATE = """mutation Update($input: UpdateWebhookInput!) { updateWebhook(input: $input) {
  __typename ... on UpdateWebhookPayload { webhook { id document } } ... on UserError { message path } } }"""
ROWS = "query Rows($slug: String!) { organization(slug: $slug) { resources { nodes { name } } } }"
OTHER_ROWS = "query Rows($slug: String!) { organization(slug: $slug) { accounts { nodes { name } } } }"
EVENTS = "query Event($eventId: ID!) { node(id: $eventId) { id } }"
OTHER_EVENTS = "query Event($eventId: ID!) { node(id: $eventId) { __typename id } }"
NO_DOCUMENT = "query { nothingOfTheKind }"
PUBLISHED = (START, CREATE, UPDATE, ROWS, EVENTS)
BOUND = [("off", ""), ("anonymous", ""), ("browsers", "person"), ("all", "person key")]
SCOPES = ["ORGANIZATION_READ", "WEBHOOKS_MANAGE"]


@dataclass
class Site:
    """The application under a setting, with a person and a key that may do all that is asked."""

    client: httpx.AsyncClient
    person: Person
    headers: dict[str, dict[str, str]]
    database: Database

    async def act(self, caller: str, mutation: str, **values: Any) -> dict[str, Any]:
        """The whole answer of a mutation."""
        body = {"query": mutation, "variables": {"input": values}}
        found: dict[str, Any] = (await self.client.post("/graphql", json=body, headers=self.headers[caller])).json()
        return found

    async def export(self, caller: str, query: str) -> dict[str, Any]:
        """Start an export."""
        values = {"query": query, "variables": {"slug": self.person.slug}, "format": "JSONL"}
        return await self.act(caller, START, organizationId=self.person.organization_id, **values)

    async def create(self, caller: str, document: str) -> dict[str, Any]:
        """Make a webhook."""
        values = {"name": "notes", "url": "https://203.0.113.7/hook", "document": document}
        return await self.act(caller, CREATE, organizationId=self.person.organization_id, **values)


@pytest.fixture
async def site(
    request: pytest.FixtureRequest, settings: Settings, engine_urls: EngineUrls, graphql: GraphQL, database: Database
) -> AsyncIterator[Site]:
    """Signed up where nothing is restricted, on the same database."""
    ada = await register(graphql)
    scopes = {"organizationId": ada.organization_id, "name": "ci", "scopes": SCOPES}
    made = await graphql.data(CREATE_KEY, {"input": scopes}, token=ada.token)
    await publish(database, [PublishedDocument(text, "some name") for text in PUBLISHED])
    changes = {"trusted_documents": request.param, "outgoing_networks": ("203.0.113.0/24",), "exports_under_way": 10}
    restricted = settings.model_copy(update=changes)
    assert restricted.database_url is not None
    urls = EngineUrls(restricted.database_url, engine_urls.redis_url)
    runtime = make_runtime(restricted, urls, passwords=cheap_passwords())
    app, _ = create_app(runtime)
    headers = {"person": {"authorization": f"Bearer {ada.token}"}, "key": {"x-api-key": made["createApiKey"]["key"]}}
    async with (
        running(runtime),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        yield Site(client, ada, headers, database)


def check_refused(answer: dict[str, Any], name: str) -> None:
    """That nothing is told of the document, not even what is wrong with it."""
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "FORBIDDEN", answer
    assert f"`{name}` is none" in error["message"]
    assert "skyledger documents publish" in error["message"]
    assert set(answer["data"].values()) == {None}


def payload(answer: dict[str, Any]) -> dict[str, Any]:
    """What an act that was done answers."""
    assert "errors" not in answer, answer
    (found,) = answer["data"].values()
    assert found["__typename"].endswith("Payload"), answer
    return dict(found)


@pytest.mark.parametrize(("site", "bound"), BOUND, indirect=["site"])
async def test_who_may_export_other_queries(site: Site, bound: str) -> None:
    for caller in site.headers:
        assert payload(await site.export(caller, ROWS))["export"]["id"]
        if caller in bound.split():
            for text in (OTHER_ROWS, ROWS + " ", NO_DOCUMENT):
                check_refused(await site.export(caller, text), "query")
        else:
            assert payload(await site.export(caller, OTHER_ROWS))["export"]["id"]
            answer = await site.export(caller, NO_DOCUMENT)
            assert answer["data"]["startExport"]["path"] == ["input", "query"]


@pytest.mark.parametrize(("site", "bound"), BOUND, indirect=["site"])
async def test_who_may_give_a_webhook_other_documents(site: Site, bound: str) -> None:
    for caller in site.headers:
        made = payload(await site.create(caller, EVENTS))["webhook"]
        assert made["document"] == EVENTS
        if caller in bound.split():
            for text in (OTHER_EVENTS, NO_DOCUMENT):
                check_refused(await site.create(caller, text), "document")
        else:
            assert payload(await site.create(caller, OTHER_EVENTS))["webhook"]["document"] == OTHER_EVENTS


@pytest.mark.parametrize(("site", "bound"), BOUND, indirect=["site"])
async def test_who_may_change_the_document_of_a_webhook_to_others(site: Site, bound: str) -> None:
    made = payload(await site.create("person", EVENTS))["webhook"]
    for caller in site.headers:
        assert payload(await site.act(caller, UPDATE, id=made["id"], document=EVENTS))["webhook"]["document"] == EVENTS
        if caller in bound.split():
            for text in (OTHER_EVENTS, NO_DOCUMENT):
                check_refused(await site.act(caller, UPDATE, id=made["id"], document=text), "document")
            unchanged = payload(await site.act(caller, UPDATE, id=made["id"], name="others"))["webhook"]
            assert unchanged["document"] == EVENTS
        else:
            changed = payload(await site.act(caller, UPDATE, id=made["id"], document=OTHER_EVENTS))["webhook"]
            assert changed["document"] == OTHER_EVENTS
