"""What an error shows and what it hides: codes, five at most, masking, time-outs, and one log line each."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import strawberry
import structlog
from graphql import GraphQLError, parse
from strawberry.extensions import QueryDepthLimiter

from app.errors import BadUserInputError, ErrorCode
from app.server import GraphQLServer
from app.server.masking import LONGEST_MESSAGE, Fault, mask
from tests.server.toy_graph import Query, Toy, make_toy


@pytest.fixture
def toy() -> Toy:
    return make_toy()


async def run(toy: Toy, query: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(toy.app), base_url="http://toy") as client:
        headers = {"accept": "application/graphql-response+json", **headers}
        return await client.post("/graphql", json={"query": query}, headers=headers)


async def test_errors_that_may_be_shown_keep_code_message_and_place(toy: Toy) -> None:
    response = await run(toy, "{ forbidden wrongInput hello }")
    assert response.status_code == 200
    request_id = response.headers["x-request-id"]
    assert response.json() == {
        "errors": [
            {
                "message": "You need the role ADMIN.",
                "locations": [{"line": 1, "column": 3}],
                "path": ["forbidden"],
                "extensions": {"code": "FORBIDDEN", "requestId": request_id},
            },
            {
                "message": "The slug is taken.",
                "locations": [{"line": 1, "column": 13}],
                "path": ["wrongInput"],
                "extensions": {"code": "BAD_USER_INPUT", "inputPath": ["input", "slug"], "requestId": request_id},
            },
        ],
        "data": {"forbidden": None, "wrongInput": None, "hello": "Hello world"},
    }


async def test_a_throttled_caller_is_told_when_to_return(toy: Toy) -> None:
    response = await run(toy, "{ throttled }")
    assert response.headers["retry-after"] == "7"
    assert response.json()["errors"][0]["extensions"]["retryAfter"] == 7


async def test_unforeseen_errors_are_masked_and_logged_once_with_the_same_id(toy: Toy) -> None:
    with structlog.testing.capture_logs() as logs:
        response = await run(toy, "{ fails }")
    assert "hunter2" not in response.text
    error = response.json()["errors"][0]
    assert error["message"] == "Internal error"
    assert error["path"] == ["fails"]
    assert error["extensions"] == {"code": "INTERNAL_SERVER_ERROR", "requestId": response.headers["x-request-id"]}
    (logged,) = [log for log in logs if log["event"] == "unforeseen_error"]
    assert logged["request_id"] == response.headers["x-request-id"]
    assert isinstance(logged["exc_info"], RuntimeError)
    assert logged["exc_info"].__traceback__ is not None
    assert logged["path"] == ["fails"]


async def test_null_that_bubbles_to_the_top_is_still_200(toy: Toy) -> None:
    response = await run(toy, "{ hello mustNotFail }")
    assert response.status_code == 200
    assert response.json()["data"] is None
    assert response.json()["errors"][0]["message"] == "Internal error"


async def test_five_errors_are_shown_and_the_rest_counted(toy: Toy) -> None:
    with structlog.testing.capture_logs() as logs:
        body = (await run(toy, "{ manyFail }")).json()
    assert body["data"] == {"manyFail": [None] * 20}
    assert [error["path"] for error in body["errors"]] == [["manyFail", index] for index in range(5)]
    assert body["extensions"] == {"omittedErrors": 15}
    assert sum(log["event"] == "unforeseen_error" for log in logs) == 5


def test_errors_come_in_the_order_of_the_document_and_the_answer() -> None:
    """Not in that of their time, which is chance."""
    document = parse("{ early late { index } }")
    early, late = document.definitions[0].selection_set.selections  # type: ignore[attr-defined]
    wrong = BadUserInputError("No.")
    errors = [GraphQLError("", [late], path=["late", index], original_error=wrong) for index in (10, 2)]
    errors.append(GraphQLError("", [early], path=["early"], original_error=wrong))
    assert [fault.path for fault in mask(errors, "request")] == [("early",), ("late", 2), ("late", 10)]


async def test_validation_stops_at_five_errors(toy: Toy) -> None:
    body = (await run(toy, "{ " + " ".join(f"nope{number}" for number in range(50)) + " }")).json()
    assert len(body["errors"]) == 5


async def test_a_value_that_cannot_be_written_is_our_fault(toy: Toy) -> None:
    error = (await run(toy, "{ wrongInteger }")).json()["errors"][0]
    assert (error["message"], error["extensions"]["code"]) == ("Internal error", "INTERNAL_SERVER_ERROR")


async def test_a_null_variable_in_a_place_that_takes_none_is_the_callers(toy: Toy) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(toy.app), base_url="http://toy") as client:
        body = {"query": 'query ($name: String = "a") { hello(name: $name) }', "variables": {"name": None}}
        error = (await client.post("/graphql", json=body)).json()["errors"][0]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["path"] == ["hello"]


async def test_long_messages_are_cut(toy: Toy) -> None:
    error = (await run(toy, "{ " + "x" * 10_000 + " }")).json()["errors"][0]
    assert len(error["message"]) == LONGEST_MESSAGE + 1


async def test_an_operation_that_takes_too_long_is_stopped() -> None:
    toy = make_toy(execution_seconds=0.1)
    body = (await run(toy, "{ hello slow }")).json()
    assert body["data"] is None
    assert body["errors"][0]["message"] == "The operation took longer than 0.1 seconds and was stopped."
    assert body["errors"][0]["extensions"]["code"] == "TIMEOUT"
    assert toy.world.cancelled == 1


async def test_a_timed_out_mutation_leaves_nothing_running() -> None:
    toy = make_toy(execution_seconds=0.1)
    body = (await run(toy, 'mutation { rememberSlowly(text: "x", seconds: 5) }')).json()
    assert body["errors"][0]["extensions"]["code"] == "TIMEOUT"
    assert toy.world.mutations == []


async def test_a_broken_identify_is_masked(toy: Toy) -> None:
    toy.world.broken_identify = True
    with structlog.testing.capture_logs() as logs:
        response = await run(toy, "{ hello }")
    assert response.status_code == 500
    assert response.json()["errors"][0]["message"] == "Internal error"
    assert "hunter2" not in response.text
    assert sum(log["event"] == "unforeseen_error" for log in logs) == 1


async def test_a_broken_context_is_masked(toy: Toy) -> None:
    def broken(_facts: object) -> object:
        message = "no context"
        raise RuntimeError(message)

    toy.server._make_context = broken
    with structlog.testing.capture_logs() as logs:
        response = await run(toy, "{ hello }")
    assert (response.status_code, response.json()["errors"][0]["message"]) == (500, "Internal error")
    assert sum(log["event"] == "unforeseen_error" for log in logs) == 1


def test_strawberry_extensions_are_refused_at_the_start() -> None:
    schema = strawberry.Schema(query=Query, extensions=[lambda: QueryDepthLimiter(max_depth=3)])

    async def identify(_credentials: object) -> None:
        return None

    with pytest.raises(ValueError, match="schema extensions"):
        GraphQLServer(schema, identify=identify, make_context=lambda facts: facts)


def test_a_fault_without_places_has_none_in_json() -> None:
    expected: dict[str, Any] = {"message": "m", "extensions": {"code": "BAD_REQUEST", "requestId": "r"}}
    assert Fault(ErrorCode.BAD_REQUEST, "m").to_json("r") == expected
