"""Storage accounts that nobody uses, or that keep everything dear for ever."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Final

from app.detection.check import LOOKBACK_DAYS, Area, Check, Daily, Metric, Parameter, days, percent
from app.detection.checks.az_facts import LEARN, PRICING, sku
from app.detection.facts import Facts, Subject
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import GIB, exact, latest, unused
from app.detection.savings import Part, difference, nothing, unknown, whole
from app.records import Provider
from app.records.detection import Confidence, PriceUnit, Remedy, Severity

ACCOUNT: Final = "microsoft.storage/storageaccounts"
_WITH_TIERS: Final = frozenset({"StorageV2", "BlobStorage"})
_LEGACY: Final = frozenset({"Storage", "BlobStorage"})
_HOT: Final = "hot"
_COOL: Final = "cool"
_TRANSACTIONS: Final = Metric("transactions", "Transactions", Daily.SUM, silent_at_zero=True)
_CAPACITY: Final = Metric("capacity", "UsedCapacity", Daily.AVERAGE)
_KIND: Final = ("sku", "kind", "accessTier")


def _stored(account: Subject, size: Decimal, tier: str | None = None) -> Part:
    # Accounts of the first version have no tiers, and a price of their own.
    kind = "v1" if account.text("kind") == "Storage" else tier or (account.text("accessTier") or _HOT).lower()
    return Part(f"az.storage.{sku(account)}.{kind}", size, PriceUnit.GIB_MONTH, f"GiB, {kind}")


def _unused(facts: Facts) -> Finding | None:
    account = facts.subject
    shown = unused(facts, "transactions", unit="transactions")
    if shown is None:
        return None
    size = latest(facts, "capacity") / GIB
    if size == 0:
        saving = nothing("It is empty, and nothing is paid for it.")
    elif facts.cost is None and sku(account).startswith("premium"):
        saving = unknown("Premium storage may be paid by what is provisioned, which only its charges tell.")
    else:
        saving = whole(facts, _stored(account, size))
    return Finding(saving, (*shown, Evidence("stored", f"{size:.1f}", "GiB")))


def _no_lifecycle(facts: Facts) -> Finding | None:
    account = facts.subject
    tier = (account.text("accessTier") or _HOT).lower()
    if account.text("kind") not in _WITH_TIERS or tier != _HOT or account.number("lifecycleRules") > 0:
        return None
    known = facts.usage("capacity").known
    first, size = exact(known[0]) / GIB, exact(known[-1]) / GIB
    if size <= facts.threshold("sizeGiB") or size <= first:
        return None
    cold = size * facts.threshold("coldPercent") / 100
    if cold == 0:
        return None
    return Finding(
        saving=difference(facts, now=[_stored(account, cold)], then=[_stored(account, cold, _COOL)]),
        evidence=(
            Evidence("stored", f"{size:.1f}", "GiB"),
            Evidence("more than at the beginning of the window", f"{size - first:.1f}", "GiB"),
            Evidence("lifecycle rules", "none"),
        ),
        target="lifecycle rules",
    )


def _legacy_kind(facts: Facts) -> Finding | None:
    account = facts.subject
    kind = account.text("kind")
    if kind not in _LEGACY:
        return None
    return Finding(
        saving=nothing("The upgrade saves nothing by itself; cooler tiers and lifecycle rules do, which it allows."),
        evidence=(Evidence("kind", kind),),
        target="StorageV2",
    )


_check = partial(Check, provider=Provider.AZURE, area=Area.STORAGE)
_PRICES_OF_STORAGE: Final = PRICING + "storage/blobs/"
_BLOBS: Final = LEARN + "storage/blobs/"
CHECKS: Final = (
    _check(
        id="az.storage.unused",
        title="Storage account that nobody uses",
        description="Nothing was read, written or listed in it, yet what it holds is paid each month.",
        resource_types=(ACCOUNT,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Ask its owner what it holds: backups and archives are rarely touched. Move what has to be kept to "
        "the archive tier, delete the rest.",
        find=_unused,
        properties=_KIND,
        prices=("az.storage.*",),
        saving="All that it stores.",
        parameters=(days(LOOKBACK_DAYS, 30, "How many days have to pass without a transaction.", most=90),),
        metrics=(_TRANSACTIONS, _CAPACITY),
        links=(_PRICES_OF_STORAGE, _BLOBS + "monitor-blob-storage-reference"),
    ),
    _check(
        id="az.storage.no_lifecycle",
        title="Growing storage account without lifecycle rules",
        description="It grows, and all blobs stay in the hot tier for ever, however long nobody has read them.",
        resource_types=(ACCOUNT,),
        severity=Severity.MEDIUM,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.CONFIGURE,
        remediation="Track when blobs are read, then add lifecycle rules that move those that are not to a cooler tier "
        "and delete what may go.",
        find=_no_lifecycle,
        properties=(*_KIND, "lifecycleRules"),
        prices=("az.storage.*",),
        saving="Price in the hot tier less the price in the cool one, for the part that is taken to be cold.",
        parameters=(
            Parameter("sizeGiB", Decimal(100), "GiB", "It has to hold more than this."),
            percent("coldPercent", 50, "How much of it is taken to be read rarely; an assumption, for the money only."),
            days(LOOKBACK_DAYS, 30, "Within how many days it has to have grown.", most=90),
        ),
        metrics=(_CAPACITY,),
        permissions=("Microsoft.Storage/storageAccounts/managementPolicies/read",),
        links=(_PRICES_OF_STORAGE, _BLOBS + "lifecycle-management-overview"),
    ),
    _check(
        id="az.storage.legacy_kind",
        title="Storage account of an old kind",
        description="Accounts of the kinds Storage and BlobStorage miss tiers, lifecycle rules or both, and are being "
        "phased out.",
        resource_types=(ACCOUNT,),
        severity=Severity.INFORMATIONAL,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.UPGRADE,
        remediation="Compare the prices of what it does most, then upgrade it to StorageV2. It stays in use; there is "
        "no way back.",
        find=_legacy_kind,
        properties=("kind",),
        saving="Nothing by itself.",
        links=(LEARN + "storage/common/storage-account-upgrade",),
    ),
)
