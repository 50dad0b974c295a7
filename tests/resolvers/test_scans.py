"""Scans and schedules through the graph: starting, cancelling, paging, following, and who may."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy import insert, update

from app.context import Runtime
from app.database import Database
from app.models import Account, Scan, ScanStep, new_id
from app.providers.problems import ProblemCode
from app.schema.node import global_id, parse_id
from tests.activity.sockets import subscribed
from tests.clients import GraphQL, Person, register
from tests.house.statements import counted

FIELDS = (
    "id state regions services account { nativeId } schedule { name } totals { steps found } steps { service state }"
)
START = f"""mutation ($input: StartScanInput!) {{ startScan(input: $input) {{ __typename
  ... on StartScanPayload {{ scans {{ {FIELDS} }} alreadyRunning {{ id }}
    skipped {{ account {{ nativeId }} reason }} }}
  ... on UserError {{ code message path }} }} }}"""
CANCEL = """mutation ($input: CancelScanInput!) { cancelScan(input: $input) { __typename
  ... on CancelScanPayload { scan { id state finishedAt } } ... on UserError { code message path } } }"""
SCHEDULE = "id name cron timeZone jitterSeconds regions services enabled nextRunAt accounts { nativeId }"
MAKE = f"""mutation ($input: ScheduleScansInput!) {{ scheduleScans(input: $input) {{ __typename
  ... on ScheduleScansPayload {{ schedule {{ {SCHEDULE} }} }} ... on UserError {{ code message path }} }} }}"""
CHANGE = f"""mutation ($input: UpdateScanScheduleInput!) {{ updateScanSchedule(input: $input) {{ __typename
  ... on UpdateScanSchedulePayload {{ schedule {{ {SCHEDULE} }} }} ... on UserError {{ code message path }} }} }}"""
DELETE = """mutation ($input: DeleteScanScheduleInput!) { deleteScanSchedule(input: $input) { __typename
  ... on DeleteScanSchedulePayload { schedule { name } } ... on UserError { code message path } } }"""
SCANS = f"""query ($slug: String!, $where: ScanFilter, $first: Int, $after: String) {{ organization(slug: $slug) {{
  scans(where: $where, first: $first, after: $after) {{ totalCount pageInfo {{ endCursor hasNextPage }}
  nodes {{ {FIELDS} durationMilliseconds }} }} }} }}"""


class Caller:
    """Somebody with an organization and connected accounts."""

    def __init__(self, graphql: GraphQL, database: Database, person: Person) -> None:
        self.graphql = graphql
        self.database = database
        self.person = person
        self.organization_id = parse_id(person.organization_id).id

    async def connected(self, native_id: str, provider: str = "AWS") -> str:
        """A connected account: its global id. The cloud itself is not asked in these tests."""
        made = Account(
            organization_id=self.organization_id,
            provider=provider,
            kind="CONNECTED",
            method="AWS_KEYS",
            native_id=native_id,
            name=native_id,
        )
        async with self.database.write(self.organization_id) as session:
            session.add(made)
        return global_id("Account", made.id, self.organization_id)

    async def act(self, document: str, **values: Any) -> dict[str, Any]:
        """Run a mutation with an input; gives its result."""
        answer = await self.graphql.data(document, {"input": values}, token=self.person.token)
        (result,) = answer.values()
        found: dict[str, Any] = result
        return found

    async def start(self, **values: Any) -> dict[str, Any]:
        """Start scans."""
        return await self.act(START, organizationId=self.person.organization_id, **values)

    async def page(self, **values: Any) -> dict[str, Any]:
        """A page of scans."""
        answer = await self.graphql.data(SCANS, {"slug": self.person.slug, **values}, token=self.person.token)
        found: dict[str, Any] = answer["organization"]["scans"]
        return found


@pytest.fixture
async def caller(graphql: GraphQL, database: Database) -> Caller:
    return Caller(graphql, database, await register(graphql))


async def test_a_scan_for_each_account_and_never_two_of_one(caller: Caller) -> None:
    first, second = await caller.connected("1"), await caller.connected("2")
    result = await caller.start(accountIds=[first], regions=["eu-west-1"], services=["ec2"])
    (scan,) = result["scans"]
    assert (scan["state"], scan["regions"], scan["services"]) == ("QUEUED", ["eu-west-1"], ["ec2"])
    assert (scan["account"]["nativeId"], scan["steps"], scan["totals"]["steps"]) == ("1", [], 0)
    again = await caller.start()
    assert [each["account"]["nativeId"] for each in again["scans"]] == ["2"]
    assert again["alreadyRunning"] == [{"id": scan["id"]}]
    assert second is not None


async def test_accounts_without_the_services_are_named_with_the_reason(caller: Caller) -> None:
    await caller.connected("1")
    await caller.connected("00000000-0000-0000-0000-000000000001", "AZURE")
    result = await caller.start(services=["ec2"])
    assert [scan["account"]["nativeId"] for scan in result["scans"]] == ["1"]
    (skipped,) = result["skipped"]
    assert skipped["account"] == {"nativeId": "00000000-0000-0000-0000-000000000001"}
    assert skipped["reason"] == "AZURE has none of the services ec2."


async def test_a_problem_has_a_code_of_the_graph(caller: Caller, database: Database) -> None:
    await caller.connected("1")
    (scan,) = (await caller.start())["scans"]
    told = {"resourceTypes": ["AWS::S3::Bucket"], "code": "DENIED", "message": "m", "remedy": "r", "permission": "p"}
    async with database.write(caller.organization_id) as session:
        step = {"organization_id": caller.organization_id, "id": new_id(), "scan_id": parse_id(scan["id"]).id}
        counts = dict.fromkeys(("found", "added", "changed", "removed", "unchanged"), 0)
        values = {**step, **counts, "service": "s3", "region": "global", "state": "PARTIAL", "problems": [told]}
        await session.execute(insert(ScanStep).values(values))
    query = """query ($id: ID!) { node(id: $id) { ... on Scan { steps { problems { code permission } } } }
      __type(name: "ProblemCode") { kind enumValues { name } } }"""
    answer = await caller.graphql.data(query, {"id": scan["id"]}, token=caller.person.token)
    assert answer["node"]["steps"] == [{"problems": [{"code": "DENIED", "permission": "p"}]}]
    assert answer["__type"]["kind"] == "ENUM"
    assert {value["name"] for value in answer["__type"]["enumValues"]} == set(ProblemCode)


async def test_what_cannot_be_scanned_is_told(caller: Caller) -> None:
    assert (await caller.start())["__typename"] == "Conflict"  # nothing is connected yet
    account = await caller.connected("1")
    for values, kind, path in (
        ({"services": ["ec3"]}, "InvalidInput", ["input", "services"]),
        ({"regions": ["Frankfurt!"]}, "InvalidInput", ["input", "regions"]),
        ({"accountIds": [account] * 201}, "InvalidInput", ["input", "accountIds"]),
        ({"accountIds": ["nonsense"]}, "InvalidInput", ["input", "accountIds"]),
    ):
        result = await caller.start(**values)
        assert (result["__typename"], result["path"]) == (kind, path), result
    stranger = Caller(caller.graphql, caller.database, await register(caller.graphql, "Mallory"))
    foreign = global_id("Account", parse_id(account).id, stranger.organization_id)
    absent = global_id("Account", new_id(), stranger.organization_id)
    answers = [await stranger.start(accountIds=[id_]) for id_ in (account, foreign, absent)]
    assert answers[0]["__typename"] == "NotFound"
    assert answers[0] == answers[1] == answers[2]


async def test_a_waiting_scan_is_cancelled_at_once(caller: Caller) -> None:
    await caller.connected("1")
    (scan,) = (await caller.start())["scans"]
    result = await caller.act(CANCEL, id=scan["id"])
    assert result["scan"]["state"] == "CANCELLED"
    assert result["scan"]["finishedAt"] is not None
    assert (await caller.act(CANCEL, id=scan["id"]))["__typename"] == "Conflict"
    stranger = Caller(caller.graphql, caller.database, await register(caller.graphql, "Mallory"))
    forged = global_id("Scan", parse_id(scan["id"]).id, stranger.organization_id)
    answers = [await stranger.act(CANCEL, id=id_) for id_ in (scan["id"], forged)]
    assert {answer["__typename"] for answer in answers} == {"NotFound"}


async def test_scans_are_paged_the_newest_first(caller: Caller, runtime: Runtime) -> None:
    accounts = [await caller.connected(str(number)) for number in range(4)]
    for account in accounts:
        await caller.start(accountIds=[account])
    page = await caller.page(first=3)
    assert [scan["account"]["nativeId"] for scan in page["nodes"]] == ["3", "2", "1"]
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (4, True)
    rest = await caller.page(first=3, after=page["pageInfo"]["endCursor"])
    assert [scan["account"]["nativeId"] for scan in rest["nodes"]] == ["0"]
    of_one = await caller.page(where={"accountId": {"eq": accounts[2]}, "state": {"eq": "QUEUED"}})
    assert [scan["account"]["nativeId"] for scan in of_one["nodes"]] == ["2"]
    numbers = []
    for first in (1, 4):
        with counted(runtime.database) as statements:
            assert len((await caller.page(first=first))["nodes"]) == first
        numbers.append(len(statements))
    assert numbers[0] == numbers[1]


async def test_a_schedule_is_made_changed_and_deleted(caller: Caller) -> None:
    account = await caller.connected("1")
    organization = caller.person.organization_id
    made = (
        await caller.act(
            MAKE,
            organizationId=organization,
            name="nightly",
            cron="0 3 * * *",
            timeZone="Europe/Berlin",
            jitterSeconds=60,
            accountIds=[account],
        )
    )["schedule"]
    assert (made["cron"], made["timeZone"], made["enabled"]) == ("0 3 * * *", "Europe/Berlin", True)
    assert made["nextRunAt"] is not None
    assert made["accounts"] == [{"nativeId": "1"}]
    taken = await caller.act(MAKE, organizationId=organization, name="nightly", cron="0 4 * * *")
    assert taken["__typename"] == "Conflict"
    changed = (await caller.act(CHANGE, id=made["id"], cron="30 4 * * 1", accountIds=None, enabled=False))["schedule"]
    assert changed == {
        **made,
        "cron": "30 4 * * 1",
        "accounts": None,
        "enabled": False,
        "nextRunAt": changed["nextRunAt"],
    }
    assert changed["nextRunAt"] is None
    query = "query ($slug: String!) { organization(slug: $slug) { scanSchedules { totalCount nodes { name } } } }"
    answer = await caller.graphql.data(query, {"slug": caller.person.slug}, token=caller.person.token)
    assert answer["organization"]["scanSchedules"] == {"totalCount": 1, "nodes": [{"name": "nightly"}]}
    assert (await caller.act(DELETE, id=made["id"]))["schedule"] == {"name": "nightly"}
    assert (await caller.act(DELETE, id=made["id"]))["__typename"] == "NotFound"


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"cron": "every day"}, ["input", "cron"]),
        ({"cron": "61 * * * *"}, ["input", "cron"]),
        ({"timeZone": "Mars/Olympus"}, ["input", "timeZone"]),
        ({"jitterSeconds": -1}, ["input", "jitterSeconds"]),
        ({"jitterSeconds": 86_400}, ["input", "jitterSeconds"]),
        ({"name": " "}, ["input", "name"]),
        ({"services": ["ec3"]}, ["input", "services"]),
    ],
)
async def test_a_schedule_that_cannot_work_is_refused_in_clear_words(
    caller: Caller, values: dict[str, Any], path: list[str]
) -> None:
    organization = caller.person.organization_id
    result = await caller.act(MAKE, **{"organizationId": organization, "name": "n", "cron": "0 3 * * *", **values})
    assert (result["__typename"], result["path"]) == ("InvalidInput", path), result


PROGRESS = """subscription ($id: ID!) { scanProgress(scanId: $id) {
  state totals { steps finished found } steps { service state found } } }"""


async def test_a_scan_is_followed_to_its_end(live_server: str, database: Database) -> None:
    """What a worker commits in another process is told, by the poll of PostgreSQL at the latest."""
    async with httpx.AsyncClient(base_url=live_server, timeout=60) as client:
        caller = Caller(GraphQL(client), database, await register(GraphQL(client)))
        await caller.connected("1")
        (scan,) = (await caller.start())["scans"]
        key = parse_id(scan["id"])
        stranger = await register(caller.graphql, "Mallory")
    variables = {"id": scan["id"]}
    async with subscribed(live_server, PROGRESS, variables, token=caller.person.token) as follower:
        first = (await follower.receive())["payload"]["data"]["scanProgress"]
        assert first == {"state": "QUEUED", "totals": {"steps": 0, "finished": 0, "found": 0}, "steps": []}
        step = {"organization_id": caller.organization_id, "id": new_id(), "scan_id": key.id, "problems": []}
        async with database.write(caller.organization_id) as session:
            await session.execute(update(Scan).where(Scan.id == key.id).values(state="RUNNING"))
            counts = {"found": 7, "added": 7, "changed": 0, "removed": 0, "unchanged": 0}
            values = {**step, **counts, "service": "ec2", "region": "eu-west-1", "state": "SUCCEEDED"}
            await session.execute(insert(ScanStep).values(values))
        second = (await follower.receive())["payload"]["data"]["scanProgress"]
        assert second["state"] == "RUNNING"
        assert second["totals"] == {"steps": 1, "finished": 1, "found": 7}
        assert second["steps"] == [{"service": "ec2", "state": "SUCCEEDED", "found": 7}]
        async with database.write(caller.organization_id) as session:
            await session.execute(update(Scan).where(Scan.id == key.id).values(state="SUCCEEDED"))
        assert (await follower.receive())["payload"]["data"]["scanProgress"]["state"] == "SUCCEEDED"
        assert (await follower.receive())["type"] == "complete"
    for id_ in (scan["id"], global_id("Scan", key.id, parse_id(stranger.organization_id).id)):
        async with subscribed(live_server, PROGRESS, {"id": id_}, token=stranger.token) as follower:
            assert (await follower.error())["extensions"]["code"] == "NOT_FOUND"
