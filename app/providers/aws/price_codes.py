"""What a row of AWS's price lists of EC2, RDS, load balancers and VPC is for us; see price_services for the others.

A reader is given a row and its usage type without the region, and tells the code of a price, its unit, and how much of
the row's price it is. Names of columns are in lower case, letters and figures only: `Product Family` and
`productFamily` are both `productfamily`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from app.records.detection import PriceUnit

Row = Mapping[str, str]
Found = tuple[str, PriceUnit, Decimal]
Reader = Callable[[Row, str], Found | None]
WHOLE: Final = Decimal(1)
_MIB_A_GIB: Final = Decimal(1024)
_SYSTEMS: Final = {"Linux": "linux", "Windows": "windows", "RHEL": "rhel", "SUSE": "suse"}
_TENANCIES: Final = {"Shared": "", "Dedicated": ".dedicated"}
_ENGINES: Final = {
    "MySQL": "mysql",
    "MariaDB": "mariadb",
    "PostgreSQL": "postgres",
    "Aurora MySQL": "aurora-mysql",
    "Aurora PostgreSQL": "aurora-postgresql",
}
_DEPLOYMENTS: Final = {"Single-AZ": "", "Multi-AZ": ".multiaz", "Multi-AZ (readable standbys)": ".cluster"}
_EBS: Final = re.compile(r"EBS:VolumeUsage(?:\.(gp2|gp3|piops|io2|st1|sc1))?")
_EBS_IOPS: Final = {
    "EBS:VolumeP-IOPS.piops": "ebs.io1.iops",
    "EBS:VolumeP-IOPS.io2": "ebs.io2.iops",
    "EBS:VolumeP-IOPS.io2.tier2": "ebs.io2.iops.tier2",
    "EBS:VolumeP-IOPS.io2.tier3": "ebs.io2.iops.tier3",
    "EBS:VolumeP-IOPS.gp3": "ebs.gp3.iops",
}
_PLAIN: Final[Mapping[str, tuple[str, PriceUnit]]] = {
    "EBS:SnapshotUsage": ("ebs.snapshot.storage", PriceUnit.GIB_MONTH),
    "EBS:SnapshotArchiveStorage": ("ebs.snapshot.archive", PriceUnit.GIB_MONTH),
    "NatGateway-Hours": ("nat.hour", PriceUnit.HOUR),
    "PublicIPv4:IdleAddress": ("eip.hour", PriceUnit.HOUR),
    "VpcEndpoint-Hours": ("vpce.interface.hour", PriceUnit.HOUR),
    "ClientVPN-EndpointHours": ("client_vpn.association.hour", PriceUnit.HOUR),
    "VPN-Usage-Hours:ipsec.1": ("vpn.connection.hour", PriceUnit.HOUR),
    "RDS:ChargedBackupUsage": ("rds.backup", PriceUnit.GIB_MONTH),
}
_ATTACHMENT: Final = "TransitGateway-Hours"
_EXTENDED: Final = re.compile(r"ExtendedSupport:(Yr1-Yr2|Yr3):(?:MySQL|PostgreSQL).*")
_YEARS: Final = {"Yr1-Yr2": "rds.extended_support.years1_2", "Yr3": "rds.extended_support.year3"}
_RDS_STORAGE: Final = {
    "RDS:GP2-Storage": "gp2",
    "RDS:GP3-Storage": "gp3",
    "RDS:PIOPS-Storage": "io1",
    "RDS:PIOPS-Storage-IO2": "io2",
    "RDS:StorageUsage": "standard",
}
_RDS_IOPS: Final = {"RDS:PIOPS": "io1", "RDS:PIOPS-IO2": "io2", "RDS:GP3-PIOPS": "gp3"}
_BALANCERS: Final = {
    "Load Balancer": "elb.classic.hour",
    "Load Balancer-Application": "elb.alb.hour",
    "Load Balancer-Network": "elb.nlb.hour",
    "Load Balancer-Gateway": "elb.gwlb.hour",
}


REFRESHED: Final = (
    "ec2.*", "ebs.*", "nat.hour", "eip.hour", "vpce.interface.hour", "tgw.attachment.hour", "vpn.connection.hour",
    "client_vpn.association.hour", "elb.*", "rds.db.*", "rds.storage.*", "rds.iops.*", "rds.throughput.*",
    "rds.backup", "rds.extended_support.*",
)  # fmt: skip
"""Codes that are told here."""


def by_family(row: Row, usage: str) -> Found | None:
    """The price of a row of EC2, RDS, load balancers or VPC; None where it tells none that checks ask for."""
    return _READERS.get(row.get("productfamily", ""), _usage)(row, usage)


def _machine(row: Row, _: str) -> Found | None:
    system, tenancy = _SYSTEMS.get(row.get("operatingsystem", "")), _TENANCIES.get(row.get("tenancy", ""))
    plain = row.get("capacitystatus") == "Used" and row.get("preinstalledsw") == "NA"
    plain = plain and row.get("marketoption", "") in {"", "OnDemand"}
    free = row.get("licensemodel") == "No License required"
    if system is None or tenancy is None or not plain or not free or not row.get("instancetype"):
        return None
    return f"ec2.{row['instancetype']}.{system}{tenancy}", PriceUnit.HOUR, WHOLE


def _host(row: Row, _: str) -> Found | None:
    if row.get("capacitystatus") != "AllocatedHost" or row.get("operatingsystem") not in {"Linux", "NA", ""}:
        return None
    return (f"ec2.host.{row['instancetype']}", PriceUnit.HOUR, WHOLE) if row.get("instancetype") else None


def _volume(row: Row, usage: str) -> Found | None:
    found = _EBS.fullmatch(usage)
    if found is None:
        return _usage(row, usage)
    kind = {None: "standard", "piops": "io1"}.get(found[1], found[1])
    return f"ebs.{kind}.storage", PriceUnit.GIB_MONTH, WHOLE


def _operations(_: Row, usage: str) -> Found | None:
    code = _EBS_IOPS.get(usage)
    return None if code is None else (code, PriceUnit.IOPS_MONTH, WHOLE)


def _throughput(row: Row, usage: str) -> Found | None:
    if usage == "EBS:VolumeP-Throughput.gp3":
        # Told for a GiB a second.
        share = WHOLE / _MIB_A_GIB if row.get("unit", "").lower().startswith("gibps") else WHOLE
        return "ebs.gp3.throughput", PriceUnit.MIBPS_MONTH, share
    name, end = _database_usage(row, usage)
    return ("rds.throughput.gp3" + end, PriceUnit.MIBPS_MONTH, WHOLE) if name == "RDS:GP3-Throughput" else None


def _balancer(row: Row, usage: str) -> Found | None:
    if usage != "LoadBalancerUsage":
        return None
    return _BALANCERS[row["productfamily"]], PriceUnit.HOUR, WHOLE


def _database(row: Row, _: str) -> Found | None:
    engine, end = _ENGINES.get(row.get("databaseengine", "")), _DEPLOYMENTS.get(row.get("deploymentoption", ""))
    if engine is None or end is None or row.get("licensemodel") != "No license required":
        return None
    if engine.startswith("aurora"):
        end = ".iopt1" if "IO Optimization" in row.get("storage", "") else ""
    return f"rds.{row.get('instancetype', '')}.{engine}{end}", PriceUnit.HOUR, WHOLE


def _database_storage(row: Row, usage: str) -> Found | None:
    name, end = _database_usage(row, usage)
    kind = _RDS_STORAGE.get(name)
    return None if kind is None else (f"rds.storage.{kind}{end}", PriceUnit.GIB_MONTH, WHOLE)


def _database_operations(row: Row, usage: str) -> Found | None:
    name, end = _database_usage(row, usage)
    kind = _RDS_IOPS.get(name)
    return None if kind is None else (f"rds.iops.{kind}{end}", PriceUnit.IOPS_MONTH, WHOLE)


def _database_usage(row: Row, usage: str) -> tuple[str, str]:
    """A usage type of RDS without its deployment; empty where the engine has storage of its own price."""
    if row.get("databaseengine", "Any") not in {"Any", "", "PostgreSQL"}:
        return "", ""
    if usage.startswith("RDS:Multi-AZ-"):
        return usage.replace("Multi-AZ-", ""), ".multiaz"
    return usage, ""


def _usage(row: Row, usage: str) -> Found | None:
    if usage == _ATTACHMENT:
        # Told for each kind of attachment, and those of a VPC are what is looked at.
        is_of_vpc = row.get("operation", "") == "TransitGatewayVPC"
        return ("tgw.attachment.hour", PriceUnit.HOUR, WHOLE) if is_of_vpc else None
    if extended := _EXTENDED.fullmatch(usage):
        return _YEARS[extended[1]], PriceUnit.HOUR, WHOLE
    found = _PLAIN.get(usage)
    return None if found is None else (*found, WHOLE)


_READERS: Final[Mapping[str, Reader]] = {
    "Compute Instance": _machine,
    "Compute Instance (bare metal)": _machine,
    "Dedicated Host": _host,
    "Storage": _volume,
    "System Operation": _operations,
    "Provisioned Throughput": _throughput,
    **dict.fromkeys(_BALANCERS, _balancer),
    "Database Instance": _database,
    "Database Storage": _database_storage,
    "Provisioned IOPS": _database_operations,
}
