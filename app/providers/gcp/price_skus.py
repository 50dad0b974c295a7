"""What a SKU of Google's Cloud Billing Catalog is for us, service by service; None for those that no check asks for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.records.detection import PriceUnit

Sku = Mapping[str, Any]
Found = tuple[str, PriceUnit]
_MACHINE: Final = re.compile(
    r"(?P<family>[A-Z]\d[A-Z]?)(?: AMD| Arm)?(?: Predefined)?(?P<custom> Custom)?(?P<extended> Extended)? "
    r"Instance (?P<part>Core|Ram) running in .+"
)
_N1_CUSTOM: Final = re.compile(r"Custom(?P<extended> Extended)? Instance (?P<part>Core|Ram) running in .+")
_C2: Final = re.compile(r"Compute optimized (?P<part>Core|Ram) running in .+")
_SHARED: Final = {"Micro Instance with burstable CPU": "f1-micro", "Small Instance with 1 VCPU": "g1-small"}
_GPU: Final = re.compile(r"Nvidia (?P<name>(?:Tesla )?[A-Z0-9]+) GPU running in .+")
_PLAIN: Final = {
    "Storage PD Capacity": ("gcp.disk.pd-standard", PriceUnit.GIB_MONTH),
    "SSD backed PD Capacity": ("gcp.disk.pd-ssd", PriceUnit.GIB_MONTH),
    "Balanced PD Capacity": ("gcp.disk.pd-balanced", PriceUnit.GIB_MONTH),
    "Regional Storage PD Capacity": ("gcp.disk.pd-standard.regional", PriceUnit.GIB_MONTH),
    "Regional SSD backed PD Capacity": ("gcp.disk.pd-ssd.regional", PriceUnit.GIB_MONTH),
    "Regional Balanced PD Capacity": ("gcp.disk.pd-balanced.regional", PriceUnit.GIB_MONTH),
    "Extreme PD Capacity": ("gcp.disk.pd-extreme", PriceUnit.GIB_MONTH),
    "Extreme PD IOPS": ("gcp.disk.pd-extreme.iops", PriceUnit.IOPS_MONTH),
    "SSD backed Local Storage": ("gcp.disk.local-ssd", PriceUnit.GIB_MONTH),
    "Storage PD Snapshot": ("gcp.snapshot", PriceUnit.GIB_MONTH),
    "Storage Image": ("gcp.image", PriceUnit.GIB_MONTH),
    "Static Ip Charge": ("gcp.address.unused.hour", PriceUnit.HOUR),
    "Hyperdisk Balanced Capacity": ("gcp.disk.hyperdisk-balanced", PriceUnit.GIB_MONTH),
    "Hyperdisk Balanced IOPS": ("gcp.disk.hyperdisk-balanced.iops", PriceUnit.IOPS_MONTH),
    "Network Load Balancing: Forwarding Rule Minimum Service Charge": ("gcp.lb.first_rules.hour", PriceUnit.HOUR),
    "Network Load Balancing: Forwarding Rule Additional Service Charge": ("gcp.lb.further_rule.hour", PriceUnit.HOUR),
}
_TUNNELS: Final = "VPNTunnel"
_DATABASE: Final = re.compile(r"Cloud SQL for MySQL: Zonal - (.+?)(?: in .+)?")
_DATABASE_PARTS: Final = {
    "vCPU": ("gcp.sql.enterprise.vcpu", PriceUnit.HOUR),
    "RAM": ("gcp.sql.enterprise.gib", PriceUnit.HOUR),
    "Standard storage": ("gcp.sql.storage.pd_ssd", PriceUnit.GIB_MONTH),
    "Low cost storage": ("gcp.sql.storage.pd_hdd", PriceUnit.GIB_MONTH),
}
_SHARED_DATABASES: Final = {
    "SQLGen2InstancesF1Micro": "gcp.sql.db-f1-micro",
    "SQLGen2InstancesG1Small": "gcp.sql.db-g1-small",
}
_CLASSES: Final = {
    "RegionalStorage": "standard",
    "MultiRegionalStorage": "standard",
    "NearlineStorage": "nearline",
    "ColdlineStorage": "coldline",
    "ArchiveStorage": "archive",
}
_KEPT: Final = re.compile(r"(?:Standard|Nearline|Coldline|Archive) Storage (?!.*(?:Early Delete|Dual)).+")
_LONG_TERM: Final = re.compile(r"Long[ -]Term Logical Storage \(.+\)")
_REDIS: Final = re.compile(r"Redis Capacity (Basic|Standard) (M[1-5])(?: .+)?")
_RUN: Final = re.compile(r"Services (CPU|Memory) \(Instance-based billing\) in .+")


def _compute(description: str, group: str) -> Found | None:
    plain, _, _ = description.partition(" in ")
    if group == _TUNNELS:
        return "gcp.vpn.tunnel.hour", PriceUnit.HOUR
    return _PLAIN[plain] if plain in _PLAIN else _machine(description)


def _machine(description: str) -> Found | None:
    if found := _MACHINE.fullmatch(description):
        return _part(found["family"].lower(), found["custom"], found["extended"], found["part"])
    if found := _N1_CUSTOM.fullmatch(description):
        return _part("n1", "custom", found["extended"], found["part"])
    if found := _C2.fullmatch(description):
        return _part("c2", None, None, found["part"])
    if found := _GPU.fullmatch(description):
        return f"gcp.gpu.nvidia-{found['name'].lower().replace(' ', '-')}", PriceUnit.HOUR
    shared = _SHARED.get(description.partition(" running in ")[0])
    return None if shared is None else (f"gcp.vm.{shared}", PriceUnit.HOUR)


def _part(family: str, custom: str | None, extended: str | None, part: str) -> Found | None:
    if family == "e2" and custom:
        return None  # the same price as of predefined types
    made = f"gcp.vm.{family}.custom" if custom else f"gcp.vm.{family}"
    name = "vcpu" if part == "Core" else "extended_gib" if extended else "gib"
    return f"{made}.{name}", PriceUnit.HOUR


def _database(description: str, group: str) -> Found | None:
    """Prices of all engines are the same, but for licences; those of two zones are twice as high."""
    found = _DATABASE.fullmatch(description)
    if found is None:
        return None
    shared = _SHARED_DATABASES.get(group)
    return _DATABASE_PARTS.get(found[1]) if shared is None else (shared, PriceUnit.HOUR)


def _bucket(description: str, group: str) -> Found | None:
    kept = _CLASSES.get(group)
    if kept is None or _KEPT.fullmatch(description) is None:
        return None
    return f"gcp.storage.{kept}", PriceUnit.GIB_MONTH


def _table(description: str, _: str) -> Found | None:
    return ("gcp.bq.storage.long_term", PriceUnit.GIB_MONTH) if _LONG_TERM.fullmatch(description) else None


def _redis(description: str, _: str) -> Found | None:
    found = _REDIS.fullmatch(description)
    return None if found is None else (f"gcp.redis.{found[1].lower()}.{found[2].lower()}", PriceUnit.HOUR)


def _run(description: str, _: str) -> Found | None:
    found = _RUN.fullmatch(description)
    if found is None:
        return None
    return f"gcp.run.always.{'vcpu' if found[1] == 'CPU' else 'gib'}", PriceUnit.HOUR


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the catalogue: how Google numbers it, and what its SKUs are for us, by description and group."""

    number: str
    read: Callable[[str, str], Found | None]


SERVICES: Final[Mapping[str, Service]] = {
    "Compute Engine": Service("6F81-5844-456A", _compute),
    "Cloud SQL": Service("9662-B51E-5089", _database),
    "Cloud Storage": Service("95FF-2EF5-5EA1", _bucket),
    "BigQuery": Service("24E6-581D-38E5", _table),
    "Cloud Memorystore for Redis": Service("5AF5-2C11-D467", _redis),
    "Cloud Run": Service("152E-C115-5142", _run),
}
"""By the name of the service; those with most money first, as they are read in this order."""
REFRESHED: Final = (
    "gcp.vm.*", "gcp.gpu.*", *(code for code, _ in _PLAIN.values()), "gcp.vpn.tunnel.hour",
    *(code for code, _ in _DATABASE_PARTS.values()), *_SHARED_DATABASES.values(), "gcp.storage.standard",
    "gcp.storage.nearline", "gcp.storage.coldline", "gcp.storage.archive", "gcp.bq.storage.long_term",
    "gcp.redis.basic.*", "gcp.redis.standard.*", "gcp.run.always.*",
)  # fmt: skip
"""Patterns of all codes that Google's catalogue tells us."""


def code_of(service: str, sku: Sku) -> Found | None:
    """The price that a SKU of a service tells; None where it tells none that checks ask for."""
    category = sku.get("category") or {}
    if category.get("usageType") != "OnDemand":
        return None
    description, group = str(sku.get("description") or ""), str(category.get("resourceGroup") or "")
    return SERVICES[service].read(description, group)
