"""What can be read beside the rows of a page is read with them, and answered as graphql-core answers it."""

from __future__ import annotations

import gc
import weakref
from datetime import date
from typing import Any

import orjson
import pytest

from app.costs.analysis.nodes import costs_beside
from app.execution import BESIDE as BESIDE_OWN
from app.paging import PageRequest
from app.records.cost_analysis import DateRange
from app.records.costs import CostMetric
from app.records.criteria import Direction
from app.repositories import beside
from app.repositories.kept_statements import PageForm
from app.repositories.resources import RESOURCES
from tests.execution.twins import Operation, Twins, Verdict
from tests.execution.world import Site
from tests.house.statements import counted

COST = "cost { amount currency } reason"
ALL = "start end metric reason unconverted { amount }"
LIST = "monthToDateCost(metric: LIST_COST)"
LAST = "costs(period: {name: LAST_MONTH})"
MONTH = f"name monthToDateCost {{ {COST} }}"
BESIDE = {
    "a page": f"resources(first: 30) {{ nodes {{ {MONTH} }} pageInfo {{ endCursor hasNextPage }} }}",
    "from the end": f"resources(last: 4) {{ nodes {{ {MONTH} }} pageInfo {{ startCursor }} }}",
    "by moments": f"resources(first: 9, orderBy: {{field: LAST_SEEN_AT}}) {{ nodes {{ {MONTH} lastSeenAt }} }}",
    "edges": f"resources(first: 5) {{ edges {{ cursor node {{ {MONTH} }} }} }}",
    "all of it": f"resources(first: 30) {{ nodes {{ monthToDateCost {{ {ALL} }} id }} }}",
    "a period": f"resources(first: 30) {{ nodes {{ costs(period: {{name: LAST_90_DAYS}}) {{ {COST} }} }} }}",
    "of all time": f"resources(first: 30) {{ nodes {{ costs(period: {{name: ALL_TIME}}) {{ start {COST} }} }} }}",
    "other fields": f"resources(first: 9) {{ nodes {{ {MONTH} recommendations {{ id }} account {{ name }} }} }}",
    "two of them": f"resources(first: 9) {{ nodes {{ {MONTH} last: {LAST} {{ {COST} }} }} }}",
    "two metrics": f"resources(first: 9) {{ nodes {{ {MONTH} list: {LIST} {{ reason }} }} }}",
    "nodes and edges": f"resources(first: 9) {{ nodes {{ {MONTH} }} edges {{ node {{ {MONTH} region }} }} }}",
    "criteria": f'resources(where: {{provider: {{in: ["AWS", "AZURE"]}}}}, first: 9) {{ nodes {{ {MONTH} id }} }}',
    "criteria from the end": f"""resources(
        where: {{name: {{contains: "a"}}}}, last: 5, orderBy: {{field: LAST_SEEN_AT, direction: DESC}}
    ) {{ nodes {{ lastSeenAt {MONTH} id }} pageInfo {{ startCursor }} }}""",
    "all there are": f"resources(first: 1000) {{ nodes {{ monthToDateCost {{ {COST} }} name id }} }}",
    "none": f'resources(where: {{name: {{eq: "nothing"}}}}) {{ nodes {{ {MONTH} }} }}',
}
FIELDS = [
    "id",
    "name",
    "service",
    "region",
    "status",
    "nativeId",
    "resourceType",
    "availabilityZone",
    "provider",
    "tags",
]
APART = "resources(first: 9) { nodes { monthToDateCost { coverage { gapCount } } } }"
WRONG = {
    "alone": "resources(first: 3) { nodes { costs(period: {}) { reason } } }",
    "beside others": "resources(first: 3) { nodes { name costs(period: {}) { reason } } }",
    "of no resource": 'resources(where: {name: {eq: "nothing"}}) { nodes { costs(period: {}) { reason } } }',
}


def asked(site: Site, body: str) -> Operation:
    """A query of the owner."""
    document = f"query ($slug: String!) {{ organization(slug: $slug) {{ {body} }} }}"
    return Operation(document, {"slug": site.known.slug}, "owner")


def kinds(twins: Twins, operation: Operation) -> list[str]:
    """The kinds of a plan's steps."""
    plans = twins.compiled.plans
    assert plans is not None
    found = twins.compiled.documents.find(operation.document)
    assert found is not None
    (kept,) = [plan for one in found.operations.values() for plan in one.plans]
    explained = plans.explain(kept, operation.variables)
    return [step["kind"] for step in explained["steps"]]


async def test_it_is_answered_as_by_graphql_core(site: Site, twins: Twins) -> None:
    for name, body in BESIDE.items():
        beside._KEPT.clear()
        operation = asked(site, body)
        compared = await twins.compare(operation)
        assert compared.verdict is Verdict.EQUAL, (name, compared)
        assert compared.bail is None, name
        assert b'"errors"' not in compared.core, name
        assert kinds(twins, operation).count("beside") == 1, name


async def test_it_takes_no_statement_of_its_own(site: Site, twins: Twins) -> None:
    beside._KEPT.clear()
    assert await statements(site, twins, BESIDE["a page"]) == await statements(
        site, twins, "resources { nodes { name } }"
    )
    assert await statements(site, twins, BESIDE["criteria"]) == 1 + await statements(site, twins, BESIDE["a page"])


async def test_only_a_few_statements_are_kept(site: Site, twins: Twins) -> None:
    """A plan of one is large, and there are as many as there are orders of the fields of a document."""
    beside._KEPT.clear()
    found = []
    for count in range(1, beside.MOST_FORMS + 3):
        names = " ".join(FIELDS[:count])
        body = f"resources(first: 5) {{ nodes {{ {names} monthToDateCost {{ cost {{ amount }} }} }} }}"
        assert (await twins.compare(asked(site, body))).verdict is Verdict.EQUAL
        found.append(await statements(site, twins, body))
    least = min(found)
    assert found == [least] * beside.MOST_FORMS + [least + 1] * 2


def test_one_that_is_not_used_gives_its_place_to_another() -> None:
    moment = 0.0
    kept = beside.Kept(lambda: moment)
    costs = costs_beside(DateRange(date(2026, 11, 1), date(2026, 12, 1)), CostMetric.BILLED_COST, BESIDE_OWN)
    form = PageForm.of(RESOURCES, (), ("name", "id"), Direction.ASC, PageRequest())
    columns = (
        "provider",
        "service",
        "region",
        "status",
        "native_id",
        "resource_type",
        "availability_zone",
        "tags",
        "id",
    )
    wanted = [(name, f"{BESIDE_OWN}amount") for name in columns]
    assert all(kept.text(form, one, costs) for one in wanted[:-1])
    assert kept.text(form, wanted[-1], costs) is None
    moment = 200.0
    assert kept.text(form, wanted[0], costs)
    moment = 400.0
    assert kept.text(form, wanted[-1], costs), "the second was not used"
    assert kept.text(form, wanted[0], costs)
    assert kept.text(form, wanted[1], costs), "in the place of the third"


async def test_a_plan_runs_for_each_with_their_own_values(site: Site, twins: Twins) -> None:
    """What is bound when it is compiled is nobody's."""
    document = """query (
      $slug: String!, $metric: CostMetric!, $period: CostPeriodInput!, $after: String, $like: String
    ) { organization(slug: $slug) { resources(first: 4, after: $after, where: {name: {contains: $like}}) {
        nodes { name costs(period: $period, metric: $metric) { start end metric cost { amount currency } reason } }
        pageInfo { endCursor } } } }"""
    cursor: str | None = None
    for scope in ("owner", "viewer", "owner"):
        for metric in ("EFFECTIVE_COST", "LIST_COST"):
            for period in ({"name": "LAST_90_DAYS"}, {"start": "2026-01-01", "end": "2026-12-01"}, {}):
                for like in (None, "a"):
                    values = {
                        "slug": site.known.slug,
                        "metric": metric,
                        "period": period,
                        "after": cursor,
                        "like": like,
                    }
                    compared = await twins.compare(Operation(document, values, scope))
                    assert compared.verdict is Verdict.EQUAL, (values, compared)
                    if b'"errors"' not in compared.core:
                        page = orjson.loads(compared.core)["data"]["organization"]["resources"]
                        cursor = page["pageInfo"]["endCursor"]


async def test_a_run_leaves_no_ring_behind(site: Site, twins: Twins, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in one stays until the collector walks everything: with it all that an operation has loaded."""
    contexts: list[weakref.ref[Any]] = []
    made = twins.compiled._make_context

    def make(*given: Any) -> Any:
        contexts.append(weakref.ref(context := made(*given)))
        return context

    monkeypatch.setattr(twins.compiled, "_make_context", make)
    gc.disable()
    try:
        await twins.ask(twins.compiled, asked(site, BESIDE["a page"]))
        assert contexts
        assert [context() for context in contexts] == [None] * len(contexts)
    finally:
        gc.enable()


async def statements(site: Site, twins: Twins, body: str) -> int:
    """How many statements an operation takes that has been asked before."""
    operation = asked(site, body)
    await twins.ask(twins.compiled, operation)
    with counted(twins.runtime.database) as found:
        await twins.ask(twins.compiled, operation)
    return len(found)


async def test_some_of_the_answers_know_a_cost(site: Site, twins: Twins) -> None:
    """Nulls alone would be equal too."""
    answer: Any = orjson.loads(await twins.ask(twins.compiled, asked(site, BESIDE["a period"])))
    costs = [node["costs"]["cost"] for node in answer["data"]["organization"]["resources"]["nodes"]]
    assert any(cost is not None and float(cost["amount"]) for cost in costs)
    assert None in costs


async def test_what_needs_objects_is_read_apart(site: Site, twins: Twins) -> None:
    operation = asked(site, APART)
    compared = await twins.compare(operation)
    assert compared.verdict is Verdict.EQUAL, compared
    assert "beside" not in kinds(twins, operation)


async def test_what_is_wrong_is_told_at_its_own_place(site: Site, twins: Twins) -> None:
    for name, body in WRONG.items():
        compared = await twins.compare(asked(site, body))
        assert compared.verdict is Verdict.EQUAL, (name, compared)
        paths = [error["path"] for error in orjson.loads(compared.core).get("errors", [])]
        assert bool(paths) is (name != "of no resource"), name
        assert all(path[-1] == "costs" for path in paths), name
