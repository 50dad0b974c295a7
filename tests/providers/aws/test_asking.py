"""Further calls about resources: what is denied, gone or missing, and how many are asked about at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from app.providers.aws.asking import AT_ONCE, DENIED, SHARE, Asking, read_each, tags_of
from app.providers.aws.cloud import guarded
from app.providers.base import Collector, FoundResource
from app.providers.problems import ProblemCode, ProviderError
from tests.providers.aws.answering import answering, connected
from tests.providers.moto import REGION


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "refused"}}, "Any")


def asked(code: str, denials: frozenset[str] = frozenset()) -> tuple[Asking, list[str]]:
    """Through a client that refuses the operation `get_part` with a code; the names it was asked of."""
    of: list[str] = []

    def get_part(name: str) -> dict[str, str]:
        of.append(name)
        raise refusal(code)

    return Asking(SimpleNamespace(get_part=get_part), denials=denials), of


@pytest.mark.parametrize(
    ("code", "denied"),
    [
        ("AccessDenied", {DENIED: ["Any"]}),
        ("AccessDeniedException", {DENIED: ["Any"]}),
        ("UnauthorizedOperation", {DENIED: ["Any"]}),
        ("404", {}),
        ("Odd", {}),
    ],
)
def test_what_is_denied_or_not_offered_is_unknown(code: str, denied: dict[str, list[str]]) -> None:
    answers = asked(code, frozenset({"Odd"}))[0].about("tags")
    assert answers.one("get_part", ("size", "age"), name="a") == {}
    assert answers.known({"size": 0, "age": None, "name": "a"}) == {
        "size": None,
        "age": None,
        "name": "a",
        "unreadable": ["age", "size", "tags"],
        **denied,
    }


@pytest.mark.parametrize(("code", "calls"), [("404", ["a"]), ("AccessDenied", ["a", "b", "c"])])
def test_an_operation_that_one_client_lacks_is_not_asked_of_again(code: str, calls: list[str]) -> None:
    asking, of = asked(code)
    assert asking.about().one("get_part", ("size",), name="a") == {}
    assert asking.about().one("get_part", ("size",), name="b") == {}
    answers = asking.through(asking.client).about()
    assert answers.read("get_part", ("size",), lambda: asking.client.get_part(name="c")["size"]) is None
    assert answers.unreadable == ["size"]
    assert of == calls


def test_what_is_not_there_is_known_to_be_none() -> None:
    answers = asked("NoSuchPart")[0].about()
    assert answers.one("get_part", ("size",), frozenset({"NoSuchPart"}), name="a") == {}
    assert answers.known({"size": "none"}) == {"size": "none"}


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalError", "ExpiredToken", "Odd"])
def test_all_else_is_raised(code: str) -> None:
    with pytest.raises(ClientError, match=code):
        asked(code)[0].about().one("get_part", ("size",), name="a")


def test_items_keep_their_order_are_read_some_at_a_time_and_leave_out_what_is_gone() -> None:
    together = threading.Barrier(AT_ONCE, timeout=60)

    def read(item: int) -> FoundResource:
        # Passes only when as many as this are being read at the same time.
        together.wait()
        if item == 3:
            raise refusal(code="Gone")
        return FoundResource("s", "t", str(item), str(item))

    found = list(read_each(range(SHARE + AT_ONCE), read, frozenset({"Gone"})))
    assert [len(page) for page in found] == [SHARE - 1, AT_ONCE]
    names = [resource.name for page in found for resource in page]
    assert names == [str(number) for number in range(SHARE + AT_ONCE) if number != 3]
    assert list(read_each([], read, frozenset())) == []


def test_an_error_of_one_item_is_the_error_of_the_list() -> None:
    def read(item: int) -> FoundResource:
        if item == 2:
            raise refusal(code="InternalError")
        return FoundResource("s", "t", str(item), str(item))

    with pytest.raises(ClientError, match="InternalError"):
        list(read_each(range(10), read, frozenset({"Gone"})))


def test_tags_are_asked_for_a_hundred_at_a_time_and_all_pages_are_read() -> None:
    arns = [f"arn:aws:logs:eu-west-1:123456789012:log-group:{number}" for number in range(101)]

    def tagged(number: int) -> dict[str, object]:
        return {"ResourceARN": arns[number], "Tags": [{"Key": "number", "Value": str(number)}]}

    pages = [
        {"ResourceTagMappingList": [tagged(0)], "PaginationToken": "two"},
        {"ResourceTagMappingList": [tagged(99)], "PaginationToken": ""},
        {"ResourceTagMappingList": [tagged(100)]},
    ]
    with answering(GetResources=pages) as far_side, connected(far_side.url) as connection:
        told = tags_of(connection, REGION, arns)
        assert tags_of(connection, REGION, []) == {}

    assert told == {arns[number]: {"number": str(number)} for number in (0, 99, 100)}
    assert far_side.calls("GetResources") == [
        {"ResourceARNList": arns[:100]},
        {"ResourceARNList": arns[:100], "PaginationToken": "two"},
        {"ResourceARNList": arns[100:]},
    ]


def test_missing_permissions_are_told_after_the_last_page() -> None:
    """By the collector's own name for them, and in no property."""

    def pages(_connection: object, _region: str) -> Iterator[list[FoundResource]]:
        asking, _ = asked("AccessDenied")
        for name in ("a", "b"):
            answers = asking.about()
            answers.one("get_part", ("size",), name=name)
            yield [FoundResource("S", "T", name, name, properties=answers.known({"size": None}))]

    found: list[FoundResource] = []
    told_pages = guarded(Collector(("T",), ("s:List", "s:Any"), pages)).pages(None, "eu-west-1")
    with pytest.raises(ProviderError) as told:
        found.extend(resource for page in told_pages for resource in page)
    assert [(each.native_id, each.properties) for each in found] == [
        (name, {"size": None, "unreadable": ["size"]}) for name in ("a", "b")
    ]
    error = told.value
    assert (error.code, error.listed, error.retry, error.permission) == (ProblemCode.DENIED, True, False, "s:Any")
