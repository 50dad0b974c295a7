"""Jobs that were given up: operators see them, and have them run again once."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from app.database import Database
from app.embedded import EngineUrls
from app.errors import ConflictError, NotFoundError
from app.models import new_id
from app.queue import requeue
from app.schema.node import global_id, parse_id
from app.workers.runner import RunningJob
from tests.cli.conftest import Command, on_engines, skyledger
from tests.clients import GraphQL, register
from tests.workers.probes import QUICK, job_row, make_runner, put, running, until_state

__all__ = ["on_engines", "skyledger"]  # fixtures

ROOT = "root-key-of-the-tests-0123456789abcdef"
JOBS = """query($where: JobFilter, $first: Int, $after: String) {
  platform { jobs(where: $where, first: $first, after: $after) {
  totalCount pageInfo { endCursor hasNextPage }
  nodes { id kind state attempts failure finishedAt organization { id slug } } } } }"""
REQUEUE = """mutation($input: RequeueJobInput!) { requeueJob(input: $input) {
  __typename ... on RequeueJobPayload { job { id kind state attempts failure } }
  ... on UserError { code message } } }"""


class Stubborn:
    """A job's function that fails until it is mended, and counts how often it was called."""

    def __init__(self) -> None:
        self.calls, self.mended = 0, False

    async def __call__(self, _job: RunningJob) -> None:
        self.calls += 1
        if not self.mended:
            message = "hunter2 in a foreign error"
            raise RuntimeError(message)


async def bury(database: Database, urls: EngineUrls, work: Stubborn, organization_id: UUID | None = None) -> UUID:
    """A job of which all attempts have failed."""
    job_id = await put(database, organization_id=organization_id)
    async with running(make_runner(database, urls.redis_url, {"probe": work}, QUICK)):
        await until_state(database, job_id, "DEAD")
    return job_id


async def test_a_requeued_job_runs_once_more_with_all_its_attempts(database: Database, engine_urls: EngineUrls) -> None:
    work = Stubborn()
    job_id = await bury(database, engine_urls, work)
    assert work.calls == QUICK.most_attempts

    dead = await job_row(database, job_id)
    row = await requeue(database, job_id)
    assert (row["state"], row["attempts"], row["failure"], row["finished_at"]) == ("QUEUED", 0, None, None)
    assert (await job_row(database, job_id))["fencing_token"] == dead["fencing_token"] + 1, (
        "a late worker is fenced off"
    )

    work.mended = True
    async with running(make_runner(database, engine_urls.redis_url, {"probe": work}, QUICK)):
        assert (await until_state(database, job_id, "SUCCEEDED"))["attempts"] == 1
        await asyncio.sleep(5 * QUICK.sweep)
    assert work.calls == QUICK.most_attempts + 1, "once, however often workers look"


async def test_it_may_die_again_after_as_many_attempts(database: Database, engine_urls: EngineUrls) -> None:
    work = Stubborn()
    job_id = await bury(database, engine_urls, work)
    await requeue(database, job_id)
    async with running(make_runner(database, engine_urls.redis_url, {"probe": work}, QUICK)):
        row = await until_state(database, job_id, "DEAD")
    assert work.calls == 2 * QUICK.most_attempts
    assert f"of {QUICK.most_attempts} failed" in row["failure"]


@pytest.mark.parametrize("state", ["QUEUED", "RUNNING", "SUCCEEDED"])
async def test_what_is_not_dead_is_a_conflict(database: Database, owner: Database, state: str) -> None:
    job_id = await put(database)
    async with owner.engine.begin() as connection:
        await connection.exec_driver_sql(f"UPDATE jobs SET state = '{state}'")  # noqa: S608  (one of three)
    before = dict(await job_row(database, job_id))
    with pytest.raises(ConflictError, match=state):
        await requeue(database, job_id)
    assert dict(await job_row(database, job_id)) == before
    with pytest.raises(NotFoundError):
        await requeue(database, new_id())


async def test_of_many_that_requeue_at_once_one_succeeds(database: Database, engine_urls: EngineUrls) -> None:
    job_id = await bury(database, engine_urls, Stubborn())
    answers = await asyncio.gather(*(requeue(database, job_id) for _ in range(8)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in answers) == ["ConflictError"] * 7 + ["RowMapping"]


async def test_operators_see_jobs_and_requeue_them(
    graphql: GraphQL, database: Database, engine_urls: EngineUrls
) -> None:
    ada = await register(graphql)
    own = parse_id(ada.organization_id).id
    job_id = await bury(database, engine_urls, Stubborn(), own)
    await put(database, "refresh", None)

    async def ask(**variables: Any) -> dict[str, Any]:
        found: dict[str, Any] = (await graphql.data(JOBS, variables, root_key=ROOT))["platform"]["jobs"]
        return found

    (found,) = (await ask(where={"state": {"eq": "DEAD"}, "kind": {"eq": "probe"}}))["nodes"]
    assert (found["kind"], found["state"], found["attempts"]) == ("probe", "DEAD", QUICK.most_attempts)
    assert found["organization"] == {"id": ada.organization_id, "slug": ada.slug}
    assert "hunter2" not in found["failure"], "the text of a foreign error stands in the worker's log only"

    whole = await ask()
    page = await ask(first=1)
    rest = await ask(first=100, after=page["pageInfo"]["endCursor"])
    assert whole["totalCount"] == len(whole["nodes"]) >= 2
    assert [*page["nodes"], *rest["nodes"]] == whole["nodes"]
    (of_platform,) = (await ask(where={"kind": {"eq": "refresh"}}))["nodes"]
    assert of_platform["organization"] is None

    done = (await graphql.data(REQUEUE, {"input": {"id": found["id"]}}, root_key=ROOT))["requeueJob"]
    assert done["job"] == {"id": found["id"], "kind": "probe", "state": "QUEUED", "attempts": 0, "failure": None}
    again = (await graphql.data(REQUEUE, {"input": {"id": found["id"]}}, root_key=ROOT))["requeueJob"]
    assert (again["__typename"], again["code"]) == ("Conflict", "CONFLICT")
    absent = (await graphql.data(REQUEUE, {"input": {"id": global_id("Job", new_id())}}, root_key=ROOT))["requeueJob"]
    assert absent["__typename"] == "NotFound"
    wrong = (await graphql.data(REQUEUE, {"input": {"id": ada.organization_id}}, root_key=ROOT))["requeueJob"]
    assert wrong["__typename"] == "InvalidInput"
    assert (await job_row(database, job_id))["state"] == "QUEUED"


async def test_nobody_else_sees_or_requeues_jobs(graphql: GraphQL, database: Database, engine_urls: EngineUrls) -> None:
    ada = await register(graphql)
    job_id = await bury(database, engine_urls, Stubborn(), parse_id(ada.organization_id).id)
    assert (await graphql.data(JOBS, token=ada.token))["platform"] is None
    sent = {"input": {"id": global_id("Job", job_id)}}
    refused = (await graphql.data(REQUEUE, sent, token=ada.token))["requeueJob"]
    assert refused["__typename"] == "NotFound", "an owner of the organization is no operator"
    assert (await job_row(database, job_id))["state"] == "DEAD"


async def test_the_command_lists_and_requeues(on_engines: Command, database: Database, engine_urls: EngineUrls) -> None:
    job_id = await bury(database, engine_urls, Stubborn())
    listed = await asyncio.to_thread(on_engines, "jobs", "list")
    assert listed.exit_code == 0, listed.stderr
    assert f"{job_id}  probe" in listed.stdout
    assert "RuntimeError, see the worker's log" in listed.stdout
    done = await asyncio.to_thread(on_engines, "jobs", "requeue", str(job_id))
    assert (done.exit_code, "Queued probe again" in done.stdout) == (0, True)
    again = await asyncio.to_thread(on_engines, "jobs", "requeue", str(job_id))
    assert (again.exit_code, "only a DEAD one" in again.stderr) == (1, True)
    assert (await asyncio.to_thread(on_engines, "jobs", "requeue", "x")).exit_code == 1
    assert (await asyncio.to_thread(on_engines, "jobs", "list", "--state", "lost")).exit_code == 1
    assert "no such job" in (await asyncio.to_thread(on_engines, "jobs", "list")).stdout
