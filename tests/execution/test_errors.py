"""Errors below a plan: which it passes on, which graphql-core finds again, whom they keep from it, what is logged."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated

import pytest
import strawberry
from graphql import ExecutionResult, GraphQLError
from structlog.testing import capture_logs

from app.execution import CompiledExecutor
from app.execution.executor import MOST_KINDS
from app.execution.plan import MOST_CALLERS
from tests.execution.test_plans import Asked

FAILING = "{ fails number }"
SECRET = "a value of somebody's"
KINDS: list[type[Exception]] = []
"""The last is what breaks raises."""


class RefusedError(GraphQLError):
    """What a caller is told."""


@strawberry.type
class Chain:
    @strawberry.field
    def chain(self) -> Chain | None:
        return self

    @strawberry.field
    def sure(self) -> Chain:
        return self

    @strawberry.field
    async def maybe(self) -> Chain | None:
        return self

    @strawberry.field
    def refuses(self) -> int:
        message = "no"
        raise RefusedError(message)

    @strawberry.field
    async def refuses_awaited(self) -> int:
        message = "no"
        raise RefusedError(message)


@strawberry.type
class Door:
    name: str


@strawberry.type
class Query:
    @strawberry.field
    def chain(self) -> Chain | None:
        return Chain()

    @strawberry.field
    def sure(self) -> Chain:
        return Chain()

    @strawberry.field
    def chains(self) -> list[Chain]:
        return [Chain()]

    @strawberry.field
    def anything(self) -> Annotated[Chain | Door, strawberry.union("Anything")]:
        return Chain()

    @strawberry.field
    async def refuses(self, on: bool) -> int | None:
        if on:
            message = "no"
            raise RefusedError(message)
        return 1

    @strawberry.field
    def breaks(self) -> int | None:
        kind = KINDS[-1] if KINDS else ValueError
        raise kind(SECRET)

    @strawberry.field
    def number(self) -> int:
        return 1

    @strawberry.field
    def fails(self) -> str | None:
        message = "on purpose"
        raise GraphQLError(message)


SCHEMA = strawberry.Schema(query=Query)


async def test_what_one_caller_is_refused_throws_nobody_else_off_the_plan() -> None:
    asked = Asked("query ($on: Boolean!) { refuses(on: $on) number }", CompiledExecutor(SCHEMA))
    for _ in range(10):
        assert await asked.executor.run(asked.plans, {"on": True}, dict, caller="one") is None
    assert asked.executor.bails["has bailed often"] == 7
    assert await asked.executor.run(asked.plans, {"on": False}, dict, caller="other") is not None
    for caller in range(MOST_CALLERS + 10):
        assert await asked.executor.run(asked.plans, {"on": True}, dict, caller=caller) is None
    (plan,) = asked.plans.by_conditions.values()
    assert len(plan.bails_in_a_row) == MOST_CALLERS


LONE = [
    "{ fails }",
    "{ a: fails ...Again } fragment Again on Query { a: fails }",
    "{ refuses(on: true) }",
    "{ chain { chain { refuses } } }",
    "{ chain { sure { sure { refuses } } } }",
    "{ sure { sure { refuses } } }",
    "{ sure { maybe { sure { refusesAwaited } } } }",
]


@pytest.mark.parametrize("text", LONE)
async def test_the_error_of_a_field_that_stands_alone_is_passed_on_as_graphql_core_tells_it(text: str) -> None:
    asked = Asked(text, CompiledExecutor(SCHEMA))
    found = await asked.executor.run(asked.plans, {}, dict)
    expected = await SCHEMA.execute(text, context_value={})
    assert isinstance(found, ExecutionResult)
    assert found.errors is not None
    assert expected.errors is not None
    assert found.data == expected.data
    assert [error.formatted for error in found.errors] == [error.formatted for error in expected.errors]
    assert [type(error.original_error) for error in found.errors] == [
        type(error.original_error) for error in expected.errors
    ]
    assert (asked.executor.hits, dict(asked.executor.bails)) == (1, {})


@pytest.mark.parametrize(
    "text",
    [
        FAILING,
        "{ chain { __typename refuses } }",
        "{ chain { refuses } __typename }",
        "{ chains { refuses } }",
        "{ anything { ... on Chain { refuses } } }",
        "{ breaks }",
    ],
)
async def test_an_error_that_has_neighbours_or_is_ours_is_left_to_graphql_core(text: str) -> None:
    asked = Asked(text, CompiledExecutor(SCHEMA))
    assert await asked.executor.run(asked.plans, {}, dict) is None
    assert asked.executor.hits == 0


async def test_a_fault_of_ours_is_logged_by_its_kind_and_place_alone() -> None:
    asked = Asked("{ breaks }", CompiledExecutor(SCHEMA))
    with capture_logs() as lines:
        await asked.run()
        await Asked(FAILING, CompiledExecutor(SCHEMA)).run()
    (line,) = lines
    assert (line["event"], line["error"]) == ("plan_failed", "ValueError")
    assert re.fullmatch(rf"{__name__}:\d+ breaks", line["places"][-1])
    assert SECRET not in repr(line)


async def test_kinds_of_errors_that_are_counted_are_few() -> None:
    told: list[str] = []
    executor = CompiledExecutor(SCHEMA, on_end=told.append)
    for number in range(MOST_KINDS + 10):
        KINDS.append(type(f"Kind{number}Error", (Exception,), {}))
        await Asked(f"{{ a{number}: breaks }}", executor).run()
    KINDS.clear()
    assert told[:2] == ["error: Kind0Error", "error: Kind1Error"]
    assert len(set(told)) == MOST_KINDS + 1
    assert told[-1] == "error"


async def test_who_is_cancelled_while_a_field_fails_is_ended() -> None:
    """A TaskGroup with errors tells these and loses the cancellation, in Python 3.11."""

    @strawberry.type
    class Cancelled:
        @strawberry.field
        async def waits(self) -> int:
            await asyncio.sleep(3600)
            return 1

        @strawberry.field
        async def breaks(self) -> int:
            await asyncio.sleep(0)
            assert task.cancel()
            raise ValueError

    asked = Asked("{ waits breaks }", CompiledExecutor(strawberry.Schema(query=Cancelled)))
    task = asyncio.create_task(asked.run())
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (asked.executor.hits, asked.executor.bails) == (0, {})


@pytest.mark.parametrize("text", ["{ at early late }", "{ at late early }", "{ late early }", "{ early late }"])
async def test_who_is_not_cancelled_is_not_so_after_an_error_either(text: str) -> None:
    """Whether a task is cancelled says to the server whether its caller has gone or its time is over."""

    @strawberry.type
    class Failing:
        @strawberry.field
        def at(self) -> int:
            return 1

        @strawberry.field
        async def early(self) -> int:
            await asyncio.sleep(0)
            return 1

        @strawberry.field
        async def late(self) -> int:
            for _ in range(10):
                await asyncio.sleep(0)
            raise ValueError

    asked = Asked(text, CompiledExecutor(strawberry.Schema(query=Failing)))
    assert (await asked.run())[0] is None
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    assert asked.executor.bails == {"ValueError": 1}
