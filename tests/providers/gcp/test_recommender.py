"""What Google recommends: where it is asked, what is kept of it, and what it is worth."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.providers.gcp.cloud import GcpCloud
from app.providers.gcp.connection import GcpConnection
from app.providers.opinions import FoundOpinion, OpinionSource
from app.records.detection import Remedy
from tests.providers.gcp.advice import operations, recommendation
from tests.providers.gcp.google import NUMBER, PROJECT, Google, asset

COMPUTE = f"projects/{PROJECT}"
HERE = f"//compute.googleapis.com/{COMPUTE}"
ZONE = "us-central1-a"
DISKS = "google.compute.disk.IdleResourceRecommender"
ADDRESSES = "google.compute.address.IdleResourceRecommender"
MACHINES = "google.compute.instance.IdleResourceRecommender"
SIZES = "google.compute.instance.MachineTypeRecommender"
CLUSTERS = "google.container.DiagnosisRecommender"
COMMITMENTS = "google.compute.commitment.UsageCommitmentRecommender"
UNATTENDED = "google.resourcemanager.projectUtilization.Recommender"
DISK = asset("compute.googleapis.com/Disk", f"{COMPUTE}/zones/{ZONE}/disks/d", {}, ZONE)
MACHINE = asset("compute.googleapis.com/Instance", f"{COMPUTE}/zones/{ZONE}/instances/web", {}, ZONE)
THE_PROJECT = asset(
    "cloudresourcemanager.googleapis.com/Project",
    f"projects/{NUMBER}",
    {"projectId": PROJECT, "lifecycleState": "ACTIVE"},
    "global",
)


def read(connection: GcpConnection) -> list[FoundOpinion]:
    (reader,) = GcpCloud().advisers()
    assert reader.source is OpinionSource.GCP_RECOMMENDER
    return [found for page in reader.pages(connection) for found in page]


def one_of(google: Google, connection: GcpConnection, told: dict[str, Any]) -> list[FoundOpinion]:
    """What comes of one recommendation about a disk."""
    google.hold(DISK)
    google.advice.hold(NUMBER, ZONE, DISKS, told)
    return read(connection)


def removal(kind: str, path: str, **more: Any) -> dict[str, Any]:
    return operations({"action": "remove", "path": "/", "resourceType": kind, "resource": path} | more)


def test_an_idle_disk_with_all_that_is_told(google: Google, connection: GcpConnection) -> None:
    snapshot = {
        "action": "add",
        "path": "/",
        "resourceType": "compute.googleapis.com/Snapshot",
        "resource": f"{HERE}/global/snapshots/$snapshot-name",
        "value": {"source_disk": f"projects/{PROJECT}/zones/{ZONE}/disks/d"},
    }
    disk = {
        "action": "remove",
        "path": "/",
        "resourceType": "compute.googleapis.com/Disk",
        # Google writes the number of the project in some places.
        "resource": f"//compute.googleapis.com/projects/{NUMBER}/zones/{ZONE}/disks/d",
    }
    told = recommendation(
        DISKS,
        recommenderSubtype="SNAPSHOT_AND_DELETE_DISK",
        content=operations(snapshot, disk) | {"overview": {"a": 1}},
    )
    (found,) = one_of(google, connection, told)
    assert found == FoundOpinion(
        source=OpinionSource.GCP_RECOMMENDER,
        native_id=f"projects/{NUMBER}/locations/{ZONE}/recommenders/{DISKS}/recommendations/1",
        kind=DISKS,
        remedy=Remedy.DELETE,
        title="Save cost by doing without it.",
        resource_native_id=f"{HERE}/zones/{ZONE}/disks/d",
        resource_type="compute.googleapis.com/Disk",
        region="us-central1",
        # 30 days are 720 hours, a month has 730.
        monthly_saving=Decimal("5.497242857") * 2_628_000 / 2_592_000,
        currency="USD",
        refreshed_at=datetime(2026, 11, 20, 6, 48, 28, 123456, tzinfo=UTC),
        link="https://cloud.google.com/compute/docs/viewing-and-applying-idle-resources-recommendations",
        details={
            "recommenderSubtype": "SNAPSHOT_AND_DELETE_DISK",
            "priority": "P2",
            "stateInfo": {"state": "ACTIVE"},
            "primaryImpact": told["primaryImpact"],
        },
    )


def test_a_smaller_machine(google: Google, connection: GcpConnection) -> None:
    name = f"{HERE}/zones/{ZONE}/instances/web"
    parts = {"resourceType": "compute.googleapis.com/Instance", "resource": name, "path": "/machineType"}
    test = {"action": "test", "valueMatcher": {"matchesPattern": ".*zones/us-central1-a/machineTypes/n1-standard-4"}}
    change = {"action": "replace", "value": f"zones/{ZONE}/machineTypes/custom-2-5120"}
    google.hold(MACHINE)
    told = recommendation(SIZES, content=operations(parts | test, parts | change))
    more = recommendation(SIZES, 2, primaryImpact={"category": "PERFORMANCE"})
    google.advice.hold(NUMBER, ZONE, SIZES, told, more)
    (found,) = read(connection)
    assert (found.resource_native_id, found.remedy, found.target) == (name, Remedy.RESIZE, "custom-2-5120")


@pytest.mark.parametrize(
    ("kind", "path", "location", "recommender", "asked_at", "told", "expected"),
    [
        (
            "compute.googleapis.com/GlobalAddress",
            f"{COMPUTE}/global/addresses/a",
            "global",
            ADDRESSES,
            "global",
            f"{HERE}/global/addresses/a",
            (f"{HERE}/global/addresses/a", "compute.googleapis.com/GlobalAddress", "global", Remedy.DELETE),
        ),
        (
            "compute.googleapis.com/RegionDisk",
            f"{COMPUTE}/regions/us-east1/disks/d",
            "us-east1",
            DISKS,
            "us-east1",
            f"{HERE}/regions/us-east1/disks/d",
            (f"{HERE}/regions/us-east1/disks/d", "compute.googleapis.com/RegionDisk", "us-east1", Remedy.DELETE),
        ),
        (
            "compute.googleapis.com/Image",
            f"{COMPUTE}/global/images/i",
            "eu",
            "google.compute.image.IdleResourceRecommender",
            "global",
            f"{HERE}/global/images/i",
            (f"{HERE}/global/images/i", "compute.googleapis.com/Image", None, Remedy.DELETE),
        ),
        (
            "sqladmin.googleapis.com/Instance",
            f"projects/{PROJECT}/instances/db",
            "europe-west1",
            "google.cloudsql.instance.IdleRecommender",
            "europe-west1",
            f"//sqladmin.googleapis.com/projects/{PROJECT}/instances/db",
            (
                f"//cloudsql.googleapis.com/projects/{PROJECT}/instances/db",
                "sqladmin.googleapis.com/Instance",
                "europe-west1",
                Remedy.STOP,
            ),
        ),
        (
            "storage.googleapis.com/Bucket",
            "logs-of-acme",
            "us",
            "google.storage.bucket.SoftDeleteRecommender",
            "global",
            "//storage.googleapis.com/projects/_/buckets/logs-of-acme",
            ("//storage.googleapis.com/logs-of-acme", "storage.googleapis.com/Bucket", None, Remedy.CONFIGURE),
        ),
    ],
)
def test_names_types_and_places_are_those_of_the_inventory(
    google: Google,
    connection: GcpConnection,
    kind: str,
    path: str,
    location: str,
    recommender: str,
    asked_at: str,
    told: str,
    expected: tuple[Any, ...],
) -> None:
    google.hold(asset(kind, path, {}, location))
    google.advice.hold(NUMBER, asked_at, recommender, recommendation(recommender, content=removal(kind, told)))
    (found,) = read(connection)
    assert (found.resource_native_id, found.resource_type, found.region, found.remedy) == expected


def test_clusters_only_where_cost_is_meant(google: Google, connection: GcpConnection) -> None:
    google.hold(asset("container.googleapis.com/Cluster", f"{COMPUTE}/zones/{ZONE}/clusters/c", {}, ZONE))
    name = f"//container.googleapis.com/projects/{NUMBER}/zones/{ZONE}/clusters/c"
    told = [
        recommendation(CLUSTERS, number, recommenderSubtype=subtype, primaryImpact=impact, targetResources=[name])
        for number, (subtype, impact) in enumerate(
            [
                ("CLUSTER_IDLE", {"category": "COST"}),
                ("CLUSTER_OVERPROVISIONED", {"category": "COST"}),
                ("CLUSTER_UNDERPROVISIONED", {"category": "COST"}),
                ("DEPRECATION_K8S_1_22", {"category": "RELIABILITY"}),
            ]
        )
    ]
    google.advice.hold(NUMBER, ZONE, CLUSTERS, *told)
    idle, large = read(connection)
    assert (idle.remedy, large.remedy) == (Remedy.DELETE, Remedy.RESIZE)
    assert {idle.resource_native_id, large.resource_native_id} == {
        f"//container.googleapis.com/projects/{PROJECT}/locations/{ZONE}/clusters/c"
    }
    assert (idle.monthly_saving, idle.currency) == (None, None)
    assert idle.saving_reason


def test_an_unattended_project_whose_cost_is_beside_the_point(google: Google, connection: GcpConnection) -> None:
    google.hold(THE_PROJECT)
    parts = {
        "primaryImpact": {"category": "SECURITY"},
        "additionalImpact": [
            {"category": "SUSTAINABILITY"},
            {
                "category": "COST",
                "costProjection": {"cost": {"currencyCode": "USD", "units": "-36"}, "duration": "2592000s"},
            },
        ],
        "content": removal(
            "cloudresourcemanager.googleapis.com/Project", f"//cloudresourcemanager.googleapis.com/projects/{PROJECT}"
        ),
    }
    told = [
        recommendation(UNATTENDED, number, recommenderSubtype=subtype, location="global", **parts)
        for number, subtype in enumerate(["CLEANUP_PROJECT", "RECLAIM_PROJECT"])
    ]
    google.advice.hold(NUMBER, "global", UNATTENDED, *told)
    (found,) = read(connection)
    assert found.resource_native_id == f"//cloudresourcemanager.googleapis.com/projects/{NUMBER}"
    assert found.resource_type == "cloudresourcemanager.googleapis.com/Project"
    assert (found.monthly_saving, found.currency, found.remedy) == (Decimal("36.5"), "USD", Remedy.DELETE)


def test_a_commitment_to_buy_is_no_waste_of_a_resource(google: Google, connection: GcpConnection) -> None:
    google.hold(MACHINE)
    content = operations(
        {
            "action": "add",
            "resourceType": "compute.googleapis.com/Commitment",
            "resource": f"{HERE}/regions/us-central1/commitments/$commitment-name",
        }
    )
    google.advice.hold(NUMBER, "us-central1", COMMITMENTS, recommendation(COMMITMENTS, content=content))
    (found,) = read(connection)
    assert (found.kind, found.remedy, found.details["purchase"]) == (COMMITMENTS, Remedy.REVIEW, True)
    assert (found.resource_native_id, found.resource_type, found.region) == (None, None, "us-central1")


def test_of_commitments_that_exclude_each_other_one_counts(google: Google, connection: GcpConnection) -> None:
    google.hold(MACHINE)
    google.advice.page = 2
    told = [
        recommendation(
            COMMITMENTS, number, xorGroupId=group, primaryImpact=projection({"currencyCode": "USD", "units": amount})
        )
        for number, (group, amount) in enumerate(
            [("a", "-10"), ("b", "-1"), ("a", "-30"), ("a", "-20"), (None, "-5"), (None, "-4")]
        )
    ]
    google.advice.hold(NUMBER, "us-central1", COMMITMENTS, *told)
    assert sorted(found.native_id[-1] for found in read(connection)) == ["1", "2", "4", "5"]


def test_several_resources_are_no_single_one(google: Google, connection: GcpConnection) -> None:
    names = [f"{HERE}/zones/{ZONE}/disks/{name}" for name in "ab"]
    several = [{"resourceType": "compute.googleapis.com/Disk", "resource": name} for name in names]
    (found,) = one_of(google, connection, recommendation(DISKS, content=operations(*several)))
    assert (found.resource_native_id, found.resource_type) == (None, None)
    assert found.details["resources"] == names


def projection(cost: Any, duration: Any = "2592000s", **more: Any) -> dict[str, Any]:
    return {"category": "COST", "costProjection": {"cost": cost, "duration": duration} | more}


@pytest.mark.parametrize(
    ("impact", "saving", "currency"),
    [
        (projection({"currencyCode": "EUR", "units": "-73"}), "74.01388888888888888888888889", "EUR"),
        (projection({"currencyCode": "USD", "nanos": -1}, "2628000s"), "0.000000001", "USD"),
        (projection({"currencyCode": "USD"}), "0", "USD"),
        (
            projection(
                {"currencyCode": "USD", "units": "-10"},
                "2628000s",
                costInLocalCurrency={"currencyCode": "JPY", "units": "-1500"},
            ),
            "1500",
            "JPY",
        ),
        ({"category": "COST"}, None, None),
        (projection({"units": "-5"}), None, None),
        (projection({"currencyCode": "USD", "units": "-5"}, "0s"), None, None),
        (projection({"currencyCode": "USD", "units": "-5"}, None), None, None),
        (projection({"currencyCode": "USD", "units": "much"}), None, None),
        (projection("-5 USD"), None, None),
    ],
)
def test_what_it_is_worth_in_a_month(
    google: Google, connection: GcpConnection, impact: dict[str, Any], saving: str | None, currency: str | None
) -> None:
    (found,) = one_of(google, connection, recommendation(DISKS, primaryImpact=impact))
    assert found.monthly_saving == (None if saving is None else Decimal(saving))
    assert found.currency == currency
    assert (found.saving_reason is None) is (saving is not None)


@pytest.mark.parametrize(
    "parts",
    [
        {"stateInfo": {"state": "DISMISSED"}},
        {"stateInfo": {"state": "SUCCEEDED"}},
        {"stateInfo": {"state": "FAILED"}},
        {"stateInfo": None},
        {"primaryImpact": {"category": "PERFORMANCE"}},
        {"primaryImpact": projection({"currencyCode": "USD", "units": "5"})},
    ],
)
def test_what_is_closed_or_saves_nothing_is_left_out(
    google: Google, connection: GcpConnection, parts: dict[str, Any]
) -> None:
    assert one_of(google, connection, recommendation(DISKS, **parts)) == []


def test_what_somebody_is_about_to_follow_is_still_open(google: Google, connection: GcpConnection) -> None:
    claimed = recommendation(DISKS, stateInfo={"state": "CLAIMED"}, description=None, content=None)
    (found,) = one_of(google, connection, claimed)
    assert (found.title, found.resource_native_id) == ("SOME", None)


def test_each_is_asked_only_where_there_is_something_of_its_own(google: Google, connection: GcpConnection) -> None:
    other = asset("compute.googleapis.com/Disk", "projects/other/zones/us-central1-b/disks/d", {}, "us-central1-b")
    other["ancestors"] = ["projects/77"]
    google.hold(DISK, other, MACHINE)
    google.page_size = 1
    assert read(connection) == []
    assert sorted(google.advice.asked) == sorted(
        [
            (NUMBER, ZONE, DISKS),
            ("77", "us-central1-b", DISKS),
            (NUMBER, ZONE, MACHINES),
            (NUMBER, ZONE, SIZES),
            (NUMBER, "us-central1", COMMITMENTS),
        ]
    )


def test_an_account_without_anything_is_asked_about_nothing(google: Google, connection: GcpConnection) -> None:
    assert read(connection) == []
    assert google.advice.asked == []


def test_all_pages_are_read(google: Google, connection: GcpConnection) -> None:
    google.hold(DISK)
    google.advice.page = 2
    google.advice.hold(NUMBER, ZONE, DISKS, *(recommendation(DISKS, number) for number in range(5)))
    assert len({found.native_id for found in read(connection)}) == 5
    assert google.advice.asked == [(NUMBER, ZONE, DISKS)] * 3
