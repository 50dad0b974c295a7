"""What is wasted in the far subscription: check, label and what it costs a month, reckoned from list prices by hand.

Everything of the subscription that is not told here is a decoy: it must not be found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from app.detection.catalogue import CHECKS
from tests.waste.az_seeding import REGION
from tests.waste.list_prices import HOURS, cents, prices

Key = tuple[str, str]
Told = tuple[str, str, Decimal | None]
"""Check, label, monthly saving in USD; None where it cannot be told."""
FREE = Decimal(0)
BY_CHARGES = {
    "az.reservation.underused": "It looks at charges, and no scan reads these.",
    "az.loganalytics.no_commitment": "How much a workspace takes in, only its charges tell.",
}
"""Checks of Azure that find nothing before charges are imported, and why."""
EXCLUDED = (
    *("az.vm.idle", "az.disk.unattached", "az.snapshot.old", "az.pip.unattached", "az.lb.no_backend"),
    *("az.vng.idle", "az.nsg.orphan", "az.sqldb.idle", "az.redis.idle"),
)
"""Checks that leave out what has the tag of things to keep."""
CENTS = ("az.privatedns.orphan",)
"""Checks that are to find what costs less than a dollar a month."""
WITHOUT_METRICS = {("az.vng.idle", "unconnected_gateway")}
"""Checks that read metrics of some of their resources, and not of these."""
ONCE = (
    {("az.sqldb.idle", "idle_database"), ("az.sqldb.oversized", "idle_database")},
    {("az.sqldb.idle", "idle_cores_database"), ("az.sqldb.oversized", "idle_cores_database")},
    {("az.vm.oversized", "large_windows_machine"), ("az.vm.no_ahb", "large_windows_machine")},
    {
        ("az.vm.deallocated_long", "deallocated_machine"),
        ("az.disk.on_deallocated_vm", "system_of_deallocated_machine"),
        ("az.disk.on_deallocated_vm", "data_of_deallocated_machine"),
    },
)
"""Findings that would save the same money: of each set only the dearest counts."""


def expected() -> dict[Key, Decimal | None]:
    """Monthly savings by check and label."""
    parts = (*_machines(), *_capacity(), *_storage(), *_network(), *_gateways(), *_orphans())
    parts += (*_databases(), *_analytics(), *_platform())
    found = {(check, label): None if money is None else cents(money) for check, label, money in parts}
    assert len(found) == len(parts), "each is told once"
    return found


def counted_once(found: Mapping[Key, Decimal | None]) -> Decimal:
    """What all findings save together, the same money once."""
    twice = [[_known(found, key) for key in together] for together in ONCE]
    return sum(map(_amount, found.values()), FREE) - sum((sum(each) - max(each) for each in twice), FREE)


def known_without_metrics(key: Key) -> bool:
    """Whether something is waste whatever its metrics say, so that it is found without them."""
    return not CHECKS[key[0]].metrics or key in WITHOUT_METRICS


def not_found(found: Iterable[Key]) -> set[str]:
    """The checks of Azure that find nothing, but for Advisor's word: it has nothing to say of the far subscription."""
    looking = {name for name, check in CHECKS.items() if name.startswith("az.") and check.advice is None}
    return looking - {check for check, _ in found}


def price(code: str) -> Decimal:
    """A list price; of a family that of one virtual CPU."""
    return prices("AZURE", REGION)[code]


def hourly(code: str, times: Decimal | int = 1) -> Decimal:
    """What costs so many times an hourly price, for a month."""
    return price(code) * times * HOURS


def _known(found: Mapping[Key, Decimal | None], key: Key) -> Decimal:
    return _amount(found[key])


def _amount(money: Decimal | None) -> Decimal:
    return FREE if money is None else money


def _machines() -> Iterator[Told]:
    linux, windows = price("az.vm.standard_d{size}s_v5.linux"), price("az.vm.standard_d{size}s_v5.windows")
    yield "az.vm.idle", "idle_machine", 4 * linux * HOURS
    # A fifth more than the 10 % of 16 virtual CPUs and the 16 GiB that are used: 8 with 32 GiB.
    yield "az.vm.oversized", "large_machine", (16 - 8) * linux * HOURS
    yield "az.vm.oversized", "large_windows_machine", (16 - 8) * windows * HOURS
    second = price("az.vm.standard_ds3_v2.linux")
    yield "az.vm.old_generation", "old_machine", (second - 4 * price("az.vm.standard_d{size}ads_v5.linux")) * HOURS
    newer = price("az.vm.standard_d{size}s_v4.linux") - price("az.vm.standard_d{size}as_v5.linux")
    yield "az.vm.old_generation", "older_machine", 8 * newer * HOURS
    for name, cpus in (("windows_machine", 4), ("large_windows_machine", 16), ("sql_machine", 8), ("windows_set", 4)):
        yield "az.vm.no_ahb", name, cpus * (windows - linux) * HOURS
    yield "az.vm.sql_no_ahb", "sql_of_sql_machine", hourly("az.sqlvm.standard", 8)
    # SQL Server is licensed for four virtual CPUs at least.
    yield "az.vm.sql_no_ahb", "sql_of_small_sql_machine", hourly("az.sqlvm.enterprise", 4)
    # A fifth more than the quarter of the memory of ten that is used: three.
    yield "az.vmss.underused", "large_set", (10 - 3) * 4 * linux * HOURS
    yield "az.vm.stopped_not_deallocated", "stopped_machine", 2 * linux * HOURS
    disks = price("az.disk.premium_lrs.p10") + price("az.disk.standardssd_lrs.e20")
    yield "az.vm.deallocated_long", "deallocated_machine", disks + hourly("az.pip.standard")


def _capacity() -> Iterator[Told]:
    yield "az.capacity_reservation_empty", "unused_reservations", hourly("az.vm.standard_d{size}s_v5.linux", 3 * 4)
    yield "az.host.empty", "empty_host", None


def _storage() -> Iterator[Told]:
    yield "az.disk.unattached", "loose_disk", price("az.disk.premium_lrs.p30")
    yield "az.disk.unattached", "loose_hard_disk", price("az.disk.standard_lrs.s10")
    # There is no price of its region.
    yield "az.disk.unattached", "loose_disk_far_away", None
    yield "az.disk.on_deallocated_vm", "system_of_deallocated_machine", price("az.disk.premium_lrs.p10")
    yield "az.disk.on_deallocated_vm", "data_of_deallocated_machine", price("az.disk.standardssd_lrs.e20")
    slower = price("az.disk.premium_lrs.p30") - price("az.disk.standardssd_lrs.e30")
    yield "az.disk.premium_underused", "quiet_disk", slower
    yield "az.snapshot.old", "old_snapshot", 200 * price("az.snapshot.standard_lrs")
    yield "az.snapshot.old", "old_part_of_a_snapshot", None
    yield "az.snapshot.premium", "premium_snapshot", None
    yield "az.image.unused", "unused_image", (128 + 64) * price("az.snapshot.standard_lrs")
    copies = price("az.snapshot.standard_lrs") + 2 * price("az.snapshot.standard_zrs")
    yield "az.image.unused", "1.0.0", 128 * copies
    hot, cool = price("az.storage.standard_lrs.hot"), price("az.storage.standard_lrs.cool")
    yield "az.storage.unused", "unusedstorage", 500 * hot
    yield "az.storage.unused", "unusedineastus2", 500 * prices("AZURE", "eastus2")["az.storage.standard_lrs.hot"]
    yield "az.storage.unused", "emptystorage", FREE
    yield "az.storage.unused", "oldkindunused", None
    # Half of what it holds is taken to be cold.
    yield "az.storage.no_lifecycle", "growingstorage", 1000 * (hot - cool) / 2
    yield "az.storage.legacy_kind", "oldkindunused", FREE
    yield "az.storage.legacy_kind", "oldkind", FREE
    yield "az.vault.orphan_backup", "backup_of_gone_machine", None


def _network() -> Iterator[Told]:
    yield "az.pip.unattached", "loose_address", hourly("az.pip.standard")
    yield "az.pip.unattached", "address_on_orphan", hourly("az.pip.standard")
    yield "az.pip.unattached", "loose_new_internet_address", FREE
    yield "az.pip.unattached", "loose_dynamic_address", FREE
    yield "az.pip.prefix_unused", "unused_prefix", hourly("az.pip.prefix", 2 ** (32 - 28))
    yield "az.nic.orphan", "orphan_interface", FREE
    # Five rules are in the price of the hour.
    yield "az.lb.no_backend", "empty_balancer", hourly("az.lb.standard") + hourly("az.lb.standard.rule", 7 - 5)
    yield "az.lb.no_backend", "balancer_without_pools", hourly("az.lb.standard")
    yield "az.lb.no_backend", "balancer_without_rules", FREE
    # An instance is ten capacity units.
    units = hourly("az.appgw.standard_v2.unit", 2 * 10)
    yield "az.appgw.no_backend", "empty_gateway", hourly("az.appgw.standard_v2") + units
    units = hourly("az.appgw.waf_v2.unit", 3 * 10)
    yield "az.appgw.no_backend", "empty_firewall_gateway", hourly("az.appgw.waf_v2") + units
    yield "az.frontdoor.idle", "idle_front_door", price("az.frontdoor.premium")


def _gateways() -> Iterator[Told]:
    yield "az.natgw.orphan", "orphan_nat", hourly("az.natgw.hour")
    yield "az.natgw.idle", "idle_nat", hourly("az.natgw.hour")
    yield "az.vng.idle", "unconnected_gateway", hourly("az.vng.vpngw1")
    yield "az.vng.idle", "silent_gateway", hourly("az.vng.vpngw2")
    yield "az.vng.idle", "gateway_without_users", hourly("az.vng.vpngw1az")
    yield "az.er.unprovisioned", "unprovisioned_circuit", price("az.er.standard_metereddata.200")
    yield "az.er.idle", "idle_circuit", price("az.er.standard_metereddata.1000")
    yield "az.firewall.idle", "idle_firewall", hourly("az.firewall.standard")
    # Two units are in the price of the hour.
    yield "az.bastion.idle", "idle_bastion", hourly("az.bastion.standard") + hourly("az.bastion.standard.unit", 4 - 2)
    yield "az.pe.disconnected", "disconnected_endpoint", hourly("az.pe.hour")
    yield "az.pe.disconnected", "rejected_endpoint", hourly("az.pe.hour")
    yield "az.pe.idle", "idle_endpoint", hourly("az.pe.hour")
    yield "az.ddos.unassociated", "unused_plan", price("az.ddos.plan")


def _orphans() -> Iterator[Told]:
    yield "az.privatedns.orphan", "orphan.example", price("az.privatedns.zone")
    yield "az.trafficmanager.orphan", "empty_profile", FREE
    yield "az.waf_policy.orphan", "orphan_classic_policy", price("az.waf.policy")
    yield "az.waf_policy.orphan", "orphan_policy", FREE
    yield "az.ipgroup.orphan", "orphan_addresses", FREE
    yield "az.nsg.orphan", "orphan_guard", FREE
    yield "az.routetable.orphan", "orphan_routes", FREE
    yield "az.subnet.empty", "empty_subnet", FREE
    yield "az.apiconnection.orphan", "unused_sign_in", FREE
    yield "az.rg.empty", "empty_group", FREE


def _databases() -> Iterator[Told]:
    yield "az.sqldb.idle", "idle_database", hourly("az.sqldb.s3")
    owned = hourly("az.sqldb.gp_gen5.ahb", 4) + 32 * price("az.sqldb.storage.gp")
    yield "az.sqldb.idle", "idle_cores_database", owned
    yield "az.sqldb.idle", "idle_serverless_database", None
    yield "az.sqldb.oversized", "idle_database", hourly("az.sqldb.s3") - hourly("az.sqldb.s0")
    yield "az.sqldb.oversized", "idle_cores_database", hourly("az.sqldb.gp_gen5.ahb", 4 - 2)
    yield "az.sqldb.oversized", "large_database", hourly("az.sqldb.p2") - hourly("az.sqldb.p1")
    # A fifth more than the 30 % of 8 virtual cores that are used: 4.
    yield "az.sqldb.oversized", "large_cores_database", hourly("az.sqldb.gp_gen5", 8 - 4)
    yield "az.sqlpool.empty", "empty_pool", hourly("az.sqlpool.gp_gen5", 4)
    yield "az.sqlmi.oversized", "large_instance", None
    # A fifth more than the 200 GB that are used, by the 32 GB.
    yield "az.sqlmi.oversized", "roomy_instance", (1024 - 256) * price("az.sqlmi.storage.gp")
    size, storage = price("az.pg.standard_d{size}ds_v4"), price("az.pg.storage")
    # One stands by.
    yield "az.pg.flex_idle", "idle_postgres", 2 * (2 * size * HOURS + 128 * storage)
    yield "az.pg.flex_oversized", "large_postgres", (8 - 4) * size * HOURS
    yield "az.mysql.flex_idle", "idle_mysql", hourly("az.mysql.standard_b2s") + 20 * price("az.mysql.storage")
    yield "az.mysql.flex_oversized", "large_mysql", None
    yield "az.cosmos.overprovisioned", "roomy_cosmos", None
    yield "az.redis.idle", "idle_cache", hourly("az.redis.standard.c2")
    yield "az.redis.idle", "idle_sharded_cache", hourly("az.redis.premium.p1", 3)


def _analytics() -> Iterator[Told]:
    # A fifth more than the 10 % that are used: 200 of 1,000 units.
    yield "az.synapse.underused", "large_warehouse", hourly("az.synapse.dwu100", 10 - 2)
    yield "az.synapse.underused", "silent_warehouse", hourly("az.synapse.dwu100", 5)
    yield "az.adx.idle", "idle_explorer", None
    yield "az.hdinsight.idle", "idle_hadoop", None


def _platform() -> Iterator[Told]:
    yield "az.asp.empty", "empty_plan", hourly("az.asp.s1.windows", 2)
    yield "az.asp.oversized", "large_plan", hourly("az.asp.s3.linux") - hourly("az.asp.s2.linux")
    # A fifth more than the 30 % of four that are used: two.
    yield "az.asp.oversized", "plan_of_many", hourly("az.asp.p1v2.linux", 4 - 2)
    yield "az.aks.empty", "empty_cluster", hourly("az.aks.standard")
    yield "az.aks.no_spot", "growing_cluster", None
    yield "az.loganalytics.sprawl", "long_logs", None
    yield "az.ml.endpoint_idle", "idle_endpoint_of_model", None
    # Fifteen units are the least that can be bought.
    yield "az.openai.ptu_idle", "spare_models", hourly("az.openai.ptu.regional", 100 - 15)
    yield "az.openai.ptu_idle", "silent_models", hourly("az.openai.ptu.global", 50)
