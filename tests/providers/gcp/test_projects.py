"""Projects, and whether Google recommends to remove them."""

from __future__ import annotations

from typing import Any

import pytest

from app.providers.base import FoundResource
from app.providers.gcp.connection import GcpConnection
from app.providers.problems import ProblemCode
from tests.providers.gcp.advice import error, recommendation
from tests.providers.gcp.conftest import Find, collector_of
from tests.providers.gcp.google import Google, asset
from tests.providers.gcp.test_connection import PROJECT_TYPE, problem_of

RECOMMENDER = "google.resourcemanager.projectUtilization.Recommender"
PERMISSION = "recommender.resourcemanagerProjectUtilizationRecommendations.list"


def hold(google: Google, *numbers: str, **data: Any) -> None:
    for number in numbers:
        told = asset(PROJECT_TYPE, f"projects/{number}", {"projectId": f"p-{number}"} | data, "global")
        google.hold(told | {"ancestors": [f"projects/{number}", "organizations/42"]})


def advise(google: Google, number: str, subtype: str = "CLEANUP_PROJECT", **parts: Any) -> None:
    told = recommendation(RECOMMENDER, recommenderSubtype=subtype, **parts)
    google.advice.hold(number, "global", RECOMMENDER, told)


def test_what_google_recommends_is_a_property(google: Google, find: Find) -> None:
    hold(google, "1", "2", "3", "4", lifecycleState="ACTIVE")
    advise(google, "1")
    advise(google, "2", "RECLAIM_PROJECT")
    advise(google, "3", stateInfo={"state": "DISMISSED"})
    known = {found.name: found.properties["unattended"] for found in find(PROJECT_TYPE)}
    assert known == {"p-1": True, "p-2": False, "p-3": False, "p-4": False}


def test_one_that_is_being_deleted_is_not_asked_about(google: Google, find: Find) -> None:
    hold(google, "1", lifecycleState="DELETE_REQUESTED")
    (found,) = find(PROJECT_TYPE)
    assert "unattended" not in found.properties
    assert google.advice.asked == []


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (error(403), ProblemCode.DENIED),
        (error(403, "SERVICE_DISABLED", service="recommender.googleapis.com"), ProblemCode.NOT_ENABLED),
    ],
)
def test_what_cannot_be_read_is_unknown_of_all(
    google: Google, connection: GcpConnection, answer: tuple[int, str], code: ProblemCode
) -> None:
    hold(google, "1", "2", lifecycleState="ACTIVE")
    advise(google, "2")
    google.advice.refused[RECOMMENDER] = answer
    found: list[FoundResource] = []

    def collect() -> None:
        for page in collector_of(PROJECT_TYPE).pages(connection, "global"):
            found.extend(page)

    problem = problem_of(collect)
    assert (problem.code, problem.listed) == (code, True)
    assert problem.permission == (PERMISSION if code is ProblemCode.DENIED else None)
    assert [one.properties["unreadable"] for one in found] == [["unattended"]] * 2
    assert all("unattended" not in one.properties for one in found)
    assert google.advice.asked == [("1", "global", RECOMMENDER)]


def test_a_fault_about_one_project_leaves_the_others_known(google: Google, connection: GcpConnection) -> None:
    hold(google, "1", "2")
    advise(google, "2")
    google.advice.faults = [error(404)]
    found: list[FoundResource] = []

    def collect() -> None:
        for page in collector_of(PROJECT_TYPE).pages(connection, "global"):
            found.extend(page)

    problem = problem_of(collect)
    assert (problem.code, problem.listed, problem.retry) == (ProblemCode.FAILED, True, False)
    assert [one.properties.get("unattended") for one in found] == [None, True]


def test_an_outage_is_no_answer(google: Google, find: Find) -> None:
    hold(google, "1")
    google.advice.refused[RECOMMENDER] = error(503)
    assert problem_of(lambda: find(PROJECT_TYPE)).code is ProblemCode.UNREACHABLE
