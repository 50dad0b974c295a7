"""Backups of what is gone."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from app.detection.check import MIN_AGE_DAYS, Area, Check, Neighbours, days
from app.detection.checks.az_facts import LEARN, MACHINE, PRICING
from app.detection.facts import Facts, Subject
from app.detection.finding import Evidence, Finding
from app.detection.savings import unknown, whole
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, PriceBasis, Remedy, Severity

ITEM: Final = "microsoft.recoveryservices/vaults/backupfabrics/protectioncontainers/protecteditems"
_LAST: Final = ("lastRecoveryPoint", "lastBackupTime")


def _orphan(facts: Facts) -> Finding | None:
    item = facts.subject
    named = [id_ for id_ in facts.targets.get(RelationshipKind.CREATED_FROM, ()) if f"/{MACHINE}/" in id_]
    if not named:
        return None
    if facts.related(RelationshipKind.CREATED_FROM, MACHINE):
        return None
    facts.none_other(MACHINE)
    # It was backed up then, so it cannot have been gone for longer.
    last = _last_backup(item)
    if not facts.is_older(last, MIN_AGE_DAYS):
        return None
    actual = whole(facts)
    no_charges = "What backups cost is charged to their vault, for all that is in it."
    return Finding(
        saving=actual if actual.basis is PriceBasis.ACTUAL else unknown(no_charges),
        evidence=(
            Evidence("machine that is gone", named[0]),
            Evidence("last backup, or first seen", last.isoformat()),
        ),
    )


def _last_backup(item: Subject) -> datetime:
    return max((found for name in _LAST if (found := item.moment(name)) is not None), default=item.first_seen_at)


CHECKS: Final = (
    Check(
        id="az.vault.orphan_backup",
        title="Backup of a machine that is gone",
        description="The machine was deleted, its backups are kept and paid: a fee for the protected machine and the "
        "storage of each recovery point.",
        provider=Provider.AZURE,
        area=Area.STORAGE,
        resource_types=(ITEM,),
        severity=Severity.MEDIUM,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.DELETE,
        remediation="Ask its owner whether a rule makes you keep it. If not, stop the protection and delete the backup "
        "data; with soft delete it can be had back for some days.",
        find=_orphan,
        properties=_LAST,
        saving="All that it costs, where it has charges of its own.",
        parameters=(days(MIN_AGE_DAYS, 30, "For how long there has to be no backup."),),
        neighbours=(Neighbours(RelationshipKind.CREATED_FROM, MACHINE, outgoing=True),),
        absence_of=(MACHINE,),
        links=(PRICING + "backup/", LEARN + "backup/backup-azure-delete-vault"),
    ),
)
