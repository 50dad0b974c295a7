"""What it takes to compile a document: each of its fields once, however deep, and whatever of it rows cannot give."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import orjson
import pytest
import strawberry
from graphql import OperationDefinitionNode, parse

from app.execution import CompiledExecutor, batch, from_rows, gives_rows, wanted_of
from app.execution.levels import Levels
from app.execution.selections import Selections

Info = strawberry.Info[None, None]


async def parts_of(info: Info, keys: Sequence[tuple[int]]) -> list[list[Any]]:
    """Two parts of each, as rows where rows are wanted."""
    wanted = wanted_of(info)
    found = [[key * 2, key * 2 + 1] for (key,) in keys]
    if wanted is None:
        return [[Part(number=number) for number in each] for each in found]
    return [[tuple(number for _ in wanted) for number in each] for each in found]


@from_rows("number")
@strawberry.type
class Part:
    number: int

    @strawberry.field(metadata=batch(parts_of, columns=("number",), key=lambda part: (part.number,), rows=True))
    async def parts(self, info: Info) -> list[Part]:
        found: list[Part] = (await parts_of(info, [(self.number,)]))[0]
        return found

    @strawberry.field
    def double(self) -> int:
        return self.number * 2


@strawberry.type
class Pages:
    """A page whose rows stand in two of its fields."""

    nodes: list[Part]

    @strawberry.field
    def again(self) -> list[Part]:
        return self.nodes


@strawberry.type
class Query:
    @strawberry.field(metadata=gives_rows())
    async def pages(self, info: Info) -> Pages:
        ((_, one),) = await parts_of(info, [(0,)])
        return Pages(nodes=[one])


SCHEMA = strawberry.Schema(query=Query)
COLUMNS = " ".join(f"n{each}: number" for each in range(20))


class Counting(Levels):
    """Levels that count how often a field is compiled."""

    compiled = 0

    def _field(self, *given: Any) -> Any:
        self.compiled += 1
        return super()._field(*given)


def compiled(text: str) -> Counting:
    """A document as it is compiled."""
    document = parse(text)
    (operation,) = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    graph = SCHEMA._schema  # Strawberry names no public way to its graphql-core schema
    levels = Counting(graph, SCHEMA.schema_converter, Selections(graph, document, {}))
    assert graph.query_type is not None
    levels.root(graph.query_type, operation.selection_set)
    return levels


def nested(depth: int, last: str) -> str:
    """Parts in parts; `last` stands behind them in each."""
    return f"parts {{ {nested(depth - 1, last)} {last} }}" if depth else COLUMNS


DOCUMENTS = [
    "{{ pages {{ nodes {{ {} }} }} }}",
    "{{ pages {{ nodes {{ {} }} again {{ double }} }} }}",
    "{{ pages {{ a: again {{ {} }} nodes {{ {} }} }} }}",
]


@pytest.mark.parametrize("last", ["number", "double"])
@pytest.mark.parametrize("document", DOCUMENTS)
def test_one_level_more_is_as_much_work_and_memory_as_the_one_before(document: str, last: str) -> None:
    by_depth = [compiled(document.format(*[nested(depth, last)] * document.count("{}"))) for depth in range(2, 9)]
    for sizes in ([each.compiled for each in by_depth], [len(each.source.names) for each in by_depth]):
        steps = {after - before for before, after in pairwise(sizes)}
        assert len(steps) == 1, f"grows faster than the document: {sizes}"


@pytest.mark.parametrize("last", ["number", "double"])
@pytest.mark.parametrize("document", DOCUMENTS)
async def test_rows_and_objects_within_each_other_are_answered_alike(document: str, last: str) -> None:
    text = document.format(*[nested(3, last)] * document.count("{}"))
    executor, parsed = CompiledExecutor(SCHEMA), parse(text)
    (operation,) = parsed.definitions
    assert isinstance(operation, OperationDefinitionNode)
    answer = await executor.run(executor.plans(parsed, operation), {}, lambda: None)
    expected = await SCHEMA.execute(text)
    assert expected.errors is None
    assert isinstance(answer, bytes)
    assert orjson.loads(answer)["data"] == expected.data
