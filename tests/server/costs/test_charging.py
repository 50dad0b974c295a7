"""What it costs to be charged: counted as work, for time is the machine's."""

from __future__ import annotations

import pytest

from app.context import Runtime
from app.resolvers.roots import make_schema
from app.resolvers.serving import make_costs
from app.server.documents import Documents
from app.server.identity import OperationFacts
from app.server.limits import Limits
from tests.work import CALLS_IN_50_MS, counted

PAGE = """
query ($slug: String!, $n: Int!) {
  organization(slug: $slug) { name resources(first: $n) { totalCount nodes { id name history(first: 3) { kind } } } }
}
"""
CALLS_IN_50_US = CALLS_IN_50_MS // 1_000


async def test_a_charge_is_less_than_the_work_of_50_us(runtime: Runtime) -> None:
    """From the estimate to the headers, of a caller who has asked a moment ago: Valkey is not asked again."""
    schema = make_schema()._schema
    costs = make_costs(runtime, schema)
    document = Documents(schema, Limits()).load(PAGE)
    operation = document.operation(None)
    facts = OperationFacts("request", None, "192.0.2.1", None, "http")
    variables = {"slug": "acme", "n": 5}
    nodes = [{"id": "x", "name": "x", "history": [{"kind": "x"}] * 3} for _ in range(3)]
    answer = {"organization": {"name": "Acme", "resources": {"totalCount": 9, "nodes": nodes}}}

    async def charged() -> None:
        charge = await costs.take(document, operation, variables, facts)
        charge.count(answer)
        charge.settle()
        assert (charge.requested, charge.to_json()["actual"], len(charge.headers())) == (27, 19, 3)

    await charged()
    await charged()  # who asks again is given more than is asked for
    again = charged()
    with counted() as work, pytest.raises(StopIteration):  # it ends without having waited for anything
        again.send(None)
    assert 10 < work.calls < CALLS_IN_50_US
