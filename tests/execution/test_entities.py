"""A gateway's question: as many SQL statements for many objects of a type as for one, and what `nodes` answers."""

from __future__ import annotations

from typing import Any

import orjson

from app.resolvers.nodes import _TENANT_NODES
from tests.execution.twins import Operation, Twins
from tests.execution.world import Site
from tests.house.statements import counted

ENTITIES = "query ($of: [_Any!]!) { found: _entities(representations: $of) { __typename ... on Node { id } } }"
NODES = "query ($of: [ID!]!) { found: nodes(ids: $of) { __typename id } }"
MANY = 10
TRIES = 5


async def test_many_take_as_many_statements_as_one(site: Site, twins: Twins) -> None:
    types = {"Organization", *_TENANT_NODES}
    found = {name: site.known.ids[name][:MANY] for name in types}
    assert {name for name, ids in found.items() if len(ids) < 2} == set()
    wrong = {}
    for name, ids in found.items():
        few, many = 0, 1
        for _ in range(TRIES):  # sign-ins are looked after at the same time, now and then
            if few != many:
                few, many = await _statements(twins, name, ids[:1]), await _statements(twins, name, ids)
        if not 1 <= many == few:
            wrong[name] = (few, many)
    assert not wrong


async def test_all_types_together_are_what_nodes_answers(site: Site, twins: Twins) -> None:
    ids = {name: site.known.ids[name][:3] for name in ("Organization", *_TENANT_NODES)}
    of = [{"__typename": name, "id": id_} for name, some in ids.items() for id_ in some]
    for scope in ("owner", "viewer", "key"):
        entities, _ = await _ask(twins, ENTITIES, of, scope)
        nodes, _ = await _ask(twins, NODES, [each["id"] for each in of], scope)
        assert entities == nodes
    assert any(each is None for each in nodes)
    assert any(each is not None for each in nodes)


async def _statements(twins: Twins, name: str, ids: list[str]) -> int:
    of = [{"__typename": name, "id": id_} for id_ in ids]
    answer, statements = await _ask(twins, ENTITIES, of)
    assert answer == of
    return statements


async def _ask(twins: Twins, document: str, of: list[Any], scope: str = "owner") -> tuple[list[Any], int]:
    operation = Operation(document, {"of": of}, scope)
    with counted(twins.runtime.database) as statements:
        answer = orjson.loads(await twins.ask(twins.compiled, operation))
    assert "errors" not in answer, answer["errors"]
    return answer["data"]["found"], len(statements)
