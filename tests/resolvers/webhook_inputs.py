"""Inputs of the mutations on webhooks, each with what has to be there before."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from app.schema.node import global_id, parse_id
from app.webhooks.again import ping_webhook
from tests.clients import GraphQL
from tests.resolvers.company import Company

CREATE = """mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) {
  ... on CreateWebhookPayload { webhook { id } } ... on UserError { message } } }"""
DOCUMENT = "query ($eventId: ID!) { node(id: $eventId) { id } }"


async def webhook(_: GraphQL, made: Company) -> dict[str, Any]:
    # An address needs no resolver; nothing is sent to it, for no worker runs.
    return {
        "organizationId": made.organization_id,
        "name": "feed",
        "url": "https://93.184.216.34/hook",
        "document": DOCUMENT,
    }


async def existing_webhook(graphql: GraphQL, made: Company) -> dict[str, Any]:
    values = await webhook(graphql, made)
    answer = (await graphql.data(CREATE, {"input": values}, token=made.token("OWNER")))["createWebhook"]
    return {"id": answer["webhook"]["id"]}


async def webhook_name(graphql: GraphQL, made: Company) -> dict[str, Any]:
    return {**await existing_webhook(graphql, made), "name": "renamed"}


async def delivery(graphql: GraphQL, made: Company) -> dict[str, Any]:
    """One that is over."""
    assert made.database is not None
    key = parse_id((await existing_webhook(graphql, made))["id"])
    assert key.organization_id is not None
    row = await ping_webhook(made.database, key.organization_id, key.id)
    async with made.database.write(key.organization_id) as session:
        await session.execute(text("UPDATE webhook_deliveries SET state = 'FAILED', next_attempt_at = NULL"))
    return {"id": global_id("WebhookDelivery", row["id"], key.organization_id)}
