"""What people of the demo left behind, next to the like that is in use: it is charged, and Skyledger finds it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from app.demo.estate import Resource, estate, make_resource
from app.demo.kinds import ARN, AZURE_ID, BLOCKS, COMPUTE, DISK, GOOGLE_ID, TABLES, Kind, Meter

CLOCK = Meter("clock", "Hours", "", "Hours")
NETWORK = ("Networking", "Network Infrastructure")
EC2, RDS = "Amazon Elastic Compute Cloud", "Amazon Relational Database Service"
FIRST_NUMBER = 120
"""Those of each kind are counted from a multiple of it, which no other resource reaches and all accounts divide."""
DELETED = "loadtest"
AGE = timedelta(days=200)
"""How long before the day of the demo the first of a kind was made; each further one a month later."""
_USERS = {
    "AWS::EC2::EIP": "AWS::EC2::Instance",
    "AWS::ElasticLoadBalancing::LoadBalancer": "AWS::EC2::Instance",
    "compute.googleapis.com/Snapshot": "compute.googleapis.com/Disk",
}

_ZONE = GOOGLE_ID.format("compute") + "zones/{zone}/"
_REGION = GOOGLE_ID.format("compute") + "regions/{region}/"


def _kind(
    provider: str,
    service: str,
    where: tuple[str, str],
    types: tuple[str, str],
    accounts: tuple[str, ...],
    template: str,
    names: tuple[str, ...],
    status: str,
    variants: tuple[tuple[str, str], ...],
    meter: Meter = CLOCK,
    *,
    zonal: bool = False,
) -> Kind:
    """One resource for each account; types are those of the bills and of the inventory."""
    return Kind(
        provider,
        service,
        *where,
        *types,
        len(accounts),
        accounts,
        template,
        names,
        (status,),
        variants,
        (meter,),
        zonal=zonal,
    )


_EIP = ("AWS", "Amazon Virtual Private Cloud", NETWORK, ("Elastic IP address", "AWS::EC2::EIP"))
_PIP = ("AZURE", "Virtual Network", NETWORK, ("Public IP address", "microsoft.network/publicipaddresses"))
_GIP = ("GCP", "Compute Engine", NETWORK, ("IP address", "compute.googleapis.com/Address"))
_ELB = ("AWS", "Elastic Load Balancing", NETWORK, ("Load balancer", "AWS::ElasticLoadBalancing::LoadBalancer"))
_LB = ("AZURE", "Load Balancer", NETWORK, ("Load balancer", "microsoft.network/loadbalancers"))
_PLAN = ("AZURE", "App Service", ("Compute", "Containers"), ("App Service plan", "microsoft.web/serverfarms"))
_LOGS = (
    "AWS",
    "Amazon CloudWatch",
    ("Management and Governance", "Observability"),
    ("Log group", "AWS::Logs::LogGroup"),
)
_EIPS, _HOUR = "eipalloc-0000000{hex10}", (("address", "0.005"),)
_PIPS = AZURE_ID + "Network/publicIPAddresses/{name}"
_LBS, _PLANS = AZURE_ID + "Network/loadBalancers/{name}", AZURE_ID + "Web/serverFarms/{name}"
_P1V3 = (("P1v3", "0.155"),)

KINDS = (
    _kind(*_EIP, ("shop", "stage", "lake"), _EIPS, ("partner", "vpn", "old-shop"), "idle", _HOUR),
    _kind(*_EIP, ("shop", "shop"), _EIPS, ("gateway",), "in use", _HOUR),
    _kind(
        *_ELB, ("stage",), ARN.format("elasticloadbalancing", "loadbalancer/"), ("blue",), "empty", (("clb", "0.028"),)
    ),
    _kind(
        *_ELB, ("shop",), ARN.format("elasticloadbalancing", "loadbalancer/"), ("front",), "in use", (("clb", "0.028"),)
    ),
    _kind(
        "AWS",
        "Amazon Virtual Private Cloud",
        NETWORK,
        ("NAT gateway", "AWS::EC2::NatGateway"),
        ("stage",),
        ARN.format("ec2", "natgateway/nat-0000000{hex10}-"),
        ("unused-egress",),
        "available",
        (("NatGateway", "0.048"),),
        zonal=True,
    ),
    _kind(
        "AWS",
        EC2,
        COMPUTE,
        ("EC2 instance", "AWS::EC2::Instance"),
        ("shop", "lake"),
        "i-0000000{hex10}",
        ("reports", "printing"),
        "running",
        (("m4.large", "0.111"),),
        zonal=True,
    ),
    _kind(
        "AWS",
        EC2,
        BLOCKS,
        ("EBS volume", "AWS::EC2::Volume"),
        ("shop",),
        "vol-0000000{hex10}",
        (DELETED,),
        "available",
        (("gp3", "0.088"),),
        DISK,
        zonal=True,
    ),
    _kind(
        "AWS",
        RDS,
        TABLES,
        ("RDS database", "AWS::RDS::DBInstance"),
        ("lake",),
        ARN.format("rds", "db:"),
        ("newsletter",),
        "old",
        (("db.t4g.medium", "0.073"),),
        zonal=True,
    ),
    _kind(
        "AWS",
        RDS,
        TABLES,
        ("RDS snapshot", "AWS::RDS::DBSnapshot"),
        ("shop", "lake"),
        ARN.format("rds", "snapshot:"),
        ("before-migration", "year-end"),
        "available",
        (("backup", "0.095"),),
        DISK,
    ),
    _kind(
        *_LOGS,
        ("shop", "lake"),
        ARN.format("logs", "log-group:"),
        ("debug", "requests"),
        "for ever",
        (("logs", "0.03"),),
        DISK,
    ),
    _kind(
        *_LOGS,
        ("shop", "stage"),
        ARN.format("logs", "log-group:"),
        ("audit",),
        "kept a month",
        (("logs", "0.03"),),
        DISK,
    ),
    _kind(*_PIP, ("office", "lab"), _PIPS, ("pip-old", "pip-test"), "idle", _HOUR),
    _kind(*_PIP, ("office",), _PIPS, ("pip-nat",), "in use", _HOUR),
    _kind(*_LB, ("office",), _LBS, ("lb-retired",), "empty", (("Standard", "0.025"),)),
    _kind(*_LB, ("office",), _LBS, ("lb-erp",), "in use", (("Standard", "0.025"),)),
    _kind(*_PLAN, ("lab",), _PLANS, ("plan-prototype",), "empty", _P1V3),
    _kind(*_PLAN, ("office",), _PLANS, ("plan-intranet",), "in use", _P1V3),
    _kind(
        "AZURE",
        "Virtual Machines",
        COMPUTE,
        ("Virtual machine", "microsoft.compute/virtualmachines"),
        ("lab",),
        AZURE_ID + "Compute/virtualMachines/{name}",
        ("forgotten",),
        "halted",
        (("Standard_D4s_v5", "0.23"),),
    ),
    _kind(
        "AZURE",
        "Virtual Machines",
        COMPUTE,
        ("Virtual machine", "microsoft.compute/virtualmachines"),
        ("office",),
        AZURE_ID + "Compute/virtualMachines/{name}",
        ("terminal",),
        "running",
        (("Standard_D4s_v3", "0.24"),),
    ),
    _kind(
        "AZURE",
        "Storage",
        BLOCKS,
        ("Snapshot", "microsoft.compute/snapshots"),
        ("office", "office"),
        AZURE_ID + "Compute/snapshots/{name}",
        ("before-upgrade",),
        "Succeeded",
        (("Standard_LRS", "0.05"),),
        DISK,
    ),
    _kind(*_GIP, ("analytics", "trial"), _REGION + "addresses/{name}", ("api", "demo"), "idle", (("address", "0.01"),)),
    _kind(
        "GCP",
        "Compute Engine",
        BLOCKS,
        ("Snapshot", "compute.googleapis.com/Snapshot"),
        ("analytics", "analytics", "analytics"),
        GOOGLE_ID.format("compute") + "global/snapshots/{name}",
        ("boot",),
        "READY",
        (("snapshot", "0.05"),),
        DISK,
    ),
)


def bakery(seen: date, deleted_on: date | None = None) -> list[Resource]:
    """The estate with all that was left behind, and with the volume that was deleted on a day, where it was."""
    resources = estate(seen)
    return [*resources, *_leftovers(seen, deleted_on, resources)]


def deleted_id() -> str:
    """The native id of the volume that was found and deleted."""
    return next(one.id for one in bakery(date(2000, 1, 1), date(2000, 1, 1)) if one.ends is not None)


def _leftovers(seen: date, deleted_on: date | None, resources: list[Resource]) -> Iterator[Resource]:
    for place, kind in enumerate(KINDS, 1):
        if kind.names == (DELETED,) and deleted_on is None:
            continue
        for number in range(kind.count):
            name = kind.names[number] if number < len(kind.names) else f"{kind.names[0]}-{number + 1}"
            one = make_resource(kind, FIRST_NUMBER * place + number, seen, name)
            one.created = datetime.combine(seen - AGE + timedelta(days=30 * number), time(9), UTC)
            one.attached_to = _user(one, number, resources)
            one.ends = deleted_on if kind.names == (DELETED,) else None
            yield one


def _user(one: Resource, number: int, resources: list[Resource]) -> Resource | None:
    """The machine behind an address or a load balancer that is in use, the disk behind a snapshot of Google."""
    wanted = _USERS.get(one.kind.inventory_type)
    if wanted is None or one.status in {"idle", "empty"}:
        return None
    there = [other for other in resources if (other.kind.inventory_type, other.account) == (wanted, one.account)]
    if wanted.endswith("Disk"):
        return there[0]
    return [other for other in there if other.status == "running" and other.region == one.region][number]
