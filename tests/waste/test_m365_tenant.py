"""All waste of a tenant of Microsoft 365 is found and nothing else, with the right money; hidden use is no waste."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from decimal import Decimal
from typing import Any

import pytest

from app.config import Settings
from app.context import Runtime
from app.database import Database
from app.detection.catalogue import ALL_CHECKS
from app.embedded import EngineUrls
from app.records import Provider
from tests.clients import GraphQL, register
from tests.providers.azure.arm_server import CLIENT, SECRET, TENANT, Answer, Fault
from tests.providers.m365.conftest import microsoft, server_certificate
from tests.providers.m365.graph_server import ALL_ROLES, GraphServer
from tests.scanning.company import CONNECT, Company, worker
from tests.waste import m365_people, m365_things
from tests.waste.looking import Found, Key, all_done, differences, open_findings
from tests.waste.m365_plans import PLANS
from tests.waste.m365_tenant import Tenant
from tests.waste.m365_waste import (
    BY_PURPOSES,
    BY_REPORTS,
    BY_SIGN_INS,
    ONE_SIGNAL,
    STORAGE_DISCOUNT,
    counted_once,
    expected,
)

__all__ = ["microsoft", "server_certificate"]  # fixtures

RECOMMENDATIONS = """query ($slug: String!) { organization(slug: $slug) {
  recommendations(first: 1000, where: {state: {eq: OPEN}}) { totalCount nodes {
    checkId confidence isCounted subject evidence { label value }
    saving { monthly { amount currency } basis formula reason } } }
  savingsSummary { potential count } } }"""
SET_PRICES = """mutation ($input: SetPriceOverridesInput!) { setPriceOverrides(input: $input) { __typename
  ... on SetPriceOverridesPayload { added issues { rowNumber column reason } } ... on UserError { message } } }"""
CHECKS = {check.id for check in ALL_CHECKS if check.provider is Provider.MICROSOFT_365}
REPORTS, SETTINGS = "Reports.Read.All", "ReportSettings.Read.All"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The far side is a host that the operator allows."""
    return settings.model_copy(update={"endpoint_hosts": ("localhost",)})


@pytest.fixture
def tenant(microsoft: GraphServer) -> Tenant:
    """A filled tenant."""
    microsoft.purposes, microsoft.json_reports, microsoft.page_size = {}, {}, 40
    made = Tenant(microsoft)
    m365_people.seed(made)
    m365_things.seed(made)
    made.write()
    return made


@pytest.fixture
async def company(
    graphql: GraphQL, runtime: Runtime, tenant: Tenant, settings: Settings, engine_urls: EngineUrls
) -> AsyncIterator[Company]:
    """A new organization that has connected the tenant and entered what it pays, and a worker."""
    person, url = await register(graphql), tenant.server.url
    async with worker(settings, engine_urls):
        made = Company(graphql, runtime, person, url)
        values = {
            "organizationId": person.organization_id,
            "microsoft365": {"tenantId": TENANT, "clientId": CLIENT, "clientSecret": SECRET},
            "endpoints": [{"service": name, "url": url} for name in ("graph", "authority")],
        }
        answer = await graphql.data(CONNECT, {"input": values}, token=person.token)
        (account,) = answer["connectAccount"]["accounts"]
        assert (account["nativeId"], account["health"]["missingPermissions"]) == (TENANT, [])
        await enter_prices(made)
        yield made


async def enter_prices(company: Company) -> None:
    """What the organization pays for seats, and less than the list for storage."""
    usual = {"provider": "MICROSOFT_365", "validFrom": "2026-01-01"}
    seats = [
        {"pattern": code, "amount": plan.price, "currency": "USD", "unit": "SEAT_MONTH"}
        for name, plan in PLANS.items()
        if plan.price is not None
        for code in [f"m365.seat.{name.lower().replace('(', '_').replace(')', '_')}"]
    ]
    storage = {"pattern": "m365.sharepoint.*", "discountPercent": str(STORAGE_DISCOUNT)}
    values = {
        "organizationId": company.person.organization_id,
        "overrides": [usual | one for one in (*seats, storage)],
    }
    answer = await company.graphql.data(SET_PRICES, {"input": values}, token=company.person.token)
    assert answer["setPriceOverrides"]["added"] == len(seats) + 1, answer


async def looked(company: Company, owner: Database, state: str) -> tuple[Found, list[dict[str, Any]]]:
    """Scan, wait until the tenant was looked at; what is open by check and native id, and what could not be read."""
    scan = await company.scan()
    problems = [problem for step in scan["steps"] for problem in step["problems"]]
    assert scan["state"] == state, problems
    await all_done(owner)
    return await open_findings(company, RECOMMENDATIONS), problems


def without(wanted: dict[Key, Decimal | None], *checks: Iterable[str]) -> dict[Key, Decimal | None]:
    """What is expected of all other checks."""
    hidden = {check for some in checks for check in some}
    return {key: money for key, money in wanted.items() if key[0] not in hidden}


def roles_but(*names: str) -> tuple[str, ...]:
    """All permissions but some."""
    return tuple(role for role in ALL_ROLES if role not in names)


def throttle(server: GraphServer) -> None:
    """Have Graph ask for patience now and then: of lists, of further pages, of batches and of reports."""
    for about, wait in (("/subscribedSkus", "1"), ("$skiptoken=40", "0"), ("$batch", "0"), ("getMailboxUsage", "0")):
        server.faults.append(Fault(about, Answer({"error": {"code": "TooManyRequests"}}, 429, {"Retry-After": wait})))


async def test_all_waste_is_found_and_nothing_else(company: Company, tenant: Tenant, owner: Database) -> None:
    server, ids, wanted = tenant.server, tenant.ids, expected()
    assert {check for check, _ in wanted} == CHECKS, "each check finds something"

    server.roles = roles_but(REPORTS, "AuditLog.Read.All", "MailboxSettings.Read")
    denied, problems = await looked(company, owner, "PARTIAL")
    assert differences(denied, ids, without(wanted, BY_REPORTS, BY_SIGN_INS, BY_PURPOSES)) == []
    assert_told(problems, "microsoft.graph/users", "Reports.Read.All", "AuditLog.Read.All", "MailboxSettings.Read")
    for kind in ("groups", "teams", "sites", "drives"):
        assert_told(problems, f"microsoft.graph/{kind}", REPORTS)

    # The tenant's settings may not be read, so that the names in its reports alone tell that they are concealed.
    server.roles = roles_but(SETTINGS)
    tenant.write(conceals=True)
    concealed, problems = await looked(company, owner, "PARTIAL")
    by_sign_ins = without(wanted, BY_REPORTS) | {ONE_SIGNAL: Decimal(PLANS["EXCHANGEENTERPRISE"].price or 0)}
    assert differences(concealed, ids, by_sign_ins) == []
    for node in (node for (check, _), node in concealed.items() if check == ONE_SIGNAL[0]):
        assert node["confidence"] == "POSSIBLE", "one signal alone is never likely"
        assert "clear 'Display concealed user" in node["evidence"][-1]["value"]
    for kind in ("users", "groups", "teams", "sites", "drives"):
        assert_told(problems, f"microsoft.graph/{kind}", "dataConcealed", "clear 'Display concealed user")

    server.roles = ALL_ROLES
    tenant.write()
    throttle(server)
    found, _ = await looked(company, owner, "SUCCEEDED")
    assert differences(found, ids, wanted) == []
    assert all(not fault.times for fault in server.faults), "Graph has asked for patience"
    assert (
        sum(Decimal(node["saving"]["monthly"]["amount"]) for node in found.values() if counts(node)) == counted_once()
    )
    await assert_decoys(company, ids, found)

    server.conceals, server.roles = True, roles_but("AuditLog.Read.All")
    tenant.write(conceals=True)
    again, problems = await looked(company, owner, "PARTIAL")
    assert again == found, "what was found stays open when names are concealed and sign-ins denied"
    assert_told(problems, "microsoft.graph/users", "dataConcealed", "AuditLog.Read.All")


def counts(node: dict[str, Any]) -> bool:
    """Whether its money is known and counted."""
    return node["isCounted"] and node["saving"]["monthly"] is not None


def assert_told(problems: list[dict[str, Any]], resource_type: str, *words: str) -> None:
    """A problem of a type says all of these, in what happened or in what to do."""
    told = " ".join(f"{one['message']} {one['remedy']}" for one in problems if resource_type in one["resourceTypes"])
    assert all(word in told for word in words), (resource_type, told)


async def assert_decoys(company: Company, ids: dict[str, str], found: Found) -> None:
    """All that was put there was read, and there are as many decoys as there is waste, some for each check."""
    inventory = await company.inventory()
    there = {node["nativeId"]: node["resourceType"] for node in inventory["resources"]["nodes"]}
    assert set(ids.values()) == there.keys()
    wasted = {native_id for _, native_id in found}
    decoys = there.keys() - wasted
    assert len(decoys) >= len(wasted)
    for check in ALL_CHECKS:
        if check.id in CHECKS:
            alike = {native_id for native_id in decoys if there[native_id] in check.resource_types}
            assert alike, f"{check.id} has no decoy"
