"""Checks of snapshots and machine images."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.aws_ebs import INSTANCE, VOLUME
from app.detection.checks.aws_snapshots import IMAGE, SNAPSHOT, TEMPLATE
from app.detection.facts import ActualCost, Subject
from app.records import RelationshipKind
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, TOO_LITTLE, UNKNOWN, Case, ago, subject

PRICES = {
    "ebs.snapshot.storage": ("0.05", PriceUnit.GIB_MONTH),
    "ebs.snapshot.archive": ("0.0125", PriceUnit.GIB_MONTH),
}
ALL_READ = frozenset({VOLUME, IMAGE, INSTANCE, TEMPLATE})
Around = Mapping[tuple[RelationshipKind, str], list[Subject]]
BACKED_UP = {"aws:backup:source-resource": "arn:aws:ec2:us-east-1:123456789012:volume/vol-1"}


def snapshot(name: str = "snap-1", age: float = 200, tags: Mapping[str, str] | None = None, **values: Any) -> Subject:
    properties = {"volumeId": "vol-1", "volumeSizeGiB": 100, "fullSnapshotSizeBytes": None, "storageTier": "standard"}
    return subject(SNAPSHOT, name, created_at=ago(age), tags=tags or {}, properties=properties | values)


def image(
    launched: float | None = 200, made: float = 400, tags: Mapping[str, str] | None = None, **values: Any
) -> Subject:
    return subject(
        IMAGE,
        "ami-1",
        created_at=ago(made),
        last_used_at=None if launched is None else ago(launched),
        tags=tags or {},
        properties={"public": False, "snapshotIds": ["snap-1", "snap-2"]} | values,
    )


def around(*found: Subject) -> Around:
    by_type: dict[tuple[RelationshipKind, str], list[Subject]] = {}
    for each in found:
        by_type.setdefault((RelationshipKind.CREATED_FROM, each.resource_type), []).append(each)
    return by_type


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain = {"prices": PRICES, "complete_types": ALL_READ}
    return Case(f"aws.{check}", proves, given, expected, amount, **(plain | values))


def orphan(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return case("snapshot.orphan", proves, given, expected, amount, **values)


def old(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    newer = around(snapshot("snap-9", age=1))
    return case("snapshot.old", proves, given, expected, amount, **({"neighbours": newer} | values))


def unused(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    backing = around(snapshot("snap-1"), snapshot("snap-2", volumeSizeGiB=20))
    return case("ami.unused", proves, given, expected, amount, **({"neighbours": backing} | values))


COSTS = ActualCost(Decimal(6), "USD", 30)
CASES = (
    orphan("found", snapshot(), FOUND, "5.0000"),
    orphan("clear", snapshot(), CLEAR, neighbours=around(subject(VOLUME, "vol-1"))),
    orphan("boundary:minAgeDays", snapshot(age=30), CLEAR),
    orphan("boundary:minAgeDays", snapshot(age=30.01), FOUND),
    orphan("an image uses it", snapshot(), CLEAR, neighbours=around(subject(IMAGE, "ami-1"))),
    orphan("a copy", snapshot(volumeId=None), CLEAR),
    orphan("made by AWS Backup", snapshot(tags=BACKED_UP), CLEAR),
    orphan("volumes that were not read", snapshot(), UNKNOWN, complete_types=ALL_READ - {VOLUME}),
    orphan("images that were not read", snapshot(), UNKNOWN, complete_types=ALL_READ - {IMAGE}),
    orphan("what was written", snapshot(fullSnapshotSizeBytes=40 * 2**30), FOUND, "2.0000"),
    orphan("in the archive", snapshot(storageTier="archive"), FOUND, "1.2500"),
    orphan("builds on an older one", snapshot(), FOUND, "unknown", neighbours=around(snapshot("snap-0", age=300))),
    orphan("a newer one builds on it", snapshot(), FOUND, "5.0000", neighbours=around(snapshot("snap-2", age=100))),
    orphan(
        "charges tell how much it keeps",
        snapshot(),
        FOUND,
        "6.0875",
        basis=PriceBasis.ACTUAL,
        cost=COSTS,
        neighbours=around(snapshot("snap-0", age=300)),
    ),
    orphan("no size", snapshot(volumeSizeGiB=None), UNKNOWN),
    # 6.0875 less 100 GiB at 0.0125.
    old("found", snapshot(), FOUND, "4.8375", cost=COSTS, target="archive"),
    old("clear", snapshot(age=10), CLEAR),
    old("boundary:minAgeDays", snapshot(age=90), CLEAR),
    old("boundary:minAgeDays", snapshot(age=90.01), FOUND, "unknown"),
    old("the latest one", snapshot(), CLEAR, neighbours=around(snapshot("snap-0", age=300))),
    old("the only one", snapshot(), CLEAR, neighbours={}),
    old("an image uses it", snapshot(), CLEAR, neighbours=around(subject(IMAGE, "ami-1"), snapshot("snap-9", age=1))),
    old("images that were not read", snapshot(), UNKNOWN, complete_types=frozenset()),
    old("a copy", snapshot(volumeId=None), CLEAR),
    old("made by AWS Backup", snapshot(tags=BACKED_UP), CLEAR),
    old("in the archive already", snapshot(storageTier="archive"), CLEAR),
    old("the archive would be dearer", snapshot(), TOO_LITTLE, cost=ActualCost(Decimal("0.5"), "USD", 30)),
    unused("found", image(), FOUND, "6.0000"),
    unused("clear", image(), CLEAR, neighbours=around(subject(INSTANCE, "i-1"))),
    unused("boundary:minAgeDays", image(launched=90), CLEAR),
    unused("boundary:minAgeDays", image(launched=90.01), FOUND),
    unused("never launched", image(launched=None), FOUND),
    unused("new and not launched yet", image(launched=None, made=10), CLEAR),
    unused("a launch template uses it", image(), CLEAR, neighbours=around(subject(TEMPLATE, "lt-1"))),
    unused("instances that were not read", image(), UNKNOWN, complete_types=ALL_READ - {INSTANCE}),
    unused("templates that were not read", image(), UNKNOWN, complete_types=ALL_READ - {TEMPLATE}),
    unused("public", image(public=True), CLEAR),
    unused("made by AWS Backup", image(tags=BACKED_UP), CLEAR),
    unused("a snapshot that was not read", image(), FOUND, "unknown", neighbours=around(snapshot("snap-1"))),
    unused("files in S3", image(snapshotIds=[]), FOUND, "unknown"),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
