"""App plans, Kubernetes, logs and models: waste, and what only looks like it."""

from __future__ import annotations

from typing import Any

from tests.waste.az_seeding import OLD, AzureSeeding, Table, one_hour

PLANS = "Microsoft.Web/serverFarms"
CLUSTERS = "Microsoft.ContainerService/managedClusters"
LOGS = "Microsoft.OperationalInsights/workspaces"
MODELS = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
ACCOUNTS = "Microsoft.CognitiveServices/accounts"
APP_PLANS: Table = (
    # Name, SKU, tier, Linux, instances, apps, percent of processor and of memory, age.
    ("empty_plan", "S1", "Standard", False, 2, 0, 0, 0, OLD),
    ("large_plan", "S3", "Standard", True, 1, 3, 10, 39, OLD),
    ("plan_of_many", "P1v2", "PremiumV2", True, 4, 3, one_hour(100, 30), 20, OLD),
    ("full_plan", "S3", "Standard", True, 1, 3, 10, 40, OLD),
    ("busy_plan", "S3", "Standard", True, 1, 3, 40, 10, OLD),
    ("smallest_plan", "S1", "Standard", True, 1, 3, 10, 10, OLD),
    ("free_plan", "F1", "Free", False, 1, 0, 0, 0, OLD),
    ("plan_by_use", "Y1", "Dynamic", False, 0, 0, 0, 0, OLD),
    ("elastic_plan", "EP2", "ElasticPremium", False, 2, 1, 1, 1, OLD),
    ("new_plan_of_apps", "S1", "Standard", False, 2, 0, 0, 0, 6.9),
    ("young_large_plan", "S3", "Standard", True, 1, 3, 10, 10, 29.5),
)
SYSTEM = {"name": "system", "mode": "System", "count": 2, "vmSize": "Standard_D2s_v5"}
USERS = {"name": "users", "mode": "User", "count": 2, "vmSize": "Standard_D4s_v5"}
GROWING = {**USERS, "enableAutoScaling": True}
SPOT = {**USERS, "name": "spot", "scaleSetPriority": "Spot"}
NONE = {**USERS, "count": 0}
KUBERNETES: Table = (
    # Name, tier, node pools, state, age.
    ("empty_cluster", "Standard", [SYSTEM, NONE], "Running", OLD),
    ("growing_cluster", "Standard", [SYSTEM, GROWING], "Running", OLD),
    ("used_cluster", "Standard", [SYSTEM, USERS], "Running", OLD),
    ("free_empty_cluster", "Free", [SYSTEM, NONE], "Running", OLD),
    ("stopped_cluster", "Standard", [SYSTEM, {**GROWING, "count": 0}], "Stopped", OLD),
    ("cluster_with_spot", "Premium", [SYSTEM, GROWING, SPOT], "Running", OLD),
    ("cluster_of_system", "Standard", [SYSTEM], "Running", OLD),
    ("new_cluster", "Standard", [SYSTEM, NONE], "Running", 6.9),
)
WORKSPACES: Table = (
    # Name, days that logs are kept, how they are paid, age.
    ("long_logs", 365, "PerGB2018", 90.1),
    ("short_logs", 90, "PerGB2018", OLD),
    ("young_logs", 365, "PerGB2018", 89.9),
    ("chatty_logs", 31, "PerGB2018", OLD),
    ("quieter_logs", 31, "PerGB2018", OLD),
    ("committed_logs", 31, "CapacityReservation", OLD),
)
MODEL_ENDPOINTS: Table = (
    # Name, state, requests a minute, age.
    ("idle_endpoint_of_model", "Succeeded", 0, OLD),
    ("used_endpoint_of_model", "Succeeded", 1, OLD),
    ("failed_endpoint_of_model", "Failed", 0, OLD),
    ("young_endpoint_of_model", "Succeeded", 0, 29.5),
)
AI_ACCOUNTS: Table = (
    # Name, kind, deployments by name with SKU and units, percent of the units in the busiest moment, age.
    ("spare_models", "OpenAI", {"spare": ("ProvisionedManaged", 100)}, 10, OLD),
    ("silent_models", "OpenAI", {"silent": ("GlobalProvisionedManaged", 50)}, 0, OLD),
    ("busy_models", "OpenAI", {"busy": ("ProvisionedManaged", 100)}, one_hour(30, 1), OLD),
    ("models_by_use", "AIServices", {"by_use": ("Standard", 100)}, None, OLD),
    ("young_models", "OpenAI", {"young": ("ProvisionedManaged", 100)}, 1, 6.5),
    ("least_models", "OpenAI", {"least": ("ProvisionedManaged", 15)}, 10, OLD),
)


def seed(to: AzureSeeding) -> None:
    """Fill the subscription."""
    for name, size, tier, is_linux, count, apps, cpu, memory, age in APP_PLANS:
        told = {"status": "Ready", "numberOfSites": apps, "reserved": is_linux}
        sku = {"name": size, "tier": tier, "size": size, "capacity": count}
        to.add(PLANS, name, told, age=age, sku=sku, kind="linux" if is_linux else "app")
        to.measure(name, {"CpuPercentage": cpu, "MemoryPercentage": memory})
    for name, tier, pools, state, age in KUBERNETES:
        told = {"powerState": {"code": state}, "agentPoolProfiles": pools}
        made = to.add(CLUSTERS, name, told, age=age, sku={"name": "Base", "tier": tier})
        for pool in pools:
            to.note(f"{pool['name']}_of_{name}", f"{made}/agentPools/{pool['name']}")
    for name, days, sku, age in WORKSPACES:
        to.add(LOGS, name, {"retentionInDays": days, "sku": {"name": sku}}, age=age)
    to.add("Microsoft.MachineLearningServices/workspaces", "learning", {"creationTime": to.ago(OLD)})
    for name, state, requests, age in MODEL_ENDPOINTS:
        to.add(MODELS, f"learning/{name}", {"provisioningState": state}, age=age, kind="Managed")
        if requests:
            to.measure(name, {"RequestsPerMinute": requests})
    for account in AI_ACCOUNTS:
        _models(to, *account)


def _models(
    to: AzureSeeding, name: str, kind: str, deployments: dict[str, tuple[str, int]], used: Any, age: float
) -> None:
    made = to.add(ACCOUNTS, name, {}, age=age, kind=kind, sku={"name": "S0"})
    told = [
        {
            "id": f"{made}/deployments/{label}",
            "name": label,
            "type": "Microsoft.CognitiveServices/accounts/deployments",
            "sku": {"name": sku, "capacity": units},
            "systemData": {"createdAt": to.ago(age)},
            "properties": {"provisioningState": "Succeeded", "model": {"name": "gpt-4o"}},
        }
        for label, (sku, units) in deployments.items()
    ]
    to.things[f"{made}/deployments".lower()] = told
    for deployment in told:
        to.note(f"deployment_{deployment['name']}", str(deployment["id"]))
    if used is not None:
        to.measure(name, {"AzureOpenAIProvisionedManagedUtilizationV2": used})
