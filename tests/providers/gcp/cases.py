"""An asset as Google tells it, and the resource that it has to become."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from app.providers.base import Relation
from app.records import RelationshipKind
from tests.providers.gcp.conftest import Find
from tests.providers.gcp.google import NUMBER, PROJECT, Google, asset

COMPUTE = f"//compute.googleapis.com/projects/{PROJECT}"
NETWORK = Relation(RelationshipKind.IN_NETWORK, f"{COMPUTE}/global/networks/main")
MAY = datetime(2026, 5, 1, tzinfo=UTC)
MAY_MILLISECONDS = "1777593600000"


@dataclass
class Case:
    kind: str
    path: str
    location: str
    data: dict[str, Any]
    properties: dict[str, Any]
    region: str
    zone: str | None = None
    name: str | None = None
    status: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    created_at: datetime | None = None
    last_used_at: datetime | None = None
    relations: tuple[Relation, ...] = ()
    native_id: str | None = None


def check(google: Google, find: Find, case: Case) -> None:
    """What is found is what was told, all of it and nothing else."""
    google.hold(asset(case.kind, case.path, case.data, case.location))
    (found,) = find(case.kind)
    service = case.kind.partition("/")[0]
    project = {} if service == "storage.googleapis.com" else {"project": PROJECT}
    assert (found.service, found.resource_type) == (service, case.kind)
    assert found.native_id == (case.native_id or f"//{service}/{case.path}")
    assert found.name == (case.name or case.path.rpartition("/")[2])
    assert (found.region, found.availability_zone) == (case.region, case.zone)
    assert found.status == case.status
    assert found.tags == case.tags
    assert found.properties == {"project": NUMBER} | project | case.properties
    assert (found.created_at, found.last_used_at) == (case.created_at, case.last_used_at)
    assert found.relations == case.relations
    assert "s3cret" not in repr(found)
