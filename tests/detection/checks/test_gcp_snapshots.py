"""Checks of disk snapshots and images."""

from __future__ import annotations

from typing import Any

import pytest

from app.detection.checks.gcp_snapshots import IMAGE, SNAPSHOT, TEMPLATE
from app.detection.checks.gcp_values import DISK, REGION_DISK
from app.detection.facts import Subject
from app.records import RelationshipKind
from app.records.detection import PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, subject

GIB = 2**30
NAME = "//compute.googleapis.com/projects/acme"
DATA = f"{NAME}/zones/us-central1-a/disks/data"
TWIN = f"{NAME}/regions/us-central1/disks/twin"
FROM = RelationshipKind.CREATED_FROM
PRICES = {
    "gcp.snapshot": ("0.05", PriceUnit.GIB_MONTH),
    "gcp.snapshot.archive": ("0.02", PriceUnit.GIB_MONTH),
    "gcp.image": ("0.05", PriceUnit.GIB_MONTH),
}
ALL_READ = frozenset({DISK, REGION_DISK, IMAGE, TEMPLATE})


def snapshot(name: str = "s-1", age: float = 100, status: str = "READY", **properties: Any) -> Subject:
    plain: dict[str, Any] = {"sourceDisk": DATA, "sourceDiskId": "1", "storageBytes": 100 * GIB}
    return subject(SNAPSHOT, name, status=status, created_at=ago(age), properties=plain | properties)


def disk(number: str | None = "1", kind: str = DISK) -> dict[tuple[RelationshipKind, str], list[Subject]]:
    return {(FROM, kind): [subject(kind, DATA, properties={"id": number})]}


def siblings(*snapshots: Subject) -> dict[tuple[RelationshipKind, str], list[Subject]]:
    return {(FROM, SNAPSHOT): list(snapshots)}


def image(age: float = 100, status: str = "READY", **properties: Any) -> Subject:
    plain: dict[str, Any] = {"archiveSizeBytes": 100 * GIB}
    return subject(IMAGE, f"{NAME}/global/images/i", status=status, created_at=ago(age), properties=plain | properties)


def template(image_name: str) -> dict[tuple[RelationshipKind, str], list[Subject]]:
    disks = [{"initializeParams": {"sourceImage": image_name}}, {}]
    return {
        (RelationshipKind.MEMBER_OF, TEMPLATE): [subject(TEMPLATE, "t", properties={"properties": {"disks": disks}})]
    }


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"prices": PRICES, "complete_types": ALL_READ}
    return Case(f"gcp.{check}", proves, given, expected, amount, **(plain | values))


CASES = (
    case("snapshot.orphan", "found", snapshot(), FOUND, "5.0000"),
    case("snapshot.orphan", "clear", snapshot(), CLEAR, neighbours=disk()),
    case("snapshot.orphan", "boundary:minAgeDays", snapshot(age=30), CLEAR),
    case("snapshot.orphan", "boundary:minAgeDays", snapshot(age=30.01), FOUND),
    case("snapshot.orphan", "another disk took the name", snapshot(), FOUND, neighbours=disk("2")),
    case("snapshot.orphan", "a disk whose number is not known", snapshot(), CLEAR, neighbours=disk(None)),
    case("snapshot.orphan", "disks were not read", snapshot(), UNKNOWN, complete_types=frozenset({REGION_DISK})),
    case("snapshot.orphan", "of two zones", snapshot(sourceDisk=TWIN), CLEAR, neighbours=disk(kind=REGION_DISK)),
    case("snapshot.orphan", "of no disk", snapshot(sourceDisk=None), CLEAR),
    case("snapshot.orphan", "being made", snapshot(status="CREATING"), CLEAR),
    case("snapshot.orphan", "in the archive", snapshot(snapshotType="ARCHIVE"), FOUND, "2.0000"),
    case("snapshot.orphan", "size not known", snapshot(storageBytes=None), UNKNOWN),
    case("snapshot.old", "found", snapshot(), FOUND, "5.0000", neighbours=siblings(snapshot("s-2", 10))),
    case("snapshot.old", "clear", snapshot(), CLEAR, neighbours=siblings(snapshot("s-0", 300))),
    case("snapshot.old", "boundary:minAgeDays", snapshot(age=90), CLEAR, neighbours=siblings(snapshot("s-2", 10))),
    case("snapshot.old", "boundary:minAgeDays", snapshot(age=90.01), FOUND, neighbours=siblings(snapshot("s-2", 10))),
    case("snapshot.old", "of another disk", snapshot(), CLEAR, neighbours=siblings(snapshot("x", 1, sourceDiskId="2"))),
    case(
        "snapshot.old",
        "put away",
        snapshot(snapshotType="ARCHIVE"),
        CLEAR,
        neighbours=siblings(snapshot("s-2", 10)),
    ),
    case("image.unused", "found", image(), FOUND, "5.0000"),
    case("image.unused", "clear", image(), CLEAR, neighbours={(FROM, DISK): [subject(DISK, DATA)]}),
    case("image.unused", "boundary:minAgeDays", image(90), CLEAR),
    case("image.unused", "boundary:minAgeDays", image(90.01), FOUND),
    case(
        "image.unused", "a template names it", image(), CLEAR, neighbours={(FROM, TEMPLATE): [subject(TEMPLATE, "t")]}
    ),
    case(
        "image.unused",
        "a template asks for its family",
        image(family="web"),
        CLEAR,
        neighbours=template(f"{NAME}/global/images/family/web"),
    ),
    case(
        "image.unused",
        "a template asks for another family",
        image(family="web"),
        FOUND,
        neighbours=template(f"{NAME}/global/images/family/db"),
    ),
    case(
        "image.unused",
        "its family is asked for, but it is deprecated",
        image(family="web", deprecated={"state": "DEPRECATED"}),
        FOUND,
        neighbours=template(f"{NAME}/global/images/family/web"),
    ),
    case(
        "image.unused",
        "more templates than are looked at",
        image(family="web"),
        UNKNOWN,
        neighbours={(RelationshipKind.MEMBER_OF, TEMPLATE): [subject(TEMPLATE, "t", properties={})] * 100},
    ),
    case("image.unused", "templates were not read", image(), UNKNOWN, complete_types=ALL_READ - {TEMPLATE}),
    case("image.unused", "being made", image(status="PENDING"), CLEAR),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
