"""What is expected of the inventory's resources: (type, id, state) → relations. Ids are less their common beginning."""

from __future__ import annotations

EXPECTED: dict[tuple[str, str, str | None], list[str]] = {
    ("microsoft.compute/availabilitysets", "microsoft.compute/availabilitysets/avset", None): [],
    ("microsoft.compute/virtualmachinescalesets", "microsoft.compute/virtualmachinescalesets/flex", "Succeeded"): [
        "CREATED_FROM microsoft.compute/images/golden",
        "BEHIND microsoft.network/loadbalancers/lb",
        "BEHIND microsoft.network/applicationgateways/agw",
        "IN_NETWORK microsoft.network/virtualnetworks/vnet/subnets/apps",
        "IN_NETWORK microsoft.network/virtualnetworks/vnet",
    ],
    ("microsoft.compute/virtualmachines", "microsoft.compute/virtualmachines/web-1", "PowerState/deallocated"): [
        "MEMBER_OF microsoft.compute/virtualmachinescalesets/flex",
        "MEMBER_OF microsoft.compute/availabilitysets/avset",
        "MEMBER_OF microsoft.compute/hostgroups/hg/hosts/h1",
        "MEMBER_OF microsoft.compute/capacityreservationgroups/crg",
        "CREATED_FROM microsoft.compute/galleries/g/images/i/versions/1",
    ],
    ("microsoft.compute/disks", "microsoft.compute/disks/left-over", "Unattached"): [
        "CREATED_FROM microsoft.compute/snapshots/before-upgrade"
    ],
    ("microsoft.compute/disks", "microsoft.compute/disks/web-1-os", "Reserved"): [
        "ATTACHED_TO microsoft.compute/virtualmachines/web-1",
        "CREATED_FROM microsoft.compute/galleries/g/images/i/versions/1",
    ],
    ("microsoft.compute/snapshots", "microsoft.compute/snapshots/before-upgrade", "Succeeded"): [
        "CREATED_FROM microsoft.compute/disks/web-1-os"
    ],
    ("microsoft.compute/galleries", "microsoft.compute/galleries/g", None): [],
    ("microsoft.compute/galleries/images", "microsoft.compute/galleries/g/images/i", None): [
        "MEMBER_OF microsoft.compute/galleries/g"
    ],
    ("microsoft.compute/galleries/images/versions", "microsoft.compute/galleries/g/images/i/versions/1", None): [
        "MEMBER_OF microsoft.compute/galleries/g/images/i",
        "CREATED_FROM microsoft.compute/images/golden",
    ],
    ("microsoft.compute/images", "microsoft.compute/images/golden", "Succeeded"): [
        "CREATED_FROM microsoft.compute/virtualmachines/web-1",
        "CREATED_FROM microsoft.compute/snapshots/before-upgrade",
        "CREATED_FROM microsoft.compute/disks/left-over",
    ],
    ("microsoft.compute/capacityreservationgroups", "microsoft.compute/capacityreservationgroups/crg", None): [],
    (
        "microsoft.compute/capacityreservationgroups/capacityreservations",
        "microsoft.compute/capacityreservationgroups/crg/capacityreservations/cr",
        None,
    ): ["MEMBER_OF microsoft.compute/capacityreservationgroups/crg"],
    ("microsoft.compute/hostgroups", "microsoft.compute/hostgroups/hg", None): [],
    ("microsoft.compute/hostgroups/hosts", "microsoft.compute/hostgroups/hg/hosts/h1", "Succeeded"): [
        "MEMBER_OF microsoft.compute/hostgroups/hg"
    ],
    ("microsoft.network/publicipaddresses", "microsoft.network/publicipaddresses/idle", "Succeeded"): [],
    ("microsoft.network/publicipaddresses", "microsoft.network/publicipaddresses/on-nat", None): [
        "ATTACHED_TO microsoft.network/natgateways/nat"
    ],
    ("microsoft.network/publicipaddresses", "microsoft.network/publicipaddresses/on-nic", None): [
        "ATTACHED_TO microsoft.network/networkinterfaces/web-1-nic",
        "MEMBER_OF microsoft.network/publicipprefixes/prefix",
    ],
    ("microsoft.network/publicipprefixes", "microsoft.network/publicipprefixes/prefix", None): [],
    ("microsoft.network/networkinterfaces", "microsoft.network/networkinterfaces/web-1-nic", None): [
        "ATTACHED_TO microsoft.compute/virtualmachines/web-1",
        "BEHIND microsoft.network/loadbalancers/lb",
        "BEHIND microsoft.network/applicationgateways/agw",
        "IN_NETWORK microsoft.network/virtualnetworks/vnet/subnets/apps",
        "IN_NETWORK microsoft.network/virtualnetworks/vnet",
    ],
    ("microsoft.network/applicationgateways", "microsoft.network/applicationgateways/agw", "Running"): [
        "IN_NETWORK microsoft.network/virtualnetworks/vnet/subnets/apps",
        "IN_NETWORK microsoft.network/virtualnetworks/vnet",
    ],
    ("microsoft.network/loadbalancers", "microsoft.network/loadbalancers/lb", None): [
        "IN_NETWORK microsoft.network/virtualnetworks/vnet/subnets/apps",
        "IN_NETWORK microsoft.network/virtualnetworks/vnet",
    ],
    ("microsoft.network/connections", "microsoft.network/connections/to-office", "NotConnected"): [
        "ATTACHED_TO microsoft.network/virtualnetworkgateways/vng",
        "ATTACHED_TO microsoft.network/expressroutecircuits/er",
    ],
    ("microsoft.network/expressroutecircuits", "microsoft.network/expressroutecircuits/er", "NotProvisioned"): [],
    ("microsoft.network/natgateways", "microsoft.network/natgateways/nat", None): [
        "ATTACHED_TO microsoft.network/virtualnetworks/vnet/subnets/apps"
    ],
    ("microsoft.network/virtualnetworkgateways", "microsoft.network/virtualnetworkgateways/vng", None): [
        "IN_NETWORK microsoft.network/virtualnetworks/vnet/subnets/apps",
        "IN_NETWORK microsoft.network/virtualnetworks/vnet",
    ],
    ("microsoft.network/azurefirewalls", "microsoft.network/azurefirewalls/fw", None): [
        "IN_NETWORK microsoft.network/virtualnetworks/vnet/subnets/azurefirewallsubnet",
        "IN_NETWORK microsoft.network/virtualnetworks/vnet",
    ],
    ("microsoft.network/bastionhosts", "microsoft.network/bastionhosts/bastion", None): [
        "IN_NETWORK microsoft.network/virtualnetworks/vnet/subnets/apps",
        "IN_NETWORK microsoft.network/virtualnetworks/vnet",
    ],
    ("microsoft.network/ipgroups", "microsoft.network/ipgroups/offices", None): [
        "ATTACHED_TO microsoft.network/azurefirewalls/fw"
    ],
    ("microsoft.network/privateendpoints", "microsoft.network/privateendpoints/to-storage", "Disconnected"): [
        "ATTACHED_TO microsoft.storage/storageaccounts/logs",
        "IN_NETWORK microsoft.network/virtualnetworks/vnet/subnets/apps",
        "IN_NETWORK microsoft.network/virtualnetworks/vnet",
    ],
    ("microsoft.network/ddosprotectionplans", "microsoft.network/ddosprotectionplans/ddos", None): [
        "ATTACHED_TO microsoft.network/virtualnetworks/vnet"
    ],
    ("microsoft.network/virtualnetworks", "microsoft.network/virtualnetworks/vnet", None): [],
    ("microsoft.network/virtualnetworks/subnets", "microsoft.network/virtualnetworks/vnet/subnets/apps", "Succeeded"): [
        "IN_NETWORK microsoft.network/virtualnetworks/vnet"
    ],
    ("microsoft.network/networksecuritygroups", "microsoft.network/networksecuritygroups/nsg", None): [
        "ATTACHED_TO microsoft.network/networkinterfaces/web-1-nic"
    ],
    ("microsoft.network/routetables", "microsoft.network/routetables/routes", None): [
        "ATTACHED_TO microsoft.network/virtualnetworks/vnet/subnets/apps"
    ],
    ("microsoft.network/privatednszones", "microsoft.network/privatednszones/internal.example", None): [],
    (
        "microsoft.network/privatednszones/virtualnetworklinks",
        "microsoft.network/privatednszones/internal.example/virtualnetworklinks/link",
        "Completed",
    ): [
        "MEMBER_OF microsoft.network/privatednszones/internal.example",
        "IN_NETWORK microsoft.network/virtualnetworks/vnet",
    ],
    ("microsoft.network/trafficmanagerprofiles", "microsoft.network/trafficmanagerprofiles/tm", "Enabled"): [],
    (
        "microsoft.network/frontdoorwebapplicationfirewallpolicies",
        "microsoft.network/frontdoorwebapplicationfirewallpolicies/waf",
        "Enabled",
    ): ["ATTACHED_TO microsoft.cdn/profiles/cdn"],
    ("microsoft.storage/storageaccounts", "microsoft.storage/storageaccounts/logs", "available"): [],
    ("microsoft.storage/storageaccounts", "microsoft.storage/storageaccounts/scratch", "available"): [],
    ("microsoft.web/serverfarms", "microsoft.web/serverfarms/plan", "Ready"): [],
    ("microsoft.web/sites", "microsoft.web/sites/shop", "Running"): [
        "MEMBER_OF microsoft.web/serverfarms/plan",
        "IN_NETWORK microsoft.network/virtualnetworks/vnet/subnets/apps",
        "IN_NETWORK microsoft.network/virtualnetworks/vnet",
    ],
    ("microsoft.web/connections", "microsoft.web/connections/office365", "Error"): [],
    ("microsoft.sql/servers", "microsoft.sql/servers/sql", "Ready"): [],
    ("microsoft.sql/servers/databases", "microsoft.sql/servers/sql/databases/shop", "Online"): [
        "MEMBER_OF microsoft.sql/servers/sql",
        "MEMBER_OF microsoft.sql/servers/sql/elasticpools/pool",
    ],
    ("microsoft.sql/servers/elasticpools", "microsoft.sql/servers/sql/elasticpools/pool", "Ready"): [
        "MEMBER_OF microsoft.sql/servers/sql"
    ],
    ("microsoft.sql/managedinstances", "microsoft.sql/managedinstances/mi", "Ready"): [
        "IN_NETWORK microsoft.network/virtualnetworks/vnet/subnets/mi",
        "IN_NETWORK microsoft.network/virtualnetworks/vnet",
    ],
    ("microsoft.sqlvirtualmachine/sqlvirtualmachines", "microsoft.sqlvirtualmachine/sqlvirtualmachines/web-1", None): [
        "ATTACHED_TO microsoft.compute/virtualmachines/web-1"
    ],
    ("microsoft.dbforpostgresql/flexibleservers", "microsoft.dbforpostgresql/flexibleservers/pg", "Stopped"): [
        "IN_NETWORK microsoft.network/virtualnetworks/vnet/subnets/pg",
        "IN_NETWORK microsoft.network/virtualnetworks/vnet",
    ],
    ("microsoft.dbformysql/flexibleservers", "microsoft.dbformysql/flexibleservers/my", "Ready"): [],
    ("microsoft.documentdb/databaseaccounts", "microsoft.documentdb/databaseaccounts/cosmos", "Succeeded"): [],
    ("microsoft.cache/redis", "microsoft.cache/redis/cache", "Succeeded"): [
        "IN_NETWORK microsoft.network/virtualnetworks/vnet/subnets/apps",
        "IN_NETWORK microsoft.network/virtualnetworks/vnet",
    ],
    ("microsoft.cdn/profiles", "microsoft.cdn/profiles/cdn", "Active"): [],
    ("microsoft.logic/workflows", "microsoft.logic/workflows/mail-out", "Enabled"): [
        "ATTACHED_TO microsoft.web/connections/office365"
    ],
    ("microsoft.logic/workflows", "microsoft.logic/workflows/plain", "Disabled"): [],
    ("microsoft.containerservice/managedclusters", "microsoft.containerservice/managedclusters/aks", "Running"): [
        "IN_NETWORK microsoft.network/virtualnetworks/vnet/subnets/apps",
        "IN_NETWORK microsoft.network/virtualnetworks/vnet",
    ],
    (
        "microsoft.containerservice/managedclusters/agentpools",
        "microsoft.containerservice/managedclusters/aks/agentpools/system",
        "Running",
    ): [
        "MEMBER_OF microsoft.containerservice/managedclusters/aks",
        "IN_NETWORK microsoft.network/virtualnetworks/vnet/subnets/apps",
        "IN_NETWORK microsoft.network/virtualnetworks/vnet",
    ],
    (
        "microsoft.containerservice/managedclusters/agentpools",
        "microsoft.containerservice/managedclusters/aks/agentpools/users",
        "Stopped",
    ): ["MEMBER_OF microsoft.containerservice/managedclusters/aks"],
    ("microsoft.operationalinsights/workspaces", "microsoft.operationalinsights/workspaces/central", "Succeeded"): [],
    ("microsoft.machinelearningservices/workspaces", "microsoft.machinelearningservices/workspaces/ml", None): [],
    (
        "microsoft.machinelearningservices/workspaces/onlineendpoints",
        "microsoft.machinelearningservices/workspaces/ml/onlineendpoints/score",
        "Succeeded",
    ): ["MEMBER_OF microsoft.machinelearningservices/workspaces/ml"],
    ("microsoft.cognitiveservices/accounts", "microsoft.cognitiveservices/accounts/gpt", None): [],
    (
        "microsoft.cognitiveservices/accounts/deployments",
        "microsoft.cognitiveservices/accounts/gpt/deployments/chat",
        "Succeeded",
    ): ["MEMBER_OF microsoft.cognitiveservices/accounts/gpt"],
    (
        "microsoft.cognitiveservices/accounts/deployments",
        "microsoft.cognitiveservices/accounts/gpt/deployments/batch",
        "Succeeded",
    ): ["MEMBER_OF microsoft.cognitiveservices/accounts/gpt"],
    (
        "microsoft.cognitiveservices/accounts/deployments",
        "microsoft.cognitiveservices/accounts/gpt/deployments/spare",
        "Succeeded",
    ): ["MEMBER_OF microsoft.cognitiveservices/accounts/gpt"],
    ("microsoft.cognitiveservices/accounts", "microsoft.cognitiveservices/accounts/speech", "Succeeded"): [],
    ("microsoft.synapse/workspaces", "microsoft.synapse/workspaces/syn", None): [],
    ("microsoft.synapse/workspaces/sqlpools", "microsoft.synapse/workspaces/syn/sqlpools/dw", "Paused"): [
        "MEMBER_OF microsoft.synapse/workspaces/syn"
    ],
    ("microsoft.kusto/clusters", "microsoft.kusto/clusters/adx", "Running"): [],
    ("microsoft.hdinsight/clusters", "microsoft.hdinsight/clusters/hdi", "Running"): [
        "IN_NETWORK microsoft.network/virtualnetworks/vnet/subnets/apps",
        "IN_NETWORK microsoft.network/virtualnetworks/vnet",
    ],
    ("microsoft.databricks/workspaces", "microsoft.databricks/workspaces/dbx", None): [
        "IN_NETWORK microsoft.network/virtualnetworks/vnet"
    ],
    ("microsoft.recoveryservices/vaults", "microsoft.recoveryservices/vaults/vault", None): [],
    (
        "microsoft.recoveryservices/vaults/backupfabrics/protectioncontainers/protecteditems",
        "microsoft.recoveryservices/vaults/vault/backupfabrics/azure/protectioncontainers/container/protecteditems/item",
        "ProtectionStopped",
    ): ["MEMBER_OF microsoft.recoveryservices/vaults/vault", "CREATED_FROM microsoft.compute/virtualmachines/web-1"],
}
