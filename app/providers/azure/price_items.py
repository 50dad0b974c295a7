"""What an item of Azure's Retail Prices is for us, service by service: codes of prices, their unit, what share of it.

One item may tell several prices: that of a virtual core tells those of all machines of its series.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from app.records.detection import PriceUnit

Item = Mapping[str, Any]
Found = tuple[str, PriceUnit, Decimal]
Reader = Callable[[Item], Iterator[Found]]
_WHOLE: Final = Decimal(1)
_HOURS_A_DAY: Final = Decimal(24)
_BY_HOUR, _BY_DAY, _BY_MONTH, _BY_GIB, _BY_GIB_MONTH = "1 Hour", "1/Day", "1/Month", "1 GB", "1 GB/Month"
_DISKS: Final = {
    "Premium SSD Managed Disks": "premium",
    "Standard SSD Managed Disks": "standardssd",
    "Standard HDD Managed Disks": "standard",
}
_DISK: Final = re.compile(r"([PES]\d{1,2}) (LRS|ZRS)(?: Disks?)?")
_SNAPSHOT: Final = re.compile(r"(?:(LRS|ZRS) Snapshots|Snapshots (LRS|ZRS)(?: Snapshots)?)")
_STORED: Final = re.compile(r"(Hot|Cool|Cold|Archive) (LRS|ZRS|GRS|RA-GRS|GZRS|RA-GZRS) Data Stored")
_HOT_LOCAL: Final = ("Hot", "LRS")
_ADDRESS: Final = re.compile(r"(Standard|Basic) (?:IPv4 )?Static (?:IPv4 )?Public IP")
_NOT_ON_DEMAND: Final = ("Spot", "Low Priority")
_PLAN: Final = re.compile(
    r"Azure App Service (?:Basic|Standard|Premium v2|Premium v3|Isolated|Isolated v2) Plan( - Linux)?"
)
_PLAN_SIZE: Final = re.compile(r"[BSPI]\d ?(?:m?v[23])?")
_GATEWAY: Final = re.compile(r"Application Gateway (Standard|WAF) v2")
_FIXED: Final = frozenset({"Fixed Cost", "Standard Fixed Cost"})
_UNITS: Final = frozenset({"Capacity Units", "Standard Capacity Units"})
_CACHE: Final = re.compile(r"Azure Redis Cache (Basic|Standard|Premium)")
_TIERS: Final = {"General Purpose": "gp", "Business Critical": "bc"}
_POOLED: Final = re.compile(
    r"SQL Database Single/Elastic Pool (General Purpose|Business Critical) - (Compute Gen5|Storage)"
)
_INSTANCE: Final = re.compile(r"SQL Managed Instance (General Purpose|Business Critical) - (Compute Gen5|Storage)")
_DTUS: Final = re.compile(r"SQL Database Single (?:Basic|Standard|Premium)")
_POOL: Final = re.compile(r"SQL Database Elastic Pool - (Basic|Standard|Premium)")
_PACK: Final = re.compile(r"(\d+) DTU Pack")
_ONE_CORE: Final = frozenset({"vCore", "1 vCore"})
_FLEXIBLE: Final = re.compile(
    r"Azure Database for (?:PostgreSQL|MySQL) Flexible Server (?:General Purpose|Memory Optimized)"
    r"\s+(?:- ?)?([DE])([a-z]*)v(\d) Series Compute"
)
_BURSTABLE: Final = re.compile(r"Azure Database for (?:PostgreSQL|MySQL) Flexible Server Burstable .+")
_FLEXIBLE_SIZES: Final = (2, 4, 8, 16, 20, 32, 48, 64, 96)
_FLEXIBLE_STORAGE: Final = frozenset(
    {
        "Az DB for PostgreSQL Flexible Server Storage",
        "Azure Database for PostgreSQL Flex Server Storage",
        "Azure Database for MySQL Flexible Server Storage",
    }
)
_THREE_TIERS: Final = re.compile(r"Basic|Standard|Premium")
_COMMITMENT: Final = re.compile(r"(\d+) GB Commitment Tier.*")


_LICENCE: Final = re.compile(r"SQL .+ (General Purpose|Business Critical) - SQL License")
OWN_LICENCE: Final = ".ahb"
"""The end of codes of what is paid by those who bring licences of their own."""
LICENSED: Final = frozenset({"SQL Database", "SQL Managed Instance"})
"""Services whose licences are told apart from their machines, for all regions together."""


def _told(item: Item, name: str) -> str:
    return str(item.get(name) or "")


def _machine(item: Item) -> Iterator[Found]:
    name, product = _told(item, "armSkuName"), _told(item, "productName")
    told = f"{item.get('skuName')} {item.get('meterName')}"
    if not name.startswith(("Standard_", "Basic_")) or item.get("unitOfMeasure") != _BY_HOUR:
        return
    if any(word in told for word in _NOT_ON_DEMAND) or "CloudServices" in product or "Cloud Services" in product:
        return
    system = "windows" if "windows" in product.lower() else "linux"
    yield f"az.vm.{name.lower()}.{system}", PriceUnit.HOUR, _WHOLE


def _storage(item: Item) -> Iterator[Found]:
    product, meter, unit = _told(item, "productName"), _told(item, "meterName"), item.get("unitOfMeasure")
    family = _DISKS.get(product)
    if family is None:
        yield from _blobs(product, meter, unit)
    elif unit == _BY_MONTH and (found := _DISK.fullmatch(meter)):
        yield f"az.disk.{family}_{found[2].lower()}.{found[1].lower()}", PriceUnit.MONTH, _WHOLE
    elif unit == _BY_GIB_MONTH and (found := _SNAPSHOT.fullmatch(meter)):
        yield f"az.snapshot.{family}_{(found[1] or found[2]).lower()}", PriceUnit.GIB_MONTH, _WHOLE


def _blobs(product: str, meter: str, unit: object) -> Iterator[Found]:
    """Prices of blobs are told by kind of account; all regions tell hot ones without copies for `Blob Storage` only."""
    found = _STORED.fullmatch(meter)
    if found is None or unit != _BY_GIB_MONTH:
        return
    if product == ("Blob Storage" if (found[1], found[2]) == _HOT_LOCAL else "General Block Blob v2"):
        kept = found[2].replace("-", "").lower()
        yield f"az.storage.standard_{kept}.{found[1].lower()}", PriceUnit.GIB_MONTH, _WHOLE


def _network(item: Item) -> Iterator[Found]:
    found = _ADDRESS.fullmatch(_told(item, "meterName"))
    if found is not None and item.get("unitOfMeasure") == _BY_HOUR:
        yield f"az.pip.{found[1].lower()}", PriceUnit.HOUR, _WHOLE


def _plan(item: Item) -> Iterator[Found]:
    found, size = _PLAN.fullmatch(_told(item, "productName")), _told(item, "skuName")
    if found is None or _PLAN_SIZE.fullmatch(size) is None or item.get("unitOfMeasure") != _BY_HOUR:
        return
    system = "linux" if found[1] else "windows"
    yield f"az.asp.{size.replace(' ', '').lower()}.{system}", PriceUnit.HOUR, _WHOLE


def _application_gateway(item: Item) -> Iterator[Found]:
    found, meter = _GATEWAY.fullmatch(_told(item, "productName")), _told(item, "meterName")
    if found is None:
        return
    name = f"az.appgw.{found[1].lower()}_v2"
    if meter in _FIXED:
        yield name, PriceUnit.HOUR, _WHOLE
    elif meter in _UNITS:
        yield f"{name}.unit", PriceUnit.HOUR, _WHOLE


def _tier(code: str, tiers: re.Pattern[str], *meters: str) -> Reader:
    """A reader of what has a price by tier: the meter is the tier, in most places with a word behind it."""

    def read(item: Item) -> Iterator[Found]:
        tier, meter = _told(item, "skuName"), _told(item, "meterName")
        is_hour = item.get("unitOfMeasure") == _BY_HOUR
        if is_hour and tiers.fullmatch(tier) and meter in {f"{tier}{word}" for word in meters}:
            yield f"{code}.{tier.lower()}", PriceUnit.HOUR, _WHOLE

    return read


def _redis(item: Item) -> Iterator[Found]:
    """Of a cache with its copy; beside it, the price of one node is told."""
    found, size = _CACHE.fullmatch(_told(item, "productName")), _told(item, "skuName")
    if found is not None and item.get("meterName") == f"{size} Cache" and item.get("unitOfMeasure") == _BY_HOUR:
        yield f"az.redis.{found[1].lower()}.{size.lower()}", PriceUnit.HOUR, _WHOLE


def _sql(item: Item) -> Iterator[Found]:
    product, size, meter = _told(item, "productName"), _told(item, "skuName"), _told(item, "meterName")
    day = item.get("unitOfMeasure") == _BY_DAY
    if found := _POOLED.fullmatch(product):
        yield from _cores_or_storage(item, found, ("az.sqldb", "az.sqlpool"), "az.sqldb")
    elif day and _DTUS.fullmatch(product) and meter.endswith(("DTU", "DTUs")):
        name = "basic" if size == "B" else size.lower()
        yield f"az.sqldb.{name}", PriceUnit.HOUR, _WHOLE / _HOURS_A_DAY
    elif day and (found := _POOL.fullmatch(product)) and meter == "eDTUs" and (pack := _PACK.fullmatch(size)):
        yield f"az.sqlpool.{found[1].lower()}pool.{pack[1]}", PriceUnit.HOUR, _WHOLE / _HOURS_A_DAY


def _managed_instance(item: Item) -> Iterator[Found]:
    if found := _INSTANCE.fullmatch(_told(item, "productName")):
        yield from _cores_or_storage(item, found, ("az.sqlmi",), "az.sqlmi")


def _cores_or_storage(item: Item, product: re.Match[str], owners: tuple[str, ...], keeper: str) -> Iterator[Found]:
    """A virtual core without the licence, which is told apart for all regions, or what is stored."""
    tier, meter, unit = product[1], _told(item, "meterName"), item.get("unitOfMeasure")
    if product[2] != "Storage":
        if meter == "vCore" and _told(item, "skuName") in _ONE_CORE and unit == _BY_HOUR:
            for owner in owners:
                yield f"{owner}.{_TIERS[tier]}_gen5{OWN_LICENCE}", PriceUnit.HOUR, _WHOLE
    elif meter in {"Data Stored", f"{tier} Data Stored"} and unit == _BY_GIB_MONTH:
        yield f"{keeper}.storage.{_TIERS[tier]}", PriceUnit.GIB_MONTH, _WHOLE


def _flexible(short: str) -> Reader:
    """A reader of flexible servers: storage, burstable machines, and all sizes by the price of a virtual core."""

    def read(item: Item) -> Iterator[Found]:
        product, size, meter = _told(item, "productName"), _told(item, "skuName"), _told(item, "meterName")
        unit = item.get("unitOfMeasure")
        if product in _FLEXIBLE_STORAGE:
            if meter == "Storage Data Stored" and unit == _BY_GIB_MONTH:
                yield f"az.{short}.storage", PriceUnit.GIB_MONTH, _WHOLE
        elif _BURSTABLE.fullmatch(product):
            if meter == size and unit == _BY_HOUR:
                yield f"az.{short}.standard_{size.lower()}", PriceUnit.HOUR, _WHOLE
        elif (found := _FLEXIBLE.fullmatch(product)) and meter == "vCore" and size in _ONE_CORE and unit == _BY_HOUR:
            for cores in _FLEXIBLE_SIZES:
                name = f"standard_{found[1].lower()}{cores}{found[2]}_v{found[3]}"
                yield f"az.{short}.{name}", PriceUnit.HOUR, Decimal(cores)

    return read


def _logs(item: Item) -> Iterator[Found]:
    """A tier is told for a day with all its gigabytes."""
    size = _told(item, "skuName")
    found = _COMMITMENT.fullmatch(size)
    if found and size in _told(item, "meterName") and item.get("unitOfMeasure") == _BY_DAY:
        yield f"az.loganalytics.commitment{found[1]}", PriceUnit.GIB, _WHOLE / Decimal(found[1])


def _ingestion(item: Item) -> Iterator[Found]:
    is_paid = item.get("skuName") == "Pay-as-you-go" and _told(item, "meterName").endswith("Data Ingestion")
    if is_paid and item.get("unitOfMeasure") == _BY_GIB:
        yield "az.loganalytics.ingested", PriceUnit.GIB, _WHOLE


AFTER_FREE: Final = frozenset({"az.loganalytics.ingested"})
"""Codes of which the first tier is free, and the second the price of all the rest."""


def licence_of(item: Item) -> str | None:
    """The tier, `gp` or `bc`, of which an item tells the licence of a virtual core for an hour."""
    found = _LICENCE.fullmatch(_told(item, "productName"))
    is_core = item.get("meterName") == "vCore" and item.get("unitOfMeasure") == _BY_HOUR
    return _TIERS[found[1]] if found and is_core else None


SERVICES: Final[Mapping[str, Reader]] = {
    "Virtual Machines": _machine,
    "Storage": _storage,
    "Virtual Network": _network,
    "SQL Database": _sql,
    "SQL Managed Instance": _managed_instance,
    "Azure Database for PostgreSQL": _flexible("pg"),
    "Azure Database for MySQL": _flexible("mysql"),
    "Azure App Service": _plan,
    "Redis Cache": _redis,
    "Application Gateway": _application_gateway,
    "VPN Gateway": _tier("az.vng", re.compile(r"Basic|VpnGw\d(?:AZ)?"), "", " Gateway"),
    "ExpressRoute": _tier("az.vng", re.compile(r"ErGw\dAZ"), " Gateway"),
    "Azure Firewall": _tier("az.firewall", _THREE_TIERS, " Deployment"),
    "Azure Bastion": _tier("az.bastion", _THREE_TIERS, " Gateway"),
    "Azure Monitor": _logs,
    "Log Analytics": _ingestion,
}
"""By the name of the service; those with most money first, as they are read in this order."""
REFRESHED: Final = (
    "az.vm.*", "az.disk.*", "az.snapshot.*", "az.storage.*", "az.pip.standard", "az.pip.basic", "az.sqldb.basic",
    "az.sqldb.s*", "az.sqldb.p*", "az.sqldb.*_gen5", "az.sqldb.*.ahb", "az.sqldb.storage.*", "az.sqlpool.*pool.*",
    "az.sqlpool.*_gen5", "az.sqlpool.*.ahb", "az.sqlmi.*_gen5", "az.sqlmi.*.ahb", "az.sqlmi.storage.*", "az.pg.*",
    "az.mysql.*", "az.asp.*", "az.redis.*", "az.appgw.*_v2", "az.appgw.*_v2.unit", "az.vng.basic", "az.vng.vpngw*",
    "az.vng.ergw*", "az.firewall.*", "az.bastion.basic", "az.bastion.standard", "az.bastion.premium",
    "az.loganalytics.commitment*", "az.loganalytics.ingested",
)  # fmt: skip
"""Patterns of all codes that Azure's Retail Prices tell us."""
