"""What goes wrong on the way: each fault has its name, and none reads as "nothing there"."""

from __future__ import annotations

from typing import Any

import pytest

from app.providers.azure.patience import Patience, clock_seconds
from app.providers.problems import ProblemCode, ProviderError
from tests.providers.azure.arm_server import OTHER_SUBSCRIPTION, SUBSCRIPTION, Answer, ArmServer, Fault, denial, failure
from tests.providers.azure.conftest import Connect, collector, read
from tests.providers.azure.rows import identity, row

DISKS = "microsoft.compute/disks"
GRAPH = "Microsoft.ResourceGraph/resources"


def disks(count: int) -> list[dict[str, Any]]:
    """As many disks, with a time of their own."""
    told = {"diskState": "Unattached", "timeCreated": "2026-01-01T00:00:00Z"}
    return [row("Microsoft.Compute/disks", f"disk-{number:05}", told) for number in range(count)]


def graph_calls(azure: ArmServer) -> int:
    return sum(GRAPH in path for _, path in azure.requests)


def fails(connect: Connect, resource_type: str = DISKS, **parts: Any) -> ProviderError:
    """The error that reading a type ends with."""
    with pytest.raises(ProviderError) as raised:
        read(connect(**parts), resource_type)
    assert raised.value.__cause__ is None
    return raised.value


def test_pages_follow_skip_tokens_to_the_end(azure: ArmServer, connect: Connect) -> None:
    azure.tables["resources"] = disks(2500)
    found = read(connect(), DISKS)
    assert sorted(found) == [f"disk-{number:05}" for number in range(2500)]
    assert graph_calls(azure) == 3


def test_short_pages_are_followed_too(azure: ArmServer, connect: Connect) -> None:
    azure.tables["resources"] = disks(25)
    azure.page_size = 10
    assert len(read(connect(), DISKS)) == 25
    assert graph_calls(azure) == 3


def test_nothing_there_is_no_error(azure: ArmServer, connect: Connect) -> None:
    azure.tables["resources"] = []
    assert read(connect(), DISKS) == {}


def test_throttling_is_waited_for(azure: ArmServer, connect: Connect) -> None:
    azure.faults = [Fault(GRAPH, failure(429, "RateLimiting", "Slow down."), times=1)]
    azure.faults[0].answer.headers["Retry-After"] = "1"
    assert len(read(connect(), DISKS)) == 2
    assert graph_calls(azure) == 2


def test_throttling_beyond_our_patience_ends_with_the_time_asked_for(azure: ArmServer, connect: Connect) -> None:
    azure.faults = [Fault(GRAPH, Answer({}, 429, {"Retry-After": "900"}), times=9)]
    error = fails(connect)
    assert (error.code, error.retry_after) == (ProblemCode.THROTTLED, 900)
    assert graph_calls(azure) == 1


def test_throttling_without_end_ends(azure: ArmServer, connect: Connect) -> None:
    headers = {"x-ms-user-quota-resets-after": "00:00:05"}
    azure.faults = [Fault(GRAPH, Answer({}, 429, headers), times=9)]
    error = fails(connect)
    assert (error.code, error.retry_after) == (ProblemCode.THROTTLED, 5)
    assert graph_calls(azure) == 2


def test_the_quota_is_waited_for_before_it_is_exceeded(
    azure: ArmServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("app.providers.azure.patience.time.sleep", waits.append)
    quota = {"x-ms-user-quota-remaining": "0", "x-ms-user-quota-resets-after": "00:00:04"}
    empty = {"totalRecords": 0, "count": 0, "resultTruncated": "false", "data": []}
    azure.faults = [Fault(GRAPH, Answer(empty, 200, quota))]
    connection = connect(Patience(longest_wait=10))
    read(connection, DISKS)
    assert waits == []
    read(connection, DISKS)
    assert len(waits) == 1
    assert 3 < waits[0] <= 4


def test_a_failure_on_the_way_ends_in_an_error_after_what_was_told(azure: ArmServer, connect: Connect) -> None:
    azure.tables["resources"] = disks(25)
    azure.page_size = 10
    azure.faults = [Fault(GRAPH, failure(500, "InternalServerError", "Oops."), times=9, skip=2)]
    pages = collector(DISKS).pages(connect(), "global")
    assert [len(next(pages)), len(next(pages))] == [10, 10]
    with pytest.raises(ProviderError) as raised:
        next(pages)
    assert raised.value.code is ProblemCode.FAILED


def test_what_is_hidden_is_denied_and_not_gone(azure: ArmServer, connect: Connect) -> None:
    azure.roles = [{"actions": ["*/read"], "notActions": ["Microsoft.Compute/disks/read"]}]
    error = fails(connect)
    assert (error.code, error.permission) == (ProblemCode.DENIED, "Microsoft.Compute/disks/read")
    assert graph_calls(azure) == 0
    # The neighbours are read all the same.
    assert set(read(connect(), "microsoft.compute/snapshots")) == {"before-upgrade"}


def test_who_cannot_know_what_is_hidden_reads_nothing(azure: ArmServer, connect: Connect) -> None:
    azure.roles = [{"actions": ["*/read"], "notActions": ["Microsoft.Authorization/*"]}]
    error = fails(connect)
    assert (error.code, error.permission) == (ProblemCode.DENIED, "Microsoft.Authorization/permissions/read")


def test_a_refusal_names_the_action(azure: ArmServer, connect: Connect) -> None:
    action = "Microsoft.Storage/storageAccounts/managementPolicies/read"
    azure.faults = [Fault("managementPolicies", denial(action, "/"), times=9)]
    error = fails(connect, "microsoft.storage/storageaccounts")
    assert (error.code, error.permission) == (ProblemCode.DENIED, action)
    assert "does not have authorization" not in error.message


def test_a_subscription_that_resource_graph_does_not_know_is_denied(azure: ArmServer, connect: Connect) -> None:
    detail = "NoValidSubscriptionsInQueryRequest"
    azure.faults = [Fault(GRAPH, failure(400, "BadRequest", "Please provide details.", detail))]
    assert fails(connect).code is ProblemCode.DENIED


def test_resource_graph_that_is_off_is_not_empty(azure: ArmServer, connect: Connect) -> None:
    missing = failure(409, "MissingSubscriptionRegistration", "Not registered: 'Microsoft.ResourceGraph'.")
    azure.faults = [Fault(GRAPH, missing, times=9)]
    error = fails(connect)
    assert error.code is ProblemCode.DENIED
    assert "az provider register --namespace Microsoft.ResourceGraph" in error.remedy


def test_a_missing_permission_to_ask_resource_graph_is_denied(azure: ArmServer, connect: Connect) -> None:
    action = "Microsoft.ResourceGraph/resources/read"
    azure.faults = [Fault(GRAPH, denial(action, "/"), times=9)]
    error = fails(connect)
    assert (error.code, error.permission) == (ProblemCode.DENIED, action)


def test_a_wrong_query_is_a_failure(azure: ArmServer, connect: Connect) -> None:
    del azure.tables["resources"]
    error = fails(connect)
    assert error.code is ProblemCode.FAILED
    assert error.message == "Azure answered with an error to reading disks: 400 BadRequest"


def test_a_resource_provider_that_is_off_is_not_registered_by_us(azure: ArmServer, connect: Connect) -> None:
    missing = failure(
        409,
        "MissingSubscriptionRegistration",
        "The subscription is not registered to use namespace 'Microsoft.Storage'.",
    )
    azure.faults = [Fault("managementPolicies", missing, times=9)]
    error = fails(connect, "microsoft.storage/storageaccounts")
    assert error.code is ProblemCode.NOT_ENABLED
    assert not [path for method, path in azure.requests if method == "POST" and "register" in path]


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_failure_of_azure_is_tried_again_and_named(azure: ArmServer, connect: Connect, status: int) -> None:
    azure.faults = [Fault(GRAPH, failure(status, "InternalServerError", "Oops."), times=1)]
    assert len(read(connect(), DISKS)) == 2
    azure.faults = [Fault(GRAPH, failure(status, "InternalServerError", "Oops."), times=9)]
    assert fails(connect).code is ProblemCode.FAILED


def test_a_reset_connection_is_tried_again(azure: ArmServer, connect: Connect) -> None:
    azure.faults = [Fault(GRAPH, Answer({}, broken="reset"), times=1)]
    assert len(read(connect(), DISKS)) == 2


def test_connections_that_are_always_reset_are_unreachable(azure: ArmServer, connect: Connect) -> None:
    azure.faults = [Fault(GRAPH, Answer({}, broken="reset"), times=9)]
    assert fails(connect).code is ProblemCode.UNREACHABLE


def test_a_cut_off_answer_is_not_believed(azure: ArmServer, connect: Connect) -> None:
    rows = {"totalRecords": 1, "count": 1, "resultTruncated": "false", "data": disks(1)}
    azure.faults = [Fault(GRAPH, Answer(rows, broken="truncated"), times=9)]
    assert fails(connect).code is ProblemCode.BAD_ANSWER


def test_a_slow_answer_is_given_up(azure: ArmServer, connect: Connect) -> None:
    azure.faults = [Fault(GRAPH, Answer({}, delay=1.5), times=9)]
    hurried = Patience(connection_seconds=2, read_seconds=0.3, retries=0, backoff_seconds=0)
    assert fails(connect, patience=hurried).code is ProblemCode.UNREACHABLE


def repeating(token: str, rows: list[dict[str, Any]]) -> Answer:
    """A page that says there is more."""
    return Answer({"totalRecords": 9, "count": 1, "resultTruncated": "false", "data": rows, "$skipToken": token})


@pytest.mark.parametrize(
    ("pages", "why"),
    [
        ([repeating("a", disks(1)), repeating("a", disks(2)[1:])], "the same skip token came twice"),
        ([repeating("a", disks(1)), repeating("b", disks(1))], "the same page came twice"),
        ([repeating("a", disks(1)), Answer({"totalRecords": 9, "data": []})], "it ends after 1 of 9 rows"),
        ([Answer({"totalRecords": 1, "resultTruncated": "true", "data": disks(1)})], "it ends after 1 of 1 rows"),
        ([Answer({"totalRecords": 1, "data": {"columns": [], "rows": []}})], "it holds no rows"),
        ([Answer({"totalRecords": 1, "data": ["disk"]})], "its rows are no objects"),
        ([Answer({"totalRecords": "many", "data": []})], "it is cut off or no JSON"),
        ([Answer("<html>Sign in to the hotel's network</html>")], "it is cut off or no JSON"),
        ([Answer({"totalRecords": 1, "data": [{"id": "/x", "type": "other"}]})], "a row has no id, or a type"),
        ([Answer({"totalRecords": 1, "data": [{"type": DISKS}]})], "a row has no id, or a type"),
    ],
)
def test_an_answer_that_makes_no_sense_is_not_believed(
    azure: ArmServer, connect: Connect, pages: list[Answer], why: str
) -> None:
    azure.faults = [Fault(GRAPH, page) for page in pages]
    error = fails(connect)
    assert error.code is ProblemCode.BAD_ANSWER
    assert why in error.message


def linked(path: str, entries: list[Any]) -> Answer:
    return Answer({"value": entries, "nextLink": path})


def test_a_link_to_the_same_page_is_not_followed_for_ever(azure: ArmServer, connect: Connect) -> None:
    link = f"{azure.url}/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/permissions?api-version=1"
    azure.faults = [Fault("permissions", linked(link, [{"actions": ["*"]}]), times=99)]
    error = fails(connect)
    assert error.code is ProblemCode.BAD_ANSWER
    assert "the same page is linked twice" in error.message


def test_the_token_is_not_carried_to_another_host(azure: ArmServer, connect: Connect) -> None:
    elsewhere = f"https://127.0.0.1:1/subscriptions/{SUBSCRIPTION}/resources?api-version=1"
    entry = {"id": identity("Microsoft.Network/publicIPAddresses", "idle")}
    for place, resource_type in (("permissions", DISKS), ("$filter", "microsoft.network/publicipaddresses")):
        azure.faults = [Fault(place, linked(elsewhere, [entry]), times=99)]
        error = fails(connect, resource_type)
        assert error.code is ProblemCode.BAD_ANSWER
        assert "another host" in error.message


def test_a_storage_account_that_vanishes_meanwhile_is_no_error(azure: ArmServer, connect: Connect) -> None:
    azure.faults = [Fault("logs/managementPolicies", failure(404, "ResourceGroupNotFound", "Gone."))]
    found = read(connect(), "microsoft.storage/storageaccounts")
    assert found["logs"].properties["lifecycleRules"] == 0


def test_a_subscription_that_vanishes_is_no_absent_policy(azure: ArmServer, connect: Connect) -> None:
    azure.faults = [Fault("logs/managementPolicies", failure(404, "SubscriptionNotFound", "Gone."))]
    assert fails(connect, "microsoft.storage/storageaccounts").code is ProblemCode.CREDENTIALS


def test_only_the_accounts_own_subscription_is_read(azure: ArmServer, connect: Connect) -> None:
    assert any(OTHER_SUBSCRIPTION in found["id"] for found in azure.tables["resources"])
    assert not [found for found in read(connect(), DISKS).values() if OTHER_SUBSCRIPTION in found.native_id]


@pytest.mark.parametrize(("text", "seconds"), [("00:00:05", 5), ("01:02:03", 3723), ("", 0), ("5", 0), ("a:b:c", 0)])
def test_durations(text: str, seconds: float) -> None:
    assert clock_seconds(text) == seconds
