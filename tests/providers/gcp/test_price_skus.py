"""What SKUs of Google's Cloud Billing Catalog are for us, service by service."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.pricing.book import pattern_of
from app.providers.gcp.price_skus import REFRESHED, SERVICES
from app.providers.gcp.prices import GcpPrices
from tests.providers.gcp.test_prices import rate, read, reader, server, sku
from tests.providers.price_server import PriceServer

__all__ = ["reader", "server"]

# Service, description, group, unit, and the code that it tells; None where it tells none of ours.
SKUS: list[tuple[str, str, str, str, str | None]] = [
    ("Compute Engine", "VPN Tunnel in Iowa", "VPNTunnel", "h", "gcp.vpn.tunnel.hour"),
    ("Compute Engine", "Network Load Balancing: Forwarding Rule Minimum Service Charge in Iowa", "LoadBalancing", "h",
     "gcp.lb.first_rules.hour"),
    ("Compute Engine", "Network Load Balancing: Forwarding Rule Additional Service Charge in Iowa", "LoadBalancing",
     "h", "gcp.lb.further_rule.hour"),
    ("Compute Engine", "Hyperdisk Balanced Capacity in Iowa", "SSD", "GiBy.mo", "gcp.disk.hyperdisk-balanced"),
    ("Compute Engine", "Hyperdisk Balanced IOPS in Iowa", "SSD", "mo", "gcp.disk.hyperdisk-balanced.iops"),
    ("Cloud SQL", "Cloud SQL for MySQL: Zonal - vCPU in Americas", "SQLGen2CPU", "h", "gcp.sql.enterprise.vcpu"),
    ("Cloud SQL", "Cloud SQL for MySQL: Zonal - RAM in Americas", "SQLGen2RAM", "GiBy.h", "gcp.sql.enterprise.gib"),
    ("Cloud SQL", "Cloud SQL for MySQL: Regional - RAM in Americas", "SQLGen2RAM", "GiBy.h", None),
    ("Cloud SQL", "Cloud SQL for MySQL: Zonal - Standard storage in Americas", "SSD", "GiBy.mo",
     "gcp.sql.storage.pd_ssd"),
    ("Cloud SQL", "Cloud SQL for MySQL: Zonal - Low cost storage in Americas", "PDStandard", "GiBy.mo",
     "gcp.sql.storage.pd_hdd"),
    ("Cloud SQL", "Cloud SQL for MySQL: Zonal - Micro instance in Americas", "SQLGen2InstancesF1Micro", "h",
     "gcp.sql.db-f1-micro"),
    ("Cloud SQL", "Cloud SQL for MySQL: Zonal - Small instance in Americas", "SQLGen2InstancesG1Small", "h",
     "gcp.sql.db-g1-small"),
    ("Cloud Storage", "Standard Storage Iowa", "RegionalStorage", "GiBy.mo", "gcp.storage.standard"),
    ("Cloud Storage", "Nearline Storage Iowa", "NearlineStorage", "GiBy.mo", "gcp.storage.nearline"),
    ("Cloud Storage", "Coldline Storage Iowa", "ColdlineStorage", "GiBy.mo", "gcp.storage.coldline"),
    ("Cloud Storage", "Archive Storage Iowa", "ArchiveStorage", "GiBy.mo", "gcp.storage.archive"),
    ("Cloud Storage", "Archive Storage Iowa (Early Delete)", "ArchiveStorage", "GiBy.mo", None),
    ("Cloud Storage", "Standard Storage Iowa Dual-region", "RegionalStorage", "GiBy.mo", None),
    ("BigQuery", "Long Term Logical Storage (us-central1)", "Storage", "GiBy.mo", "gcp.bq.storage.long_term"),
    ("BigQuery", "Active Logical Storage (us-central1)", "Storage", "GiBy.mo", None),
    ("Cloud Memorystore for Redis", "Redis Capacity Basic M1 Iowa", "Redis", "GiBy.h", "gcp.redis.basic.m1"),
    ("Cloud Memorystore for Redis", "Redis Capacity Standard M5 Iowa", "Redis", "GiBy.h", "gcp.redis.standard.m5"),
    ("Cloud Run", "Services CPU (Instance-based billing) in us-central1", "Compute", "s", "gcp.run.always.vcpu"),
    ("Cloud Run", "Services Memory (Instance-based billing) in us-central1", "Compute", "GiBy.s", "gcp.run.always.gib"),
    ("Cloud Run", "Services CPU (Request-based billing)", "Compute", "s", None),
]  # fmt: skip
_ELSEWHERE = {
    "gcp.vm.*", "gcp.gpu.*", "gcp.snapshot", "gcp.image", "gcp.address.unused.hour", "gcp.disk.pd-standard",
    "gcp.disk.pd-ssd", "gcp.disk.pd-balanced", "gcp.disk.pd-standard.regional", "gcp.disk.pd-ssd.regional",
    "gcp.disk.pd-balanced.regional", "gcp.disk.pd-extreme", "gcp.disk.pd-extreme.iops", "gcp.disk.local-ssd",
}  # fmt: skip


def _category(group: str) -> dict[str, str]:
    return {"resourceFamily": "ApplicationServices", "resourceGroup": group, "usageType": "OnDemand"}


@pytest.mark.parametrize("service", list(SERVICES))
def test_skus_tell_the_codes_of_their_service(reader: GcpPrices, server: PriceServer, service: str) -> None:
    rows = [each for each in SKUS if each[0] == service]
    told = [sku(about, rate(10_000_000), unit=unit, category=_category(group)) for _, about, group, unit, _ in rows]
    server.tell("pageSize=5000", {"skus": told})

    found = read(reader, service=service)

    assert sorted({price.code for price in found}) == sorted(code for *_, code in rows if code)
    assert all(f"/services/{SERVICES[service].number}/skus" in asked for asked in server.asked)
    assert {price.source for price in found} == {f"{server.url}/v1/services/{SERVICES[service].number}/skus"}


def test_all_patterns_are_told() -> None:
    told = {code for *_, code in SKUS if code}

    assert [
        pattern
        for pattern in REFRESHED
        if pattern not in _ELSEWHERE and not any(pattern_of(pattern).fullmatch(code) for code in told)
    ] == []


def test_what_is_told_by_the_second_is_stored_by_the_hour(reader: GcpPrices, server: PriceServer) -> None:
    # The first seconds of a month are free.
    told = sku("Services CPU (Instance-based billing) in us-central1", rate(0), rate(18_000, start=240_000), unit="s")
    server.tell("pageSize=5000", {"skus": [told]})

    (price,) = read(reader, service="Cloud Run")

    assert price.amount == Decimal("0.0648")


def test_buckets_of_a_continent_have_a_price_of_their_own(reader: GcpPrices, server: PriceServer) -> None:
    kept = {"category": _category("MultiRegionalStorage"), "serviceRegions": ["us", "europe"]}
    server.tell(
        "pageSize=5000", {"skus": [sku("Standard Storage US Multi-region", rate(26_000_000), unit="GiBy.mo", **kept)]}
    )

    assert [(price.region, price.amount) for price in read(reader, service="Cloud Storage")] == [
        ("us", Decimal("0.026")),
    ]
    assert read(reader, service="Compute Engine") == [], "snapshots of regions name their continent too"
