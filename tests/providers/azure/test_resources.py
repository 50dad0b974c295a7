"""Every resource type arrives with its state, times, tags, properties and relations, and without its secrets."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.providers.azure.cloud import AzureCloud
from app.providers.azure.connection import AzureConnection
from app.providers.base import FoundResource
from tests.providers.azure.arm_server import SUBSCRIPTION, ArmServer
from tests.providers.azure.conftest import Connect, collector, read
from tests.providers.azure.expected import EXPECTED
from tests.providers.azure.rows import PROVIDERS, VM, row

COMMON = f"{PROVIDERS}/".lower()


def everything(connection: AzureConnection) -> list[FoundResource]:
    """What all collectors find."""
    return [
        found
        for service in AzureCloud().services()
        for part in service.collectors
        for page in part.pages(connection, "global")
        for found in page
    ]


def test_every_type_has_its_state_and_its_relations(connect: Connect) -> None:
    found = everything(connect())
    told = {
        (one.resource_type, one.native_id.removeprefix(COMMON), one.status): [
            f"{relation.kind} {relation.target.removeprefix(COMMON)}" for relation in one.relations
        ]
        for one in found
        if one.service != "Microsoft.Resources"
    }
    assert told == EXPECTED
    promised = {
        name for service in AzureCloud().services() for part in service.collectors for name in part.resource_types
    }
    assert {one.resource_type for one in found} == promised
    assert len(promised) == 66
    assert len({one.native_id for one in found}) == len(found)
    assert all(one.native_id == one.native_id.lower() for one in found)


def test_no_secret_arrives(connect: Connect) -> None:
    found = everything(connect())
    assert len(found) > 60
    assert [one.native_id for one in found if "hunter2" in repr(one) or "c2VjcmV0" in repr(one)] == []


def test_a_virtual_machine_in_full(connect: Connect) -> None:
    machine = read(connect(), "microsoft.compute/virtualmachines")["web-1"]
    assert machine.service == "Microsoft.Compute"
    assert machine.native_id == VM.lower()
    assert machine.region == "westeurope"
    assert machine.availability_zone == "2"
    assert machine.status == "PowerState/deallocated"
    assert machine.tags == {"team": "web", "empty": ""}
    assert machine.created_at == datetime(2026, 1, 2, 3, 4, 5, 123456, UTC)
    assert machine.last_used_at is None
    assert machine.properties["licenseType"] == "Windows_Server"
    assert machine.properties["hardwareProfile"] == {"vmSize": "Standard_D2s_v3"}
    assert machine.properties["extended"] == {"instanceView": {"powerState": {"code": "PowerState/deallocated"}}}
    assert machine.properties["osProfile"] == {"computerName": "web-1"}
    assert machine.properties["zones"] == ["2"]
    assert machine.properties["resourceGroup"] == "prod"
    assert "userData" not in machine.properties


def test_a_disk_tells_when_it_was_last_used_and_by_whom(connect: Connect) -> None:
    disks = read(connect(), "microsoft.compute/disks")
    assert set(disks) == {"web-1-os", "left-over"}
    assert disks["left-over"].last_used_at == datetime(2026, 3, 1, tzinfo=UTC)
    assert "managedBy" not in disks["left-over"].properties
    assert disks["web-1-os"].properties["managedBy"] == VM
    assert disks["web-1-os"].properties["sku"] == {"name": "Premium_LRS", "tier": "Premium"}


def test_an_attached_disk_is_in_use_now(azure: ArmServer, connect: Connect) -> None:
    used = {"diskState": "Attached", "LastOwnershipUpdateTime": "2026-03-01T00:00:00Z", "timeCreated": "2026-01-01"}
    azure.tables["resources"] = [row("Microsoft.Compute/disks", "data", used, managedBy=VM)]
    disk = read(connect(), "microsoft.compute/disks")["data"]
    assert (disk.status, disk.last_used_at) == ("Attached", None)
    assert disk.created_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_creation_times_come_from_resource_manager_where_resource_graph_has_none(connect: Connect) -> None:
    connection = connect()
    assert read(connection, "microsoft.compute/images")["golden"].created_at == datetime(
        2025, 11, 11, 11, 11, 11, 111111, UTC
    )
    addresses = read(connection, "microsoft.network/publicipaddresses")
    assert {name: found.created_at for name, found in addresses.items()} == {
        "idle": datetime(2025, 3, 3, tzinfo=UTC),
        "on-nat": None,
        "on-nic": None,
    }


def test_creation_times_are_asked_page_by_page_and_of_these_types_only(azure: ArmServer, connect: Connect) -> None:
    azure.page_size = 2
    azure.created |= {one["id"]: "2026-05-05T00:00:00Z" for one in azure.tables["resources"]}
    found = read(connect(), "microsoft.network/publicipaddresses")
    assert [one.created_at for one in found.values()] == [datetime(2026, 5, 5, tzinfo=UTC)] * 3
    lists = [path for method, path in azure.requests if method == "GET" and path.strip().endswith("/resources")]
    assert len(lists) == 2


def test_creation_times_beyond_the_memory_they_are_worth_stay_unknown(
    azure: ArmServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.providers.azure.manager._REMEMBERED", 2)
    azure.created |= {one["id"]: "2026-05-05T00:00:00Z" for one in azure.tables["resources"]}
    found = read(connect(), "microsoft.network/publicipaddresses")
    assert sorted(str(one.created_at is not None) for one in found.values()) == ["False", "True", "True"]


def test_storage_accounts_tell_how_many_lifecycle_rules_are_on(connect: Connect) -> None:
    accounts = read(connect(), "microsoft.storage/storageaccounts")
    assert {name: found.properties["lifecycleRules"] for name, found in accounts.items()} == {"logs": 2, "scratch": 0}
    assert accounts["logs"].properties["kind"] == "StorageV2"


def test_accounts_that_take_a_call_each_are_told_a_hundred_at_a_time(azure: ArmServer, connect: Connect) -> None:
    accounts = [row("Microsoft.Storage/storageAccounts", f"account{number:03}") for number in range(250)]
    azure.tables["resources"] = accounts
    pages = list(collector("microsoft.storage/storageaccounts").pages(connect(), "global"))
    assert [len(page) for page in pages] == [100, 100, 50]
    assert len({found.native_id for page in pages for found in page}) == 250


def test_model_deployments_come_from_the_accounts_that_can_have_some(azure: ArmServer, connect: Connect) -> None:
    azure.page_size = 2
    found = read(connect(), "microsoft.cognitiveservices/accounts/deployments")
    assert set(found) == {"chat", "batch", "spare"}
    assert found["chat"].properties["sku"] == {"name": "ProvisionedManaged", "capacity": 50}
    assert found["chat"].region == "westeurope"
    assert not [path for _, path in azure.requests if "/speech/deployments" in path]


def test_logic_apps_tell_their_connections_and_nothing_that_people_wrote(connect: Connect) -> None:
    apps = read(connect(), "microsoft.logic/workflows")
    connection = f"{PROVIDERS}/Microsoft.Web/connections/office365"
    assert apps["mail-out"].properties["connections"] == [connection]
    assert apps["plain"].properties["connections"] == []
    assert not apps["mail-out"].properties.keys() & {"definition", "parameters"}


def test_node_pools_are_resources_of_their_own(connect: Connect) -> None:
    pools = read(connect(), "microsoft.containerservice/managedclusters/agentpools")
    assert {name: (found.status, found.properties["count"]) for name, found in pools.items()} == {
        "system": ("Running", 1),
        "users": ("Stopped", 0),
    }
    assert pools["users"].availability_zone == "1"


def test_a_resource_group_tells_how_much_it_holds(connect: Connect) -> None:
    groups = read(connect(), "microsoft.resources/subscriptions/resourcegroups")
    counts = {name: found.properties["resourceCount"] for name, found in groups.items()}
    assert counts["Empty"] == 0
    assert counts["Misc"] == 1
    assert counts["Prod"] > 60
    assert groups["Empty"].native_id == f"/subscriptions/{SUBSCRIPTION}/resourcegroups/empty"


def test_a_resource_group_is_not_called_empty_by_who_may_not_see_everything(azure: ArmServer, connect: Connect) -> None:
    azure.roles = [{"actions": ["Microsoft.Resources/*", "Microsoft.Authorization/*"], "notActions": []}]
    groups = read(connect(), "microsoft.resources/subscriptions/resourcegroups")
    assert {found.properties["resourceCount"] for found in groups.values()} == {None}


def test_the_subscription_tells_its_offer(connect: Connect) -> None:
    found = read(connect(), "microsoft.resources/subscriptions")["Production"]
    assert found.native_id == f"/subscriptions/{SUBSCRIPTION}"
    assert found.region is None
    assert found.properties["subscriptionPolicies"] == {"quotaId": "EnterpriseAgreement_2014-09-01"}


def test_huge_properties_are_cut_and_say_so(azure: ArmServer, connect: Connect) -> None:
    huge = {"provisioningState": "Succeeded", "small": 1, "rules": ["x" * 1000] * 70, "notes": ["y" * 100] * 70}
    azure.tables["resources"] = [row("Microsoft.Network/loadBalancers", "lb", huge)]
    found = read(connect(), "microsoft.network/loadbalancers")["lb"]
    assert found.properties["leftOut"] == ["rules"]
    assert found.properties["small"] == 1
    assert found.properties["notes"] == huge["notes"]
    assert "rules" not in found.properties
