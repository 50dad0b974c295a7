"""The licence of compiled execution: whatever is asked, plans answer what graphql-core answers.

Longer runs and the proof: `python -m tests.execution.campaign`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
from rich.console import Console

from app.server.graphiql.examples import read_examples
from benchmarks.graph.documents import DOCUMENTS
from tests.execution.nasties import nasties
from tests.execution.operations import Writer
from tests.execution.playing import play
from tests.execution.twins import FURTHER_LOOKS, Operation, Twins, Verdict, alike, same
from tests.execution.world import Site

APART, TOGETHER = 2_000_001, 40
"""Seeds of operations that are asked all at once, by three callers each."""
MOST_DISCARDED = 0.005
NO_ROOM = b'"SERVICE_UNAVAILABLE"'
"""What a busy machine answers, and no difference between plans and graphql-core."""
SHOWN = 10
LEAST_SHARE = 0.95
"""Of the answers without errors; PERFORMANCE §3. The others ask for the schema too, or have two types in one list."""


async def test_generated_operations_are_answered_alike(
    site: Site, twins: Twins, request: pytest.FixtureRequest
) -> None:
    count = request.config.getoption("--operations")
    first = request.config.getoption("--first-seed")
    tally = await play(twins, site.known, range(first, first + count))
    Console(width=110).print(f"{tally.summary()}\nseeds {first} to {first + count - 1}", markup=False)
    differences = "\n".join(map(str, list(tally.failures.values())[:SHOWN]))
    assert not tally.failures, differences
    assert not tally.unforeseen, tally.answers
    assert tally.share >= LEAST_SHARE, tally.answers
    assert tally.discarded <= max(2, MOST_DISCARDED * count)


async def test_operations_written_by_hand_are_answered_alike(site: Site, twins: Twins) -> None:
    wrong = []
    for name, operation in nasties(site.known):
        compared = await twins.compare(operation)
        refused = compared.refused and operation.scope == "owner"  # of anonymous callers some must be
        if compared.verdict is not Verdict.EQUAL or refused:
            wrong.append(f"{name} ({operation.scope}): {compared}\n{operation.document}")
    assert not wrong, "\n\n".join(wrong[:SHOWN])


async def test_answers_stay_apart_when_many_run_at_once(site: Site, twins: Twins) -> None:
    """One plan serves callers of several scopes at the same moment, and each gets what is theirs."""
    operations = []
    for seed in range(APART, APART + TOGETHER):
        operation = Writer(twins.schema, site.known, seed).operation()
        operations += [replace(operation, scope=scope) for scope in ("owner", "viewer", "key")]
    apart = [await twins.ask(twins.core, operation) for operation in operations]
    together = await _asked_together(twins, operations)
    wrong = []
    for operation, one, other in zip(operations, apart, together, strict=True):
        # What changes by itself, and what ends another way when its neighbours are slow, is no proof of anything.
        if not same(one, other) and (again := await twins.compare(operation)).verdict is Verdict.EQUAL:
            wrong.append(f"{operation}\napart:    {one!r}\ntogether: {other!r}\nagain:    {again.core!r}")
    assert not wrong, "\n\n".join(wrong[:SHOWN])


async def _asked_together(twins: Twins, operations: list[Operation]) -> list[bytes]:
    """The answers of plans; those that found no room are asked for again, together with each other."""
    found: dict[int, bytes] = {}
    for _ in range(FURTHER_LOOKS):
        missing = [place for place in range(len(operations)) if NO_ROOM in found.get(place, NO_ROOM)]
        asked = await asyncio.gather(*(twins.ask(twins.compiled, operations[place]) for place in missing))
        found |= zip(missing, asked, strict=True)
    return [found[place] for place in range(len(operations))]


async def test_examples_and_benchmarks_are_answered_by_plans(site: Site, twins: Twins) -> None:
    """The dashboard among them."""
    wrong = []
    for name, document, variables in _documents(site):
        compared = await twins.compare(Operation(document, variables, "owner"))
        if (compared.verdict, compared.failed, compared.refused, compared.bail) != (Verdict.EQUAL, False, False, None):
            wrong.append(f"{name}: {compared}")
            continue
        # Counted on the data of the plan, and on graphql-core's: as part of the answers the two are equal.
        cost = orjson.loads(compared.compiled)["extensions"]["cost"]
        assert 1 < cost["actual"] <= cost["requested"], name
    assert not wrong, "\n\n".join(wrong)


def test_only_which_error_took_a_parent_away_may_differ() -> None:
    def answer(data: Any, *paths: list[str | int]) -> bytes:
        return orjson.dumps({"data": data, "errors": [{"message": "no", "path": path} for path in paths]})

    gone = {"account": None, "name": "n"}
    one = answer(gone, ["account", "owner"])
    assert alike(one, answer(gone, ["account", "scans", 0]))
    assert alike(one, answer(gone, ["account", "scans", 0], ["account", "owner"]))
    assert not alike(one, orjson.dumps({"data": gone})), "no error says why"
    assert not alike(one, answer(gone, ["account"])), "its own error is another one"
    assert not alike(one, answer({**gone, "name": None}, ["account", "owner"], ["name"]))
    assert not alike(one, answer({**gone, "name": "m"}, ["account", "owner"]))
    assert alike(answer(None, ["account", "owner"]), answer(None, ["name"]))


def _documents(site: Site) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Name, text and variables of the examples that are queries, and of what the benchmarks ask."""
    for example in read_examples():
        if example.operation == "query":
            variables = example.variables.replace("{{organizationSlug}}", site.known.slug) or "{}"
            yield example.name, example.query, orjson.loads(variables)
    for name, document in DOCUMENTS.items():
        yield name, document, {"slug": site.known.slug, **({"first": 100} if "$first" in document else {})}
