"""Hints on reports of costs without any charge, through the graph."""

from __future__ import annotations

from datetime import date

from app.context import Runtime
from app.costs.allocation.figures import count_tag_keys
from app.costs.analysis.hints import NO_CHARGE_OF_ALL
from app.database import Database
from app.models import now
from app.schema.node import parse_id
from tests.clients import GraphQL, Person
from tests.costs.analysis.store import charge
from tests.house.statements import counted
from tests.resolvers.cost_caller import Job
from tests.resolvers.cost_report_caller import olga, report


async def test_what_no_charge_has_is_told_with_what_there_is(graphql: GraphQL, runtime: Runtime) -> None:
    person = await olga(
        graphql,
        runtime,
        [
            charge(date(2026, 10, 1), "3", region_id="eu-west-1", tags={"team": "web"}),
            charge(date(2026, 10, 2), "2", region_id="eu-west-1", service_name="Amazon S3"),
            charge(date(2026, 10, 3), "1", service_name="AWS Lambda", region_id="us-east-1"),
        ],
        promoted=("team",),
    )
    await counted_keys(runtime.database, person)
    services = "The values of the period are `AWS Lambda`, `Amazon EC2`, `Amazon S3`."
    regions = "No charge has a `regionId` of `eu-west-2`. The values of the period are `eu-west-1`, `us-east-1`."
    for where, told in (
        ({"serviceName": {"eq": "AmazonEC2"}}, [
            f"No charge has a `serviceName` of `AmazonEC2`. {services} Did you mean `Amazon EC2`?",
        ]),
        ({"serviceName": {"contains": "quux"}}, [
            f"No charge has a `serviceName` that contains `quux`. {services}",
        ]),
        ({"regionId": {"in": ["eu-west-2"]}}, [f"{regions} Did you mean `eu-west-1`?"]),
        ({"dataset": {"eq": "default"}}, [
            "No charge has a `dataset` of `default`. The values of the period are `dataset 0`.",
        ]),
        ({"provider": {"eq": "GCP"}}, [
            "No charge has a `provider` of `GCP`. The values of the period are `AWS`.",
        ]),
        ({"tags": [{"key": "Teem", "eq": "web"}]}, [
            "No charge has the tag `teem`. The tag keys are `team`. Did you mean `team`?",
        ]),
        ({"tags": [{"key": "team", "eq": "Web"}]}, [
            "No charge has a tag `team` of `Web`. The values of the period are `web`. Did you mean `web`?",
        ]),
        ({"serviceName": {"eq": "Amazon S3"}, "regionId": {"eq": "us-east-1"}}, [NO_CHARGE_OF_ALL]),
        ({"serviceName": {"eq": "Amazon S3"}}, []),
        ({"effectiveCost": {"gt": "1000"}}, []),
    ):  # fmt: skip
        found = await report(graphql, person, where=where)
        assert found["notes"] == told, where
        assert found["chargeCount"] == (1 if where == {"serviceName": {"eq": "Amazon S3"}} else 0)


async def test_nothing_is_looked_up_where_there_are_charges_or_nothing_was_imported(
    graphql: GraphQL, runtime: Runtime
) -> None:
    person = await olga(graphql, runtime, [charge(date(2026, 10, 1), "3")])
    asked = {"where": {"serviceName": {"eq": "Amazon EC2"}}}
    with counted(runtime.database) as statements:
        assert (await report(graphql, person, **asked))["notes"] == []
    assert len([one for one in statements if "facts" in one]) == 1
    august = {"start": "2026-08-01", "end": "2026-09-01"}
    found = await report(graphql, person, period=august, where={"serviceName": {"eq": "x"}})
    assert (found["notes"], found["reason"]) == ([], "Nothing was imported for any day of the period.")


async def counted_keys(database: Database, person: Person) -> None:
    """Count the tag keys, as a job does after each import."""
    job = Job(parse_id(person.organization_id).id, database)
    job.arguments = {"wantedAt": now().isoformat()}
    await count_tag_keys(job)
