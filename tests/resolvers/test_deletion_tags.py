"""Tagging what is marked for deletion through the graph: allowed, asked for, written by a job, taken away again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.context import Runtime
from app.database import Database
from app.embedded import EngineUrls
from app.models import now
from app.providers.calls import ProviderPool
from app.providers.registry import cloud
from app.providers.tagging import TAG
from app.recommendations.deletion_tags import TAG_JOB
from app.recommendations.jobs import look_for_waste
from app.scanning.tools import ScanTools
from app.schema.node import parse_id
from app.workers.jobs import make_handlers
from tests.accounts.clouds import DISCONNECT, MOTO_ACCOUNT, UPDATE, VERIFY, act, connected, settings
from tests.clients import GraphQL, Person, register
from tests.providers.aws.in_front import Front, Told, in_front
from tests.providers.moto import REGION, far_client
from tests.recommendations.far import Held
from tests.workers.probes import make_runner

__all__ = ["settings"]

DENIED = Told(
    "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>", 403
)
DUE = (now().date() + timedelta(days=30)).isoformat()
LATER = (now().date() + timedelta(days=40)).isoformat()
MARK = """mutation ($input: MarkForDeletionInput!) { markForDeletion(input: $input) { __typename
  ... on MarkForDeletionPayload { outcomes { code message recommendation { state deletionTag { state message } } } }
  ... on UserError { code message path } } }"""
REOPEN = """mutation ($input: ReopenRecommendationsInput!) { reopenRecommendations(input: $input) { __typename
  ... on ReopenRecommendationsPayload { outcomes { code recommendation { state deletionTag { state } } } } } }"""
READ = """query ($slug: String!) { organization(slug: $slug) {
  recommendations { nodes { id checkId state resolution resource { nativeId } deletionTag { state message at }
    history { kind actorKind data } } }
  activity(first: 100) { nodes { kind data } } } }"""


class Room:
    """Somebody with an account of moto whose volumes, two of them, were found to be waste."""

    def __init__(self, graphql: GraphQL, person: Person, runtime: Runtime, urls: EngineUrls, front: Front) -> None:
        self.graphql, self.person, self.runtime, self.urls, self.front = graphql, person, runtime, urls, front
        self.account: dict[str, Any] = {}
        self.volumes: list[str] = []

    async def allow(self, *, is_allowed: bool = True) -> dict[str, Any]:
        return await act(
            self.graphql,
            UPDATE.replace("disconnectedAt", "disconnectedAt allowsTagging"),
            self.person.token,
            id=self.account["id"],
            allowsTagging=is_allowed,
        )

    async def mark(self, *ids: str, **more: Any) -> dict[str, Any]:
        sent = {"organizationId": self.person.organization_id, "ids": list(ids), "dueOn": DUE, "tagInCloud": True}
        return await act(self.graphql, MARK, self.person.token, **sent | more)

    async def reopen(self, *ids: str) -> dict[str, Any]:
        sent = {"organizationId": self.person.organization_id, "ids": list(ids)}
        return await act(self.graphql, REOPEN, self.person.token, **sent)

    async def read(self) -> dict[str, Any]:
        told = await self.graphql.data(READ, {"slug": self.person.slug}, token=self.person.token)
        found: dict[str, Any] = told["organization"]
        return found

    async def node(self, native_id: str, check: str = "aws.ebs.unattached") -> dict[str, Any]:
        found: dict[str, Any]
        (found,) = [
            node
            for node in (await self.read())["recommendations"]["nodes"]
            if (node["resource"]["nativeId"], node["checkId"]) == (native_id, check)
        ]
        return found

    async def jobs(self) -> list[Any]:
        async with self.runtime.database.read(parse_id(self.person.organization_id).id) as session:
            due = text("SELECT id FROM jobs WHERE kind = :kind AND state = 'QUEUED' AND wake_at <= now()")
            return list((await session.execute(due, {"kind": TAG_JOB})).scalars())

    async def work(self) -> int:
        """Run the jobs that are due; how many those were."""
        done = set[Any]()
        while waiting := await self.jobs():
            done.update(waiting)
            await self.run(waiting[0])
        return len(done)

    async def run(self, job_id: Any) -> None:
        """Run whatever job is due."""

        async def nap(_seconds: float) -> None:
            """No pause."""

        tools = ScanTools(self.runtime.vault, ProviderPool(4, sleep=nap), cloud)
        await make_runner(self.runtime.database, self.urls.redis_url, make_handlers(tools)).run(job_id)

    def tags(self, volume: str) -> dict[str, str]:
        filters = [{"Name": "resource-id", "Values": [volume]}]
        told = far_client(self.front.behind, "ec2").describe_tags(Filters=filters)["Tags"]
        return {tag["Key"]: tag["Value"] for tag in told}


@pytest.fixture
def front(moto_url: str) -> Iterator[Front]:
    """Moto; whatever a test does, it sees no call that deletes anything but tags."""
    with in_front(moto_url, lambda _name, _body: None) as made:
        yield made
        deleting = [name for name in made.asked if name.startswith(("Delete", "Terminate", "Release", "DELETE"))]
        assert set(deleting) <= {"DeleteTags"}
        volumes = far_client(moto_url, "ec2").describe_volumes()["Volumes"]
        assert len(volumes) == 2


@pytest.fixture
async def room(
    graphql: GraphQL, runtime: Runtime, engine_urls: EngineUrls, front: Front, look: Callable[..., Any]
) -> Room:
    ec2 = far_client(front.behind, "ec2")
    made = Room(graphql, await register(graphql, "Rita"), runtime, engine_urls, front)
    zone = f"{REGION}a"
    made.volumes = [ec2.create_volume(AvailabilityZone=zone, Size=100)["VolumeId"] for _ in range(2)]
    await ingest(made)
    await look(made)
    made.account = await connected(graphql, made.person.token, made.person.organization_id, front.url)
    return made


async def ingest(room: Room) -> None:
    rows = [
        {
            "provider": "AWS",
            "accountId": MOTO_ACCOUNT,
            "resourceType": "AWS::EC2::Volume",
            "resourceId": name,
            "region": REGION,
            "status": "available",
            "properties": {"volumeType": "gp2", "sizeGiB": 100, "iops": 300, "attachments": []},
        }
        for name in room.volumes
    ]
    document = """mutation ($input: IngestResourcesInput!) { ingestResources(input: $input) {
      ... on IngestResourcesPayload { issues { reason } } } }"""
    sent = {"organizationId": room.person.organization_id, "rows": rows}
    answer = await room.graphql.data(document, {"input": sent}, token=room.person.token)
    assert answer["ingestResources"]["issues"] == []


@pytest.fixture
def look(owner: Database) -> Callable[..., Any]:
    """Looks for waste as the job does, with volumes that were first seen long ago."""

    async def looked(room: Room) -> None:
        organization_id = parse_id(room.person.organization_id).id
        async with owner.write(None) as session:
            await session.execute(text("UPDATE resources SET first_seen_at = :then"), {"then": now() - timedelta(30)})
            await session.execute(text("DELETE FROM jobs"))
            (account_id,) = (await session.execute(text("SELECT id FROM accounts"))).scalars()
        job = Held(room.runtime.database, organization_id=organization_id, arguments={"accountId": str(account_id)})
        await look_for_waste(job)

    return looked


async def test_it_is_written_where_it_is_allowed_and_goes_when_it_is_opened_again(room: Room) -> None:
    volume = room.volumes[0]
    node = await room.node(volume)
    assert node["deletionTag"] is None
    assert (await room.allow())["account"]["allowsTagging"] is True
    told = (await room.mark(node["id"]))["outcomes"][0]["recommendation"]
    assert (told["state"], told["deletionTag"]["state"]) == ("MARKED_FOR_DELETION", "REQUESTED")
    assert room.tags(volume) == {}, "the act itself calls nobody"
    assert await room.work() == 1
    assert room.tags(volume) == {TAG: DUE}
    node = await room.node(volume)
    assert (node["state"], node["deletionTag"]["state"], node["deletionTag"]["message"]) == (
        "MARKED_FOR_DELETION",
        "WRITTEN",
        None,
    )
    tagged = {"kind": "TAGGED", "actorKind": "SYSTEM", "data": {"tag": TAG, "day": DUE, "message": None}}
    assert node["history"][0] == tagged
    await room.mark(node["id"])
    assert await room.jobs() == [], "the same again changes nothing"
    await room.reopen(node["id"])
    assert await room.work() == 1
    assert room.tags(volume) == {}
    node = await room.node(volume)
    assert (node["state"], node["deletionTag"]["state"]) == ("OPEN", "REMOVED")
    assert [each["kind"] for each in node["history"]][:4] == [
        "TAG_REMOVED",
        "REOPENED",
        "TAGGED",
        "MARKED_FOR_DELETION",
    ]
    events = [each for each in (await room.read())["activity"]["nodes"] if each["kind"] == "RECOMMENDATIONS_TAGGED"]
    assert [(each["data"]["written"], each["data"]["removed"], each["data"]["failed"]) for each in events] == [
        (0, 1, 0),
        (1, 0, 0),
    ]


async def test_an_account_that_does_not_allow_it_is_told_of_each(room: Room) -> None:
    node = await room.node(room.volumes[0])
    (outcome,) = (await room.mark(node["id"]))["outcomes"]
    assert (outcome["code"], outcome["recommendation"]["state"]) == ("CONFLICT", "OPEN")
    assert "`allowsTagging`" in outcome["message"]
    assert "`updateAccount`" in outcome["message"]
    assert await room.jobs() == []
    (outcome,) = (await room.mark(node["id"], tagInCloud=False))["outcomes"]
    assert outcome["recommendation"] == {"state": "MARKED_FOR_DELETION", "deletionTag": None}
    assert await room.jobs() == []
    await room.allow()
    await room.mark(node["id"])
    await room.allow(is_allowed=False)  # before the job has come to it
    await room.work()
    told = (await room.node(room.volumes[0]))["deletionTag"]
    assert told["state"] == "FAILED"
    assert "`allowsTagging`" in told["message"]
    assert room.tags(room.volumes[0]) == {}


async def test_a_denied_permission_is_told_with_its_remedy_and_the_mark_stays(room: Room) -> None:
    await room.allow()
    room.front.ours = lambda name, _body: DENIED if name == "CreateTags" else None
    node = await room.node(room.volumes[0])
    await room.mark(node["id"])
    await room.work()
    node = await room.node(room.volumes[0])
    assert (node["state"], node["deletionTag"]["state"]) == ("MARKED_FOR_DELETION", "FAILED")
    for word in ("ec2:CreateTags", "`optionalTagging`", "skyledger permissions aws", "`tagInCloud`"):
        assert word in node["deletionTag"]["message"]
    assert node["history"][0]["kind"] == "TAG_FAILED"
    health = (await act(room.graphql, VERIFY, room.person.token, id=room.account["id"]))["account"]["health"]
    assert not any("Tag" in name for name in health["missingPermissions"] or ())
    room.front.ours = lambda _name, _body: None
    await room.mark(node["id"])  # the same again, as the message says
    assert await room.work() == 1
    assert room.tags(room.volumes[0]) == {TAG: DUE}


async def test_what_fails_of_some_is_told_of_those(room: Room) -> None:
    await room.allow()
    fine, odd = room.volumes

    def limited(_name: str, body: str) -> Told | None:
        return Told(DENIED.body.replace("UnauthorizedOperation", "TagLimitExceeded"), 400) if odd in body else None

    room.front.ours = limited
    await room.mark(*[(await room.node(each))["id"] for each in room.volumes])
    await room.work()
    told = [await room.node(each) for each in room.volumes]
    assert [each["deletionTag"]["state"] for each in told] == ["WRITTEN", "FAILED"]
    assert [each["state"] for each in told] == ["MARKED_FOR_DELETION"] * 2
    assert "TagLimitExceeded" in told[1]["deletionTag"]["message"]
    assert room.tags(fine) == {TAG: DUE}


async def test_two_recommendations_share_the_tag_and_the_latest_day_counts(room: Room, owner: Database) -> None:
    await room.allow()
    volume = room.volumes[0]
    async with owner.write(None) as session:  # a second finding whose remedy is to delete the volume
        await session.execute(text("UPDATE recommendations SET remedy = 'DELETE'"))
    one, other = await room.node(volume), await room.node(volume, "aws.ebs.gp2_to_gp3")
    await room.mark(one["id"])
    await room.mark(other["id"], dueOn=LATER)
    await room.work()
    assert room.tags(volume) == {TAG: LATER}
    assert LATER in (await room.node(volume))["deletionTag"]["message"]
    await room.reopen(other["id"])
    await room.work()
    assert room.tags(volume) == {TAG: DUE}
    await room.reopen(one["id"])
    await room.work()
    assert room.tags(volume) == {}


async def test_what_is_taken_back_while_it_is_written_goes_again(room: Room) -> None:
    await room.allow()
    begun, gate = threading.Event(), threading.Event()

    def slow(name: str, _body: str) -> None:
        if name == "CreateTags":
            begun.set()
            assert gate.wait(60)

    room.front.ours = slow
    node = await room.node(room.volumes[0])
    await room.mark(node["id"])
    (job_id,) = await room.jobs()
    writing = asyncio.create_task(room.run(job_id))
    assert await asyncio.to_thread(begun.wait, 60)
    await room.reopen(node["id"])
    assert await room.work() == 1, "it leaves the account to the one that is at it, and asks for another later"
    assert (await room.node(room.volumes[0]))["deletionTag"]["state"] == "REQUESTED"
    gate.set()
    await writing
    assert room.tags(room.volumes[0]) == {TAG: DUE}
    assert await room.work() == 1
    assert room.tags(room.volumes[0]) == {}
    assert (await room.node(room.volumes[0]))["deletionTag"]["state"] == "REMOVED"


async def test_what_a_look_finds_in_use_loses_its_tag(room: Room, owner: Database, look: Callable[..., Any]) -> None:
    await room.allow()
    kept, used = room.volumes
    await room.mark(*[(await room.node(each))["id"] for each in room.volumes])
    assert await room.work() == 1, "one job for the account"
    assert room.tags(kept) == room.tags(used) == {TAG: DUE}
    async with owner.write(None) as session:
        statement = """UPDATE resources SET status = 'in-use', updated_at = :now, properties = properties ||
            '{"attachments": [{"instanceId": "i-1", "state": "attached"}]}' WHERE native_id = :used"""
        await session.execute(text(statement), {"used": used, "now": now()})
    await look(room)
    assert await room.work() == 1
    assert (room.tags(kept), room.tags(used)) == ({TAG: DUE}, {})
    node = await room.node(used)
    assert (node["state"], node["deletionTag"]["state"]) == ("RESOLVED", "REMOVED")


async def test_what_is_gone_needs_no_call_and_what_has_waited_long_is_asked_for_again(
    room: Room, owner: Database, look: Callable[..., Any]
) -> None:
    await room.allow()
    gone, waiting = room.volumes
    await room.mark((await room.node(gone))["id"])
    await room.work()
    await room.mark((await room.node(waiting))["id"])
    asked = len(room.front.asked)
    async with owner.write(None) as session:
        await session.execute(
            text("UPDATE resources SET gone_at = :now WHERE native_id = :gone"), {"now": now(), "gone": gone}
        )
        old = {"then": now() - timedelta(days=1)}  # and its job is not there any more, as `look` deletes all
        await session.execute(text("UPDATE deletion_tags SET changed_at = :then WHERE state = 'REQUESTED'"), old)
    await look(room)
    assert await room.work() == 1
    told = await room.node(gone)
    assert (told["state"], told["resolution"], told["deletionTag"]["state"]) == ("RESOLVED", "DELETED", "REMOVED")
    assert room.front.asked[asked:] == ["CreateTags"]
    assert room.tags(waiting) == {TAG: DUE}


async def test_a_tag_that_cannot_be_reached_any_more_is_told(room: Room) -> None:
    await room.allow()
    node = await room.node(room.volumes[0])
    await room.mark(node["id"])
    await room.work()
    await act(room.graphql, DISCONNECT, room.person.token, id=room.account["id"])
    await room.reopen(node["id"])
    await room.work()
    told = (await room.node(room.volumes[0]))["deletionTag"]
    assert told["state"] == "FAILED"
    assert f"remove `{TAG}` by hand" in told["message"]
    assert room.tags(room.volumes[0]) == {TAG: DUE}


async def test_who_may_not_judge_recommendations_may_not_tag(room: Room, graphql: GraphQL) -> None:
    await room.allow()
    stranger = await register(graphql, "Stranger")
    node = await room.node(room.volumes[0])
    sent = {"organizationId": room.person.organization_id, "ids": [node["id"]], "dueOn": DUE, "tagInCloud": True}
    refused = await graphql(MARK, {"input": sent}, token=stranger.token)
    told = (refused["data"] or {}).get("markForDeletion") or refused["errors"][0]["extensions"]
    assert told["code"] in {"NOT_FOUND", "FORBIDDEN"}
    assert await room.jobs() == []
