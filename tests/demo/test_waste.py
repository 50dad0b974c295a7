"""The waste of the demo: found by the usual look, in money that its charges and its contract tell, decided in part."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from app.cli.example import fill
from app.database import Database
from app.demo.leftovers import KINDS
from app.recommendations.jobs import LOOK_JOB, look_for_waste
from app.repositories.jobs import JOBS
from tests.clients import GraphQL, register
from tests.resolvers.cost_caller import Caller, Job

QUERY = """query ($slug: String!) { organization(slug: $slug) {
  recommendations(first: 200) { nodes {
    checkId state resource { name status }
    saving { monthly { amount } basis reason }
    history { kind }
  } }
  savingsSummary { potential marked ignored unknownCount }
} }"""
FOUND = {
    "aws.ebs.gp2_to_gp3": 14,
    "aws.ebs.on_stopped_instance": 3,
    "aws.ebs.unattached": 6,
    "aws.ec2.graviton_candidate": 2,
    "aws.ec2.idle": 2,
    "aws.ec2.oversized": 6,
    "aws.ec2.previous_generation": 2,
    "aws.ec2.schedule_candidate": 2,
    "aws.ec2.stopped_long": 3,
    "aws.eip.idle": 3,
    "aws.elb.classic_unused": 1,
    "aws.logs.no_retention": 1,
    "aws.nat.idle": 1,
    "aws.rds.extended_support": 1,
    "aws.rds.snapshot_old": 2,
    "az.asp.empty": 1,
    "az.disk.on_deallocated_vm": 3,
    "az.disk.unattached": 3,
    "az.lb.no_backend": 1,
    "az.pip.unattached": 2,
    "az.snapshot.old": 2,
    "az.vm.deallocated_long": 3,
    "az.vm.old_generation": 1,
    "az.vm.stopped_not_deallocated": 1,
    "gcp.address.unused": 2,
    "gcp.disk.on_stopped_vm": 1,
    "gcp.disk.unattached": 2,
    "gcp.snapshot.old": 2,
    "gcp.vm.oversized": 2,
    "gcp.vm.stopped_long": 1,
}


async def test_the_usual_look_finds_the_waste_of_three_clouds(
    graphql: GraphQL, database: Database, tmp_path: Path
) -> None:
    caller = Caller(graphql, database, await register(graphql), tmp_path)
    await fill(database, caller.organization_id)
    await look_everywhere(caller)
    found = (await caller.graphql.data(QUERY, {"slug": caller.person.slug}, token=caller.person.token))["organization"]
    nodes = found["recommendations"]["nodes"]
    assert Counter(node["checkId"] for node in nodes) == FOUND
    assert [node for node in nodes if node["saving"]["reason"] is not None] == []  # every amount is known
    assert {node["saving"]["basis"] for node in nodes} == {"ACTUAL", "CONTRACTED", "LIST"}
    assert found["savingsSummary"]["unknownCount"] == 0
    by_state = Counter(node["state"] for node in nodes)
    assert {state: by_state[state] for state in ("IGNORED", "MARKED_FOR_DELETION", "RESOLVED")} == {
        "IGNORED": 1,
        "MARKED_FOR_DELETION": 1,
        "RESOLVED": 1,
    }
    (resolved,) = [node for node in nodes if node["state"] == "RESOLVED"]
    assert [event["kind"] for event in resolved["history"]] == ["RESOLVED", "FOUND"]
    assert wasted_names(nodes) == {name for name, is_waste in leftovers() if is_waste}


def wasted_names(nodes: list[dict[str, Any]]) -> set[str]:
    """Which of what was left behind was found."""
    names = {name for name, _ in leftovers()}
    return {node["resource"]["name"] for node in nodes} & names


def leftovers() -> list[tuple[str, bool]]:
    """The first of each kind of what was left behind, and whether it is waste, not its like that is in use."""
    return [(kind.names[0], kind.statuses[0] not in {"in use", "kept a month"}) for kind in KINDS]


async def look_everywhere(caller: Caller) -> None:
    """Do the looks that wait, as a worker does."""
    async with caller.database.read(caller.organization_id) as session:
        found = await session.execute(JOBS.select().where(JOBS.c.kind == LOOK_JOB).order_by(JOBS.c.id))
        waiting = found.mappings().all()
    for row in waiting:
        job = Job(caller.organization_id, caller.database)
        job.arguments = row["arguments"]
        await look_for_waste(job)
