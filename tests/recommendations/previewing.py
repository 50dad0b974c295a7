"""Previews of rules on what tests have stored, and what stands in the ledger."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from app.database import Database
from app.detection.rule import Tuning
from app.recommendations.preview import Preview, PreviewAsked, preview_rule
from app.recommendations.rules import Change, update_rule
from app.recommendations.store import SYSTEM
from app.repositories.resources import ResourceValues
from tests.recommendations.looking import ledger
from tests.repositories.found import ORGANIZATION, volume

UNATTACHED = "aws.ebs.unattached"
ACTIVE, COUNTING = {"OPEN", "IGNORED", "MARKED_FOR_DELETION"}, {"OPEN", "MARKED_FOR_DELETION"}


def to(tuning: Tuning) -> Change:
    """The change that makes a rule so, whatever it was."""

    def change(before: Tuning) -> Tuning:
        return replace(tuning, version=before.version)

    return change


async def previewed(database: Database, tuning: Tuning, check: str = UNATTACHED) -> Preview:
    return await preview_rule(database, ORGANIZATION, PreviewAsked(check, to(tuning)))


async def tune(database: Database, tuning: Tuning, check: str = UNATTACHED) -> None:
    await update_rule(database, ORGANIZATION, SYSTEM, check, to(tuning))


def names(preview: Preview) -> tuple[set[str], set[str]]:
    gained, lost = preview.totals.gained.lines, preview.totals.lost.lines
    return {one.judged.subject.native_id for one in gained}, {one.judged.subject.native_id for one in lost}


async def standing(database: Database, check: str) -> tuple[set[str], Decimal]:
    """What is found by a check, and what all checks together could save."""
    rows = await ledger(database)
    found = {node for (id_, node), row in rows.items() if id_ == check and row["state"] in ACTIVE}
    counts = [row["converted_saving"] for row in rows.values() if row["is_counted"] and row["state"] in COUNTING]
    return found, sum((amount for amount in counts if amount is not None), Decimal(0))


def machine(native_id: str) -> ResourceValues:
    properties = {"instanceType": "m5.large", "platformDetails": "Linux/UNIX", "tenancy": "default"}
    plain: dict[str, Any] = {"resource_type": "AWS::EC2::Instance", "status": "running", "region": "us-east-1"}
    return volume(native_id, relations=(), properties=properties, **plain)
