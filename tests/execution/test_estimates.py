"""No operation costs more than was estimated: generated operations over the whole schema, asked of real data."""

from __future__ import annotations

from collections import Counter

import orjson
import pytest
from rich.console import Console

from app.server.costs.estimate import Estimates
from app.server.graphiql.examples import read_examples
from app.server.masking import Refusal
from benchmarks.graph.documents import DOCUMENTS
from tests.execution.operations import Writer
from tests.execution.twins import Operation, Twins
from tests.execution.world import Site

FIRST = 3_000_001
"""Seed of the first operation, beside those of the oracle."""


async def test_no_answer_costs_more_than_was_estimated(
    site: Site, twins: Twins, request: pytest.FixtureRequest
) -> None:
    count = request.config.getoption("--operations")
    wrong, ratios, told = [], [], Counter[str]()
    for seed in range(FIRST, FIRST + count):
        operation = Writer(twins.schema, site.known, seed).operation()
        figures = await figures_of(twins, operation)
        if figures is None:
            told["refused"] += 1
            continue
        requested, actual = figures
        told["with objects" if actual > 1 else "empty"] += 1
        ratios.append(actual / requested)
        if actual > requested:
            wrong.append(f"seed {seed}: estimated {requested}, cost {actual}\n{operation}")
    Console(width=110).print(f"{dict(told)}, seeds {FIRST} to {FIRST + count - 1}, dearest {max(ratios):.2f} of it")
    assert not wrong, "\n\n".join(wrong[:5])
    assert told["with objects"] > count / 2
    assert max(ratios) > 0.9  # some are answered with everything that was estimated


async def test_the_dashboard_and_the_examples_may_be_asked_by_everybody(site: Site, twins: Twins) -> None:
    most = twins.runtime.settings.cost_operation
    for name, document, text in [
        *((each.name, each.query, each.variables) for each in read_examples()),
        *((name, document, '{"slug": "{{organizationSlug}}", "first": 1000}') for name, document in DOCUMENTS.items()),
    ]:
        variables = orjson.loads(text.replace("{{organizationSlug}}", site.known.slug) or "{}")
        requested = _estimates(twins, Operation(document, variables, "owner")).of(variables).requested(variables)
        assert 1 < requested < most, f"{name} may cost {requested}"


async def figures_of(twins: Twins, operation: Operation) -> tuple[int, int] | None:
    """What an operation may cost and what it did; None where nothing was executed."""
    try:
        estimate = _estimates(twins, operation).of(operation.variables)
    except Refusal:
        return None
    data = orjson.loads(await twins.ask(twins.compiled, operation)).get("data")
    if data is None:
        return None
    return estimate.requested(operation.variables), estimate.actual(data, operation.variables)


def _estimates(twins: Twins, operation: Operation) -> Estimates:
    document = twins.core.documents.load(operation.document)
    return Estimates(twins.schema, document.node, document.operation(operation.name).node)
