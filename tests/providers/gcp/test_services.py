"""What is read, what it needs, and how much of it is kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from google.cloud.asset_v1 import Asset as AssetMessage
from google.protobuf import json_format

from app.providers.gcp.assets import asset_of, every, moment, pick
from app.providers.gcp.cloud import GcpCloud
from app.providers.gcp.kinds import MAX_PROPERTIES, Kind, bounded
from app.providers.gcp.policy import COST_PERMISSIONS
from app.providers.gcp.recommender import PERMISSIONS
from app.records import Provider
from tests.providers.gcp.google import PROJECT, asset

NAMED_BY_THE_CATALOGUE = {
    "aiplatform.googleapis.com/Endpoint",
    "artifactregistry.googleapis.com/Repository",
    "bigquery.googleapis.com/Dataset",
    "bigquery.googleapis.com/Table",
    "bigqueryreservation.googleapis.com/CapacityCommitment",
    "bigqueryreservation.googleapis.com/Reservation",
    "cloudresourcemanager.googleapis.com/Project",
    "compute.googleapis.com/Address",
    "compute.googleapis.com/BackendService",
    "compute.googleapis.com/Commitment",
    "compute.googleapis.com/Disk",
    "compute.googleapis.com/ForwardingRule",
    "compute.googleapis.com/GlobalAddress",
    "compute.googleapis.com/GlobalForwardingRule",
    "compute.googleapis.com/Image",
    "compute.googleapis.com/Instance",
    "compute.googleapis.com/InstanceGroup",
    "compute.googleapis.com/InstanceTemplate",
    "compute.googleapis.com/InstanceGroupManager",
    "compute.googleapis.com/InterconnectAttachment",
    "compute.googleapis.com/Network",
    "compute.googleapis.com/Reservation",
    "compute.googleapis.com/Router",
    "compute.googleapis.com/Snapshot",
    "compute.googleapis.com/Subnetwork",
    "compute.googleapis.com/TargetPool",
    "compute.googleapis.com/TargetVpnGateway",
    "compute.googleapis.com/VpnGateway",
    "compute.googleapis.com/VpnTunnel",
    "container.googleapis.com/Cluster",
    "container.googleapis.com/NodePool",
    "logging.googleapis.com/LogBucket",
    "memcache.googleapis.com/Instance",
    "pubsub.googleapis.com/Subscription",
    "pubsub.googleapis.com/Topic",
    "redis.googleapis.com/Instance",
    "run.googleapis.com/Service",
    "sqladmin.googleapis.com/Instance",
    "storage.googleapis.com/Bucket",
}


def test_everything_of_the_catalogue_is_read_once() -> None:
    services = GcpCloud().services()
    read = [kind for s in services for c in s.collectors for kind in c.resource_types]
    assert len(read) == len(set(read))
    assert set(read) >= NAMED_BY_THE_CATALOGUE
    assert len({s.name for s in services}) == len(services)
    assert all(s.is_global for s in services)
    for service in services:
        names = {kind.partition(".")[0] for c in service.collectors for kind in c.resource_types}
        assert names == {service.name}
    assert GcpCloud().provider is Provider.GCP


def test_the_policy_is_a_role_with_what_collectors_need() -> None:
    policy = GcpCloud().policy()
    assert yaml.safe_load(policy) == {
        "title": "Skyledger reader",
        "description": "Lists resources, their metrics and what Google recommends; reads no data and changes nothing.",
        "stage": "GA",
        "includedPermissions": [
            "cloudasset.assets.listResource",
            "monitoring.timeSeries.list",
            *PERMISSIONS,
            "serviceusage.services.use",
        ],
    }
    assert "monitoring.googleapis.com recommender.googleapis.com --project PROJECT_ID" in policy
    assert "gcloud iam roles create skyledgerReader --project PROJECT_ID --file skyledger-role.yaml" in policy
    assert "gcloud projects add-iam-policy-binding PROJECT_ID" in policy
    assert all(permission in policy for permission in COST_PERMISSIONS)
    assert "--role=roles/bigquery.dataViewer" in policy


def test_large_properties_are_left_out_and_named() -> None:
    kept = bounded({"a": "x" * 40_000, "b": "y" * 50_000, "c": ["z" * 20_000], "d": 1})
    assert len(json.dumps(kept)) <= MAX_PROPERTIES
    assert set(kept) == {"a", "c", "d", "leftOut"}
    assert kept["leftOut"] == ["b"]
    assert bounded({"d": 1}) == {"d": 1}


def message(data: dict[str, Any], **changes: Any) -> Any:
    told = asset("compute.googleapis.com/Disk", f"projects/{PROJECT}/zones/us-central1-a/disks/d", data) | changes
    return json_format.ParseDict(told, AssetMessage.pb(AssetMessage()))


def test_values_become_plain_json() -> None:
    told = {"whole": 3.0, "part": 0.5, "flag": True, "none": None, "list": [1.0, {"a": "b"}], "text": "3"}
    read = asset_of(message(told)).data
    assert read == {"whole": 3, "part": 0.5, "flag": True, "none": None, "list": [1, {"a": "b"}], "text": "3"}
    assert type(read["whole"]) is int
    odd = message({})
    odd.resource.data["x"] = float("nan")
    assert asset_of(odd).data == {"x": None}


@pytest.mark.parametrize(
    ("told", "read"),
    [
        (
            f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/global/networks/n",
            f"//compute.googleapis.com/projects/{PROJECT}/global/networks/n",
        ),
        (
            f"https://compute.googleapis.com/compute/beta/projects/{PROJECT}/global/networks/n",
            f"//compute.googleapis.com/projects/{PROJECT}/global/networks/n",
        ),
        (
            f"https://container.googleapis.com/v1/projects/{PROJECT}/zones/z/clusters/c",
            f"//container.googleapis.com/projects/{PROJECT}/zones/z/clusters/c",
        ),
        ("https://www.googleapis.com/compute/v1/projects/p/zones/us-central1-a", "us-central1-a"),
        ("https://www.googleapis.com/compute/v1/projects/p/regions/us-central1", "us-central1"),
        ("https://www.googleapis.com/compute/v1/projects/p/zones/z/diskTypes/pd-ssd", "pd-ssd"),
        ("https://example.com/projects/p/x", "https://example.com/projects/p/x"),
        ("https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/cloud-platform"),
    ],
)
def test_links_become_names(told: str, read: str) -> None:
    assert asset_of(message({"link": told})).data == {"link": read}


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("2026-05-01T02:00:00+02:00", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026-05-01T00:00:00.123456789Z", datetime(2026, 5, 1, 0, 0, 0, 123456, tzinfo=UTC)),
        ("2026-05-01T00:00:00", datetime(2026, 5, 1, tzinfo=UTC)),
        ("1777593600000", datetime(2026, 5, 1, tzinfo=UTC)),
        ("99999999999999999999", None),
        ("yesterday", None),
        ("", None),
        (1777593600000, None),
        (None, None),
    ],
)
def test_moments(told: object, read: datetime | None) -> None:
    assert moment(told) == read


def test_what_is_not_named_does_not_pass() -> None:
    data = {"a": {"b": 1, "secret": 2}, "list": [{"b": 1, "secret": 2}, 3], "secret": 4, "c": "text"}
    assert pick(data, ["a.b", "list.b", "c.deeper", "absent"]) == {"a": {"b": 1}, "list": [{"b": 1}, None], "c": None}
    assert every(data, "list.b") == [1]


def test_data_of_an_unexpected_form_does_not_stop_a_scan() -> None:
    odd = {"labels": "text", "status": {"a": 1}, "users": {"a": 1}, "sizeGb": [1], "creationTimestamp": 7}
    for service in GcpCloud().services():
        for kind in _kinds(service.name):
            found = kind.found(asset_of(message(odd, assetType=kind.resource_type)))
            assert (found.tags, found.created_at) == ({}, None)
            assert found.status is None or kind.resource_type.startswith("run.")


def _kinds(service: str) -> list[Kind]:
    from app.providers.gcp import compute, data, network, platform  # noqa: PLC0415  (read as values here only)

    values = [value for module in (compute, data, network, platform) for value in vars(module).values()]
    return [v for v in values if isinstance(v, Kind) and v.resource_type.startswith(f"{service}.")]
