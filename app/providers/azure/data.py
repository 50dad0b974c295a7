"""What keeps data in Azure: databases, caches, storage accounts, analytics clusters, backups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.providers.azure.connection import AzureConnection
from app.providers.azure.kinds import (
    Kind,
    created_from,
    in_network,
    in_subnet,
    member_of,
    native_id,
    part_of_parent,
    values,
)
from app.providers.azure.reading import Reading

SQL_SERVER = Kind("Microsoft.Sql/servers", status=("properties.state",))
SQL_DATABASE = Kind(
    "Microsoft.Sql/servers/databases",
    status=("properties.status",),
    created="properties.creationDate",
    links=(
        *part_of_parent(),
        *member_of("properties.elasticPoolId"),
        *created_from("properties.sourceDatabaseId"),
    ),
)
ELASTIC_POOL = Kind(
    "Microsoft.Sql/servers/elasticPools",
    status=("properties.state",),
    created="properties.creationDate",
    links=part_of_parent(),
)
MANAGED_INSTANCE = Kind(
    "Microsoft.Sql/managedInstances",
    status=("properties.state", "properties.provisioningState"),
    created="properties.createTime",
    links=(*in_subnet("properties.subnetId"), *member_of("properties.instancePoolId")),
)
POSTGRESQL = Kind(
    "Microsoft.DBforPostgreSQL/flexibleServers",
    status=("properties.state",),
    links=(
        *in_subnet("properties.network.delegatedSubnetResourceId"),
        *created_from("properties.sourceServerResourceId"),
    ),
)
MYSQL = Kind(
    "Microsoft.DBforMySQL/flexibleServers",
    status=("properties.state",),
    links=(
        *in_subnet("properties.network.delegatedSubnetResourceId"),
        *created_from("properties.sourceServerResourceId"),
    ),
)
COSMOS = Kind("Microsoft.DocumentDB/databaseAccounts", links=in_subnet("properties.virtualNetworkRules[].id"))
REDIS = Kind("Microsoft.Cache/redis", links=in_subnet("properties.subnetId"))
STORAGE_ACCOUNT = Kind(
    "Microsoft.Storage/storageAccounts",
    status=("properties.statusOfPrimary", "properties.provisioningState"),
    created="properties.creationTime",
    links=in_subnet("properties.networkAcls.virtualNetworkRules[].id"),
    more_permissions=("Microsoft.Storage/storageAccounts/managementPolicies/read",),
)
LOG_WORKSPACE = Kind(
    "Microsoft.OperationalInsights/workspaces",
    created="properties.createdDate",
    links=member_of("properties.features.clusterResourceId"),
)
SYNAPSE_POOL = Kind(
    "Microsoft.Synapse/workspaces/sqlPools",
    status=("properties.status", "properties.provisioningState"),
    created="properties.creationDate",
    links=part_of_parent(),
)
SYNAPSE = Kind("Microsoft.Synapse/workspaces")
KUSTO = Kind(
    "Microsoft.Kusto/clusters",
    status=("properties.state", "properties.provisioningState"),
    links=in_subnet("properties.virtualNetworkConfiguration.subnetId"),
)
HDINSIGHT = Kind(
    "Microsoft.HDInsight/clusters",
    status=("properties.clusterState", "properties.provisioningState"),
    created="properties.createdDate",
    links=(
        *in_network("properties.computeProfile.roles[].virtualNetworkProfile.subnet"),
        *in_network("properties.computeProfile.roles[].virtualNetworkProfile.id"),
    ),
)
DATABRICKS = Kind(
    "Microsoft.Databricks/workspaces",
    created="properties.createdDateTime",
    links=in_network("properties.parameters.customVirtualNetworkId.value"),
)
VAULT = Kind("Microsoft.RecoveryServices/vaults")
PROTECTED_ITEM = Kind(
    "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems",
    status=("properties.protectionState", "properties.currentProtectionState"),
    # A protected item lies under its container, the fabric and the vault.
    links=(*part_of_parent(3), *created_from("properties.sourceResourceId", "properties.virtualMachineId")),
)


def with_lifecycle(connection: AzureConnection, accounts: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The storage accounts with `lifecycleRules`, the number of rules that are on: one call for each account."""
    for account in accounts:
        path = f"{native_id(account)}/managementPolicies/default"
        policy = connection.manager.part(path, "2023-05-01", "storage lifecycle policies")
        rules = [rule for rule in values(policy, "properties.policy.rules[]") if isinstance(rule, dict)]
        enabled = sum(rule.get("enabled") is not False for rule in rules)
        yield {**account, "properties": {**(account.get("properties") or {}), "lifecycleRules": enabled}}


SQL = (
    Reading("SQL servers and databases", (SQL_SERVER, SQL_DATABASE, ELASTIC_POOL)),
    Reading("SQL managed instances", (MANAGED_INSTANCE,)),
)
POSTGRESQL_SERVERS = (Reading("PostgreSQL servers", (POSTGRESQL,)),)
MYSQL_SERVERS = (Reading("MySQL servers", (MYSQL,)),)
COSMOS_ACCOUNTS = (Reading("Cosmos DB accounts", (COSMOS,)),)
CACHES = (Reading("Redis caches", (REDIS,)),)
STORAGE = (Reading("storage accounts", (STORAGE_ACCOUNT,), expand=with_lifecycle),)
LOG_WORKSPACES = (Reading("log analytics workspaces", (LOG_WORKSPACE,)),)
SYNAPSE_POOLS = (Reading("Synapse SQL pools", (SYNAPSE, SYNAPSE_POOL)),)
KUSTO_CLUSTERS = (Reading("Data Explorer clusters", (KUSTO,)),)
HDINSIGHT_CLUSTERS = (Reading("HDInsight clusters", (HDINSIGHT,)),)
DATABRICKS_WORKSPACES = (Reading("Databricks workspaces", (DATABRICKS,)),)
BACKUPS = (
    Reading("recovery services vaults", (VAULT,)),
    Reading("protected items", (PROTECTED_ITEM,), table="recoveryservicesresources"),
)
