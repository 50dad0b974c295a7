"""Every mutation of an organization, with four callers: anonymous, another tenant, too weak, allowed.

A denied call changes nothing, and neither does one with an id of something else: all rows of all tables are the same
before and after.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text

from app.activity.verify_audit import verify
from app.database import Database
from app.records import Permission
from app.schema.node import global_id, parse_id
from tests.accounts.clouds import settings
from tests.auth.people import everything_stored
from tests.clients import GraphQL
from tests.house.test_schema import NEEDS
from tests.openid_provider import OpenIdProvider, openid_provider
from tests.resolvers import mutation_inputs as inputs
from tests.resolvers import waste_inputs as waste
from tests.resolvers import webhook_inputs as hooks
from tests.resolvers.company import Company, code_of, company, create_key

__all__ = ["settings"]  # fixtures

Prepare = Callable[[GraphQL, Company], Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class Rule:
    """A mutation, an input for it, the permission it asks for and the strongest role without it, if any."""

    mutation: str
    prepare: Prepare
    too_weak: str | None
    key_scope: str | None
    allowed: str

    @property
    def document(self) -> str:
        """The operation."""
        name = self.mutation[0].upper() + self.mutation[1:]
        return (
            f"mutation ($input: {name}Input!) {{ {self.mutation}(input: $input) "
            "{ __typename ... on UserError { code message } } }"
        )


RULES = [
    Rule("updateOrganization", inputs.organization, "MEMBER", "ORGANIZATION_UPDATE", "ADMIN"),
    Rule("configureSingleSignOn", inputs.single_sign_on, "ADMIN", None, "OWNER"),
    Rule("removeSingleSignOn", inputs.existing_single_sign_on, "ADMIN", None, "OWNER"),
    Rule("deleteOrganization", inputs.deletion, "ADMIN", None, "OWNER"),
    Rule("inviteMember", inputs.invitation, "MEMBER", "MEMBERS_MANAGE", "ADMIN"),
    Rule("revokeInvitation", inputs.open_invitation, "MEMBER", "MEMBERS_MANAGE", "ADMIN"),
    Rule("changeMemberRole", inputs.role, "MEMBER", "MEMBERS_MANAGE", "ADMIN"),
    Rule("removeMember", inputs.member, "MEMBER", "MEMBERS_MANAGE", "ADMIN"),
    Rule("createApiKey", inputs.key, "MEMBER", "API_KEYS_MANAGE", "ADMIN"),
    Rule("revokeApiKey", inputs.existing_key, "MEMBER", "API_KEYS_MANAGE", "ADMIN"),
    Rule("connectAccount", inputs.connection, "VIEWER", "ACCOUNTS_MANAGE", "MEMBER"),
    Rule("verifyAccount", inputs.account, "VIEWER", "ACCOUNTS_MANAGE", "MEMBER"),
    Rule("updateAccount", inputs.account_name, "VIEWER", "ACCOUNTS_MANAGE", "MEMBER"),
    Rule("disconnectAccount", inputs.account, "VIEWER", "ACCOUNTS_MANAGE", "MEMBER"),
    Rule("createAccount", inputs.manual_account, "VIEWER", "ACCOUNTS_MANAGE", "MEMBER"),
    Rule("ingestResources", inputs.resources, "VIEWER", "RESOURCES_INGEST", "MEMBER"),
    Rule("ingestCosts", inputs.costs, "VIEWER", "COSTS_INGEST", "MEMBER"),
    Rule("exportCosts", inputs.export, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("startExport", inputs.rows_export, None, "ORGANIZATION_READ", "VIEWER"),
    Rule("cancelExport", inputs.running_export, "MEMBER", "ORGANIZATION_UPDATE", "ADMIN"),
    Rule("createUpload", inputs.upload, "VIEWER", "COSTS_INGEST", "MEMBER"),
    Rule("importCosts", inputs.complete_upload, "VIEWER", "COSTS_INGEST", "MEMBER"),
    Rule("cancelCostImport", inputs.running_import, "VIEWER", "COSTS_INGEST", "MEMBER"),
    Rule("deleteBillingPeriod", inputs.billing_period, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("deleteUpload", inputs.existing_upload, "VIEWER", "COSTS_INGEST", "MEMBER"),
    Rule("setCurrencyRates", inputs.rates, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("deleteCurrencyRates", inputs.existing_rates, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("createTeam", inputs.team, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("updateTeam", inputs.team_name, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("archiveTeam", inputs.existing_team, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("setPromotedTagKeys", inputs.tag_keys, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("createAllocationRule", inputs.allocation_rule, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("updateAllocationRule", inputs.allocation_rule_name, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("moveAllocationRule", inputs.allocation_rule_position, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("deleteAllocationRule", inputs.existing_allocation_rule, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("rerunAllocation", inputs.months, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("createBudget", inputs.budget, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("updateBudget", inputs.budget_amount, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("deleteBudget", inputs.existing_budget, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("acknowledgeAnomaly", inputs.anomaly, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("markAnomalyExpected", inputs.expected_anomaly, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("reopenAnomaly", inputs.known_anomaly, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("setPriceOverrides", waste.price, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("deletePriceOverrides", waste.existing_price, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("ignoreRecommendations", waste.unneeded, "VIEWER", "RECOMMENDATIONS_MANAGE", "MEMBER"),
    Rule("markForDeletion", waste.doomed, "VIEWER", "RECOMMENDATIONS_MANAGE", "MEMBER"),
    Rule("resolveRecommendations", waste.recommendation, "VIEWER", "RECOMMENDATIONS_MANAGE", "MEMBER"),
    Rule("updateDetectionRule", waste.tuned, "VIEWER", "RECOMMENDATIONS_MANAGE", "MEMBER"),
    Rule("resetDetectionRule", waste.tuned_check, "VIEWER", "RECOMMENDATIONS_MANAGE", "MEMBER"),
    Rule("reopenRecommendations", waste.ignored, "VIEWER", "RECOMMENDATIONS_MANAGE", "MEMBER"),
    Rule("recordBusinessMetrics", inputs.business_metrics, "VIEWER", "COSTS_INGEST", "MEMBER"),
    Rule("deleteBusinessMetric", inputs.existing_business_metric, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("addNote", inputs.note, "VIEWER", "ACTIVITY_WRITE", "MEMBER"),
    Rule("startScan", inputs.scan, "VIEWER", "SCANS_RUN", "MEMBER"),
    Rule("cancelScan", inputs.running_scan, "VIEWER", "SCANS_RUN", "MEMBER"),
    Rule("scheduleScans", inputs.schedule, "VIEWER", "SCANS_RUN", "MEMBER"),
    Rule("updateScanSchedule", inputs.schedule_name, "VIEWER", "SCANS_RUN", "MEMBER"),
    Rule("createCostSource", inputs.cost_source, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("updateCostSource", inputs.cost_source_name, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("deleteCostSource", inputs.existing_cost_source, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("runCostSource", inputs.existing_cost_source, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("createWebhook", hooks.webhook, "MEMBER", "WEBHOOKS_MANAGE", "ADMIN"),
    Rule("updateWebhook", hooks.webhook_name, "MEMBER", "WEBHOOKS_MANAGE", "ADMIN"),
    Rule("deleteWebhook", hooks.existing_webhook, "MEMBER", "WEBHOOKS_MANAGE", "ADMIN"),
    Rule("rotateWebhookSecret", hooks.existing_webhook, "MEMBER", "WEBHOOKS_MANAGE", "ADMIN"),
    Rule("testWebhook", hooks.existing_webhook, "MEMBER", "WEBHOOKS_MANAGE", "ADMIN"),
    Rule("replayWebhookDelivery", hooks.delivery, "MEMBER", "WEBHOOKS_MANAGE", "ADMIN"),
    Rule("deleteScanSchedule", inputs.existing_schedule, "VIEWER", "SCANS_RUN", "MEMBER"),
]


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    with openid_provider() as found:
        yield found


def test_every_mutation_with_a_permission_has_its_rule() -> None:
    assert {rule.mutation for rule in RULES} == {name for name, needs in NEEDS.items() if isinstance(needs, Permission)}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.mutation)
async def test_four_callers(
    graphql: GraphQL, owner: Database, database: Database, moto_url: str, provider: OpenIdProvider, rule: Rule
) -> None:
    made = await company(graphql)
    made.cloud_url, made.database, made.issuer = moto_url, database, provider.issuer
    variables = {"input": await rule.prepare(graphql, made)}
    others = [scope for scope in ("ORGANIZATION_READ", "COSTS_INGEST") if scope != rule.key_scope]
    _, weak_key = await create_key(graphql, made, *others)
    await _used(graphql, weak_key)
    before = await everything_stored(owner)

    assert code_of(await graphql(rule.document, variables)) == "UNAUTHENTICATED"
    foreign = (await graphql.data(rule.document, variables, token=made.stranger.token))[rule.mutation]
    assert (foreign["__typename"], foreign["code"]) == ("NotFound", "NOT_FOUND")
    if "id" in variables["input"]:
        # The stranger's own organization with another's row: nothing there either, in the same words as for nothing.
        key, own = parse_id(variables["input"]["id"]), parse_id(made.stranger.organization_id)
        forged = {"input": {**variables["input"], "id": global_id(key.type_name, key.id, own.id)}}
        absent = (await graphql.data(rule.document, forged, token=made.stranger.token))[rule.mutation]
        assert absent["__typename"] == "NotFound"
    roles = () if rule.too_weak is None else (rule.too_weak, "VIEWER")  # what every role may
    for weak in (*({"token": made.token(role)} for role in roles), {"api_key": weak_key}):
        if rule.mutation == "removeMember" and weak == {"token": made.token("VIEWER")}:
            continue  # that would be leaving, which everyone may
        assert code_of(await graphql(rule.document, variables, **weak)) == "FORBIDDEN"
    await _ids_of_other_things_are_refused(graphql, made, rule, variables["input"])
    assert await everything_stored(owner) == before, "a denied call changes nothing"

    audited = await _audited(owner)
    allowed = (await graphql.data(rule.document, variables, token=made.token(rule.allowed)))[rule.mutation]
    assert allowed["__typename"] == rule.mutation[0].upper() + rule.mutation[1:] + "Payload", allowed
    assert await everything_stored(owner) != before
    organization_id = parse_id(made.organization_id).id
    assert (await _audited(owner))[len(audited) :] == [(organization_id, rule.mutation, "USER")], "one row of the audit"
    assert (await verify(database, organization_id)).problem is None


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.key_scope is not None], ids=lambda rule: rule.mutation)
async def test_a_key_with_the_scope_is_allowed(graphql: GraphQL, database: Database, moto_url: str, rule: Rule) -> None:
    made = await company(graphql)
    made.cloud_url, made.database = moto_url, database
    variables = {"input": await rule.prepare(graphql, made)}
    _, key = await create_key(graphql, made, "ORGANIZATION_READ", rule.key_scope)  # type: ignore[arg-type]
    answer = (await graphql.data(rule.document, variables, api_key=key))[rule.mutation]
    assert answer["__typename"].endswith("Payload"), answer


async def _ids_of_other_things_are_refused(graphql: GraphQL, made: Company, rule: Rule, values: dict[str, Any]) -> None:
    """Nor does an id that is none, or one of another type, let its owner in."""
    if rule.mutation == "updateOrganization":
        return
    field = "id" if "id" in values else "organizationId"
    for wrong in ("", "nonsense", global_id("Account", parse_id(made.organization_id).id)):
        variables = {"input": {**values, field: wrong}}
        answer = (await graphql.data(rule.document, variables, token=made.token("OWNER")))[rule.mutation]
        assert answer["__typename"] in {"InvalidInput", "NotFound"}, answer


async def _audited(owner: Database) -> list[tuple[Any, ...]]:
    """Whose audit has which acts, in their order."""
    async with owner.engine.connect() as connection:
        rows = await connection.execute(
            text("SELECT organization_id, act, actor_kind FROM audit_events ORDER BY occurred_at, number")
        )
        return [tuple(row) for row in rows]


async def _used(graphql: GraphQL, key: str) -> None:
    """Use a key until its first use is noted, which happens beside the request and would change a row later."""
    async with asyncio.timeout(60):
        noted = None
        while noted is None:
            viewer = (await graphql.data("{ viewer { apiKey { lastUsedAt } } }", api_key=key))["viewer"]
            noted = viewer["apiKey"]["lastUsedAt"]
            await asyncio.sleep(0.01)
