"""What a row of AWS's price list is for us: the code of a price, its unit, and how much of the row's price it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from app.records.detection import PriceUnit

Row = Mapping[str, str]
Found = tuple[str, PriceUnit, Decimal]
_WHOLE: Final = Decimal(1)
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
_PLACE: Final = re.compile(r"(?:[A-Z]{2,4}\d{0,2}-)?(.+)")
"""Usage types begin with the region, `EUC1-`, but in us-east-1."""
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
    "RDS:ChargedBackupUsage": ("rds.backup", PriceUnit.GIB_MONTH),
}
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


def code_of(row: Row) -> Found | None:
    """The price that a row tells; None where it tells none that checks ask for. Names of columns are in lower case."""
    family = row.get("product family", "")
    reader = _READERS.get(family, _usage)
    return reader(row, _PLACE.sub(r"\1", row.get("usagetype", "")))


def _machine(row: Row, _: str) -> Found | None:
    system, tenancy = _SYSTEMS.get(row.get("operating system", "")), _TENANCIES.get(row.get("tenancy", ""))
    plain = row.get("capacitystatus") == "Used" and row.get("pre installed s/w") == "NA"
    plain = plain and row.get("marketoption", "") in {"", "OnDemand"}
    free = row.get("license model") == "No License required"
    if system is None or tenancy is None or not plain or not free or not row.get("instance type"):
        return None
    return f"ec2.{row['instance type']}.{system}{tenancy}", PriceUnit.HOUR, _WHOLE


def _host(row: Row, _: str) -> Found | None:
    if row.get("capacitystatus") != "AllocatedHost" or row.get("operating system") not in {"Linux", "NA", ""}:
        return None
    return (f"ec2.host.{row['instance type']}", PriceUnit.HOUR, _WHOLE) if row.get("instance type") else None


def _volume(row: Row, usage: str) -> Found | None:
    found = _EBS.fullmatch(usage)
    if found is None:
        return _usage(row, usage)
    kind = {None: "standard", "piops": "io1"}.get(found[1], found[1])
    return f"ebs.{kind}.storage", PriceUnit.GIB_MONTH, _WHOLE


def _operations(_: Row, usage: str) -> Found | None:
    code = _EBS_IOPS.get(usage)
    return None if code is None else (code, PriceUnit.IOPS_MONTH, _WHOLE)


def _throughput(row: Row, usage: str) -> Found | None:
    if usage == "EBS:VolumeP-Throughput.gp3":
        # Told for a GiB a second.
        share = _WHOLE / _MIB_A_GIB if row.get("unit", "").lower().startswith("gibps") else _WHOLE
        return "ebs.gp3.throughput", PriceUnit.MIBPS_MONTH, share
    name, end = _database_usage(row, usage)
    return ("rds.throughput.gp3" + end, PriceUnit.MIBPS_MONTH, _WHOLE) if name == "RDS:GP3-Throughput" else None


def _balancer(row: Row, usage: str) -> Found | None:
    if usage != "LoadBalancerUsage":
        return None
    return _BALANCERS[row["product family"]], PriceUnit.HOUR, _WHOLE


def _database(row: Row, _: str) -> Found | None:
    engine, end = _ENGINES.get(row.get("database engine", "")), _DEPLOYMENTS.get(row.get("deployment option", ""))
    if engine is None or end is None or row.get("license model") != "No license required":
        return None
    if engine.startswith("aurora"):
        end = ".iopt1" if "IO Optimization" in row.get("storage", "") else ""
    return f"rds.{row.get('instance type', '')}.{engine}{end}", PriceUnit.HOUR, _WHOLE


def _database_storage(row: Row, usage: str) -> Found | None:
    name, end = _database_usage(row, usage)
    kind = _RDS_STORAGE.get(name)
    return None if kind is None else (f"rds.storage.{kind}{end}", PriceUnit.GIB_MONTH, _WHOLE)


def _database_operations(row: Row, usage: str) -> Found | None:
    name, end = _database_usage(row, usage)
    kind = _RDS_IOPS.get(name)
    return None if kind is None else (f"rds.iops.{kind}{end}", PriceUnit.IOPS_MONTH, _WHOLE)


def _database_usage(row: Row, usage: str) -> tuple[str, str]:
    """A usage type of RDS without its deployment; empty where the engine has storage of its own price."""
    if row.get("database engine", "Any") not in {"Any", "", "PostgreSQL"}:
        return "", ""
    if usage.startswith("RDS:Multi-AZ-"):
        return usage.replace("Multi-AZ-", ""), ".multiaz"
    return usage, ""


def _usage(_: Row, usage: str) -> Found | None:
    found = _PLAIN.get(usage)
    return None if found is None else (*found, _WHOLE)


_READERS: Final[Mapping[str, Callable[[Row, str], Found | None]]] = {
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
