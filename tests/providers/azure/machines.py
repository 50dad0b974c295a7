"""Machines and networks of the test inventory, one of every type, in the mixed case of Azure's answers."""

from __future__ import annotations

from tests.providers.azure.rows import GATEWAY_POOL, NIC, POOL, PROVIDERS, SUBNET, VM, VNET, identity, inner, row

COMPUTE = [
    row(
        "Microsoft.Compute/virtualMachines",
        "web-1",
        {
            "timeCreated": "2026-01-02T03:04:05.1234567+00:00",
            "provisioningState": "Succeeded",
            "hardwareProfile": {"vmSize": "Standard_D2s_v3"},
            "licenseType": "Windows_Server",
            "userData": "c2VjcmV0",
            "osProfile": {"computerName": "web-1", "adminPassword": "hunter2", "customData": "c2VjcmV0"},
            "storageProfile": {
                "imageReference": {"id": identity("Microsoft.Compute/galleries/images/versions", "g/i/1")}
            },
            "extended": {"instanceView": {"powerState": {"code": "PowerState/deallocated"}}},
            "availabilitySet": {"id": identity("Microsoft.Compute/availabilitySets", "AVSET").upper()},
            "virtualMachineScaleSet": {"id": identity("Microsoft.Compute/virtualMachineScaleSets", "flex")},
            "host": {"id": identity("Microsoft.Compute/hostGroups/hosts", "hg/h1")},
            "capacityReservation": {
                "capacityReservationGroup": {"id": identity("Microsoft.Compute/capacityReservationGroups", "crg")}
            },
        },
        tags={"team": "web", "empty": None},
        zones=["2"],
    ),
    row(
        "Microsoft.Compute/virtualMachineScaleSets",
        "flex",
        {
            "timeCreated": "2026-02-01T00:00:00Z",
            "provisioningState": "Succeeded",
            "virtualMachineProfile": {
                "extensionProfile": {"extensions": [inner(settings={"commandToExecute": "login --with hunter2"})]},
                "storageProfile": {"imageReference": {"id": identity("Microsoft.Compute/images", "golden")}},
                "networkProfile": {
                    "networkInterfaceConfigurations": [
                        inner(
                            ipConfigurations=[
                                inner(
                                    subnet={"id": SUBNET},
                                    loadBalancerBackendAddressPools=[{"id": POOL}],
                                    applicationGatewayBackendAddressPools=[{"id": GATEWAY_POOL}],
                                )
                            ]
                        )
                    ]
                },
            },
        },
        sku={"name": "Standard_D2s_v3", "capacity": 3},
        zones=["1", "2"],
    ),
    row("Microsoft.Compute/availabilitySets", "avset", {"platformFaultDomainCount": 2}),
    row(
        "Microsoft.Compute/disks",
        "web-1-os",
        {
            "diskState": "Reserved",
            "diskSizeGB": 128,
            "timeCreated": "2026-01-02T03:04:06Z",
            "LastOwnershipUpdateTime": "2026-10-01T00:00:00.5Z",
            "creationData": {
                "createOption": "FromImage",
                "galleryImageReference": {"id": identity("Microsoft.Compute/galleries/images/versions", "g/i/1")},
            },
        },
        managedBy=VM,
        sku={"name": "Premium_LRS", "tier": "Premium"},
    ),
    row(
        "Microsoft.Compute/disks",
        "left-over",
        {
            "diskState": "Unattached",
            "timeCreated": "2025-05-05T00:00:00Z",
            "lastOwnershipUpdateTime": "2026-03-01T00:00:00Z",
            "creationData": {"sourceResourceId": identity("Microsoft.Compute/snapshots", "before-upgrade")},
        },
        managedBy="",
    ),
    row(
        "Microsoft.Compute/snapshots",
        "before-upgrade",
        {
            "provisioningState": "Succeeded",
            "timeCreated": "2025-01-01T00:00:00Z",
            "creationData": {"sourceResourceId": identity("Microsoft.Compute/disks", "web-1-os")},
        },
        sku={"name": "Standard_ZRS"},
    ),
    row(
        "Microsoft.Compute/images",
        "golden",
        {
            "provisioningState": "Succeeded",
            "sourceVirtualMachine": {"id": VM},
            "storageProfile": {
                "osDisk": {"snapshot": {"id": identity("Microsoft.Compute/snapshots", "before-upgrade")}},
                "dataDisks": [{"managedDisk": {"id": identity("Microsoft.Compute/disks", "left-over")}}],
            },
        },
    ),
    row("Microsoft.Compute/galleries", "g"),
    row("Microsoft.Compute/galleries/images", "g/i"),
    row(
        "Microsoft.Compute/galleries/images/versions",
        "g/i/1",
        {
            "publishingProfile": {"publishedDate": "2025-12-01T00:00:00Z"},
            "storageProfile": {"source": {"id": identity("Microsoft.Compute/images", "golden")}},
        },
    ),
    row("Microsoft.Compute/capacityReservationGroups", "crg", {"virtualMachinesAssociated": [{"id": VM}]}),
    row("Microsoft.Compute/capacityReservationGroups/capacityReservations", "crg/cr", {"reservationId": "r-1"}),
    row("Microsoft.Compute/hostGroups", "hg"),
    row("Microsoft.Compute/hostGroups/hosts", "hg/h1", {"provisioningState": "Succeeded", "virtualMachines": []}),
    row("Microsoft.SqlVirtualMachine/sqlVirtualMachines", "web-1", {"virtualMachineResourceId": VM}),
]
NETWORK = [
    row(
        "Microsoft.Network/publicIPAddresses",
        "on-nic",
        {
            "ipAddress": "20.0.0.1",
            "ipConfiguration": {"id": f"{NIC}/ipConfigurations/primary"},
            "publicIPPrefix": {"id": identity("Microsoft.Network/publicIPPrefixes", "prefix")},
        },
        sku={"name": "Standard"},
    ),
    row(
        "Microsoft.Network/publicIPAddresses",
        "on-nat",
        {"natGateway": {"id": identity("Microsoft.Network/natGateways", "nat")}, "ipConfiguration": None},
    ),
    row("Microsoft.Network/publicIPAddresses", "idle", {"ipConfiguration": None, "provisioningState": "Succeeded"}),
    row("Microsoft.Network/publicIPPrefixes", "prefix", {"prefixLength": 28, "publicIPAddresses": []}),
    row(
        "Microsoft.Network/networkInterfaces",
        "web-1-nic",
        {
            "virtualMachine": {"id": VM},
            "ipConfigurations": [
                inner(
                    subnet={"id": SUBNET},
                    loadBalancerBackendAddressPools=[{"id": POOL}, {"id": f"{POOL}2"}],
                    applicationGatewayBackendAddressPools=[{"id": GATEWAY_POOL}],
                )
            ],
        },
    ),
    row(
        "Microsoft.Network/loadBalancers",
        "lb",
        {"frontendIPConfigurations": [inner(subnet={"id": SUBNET})], "backendAddressPools": [{"id": POOL}]},
        sku={"name": "Standard"},
    ),
    row(
        "Microsoft.Network/applicationGateways",
        "agw",
        {
            "operationalState": "Running",
            "sku": {"name": "WAF_v2"},
            "gatewayIPConfigurations": [inner(subnet={"id": SUBNET})],
            "sslCertificates": [inner(password="hunter2", keyVaultSecretId="https://vault/secrets/tls")],
        },
    ),
    row("Microsoft.Network/natGateways", "nat", {"subnets": [{"id": SUBNET}]}),
    row("Microsoft.Network/virtualNetworkGateways", "vng", {"ipConfigurations": [inner(subnet={"id": SUBNET})]}),
    row(
        "Microsoft.Network/connections",
        "to-office",
        {
            "connectionStatus": "NotConnected",
            "sharedKey": "hunter2",
            "virtualNetworkGateway1": {"id": identity("Microsoft.Network/virtualNetworkGateways", "vng")},
            "peer": {"id": identity("Microsoft.Network/expressRouteCircuits", "er")},
        },
    ),
    row(
        "Microsoft.Network/expressRouteCircuits",
        "er",
        {"serviceProviderProvisioningState": "NotProvisioned", "serviceKey": "hunter2"},
    ),
    row(
        "Microsoft.Network/azureFirewalls",
        "fw",
        {"ipConfigurations": [inner(subnet={"id": f"{VNET}/subnets/AzureFirewallSubnet"})]},
    ),
    row(
        "Microsoft.Network/ipGroups",
        "offices",
        {"firewalls": [{"id": identity("Microsoft.Network/azureFirewalls", "fw")}], "firewallPolicies": []},
    ),
    row("Microsoft.Network/bastionHosts", "bastion", {"ipConfigurations": [inner(subnet={"id": SUBNET})]}),
    row(
        "Microsoft.Network/privateEndpoints",
        "to-storage",
        {
            "provisioningState": "Succeeded",
            "subnet": {"id": SUBNET},
            "privateLinkServiceConnections": [
                inner(
                    privateLinkServiceId=identity("Microsoft.Storage/storageAccounts", "logs"),
                    privateLinkServiceConnectionState={"status": "Disconnected"},
                )
            ],
        },
    ),
    row("Microsoft.Network/ddosProtectionPlans", "ddos", {"virtualNetworks": [{"id": VNET}]}),
    row(
        "Microsoft.Network/virtualNetworks",
        "vnet",
        {
            "subnets": [
                {"id": SUBNET, "name": "apps", **inner(addressPrefix="10.0.0.0/24", provisioningState="Succeeded")}
            ]
        },
    ),
    row("Microsoft.Network/networkSecurityGroups", "nsg", {"networkInterfaces": [{"id": NIC}], "subnets": None}),
    row("Microsoft.Network/routeTables", "routes", {"subnets": [{"id": SUBNET}]}),
    row("Microsoft.Network/privateDnsZones", "internal.example", {"numberOfVirtualNetworkLinks": 1}, location="global"),
    row(
        "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
        "internal.example/link",
        {"virtualNetworkLinkState": "Completed", "virtualNetwork": {"id": VNET}},
        location="global",
    ),
    row(
        "Microsoft.Network/trafficManagerProfiles",
        "tm",
        {"profileStatus": "Enabled", "endpoints": []},
        location="global",
    ),
    row(
        "Microsoft.Network/frontdoorWebApplicationFirewallPolicies",
        "waf",
        {
            "resourceState": "Enabled",
            "securityPolicyLinks": [{"id": f"{PROVIDERS}/Microsoft.Cdn/profiles/cdn/securityPolicies/p"}],
        },
        location="Global",
    ),
    row(
        "Microsoft.Cdn/profiles",
        "cdn",
        {"resourceState": "Active"},
        sku={"name": "Premium_AzureFrontDoor"},
        location="Global",
    ),
]
