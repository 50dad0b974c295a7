"""For every mutation of an organization an input that it takes, with what that has to find there made before."""

from __future__ import annotations

from typing import Any

from tests.accounts.clouds import connected, keys_input
from tests.clients import GraphQL
from tests.costs.watch.anomalies import anomaly_of
from tests.resolvers.company import Company, create_key, invite


async def organization(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"organizationId": made.organization_id, "name": "Renamed"}


async def single_sign_on(_: GraphQL, made: Company) -> dict[str, Any]:
    return {
        "organizationId": made.organization_id,
        "issuer": made.issuer,
        "clientId": "skyledger",
        "clientSecret": "secret",
        "domains": ["corp.example"],
    }


async def existing_single_sign_on(graphql: GraphQL, made: Company) -> dict[str, Any]:
    send = """mutation ($input: ConfigureSingleSignOnInput!) { configureSingleSignOn(input: $input) {
      ... on ConfigureSingleSignOnPayload { singleSignOn { issuer } } } }"""
    await graphql.data(send, {"input": await single_sign_on(graphql, made)}, token=made.token("OWNER"))
    return {"organizationId": made.organization_id}


async def deletion(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"organizationId": made.organization_id, "confirmSlug": made.slug}


async def invitation(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"organizationId": made.organization_id, "email": "new@example.com", "role": "VIEWER"}


async def open_invitation(graphql: GraphQL, made: Company) -> dict[str, Any]:
    return {"id": (await invite(graphql, made, "open@example.com", "VIEWER"))[0]}


async def role(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"id": made.members["VIEWER"], "role": "MEMBER"}


async def member(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"id": made.members["VIEWER"]}


async def key(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"organizationId": made.organization_id, "name": "feed", "scopes": ["ORGANIZATION_READ"]}


async def existing_key(graphql: GraphQL, made: Company) -> dict[str, Any]:
    return {"id": (await create_key(graphql, made, "ORGANIZATION_READ"))[0]}


async def connection(_: GraphQL, made: Company) -> dict[str, Any]:
    return keys_input(made.organization_id, made.cloud_url)


async def account(graphql: GraphQL, made: Company) -> dict[str, Any]:
    return {"id": (await connected(graphql, made.token("OWNER"), made.organization_id, made.cloud_url))["id"]}


async def account_name(graphql: GraphQL, made: Company) -> dict[str, Any]:
    return {**await account(graphql, made), "name": "Renamed"}


async def manual_account(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"organizationId": made.organization_id, "provider": "AWS", "nativeId": "1"}


async def resources(_: GraphQL, made: Company) -> dict[str, Any]:
    row = {"provider": "AWS", "accountId": "1", "resourceType": "vm", "resourceId": "i-1"}
    return {"organizationId": made.organization_id, "rows": [row]}


async def costs(_: GraphQL, made: Company) -> dict[str, Any]:
    row = {
        "BilledCost": "1",
        "BillingCurrency": "EUR",
        "ChargePeriodStart": "2026-10-01",
        "ChargePeriodEnd": "2026-10-02",
    }
    return {"organizationId": made.organization_id, "rows": [row]}


async def billing_period(graphql: GraphQL, made: Company) -> dict[str, Any]:
    send = """mutation ($input: IngestCostsInput!) { ingestCosts(input: $input) {
      ... on IngestCostsPayload { added } } }"""
    await graphql.data(send, {"input": await costs(graphql, made)}, token=made.token("OWNER"))
    values = {"dataset": "default", "billingPeriodStart": "2026-10-01T00:00:00Z"}
    return {"organizationId": made.organization_id, **values}


async def upload(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"organizationId": made.organization_id, "fileName": "costs.csv", "bytes": 1}


async def existing_upload(graphql: GraphQL, made: Company) -> dict[str, Any]:
    make = """mutation ($input: CreateUploadInput!) { createUpload(input: $input) {
      ... on CreateUploadPayload { upload { id } } } }"""
    answer = await graphql.data(make, {"input": await upload(graphql, made)}, token=made.token("OWNER"))
    return {"id": answer["createUpload"]["upload"]["id"]}


async def export(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"organizationId": made.organization_id, "period": {"start": "2026-10-01", "end": "2026-11-01"}}


async def complete_upload(graphql: GraphQL, made: Company) -> dict[str, Any]:
    upload_id = (await existing_upload(graphql, made))["id"]
    headers = {"authorization": f"Bearer {made.token('OWNER')}", "upload-offset": "0"}
    assert (await graphql.client.put(f"/uploads/{upload_id}", content=b"x", headers=headers)).status_code == 200
    return {"organizationId": made.organization_id, "uploadIds": [upload_id]}


async def running_import(graphql: GraphQL, made: Company) -> dict[str, Any]:
    start = """mutation ($input: ImportCostsInput!) { importCosts(input: $input) {
      ... on ImportCostsPayload { costImport { id } } } }"""
    variables = {"input": await complete_upload(graphql, made)}
    answer = await graphql.data(start, variables, token=made.token("OWNER"))
    return {"id": answer["importCosts"]["costImport"]["id"]}


async def note(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"organizationId": made.organization_id, "text": "hello"}


async def scan(graphql: GraphQL, made: Company) -> dict[str, Any]:
    await account(graphql, made)
    return {"organizationId": made.organization_id}


async def running_scan(graphql: GraphQL, made: Company) -> dict[str, Any]:
    start = """mutation ($input: StartScanInput!) { startScan(input: $input) {
      ... on StartScanPayload { scans { id } } } }"""
    variables = {"input": await scan(graphql, made)}
    answer = await graphql.data(start, variables, token=made.token("OWNER"))
    return {"id": answer["startScan"]["scans"][0]["id"]}


async def schedule(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"organizationId": made.organization_id, "name": "nightly", "cron": "0 3 * * *"}


async def existing_schedule(graphql: GraphQL, made: Company) -> dict[str, Any]:
    make = """mutation ($input: ScheduleScansInput!) { scheduleScans(input: $input) {
      ... on ScheduleScansPayload { schedule { id } } } }"""
    variables = {"input": await schedule(graphql, made)}
    answer = await graphql.data(make, variables, token=made.token("OWNER"))
    return {"id": answer["scheduleScans"]["schedule"]["id"]}


async def schedule_name(graphql: GraphQL, made: Company) -> dict[str, Any]:
    return {**await existing_schedule(graphql, made), "name": "renamed"}


async def team(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"organizationId": made.organization_id, "name": "Web", "code": "CC-1"}


async def existing_team(graphql: GraphQL, made: Company) -> dict[str, Any]:
    make = """mutation ($input: CreateTeamInput!) { createTeam(input: $input) {
      ... on CreateTeamPayload { team { id } } } }"""
    answer = await graphql.data(make, {"input": await team(graphql, made)}, token=made.token("OWNER"))
    return {"id": answer["createTeam"]["team"]["id"]}


async def team_name(graphql: GraphQL, made: Company) -> dict[str, Any]:
    return {**await existing_team(graphql, made), "name": "Renamed"}


async def tag_keys(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"organizationId": made.organization_id, "keys": ["team"]}


async def allocation_rule(graphql: GraphQL, made: Company) -> dict[str, Any]:
    team_id = (await existing_team(graphql, made))["id"]
    rule = {"name": "All", "method": "DIRECT", "targets": [{"teamId": team_id}]}
    return {"organizationId": made.organization_id, "rule": rule}


async def existing_allocation_rule(graphql: GraphQL, made: Company) -> dict[str, Any]:
    make = """mutation ($input: CreateAllocationRuleInput!) { createAllocationRule(input: $input) {
      ... on CreateAllocationRulePayload { rule { id } } } }"""
    values = await allocation_rule(graphql, made)
    await graphql.data(make, {"input": values}, token=made.token("OWNER"))
    answer = await graphql.data(make, {"input": values}, token=made.token("OWNER"))
    return {"id": answer["createAllocationRule"]["rule"]["id"]}


async def allocation_rule_name(graphql: GraphQL, made: Company) -> dict[str, Any]:
    return {**await existing_allocation_rule(graphql, made), "name": "renamed"}


async def allocation_rule_position(graphql: GraphQL, made: Company) -> dict[str, Any]:
    return {**await existing_allocation_rule(graphql, made), "position": 1}


async def months(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"organizationId": made.organization_id, "fromMonth": "2026-10-01", "toMonth": "2026-10-01"}


async def cost_source(graphql: GraphQL, made: Company) -> dict[str, Any]:
    account_id = (await account(graphql, made))["id"]
    place = {"bucket": "acme-costs", "prefix": "focus"}
    return {"organizationId": made.organization_id, "accountId": account_id, "name": "focus", "awsDataExport": place}


async def existing_cost_source(graphql: GraphQL, made: Company) -> dict[str, Any]:
    make = """mutation ($input: CreateCostSourceInput!) { createCostSource(input: $input) {
      ... on CreateCostSourcePayload { costSource { id } } } }"""
    variables = {"input": await cost_source(graphql, made)}
    answer = await graphql.data(make, variables, token=made.token("OWNER"))
    return {"id": answer["createCostSource"]["costSource"]["id"]}


async def cost_source_name(graphql: GraphQL, made: Company) -> dict[str, Any]:
    return {**await existing_cost_source(graphql, made), "name": "renamed"}


async def budget(_: GraphQL, made: Company) -> dict[str, Any]:
    values = {"name": "all", "recurrence": "MONTHLY", "startsOn": "2026-01-01", "amount": "100"}
    return {"organizationId": made.organization_id, **values}


async def existing_budget(graphql: GraphQL, made: Company) -> dict[str, Any]:
    make = """mutation ($input: CreateBudgetInput!) { createBudget(input: $input) {
      ... on CreateBudgetPayload { budget { id } } } }"""
    answer = await graphql.data(make, {"input": await budget(graphql, made)}, token=made.token("OWNER"))
    return {"id": answer["createBudget"]["budget"]["id"]}


async def budget_amount(graphql: GraphQL, made: Company) -> dict[str, Any]:
    return {**await existing_budget(graphql, made), "amount": "200"}


async def anomaly(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"id": await anomaly_of(made, "OPEN")}


async def expected_anomaly(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"id": await anomaly_of(made, "OPEN"), "reason": "a load test"}


async def known_anomaly(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"id": await anomaly_of(made, "ACKNOWLEDGED")}


async def business_metrics(_: GraphQL, made: Company) -> dict[str, Any]:
    values = [{"day": "2026-10-01", "quantity": "12"}]
    return {"organizationId": made.organization_id, "name": "orders", "unit": "orders", "values": values}


async def existing_business_metric(graphql: GraphQL, made: Company) -> dict[str, Any]:
    make = """mutation ($input: RecordBusinessMetricsInput!) { recordBusinessMetrics(input: $input) {
      ... on RecordBusinessMetricsPayload { metric { id } } } }"""
    variables = {"input": await business_metrics(graphql, made)}
    answer = await graphql.data(make, variables, token=made.token("OWNER"))
    return {"id": answer["recordBusinessMetrics"]["metric"]["id"]}


async def rates(_: GraphQL, made: Company) -> dict[str, Any]:
    rate = {"fromCurrency": "EUR", "toCurrency": "USD", "validFrom": "2026-10-01", "rate": "1.1"}
    return {"organizationId": made.organization_id, "rates": [rate]}


async def existing_rates(graphql: GraphQL, made: Company) -> dict[str, Any]:
    make = """mutation ($input: SetCurrencyRatesInput!) { setCurrencyRates(input: $input) {
      ... on SetCurrencyRatesPayload { added } } }"""
    await graphql.data(make, {"input": await rates(graphql, made)}, token=made.token("OWNER"))
    return {"organizationId": made.organization_id, "fromCurrency": "EUR", "toCurrency": "USD"}


async def rows_export(_graphql: GraphQL, made: Company) -> dict[str, Any]:
    """For startExport."""
    query = f'{{ organization(slug: "{made.slug}") {{ resources {{ nodes {{ id }} }} }} }}'
    return {"organizationId": made.organization_id, "query": query}


async def running_export(graphql: GraphQL, made: Company) -> dict[str, Any]:
    """For cancelExport: one of the owner's."""
    document = "mutation ($input: StartExportInput!) { startExport(input: $input) "
    document += "{ ... on StartExportPayload { export { id } } } }"
    variables = {"input": await rows_export(graphql, made)}
    answer = await graphql.data(document, variables, token=made.token("OWNER"))
    return {"id": answer["startExport"]["export"]["id"]}
