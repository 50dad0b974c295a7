"""Google's recommenders that save money: what each is about, and where it is asked.

https://cloud.google.com/recommender/docs/recommenders, the places from the pages about each product.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from app.providers.gcp import compute, data, network, platform
from app.providers.gcp.kinds import Kind
from app.records.detection import Remedy

CLEANUP: Final = "CLEANUP_PROJECT"
"""What Google says of a project that is hardly used; of one without an active owner it says RECLAIM_PROJECT."""
_DOCS: Final = "https://cloud.google.com"
_IDLE: Final = f"{_DOCS}/compute/docs/viewing-and-applying-idle-resources-recommendations"
_RESERVATIONS: Final = f"{_DOCS}/compute/docs/instances/reservation-recommendations-overview"
_UNATTENDED: Final = f"{_DOCS}/recommender/docs/unattended-project-recommender"


class Where(StrEnum):
    """In which location Google keeps what it recommends about a resource."""

    SAME = "SAME"
    """The resource's own: a zone, a region or `global`."""
    REGION = "REGION"
    GLOBAL = "GLOBAL"


@dataclass(frozen=True, slots=True)
class Recommender:
    """One recommender. It is asked where there are resources of its `kinds`; the first is what it mostly speaks of.

    `subtypes` are the only ones that count, where not all do. `remedies` are by subtype, where they differ.
    """

    id: str
    permission: str | None
    """None where Google's documentation names none; then a role of Google's own gives it."""
    kinds: tuple[Kind, ...]
    remedy: Remedy
    link: str
    where: Where = Where.SAME
    subtypes: frozenset[str] = frozenset()
    remedies: Mapping[str, Remedy] = field(default_factory=dict)
    is_purchase: bool = False
    """Whether it recommends to buy a commitment, which is about no single resource."""

    @property
    def resource_types(self) -> tuple[str, ...]:
        """Its kinds as the inventory names them."""
        return tuple(kind.resource_type for kind in self.kinds)


def _permission(subject: str) -> str:
    return f"recommender.{subject}Recommendations.list"


UNATTENDED: Final = Recommender(
    "google.resourcemanager.projectUtilization.Recommender",
    _permission("resourcemanagerProjectUtilization"),
    (platform.PROJECT,),
    Remedy.DELETE,
    _UNATTENDED,
    Where.GLOBAL,
    subtypes=frozenset({CLEANUP}),
)
RECOMMENDERS: Final[tuple[Recommender, ...]] = (
    Recommender(
        "google.compute.disk.IdleResourceRecommender",
        _permission("computeDiskIdleResource"),
        (compute.DISK, compute.REGION_DISK),
        Remedy.DELETE,
        _IDLE,
    ),
    Recommender(
        "google.compute.image.IdleResourceRecommender",
        _permission("computeImageIdleResource"),
        (compute.IMAGE,),
        Remedy.DELETE,
        _IDLE,
        Where.GLOBAL,
    ),
    Recommender(
        "google.compute.address.IdleResourceRecommender",
        _permission("computeAddressIdleResource"),
        (network.ADDRESS, network.GLOBAL_ADDRESS),
        Remedy.DELETE,
        _IDLE,
    ),
    Recommender(
        "google.compute.instance.IdleResourceRecommender",
        _permission("computeInstanceIdleResource"),
        (compute.INSTANCE,),
        Remedy.STOP,
        f"{_DOCS}/compute/docs/instances/viewing-and-applying-idle-vm-recommendations",
    ),
    Recommender(
        "google.compute.instance.MachineTypeRecommender",
        _permission("computeInstanceMachineType"),
        (compute.INSTANCE,),
        Remedy.RESIZE,
        f"{_DOCS}/compute/docs/instances/apply-machine-type-recommendations-for-instances",
    ),
    Recommender(
        "google.compute.instanceGroupManager.MachineTypeRecommender",
        _permission("computeInstanceGroupManagerMachineType"),
        (compute.INSTANCE_GROUP_MANAGER,),
        Remedy.RESIZE,
        f"{_DOCS}/compute/docs/instances/apply-machine-type-recommendations-managed-instance-groups",
    ),
    Recommender("google.compute.IdleResourceRecommender", None, (compute.RESERVATION,), Remedy.DELETE, _RESERVATIONS),
    Recommender(
        "google.compute.RightSizeResourceRecommender", None, (compute.RESERVATION,), Remedy.RESIZE, _RESERVATIONS
    ),
    Recommender(
        "google.compute.commitment.UsageCommitmentRecommender",
        _permission("usageCommitment"),
        (compute.INSTANCE,),
        Remedy.REVIEW,
        f"{_DOCS}/docs/cuds-recommender",
        Where.REGION,
        is_purchase=True,
    ),
    Recommender(
        "google.cloudsql.instance.IdleRecommender",
        _permission("cloudsqlIdleInstance"),
        (data.SQL_INSTANCE,),
        Remedy.STOP,
        f"{_DOCS}/sql/docs/mysql/recommender-sql-idle",
        Where.REGION,
    ),
    Recommender(
        "google.cloudsql.instance.OverprovisionedRecommender",
        _permission("cloudsqlOverprovisionedInstance"),
        (data.SQL_INSTANCE,),
        Remedy.RESIZE,
        f"{_DOCS}/sql/docs/mysql/recommender-sql-overprovisioned",
        Where.REGION,
    ),
    Recommender(
        # Of its many subtypes only these two are about cost.
        "google.container.DiagnosisRecommender",
        _permission("containerDiagnosis"),
        (platform.CLUSTER,),
        Remedy.REVIEW,
        f"{_DOCS}/kubernetes-engine/docs/how-to/optimize-with-recommenders",
        subtypes=frozenset({"CLUSTER_IDLE", "CLUSTER_OVERPROVISIONED"}),
        remedies={"CLUSTER_IDLE": Remedy.DELETE, "CLUSTER_OVERPROVISIONED": Remedy.RESIZE},
    ),
    Recommender(
        "google.run.service.CostRecommender",
        _permission("runServiceCost"),
        (platform.RUN_SERVICE,),
        Remedy.CONFIGURE,
        f"{_DOCS}/run/docs/recommender",
        Where.REGION,
    ),
    Recommender(
        "google.storage.bucket.SoftDeleteRecommender",
        _permission("storageBucketSoftDelete"),
        (data.BUCKET,),
        Remedy.CONFIGURE,
        f"{_DOCS}/storage/docs/soft-delete-recommender",
        Where.GLOBAL,
    ),
    Recommender(
        "google.bigquery.capacityCommitments.Recommender",
        _permission("bigqueryCapacityCommitments"),
        (data.SLOT_RESERVATION, data.CAPACITY_COMMITMENT),
        Remedy.REVIEW,
        f"{_DOCS}/bigquery/docs/slot-recommender",
        Where.REGION,
        is_purchase=True,
    ),
    UNATTENDED,
)
