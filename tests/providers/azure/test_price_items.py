"""What items of Azure's Retail Prices are for us, service by service."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.pricing.book import pattern_of
from app.providers.azure.price_items import REFRESHED
from app.providers.azure.prices import AzurePrices
from tests.providers.azure.test_prices import item, page, read, reader, server
from tests.providers.price_server import PriceServer

__all__ = ["reader", "server"]

_SQL, _POOL = "SQL Database Single Standard", "SQL Database Single/Elastic Pool General Purpose"
_INSTANCE, _PG = "SQL Managed Instance Business Critical", "Azure Database for PostgreSQL Flexible Server"
_MYSQL = "Azure Database for MySQL Flexible Server"
# Service, product, SKU, meter, unit, and what it tells by code as shares of its price; nothing where it tells none.
ITEMS: list[tuple[str, str, str, str, str, dict[str, str]]] = [
    ("SQL Database", _SQL, "S1", "S1 DTUs", "1/Day", {"az.sqldb.s1": "0.5"}),
    ("SQL Database", "SQL Database Single Basic", "B", "B DTU", "1/Day", {"az.sqldb.basic": "0.5"}),
    ("SQL Database", "SQL Database Single Premium", "P1", "P1 DTUs", "1/Day", {"az.sqldb.p1": "0.5"}),
    ("SQL Database", "SQL Database Elastic Pool - Standard", "50 DTU Pack", "eDTUs", "1/Day",
     {"az.sqlpool.standardpool.50": "0.5"}),
    ("SQL Database", f"{_POOL} - Compute Gen5", "1 vCore", "vCore", "1 Hour",
     {"az.sqldb.gp_gen5.ahb": "12", "az.sqlpool.gp_gen5.ahb": "12"}),
    ("SQL Database", f"{_POOL} - Compute Gen5", "1 vCore Zone Redundancy", "Zone Redundancy vCore", "1 Hour", {}),
    ("SQL Database", f"{_POOL} - Storage", "General Purpose", "General Purpose Data Stored", "1 GB/Month",
     {"az.sqldb.storage.gp": "12"}),
    ("SQL Database", f"{_POOL} - Storage", "General Purpose", "General Purpose Zone Redundancy Data Stored",
     "1 GB/Month", {}),
    ("SQL Managed Instance", f"{_INSTANCE} - Compute Gen5", "vCore", "vCore", "1 Hour", {"az.sqlmi.bc_gen5.ahb": "12"}),
    ("SQL Managed Instance", f"{_INSTANCE} - Storage", "Business Critical", "Data Stored", "1 GB/Month",
     {"az.sqlmi.storage.bc": "12"}),
    ("Azure Database for PostgreSQL", f"{_PG} General Purpose Ddsv5 Series Compute", "vCore", "vCore", "1 Hour",
     {f"az.pg.standard_d{cores}ds_v5": str(12 * cores) for cores in (2, 4, 8, 16, 20, 32, 48, 64, 96)}),
    ("Azure Database for PostgreSQL", f"{_PG} Burstable BS Series Compute", "B1MS", "B1MS", "1 Hour",
     {"az.pg.standard_b1ms": "12"}),
    ("Azure Database for PostgreSQL", "Azure Database for PostgreSQL Flex Server Storage", "Storage",
     "Storage Data Stored", "1 GB/Month", {"az.pg.storage": "12"}),
    ("Azure Database for MySQL", f"{_MYSQL} Storage", "Storage", "Storage Data Stored", "1 GB/Month",
     {"az.mysql.storage": "12"}),
    ("Azure App Service", "Azure App Service Premium v3 Plan - Linux", "P1 v3", "P1 v3 App", "1 Hour",
     {"az.asp.p1v3.linux": "12"}),
    ("Azure App Service", "Azure App Service Standard Plan", "S1", "S1 App", "1 Hour", {"az.asp.s1.windows": "12"}),
    ("Azure App Service", "Azure App Service Standard Plan", "SSL", "SSL", "1/Month", {}),
    ("Redis Cache", "Azure Redis Cache Standard", "C1", "C1 Cache", "1 Hour", {"az.redis.standard.c1": "12"}),
    ("Redis Cache", "Azure Redis Cache Standard", "C1", "C1 Cache Instance", "1 Hour", {}),
    ("Application Gateway", "Application Gateway WAF v2", "Standard", "Standard Fixed Cost", "1/Hour",
     {"az.appgw.waf_v2": "12"}),
    ("Application Gateway", "Application Gateway Standard v2", "Standard", "Standard Capacity Units", "1/Hour",
     {"az.appgw.standard_v2.unit": "12"}),
    ("VPN Gateway", "VPN Gateway", "VpnGw1AZ", "VpnGw1AZ", "1 Hour", {"az.vng.vpngw1az": "12"}),
    ("VPN Gateway", "VPN Gateway", "Basic", "Basic Gateway", "1 Hour", {"az.vng.basic": "12"}),
    ("VPN Gateway", "VPN Gateway", "VpnGw1AZ", "S2S Connection", "1 Hour", {}),
    ("ExpressRoute", "ExpressRoute Gateway", "ErGw1AZ", "ErGw1AZ Gateway", "1 Hour", {"az.vng.ergw1az": "12"}),
    ("ExpressRoute", "ExpressRoute Gateway", "High Performance", "High Performance Gateway", "1 Hour", {}),
    ("Azure Firewall", "Azure Firewall", "Premium", "Premium Deployment", "1 Hour", {"az.firewall.premium": "12"}),
    ("Azure Firewall", "Azure Firewall", "Premium", "Premium Data Processed", "1 GB", {}),
    ("Azure Bastion", "Azure Bastion", "Basic", "Basic Gateway", "1 Hour", {"az.bastion.basic": "12"}),
    ("Azure Bastion", "Azure Bastion", "Standard", "Standard Gateway", "1 Hour", {"az.bastion.standard": "12"}),
    ("Azure Bastion", "Azure Bastion", "Premium", "Premium Gateway", "1 Hour", {"az.bastion.premium": "12"}),
    ("Azure Monitor", "Azure Monitor", "100 GB Commitment Tier", "100 GB Commitment Tier Capacity Reservation", "1/Day",
     {"az.loganalytics.commitment100": "0.12"}),
    ("Storage", "Blob Storage", "Hot LRS", "Hot LRS Data Stored", "1 GB/Month", {"az.storage.standard_lrs.hot": "12"}),
    ("Storage", "General Block Blob v2", "Hot LRS", "Hot LRS Data Stored", "1 GB/Month", {}),
    ("Storage", "General Block Blob v2", "Cool RA-GRS", "Cool RA-GRS Data Stored", "1 GB/Month",
     {"az.storage.standard_ragrs.cool": "12"}),
]  # fmt: skip
_ELSEWHERE = ("az.vm.", "az.disk.", "az.snapshot.", "az.pip.")


@pytest.mark.parametrize("service", sorted({each[0] for each in ITEMS}))
def test_items_tell_the_codes_of_their_service(reader: AzurePrices, server: PriceServer, service: str) -> None:
    rows = [each for each in ITEMS if each[0] == service]
    items = [
        item(
            serviceName=service, productName=product, skuName=sku, meterName=meter, unitOfMeasure=unit,
            armSkuName="", retailPrice=12.0,
        )
        for _, product, sku, meter, unit, _ in rows
    ]  # fmt: skip
    server.tell("'Consumption'", page(*items))

    found = {price.code: price.amount.normalize() for price in read(reader, service)}

    assert found == {code: Decimal(amount).normalize() for *_, codes in rows for code, amount in codes.items()}


def test_a_licence_that_is_told_apart_is_added(reader: AzurePrices, server: PriceServer) -> None:
    told = {"serviceName": "SQL Database", "skuName": "1 vCore", "meterName": "vCore", "armSkuName": ""}
    licence = item(**told, productName=f"{_POOL} - SQL License", retailPrice=0.0999, armRegionName="Global")
    server.tell("eq 'Global' and priceType eq 'Consumption'", page(licence))
    server.tell("'Consumption'", page(item(**told, productName=f"{_POOL} - Compute Gen5", retailPrice=0.1522)))

    found = {price.code: (price.amount, price.region) for price in read(reader, "SQL Database")}

    assert found == {
        "az.sqldb.gp_gen5.ahb": (Decimal("0.1522"), "eastus"),
        "az.sqldb.gp_gen5": (Decimal("0.2521"), "eastus"),
        "az.sqlpool.gp_gen5.ahb": (Decimal("0.1522"), "eastus"),
        "az.sqlpool.gp_gen5": (Decimal("0.2521"), "eastus"),
    }


def test_behind_a_free_tier_is_the_price(reader: AzurePrices, server: PriceServer) -> None:
    told = {
        "serviceName": "Log Analytics", "productName": "Log Analytics", "skuName": "Pay-as-you-go", "armSkuName": "",
        "meterName": "Pay-as-you-go Data Ingestion", "unitOfMeasure": "1 GB",
    }  # fmt: skip
    free, paid = item(**told, retailPrice=0.0), item(**told, retailPrice=2.3, tierMinimumUnits=5.0)
    server.tell("'Consumption'", page(free, paid))

    assert [(price.code, price.amount) for price in read(reader, "Log Analytics")] == [
        ("az.loganalytics.ingested", Decimal("2.3"))
    ]


def test_all_patterns_are_told() -> None:
    told = {code for *_, codes in ITEMS for code in codes}
    told |= {"az.loganalytics.ingested", "az.sqldb.gp_gen5", "az.sqlpool.gp_gen5", "az.sqlmi.gp_gen5"}

    assert [
        pattern
        for pattern in REFRESHED
        if not pattern.startswith(_ELSEWHERE) and not any(pattern_of(pattern).fullmatch(code) for code in told)
    ] == []
