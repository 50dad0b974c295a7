"""All waste of a whole Azure subscription is found and nothing else, with the right money; what is not read is none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.config import Settings
from app.context import Runtime
from app.database import Database
from app.detection.catalogue import CHECKS
from app.embedded import EngineUrls
from app.models import now
from app.providers.azure.cloud import AzureCloud
from app.schema.node import parse_id
from tests.clients import GraphQL, register
from tests.costs.watch.deliveries import Deliveries
from tests.providers.azure.arm_server import (
    CLIENT,
    METRICS,
    READ_METRICS,
    SECRET,
    SUBSCRIPTION,
    TENANT,
    ArmServer,
    Fault,
    denial,
    make_certificate,
    serving,
)
from tests.scanning.company import CONNECT, Company, worker
from tests.waste import (
    seed_az_compute,
    seed_az_databases,
    seed_az_gateways,
    seed_az_network,
    seed_az_orphans,
    seed_az_platform,
    seed_az_storage,
)
from tests.waste.az_charges import charges, with_charges
from tests.waste.az_seeding import KEEP, OLD, AzureSeeding
from tests.waste.azure_waste import (
    BY_CHARGES,
    CENTS,
    EXCLUDED,
    counted_once,
    expected,
    known_without_metrics,
    not_found,
)
from tests.waste.looking import Found, count, differences, looked, measured_before, seen_for_long

TUNE = """mutation ($input: UpdateDetectionRuleInput!) { updateDetectionRule(input: $input) { __typename
  ... on UpdateDetectionRulePayload { rule { version } } ... on UserError { code message path } } }"""
PARTS = (
    seed_az_compute.seed,
    seed_az_storage.seed,
    seed_az_network.seed,
    seed_az_gateways.seed,
    seed_az_orphans.seed,
    seed_az_databases.seed,
    seed_az_platform.seed,
)
ALL_SERVICES = tuple(service.name for service in AzureCloud().services())
AGAIN = "logic"
"""A small service: any scan has the whole account measured and looked at."""


class Subscription(Company):
    """An organization that connects the far subscription, and sets some rules as its own."""

    async def connect_subscription(self) -> None:
        """By a secret, at the endpoints of the far side."""
        values = {
            "organizationId": self.person.organization_id,
            "azure": {
                "subscriptions": [SUBSCRIPTION],
                "tenantId": TENANT,
                "clientId": CLIENT,
                "clientSecret": SECRET,
            },
            "endpoints": [{"service": name, "url": self.url} for name in ("management", "authority")],
        }
        answer = await self.graphql.data(CONNECT, {"input": values}, token=self.person.token)
        assert answer["connectAccount"]["__typename"] == "ConnectAccountPayload", answer
        (account,) = answer["connectAccount"]["accounts"]
        assert (account["nativeId"], account["kind"]) == (SUBSCRIPTION, "CONNECTED")

    async def tune(self) -> None:
        """Some checks leave out what is tagged as to be kept, some find what costs cents."""
        (key, value), *_ = KEEP.items()
        kept = {"excludedTags": [{"key": key, "values": [value]}]}
        changes: dict[str, dict[str, Any]] = dict.fromkeys(EXCLUDED, kept)
        changes |= {check: {"minimumMonthlySaving": "0"} for check in CENTS}
        for check, change in changes.items():
            sent = {"organizationId": self.person.organization_id, "checkId": check, "changes": change}
            answer = await self.graphql.data(TUNE, {"input": sent}, token=self.person.token)
            assert answer["updateDetectionRule"]["__typename"] == "UpdateDetectionRulePayload", answer


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The far side is at a host that the operator allows."""
    return settings.model_copy(update={"endpoint_hosts": ("localhost",)})


@pytest.fixture
def seeded() -> AzureSeeding:
    """What the subscription holds."""
    made = AzureSeeding()
    for part in PARTS:
        part(made)
    return made


@pytest.fixture
def azure(seeded: AzureSeeding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ArmServer]:
    """The subscription, of which metrics are denied for now."""
    tables = {**seeded.tables, "advisorresources": []}
    server = ArmServer(tables, created=seeded.created, things=seeded.things, monitor=seeded.monitor)
    deny_metrics(server)
    certificate = make_certificate("Skyledger test server")
    authority = tmp_path / "authority.pem"
    authority.write_bytes(certificate.pem)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
    with serving(server, certificate, tmp_path):
        yield server


@pytest.fixture
async def company(
    graphql: GraphQL, runtime: Runtime, azure: ArmServer, settings: Settings, engine_urls: EngineUrls
) -> AsyncIterator[Subscription]:
    """A new organization that has connected the subscription, and a worker."""
    person = await register(graphql)
    async with worker(settings, engine_urls):
        made = Subscription(graphql, runtime, person, azure.url)
        await made.connect_subscription()
        await made.tune()
        yield made


def deny_metrics(server: ArmServer) -> None:
    """From now on nobody may read metrics."""
    server.faults.append(Fault(METRICS, denial(READ_METRICS, f"/subscriptions/{SUBSCRIPTION}"), times=1_000_000))


def of_azure(found: Found) -> Found:
    """What checks of Azure have found: others look at the charges of all providers."""
    return {key: told for key, told in found.items() if key[0].startswith("az.")}


def counted(found: Found) -> Decimal:
    """What the findings that count save together."""
    once = [node["saving"]["monthly"] for node in found.values() if node["isCounted"]]
    return sum((Decimal(money["amount"]) for money in once if money), Decimal(0))


async def billed(company: Subscription, owner: Database, ids: dict[str, str], folder: Path) -> Found:
    """Import what the subscription was charged up to yesterday; what is found then."""
    organization_id = parse_id(company.person.organization_id).id
    today = now().date()
    await Deliveries(owner, organization_id, folder, today).deliver(charges(ids, today))
    return of_azure(await looked(company, owner, AGAIN))


async def check_decoys(company: Subscription, ids: dict[str, str], found: Found) -> None:
    """Each check has looked at something that is no waste, and all that was put there was read."""
    there = {node["nativeId"]: node["resourceType"] for node in (await company.inventory())["resources"]["nodes"]}
    assert set(ids.values()) == there.keys()
    for check in {check for check, _ in found}:
        alike = {node for node, type_ in there.items() if type_ in CHECKS[check].resource_types}
        assert alike - {node for each, node in found if each == check}, f"{check} has no decoy"
    assert len(set(ids.values()) - {node for _, node in found}) >= len(found), "there are as many decoys as waste"


async def test_all_waste_is_found_and_nothing_else(
    company: Subscription, seeded: AzureSeeding, azure: ArmServer, owner: Database, tmp_path: Path
) -> None:
    ids, wanted = seeded.ids, expected()
    assert not_found(wanted) == BY_CHARGES.keys(), BY_CHARGES
    await looked(company, owner, *ALL_SERVICES)
    await seen_for_long(owner, int(OLD))
    denied = await looked(company, owner, AGAIN)
    unmeasured = {key: money for key, money in wanted.items() if known_without_metrics(key)}
    assert differences(denied, ids, unmeasured) == [], "without metrics nothing is idle"

    azure.faults.clear()
    found = await looked(company, owner, AGAIN)
    assert differences(found, ids, wanted) == []
    assert counted(found) == counted_once(wanted)
    await check_decoys(company, ids, found)

    charged = await billed(company, owner, ids, tmp_path)
    wanted = with_charges(wanted)
    assert not_found(wanted) == set()
    assert differences(charged, ids, wanted) == []
    assert counted(charged) == counted_once(wanted)

    deny_metrics(azure)
    await measured_before(owner)
    again = of_azure(await looked(company, owner, AGAIN))
    assert again == charged, "what was found stays open when metrics are denied"
    refused = "SELECT count(DISTINCT resource_id) FROM resource_usage WHERE problem LIKE '%Insights/metrics/read%'"
    assert await count(owner, refused) > 0, "they were asked for"
