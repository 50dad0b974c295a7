"""The test inventory: one resource of every type that is collected, in the words of Azure's answers."""

from __future__ import annotations

from typing import Any

from tests.providers.azure.arm_server import OTHER_SUBSCRIPTION, SUBSCRIPTION
from tests.providers.azure.machines import COMPUTE, NETWORK
from tests.providers.azure.rows import SUBNET, VM, VNET, Row, identity, inner, row

_DATA = [
    row(
        "Microsoft.Storage/storageAccounts",
        "logs",
        {"statusOfPrimary": "available", "creationTime": "2024-06-01T10:00:00.7654321Z", "accessTier": "Hot"},
        kind="StorageV2",
        sku={"name": "Standard_LRS"},
    ),
    row("Microsoft.Storage/storageAccounts", "scratch", {"statusOfPrimary": "available"}, kind="Storage"),
    row("Microsoft.Sql/servers", "sql", {"state": "Ready", "administratorLoginPassword": "hunter2"}),
    row(
        "Microsoft.Sql/servers/databases",
        "sql/shop",
        {
            "status": "Online",
            "creationDate": "2025-02-03T04:05:06.07Z",
            "elasticPoolId": identity("Microsoft.Sql/servers/elasticPools", "sql/pool"),
        },
        sku={"name": "ElasticPool", "tier": "Standard"},
    ),
    row("Microsoft.Sql/servers/elasticPools", "sql/pool", {"state": "Ready", "creationDate": "2025-02-01T00:00:00Z"}),
    row("Microsoft.Sql/managedInstances", "mi", {"state": "Ready", "subnetId": f"{VNET}/subnets/mi", "vCores": 8}),
    row(
        "Microsoft.DBforPostgreSQL/flexibleServers",
        "pg",
        {"state": "Stopped", "network": {"delegatedSubnetResourceId": f"{VNET}/subnets/pg"}},
        sku={"name": "Standard_D2s_v3"},
    ),
    row("Microsoft.DBforMySQL/flexibleServers", "my", {"state": "Ready"}),
    row("Microsoft.DocumentDB/databaseAccounts", "cosmos", {"provisioningState": "Succeeded"}, kind="GlobalDocumentDB"),
    row(
        "Microsoft.Cache/redis",
        "cache",
        {"provisioningState": "Succeeded", "accessKeys": {"primaryKey": "hunter2"}, "subnetId": SUBNET},
    ),
    row(
        "Microsoft.OperationalInsights/workspaces",
        "central",
        {"createdDate": "2023-03-03T00:00:00Z", "retentionInDays": 120, "provisioningState": "Succeeded"},
    ),
    row("Microsoft.Synapse/workspaces", "syn"),
    row(
        "Microsoft.Synapse/workspaces/sqlPools", "syn/dw", {"status": "Paused", "creationDate": "2025-01-01T00:00:00Z"}
    ),
    row("Microsoft.Kusto/clusters", "adx", {"state": "Running"}, sku={"name": "Standard_E2a_v4"}),
    row(
        "Microsoft.HDInsight/clusters",
        "hdi",
        {
            "clusterState": "Running",
            "createdDate": "2025-07-07T00:00:00",
            "clusterDefinition": {
                "kind": "Spark",
                "configurations": {"core-site": {"fs.azure.account.key.x": "hunter2"}},
            },
            "computeProfile": {"roles": [{"virtualNetworkProfile": {"id": VNET, "subnet": SUBNET}}]},
        },
    ),
    row(
        "Microsoft.Databricks/workspaces",
        "dbx",
        {"createdDateTime": "2025-08-08T00:00:00Z", "parameters": {"customVirtualNetworkId": {"value": VNET}}},
    ),
    row("Microsoft.RecoveryServices/vaults", "vault"),
]
_PLATFORM = [
    row(
        "Microsoft.Web/serverFarms",
        "plan",
        {"status": "Ready", "numberOfSites": 1},
        sku={"name": "P1v3", "tier": "PremiumV3"},
    ),
    row(
        "Microsoft.Web/sites",
        "shop",
        {
            "state": "Running",
            "serverFarmId": identity("Microsoft.Web/serverFarms", "plan"),
            "virtualNetworkSubnetId": SUBNET,
            "siteConfig": {"appSettings": [{"name": "TOKEN", "value": "hunter2"}], "alwaysOn": True},
        },
        kind="app,linux",
    ),
    row(
        "Microsoft.Web/connections",
        "office365",
        {"overallStatus": "Error", "createdTime": "2024-04-04T00:00:00Z", "parameterValues": {"p": "hunter2"}},
    ),
    row(
        "Microsoft.Logic/workflows",
        "mail-out",
        {
            "state": "Enabled",
            "createdTime": "2024-04-05T00:00:00Z",
            "definition": {"actions": {"call": {"inputs": {"headers": {"x": "hunter2"}}}}},
            "parameters": {
                "$connections": {
                    "value": {
                        "office365": {"connectionId": identity("Microsoft.Web/connections", "office365")},
                        "broken": "hunter2",
                    }
                },
                "who": {"value": "hunter2"},
            },
        },
    ),
    row("Microsoft.Logic/workflows", "plain", {"state": "Disabled", "parameters": None}),
    row(
        "Microsoft.ContainerService/managedClusters",
        "aks",
        {
            "powerState": {"code": "Running"},
            "agentPoolProfiles": [
                {"name": "system", "count": 1, "vnetSubnetID": SUBNET, "powerState": {"code": "Running"}},
                {"name": "users", "count": 0, "powerState": {"code": "Stopped"}, "availabilityZones": ["1"]},
            ],
        },
        sku={"name": "Base", "tier": "Standard"},
    ),
    row("Microsoft.MachineLearningServices/workspaces", "ml", {"creationTime": "2025-09-09T00:00:00Z"}),
    row("Microsoft.MachineLearningServices/workspaces/onlineEndpoints", "ml/score", {"provisioningState": "Succeeded"}),
    row("Microsoft.CognitiveServices/accounts", "gpt", {"dateCreated": "2025-10-10T00:00:00.1Z"}, kind="OpenAI"),
    row("Microsoft.CognitiveServices/accounts", "speech", {"provisioningState": "Succeeded"}, kind="SpeechServices"),
    row("Microsoft.Unknown/things", "other", group="misc"),
    row("Microsoft.Compute/disks", "not-ours", id=f"/subscriptions/{OTHER_SUBSCRIPTION}/resourceGroups/X/providers/d"),
]
TABLES: dict[str, list[Row]] = {
    "resources": [*COMPUTE, *NETWORK, *_DATA, *_PLATFORM],
    "resourcecontainers": [
        row(
            "Microsoft.Resources/subscriptions",
            "Production",
            {"state": "Enabled", "subscriptionPolicies": {"quotaId": "EnterpriseAgreement_2014-09-01"}},
            id=f"/subscriptions/{SUBSCRIPTION}",
            location="",
            group="",
        ),
        *(
            row(
                "Microsoft.Resources/subscriptions/resourceGroups",
                name,
                {"provisioningState": "Succeeded"},
                id=f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{name}",
            )
            for name in ("Prod", "Misc", "Empty")
        ),
    ],
    "recoveryservicesresources": [
        row(
            "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems",
            "vault/Azure/container/item",
            {"protectionState": "ProtectionStopped", "sourceResourceId": VM},
        )
    ],
}
CREATED = {
    identity("Microsoft.Compute/images", "golden"): "2025-11-11T11:11:11.1111111Z",
    identity("Microsoft.Network/publicIPAddresses", "idle"): "2025-03-03T00:00:00Z",
    identity("Microsoft.Sql/servers", "sql"): "2025-01-31T00:00:00Z",
}
THINGS: dict[str, Any] = {
    f"{identity('Microsoft.Storage/storageAccounts', 'logs')}/managementPolicies/default": inner(
        policy={"rules": [{"name": "cool", "enabled": True}, {"name": "off", "enabled": False}, {"name": "default"}]}
    ),
    f"{identity('Microsoft.CognitiveServices/accounts', 'gpt')}/deployments": [
        {
            "id": f"{identity('Microsoft.CognitiveServices/accounts', 'gpt')}/deployments/{name}",
            "name": name,
            "type": "Microsoft.CognitiveServices/accounts/deployments",
            "sku": {"name": "ProvisionedManaged", "capacity": capacity},
            "systemData": {"createdAt": "2025-10-11T00:00:00Z"},
            "properties": {"provisioningState": "Succeeded", "model": {"name": "gpt-4o"}},
        }
        for name, capacity in (("chat", 50), ("batch", 15), ("spare", 15))
    ],
}
