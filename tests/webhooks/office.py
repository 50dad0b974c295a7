"""A worker of webhooks that does what it is told, and what tests ask of the graph."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import text

from app.database import Database
from app.records.webhooks import DELIVER_JOB
from app.webhooks.deliver import deliver_webhook
from app.webhooks.dispatch import dispatch_all
from app.webhooks.tools import WebhookTools
from tests.clients import GraphQL, Person
from tests.webhooks.receiver import Receiver
from tests.workers.probes import make_runner

NOTES = """query Notes($eventId: ID!) { node(id: $eventId) {
  ... on ActivityEvent { kind data actor { user { name } } } } }"""
SUBSCRIPTION = """subscription Notes($organizationId: ID!) {
  activity(organizationId: $organizationId) { cursor event { sequence kind data } } }"""
CREATE = """mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) {
  __typename ... on CreateWebhookPayload { secret webhook { id name url kinds document state subscriber { name } } }
  ... on UserError { code message path } } }"""
UPDATE = """mutation ($input: UpdateWebhookInput!) { updateWebhook(input: $input) {
  __typename ... on UpdateWebhookPayload { webhook { id name url kinds state disabledReason subscriber { name } } }
  ... on UserError { code message path } } }"""
DELETE = """mutation ($input: DeleteWebhookInput!) { deleteWebhook(input: $input) {
  __typename ... on DeleteWebhookPayload { webhook { id } } ... on UserError { code message path } } }"""
ROTATE = """mutation ($input: RotateWebhookSecretInput!) { rotateWebhookSecret(input: $input) {
  __typename ... on RotateWebhookSecretPayload { secret webhook { previousSecretUntil } }
  ... on UserError { code message path } } }"""
TEST = """mutation ($input: TestWebhookInput!) { testWebhook(input: $input) {
  __typename ... on TestWebhookPayload { delivery { id messageId kind state } }
  ... on UserError { code message path } } }"""
REPLAY = """mutation ($input: ReplayWebhookDeliveryInput!) { replayWebhookDelivery(input: $input) {
  __typename ... on ReplayWebhookDeliveryPayload { delivery { id messageId state attemptCount } }
  ... on UserError { code message path } } }"""
ADD_NOTE = "mutation ($input: AddNoteInput!) { addNote(input: $input) { __typename } }"
LOG = """query ($slug: String!, $id: ID!, $first: Int, $after: String) {
  node(id: $id) { ... on Webhook { state disabledReason failingSince previousSecretUntil newest: deliveries { id } } }
  organization(slug: $slug) { webhookDeliveries(where: {webhookId: {eq: $id}}, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor } nodes {
    id messageId kind state body attemptCount nextAttemptAt failure finishedAt event { sequence data }
    attempts { startedAt durationMilliseconds statusCode responseBody failure } } } } }"""


@dataclass
class Office:
    """Sends what is due, when it is told to."""

    database: Database
    redis_url: str
    tools: WebhookTools
    graphql: GraphQL
    person: Person
    receiver: Receiver

    async def create(self, person: Person | None = None, **changes: Any) -> dict[str, Any]:
        """Make a webhook for notes; what `createWebhook` answers."""
        who = person or self.person
        values = {
            "organizationId": self.person.organization_id,
            "name": "notes",
            "url": self.receiver.url,
            "document": NOTES,
            "kinds": ["NOTE_ADDED"],
        } | changes
        return await self.act(CREATE, who, **values)

    async def act(self, mutation: str, person: Person | None = None, **values: Any) -> dict[str, Any]:
        """What a mutation answers."""
        data = await self.graphql.data(mutation, {"input": values}, token=(person or self.person).token)
        (answer,) = data.values()
        found: dict[str, Any] = answer
        return found

    async def note(self, written: str, person: Person | None = None) -> None:
        """Something that happens."""
        await self.act(ADD_NOTE, person, organizationId=self.person.organization_id, text=written)

    async def deliver(self) -> None:
        """Look at what has happened, and do the jobs that are due until none is."""
        await dispatch_all(self.database)
        runner = make_runner(self.database, self.redis_url, {DELIVER_JOB: partial(deliver_webhook, tools=self.tools)})
        while True:
            await runner.sweep()
            tasks = [job.task for job in runner._running.values() if job.task is not None]
            if not tasks:
                break
            await asyncio.gather(*tasks)
        await runner._queue.stop()

    async def log(self, webhook_id: str, **page: Any) -> dict[str, Any]:
        """The webhook with its deliveries and attempts."""
        values = {"slug": self.person.slug, "id": webhook_id, **page}
        data = await self.graphql.data(LOG, values, token=self.person.token)
        return {**data["node"], "deliveries": data["organization"]["webhookDeliveries"]}

    async def deliveries(self, webhook_id: str) -> list[dict[str, Any]]:
        """Its deliveries, the newest first."""
        nodes: list[dict[str, Any]] = (await self.log(webhook_id))["deliveries"]["nodes"]
        return nodes

    async def behind(self, owner: Database, statement: str) -> list[dict[str, Any]]:
        """What a statement changes or finds, behind the doors."""
        async with owner.engine.begin() as connection:
            result = await connection.execute(text(statement))
            return [dict(row) for row in result.mappings()] if result.returns_rows else []

    async def wait_for_it(self, owner: Database) -> None:
        """As if the pauses before the next attempts were over."""
        await self.behind(owner, "UPDATE webhook_deliveries SET next_attempt_at = now() WHERE state = 'PENDING'")
        await self.behind(owner, "UPDATE jobs SET wake_at = now() WHERE state = 'QUEUED'")
