"""Recommendations through the graph: listed, filtered, ordered, summed, judged by people many at a time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.context import Runtime
from app.database import Database
from app.models import now
from app.pricing.book import seed_book
from app.recommendations.jobs import LOOK_JOB
from app.recommendations.look import look, start_look
from app.schema.node import global_id, parse_id
from tests.clients import GraphQL, Person, register
from tests.house.statements import counted

PAGE = """query ($slug: String!, $where: RecommendationFilter, $orderBy: RecommendationOrder, $first: Int,
  $after: String) { organization(slug: $slug) {
  recommendations(where: $where, orderBy: $orderBy, first: $first, after: $after) { totalCount pageInfo { endCursor }
    nodes { id checkId state isCounted target reason note ignoredUntil dueOn resolution severity remedy
      check { title parameters { name default } } resource { nativeId recommendations { checkId } } account { name }
      saving { monthly { amount currency } converted { amount currency } basis formula inputs reason }
      evidence { label value unit } history { kind actorKind data } } }
  savingsSummary { currency potential marked ignored count unknownCount byCheck { key count potential }
    byAccount { key count potential } } } }"""
VOLUMES = [("vol-big", "gp3", "1000"), ("vol-old", "gp2", "500"), ("vol-odd", "gp9", "100")]
ACTS = {
    "ignoreRecommendations": "IgnoreRecommendations",
    "markForDeletion": "MarkForDeletion",
    "resolveRecommendations": "ResolveRecommendations",
    "reopenRecommendations": "ReopenRecommendations",
}


class Caller:
    """Somebody with an account whose volumes were looked at."""

    def __init__(self, graphql: GraphQL, person: Person, database: Database, owner: Database) -> None:
        self.graphql, self.person, self.database, self.owner = graphql, person, database, owner

    async def read(self, **variables: Any) -> dict[str, Any]:
        answer = await self.graphql.data(PAGE, {"slug": self.person.slug, **variables}, token=self.person.token)
        organization: dict[str, Any] = answer["organization"]
        return organization

    async def nodes(self, **variables: Any) -> list[dict[str, Any]]:
        nodes: list[dict[str, Any]] = (await self.read(**variables))["recommendations"]["nodes"]
        return nodes

    async def act(self, mutation: str, ids: list[str], **values: Any) -> dict[str, Any]:
        document = f"""mutation ($input: {ACTS[mutation]}Input!) {{ {mutation}(input: $input) {{ __typename
          ... on {ACTS[mutation]}Payload {{ outcomes {{ id code message recommendation {{ state }} }} }}
          ... on UserError {{ code message path }} }} }}"""
        sent = {"organizationId": self.person.organization_id, "ids": ids, **values}
        answer = await self.graphql.data(document, {"input": sent}, token=self.person.token)
        found: dict[str, Any] = answer[mutation]
        return found

    async def ingest(self, *volumes: tuple[str, str, str]) -> None:
        rows = [
            {
                "provider": "AWS",
                "accountId": "123456789012",
                "resourceType": "AWS::EC2::Volume",
                "resourceId": name,
                "region": "us-east-1",
                "status": "available",
                "properties": {"volumeType": kind, "sizeGiB": int(size), "iops": 3000, "attachments": []},
            }
            for name, kind, size in volumes
        ]
        document = """mutation ($input: IngestResourcesInput!) { ingestResources(input: $input) {
          __typename ... on IngestResourcesPayload { added issues { reason } } } }"""
        sent = {"organizationId": self.person.organization_id, "rows": rows}
        answer = await self.graphql.data(document, {"input": sent}, token=self.person.token)
        assert answer["ingestResources"]["issues"] == []
        async with self.owner.write(None) as session:
            await session.execute(text("UPDATE resources SET first_seen_at = :then"), {"then": now() - timedelta(30)})

    async def look(self) -> None:
        organization_id = parse_id(self.person.organization_id).id
        async with self.database.read(organization_id) as session:
            (account_id,) = (await session.execute(text("SELECT id FROM accounts"))).scalars()

        async def hold(_: object) -> None:
            """Nobody else looks."""

        looking = await start_look(self.database, organization_id, account_id, seed_book(), hold)
        assert looking is not None
        await look(looking)
        async with self.owner.write(None) as session:  # one that waited has been done by this
            await session.execute(text("DELETE FROM jobs WHERE kind = :kind"), {"kind": LOOK_JOB})


@pytest.fixture
async def caller(graphql: GraphQL, runtime: Runtime, owner: Database) -> Caller:
    made = Caller(graphql, await register(graphql, "Rita"), runtime.database, owner)
    await made.ingest(*VOLUMES)
    await made.look()
    return made


async def test_they_are_listed_with_their_money_the_dearest_first(caller: Caller) -> None:
    nodes = await caller.nodes()
    assert [(node["resource"]["nativeId"], node["checkId"]) for node in nodes] == [
        ("vol-big", "aws.ebs.unattached"),
        ("vol-old", "aws.ebs.unattached"),
        ("vol-old", "aws.ebs.gp2_to_gp3"),
        ("vol-odd", "aws.ebs.unattached"),
    ]
    assert nodes[0]["saving"] == {
        "monthly": {"amount": "80.0000", "currency": "USD"},
        "converted": {"amount": "80.0000", "currency": "USD"},
        "basis": "LIST",
        "formula": "GiB * price of ebs.gp3.storage",
        "inputs": {"GiB": "1000", "price of ebs.gp3.storage": "0.08 USD since 2026-11-01"},
        "reason": None,
    }
    assert nodes[0]["check"]["parameters"] == [{"name": "minAgeDays", "default": "7"}]
    assert [each["checkId"] for each in nodes[1]["resource"]["recommendations"]] == [
        "aws.ebs.unattached",
        "aws.ebs.gp2_to_gp3",
    ]
    unknown = nodes[3]["saving"]
    assert (unknown["monthly"], unknown["basis"]) == (None, "UNKNOWN")
    assert "ebs.gp9.storage" in unknown["reason"]


async def test_no_money_counts_twice(caller: Caller) -> None:
    summary = (await caller.read())["savingsSummary"]
    account = (await caller.nodes())[0]
    assert account["isCounted"]
    assert summary["byAccount"][0]["count"] == 4
    assert {
        name: summary[name] for name in ("currency", "potential", "marked", "ignored", "count", "unknownCount")
    } == {
        "currency": "USD",
        "potential": "130.0000",  # 80 and 50; gp3 in place of gp2 would save a part of the 50
        "marked": "0",
        "ignored": "0",
        "count": 4,
        "unknownCount": 1,
    }
    assert summary["byCheck"] == [
        {"key": "aws.ebs.unattached", "count": 3, "potential": "130.0000"},
        {"key": "aws.ebs.gp2_to_gp3", "count": 1, "potential": "0"},
    ]


async def test_pages_and_filters(caller: Caller) -> None:
    seen, after = [], None
    for _ in range(4):
        page = (await caller.read(first=1, after=after))["recommendations"]
        seen += [node["id"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        assert page["totalCount"] == 4
    assert seen == [node["id"] for node in await caller.nodes()]
    assert len(await caller.nodes(where={"checkId": {"eq": "aws.ebs.gp2_to_gp3"}})) == 1
    assert len(await caller.nodes(where={"convertedSaving": {"gte": "60"}})) == 1
    assert len(await caller.nodes(where={"priceBasis": {"eq": "UNKNOWN"}})) == 1
    assert await caller.nodes(where={"state": {"in": ["RESOLVED", "IGNORED"]}}) == []


async def test_what_is_ignored_does_not_count_and_lets_what_overlaps_count(caller: Caller) -> None:
    old = next(node for node in await caller.nodes() if node["resource"]["nativeId"] == "vol-old")
    until = (now().date() + timedelta(days=10)).isoformat()
    told = await caller.act("ignoreRecommendations", [old["id"]], reason="NEEDED", note="For the audit", until=until)
    assert told["outcomes"] == [
        {"id": old["id"], "code": None, "message": None, "recommendation": {"state": "IGNORED"}}
    ]
    read = await caller.read()
    assert read["savingsSummary"]["potential"] == "85.0000"  # gp3 in place of gp2 would save 5 of the 50
    assert read["savingsSummary"]["ignored"] == "50.0000"
    (node,) = await caller.nodes(where={"state": {"eq": "IGNORED"}})
    assert (node["reason"], node["note"], node["ignoredUntil"], node["isCounted"]) == (
        "NEEDED",
        "For the audit",
        until,
        False,
    )
    assert [each["kind"] for each in node["history"]] == ["IGNORED", "FOUND"]
    told = await caller.act("reopenRecommendations", [old["id"]])
    assert told["outcomes"][0]["recommendation"] == {"state": "OPEN"}
    assert (await caller.read())["savingsSummary"]["potential"] == "130.0000"


async def test_what_is_marked_is_told_apart_and_only_what_can_be_deleted_is_marked(caller: Caller) -> None:
    big, old, other, _ = await caller.nodes()
    due = (now().date() + timedelta(days=3)).isoformat()
    told = await caller.act("markForDeletion", [other["id"], big["id"]], dueOn=due)
    refused, marked = told["outcomes"]
    assert (refused["code"], refused["recommendation"]) == ("CONFLICT", {"state": "OPEN"})
    assert "CHANGE_TYPE" in refused["message"]
    assert (marked["code"], marked["recommendation"]) == (None, {"state": "MARKED_FOR_DELETION"})
    summary = (await caller.read())["savingsSummary"]
    assert (summary["potential"], summary["marked"]) == ("130.0000", "80.0000")
    await caller.look()
    (node,) = await caller.nodes(where={"state": {"eq": "MARKED_FOR_DELETION"}})
    assert (node["id"], node["dueOn"]) == (big["id"], due)
    assert old["state"] == "OPEN"


async def test_what_is_said_to_be_done_is_proved_or_opens_again(caller: Caller) -> None:
    big = (await caller.nodes())[0]
    await caller.act("resolveRecommendations", [big["id"]])
    (node,) = await caller.nodes(where={"state": {"eq": "RESOLVED"}})
    assert (node["id"], node["resolution"]) == (big["id"], "SAID_DONE")
    await caller.look()
    node = (await caller.nodes())[0]
    assert (node["id"], node["state"]) == (big["id"], "OPEN")
    assert [each["kind"] for each in node["history"]] == ["CAME_BACK", "RESOLVED", "FOUND"]
    assert node["history"][0]["data"] == {"wasResolvedAs": "SAID_DONE"}


async def test_the_history_tells_who_has_decided(caller: Caller) -> None:
    big = (await caller.nodes())[0]
    await caller.act("ignoreRecommendations", [big["id"]], reason="NEEDED")
    document = """query ($slug: String!) { organization(slug: $slug) { recommendations(where: {state: {eq: IGNORED}}) {
      nodes { history { kind actor { kind id user { name } } } } } } }"""
    answer = await caller.graphql.data(document, {"slug": caller.person.slug}, token=caller.person.token)
    (node,) = answer["organization"]["recommendations"]["nodes"]
    ignored, found = node["history"]
    assert (ignored["actor"]["kind"], ignored["actor"]["user"]) == ("USER", {"name": "Rita"})
    assert parse_id(ignored["actor"]["id"]).type_name == "User"
    assert found["actor"] == {"kind": "SYSTEM", "id": None, "user": None}


async def test_each_id_has_its_own_outcome(caller: Caller, graphql: GraphQL) -> None:
    big = (await caller.nodes())[0]
    stranger = await register(graphql, "Stranger")
    key = parse_id(big["id"])
    foreign = global_id("Recommendation", key.id, parse_id(stranger.organization_id).id)
    absent = global_id("Recommendation", parse_id(stranger.organization_id).id, key.organization_id)
    told = await caller.act("ignoreRecommendations", [foreign, big["id"], absent, big["id"]], reason="WRONG")
    assert [(each["id"], each["code"]) for each in told["outcomes"]] == [
        (foreign, "NOT_FOUND"),
        (big["id"], None),
        (absent, "NOT_FOUND"),
    ]
    again = await caller.act("ignoreRecommendations", [big["id"]], reason="WRONG")
    assert again["outcomes"][0]["code"] is None
    (node,) = await caller.nodes(where={"state": {"eq": "IGNORED"}})
    assert [each["kind"] for each in node["history"]] == ["IGNORED", "FOUND"]  # the same again tells nothing


@pytest.mark.parametrize(
    ("mutation", "values", "path"),
    [
        ("ignoreRecommendations", {"reason": "NEEDED", "until": "2020-01-01"}, "until"),
        ("ignoreRecommendations", {"reason": "NEEDED", "note": "  "}, "note"),
        ("markForDeletion", {"dueOn": "2020-01-01"}, "dueOn"),
        ("resolveRecommendations", {"note": "x" * 2001}, "note"),
        ("reopenRecommendations", {"ids": []}, "ids"),
        ("reopenRecommendations", {"ids": ["UmVjb21tZW5kYXRpb24="]}, "ids"),
    ],
)
async def test_what_cannot_be_done_is_told_at_its_field(
    caller: Caller, mutation: str, values: dict[str, Any], path: str
) -> None:
    big = (await caller.nodes())[0]
    told = await caller.act(mutation, **({"ids": [big["id"]]} | values))
    assert (told["__typename"], told["path"][:2]) == ("InvalidInput", ["input", path])
    assert {node["state"] for node in await caller.nodes()} == {"OPEN"}


async def test_statements_do_not_grow_with_the_page(caller: Caller, runtime: Runtime) -> None:
    counts = []
    for first in (1, 4):
        with counted(runtime.database) as statements:
            assert len(await caller.nodes(first=first)) == first
        counts.append(len(statements))
    assert counts[0] == counts[1]


async def test_checks_are_listed_with_their_documentation(graphql: GraphQL) -> None:
    person = await register(graphql, "Curious")
    document = """query ($provider: Provider) { checks(provider: $provider, area: STORAGE) {
      id title description remediation saving links resourceTypes parameters { name unit least most } metrics
      properties otherResourceTypes prices permissions } }"""
    checks = (await graphql.data(document, {"provider": "AWS"}, token=person.token))["checks"]
    unattached = next(check for check in checks if check["id"] == "aws.ebs.unattached")
    assert unattached["resourceTypes"] == ["AWS::EC2::Volume"]
    assert unattached["parameters"] == [{"name": "minAgeDays", "unit": "days", "least": "0", "most": "3650"}]
    assert "volumeType" in unattached["properties"]
    assert "ebs.*.storage" in unattached["prices"]
    assert (unattached["otherResourceTypes"], unattached["permissions"]) == ([], ["ec2:DescribeVolumes"])
    left = next(check for check in checks if check["id"] == "aws.ebs.on_stopped_instance")
    assert left["otherResourceTypes"] == ["AWS::EC2::Instance"]
    assert left["permissions"] == ["ec2:DescribeInstances", "ec2:DescribeVolumes"]
    assert [check["id"] for check in checks] == sorted(check["id"] for check in checks)
    assert (await graphql.data(document, {"provider": "OPENAI"}, token=person.token))["checks"] == []


async def test_an_id_in_two_spellings_is_one_recommendation_and_told_in_both(caller: Caller) -> None:
    (node, *_) = await caller.nodes()
    other = node["id"] + "="
    ids = [node["id"], other, node["id"]]
    outcomes = (await caller.act("resolveRecommendations", ids))["outcomes"]
    assert [(one["id"], one["code"], one["recommendation"]) for one in outcomes] == [
        (node["id"], None, {"state": "RESOLVED"}),
        (other, None, {"state": "RESOLVED"}),
    ]
    (again, *_) = await caller.nodes()
    assert [one["kind"] for one in again["history"]] == ["RESOLVED", "FOUND"]


async def test_a_whole_resource_is_ignored_with_what_is_found_on_it_later(caller: Caller) -> None:
    gp2 = "aws.ebs.gp2_to_gp3"
    (gained,) = [node for node in await caller.nodes() if node["checkId"] == gp2]
    act = await caller.act("ignoreRecommendations", [gained["id"]], reason="NEEDED", scope="RESOURCE")
    assert [outcome["code"] for outcome in act["outcomes"]] == [None]
    ignored = await caller.nodes(where={"state": {"eq": "IGNORED"}})
    assert {(node["resource"]["nativeId"], node["checkId"]) for node in ignored} == {
        ("vol-old", gp2),
        ("vol-old", "aws.ebs.unattached"),
    }
    async with caller.owner.write(None) as session:
        await session.execute(text("DELETE FROM recommendations WHERE check_id = :check"), {"check": gp2})
    await caller.look()
    (found,) = await caller.nodes(where={"checkId": {"eq": gp2}})
    assert (found["state"], found["reason"]) == ("IGNORED", "NEEDED")
    assert [each["kind"] for each in found["history"]] == ["IGNORED", "FOUND"]
    await caller.act("reopenRecommendations", [found["id"]])
    await caller.look()
    (found,) = await caller.nodes(where={"checkId": {"eq": gp2}})
    assert found["state"] == "OPEN", "of one finding somebody may decide otherwise"


async def test_what_is_overdue_and_what_counts_can_be_asked_for(caller: Caller) -> None:
    (dearest, *_) = await caller.nodes()
    await caller.act("markForDeletion", [dearest["id"]], dueOn=str(now().date() + timedelta(days=3)))
    tomorrow, later = (str(now().date() + timedelta(days=number)) for number in (1, 4))
    assert await caller.nodes(where={"dueOn": {"lt": tomorrow}}) == []
    due = await caller.nodes(where={"dueOn": {"gte": tomorrow, "lt": later}})
    assert [node["id"] for node in due] == [dearest["id"]]
    besides = await caller.nodes(where={"isCounted": {"eq": False}})
    assert [(node["checkId"], node["isCounted"]) for node in besides] == [("aws.ebs.gp2_to_gp3", False)]
