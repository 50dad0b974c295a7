"""Databases, warehouses, queues, clusters and other services: waste, and what only looks like it."""

from __future__ import annotations

from typing import Any

from tests.providers.gcp.google import PROJECT
from tests.waste.gcp_seed_machines import machine
from tests.waste.gcp_seeding import GIB, GLOBAL, OLD, REGION, ZONE, Seed, Used, ago, milliseconds, number

DAY = 86_400
SQL = "cloudsql.googleapis.com/database"
PUBSUB = "pubsub.googleapis.com/subscription"


def database(
    name: str,
    tier: str = "db-custom-4-15360",
    version: str = "MYSQL_8_0",
    *,
    connections: int | None = 9,
    cpu: float | None = 60,
    memory: float = 60,
    born: float = OLD,
    labels: dict[str, str] | None = None,
    **settings: Any,
) -> Seed:
    """A Cloud SQL instance: connections at a time, and percent of processor and memory."""
    plain: dict[str, Any] = {
        "tier": tier,
        "edition": "ENTERPRISE",
        "activationPolicy": "ALWAYS",
        "availabilityType": "ZONAL",
        "dataDiskSizeGb": "100",
        "dataDiskType": "PD_SSD",
        "userLabels": labels or {},
    }
    told: dict[str, Any] = {
        "name": name,
        "state": "RUNNABLE",
        "databaseVersion": version,
        "instanceType": "CLOUD_SQL_INSTANCE",
    }
    told |= {"createTime": ago(born), "gceZone": ZONE, "settings": plain | settings}
    whose = {"resource.labels.database_id": f"{PROJECT}:{name}", "resource.labels.region": REGION}
    used = []
    if connections is not None and version.startswith("POSTGRES"):
        for each, count in (("postgres", 0), ("orders", connections)):
            labelled = {**whose, "metric.labels.database": each}
            used.append(Used(f"{SQL}/postgresql/num_backends", "cloudsql_database", labelled, count))
    elif connections is not None:
        used.append(Used(f"{SQL}/network/connections", "cloudsql_database", whose, connections))
    for metric, percent in (("cpu", cpu), ("memory", memory)):
        if percent is not None:
            used.append(Used(f"{SQL}/{metric}/utilization", "cloudsql_database", whose, percent / 100))
    path = f"projects/{PROJECT}/instances/{name}"
    return Seed(name, "sqladmin.googleapis.com/Instance", path, told, REGION, tuple(used))


def redis(name: str, clients: int, gib: int, *, born: float = OLD, state: str = "READY", **data: Any) -> Seed:
    """A Redis instance with so many clients at a time."""
    path = f"projects/{PROJECT}/locations/{REGION}/instances/{name}"
    told = {"tier": "BASIC", "memorySizeGb": gib, "state": state, "createTime": ago(born), "currentLocationId": ZONE}
    labels = {"resource.labels.instance_id": path, "metric.labels.role": "primary"}
    used = Used("redis.googleapis.com/clients/connected", "redis_instance", labels, clients)
    return Seed(name, "redis.googleapis.com/Instance", path, told | data, REGION, (used,))


def memcache(name: str, operations: int, *, born: float = OLD) -> Seed:
    """A Memcached instance of two nodes with so many operations an hour each."""
    path = f"projects/{PROJECT}/locations/{REGION}/instances/{name}"
    told = {"nodeCount": 2, "nodeConfig": {"cpuCount": 1, "memorySizeMb": 4096}, "state": "READY"}
    used = [
        Used(
            "memcache.googleapis.com/node/operation_count",
            "memcache_node",
            {"resource.labels.instance_id": name, "resource.labels.node_id": node},
            operations,
        )
        for node in ("node-a", "node-b")
    ]
    return Seed(name, "memcache.googleapis.com/Instance", path, told | {"createTime": ago(born)}, REGION, tuple(used))


def dataset(name: str, model: str = "LOGICAL") -> Seed:
    """A dataset of BigQuery."""
    told = {"creationTime": milliseconds(OLD), "lastModifiedTime": milliseconds(OLD), "storageBillingModel": model}
    return Seed(name, "bigquery.googleapis.com/Dataset", f"projects/{PROJECT}/datasets/{name}", told, "US")


def table(name: str, changed: float, *, of: str = "sales", gib: int = 1000, **data: Any) -> Seed:
    """A table that was changed so many days ago."""
    told = {"type": "TABLE", "numBytes": str(gib * GIB), "creationTime": milliseconds(OLD)}
    told |= {"lastModifiedTime": milliseconds(changed)}
    path = f"projects/{PROJECT}/datasets/{of}/tables/{name}"
    return Seed(name, "bigquery.googleapis.com/Table", path, told | data, "US")


def slots(name: str, location: str, held: int, used: int | None, *, called: str = "", born: float = OLD) -> Seed:
    """A reservation of slots in a place, which its metrics may call otherwise."""
    told = {"slotCapacity": str(held), "edition": "ENTERPRISE", "creationTime": ago(born)}
    labels = {"resource.labels.location": called or location}
    metric = "bigquery.googleapis.com/slots/total_allocated_for_reservation"
    each = () if used is None else (Used(metric, "bigquery_project", labels, used),)
    path = f"projects/{PROJECT}/locations/{location}/reservations/{name}"
    return Seed(name, "bigqueryreservation.googleapis.com/Reservation", path, told, location, each)


def subscription(
    name: str, *, oldest: float = 6.5, gib: int = 20, sent: int = 0, retention: int = 7, **data: Any
) -> Seed:
    """A subscription: days that the oldest message waits, GiB that wait, messages sent an hour."""
    told = {"topic": f"projects/{PROJECT}/topics/orders", "messageRetentionDuration": f"{retention * DAY}s"}
    whose = {"resource.labels.subscription_id": name}
    used = [
        Used(f"{PUBSUB}/oldest_unacked_message_age", "pubsub_subscription", whose, int(oldest * DAY)),
        Used(f"{PUBSUB}/backlog_bytes", "pubsub_subscription", whose, gib * GIB),
    ]
    if sent:
        labels = {**whose, "metric.labels.delivery_type": "pull"}
        used.append(Used(f"{PUBSUB}/sent_message_count", "pubsub_subscription", labels, sent))
    path = f"projects/{PROJECT}/subscriptions/{name}"
    return Seed(
        name, "pubsub.googleapis.com/Subscription", path, {"state": "ACTIVE"} | told | data, GLOBAL, tuple(used)
    )


def cluster(
    name: str, nodes: int, cpu: float | list[float] | None = None, *, born: float = OLD, **data: Any
) -> tuple[Seed, ...]:
    """A cluster with nodes, which use so many percent of what pods may have of their processors."""
    told = {"status": "RUNNING", "createTime": ago(born), "location": ZONE, "nodePools": [{"name": "pool"}]}
    labels = {
        "resource.labels.cluster_name": name,
        "resource.labels.location": ZONE,
        "resource.labels.node_name": f"{name}-0",
    }
    used = () if cpu is None else (Used("kubernetes.io/node/cpu/allocatable_utilization", "k8s_node", labels, cpu),)
    path = f"projects/{PROJECT}/zones/{ZONE}/clusters/{name}"
    count = {"currentNodeCount": nodes} if nodes else {}
    whose = {"goog-k8s-cluster-name": name, "goog-k8s-cluster-location": ZONE}
    made = (machine(f"{name}-{each}", "e2-standard-4", cpu=3, traffic=9, labels=whose) for each in range(nodes))
    return (Seed(name, "container.googleapis.com/Cluster", path, told | count | data, ZONE, used), *made)


def run(
    name: str,
    least: int,
    requests: int,
    *,
    limits: dict[str, str] | None = None,
    always: bool = False,
    born: float = OLD,
) -> Seed:
    """A Cloud Run service that keeps so many instances, and gets so many requests an hour."""
    notes = {"autoscaling.knative.dev/minScale": str(least)} if least else {}
    notes |= {"run.googleapis.com/cpu-throttling": "false"} if always else {}
    containers = [{"image": "example", "resources": {"limits": limits or {"cpu": "1000m", "memory": "512Mi"}}}]
    told = {
        "apiVersion": "serving.knative.dev/v1",
        "metadata": {"name": name, "creationTimestamp": ago(born)},
        "spec": {"template": {"metadata": {"annotations": notes}, "spec": {"containers": containers}}},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    labels = {"resource.labels.service_name": name, "resource.labels.location": REGION}
    used = (Used("run.googleapis.com/request_count", "cloud_run_revision", labels, requests),) if requests else ()
    path = f"projects/{PROJECT}/locations/{REGION}/services/{name}"
    return Seed(name, "run.googleapis.com/Service", path, told, REGION, used)


def endpoint(name: str, told_by: str = "", *, models: bool = True, born: float = OLD) -> Seed:
    """A model endpoint; `told_by` is the metric by which its answers are told, if there are any."""
    spec = {"machineSpec": {"machineType": "n1-standard-4"}, "minReplicaCount": 1, "maxReplicaCount": 2}
    told = {"displayName": name, "createTime": ago(born)}
    deployed = {"deployedModels": [{"id": "1", "displayName": "model", "dedicatedResources": spec}]} if models else {}
    labels = {"resource.labels.endpoint_id": number(name), "resource.labels.location": REGION}
    prefix, resource = "aiplatform.googleapis.com/prediction/online", "aiplatform.googleapis.com/Endpoint"
    used = (Used(f"{prefix}/{told_by}", resource, labels, 4),) if told_by else ()
    path = f"projects/{PROJECT}/locations/{REGION}/endpoints/{number(name)}"
    return Seed(name, "aiplatform.googleapis.com/Endpoint", path, told | deployed, REGION, used)


def logs(name: str, days: int, gib: int | None) -> Seed:
    """A log bucket that keeps logs for so many days."""
    told = {"retentionDays": days, "lifecycleState": "ACTIVE", "createTime": ago(OLD)}
    labels = {"metric.labels.log_bucket_id": name, "metric.labels.log_bucket_location": GLOBAL}
    labels |= {"metric.labels.data_type": "CHARGED"}
    metric = "logging.googleapis.com/billing/bytes_stored"
    used = () if gib is None else (Used(metric, "global", labels, gib * GIB),)
    path = f"projects/{PROJECT}/locations/{GLOBAL}/buckets/{name}"
    return Seed(name, "logging.googleapis.com/LogBucket", path, told, GLOBAL, used)


def packages(name: str, gib: int = 200, requests: int = 0, *, born: float = OLD, **data: Any) -> Seed:
    """A repository of packages with so many requests an hour."""
    told = {"format": "DOCKER", "mode": "STANDARD_REPOSITORY", "sizeBytes": str(gib * GIB), "createTime": ago(born)}
    resource = "artifactregistry.googleapis.com/Repository"
    labels = {"resource.labels.repository_id": name, "metric.labels.type": "READ"}
    metric = "artifactregistry.googleapis.com/repository/request_count"
    used = (Used(metric, resource, labels, requests),) if requests else ()
    path = f"projects/{PROJECT}/locations/{REGION}/repositories/{name}"
    return Seed(name, resource, path, told | data, REGION, used)


HA = "REGIONAL"
SEEDS: tuple[Seed, ...] = (
    database("idle-database", connections=0),
    # Idle and highly available for trials: the dearer one counts.
    database(
        "idle-postgres", "db-custom-2-8192", "POSTGRES_16", connections=0, availabilityType=HA, labels={"env": "dev"}
    ),
    database("busy-postgres", version="POSTGRES_16"),
    database("database-with-one-connection", connections=1),
    database("stopped-database", connections=0, activationPolicy="NEVER"),
    database("database-of-two-weeks", connections=0, born=13),
    database("unmeasured-postgres", version="POSTGRES_16", connections=None),
    database("large-database", "db-custom-8-32768", cpu=10, memory=20),
    database("full-database", "db-custom-8-32768", cpu=10, memory=60),
    database("database-at-the-threshold", "db-custom-8-32768", cpu=40, memory=20),
    database("database-of-an-old-tier", "db-n1-standard-8", cpu=10, memory=20),
    database("trial-database", "db-custom-2-8192", availabilityType=HA, labels={"stage": "staging"}),
    database("production-database", "db-custom-2-8192", availabilityType=HA, labels={"env": "prod"}),
    database("zonal-trial-database", "db-custom-2-8192", labels={"env": "test"}),
    redis("idle-cache", 0, 4),
    redis("large-idle-cache", 0, 5),
    redis("cache-with-a-client", 1, 5),
    redis("cache-of-two-weeks", 0, 5, born=13),
    redis("cache-being-made", 0, 5, state="CREATING"),
    memcache("idle-memcache", 0),
    memcache("busy-memcache", 1),
    memcache("memcache-of-two-weeks", 0, born=13),
    dataset("sales"),
    dataset("compressed", "PHYSICAL"),
    table("stale-table", 100),
    table("stale-compressed-table", 100, of="compressed"),
    table("table-of-late", 89),
    table("stale-view", 100, type="VIEW"),
    table("table-that-ends", 100, expirationTime=milliseconds(-30)),
    slots("idle-slots", "us", 1000, 100, called="US"),
    slots("slots-at-the-threshold", REGION, 500, 150),
    slots("first-of-two", "us-east1", 500, 10),
    slots("second-of-two", "us-east1", 500, None),
    slots("slots-of-nobody", "us-west1", 500, None),
    subscription("stale-subscription"),
    subscription("stale-with-a-short-retention", oldest=0.95, retention=1),
    subscription("read-subscription", sent=1),
    subscription("subscription-of-late", oldest=6),
    subscription("detached-subscription", detached=True),
    subscription("little-that-waits", gib=3),
    *cluster("empty-cluster", 0),
    *cluster("emptied-lately", 0, [0.5] * 12 + [0.0] * 12),
    *cluster("cluster-of-a-week", 0, born=6),
    *cluster("autopilot-cluster", 0, autopilot={"enabled": True}),
    *cluster("idle-cluster", 3, 0.05),
    *cluster("cluster-at-the-threshold", 1, 0.1),
    run("warm-service", 2, 0, limits={"cpu": "1000m", "memory": "1Gi"}),
    run("warm-service-at-work", 1, 0, limits={"cpu": "2", "memory": "4Gi"}, always=True),
    run("asked-service", 2, 1),
    run("cold-service", 0, 0),
    run("service-of-two-weeks", 2, 0, born=13),
    endpoint("idle-endpoint"),
    endpoint("asked-endpoint", "prediction_count"),
    endpoint("answering-endpoint", "response_count"),
    endpoint("private-endpoint", "private/response_count"),
    endpoint("endpoint-without-models", models=False),
    endpoint("endpoint-of-a-month", born=29),
    logs("long-logs", 365, 500),
    logs("plain-logs", 30, None),
    logs("long-logs-without-any", 365, None),
    logs("_Required", 400, 500),
    packages("stale-packages"),
    packages("fetched-packages", requests=1),
    packages("tidy-packages", cleanupPolicies={"old": {"action": "DELETE"}}),
    packages("packages-on-trial", 300, cleanupPolicies={"old": {"action": "DELETE"}}, cleanupPolicyDryRun=True),
    packages("few-packages", 1),
    packages("packages-of-a-quarter", born=89),
    packages("virtual-packages", mode="VIRTUAL_REPOSITORY"),
    Seed(PROJECT, "cloudresourcemanager.googleapis.com/Project", f"projects/{PROJECT}", {"projectId": PROJECT}, GLOBAL),
)
