"""The role that lets Skyledger read Google Cloud and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

from app.providers.base import Service
from app.providers.gcp.metrics import READ_METRICS
from app.providers.opinions import OpinionReader

ROLE = "skyledgerReader"
COST_PERMISSIONS = ("bigquery.jobs.create", "bigquery.tables.get", "bigquery.tables.getData")
"""Of a cost source: the first in the project that pays for the queries, the others on the table and, for a view, on
what it reads."""


def policy_of(services: Iterable[Service], advisers: Iterable[OpinionReader]) -> str:
    """A custom role as `gcloud iam roles create --file` takes it, with the commands for it as comments."""
    collectors = [collector for service in services for collector in service.collectors]
    needed = [*(one.permissions for one in collectors), *(one.permissions for one in advisers)]
    permissions = sorted({READ_METRICS, *(permission for one in needed for permission in one)})
    lines = [
        "# Save as skyledger-role.yaml, put your values for PROJECT_ID and SERVICE_ACCOUNT, and run:",
        "#   gcloud services enable cloudasset.googleapis.com cloudresourcemanager.googleapis.com \\",
        "#     monitoring.googleapis.com recommender.googleapis.com --project PROJECT_ID",
        f"#   gcloud iam roles create {ROLE} --project PROJECT_ID --file skyledger-role.yaml",
        "#   gcloud projects add-iam-policy-binding PROJECT_ID --member serviceAccount:SERVICE_ACCOUNT \\",
        f"#     --role projects/PROJECT_ID/roles/{ROLE} --condition None",
        "# The APIs are enabled in the project that the service account belongs to.",
        "# For an organization: `--organization ORGANIZATION_ID` in the second command, and",
        "#   gcloud organizations add-iam-policy-binding ORGANIZATION_ID --member serviceAccount:SERVICE_ACCOUNT \\",
        f"#     --role organizations/ORGANIZATION_ID/roles/{ROLE} --condition None",
        "# Google's recommendations about reservations of Compute Engine also need a role of Google's own:",
        "#   gcloud projects add-iam-policy-binding PROJECT_ID --member serviceAccount:SERVICE_ACCOUNT \\",
        "#     --role roles/recommender.computeViewer --condition None",
        f"# A cost source in BigQuery also needs {', '.join(COST_PERMISSIONS)}:",
        "#   gcloud services enable bigquery.googleapis.com --project PROJECT_ID",
        "#   gcloud projects add-iam-policy-binding PROJECT_ID --member serviceAccount:SERVICE_ACCOUNT \\",
        "#     --role roles/bigquery.jobUser --condition None",
        "#   bq add-iam-policy-binding --member=serviceAccount:SERVICE_ACCOUNT --role=roles/bigquery.dataViewer \\",
        "#     BILLING_PROJECT:DATASET.TABLE",
        "title: Skyledger reader",
        "description: Lists resources, their metrics and what Google recommends; reads no data and changes nothing.",
        "stage: GA",
        "includedPermissions:",
        *(f"- {permission}" for permission in permissions),
    ]
    return "\n".join(lines) + "\n"
