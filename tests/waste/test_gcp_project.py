"""All waste of a whole project of Google Cloud is found and nothing else, with the right money; also without metrics.

The far side speaks as Google does, by gRPC and REST, to Google's own libraries; it refuses metrics, monitored resources
and labels that Google does not document.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from decimal import Decimal

import pytest

from app.config import Settings
from app.context import Runtime
from app.database import Database
from app.detection.catalogue import ALL_CHECKS, CHECKS
from app.embedded import EngineUrls
from app.records import Provider
from tests.clients import GraphQL, register
from tests.providers.gcp.google import PROJECT, Google, google_on_loopback
from tests.providers.gcp.monitoring import monitoring_on_loopback, refusal
from tests.scanning.company import CONNECT, Company, worker
from tests.waste import gcp_seed_machines, gcp_seed_network, gcp_seed_services, gcp_seed_storage
from tests.waste.gcp_seeding import OLD, Documented, fill
from tests.waste.gcp_waste import LEFT_OUT, all_together, expected, known_without_metrics
from tests.waste.looking import Found, count, differences, looked, measured_before, seen_for_long

UPDATE = """mutation ($input: UpdateDetectionRuleInput!) { updateDetectionRule(input: $input) { __typename
  ... on UserError { code message path } } }"""
LEAVING_OUT = ("gcp.disk.unattached", "gcp.vm.idle")
"""Checks whose rules leave out what has the label `keep`."""
SEEDS = (*gcp_seed_machines.SEEDS, *gcp_seed_storage.SEEDS, *gcp_seed_network.SEEDS, *gcp_seed_services.SEEDS)
DENIED = [refusal(403, reason="IAM_PERMISSION_DENIED", permission="monitoring.timeSeries.list")] * 10_000
"""What Cloud Monitoring answers while metrics are denied."""
LEAST_DECOYS = 130
ONE = "logging"
"""A service with little in it, for scans of which only what comes after them matters."""


class GoogleCompany(Company):
    """An organization that connects the project by the key of a service account."""

    async def join(self, google: Google, monitoring: Documented) -> None:
        """Connect it."""
        endpoints = {"cloudasset": google.address, "cloudresourcemanager": google.address}
        endpoints |= {"token": google.token_url, "recommender": google.url, "monitoring": monitoring.url}
        values = {
            "organizationId": self.person.organization_id,
            "gcp": {"projects": [PROJECT], "serviceAccount": google.key_file(token_uri=google.token_url)},
            "endpoints": [{"service": name, "url": url} for name, url in endpoints.items()],
        }
        answer = await self.graphql.data(CONNECT, {"input": values}, token=self.person.token)
        assert answer["connectAccount"]["__typename"] == "ConnectAccountPayload", answer
        (account,) = answer["connectAccount"]["accounts"]
        assert (account["nativeId"], account["health"]) == (PROJECT, {"state": "HEALTHY", "missingPermissions": []})

    async def leave_out(self, check: str) -> None:
        """Have the rule of a check leave out what has the label `keep`."""
        changes = {"excludedTags": [{"key": "keep"}]}
        sent = {"organizationId": self.person.organization_id, "checkId": check, "changes": changes}
        answer = await self.graphql.data(UPDATE, {"input": sent}, token=self.person.token)
        assert answer["updateDetectionRule"]["__typename"] == "UpdateDetectionRulePayload", answer


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Google on loopback is a host that the operator allows."""
    return settings.model_copy(update={"endpoint_hosts": ("127.0.0.1",)})


@pytest.fixture
def google() -> Iterator[Google]:
    with google_on_loopback() as found:
        yield found


@pytest.fixture
def monitoring() -> Iterator[Documented]:
    """Cloud Monitoring of the project, which denies everything for now."""
    far = Documented()
    far.faults.extend(DENIED)
    with monitoring_on_loopback(far):
        yield far


@pytest.fixture
def ids(google: Google, monitoring: Documented) -> dict[str, str]:
    """Native ids by label, of all that is in the project."""
    return fill(google, monitoring, SEEDS)


@pytest.fixture
async def company(
    graphql: GraphQL,
    runtime: Runtime,
    google: Google,
    monitoring: Documented,
    settings: Settings,
    engine_urls: EngineUrls,
) -> AsyncIterator[GoogleCompany]:
    """A new organization, and a worker."""
    person = await register(graphql)
    async with worker(settings, engine_urls):
        made = GoogleCompany(graphql, runtime, person, monitoring.url)
        await made.join(google, monitoring)
        yield made


async def _check_decoys(company: Company, ids: dict[str, str], found: Found) -> None:
    """Each check has looked at something that is no waste, and all that was put there was read."""
    there = {node["nativeId"]: node["resourceType"] for node in (await company.inventory())["resources"]["nodes"]}
    assert set(ids.values()) == there.keys()
    wasted = {node for _, node in found}
    for check in {check for check, _ in found}:
        alike = {node for node, type_ in there.items() if type_ in CHECKS[check].resource_types}
        assert alike - {node for each, node in found if each == check}, f"{check} has no decoy"
    assert len(there.keys() - wasted) >= max(LEAST_DECOYS, len(wasted))


def test_every_check_has_waste_in_the_project_or_says_why_not() -> None:
    checks = {check.id for check in ALL_CHECKS if check.provider is Provider.GCP}
    told = {check for check, _ in expected()}
    assert told | LEFT_OUT.keys() == checks
    assert told & LEFT_OUT.keys() == set()
    assert all(LEFT_OUT.values())


async def test_all_waste_is_found_and_nothing_else(
    company: GoogleCompany, ids: dict[str, str], monitoring: Documented, owner: Database
) -> None:
    wanted = expected()
    for check in LEAVING_OUT:
        await company.leave_out(check)
    await looked(company, owner)
    await seen_for_long(owner, OLD)
    denied = await looked(company, owner, ONE)
    unmeasured = {key: money for key, money in wanted.items() if known_without_metrics(key)}
    assert differences(denied, ids, unmeasured) == [], "without metrics nothing is idle"

    monitoring.faults.clear()
    found = await looked(company, owner, ONE)
    assert monitoring.wrong == [], "only what Google documents is asked for"
    assert differences(found, ids, wanted) == []
    counted = [told["saving"]["monthly"] for told in found.values() if told["isCounted"]]
    assert sum(Decimal(money["amount"]) for money in counted if money) == all_together(), "overlaps count once"
    await _check_decoys(company, ids, found)

    monitoring.faults.extend(DENIED)
    await measured_before(owner)
    again = await looked(company, owner, ONE)
    assert again == found, "what was found stays open when metrics are denied"
    refused = "SELECT count(DISTINCT resource_id) FROM resource_usage WHERE problem LIKE '%monitoring.timeSeries.list%'"
    assert await count(owner, refused) > 0, "they were asked for"
