"""The role that is printed, and the services that it is made from."""

from __future__ import annotations

import json

from app.providers.azure.cloud import AzureCloud
from app.providers.azure.permissions import READ_BLOBS
from app.records import Provider


def test_the_role_allows_reading_and_nothing_else() -> None:
    role = json.loads(AzureCloud().policy())
    assert role["Name"] == "Skyledger Inventory Reader"
    assert role["IsCustom"] is True
    assert role["AssignableScopes"] == ["/subscriptions/<subscription id>"]
    assert role["NotActions"] == role["DataActions"] == role["NotDataActions"] == []
    assert all(action.endswith("/read") and "*" not in action for action in role["Actions"])
    assert role["Actions"] == sorted(set(role["Actions"]))
    assert "az role assignment create" in role["Description"]
    assert READ_BLOBS in role["Description"]
    assert "Storage Blob Data Reader" in role["Description"]
    # Azure takes at most 2,048 characters.
    assert len(role["Description"]) <= 2048
    assert {
        "Microsoft.Authorization/permissions/read",
        "Microsoft.CognitiveServices/accounts/deployments/read",
        "Microsoft.Compute/disks/read",
        "Microsoft.ResourceGraph/resources/read",
        "Microsoft.Resources/subscriptions/read",
        "Microsoft.Resources/subscriptions/resourceGroups/read",
        "Microsoft.Resources/subscriptions/resources/read",
        "Microsoft.Storage/storageAccounts/managementPolicies/read",
    } <= set(role["Actions"])


def test_the_role_is_the_sum_of_the_collectors_the_metrics_and_the_advisers() -> None:
    cloud = AzureCloud()
    needed = {action for service in cloud.services() for part in service.collectors for action in part.permissions}
    advised = {action for reader in cloud.advisers() for action in reader.permissions}
    assert {name for name in advised if name.startswith("Microsoft.Advisor/")} == {
        "Microsoft.Advisor/configurations/read",
        "Microsoft.Advisor/recommendations/read",
        "Microsoft.Advisor/suppressions/read",
    }
    assert set(json.loads(cloud.policy())["Actions"]) == needed | advised | {"Microsoft.Insights/metrics/read"}


def test_every_type_is_read_by_one_collector_of_its_own_provider() -> None:
    cloud = AzureCloud()
    assert cloud.provider is Provider.AZURE
    types = [
        (service.name, name)
        for service in cloud.services()
        for part in service.collectors
        for name in part.resource_types
    ]
    assert len({name for _, name in types}) == len(types)
    assert all(name == name.lower() for _, name in types)
    odd = {(service, name) for service, name in types if not name.startswith(f"microsoft.{service}/")}
    assert odd == set()
    assert all(service.is_global for service in cloud.services())
