"""Anomalies through the graph: listed, filtered, ordered, judged by people."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from app.context import Runtime
from app.records.budgets import AnomalyState
from app.repositories.cost_anomalies import update_anomaly
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
      excess currency score state stateReason account {{ nativeId }} services {CAUSES} resources {CAUSES}
      alsoSeenIn {{ series serviceName subAccountId startsOn endsOn excess }} mergedInto {{ id state }} }} }} }} }}"""


SPIKE = TODAY - timedelta(8)


FIRST = TODAY - timedelta(90)
SERVICES = {"EC2": 500, "S3": 400, "RDS": 300, "SQS": 200}
"""What each costs on the day of its spike; they are in accounts of their own, and cost 100 on other days."""


async def spike(caller: Caller) -> list[dict[str, Any]]:
    """Deliver costs with spikes that have nothing in common, have them checked; the anomalies."""
    rows = [
        row
        for service, cost in SERVICES.items()
        for row in daily(
            FIRST,
            TODAY,
            lambda day, cost=cost: cost if day == SPIKE - timedelta(cost // 50) else 100,  # type: ignore[misc]
            ServiceName=service,
            SubAccountId=f"of {service}",
            ResourceId=f"one of {service}",
        )
    ]
    await caller.deliveries.deliver(rows)
    await caller.checked()
    found: list[dict[str, Any]] = (await caller.read(ANOMALIES))["anomalies"]["nodes"]
    return found


async def test_anomalies_are_listed_filtered_and_ordered(caller: Caller, runtime: Runtime) -> None:
    assert {node["serviceName"] for node in await spike(caller)} == set(SERVICES)
    one = (await caller.read(ANOMALIES, where={"serviceName": {"eq": "EC2"}}))["anomalies"]
    (node,) = one["nodes"]
    day = SPIKE - timedelta(10)
    days = {"startsOn": day.isoformat(), "endsOn": (day + timedelta(1)).isoformat()}
    facts = {**days, "series": "SERVICE_ACCOUNT", "subAccountId": "of EC2", "actual": "500", "currency": "USD"}
    assert {name: node[name] for name in facts} == facts
    assert (Decimal(node["excess"]), node["mergedInto"]) == (Decimal(400), None)
    assert node["resources"]["contributions"][0]["key"] == "one of EC2"
    seen = {each["series"]: each for each in node["alsoSeenIn"]}
    assert set(seen) == {"TOTAL", "SERVICE", "ACCOUNT"}
    excess = Decimal(seen["SERVICE"].pop("excess"))
    assert (excess, seen["SERVICE"]) == (
        Decimal(400),
        {**days, "series": "SERVICE", "serviceName": "EC2", "subAccountId": None},
    )
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
    where = {"series": {"in": ["SERVICE_ACCOUNT"]}}
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


async def test_a_merged_anomaly_names_the_one_it_is_told_as(caller: Caller, runtime: Runtime) -> None:
    first, other, *_ = await spike(caller)
    organization_id = caller.organization_id
    async with runtime.database.write(organization_id) as session:
        values = {"state": AnomalyState.MERGED.value, "merged_into_id": parse_id(first["id"]).id}
        await update_anomaly(session, organization_id, parse_id(other["id"]).id, **values)
    (merged,) = (await caller.read(ANOMALIES, where={"state": {"eq": "MERGED"}}))["anomalies"]["nodes"]
    assert (merged["id"], merged["mergedInto"]) == (other["id"], {"id": first["id"], "state": "OPEN"})
    document = """mutation ($input: AcknowledgeAnomalyInput!) { acknowledgeAnomaly(input: $input) { __typename
      ... on UserError { code message } } }"""
    answer = await caller.act(document, id=other["id"])
    assert answer["__typename"] == "Conflict"
    assert "mergedInto" in answer["message"]
