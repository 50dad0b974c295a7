"""What the demo lacks, so that nearly every field has something to tell: made by the graph where a person makes it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.demo.top_up import today
from app.models import WebhookAttempt, WebhookDelivery, now
from app.schema.node import parse_id
from app.webhooks.again import ping_webhook
from tests.costs.watch.deliveries import charge
from tests.demo.test_top_up import allocate_all
from tests.execution.rows_of_clouds import CONNECTED, rows_of_clouds
from tests.resolvers.cost_caller import Caller

INGEST = """mutation ($input: IngestCostsInput!) { ingestCosts(input: $input) { __typename
  ... on UserError { message path } } }"""
HOOK = """mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) {
  ... on CreateWebhookPayload { webhook { id } } ... on UserError { message } } }"""
TOLD = "query ($eventId: ID!) { node(id: $eventId) { id } }"
FIND = """query ($slug: String!) { organization(slug: $slug) {
  accounts { nodes { id nativeId provider } } teams { nodes { id name } }
  recommendations(first: 60) { nodes { id checkId account { id } resource { id nativeId } } } } }"""


async def furnish(caller: Caller) -> None:
    """Add it to a demo that has been looked at."""
    await _told_again(caller)
    found = await caller.read(FIND)
    async with caller.database.write(caller.organization_id) as session:
        for group in rows_of_clouds(caller.organization_id, found):
            session.add_all(group)
            await session.flush()
    await _settings(caller, await caller.read(FIND))
    await _money(caller)
    await _webhooks(caller)
    await act(caller, "createOrganization", name="Another Bakery")


async def act(caller: Caller, name: str, /, **values: Any) -> None:
    """Run a mutation of the organization that must succeed."""
    document = (
        f"mutation ($input: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $input) "
        "{ __typename ... on UserError { message path } } }"
    )
    result = await caller.act(document, **values)
    assert result["__typename"].endswith("Payload"), (name, result)


async def _told_again(caller: Caller) -> None:
    """A bill that was restated twice, and a month that was shared out once more."""
    month = today().replace(day=1)
    for cost in ("5.00", "5.50", "4.75"):
        await caller.deliveries.deliver([charge(month, cost)], dataset="restated")
    organization = {"organizationId": caller.person.organization_id}
    await act(caller, "rerunAllocation", **organization, fromMonth=str(month), toMonth=str(month))
    await allocate_all(caller)


async def _settings(caller: Caller, found: dict[str, Any]) -> None:
    """What people set: schedules, rules, keys, invitations, teams."""
    organization = {"organizationId": caller.person.organization_id}
    (account,) = [one["id"] for one in found["accounts"]["nodes"] if one["nativeId"] == CONNECTED]
    (platform,) = [one["id"] for one in found["teams"]["nodes"] if one["name"] == "Platform"]
    moment = (now() + timedelta(days=90)).isoformat()
    changes = {
        "graceDays": 20,
        "minimumMonthlySaving": "2.50",
        "excludedRegions": ["eu-central-1"],
        "excludedTags": [{"key": "keep", "values": ["yes"]}, {"key": "name", "pattern": "tmp*"}],
        "accountOverrides": [{"accountId": account, "settings": {"severity": "HIGH"}}],
    }
    acts: list[tuple[str, dict[str, Any]]] = [
        (
            "scheduleScans",
            {"name": "nightly", "cron": "0 3 * * *", "timeZone": "Europe/Berlin", "accountIds": [account]},
        ),
        ("scheduleScans", {"name": "weekly", "cron": "0 3 * * 1", "enabled": False, "regions": ["eu-west-1"]}),
        ("updateDetectionRule", {"checkId": "aws.ebs.unattached", "changes": changes}),
        ("updateDetectionRule", {"checkId": "aws.ec2.idle", "changes": {"enabled": False}}),
        ("updateDetectionRule", {"checkId": "aws.ec2.idle", "changes": {"graceDays": 9}}),
        ("createApiKey", {"name": "reader", "scopes": ["ORGANIZATION_READ"], "expiresAt": moment}),
        ("createApiKey", {"name": "feed", "scopes": ["COSTS_INGEST", "RESOURCES_INGEST"]}),
        ("inviteMember", {"email": "invited@skyledger.example", "role": "MEMBER"}),
        ("inviteMember", {"email": "another@skyledger.example", "role": "ADMIN"}),
        ("createTeam", {"name": "Research", "code": "CC-9"}),
        ("createTeam", {"name": "Without a code"}),
        ("addNote", {"text": "hello"}),
        ("createAccount", {"provider": "OPENAI", "nativeId": "org-bakery", "name": "Bakery AI"}),
        ("createUpload", {"fileName": "costs.csv", "bytes": 12, "contentType": "text/csv", "sha256": "0" * 64}),
    ]
    for name, values in acts:
        await act(caller, name, **organization, **values)
    await act(caller, "updateTeam", id=platform, code="CC-3011")


async def _webhooks(caller: Caller) -> None:
    """Two webhooks, each with deliveries that are over: to a number, which needs no resolver and is sent nothing."""
    values = {"organizationId": caller.person.organization_id, "url": "https://93.184.216.34/", "kinds": ["NOTE_ADDED"]}
    for name in ("feed", "chat"):
        made = await caller.act(HOOK, name=name, document=TOLD, **values)
        key = parse_id(made["webhook"]["id"])
        for _ in range(2):
            await ping_webhook(caller.database, caller.organization_id, key.id)
        await act(caller, "updateWebhook", id=made["webhook"]["id"], enabled=False)
    async with caller.database.write(caller.organization_id) as session:
        for delivery_id in (await session.scalars(select(WebhookDelivery.id))).all():
            session.add_all(_attempts(caller.organization_id, delivery_id))


def _attempts(organization_id: UUID, delivery_id: UUID) -> list[WebhookAttempt]:
    """Two requests that were answered, and one that was not."""
    ends = ((500, "The answer was 500."), (None, "Nothing answered within 15 seconds."), (200, None))
    return [
        WebhookAttempt(
            organization_id=organization_id,
            delivery_id=delivery_id,
            started_at=now(),
            milliseconds=12,
            status_code=status,
            failure=failure,
        )
        for status, failure in ends
    ]


async def _money(caller: Caller) -> None:
    """What people set and send about costs: currencies, budgets, metrics, exports, rows."""
    organization = {"organizationId": caller.person.organization_id}
    first = today().replace(day=1)
    before = (first - timedelta(days=1)).replace(day=1)
    rates = [
        {"fromCurrency": "EUR", "toCurrency": "USD", "rate": rate, "validFrom": str(day)}
        for rate, day in (("1.0834", before), ("1.1", first))
    ]
    period = {"start": str(before), "end": str(first)}
    where = {"serviceName": {"in": ["Amazon Elastic Compute Cloud", "Amazon Virtual Private Cloud"]}}
    fixed = {"recurrence": "FIXED", "startsOn": str(before), "endsOn": str(first + timedelta(days=45))}
    euros = {"recurrence": "QUARTERLY", "startsOn": str(before), "currency": "EUR"}
    tagged = where | {"tags": [{"key": "team", "exists": True}]}
    visits = [{"day": str(before + timedelta(days=number)), "quantity": f"{number * 10}.5"} for number in range(20)]
    deal = {"provider": "AWS", "pattern": "ebs.*", "discountPercent": "12.5", "validFrom": str(before)}
    place = f'organization(id: "{organization["organizationId"]}")'
    acts: list[tuple[str, dict[str, Any]]] = [
        ("startExport", {"query": f"{{ {place} {{ resources {{ nodes {{ id }} }} }} }}"}),
        ("startExport", {"query": f"{{ {place} {{ accounts {{ nodes {{ id }} }} }} }}", "format": "PARQUET"}),
        ("setCurrencyRates", {"rates": rates, "source": "ECB"}),
        ("createBudget", {"name": "euros", "amount": "10.50", "where": tagged, **euros}),
        ("createBudget", {"name": "off", "amount": "9", "enabled": False, **fixed}),
        # As those of the demo, so that a budget more is no other kind of budget.
        ("createBudget", {"name": "yearly", "recurrence": "YEARLY", "startsOn": str(before), "amount": "90000"}),
        ("createBudget", {"name": "zero", "recurrence": "MONTHLY", "startsOn": str(before), "amount": "0.01"}),
        ("recordBusinessMetrics", {"name": "visits", "unit": "visit", "values": visits}),
        ("exportCosts", {"period": period, "format": "CSV", "where": where}),
        ("exportCosts", {"period": period, "focusVersion": "V1_2"}),
        ("setPriceOverrides", {"overrides": [deal | {"note": "deal"}]}),
    ]
    for name, values in acts:
        await act(caller, name, **organization, **values)
    row = {"BilledCost": "1.25", "EffectiveCost": "1.10", "BillingCurrency": "EUR", "ServiceName": "Bread",
           "ChargePeriodStart": str(before), "ChargePeriodEnd": str(before + timedelta(days=1)),
           "BillingAccountId": "bakery", "Tags": {"team": "data", "ö": "ü"}}  # fmt: skip
    rows = [
        row,
        row | {"BilledCost": "a lot"},
        row | {"BilledCost": "nothing"},
        row | {"ServiceName": "Butter", "ChargeCategory": "Nonsense"},
    ]
    result = await caller.act(INGEST, **organization, dataset="hand", rows=rows)
    assert result["__typename"] == "IngestCostsPayload", result
