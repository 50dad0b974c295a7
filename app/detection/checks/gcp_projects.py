"""Projects that nobody attends to."""

from __future__ import annotations

from typing import Final

from app.detection.check import Area, Check
from app.detection.facts import Facts
from app.detection.finding import Evidence, Finding
from app.detection.savings import unknown
from app.records import Provider
from app.records.detection import Confidence, Remedy, Severity

PROJECT: Final = "cloudresourcemanager.googleapis.com/Project"
_BY_PARTS: Final = (
    "What is saved is all that is in the project. Beside the findings of that the same money would count twice; "
    "Google's own recommendation says what it expects."
)


def _unattended(facts: Facts) -> Finding | None:
    project = facts.subject
    # A project whose state is not told is not being deleted: Google always says that.
    if project.status not in {None, "ACTIVE"} or not project.flag("unattended"):
        return None
    return Finding(
        saving=unknown(_BY_PARTS, formula="effective cost of the project"),
        evidence=(
            Evidence("Google recommends", "to remove the project, for it was hardly used for 30 days"),
            Evidence("recommended since", project.same_since("unattended").isoformat()),
        ),
    )


CHECKS: Final = (
    Check(
        id="gcp.project.unattended",
        title="Project that nobody attends to",
        description="Google finds that the project was hardly used in 30 days, by its traffic, its calls of APIs, its "
        "services and its owners, and recommends to remove it. All that is in it goes on being paid.",
        provider=Provider.GCP,
        area=Area.OPERATIONS,
        resource_types=(PROJECT,),
        severity=Severity.MEDIUM,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.DELETE,
        remediation="Ask its owners, and look for what is needed all the same: archives, domain names, keys, service "
        "accounts that other projects use. Then shut the project down: for 30 days it can be restored. If it is "
        "needed, dismiss the recommendation in Google's console.",
        find=_unattended,
        properties=("unattended",),
        watched=("unattended",),
        saving="All that the project costs; not told as money of its own, for the findings of what is in it count.",
        permissions=("recommender.resourcemanagerProjectUtilizationRecommendations.list",),
        links=(
            "https://cloud.google.com/recommender/docs/unattended-project-recommender",
            "https://cloud.google.com/resource-manager/docs/creating-managing-projects#shutting_down_projects",
        ),
    ),
)
