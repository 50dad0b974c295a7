"""Databases, caches and what analyses data: waste, and what only looks like it."""

from __future__ import annotations

from typing import Any

from tests.providers.azure.rows import identity
from tests.waste.az_seeding import GIB, KEEP, OLD, AzureSeeding, Table, one_hour

DATABASES = "Microsoft.Sql/servers/databases"
POOLS = "Microsoft.Sql/servers/elasticPools"
INSTANCES = "Microsoft.Sql/managedInstances"
POSTGRES = "Microsoft.DBforPostgreSQL/flexibleServers"
MYSQL = "Microsoft.DBforMySQL/flexibleServers"
COSMOS = "Microsoft.DocumentDB/databaseAccounts"
CACHES = "Microsoft.Cache/redis"
SYNAPSE = "Microsoft.Synapse/workspaces/sqlPools"
KUSTO = "Microsoft.Kusto/clusters"
HADOOP = "Microsoft.HDInsight/clusters"
OWN = {"licenseType": "BasePrice"}
REPLICA = {"secondaryType": "Geo"}
MEMBER = {"elasticPoolId": identity(POOLS, "sql/used_pool")}
SQL_DATABASES: Table = (
    # Name, size, tier, GiB at most, connections an hour; percent of DTUs, or of processor, reads and log; age, more.
    ("idle_database", "S3", "Standard", 250, 0, (0,), OLD, {}),
    ("idle_cores_database", "GP_Gen5_4", "GeneralPurpose", 32, 0, (0, 0, 0), OLD, OWN),
    ("idle_serverless_database", "GP_S_Gen5_2", "GeneralPurpose", 32, 0, (0, 0, 0), OLD, {}),
    ("large_database", "P2", "Premium", 500, 9, (30,), OLD, {}),
    ("large_cores_database", "GP_Gen5_8", "GeneralPurpose", 32, 9, (20, 10, one_hour(99, 30)), OLD, {}),
    ("busy_database", "S3", "Standard", 250, 1, (60,), OLD, {}),
    ("writing_database", "GP_Gen5_8", "GeneralPurpose", 32, 9, (20, 10, 60), OLD, {}),
    ("replica_database", "S3", "Standard", 250, 0, (70,), OLD, REPLICA),
    ("pooled_database", "ElasticPool", "Standard", 250, 0, (0,), OLD, MEMBER),
    ("young_database", "S3", "Standard", 250, 0, (0,), 13.5, {}),
    ("basic_database", "Basic", "Basic", 2, 9, (1,), OLD, {}),
    ("kept_database", "S3", "Standard", 250, 0, (70,), OLD, {}),
    ("master", "System0", "System", 1, 0, (0,), OLD, {}),
)
ELASTIC_POOLS: Table = (
    # Name, age.
    ("empty_pool", OLD),
    ("used_pool", OLD),
    ("new_pool", 6.9),
)
MANAGED_INSTANCES: Table = (
    # Name, virtual cores, GB, percent of the processor, GB that are used, state, in a pool, age.
    ("large_instance", 16, 256, 10, 200, "Ready", False, OLD),
    ("roomy_instance", 8, 1024, 60, 200, "Ready", False, OLD),
    ("busy_instance", 8, 1024, 40, 512, "Ready", False, OLD),
    ("stopped_instance", 16, 1024, 0, 1, "Stopped", False, OLD),
    ("instance_of_pool", 16, 1024, 0, 1, "Ready", True, OLD),
    ("young_instance", 16, 1024, 0, 1, "Ready", False, 29.5),
)
SERVERS: Table = (
    # Type, name, size, tier, GB, stand-by, connections, percent of the processor, state, age.
    (POSTGRES, "idle_postgres", "Standard_D2ds_v4", "GeneralPurpose", 128, "ZoneRedundant", 0, 2, "Ready", OLD),
    (POSTGRES, "large_postgres", "Standard_D8ds_v4", "GeneralPurpose", 128, "Disabled", 20, 30, "Ready", OLD),
    (POSTGRES, "busy_postgres", "Standard_D8ds_v4", "GeneralPurpose", 128, "Disabled", 1, 40, "Ready", OLD),
    (POSTGRES, "small_postgres", "Standard_B1ms", "Burstable", 32, "Disabled", 1, 2, "Ready", OLD),
    (POSTGRES, "stopped_postgres", "Standard_D2ds_v4", "GeneralPurpose", 128, "Disabled", 0, 0, "Stopped", OLD),
    (POSTGRES, "young_postgres", "Standard_B2s", "Burstable", 128, "Disabled", 0, 2, "Ready", 13.5),
    (MYSQL, "idle_mysql", "Standard_B2s", "Burstable", 20, "Disabled", 0, 2, "Ready", OLD),
    (MYSQL, "large_mysql", "Standard_D4ds_v4", "GeneralPurpose", 20, "Disabled", 20, 30, "Ready", OLD),
    (MYSQL, "busy_mysql", "Standard_D4ds_v4", "GeneralPurpose", 20, "Disabled", 20, 42, "Ready", OLD),
    (MYSQL, "used_mysql", "Standard_B2s", "Burstable", 20, "Disabled", 1, 2, "Ready", OLD),
)
COSMOS_ACCOUNTS: Table = (
    # Name, capabilities, percent of the request units in the busiest moment, age.
    ("roomy_cosmos", [], 19, OLD),
    ("used_cosmos", [], one_hour(20, 1), OLD),
    ("serverless_cosmos", [{"name": "EnableServerless"}], 1, OLD),
    ("young_cosmos", [], 1, 13.5),
)
REDIS_CACHES: Table = (
    # Name, SKU, family, size, shards, clients, operations a second, age.
    ("idle_cache", "Standard", "C", 2, None, 0, 0, OLD),
    ("idle_sharded_cache", "Premium", "P", 1, 3, 0, 0, OLD),
    ("cache_with_client", "Standard", "C", 2, None, one_hour(1), 0, OLD),
    ("asked_cache", "Standard", "C", 2, None, 0, 1, OLD),
    ("young_cache", "Standard", "C", 2, None, 0, 0, 13.5),
    ("kept_cache", "Standard", "C", 2, None, 0, 0, OLD),
)
SQL_POOLS: Table = (
    # Name, size, state, percent of its units, age.
    ("large_warehouse", "DW1000c", "Online", 10, OLD),
    ("silent_warehouse", "DW500c", "Online", 0, OLD),
    ("busy_warehouse", "DW1000c", "Online", 20, OLD),
    ("paused_warehouse", "DW1000c", "Paused", 0, OLD),
    ("smallest_warehouse", "DW100c", "Online", 10, OLD),
    ("young_warehouse", "DW1000c", "Online", 0, 29.5),
)
DATA_EXPLORERS: Table = (
    # Name, state, milliseconds of the longest query, age.
    ("idle_explorer", "Running", 0, OLD),
    ("asked_explorer", "Running", 5, OLD),
    ("stopped_explorer", "Stopped", 0, OLD),
    ("young_explorer", "Running", 0, 6.5),
)
HADOOP_CLUSTERS: Table = (
    # Name, requests an hour, age.
    ("idle_hadoop", 0, OLD),
    ("used_hadoop", one_hour(1), OLD),
    ("young_hadoop", 0, 6.5),
)


def seed(to: AzureSeeding) -> None:
    """Fill the subscription."""
    to.add("Microsoft.Sql/servers", "sql", {"state": "Ready"})
    for name, size, tier, gib, connections, used, age, more in SQL_DATABASES:
        _database(to, name, size, tier, gib * GIB, connections, used, age, more)
    for name, age in ELASTIC_POOLS:
        sku = {"name": "GP_Gen5", "tier": "GeneralPurpose", "family": "Gen5", "capacity": 4}
        to.add(POOLS, f"sql/{name}", {"state": "Ready"}, age=age, sku=sku)
    for name, cores, size, cpu, used, state, is_pooled, age in MANAGED_INSTANCES:
        told = {"state": state, "vCores": cores, "storageSizeInGB": size, "licenseType": "LicenseIncluded"}
        told |= {"instancePoolId": identity("Microsoft.Sql/instancePools", "pool")} if is_pooled else {}
        to.add(INSTANCES, name, told, age=age, sku={"name": "GP_Gen5", "tier": "GeneralPurpose"})
        to.measure(name, {"avg_cpu_percent": cpu, "storage_space_used_mb": used * 1024})
    for kind, name, size, tier, disk, mode, connections, cpu, state, age in SERVERS:
        told = {"state": state, "storage": {"storageSizeGB": disk}, "highAvailability": {"mode": mode}}
        to.add(kind, name, {**told, "replicationRole": "None"}, age=age, sku={"name": size, "tier": tier})
        to.measure(name, {"active_connections": connections, "cpu_percent": cpu})
    for name, capabilities, units, age in COSMOS_ACCOUNTS:
        to.add(COSMOS, name, {"capabilities": capabilities}, age=age, kind="GlobalDocumentDB")
        to.measure(name, {"NormalizedRUConsumption": units})
    _caches(to)
    _analytics(to)


def _database(
    to: AzureSeeding,
    name: str,
    size: str,
    tier: str,
    limit: int,
    connections: float,
    used: tuple[Any, ...],
    age: float,
    more: dict[str, Any],
) -> None:
    told = {"status": "Online", "currentServiceObjectiveName": size, "maxSizeBytes": limit, **more}
    tags = KEEP if name.startswith("kept") else None
    to.add(DATABASES, f"sql/{name}", told, age=age, sku={"name": size, "tier": tier}, tags=tags)
    names = ("cpu_percent", "physical_data_read_percent", "log_write_percent")
    to.measure(name, {"dtu_consumption_percent": used[0]} if len(used) == 1 else dict(zip(names, used, strict=True)))
    if connections:
        to.measure(name, {"connection_successful": connections})


def _caches(to: AzureSeeding) -> None:
    for name, kind, family, size, shards, clients, operations, age in REDIS_CACHES:
        told: dict[str, Any] = {"sku": {"name": kind, "family": family, "capacity": size}}
        told |= {"shardCount": shards} if shards else {}
        to.add(CACHES, name, told, age=age, tags=KEEP if name.startswith("kept") else None)
        to.measure(name, {"connectedclients": clients, "operationsPerSecond": operations})


def _analytics(to: AzureSeeding) -> None:
    to.add("Microsoft.Synapse/workspaces", "synapse")
    for name, size, state, used, age in SQL_POOLS:
        to.add(SYNAPSE, f"synapse/{name}", {"status": state}, age=age, sku={"name": size, "capacity": 0})
        to.measure(name, {"DWUUsedPercent": used})
    for name, state, longest, age in DATA_EXPLORERS:
        sku = {"name": "Standard_E2a_v4", "tier": "Standard", "capacity": 2}
        to.add(KUSTO, name, {"state": state}, age=age, sku=sku)
        if longest:
            to.measure(name, {"QueryDuration": longest})
    for name, requests, age in HADOOP_CLUSTERS:
        node = {"name": "workernode", "targetInstanceCount": 4, "hardwareProfile": {"vmSize": "Standard_E4_v3"}}
        to.add(HADOOP, name, {"clusterState": "Running", "computeProfile": {"roles": [node]}}, age=age)
        if requests:
            to.measure(name, {"GatewayRequests": requests})
