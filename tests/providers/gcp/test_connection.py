"""Signing in, paging, verifying, and what becomes of a far side that misbehaves."""

from __future__ import annotations

import logging
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from google.cloud.asset_v1 import ListAssetsRequest, ListAssetsResponse

from app.providers.base import Verification
from app.providers.gcp import connection as connection_module
from app.providers.gcp.cloud import GcpCloud
from app.providers.gcp.connection import PERMISSIONS, GcpConnection, Patience
from app.providers.problems import ProblemCode, ProviderError
from tests.providers.gcp.conftest import HASTY, Find, collector_of
from tests.providers.gcp.google import AUDIENCE, EMAIL, NUMBER, PROJECT, TOKEN, Fault, Google, asset, refusal

DISK = "compute.googleapis.com/Disk"
PROJECT_TYPE = "cloudresourcemanager.googleapis.com/Project"
BUCKET = "storage.googleapis.com/Bucket"
TOPIC = "pubsub.googleapis.com/Topic"


def buckets(count: int) -> list[dict[str, Any]]:
    return [asset(BUCKET, f"bucket-{number:04}", {}) for number in range(count)]


def problem_of(call: Callable[[], object]) -> ProviderError:
    """The problem that a call ends with; none of them tells what the far side wrote."""
    with pytest.raises(ProviderError) as caught:
        call()
    assert "s3cret" not in f"{caught.value.message} {caught.value.remedy}"
    assert TOKEN not in f"{caught.value.message} {caught.value.remedy}"
    return caught.value


def test_signs_in_once_with_the_key(google: Google, find: Find) -> None:
    google.hold(*buckets(1))
    find(BUCKET)
    find(BUCKET)
    (assertion,) = google.assertions
    assert (assertion["iss"], assertion["aud"]) == (EMAIL, AUDIENCE)
    assert assertion["scope"] == "https://www.googleapis.com/auth/cloud-platform"


def test_the_most_talkative_log_holds_no_token(google: Google, find: Find, caplog: pytest.LogCaptureFixture) -> None:
    google.hold(*buckets(1))
    with caplog.at_level(logging.DEBUG):
        find(BUCKET)
    assert len(google.requests) == 1
    assert TOKEN not in caplog.text
    assert "PRIVATE KEY" not in caplog.text
    assert not any(TOKEN in str(vars(record)) for record in caplog.records)


def test_many_threads_sign_in_once(google: Google, connection: GcpConnection) -> None:
    google.hold(*buckets(1))
    threads = [threading.Thread(target=lambda: list(connection.pages((BUCKET,)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(google.assertions) == 1
    assert len(google.requests) == 8


def test_reads_page_after_page(google: Google, connection: GcpConnection) -> None:
    google.hold(*buckets(25), *(asset(TOPIC, f"projects/{PROJECT}/topics/t{n}", {}) for n in range(3)))
    google.page_size = 10
    pages = [[r.name for r in page] for page in collector_of(BUCKET).pages(connection, "global")]
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [name for page in pages for name in page] == [f"bucket-{number:04}" for number in range(25)]
    assert [r.page_token for r in google.requests] == ["", "from-10", "from-20"]
    assert {r.parent for r in google.requests} == {f"projects/{PROJECT}"}
    assert {r.page_size for r in google.requests} == {1000}


def test_asks_for_a_page_only_when_it_is_wanted(google: Google, connection: GcpConnection) -> None:
    google.hold(*buckets(20))
    google.page_size = 10
    pages = collector_of(BUCKET).pages(connection, "global")
    assert google.requests == []
    next(pages)
    assert len(google.requests) == 1


def test_reads_whole_organizations(google: Google) -> None:
    google.hold(*buckets(1))
    connection = GcpCloud(HASTY).connect(google.target("organizations/42"))
    assert [r.name for page in collector_of(BUCKET).pages(connection, "global") for r in page] == ["bucket-0000"]
    connection.close()
    assert google.requests[0].parent == "organizations/42"


def test_throttled_for_a_moment(google: Google, find: Find) -> None:
    google.hold(*buckets(3))
    google.misbehave(
        refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMIT_EXCEEDED"),
        refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMIT_EXCEEDED"),
    )
    assert len(find(BUCKET)) == 3
    assert len(google.requests) == 3


def always(google: Google, fault: Fault) -> None:
    google.misbehave(*[fault] * 500)


def test_throttled_for_too_long(google: Google, quick: Quick) -> None:
    always(google, refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMIT_EXCEEDED", wait=30))
    problem = problem_of(lambda: quick(BUCKET))
    assert problem.code is ProblemCode.THROTTLED
    assert problem.retry_after == 30
    assert len(google.requests) > 1


def test_one_type_is_denied(google: Google, find: Find) -> None:
    google.hold(*buckets(1), asset(TOPIC, f"projects/{PROJECT}/topics/t", {}))
    google.misbehave(refusal(grpc.StatusCode.PERMISSION_DENIED, "IAM_PERMISSION_DENIED"), about=BUCKET)
    problem = problem_of(lambda: find(BUCKET))
    assert (problem.code, problem.permission) == (ProblemCode.DENIED, "cloudasset.assets.listResource")
    assert problem.message == f"The permission cloudasset.assets.listResource is missing to read {BUCKET}."
    assert [r.name for r in find(TOPIC)] == ["t"]


def test_denied_for_another_permission(google: Google, find: Find) -> None:
    google.misbehave(
        refusal(grpc.StatusCode.PERMISSION_DENIED, "IAM_PERMISSION_DENIED", permission="serviceusage.services.use")
    )
    assert problem_of(lambda: find(BUCKET)).permission == "serviceusage.services.use"


def test_denied_with_a_text_that_is_no_permission(google: Google, find: Find) -> None:
    google.misbehave(refusal(grpc.StatusCode.PERMISSION_DENIED, "IAM_PERMISSION_DENIED", permission="a s3cret text"))
    assert problem_of(lambda: find(BUCKET)).permission == "cloudasset.assets.listResource"


def test_behind_a_perimeter(google: Google, find: Find) -> None:
    google.misbehave(refusal(grpc.StatusCode.PERMISSION_DENIED, "SECURITY_POLICY_VIOLATED"))
    problem = problem_of(lambda: find(BUCKET))
    assert problem.code is ProblemCode.DENIED
    assert "VPC Service Controls" in problem.message


def test_token_refused(google: Google, find: Find) -> None:
    google.misbehave(refusal(grpc.StatusCode.UNAUTHENTICATED, "ACCESS_TOKEN_EXPIRED"))
    assert problem_of(lambda: find(BUCKET)).code is ProblemCode.CREDENTIALS
    assert len(google.requests) == 1


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, '{"error": "invalid_grant", "error_description": "s3cret"}', ProblemCode.CREDENTIALS),
        (400, '{"error": "a s3cret", "error_description": "x"}', ProblemCode.CREDENTIALS),
        (401, "s3cret", ProblemCode.CREDENTIALS),
        (200, '{"access_token": "ya29', ProblemCode.BAD_ANSWER),
        (200, '{"s3cret": 1}', ProblemCode.BAD_ANSWER),
        (200, "[]", ProblemCode.BAD_ANSWER),
    ],
)
def test_no_token_is_given(google: Google, find: Find, status: int, body: str, code: ProblemCode) -> None:
    google.token_answers = [(status, body)]
    problem = problem_of(lambda: find(BUCKET))
    assert problem.code is code
    assert ("invalid_grant" in problem.message) is ("invalid_grant" in body)
    assert google.requests == []


def test_no_redirect_of_the_token_service_is_followed(google: Google, find: Find) -> None:
    google.token_answers = [(302, google.token_url)]
    assert problem_of(lambda: find(BUCKET)).code is ProblemCode.CREDENTIALS
    assert len(google.assertions) == 1


def test_the_token_service_is_away(google: Google) -> None:
    with deaf() as address:
        connection = GcpCloud(HASTY).connect(google.target(token=f"http://{address}/token"))
        assert problem_of(connection.verify).code is ProblemCode.UNREACHABLE
        connection.close()


def broken(_request: Any, _context: Any) -> bytes:
    """A message whose length says more than there is."""
    whole = ListAssetsResponse(assets=[], next_page_token="a" * 100)
    sent: bytes = ListAssetsResponse.serialize(whole)
    return sent[:40]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (broken, ProblemCode.BAD_ANSWER),
        (refusal(grpc.StatusCode.DATA_LOSS), ProblemCode.BAD_ANSWER),
        (refusal(grpc.StatusCode.UNAVAILABLE), ProblemCode.UNREACHABLE),
        (refusal(grpc.StatusCode.INTERNAL), ProblemCode.FAILED),
        (refusal(grpc.StatusCode.UNKNOWN), ProblemCode.FAILED),
        (refusal(grpc.StatusCode.NOT_FOUND), ProblemCode.FAILED),
        (refusal(grpc.StatusCode.INVALID_ARGUMENT), ProblemCode.FAILED),
        (refusal(grpc.StatusCode.UNIMPLEMENTED), ProblemCode.FAILED),
        (refusal(grpc.StatusCode.CANCELLED), ProblemCode.UNREACHABLE),
    ],
)
def test_errors_of_the_far_side(google: Google, quick: Quick, fault: Fault, code: ProblemCode) -> None:
    always(google, fault)
    problem = problem_of(lambda: quick(BUCKET))
    assert problem.code is code
    assert problem.permission is None


def test_an_unknown_type_is_told_by_name(google: Google, find: Find) -> None:
    google.misbehave(refusal(grpc.StatusCode.INVALID_ARGUMENT))
    assert problem_of(lambda: find(BUCKET)).message == f"Google does not accept the question for {BUCKET}."
    assert len(google.requests) == 1


def test_broken_once_then_whole(google: Google, find: Find) -> None:
    google.hold(*buckets(2))
    google.misbehave(broken)
    assert len(find(BUCKET)) == 2


def test_an_answer_that_is_too_large(google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "MAX_ANSWER", 2000)
    google.hold(*buckets(100))
    connection = GcpCloud(Patience(tries=0.1, first_wait=0.02)).connect(google.target())
    problem = problem_of(lambda: list(connection.pages((BUCKET,))))
    connection.close()
    assert problem.code is ProblemCode.BAD_ANSWER
    assert problem.message == f"Google's answer about {BUCKET} is too large."


def test_a_slow_answer(google: Google) -> None:
    always(google, lambda *_: google.closing.wait(30) and None)
    connection = GcpCloud(Patience(call=0.2, tries=0.1)).connect(google.target())
    problem = problem_of(lambda: list(connection.pages((BUCKET,))))
    google.closing.set()
    connection.close()
    assert problem.code is ProblemCode.UNREACHABLE


def test_a_reset_connection(google: Google) -> None:
    with deaf() as address:
        connection = GcpCloud(Patience(call=2, tries=0.1)).connect(google.target(cloudasset=address))
        problem = problem_of(lambda: list(connection.pages((BUCKET,))))
        connection.close()
    assert problem.code is ProblemCode.UNREACHABLE


def test_an_https_address_is_spoken_to_in_tls_only(google: Google) -> None:
    address = f"https://{google.address}"
    connection = GcpCloud(Patience(call=2, tries=0.1)).connect(google.target(cloudasset=address))
    problem = problem_of(lambda: list(connection.pages((BUCKET,))))
    connection.close()
    assert problem.code is ProblemCode.UNREACHABLE
    assert google.requests == []


def test_a_page_repeated(google: Google, connection: GcpConnection) -> None:
    google.hold(*buckets(4))
    google.page_size = 2
    first = google.page

    def again(request: Any, _context: Any) -> ListAssetsResponse:
        return first(ListAssetsRequest(asset_types=request.asset_types, page_size=request.page_size))

    google.misbehave(*[again] * 3)
    pages = connection.pages((BUCKET,))
    assert [a.name for a in next(pages)] == [
        "//storage.googleapis.com/bucket-0000",
        "//storage.googleapis.com/bucket-0001",
    ]
    problem = problem_of(lambda: list(pages))
    assert problem.code is ProblemCode.BAD_ANSWER
    assert problem.message == f"Google's answer about {BUCKET} repeats a page."


def test_assets_that_were_not_asked_for(google: Google, find: Find) -> None:
    google.hold(asset(TOPIC, f"projects/{PROJECT}/topics/t", {}))
    google.misbehave(lambda *_: ListAssetsResponse(assets=google.assets))
    assert problem_of(lambda: find(BUCKET)).code is ProblemCode.BAD_ANSWER


def test_verify_tells_who_and_what_is_missing(google: Google, connection: GcpConnection) -> None:
    google.hold(asset(PROJECT_TYPE, f"projects/{NUMBER}", {"name": "Acme production"}))
    above = ("folders/77", "organizations/42")
    assert connection.verify() == Verification(PROJECT, EMAIL, (), name="Acme production", ancestors=above)
    (asked,) = google.permission_requests
    assert (asked.resource, tuple(asked.permissions)) == (f"projects/{PROJECT}", PERMISSIONS)
    (listed,) = google.requests
    assert listed.page_size == 1
    assert connection.regions() == []


def test_verify_names_the_missing_permissions(google: Google, connection: GcpConnection) -> None:
    google.held = ["serviceusage.services.use", "monitoring.timeSeries.list"]
    google.misbehave(
        refusal(grpc.StatusCode.PERMISSION_DENIED, "IAM_PERMISSION_DENIED"),
        about=PROJECT_TYPE,
    )
    assert connection.verify() == Verification(PROJECT, EMAIL, ("cloudasset.assets.listResource",))


def test_verify_without_the_resource_manager(google: Google, connection: GcpConnection) -> None:
    service = "cloudresourcemanager.googleapis.com"
    google.misbehave(
        refusal(grpc.StatusCode.PERMISSION_DENIED, "SERVICE_DISABLED", service=service), about="permissions"
    )
    found = connection.verify()
    assert (found.caller, found.missing_permissions) == (EMAIL, None)
    assert found.note is not None
    assert f"gcloud services enable {service}" in found.note


def test_verify_where_nothing_may_be_read(google: Google, connection: GcpConnection) -> None:
    google.misbehave(
        refusal(grpc.StatusCode.PERMISSION_DENIED, "IAM_PERMISSION_DENIED"),
        about=PROJECT_TYPE,
    )
    problem = problem_of(connection.verify)
    assert (problem.code, problem.permission) == (ProblemCode.DENIED, "cloudasset.assets.listResource")


def test_verify_with_a_revoked_key(google: Google, connection: GcpConnection) -> None:
    google.token_answers = [(400, '{"error": "invalid_grant"}')] * 2
    assert problem_of(connection.verify).code is ProblemCode.CREDENTIALS


@pytest.mark.parametrize("scope", ["organizations/42", "folders/77"])
def test_verify_of_what_holds_projects(google: Google, scope: str) -> None:
    connection = GcpCloud(HASTY).connect(google.target(scope))
    assert connection.verify() == Verification(scope, EMAIL, ())
    assert google.permission_requests[0].resource == scope
    google.hold(asset(PROJECT_TYPE, f"projects/{NUMBER}", {"name": "Acme production", "state": "DELETE_REQUESTED"}))
    above = ("organizations/42",) if scope == "folders/77" else ()
    assert connection.verify() == Verification(scope, EMAIL, (), ancestors=above)
    connection.close()


@pytest.mark.parametrize("native_id", ["", "organizations/x", "billingAccounts/1", "projects/a/b", "Acme prod", "a\nb"])
def test_ids_that_are_none(google: Google, native_id: str) -> None:
    assert problem_of(lambda: GcpCloud().connect(google.target(native_id))).code is ProblemCode.CREDENTIALS


Quick = Callable[[str], object]


@pytest.fixture
def quick(google: Google) -> Iterator[Quick]:
    """Reads a type with a connection that soon gives up."""
    connection = GcpCloud(Patience(call=5, tries=0.2, first_wait=0.02)).connect(google.target())
    yield lambda kind: list(collector_of(kind).pages(connection, "global"))
    connection.close()


@contextmanager
def deaf() -> Iterator[str]:
    """An address whose connections are reset as soon as they are made."""
    listener = socket.create_server(("127.0.0.1", 0))

    def reset() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            # Closing without lingering sends RST in place of FIN.
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()

    thread = threading.Thread(target=reset)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
