"""Anomalies through the graph: listed, filtered, ordered, judged by people."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from app.context import Runtime
from app.schema.node import global_id, parse_id
from tests.clients import register
from tests.costs.watch.deliveries import daily
from tests.house.statements import counted
from tests.resolvers.cost_caller import TODAY, Caller

CAUSES = "{ contributions { key name actual expected excess share isNew } others otherCount unexplained }"
ANOMALIES = f"""query ($slug: String!, $where: CostAnomalyFilter, $orderBy: CostAnomalyOrder, $first: Int,
  $after: String) {{ organization(slug: $slug) {{
  anomalies(where: $where, orderBy: $orderBy, first: $first, after: $after) {{
    totalCount pageInfo {{ endCursor }} nodes {{ id series serviceName subAccountId startsOn endsOn expected actual
      excess currency score state stateReason account {{ nativeId }} services {CAUSES} resources {CAUSES} }} }} }} }}"""


SPIKE = TODAY - timedelta(8)


def spiky(day: date) -> int:
    return 500 if day == SPIKE else 100


async def spike(caller: Caller) -> list[dict[str, Any]]:
    """Deliver costs with a spike, have them checked; the anomalies."""
    await caller.deliveries.deliver([*daily(TODAY - timedelta(90), TODAY, spiky)])
    await caller.checked()
    found: list[dict[str, Any]] = (await caller.read(ANOMALIES))["anomalies"]["nodes"]
    return found


async def test_anomalies_are_listed_filtered_and_ordered(caller: Caller, runtime: Runtime) -> None:
    assert {node["series"] for node in await spike(caller)} == {"TOTAL", "SERVICE", "ACCOUNT", "SERVICE_ACCOUNT"}
    total = (await caller.read(ANOMALIES, where={"series": {"eq": "TOTAL"}}))["anomalies"]
    (node,) = total["nodes"]
    assert (node["startsOn"], node["endsOn"], node["actual"], node["currency"]) == (
        SPIKE.isoformat(),
        (SPIKE + timedelta(1)).isoformat(),
        "500",
        "USD",
    )
    assert node["services"]["contributions"][0]["key"] == "EC2"
    assert node["resources"]["contributions"][0]["key"] == "i-1"
    assert (await caller.read(ANOMALIES, where={"excess": {"lte": "0"}}))["anomalies"]["totalCount"] == 0
    for field in ("FOUND_AT", "STARTS_ON", "EXCESS"):
        order = {"field": field, "direction": "ASC"}
        first = (await caller.read(ANOMALIES, orderBy=order, first=3))["anomalies"]
        rest = await caller.read(ANOMALIES, orderBy=order, after=first["pageInfo"]["endCursor"])
        assert len({node["id"] for node in first["nodes"] + rest["anomalies"]["nodes"]}) == 4
    for currency, count in (("USD", 4), ("EUR", 0)):
        found = (await caller.read(ANOMALIES, where={"currency": {"eq": currency}}))["anomalies"]
        assert found["totalCount"] == count
    numbers = []
    where = {"series": {"in": ["ACCOUNT", "SERVICE_ACCOUNT"]}}
    for size in (1, 2):
        with counted(runtime.database) as statements:
            assert len((await caller.read(ANOMALIES, where=where, first=size))["anomalies"]["nodes"]) == size
        numbers.append(len(statements))
    assert numbers[0] == numbers[1]


async def test_people_judge_anomalies(caller: Caller) -> None:
    anomaly = (await spike(caller))[0]["id"]
    fields = "anomaly { state stateReason stateChangedAt }"
    steps = [
        ("acknowledgeAnomaly", {}, ("ACKNOWLEDGED", None)),
        ("markAnomalyExpected", {"reason": " a load test "}, ("EXPECTED", "a load test")),
        ("reopenAnomaly", {}, ("OPEN", None)),
    ]
    for name, values, expected in steps:
        capital = name[0].upper() + name[1:]
        document = f"""mutation ($input: {capital}Input!) {{ {name}(input: $input) {{ __typename
          ... on {capital}Payload {{ {fields} }} ... on UserError {{ code message path }} }} }}"""
        found = (await caller.act(document, id=anomaly, **values))["anomaly"]
        assert (found["state"], found["stateReason"]) == expected
        assert found["stateChangedAt"] is not None
        stranger = await register(caller.graphql, "Mallory")
        forged = global_id("CostAnomaly", parse_id(anomaly).id, parse_id(stranger.organization_id).id)
        for id_ in (anomaly, forged):
            variables = {"input": {"id": id_, **values}}
            answer = (await caller.graphql.data(document, variables, token=stranger.token))[name]
            assert answer["__typename"] == "NotFound"
    listed = (await caller.read(ANOMALIES, where={"state": {"eq": "OPEN"}}))["anomalies"]["totalCount"]
    assert listed == 4
