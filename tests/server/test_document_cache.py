"""A document is parsed and validated once; caches are bounded and cannot be flushed by wrong documents."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from graphql import OperationType, ValidationContext, ValidationRule

from app.errors import ErrorCode
from app.server.documents import BYTES_PER_TOKEN, DOCUMENT_RULES, Documents
from app.server.limits import Limits
from app.server.masking import Refusal
from tests.server.toy_graph import TOKEN, make_toy, schema

GRAPH = schema._schema


class _CountingRule(ValidationRule):
    """Counts how often rules are set up, which happens once per validation."""

    runs = 0

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        type(self).runs += 1


@pytest.fixture
def rule() -> type[_CountingRule]:
    return type("Rule", (_CountingRule,), {"runs": 0})


def documents(rule: type[ValidationRule] | None = None, **options: Any) -> Documents:
    return Documents(GRAPH, Limits(), rules=(*DOCUMENT_RULES, *((rule,) if rule else ())), **options)


def test_a_repeated_document_is_not_validated_again(rule: type[_CountingRule]) -> None:
    kept = documents(rule)
    first = kept.load("{ hello }")
    for _ in range(99):
        assert kept.load("{ hello }") is first
    assert (kept.hits, kept.misses, rule.runs) == (99, 1, 1)


def test_a_wrong_document_is_not_validated_again(rule: type[_CountingRule]) -> None:
    kept = documents(rule)
    refusals = []
    for _ in range(100):
        with pytest.raises(Refusal) as caught:
            kept.load("{ nope }")
        refusals.append(caught.value)
    assert (kept.hits, kept.misses, rule.runs) == (99, 1, 1)
    assert all(refusal.faults == refusals[0].faults for refusal in refusals)
    assert len({id(refusal) for refusal in refusals}) == 100  # a shared exception would gather tracebacks


def test_wrong_documents_cannot_push_out_good_ones() -> None:
    kept = documents(entries=10)
    kept.load("{ hello }")
    for number in range(50):
        with pytest.raises(Refusal):
            kept.load(f"{{ nope{number} }}")
    assert len(kept._refused) == 10
    hits = kept.hits
    kept.load("{ hello }")
    assert kept.hits == hits + 1


def test_the_least_recently_used_goes_first() -> None:
    kept = documents(entries=2)
    kept.load("{ hello }")
    kept.load("{ viewer }")
    kept.load("{ hello }")
    kept.load("{ contextNumber }")
    misses = kept.misses
    kept.load("{ hello }")
    assert kept.misses == misses
    kept.load("{ viewer }")
    assert kept.misses == misses + 1


def test_memory_is_bounded_by_tokens() -> None:
    text = "{{ hello {} }}"
    kept = documents(most_bytes=10 * BYTES_PER_TOKEN * 103)
    for number in range(40):
        kept.load(text.format(f"x{number}: hello " + "hello " * 96))
    assert len(kept._accepted) == 9
    assert kept._accepted.held_bytes <= 10 * BYTES_PER_TOKEN * 103


def test_a_text_over_the_limit_is_not_kept() -> None:
    kept = documents()
    with pytest.raises(Refusal):
        kept.load("#" * 1_000_000)
    assert len(kept._refused) == 0
    assert (kept.hits, kept.misses) == (0, 0)


def test_the_operation_is_chosen_by_name() -> None:
    document = documents().load('query a { hello } mutation b { remember(text: "x") } subscription c { waits }')
    assert document.operation("b").type is OperationType.MUTATION
    assert document.operation("c").type is OperationType.SUBSCRIPTION
    for name in ("d", None):
        with pytest.raises(Refusal) as caught:
            document.operation(name)
        assert caught.value.faults[0].code is ErrorCode.BAD_REQUEST


def test_a_document_of_fragments_only_has_no_operation() -> None:
    kept = documents(None)
    with pytest.raises(Refusal):
        kept.load("fragment f on Query { hello }")


def test_parser_frames_do_not_stay_in_the_cache() -> None:
    kept = documents()
    with pytest.raises(Refusal):
        kept.load("{")
    ((faults, _),) = kept._refused._kept.values()
    assert [fault.code for fault in faults] == [ErrorCode.GRAPHQL_PARSE_FAILED]


async def test_who_may_introspect_is_decided_per_request_and_still_hits() -> None:
    toy = make_toy()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(toy.app), base_url="http://toy") as client:
        body = {"query": "{ __schema { queryType { name } } }"}
        answers = [
            (
                await client.post("/graphql", json=body, headers={"authorization": f"Bearer {TOKEN}"} if signed else {})
            ).json()
            for signed in (True, False, True, False)
        ]
    assert ["data" in answer for answer in answers] == [True, False, True, False]
    assert answers[1]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert (toy.server.documents.hits, toy.server.documents.misses) == (3, 1)
