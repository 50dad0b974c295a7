"""What stands between us and Google's recommendations: told with what to do, never taken for none."""

from __future__ import annotations

import pytest

from app.providers.gcp.cloud import GcpCloud
from app.providers.gcp.connection import GcpConnection
from app.providers.gcp.recommender import PERMISSIONS
from app.providers.gcp.recommenders import RECOMMENDERS
from app.providers.opinions import FoundOpinion
from app.providers.problems import ProblemCode
from app.records.detection import Remedy
from tests.providers.gcp.advice import error, recommendation
from tests.providers.gcp.google import NUMBER, Google
from tests.providers.gcp.test_connection import problem_of
from tests.providers.gcp.test_recommender import DISK, DISKS, MACHINE, MACHINES, SIZES, ZONE, one_of, read


def test_a_busy_service_is_asked_again(google: Google, connection: GcpConnection) -> None:
    google.advice.faults = [error(429), error(503)]
    assert len(one_of(google, connection, recommendation(DISKS))) == 1


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (error(429, wait=90), ProblemCode.THROTTLED, "quota"),
        (error(503), ProblemCode.UNREACHABLE, "in time"),
        (error(401), ProblemCode.CREDENTIALS, "access token"),
        ((200, "no JSON"), ProblemCode.BAD_ANSWER, "cut off"),
        ((200, "[]"), ProblemCode.BAD_ANSWER, "no object"),
        ((200, '{"recommendations": 1}'), ProblemCode.BAD_ANSWER, "no list"),
        ((200, '{"recommendations": [{}]}'), ProblemCode.BAD_ANSWER, "no recommendation"),
        ((200, '{"recommendations": ["text"]}'), ProblemCode.BAD_ANSWER, "no recommendation"),
        ((200, '{"nextPageToken": "1"}'), ProblemCode.BAD_ANSWER, "repeats"),
        (error(400), ProblemCode.FAILED, "does not accept"),
        (error(404), ProblemCode.FAILED, "does not find"),
    ],
)
def test_problems_are_told_and_nothing_is_taken_for_none(
    google: Google, connection: GcpConnection, answer: tuple[int, str], code: ProblemCode, words: str
) -> None:
    google.hold(DISK)
    google.advice.refused[DISKS] = answer
    problem = problem_of(lambda: read(connection))
    assert problem.code is code
    assert words in problem.message
    assert "s3cret" not in f"{problem.message}{problem.remedy}"


def test_an_api_that_is_not_enabled(google: Google, connection: GcpConnection) -> None:
    off = error(403, "SERVICE_DISABLED", service="recommender.googleapis.com", consumer=f"projects/{NUMBER}")
    google.hold(DISK)
    google.advice.refused[DISKS] = off
    problem = problem_of(lambda: read(connection))
    assert problem.code is ProblemCode.NOT_ENABLED
    assert f"gcloud services enable recommender.googleapis.com --project {NUMBER}" in problem.remedy


def test_what_one_recommender_refuses_is_told_after_the_others(google: Google, connection: GcpConnection) -> None:
    google.hold(DISK, MACHINE)
    google.advice.refused[DISKS] = error(403)
    google.advice.refused[SIZES] = error(403, "IAM_PERMISSION_DENIED", permission="recommender.someOther.list")
    google.advice.hold(NUMBER, ZONE, MACHINES, recommendation(MACHINES, recommenderSubtype="STOP_VM"))
    found: list[FoundOpinion] = []
    (reader,) = GcpCloud().advisers()

    def collect() -> None:
        for page in reader.pages(connection):
            found.extend(page)

    problem = problem_of(collect)
    assert [one.remedy for one in found] == [Remedy.STOP]
    assert (problem.code, problem.listed, problem.retry) == (ProblemCode.DENIED, False, False)
    assert problem.permission == "recommender.computeDiskIdleResourceRecommendations.list"
    assert "recommender.someOther.list" in problem.message
    assert problem.remedy.count("skyledger permissions gcp") == 1


def test_every_recommender_says_what_it_needs() -> None:
    (reader,) = GcpCloud().advisers()
    assert set(reader.permissions) >= set(PERMISSIONS)
    assert len({each.id for each in RECOMMENDERS}) == len(RECOMMENDERS)
    assert all(each.link.startswith("https://cloud.google.com/") and each.kinds for each in RECOMMENDERS)
    unnamed = {each.id for each in RECOMMENDERS if each.permission is None}
    assert unnamed == {"google.compute.IdleResourceRecommender", "google.compute.RightSizeResourceRecommender"}
    policy = GcpCloud().policy()
    assert all(f"- {permission}\n" in policy for permission in PERMISSIONS)
    assert "services enable" in policy
    assert "recommender.googleapis.com" in policy
