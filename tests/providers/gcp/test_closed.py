"""Projects that are closed as a whole: they fail, and never look empty."""

from __future__ import annotations

import grpc
import pytest

from app.providers.gcp.connection import GcpConnection
from app.providers.problems import ProblemCode
from tests.providers.gcp.conftest import Find
from tests.providers.gcp.google import NUMBER, Google, asset, refusal
from tests.providers.gcp.test_connection import BUCKET, PROJECT_TYPE, always, problem_of


def test_api_not_enabled(google: Google, find: Find) -> None:
    google.misbehave(
        refusal(
            grpc.StatusCode.PERMISSION_DENIED,
            "SERVICE_DISABLED",
            service="cloudasset.googleapis.com",
            consumer=f"projects/{NUMBER}",
        )
    )
    problem = problem_of(lambda: find(BUCKET))
    # Everything is read through it: the scan has to fail, not to find nothing.
    assert (problem.code, problem.permission) == (ProblemCode.DENIED, None)
    assert problem.message == f"The API cloudasset.googleapis.com is not enabled in the project {NUMBER}."
    assert f"gcloud services enable cloudasset.googleapis.com --project {NUMBER}" in problem.remedy


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("SERVICE_DISABLED", "The API cloudasset.googleapis.com is not enabled in the project of the credentials."),
        ("BILLING_DISABLED", "The project of the credentials has no billing account."),
        ("CONSUMER_INVALID", "The project of the credentials does not exist or is being deleted."),
        ("CONSUMER_SUSPENDED", "The project of the credentials is suspended by Google."),
    ],
)
def test_what_closes_the_whole_account(google: Google, connection: GcpConnection, reason: str, told: str) -> None:
    always(google, refusal(grpc.StatusCode.PERMISSION_DENIED, reason, consumer="a s3cret"))
    google.held = []
    reads = [connection.verify, connection.regions, lambda: list(connection.pages((BUCKET,)))]
    for read in reads:
        problem = problem_of(read)
        assert (problem.code, problem.message, problem.permission) == (ProblemCode.DENIED, told, None)
        assert problem.remedy


@pytest.mark.parametrize("state", [{"lifecycleState": "DELETE_REQUESTED"}, {"state": "DELETE_REQUESTED"}])
def test_a_project_that_is_shut_down(google: Google, connection: GcpConnection, state: dict[str, str]) -> None:
    google.hold(asset(PROJECT_TYPE, f"projects/{NUMBER}", {"name": "Acme", **state}))
    for read in (connection.verify, connection.regions):
        problem = problem_of(read)
        assert problem.code is ProblemCode.DENIED
        assert problem.message == "The project is shut down and waits for its deletion."


def test_regions_cost_one_question(google: Google, connection: GcpConnection) -> None:
    google.hold(asset(PROJECT_TYPE, f"projects/{NUMBER}", {"name": "Acme", "lifecycleState": "ACTIVE"}))
    assert connection.regions() == []
    (asked,) = google.requests
    assert (list(asked.asset_types), asked.page_size) == ([PROJECT_TYPE], 1)
    # A failure of that question alone is no reason not to try the others.
    always(google, refusal(grpc.StatusCode.INVALID_ARGUMENT))
    assert connection.regions() == []
