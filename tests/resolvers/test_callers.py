"""Every mutation of an organization, with four callers: anonymous, another tenant, too weak, allowed.

A denied call changes nothing, and neither does one with an id of something else: all rows of all tables are the same
before and after.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from app.database import Database
from app.records import Permission
from app.schema.node import global_id, parse_id
from tests.accounts.clouds import connected, keys_input, settings
from tests.auth.people import everything_stored
from tests.clients import GraphQL
from tests.costs.watch.anomalies import anomaly_of
from tests.house.test_schema import NEEDS
from tests.resolvers.company import Company, code_of, company, create_key, invite

__all__ = ["settings"]  # fixtures

Prepare = Callable[[GraphQL, Company], Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class Rule:
    """A mutation, an input for it, the permission it asks for and the strongest role without it."""

    mutation: str
    prepare: Prepare
    too_weak: str
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


async def _organization(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"organizationId": made.organization_id, "name": "Renamed"}


async def _deletion(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"organizationId": made.organization_id, "confirmSlug": made.slug}


async def _invitation(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"organizationId": made.organization_id, "email": "new@example.com", "role": "VIEWER"}


async def _open_invitation(graphql: GraphQL, made: Company) -> dict[str, Any]:
    return {"id": (await invite(graphql, made, "open@example.com", "VIEWER"))[0]}


async def _role(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"id": made.members["VIEWER"], "role": "MEMBER"}


async def _member(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"id": made.members["VIEWER"]}


async def _key(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"organizationId": made.organization_id, "name": "feed", "scopes": ["ORGANIZATION_READ"]}


async def _existing_key(graphql: GraphQL, made: Company) -> dict[str, Any]:
    return {"id": (await create_key(graphql, made, "ORGANIZATION_READ"))[0]}


async def _connection(_: GraphQL, made: Company) -> dict[str, Any]:
    return keys_input(made.organization_id, made.cloud_url)


async def _account(graphql: GraphQL, made: Company) -> dict[str, Any]:
    return {"id": (await connected(graphql, made.token("OWNER"), made.organization_id, made.cloud_url))["id"]}


async def _account_name(graphql: GraphQL, made: Company) -> dict[str, Any]:
    return {**await _account(graphql, made), "name": "Renamed"}


async def _manual_account(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"organizationId": made.organization_id, "provider": "AWS", "nativeId": "1"}


async def _resources(_: GraphQL, made: Company) -> dict[str, Any]:
    row = {"provider": "AWS", "accountId": "1", "resourceType": "vm", "resourceId": "i-1"}
    return {"organizationId": made.organization_id, "rows": [row]}


async def _costs(_: GraphQL, made: Company) -> dict[str, Any]:
    row = {
        "BilledCost": "1",
        "BillingCurrency": "EUR",
        "ChargePeriodStart": "2026-10-01",
        "ChargePeriodEnd": "2026-10-02",
    }
    return {"organizationId": made.organization_id, "rows": [row]}


async def _billing_period(graphql: GraphQL, made: Company) -> dict[str, Any]:
    send = """mutation ($input: IngestCostsInput!) { ingestCosts(input: $input) {
      ... on IngestCostsPayload { added } } }"""
    await graphql.data(send, {"input": await _costs(graphql, made)}, token=made.token("OWNER"))
    values = {"dataset": "default", "billingPeriodStart": "2026-10-01T00:00:00Z"}
    return {"organizationId": made.organization_id, **values}


async def _upload(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"organizationId": made.organization_id, "fileName": "costs.csv", "bytes": 1}


async def _existing_upload(graphql: GraphQL, made: Company) -> dict[str, Any]:
    make = """mutation ($input: CreateUploadInput!) { createUpload(input: $input) {
      ... on CreateUploadPayload { upload { id } } } }"""
    answer = await graphql.data(make, {"input": await _upload(graphql, made)}, token=made.token("OWNER"))
    return {"id": answer["createUpload"]["upload"]["id"]}


async def _export(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"organizationId": made.organization_id, "period": {"start": "2026-10-01", "end": "2026-11-01"}}


async def _complete_upload(graphql: GraphQL, made: Company) -> dict[str, Any]:
    upload_id = (await _existing_upload(graphql, made))["id"]
    headers = {"authorization": f"Bearer {made.token('OWNER')}", "upload-offset": "0"}
    assert (await graphql.client.put(f"/uploads/{upload_id}", content=b"x", headers=headers)).status_code == 200
    return {"organizationId": made.organization_id, "uploadIds": [upload_id]}


async def _running_import(graphql: GraphQL, made: Company) -> dict[str, Any]:
    start = """mutation ($input: ImportCostsInput!) { importCosts(input: $input) {
      ... on ImportCostsPayload { costImport { id } } } }"""
    variables = {"input": await _complete_upload(graphql, made)}
    answer = await graphql.data(start, variables, token=made.token("OWNER"))
    return {"id": answer["importCosts"]["costImport"]["id"]}


async def _note(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"organizationId": made.organization_id, "text": "hello"}


async def _scan(graphql: GraphQL, made: Company) -> dict[str, Any]:
    await _account(graphql, made)
    return {"organizationId": made.organization_id}


async def _running_scan(graphql: GraphQL, made: Company) -> dict[str, Any]:
    start = """mutation ($input: StartScanInput!) { startScan(input: $input) {
      ... on StartScanPayload { scans { id } } } }"""
    variables = {"input": await _scan(graphql, made)}
    answer = await graphql.data(start, variables, token=made.token("OWNER"))
    return {"id": answer["startScan"]["scans"][0]["id"]}


async def _schedule(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"organizationId": made.organization_id, "name": "nightly", "cron": "0 3 * * *"}


async def _existing_schedule(graphql: GraphQL, made: Company) -> dict[str, Any]:
    make = """mutation ($input: ScheduleScansInput!) { scheduleScans(input: $input) {
      ... on ScheduleScansPayload { schedule { id } } } }"""
    variables = {"input": await _schedule(graphql, made)}
    answer = await graphql.data(make, variables, token=made.token("OWNER"))
    return {"id": answer["scheduleScans"]["schedule"]["id"]}


async def _schedule_name(graphql: GraphQL, made: Company) -> dict[str, Any]:
    return {**await _existing_schedule(graphql, made), "name": "renamed"}


async def _team(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"organizationId": made.organization_id, "name": "Web", "code": "CC-1"}


async def _existing_team(graphql: GraphQL, made: Company) -> dict[str, Any]:
    make = """mutation ($input: CreateTeamInput!) { createTeam(input: $input) {
      ... on CreateTeamPayload { team { id } } } }"""
    answer = await graphql.data(make, {"input": await _team(graphql, made)}, token=made.token("OWNER"))
    return {"id": answer["createTeam"]["team"]["id"]}


async def _team_name(graphql: GraphQL, made: Company) -> dict[str, Any]:
    return {**await _existing_team(graphql, made), "name": "Renamed"}


async def _tag_keys(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"organizationId": made.organization_id, "keys": ["team"]}


async def _allocation_rule(graphql: GraphQL, made: Company) -> dict[str, Any]:
    team = await _existing_team(graphql, made)
    rule = {"name": "All", "method": "DIRECT", "targets": [{"teamId": team["id"]}]}
    return {"organizationId": made.organization_id, "rule": rule}


async def _existing_allocation_rule(graphql: GraphQL, made: Company) -> dict[str, Any]:
    make = """mutation ($input: CreateAllocationRuleInput!) { createAllocationRule(input: $input) {
      ... on CreateAllocationRulePayload { rule { id } } } }"""
    values = await _allocation_rule(graphql, made)
    await graphql.data(make, {"input": values}, token=made.token("OWNER"))
    answer = await graphql.data(make, {"input": values}, token=made.token("OWNER"))
    return {"id": answer["createAllocationRule"]["rule"]["id"]}


async def _allocation_rule_name(graphql: GraphQL, made: Company) -> dict[str, Any]:
    return {**await _existing_allocation_rule(graphql, made), "name": "renamed"}


async def _allocation_rule_position(graphql: GraphQL, made: Company) -> dict[str, Any]:
    return {**await _existing_allocation_rule(graphql, made), "position": 1}


async def _months(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"organizationId": made.organization_id, "fromMonth": "2026-10-01", "toMonth": "2026-10-01"}


async def _cost_source(graphql: GraphQL, made: Company) -> dict[str, Any]:
    account = (await _account(graphql, made))["id"]
    place = {"bucket": "acme-costs", "prefix": "focus"}
    return {"organizationId": made.organization_id, "accountId": account, "name": "focus", "awsDataExport": place}


async def _existing_cost_source(graphql: GraphQL, made: Company) -> dict[str, Any]:
    make = """mutation ($input: CreateCostSourceInput!) { createCostSource(input: $input) {
      ... on CreateCostSourcePayload { costSource { id } } } }"""
    variables = {"input": await _cost_source(graphql, made)}
    answer = await graphql.data(make, variables, token=made.token("OWNER"))
    return {"id": answer["createCostSource"]["costSource"]["id"]}


async def _cost_source_name(graphql: GraphQL, made: Company) -> dict[str, Any]:
    return {**await _existing_cost_source(graphql, made), "name": "renamed"}


async def _budget(_: GraphQL, made: Company) -> dict[str, Any]:
    values = {"name": "all", "recurrence": "MONTHLY", "startsOn": "2026-01-01", "amount": "100"}
    return {"organizationId": made.organization_id, **values}


async def _existing_budget(graphql: GraphQL, made: Company) -> dict[str, Any]:
    make = """mutation ($input: CreateBudgetInput!) { createBudget(input: $input) {
      ... on CreateBudgetPayload { budget { id } } } }"""
    answer = await graphql.data(make, {"input": await _budget(graphql, made)}, token=made.token("OWNER"))
    return {"id": answer["createBudget"]["budget"]["id"]}


async def _budget_amount(graphql: GraphQL, made: Company) -> dict[str, Any]:
    return {**await _existing_budget(graphql, made), "amount": "200"}


async def _anomaly(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"id": await anomaly_of(made, "OPEN")}


async def _expected_anomaly(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"id": await anomaly_of(made, "OPEN"), "reason": "a load test"}


async def _known_anomaly(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"id": await anomaly_of(made, "ACKNOWLEDGED")}


async def _business_metrics(_: GraphQL, made: Company) -> dict[str, Any]:
    values = [{"day": "2026-10-01", "quantity": "12"}]
    return {"organizationId": made.organization_id, "name": "orders", "unit": "orders", "values": values}


async def _existing_business_metric(graphql: GraphQL, made: Company) -> dict[str, Any]:
    make = """mutation ($input: RecordBusinessMetricsInput!) { recordBusinessMetrics(input: $input) {
      ... on RecordBusinessMetricsPayload { metric { id } } } }"""
    variables = {"input": await _business_metrics(graphql, made)}
    answer = await graphql.data(make, variables, token=made.token("OWNER"))
    return {"id": answer["recordBusinessMetrics"]["metric"]["id"]}


async def _rates(_: GraphQL, made: Company) -> dict[str, Any]:
    rate = {"fromCurrency": "EUR", "toCurrency": "USD", "validFrom": "2026-10-01", "rate": "1.1"}
    return {"organizationId": made.organization_id, "rates": [rate]}


async def _existing_rates(graphql: GraphQL, made: Company) -> dict[str, Any]:
    make = """mutation ($input: SetCurrencyRatesInput!) { setCurrencyRates(input: $input) {
      ... on SetCurrencyRatesPayload { added } } }"""
    await graphql.data(make, {"input": await _rates(graphql, made)}, token=made.token("OWNER"))
    return {"organizationId": made.organization_id, "fromCurrency": "EUR", "toCurrency": "USD"}


RULES = [
    Rule("updateOrganization", _organization, "MEMBER", "ORGANIZATION_UPDATE", "ADMIN"),
    Rule("deleteOrganization", _deletion, "ADMIN", None, "OWNER"),
    Rule("inviteMember", _invitation, "MEMBER", "MEMBERS_MANAGE", "ADMIN"),
    Rule("revokeInvitation", _open_invitation, "MEMBER", "MEMBERS_MANAGE", "ADMIN"),
    Rule("changeMemberRole", _role, "MEMBER", "MEMBERS_MANAGE", "ADMIN"),
    Rule("removeMember", _member, "MEMBER", "MEMBERS_MANAGE", "ADMIN"),
    Rule("createApiKey", _key, "MEMBER", "API_KEYS_MANAGE", "ADMIN"),
    Rule("revokeApiKey", _existing_key, "MEMBER", "API_KEYS_MANAGE", "ADMIN"),
    Rule("connectAccount", _connection, "VIEWER", "ACCOUNTS_MANAGE", "MEMBER"),
    Rule("verifyAccount", _account, "VIEWER", "ACCOUNTS_MANAGE", "MEMBER"),
    Rule("updateAccount", _account_name, "VIEWER", "ACCOUNTS_MANAGE", "MEMBER"),
    Rule("disconnectAccount", _account, "VIEWER", "ACCOUNTS_MANAGE", "MEMBER"),
    Rule("createAccount", _manual_account, "VIEWER", "ACCOUNTS_MANAGE", "MEMBER"),
    Rule("ingestResources", _resources, "VIEWER", "RESOURCES_INGEST", "MEMBER"),
    Rule("ingestCosts", _costs, "VIEWER", "COSTS_INGEST", "MEMBER"),
    Rule("exportCosts", _export, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("createUpload", _upload, "VIEWER", "COSTS_INGEST", "MEMBER"),
    Rule("importCosts", _complete_upload, "VIEWER", "COSTS_INGEST", "MEMBER"),
    Rule("cancelCostImport", _running_import, "VIEWER", "COSTS_INGEST", "MEMBER"),
    Rule("deleteBillingPeriod", _billing_period, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("deleteUpload", _existing_upload, "VIEWER", "COSTS_INGEST", "MEMBER"),
    Rule("setCurrencyRates", _rates, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("deleteCurrencyRates", _existing_rates, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("createTeam", _team, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("updateTeam", _team_name, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("archiveTeam", _existing_team, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("setPromotedTagKeys", _tag_keys, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("createAllocationRule", _allocation_rule, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("updateAllocationRule", _allocation_rule_name, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("moveAllocationRule", _allocation_rule_position, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("deleteAllocationRule", _existing_allocation_rule, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("rerunAllocation", _months, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("createBudget", _budget, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("updateBudget", _budget_amount, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("deleteBudget", _existing_budget, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("acknowledgeAnomaly", _anomaly, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("markAnomalyExpected", _expected_anomaly, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("reopenAnomaly", _known_anomaly, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("recordBusinessMetrics", _business_metrics, "VIEWER", "COSTS_INGEST", "MEMBER"),
    Rule("deleteBusinessMetric", _existing_business_metric, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("addNote", _note, "VIEWER", "ACTIVITY_WRITE", "MEMBER"),
    Rule("startScan", _scan, "VIEWER", "SCANS_RUN", "MEMBER"),
    Rule("cancelScan", _running_scan, "VIEWER", "SCANS_RUN", "MEMBER"),
    Rule("scheduleScans", _schedule, "VIEWER", "SCANS_RUN", "MEMBER"),
    Rule("updateScanSchedule", _schedule_name, "VIEWER", "SCANS_RUN", "MEMBER"),
    Rule("createCostSource", _cost_source, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("updateCostSource", _cost_source_name, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("deleteCostSource", _existing_cost_source, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("runCostSource", _existing_cost_source, "VIEWER", "COSTS_MANAGE", "MEMBER"),
    Rule("deleteScanSchedule", _existing_schedule, "VIEWER", "SCANS_RUN", "MEMBER"),
]


def test_every_mutation_with_a_permission_has_its_rule() -> None:
    assert {rule.mutation for rule in RULES} == {name for name, needs in NEEDS.items() if isinstance(needs, Permission)}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.mutation)
async def test_four_callers(graphql: GraphQL, owner: Database, database: Database, moto_url: str, rule: Rule) -> None:
    made = await company(graphql)
    made.cloud_url, made.database = moto_url, database
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
    for weak in ({"token": made.token(rule.too_weak)}, {"token": made.token("VIEWER")}, {"api_key": weak_key}):
        if rule.mutation == "removeMember" and weak == {"token": made.token("VIEWER")}:
            continue  # that would be leaving, which everyone may
        assert code_of(await graphql(rule.document, variables, **weak)) == "FORBIDDEN"
    await _ids_of_other_things_are_refused(graphql, made, rule, variables["input"])
    assert await everything_stored(owner) == before, "a denied call changes nothing"

    allowed = (await graphql.data(rule.document, variables, token=made.token(rule.allowed)))[rule.mutation]
    assert allowed["__typename"] == rule.mutation[0].upper() + rule.mutation[1:] + "Payload", allowed
    assert await everything_stored(owner) != before


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


async def _used(graphql: GraphQL, key: str) -> None:
    """Use a key until its first use is noted, which happens beside the request and would change a row later."""
    async with asyncio.timeout(60):
        noted = None
        while noted is None:
            viewer = (await graphql.data("{ viewer { apiKey { lastUsedAt } } }", api_key=key))["viewer"]
            noted = viewer["apiKey"]["lastUsedAt"]
            await asyncio.sleep(0.01)
