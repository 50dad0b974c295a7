"""Virtual machines and scale sets of another size or licence than they need."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from functools import partial
from typing import Final

from app.detection.check import LOOKBACK_DAYS, Area, Check, Daily, Metric, Neighbours, days, percent
from app.detection.checks.az_facts import LEARN, MACHINE, PRICING, SCALE_SET, SUBSCRIPTION, capacity, told
from app.detection.checks.az_machine_sizes import (
    SUCCESSORS,
    Size,
    brings_licence,
    is_spot,
    is_windows,
    known_size,
    machine_part,
    smallest,
)
from app.detection.checks.az_machines import (
    MACHINE_PRICES,
    MACHINE_PRICING,
    MACHINE_PROPERTIES,
    RUNNING,
    is_member,
    is_on_host,
)
from app.detection.facts import Facts, Subject, UnknownFactError
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import GIB, exact, has_lived, required
from app.detection.savings import by_prices, difference, hours, part
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, Remedy, Saving, Severity

SQL_MACHINE: Final = "microsoft.sqlvirtualmachine/sqlvirtualmachines"
_HEADROOM: Final = Decimal("1.2")
_LEAST_SQL_CPUS: Final = Decimal(4)
"""SQL Server is licensed for four virtual CPUs at least."""
_PAID_EDITIONS: Final = frozenset({"standard", "enterprise", "web"})
_PLACED: Final = ("virtualMachineScaleSet", "host")
_SET_PROPERTIES: Final = ("sku", "virtualMachineProfile")
_CPU: Final = Metric("cpu", "Percentage CPU", Daily.P95_HOURS)
_FREE: Final = Metric("freeMemory", "Available Memory Bytes", Daily.MINIMUM)
_OFFER: Final = Neighbours(RelationshipKind.MEMBER_OF, SUBSCRIPTION, ("subscriptionPolicies",), peers=True)
_ITS_MACHINE: Final = Neighbours(RelationshipKind.ATTACHED_TO, MACHINE, MACHINE_PROPERTIES, outgoing=True)
_OF_KUBERNETES: Final = "aks-managed-"


def _used_memory(facts: Facts, size: Size) -> Decimal:
    """Percent of the memory that were used at most."""
    free = exact(facts.usage("freeMemory").minimum) / GIB
    return max(size.gib - free, Decimal(0)) * 100 / size.gib


def _is_paid_by_the_hour(machine: Subject) -> bool:
    return machine.status == RUNNING and not is_on_host(machine) and not is_spot(machine)


def _oversized(facts: Facts) -> Finding | None:
    machine = facts.subject
    if not _is_paid_by_the_hour(machine) or is_member(machine) or not has_lived(facts):
        return None
    now = known_size(machine)
    cpu, memory = exact(facts.usage("cpu").maximum), _used_memory(facts, now)
    if cpu >= facts.threshold("cpuPercent") or memory >= facts.threshold("memoryPercent"):
        return None
    target = smallest(now.series, now.cpus * cpu / 100 * _HEADROOM, now.gib * memory / 100 * _HEADROOM)
    if target is None or target.gib >= now.gib:
        return None
    return Finding(
        saving=_to(facts, target),
        evidence=(
            *_sizes(now, target),
            Evidence("processor, p95 of the busiest day", f"{cpu:.1f}", "%"),
            Evidence("memory, at most", f"{memory:.1f}", "%"),
            Evidence("days", str(facts.usage("cpu").days)),
        ),
        target=target.name,
    )


def _old_generation(facts: Facts) -> Finding | None:
    machine = facts.subject
    if not _is_paid_by_the_hour(machine):
        return None
    now = known_size(machine)
    newer = (smallest(series, now.cpus, now.gib) for series in SUCCESSORS.get(now.series, ()))
    return _cheapest(facts, now, (size for size in newer if size is not None))


def _cheapest(facts: Facts, now: Size, targets: Iterable[Size]) -> Finding | None:
    """The change that saves most; the first where no prices are known, None where there is nothing to change to."""
    found = [(target, _to(facts, target)) for target in targets]
    if not found:
        return None
    target, saving = max(found, key=lambda each: each[1].amount or Decimal(0))
    owner = told(facts.subject.properties.get("virtualMachineScaleSet"), "id")
    part_of = owner.lower() if owner else None
    return Finding(saving=saving, evidence=_sizes(now, target), part_of=part_of, target=target.name)


def _to(facts: Facts, target: Size) -> Saving:
    now = machine_part(facts.subject, label="hours as it is")
    return difference(facts, now=[now], then=[machine_part(facts.subject, target.name, label="hours as the target")])


def _sizes(now: Size, target: Size) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(label, f"{size.name}: {size.cpus} virtual CPUs, {size.gib:f} GiB")
        for label, size in (("size", now), ("target", target))
    )


def _pays_for_windows(facts: Facts) -> Finding | None:
    subject = facts.subject
    is_set = subject.resource_type == SCALE_SET
    if not is_set and (subject.status != RUNNING or is_member(subject)):
        return None
    if not is_windows(subject) or brings_licence(subject) or _is_for_tests(facts):
        return None
    count = capacity(subject, otherwise=0) if is_set else Decimal(1)
    if count == 0:
        return None
    now, then = (
        machine_part(subject, count=count, label=f"hours with {label}", system=system)
        for label, system in (("Windows", "windows"), ("a licence of one's own", "linux"))
    )
    return Finding(
        saving=difference(facts, now=[now], then=[then]),
        evidence=(Evidence("system", "Windows, its licence paid by the hour"), Evidence("machines", f"{count:f}")),
        target="Azure Hybrid Benefit",
    )


def _is_for_tests(facts: Facts) -> bool:
    """Whether the subscription is for development and tests, where Windows and SQL Server cost nothing."""
    offers = facts.related(RelationshipKind.MEMBER_OF, SUBSCRIPTION)
    if not offers:
        message = "The offer of its subscription was not read."
        raise UnknownFactError(message)
    return any("devtest" in (told(each.record("subscriptionPolicies"), "quotaId") or "").lower() for each in offers)


def _pays_for_sql(facts: Facts) -> Finding | None:
    server = facts.subject
    edition = required(server, "sqlImageSku").lower()
    if required(server, "sqlServerLicenseType").upper() != "PAYG" or edition not in _PAID_EDITIONS:
        return None
    machines = facts.related(RelationshipKind.ATTACHED_TO, MACHINE)
    if not machines:
        message = "Its virtual machine is not in the inventory."
        raise UnknownFactError(message)
    if machines[0].status != RUNNING or _is_for_tests(facts):
        return None
    cpus = max(known_size(machines[0]).cpus, _LEAST_SQL_CPUS)
    return Finding(
        saving=by_prices(facts, hours(f"az.sqlvm.{edition}", "virtual CPU hours", cpus)),
        evidence=(Evidence("edition", edition), Evidence("virtual CPUs that are licensed", f"{cpus:f}")),
        part_of=machines[0].native_id,
        target="Azure Hybrid Benefit",
    )


def _underused_set(facts: Facts) -> Finding | None:
    group = facts.subject
    # Kubernetes decides about its nodes by what its pods ask for, not by what they use.
    if any(tag.startswith(_OF_KUBERNETES) for tag in group.tags) or is_spot(group) or not has_lived(facts):
        return None
    count, now = capacity(group, otherwise=0), known_size(group)
    if count <= 1:
        return None
    cpu, memory = exact(facts.usage("cpu").maximum), _used_memory(facts, now)
    if cpu >= facts.threshold("cpuPercent") or memory >= facts.threshold("memoryPercent"):
        return None
    needed = max(math.ceil(count * max(cpu, memory) / 100 * _HEADROOM), 1)
    if needed >= count:
        return None
    return Finding(
        saving=part(
            facts,
            machine_part(group, count=count - needed, label="hours of machines too many"),
            beside=[machine_part(group, count=needed, label="hours of machines that stay")],
        ),
        evidence=(
            Evidence("machines", f"{count:f}"),
            Evidence("processor, p95 of the busiest day", f"{cpu:.1f}", "%"),
            Evidence("memory, at most", f"{memory:.1f}", "%"),
        ),
        target=f"{needed} machines",
    )


_check = partial(Check, provider=Provider.AZURE, area=Area.COMPUTE)
_BENEFIT: Final = LEARN + "virtual-machines/windows/hybrid-use-benefit-licensing"
_USED: Final = (
    percent("cpuPercent", 40, "95 % of each day has to need less of the processor than this."),
    percent("memoryPercent", 40, "No moment may need as much of the memory as this."),
    days(LOOKBACK_DAYS, 30, "How many days are looked at.", most=90),
)
CHECKS: Final = (
    _check(
        id="az.vm.oversized",
        title="Machine that is larger than it has to be",
        description="Processor and memory are used for a small part only, so a smaller size of the same series does. "
        "Burstable sizes are left out, whose processor is paid by credits, and machines of scale sets.",
        resource_types=(MACHINE,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.RESIZE,
        remediation="Change it to the size told as the target, which restarts it, and watch it for some days. What is "
        "on a temporary disk is lost.",
        find=_oversized,
        properties=(*MACHINE_PROPERTIES, *_PLACED),
        prices=MACHINE_PRICES,
        saving="Price of the size less the price of the smallest of its series that leaves a fifth of room.",
        parameters=_USED,
        metrics=(_CPU, _FREE),
        links=(MACHINE_PRICING, LEARN + "virtual-machines/sizes/resize-vm"),
    ),
    _check(
        id="az.vm.old_generation",
        title="Machine of a superseded series",
        description="Newer series do the same work for less money, or more work for the same. Found where the list "
        "price of a newer one with the same kind of disks is lower; the cheapest of them is the target.",
        resource_types=(MACHINE,),
        severity=Severity.LOW,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.CHANGE_TYPE,
        remediation="Change it to the size told as the target, which restarts it; check first that the region offers "
        "it. What is on a temporary disk is lost. In a scale set change the model.",
        find=_old_generation,
        properties=(*MACHINE_PROPERTIES, *_PLACED),
        prices=MACHINE_PRICES,
        saving="Price of the size less the price of the newer one that is no smaller.",
        links=(MACHINE_PRICING, LEARN + "virtual-machines/sizes/previous-gen-sizes-list"),
    ),
    _check(
        id="az.vm.no_ahb",
        title="Windows whose licence is paid by the hour",
        description="Who owns Windows Server licences with Software Assurance may use them in Azure and pays machines "
        "as if they ran Linux. Subscriptions for development and tests are left out: there it costs nothing anyway.",
        resource_types=(MACHINE, SCALE_SET),
        severity=Severity.MEDIUM,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.CONFIGURE,
        remediation="Count the licences that you own. Where they suffice, switch Azure Hybrid Benefit on for the "
        "machine or the scale set; nothing restarts.",
        find=_pays_for_windows,
        properties=(*MACHINE_PROPERTIES, *_PLACED, *_SET_PROPERTIES),
        prices=MACHINE_PRICES,
        saving="Price with Windows less the price without.",
        neighbours=(_OFFER,),
        links=(_BENEFIT, PRICING + "virtual-machines/windows/"),
    ),
    _check(
        id="az.vm.sql_no_ahb",
        title="SQL Server whose licence is paid by the hour",
        description="Who owns SQL Server licences with Software Assurance may use them on machines in Azure. Free "
        "editions are left out, and subscriptions for development and tests.",
        resource_types=(SQL_MACHINE,),
        severity=Severity.MEDIUM,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.CONFIGURE,
        remediation="Count the licences that you own. Where they suffice, change the licence type of the SQL virtual "
        "machine to Azure Hybrid Benefit; nothing restarts.",
        find=_pays_for_sql,
        properties=("sqlServerLicenseType", "sqlImageSku"),
        prices=("az.sqlvm.*",),
        saving="The licence of its edition for each virtual CPU, four at least.",
        neighbours=(_ITS_MACHINE, _OFFER),
        links=(
            LEARN + "azure-sql/virtual-machines/windows/licensing-model-azure-hybrid-benefit-ahb-change",
            PRICING + "virtual-machines/sql-server-enterprise/",
        ),
    ),
    _check(
        id="az.vmss.underused",
        title="Scale set with more machines than it needs",
        description="All its machines together use a small part of their processors and memory, so fewer would do. "
        "Node pools of Kubernetes are left out, and those on spot machines.",
        resource_types=(SCALE_SET,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.RESIZE,
        remediation="Lower the number of machines to the target, or the least number of its autoscale rules, and watch "
        "it for some days. Leave as many as have to be there when a zone fails.",
        find=_underused_set,
        properties=_SET_PROPERTIES,
        prices=MACHINE_PRICES,
        saving="All hours of the machines that are not needed, a fifth of room left.",
        parameters=_USED,
        metrics=(_CPU, _FREE),
        links=(MACHINE_PRICING, LEARN + "virtual-machine-scale-sets/virtual-machine-scale-sets-autoscale-overview"),
    ),
)
