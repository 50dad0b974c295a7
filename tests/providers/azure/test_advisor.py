"""What Azure Advisor recommends: which of it counts, what it is about, and what it is worth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.providers.azure.advisor import PERMISSIONS
from app.providers.azure.cloud import AzureCloud
from app.providers.azure.connection import AzureConnection
from app.providers.opinions import FoundOpinion, OpinionSource
from app.providers.problems import ProblemCode, ProviderError
from app.records.detection import Remedy
from tests.providers.azure.arm_server import SUBSCRIPTION, Answer, ArmServer, Fault, failure
from tests.providers.azure.conftest import Connect
from tests.providers.azure.rows import GROUP, Row, identity

MACHINES = "e10b1381-5f0a-47ff-8c7b-37bd13d7c974"
DISKS = "48eda464-1485-4dcf-a674-d0905df5054a"
RESERVATIONS = "84b1a508-fc21-49da-979e-96894f1665df"
VM = identity("Microsoft.Compute/virtualMachines", "Web-1")
DISK = identity("Microsoft.Compute/disks", "Left-Over")
SUBSCRIPTION_ID = f"/subscriptions/{SUBSCRIPTION}"
NOW = datetime.now(UTC)
UPDATED = (NOW - timedelta(hours=2)).isoformat()
GRAPH = "Microsoft.ResourceGraph/resources"
_FOR_EVER = "-1"


def advice(kind: str, resource: str = VM, number: int = 1, **parts: Any) -> Row:
    """A recommendation as Resource Graph tells it; `more` are its extended properties."""
    name = f"00000000-0000-0000-0000-{number:012}"
    more = parts.pop("more", {"annualSavingsAmount": "1900.80", "savingsAmount": "158.40", "savingsCurrency": "USD"})
    properties = {
        "category": "Cost",
        "impact": "High",
        "impactedField": "Microsoft.Compute/virtualMachines",
        "impactedValue": "web-1",
        "lastUpdated": UPDATED,
        "recommendationTypeId": kind,
        "shortDescription": {"problem": "It is hardly used", "solution": "Make it smaller"},
        "resourceMetadata": {"resourceId": resource},
        "extendedProperties": more,
        "suppressionIds": None,
    } | parts
    return {
        "id": f"{resource}/providers/Microsoft.Advisor/recommendations/{name}",
        "name": name,
        "type": "microsoft.advisor/recommendations",
        "resourceGroup": "prod" if "/resourceGroups/" in resource else "",
        "properties": properties,
    }


def suppression(of: Row, **properties: Any) -> Row:
    told = {"id": f"{of['id']}/suppressions/Postponed", "name": "Postponed", "type": "microsoft.advisor/suppressions"}
    return told | {"resourceGroup": of["resourceGroup"], "properties": properties}


def configuration(group: str = "", **properties: Any) -> Row:
    scope = f"{SUBSCRIPTION_ID}/resourceGroups/{group}" if group else SUBSCRIPTION_ID
    return {
        "id": f"{scope}/providers/Microsoft.Advisor/configurations/default",
        "name": "default",
        "type": "microsoft.advisor/configurations",
        "resourceGroup": group,
        "properties": properties,
    }


def hold(azure: ArmServer, *rows: Row) -> None:
    azure.tables["advisorresources"] = list(rows)


def read(connection: AzureConnection) -> list[FoundOpinion]:
    (reader,) = AzureCloud().advisers()
    assert reader.source is OpinionSource.AZURE_ADVISOR
    return [found for page in reader.pages(connection) for found in page]


def fails(connection: AzureConnection) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        read(connection)
    return raised.value


def test_a_machine_that_is_too_large_with_all_that_is_told(azure: ArmServer, connect: Connect) -> None:
    more = {
        "annualSavingsAmount": "1000",
        "savingsAmount": "83",
        "savingsCurrency": "EUR",
        "currentSku": "Standard_D4s_v3",
        "targetSku": "Standard_D2s_v3",
        "recommendationType": "Right-size",
        "regionId": "West Europe",
        "lookbackPeriod": "30",
        "MaxCpuP95": "6",
    }
    hold(azure, advice(MACHINES, more=more))
    (found,) = read(connect())
    name = "00000000-0000-0000-0000-000000000001"
    assert found == FoundOpinion(
        source=OpinionSource.AZURE_ADVISOR,
        native_id=f"{VM}/providers/Microsoft.Advisor/recommendations/{name}".lower(),
        kind=MACHINES,
        remedy=Remedy.RESIZE,
        title="Make it smaller",
        resource_native_id=VM.lower(),
        resource_type="microsoft.compute/virtualmachines",
        region="westeurope",
        target="Standard_D2s_v3",
        monthly_saving=Decimal(1000) / 12,
        currency="EUR",
        lookback_days=30,
        refreshed_at=datetime.fromisoformat(UPDATED),
        link="https://learn.microsoft.com/azure/advisor/advisor-reference-cost-recommendations",
        details={
            "impact": "High",
            "impactedValue": "web-1",
            "problem": "It is hardly used",
            "extendedProperties": more,
        },
    )


def test_a_reservation_to_buy_is_no_waste_of_a_resource(azure: ArmServer, connect: Connect) -> None:
    more = {
        "annualSavingsAmount": "1200",
        "savingsCurrency": "USD",
        "term": "P3Y",
        "lookbackPeriod": "60",
        "displaySKU": "Standard_D2s_v3",
        "region": "westus2",
    }
    hold(azure, advice(RESERVATIONS, SUBSCRIPTION_ID, more=more, impactedField="Microsoft.Subscriptions/subscriptions"))
    (found,) = read(connect())
    assert (found.kind, found.remedy) == (f"purchase:{RESERVATIONS}", Remedy.REVIEW)
    assert (found.resource_native_id, found.resource_type, found.region) == (None, None, "westus2")
    assert found.details["purchase"] is True
    assert found.details["extendedProperties"]["term"] == "P3Y"
    assert (found.monthly_saving, found.lookback_days, found.target) == (Decimal(100), 60, "Standard_D2s_v3")


def test_ways_to_buy_the_same_are_one_recommendation(azure: ArmServer, connect: Connect) -> None:
    plain = {"savingsCurrency": "USD", "displaySKU": "Standard_D2s_v3", "region": "westus2", "scope": "Single"}
    offers = [
        {"term": "P1Y", "lookbackPeriod": "30", "annualSavingsAmount": "90"},
        {"term": "P3Y", "lookbackPeriod": "60", "annualSavingsAmount": "130"},
        {"term": "P3Y", "lookbackPeriod": "30", "annualSavingsAmount": "120"},
        {"term": "P3Y", "lookbackPeriod": "30", "annualSavingsAmount": "100", "region": "eastus"},
    ]
    rows = [advice(RESERVATIONS, SUBSCRIPTION_ID, number, more=plain | one) for number, one in enumerate(offers)]
    hold(azure, *rows, advice(DISKS, DISK, 9))
    azure.page_size = 2
    disk, west, east = read(connect())
    assert (disk.kind, west.native_id[-1], east.native_id[-1]) == (DISKS, "2", "3")
    assert west.monthly_saving == Decimal(10)
    assert [(one["term"], one["lookbackPeriod"]) for one in west.details["alternatives"]] == [
        ("P3Y", "60"),
        ("P1Y", "30"),
    ]
    assert "alternatives" not in east.details


@pytest.mark.parametrize(
    ("kind", "resource", "more", "expected"),
    [
        (MACHINES, VM, {"recommendationType": "Shutdown", "targetSku": "Shutdown"}, (Remedy.STOP, None)),
        (MACHINES, VM, {"recommendationType": "SkuChange", "targetSku": "B2s"}, (Remedy.RESIZE, "B2s")),
        (DISKS.upper(), DISK, {}, (Remedy.DELETE, None)),
        ("11111111-0000-0000-0000-000000000000", VM, {}, (Remedy.REVIEW, None)),
    ],
)
def test_remedies(
    azure: ArmServer, connect: Connect, kind: str, resource: str, more: Row, expected: tuple[Remedy, str | None]
) -> None:
    hold(azure, advice(kind, resource, more=more))
    (found,) = read(connect())
    assert (found.remedy, found.target) == expected
    assert (found.kind, found.resource_native_id) == (kind.lower(), resource.lower())


def test_what_is_about_a_whole_subscription_or_group_is_about_no_single_resource(
    azure: ArmServer, connect: Connect
) -> None:
    nameless = advice(DISKS, DISK, 3, resourceMetadata=None)
    hold(azure, advice(DISKS, SUBSCRIPTION_ID), advice(DISKS, GROUP, 2), nameless)
    of = {found.native_id[-1]: found.resource_native_id for found in read(connect())}
    assert of == {"1": None, "2": None, "3": DISK.lower()}


@pytest.mark.parametrize(
    ("more", "saving", "currency"),
    [
        ({"annualSavingsAmount": "12", "savingsCurrency": "GBP"}, Decimal(1), "GBP"),
        ({"annualSavingsAmount": 6.6, "savingsCurrency": "usd"}, Decimal("0.55"), "USD"),
        ({"savingsAmount": "158.40", "savingsCurrency": "USD"}, Decimal("158.40"), "USD"),
        ({"annualSavingsAmount": "0", "savingsCurrency": "USD"}, Decimal(0), "USD"),
        ({"annualSavingsAmount": "", "savingsCurrency": "USD"}, None, None),
        ({"annualSavingsAmount": "much", "savingsCurrency": "USD"}, None, None),
        ({"annualSavingsAmount": "NaN", "savingsCurrency": "USD"}, None, None),
        ({"annualSavingsAmount": "12"}, None, None),
        ({"annualSavingsAmount": "12", "savingsCurrency": "$"}, None, None),
        ({}, None, None),
        (None, None, None),
    ],
)
def test_what_it_is_worth_in_a_month(
    azure: ArmServer, connect: Connect, more: Row | None, saving: Decimal | None, currency: str | None
) -> None:
    hold(azure, advice(DISKS, DISK, more=more))
    (found,) = read(connect())
    assert (found.monthly_saving, found.currency) == (saving, currency)
    assert (found.saving_reason is None) is (saving is not None)


def test_secrets_do_not_pass(azure: ArmServer, connect: Connect) -> None:
    hold(azure, advice(DISKS, DISK, more={"adminPassword": "hunter2"}))
    assert "hunter2" not in repr(read(connect()))


def test_only_what_advisor_shows_as_active(azure: ArmServer, connect: Connect) -> None:
    later, earlier = ((NOW + timedelta(days=days)).isoformat() for days in (1, -1))
    rows = {number: advice(DISKS, DISK, number) for number in range(1, 10)}
    rows[1] = advice(DISKS, DISK, 1, lastUpdated=(NOW - timedelta(days=2)).isoformat())
    rows[2] = advice(DISKS, DISK, 2, category="Security")
    rows[3] = advice(DISKS, DISK, 3, tracked=True)
    hold(
        azure,
        *rows.values(),
        suppression(rows[4], ttl=_FOR_EVER, expirationTimeStamp=earlier),
        suppression(rows[5], ttl="7.00:00:00", expirationTimeStamp=later),
        suppression(rows[6], ttl="7.00:00:00", expirationTimeStamp=earlier),
        suppression(rows[7], ttl="7.00:00:00"),
    )
    assert sorted(found.native_id[-1] for found in read(connect())) == ["6", "7", "8", "9"]


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ([configuration(exclude=True)], ""),
        ([configuration(exclude="False"), configuration("prod", exclude="True")], "4"),
        ([configuration("prod", exclude=False), configuration("other", exclude=True)], "1234"),
        ([configuration(lowCpuThreshold="5")], "34"),
        ([configuration(lowCpuThreshold="20")], "1234"),
    ],
)
def test_what_people_told_advisor_not_to_show(
    azure: ArmServer, connect: Connect, settings: list[Row], shown: str
) -> None:
    rows = [
        advice(MACHINES, VM, 1, more={"MaxCpuP95": "5"}),
        advice(MACHINES, VM, 2, more={"MaxCpuP95": "6"}),
        advice(DISKS, DISK, 3, more={"MaxCpuP95": "90"}),
        advice(RESERVATIONS, SUBSCRIPTION_ID, 4, more={"term": "P1Y"}),
    ]
    hold(azure, *rows, *settings)
    assert "".join(sorted(found.native_id[-1] for found in read(connect()))) == shown


def test_a_machine_without_any_rest_is_not_shown(azure: ArmServer, connect: Connect) -> None:
    hold(azure, advice(MACHINES, VM, 1, more={"MaxCpuP95": "100"}), advice(MACHINES, VM, 2, more={"MaxCpuP95": "99"}))
    assert [found.native_id[-1] for found in read(connect())] == ["2"]


def test_all_pages_are_read(azure: ArmServer, connect: Connect) -> None:
    hold(azure, *(advice(DISKS, DISK, number) for number in range(1, 26)))
    azure.page_size = 10
    assert len({found.native_id for found in read(connect())}) == 25
    assert sum(GRAPH in path for _, path in azure.requests) == 4


def test_no_recommendations_are_none(azure: ArmServer, connect: Connect) -> None:
    hold(azure)
    assert read(connect()) == []


def test_throttling_is_waited_for(azure: ArmServer, connect: Connect) -> None:
    hold(azure, advice(DISKS, DISK))
    azure.faults = [Fault("advisor/recommendations", failure(429, "RateLimiting", "Slow down."))]
    azure.faults[0].answer.headers["Retry-After"] = "1"
    assert len(read(connect())) == 1


def test_throttling_for_too_long_is_told(azure: ArmServer, connect: Connect) -> None:
    hold(azure, advice(DISKS, DISK))
    azure.faults = [Fault("advisor/recommendations", failure(429, "RateLimiting", "Slow down."), times=9)]
    azure.faults[0].answer.headers["Retry-After"] = "600"
    problem = fails(connect())
    assert (problem.code, problem.retry_after) == (ProblemCode.THROTTLED, 600)


@pytest.mark.parametrize("action", [name for name in PERMISSIONS if "Advisor" in name])
def test_a_missing_permission_is_not_nothing_there(azure: ArmServer, connect: Connect, action: str) -> None:
    hold(azure, advice(DISKS, DISK))
    azure.roles = [{"actions": ["*/read"], "notActions": [action]}]
    problem = fails(connect())
    assert (problem.code, problem.permission) == (ProblemCode.DENIED, action)
    assert azure.requests
    assert not any(GRAPH in path for _, path in azure.requests)


@pytest.mark.parametrize(
    "answer",
    [
        Answer({"totalRecords": 1, "count": 1, "data": [{"id": "/x", "name": "x", "properties": None}]}),
        Answer({"totalRecords": 1, "count": 1, "data": [{"name": "x", "properties": {"recommendationTypeId": "1"}}]}),
        Answer({"totalRecords": 2, "count": 0, "data": []}),
        Answer({"totalRecords": 1, "count": 1, "data": "text"}),
        Answer({}, broken="truncated"),
    ],
)
def test_an_answer_that_cannot_be_used(azure: ArmServer, connect: Connect, answer: Answer) -> None:
    hold(azure)
    azure.faults = [Fault("advisor/recommendations", answer, times=9)]
    assert fails(connect()).code in {ProblemCode.BAD_ANSWER, ProblemCode.UNREACHABLE}
