"""The inventory as a graph, through the graph: relationships, neighbors, history, what is gone, the summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from app.context import Runtime
from app.models import new_id
from app.repositories.inventory_store import prepare_batch, store_batch, sweep
from app.repositories.resources import ResourceValues
from app.schema.node import global_id, parse_id
from app.server.graphiql.examples import read_examples
from tests.clients import GraphQL, Person, register
from tests.house.statements import counted

CREATE = """mutation ($input: CreateAccountInput!) { createAccount(input: $input) {
  ... on CreateAccountPayload { account { id } } } }"""
PAGE = """query ($slug: String!, $first: Int) { organization(slug: $slug) { resources(first: $first) { nodes {
  name relationships { kind direction nativeId resource { name } } neighbors(depth: 2) { distance resource { name } }
  history { kind } account { name } } } } }"""


def instance(account_id: UUID, name: str, *relations: tuple[str, str], **more: Any) -> ResourceValues:
    """A resource by its name, with relations to others by theirs."""
    values: dict[str, Any] = {
        "account_id": account_id,
        "provider": "AWS",
        "service": "AmazonEC2",
        "resource_type": "AWS::EC2::Instance",
        "native_id": name,
        "name": name,
        "region": "eu-central-1",
        "availability_zone": None,
        "status": "running",
        "tags": {},
        "properties": {},
        "provider_created_at": None,
        "relations": relations,
    }
    return ResourceValues(**{**values, **more})


@dataclass
class Inventory:
    """An organization with one account, to be filled as scans fill it."""

    graphql: GraphQL
    runtime: Runtime
    person: Person
    account_id: UUID

    @property
    def organization_id(self) -> UUID:
        """Our key."""
        return parse_id(self.person.organization_id).id

    async def store(self, resources: Sequence[ResourceValues], *, step_id: UUID | None = None) -> None:
        """As a step of a scan does."""
        async with self.runtime.database.write(self.organization_id) as session:
            await store_batch(session, self.organization_id, prepare_batch(resources), step_id=step_id)

    async def scan(self, *resources: ResourceValues) -> None:
        """Store and sweep all of the account's instances."""
        step_id = new_id()
        await self.store(resources, step_id=step_id)
        async with self.runtime.database.write(self.organization_id) as session:
            types = ["AWS::EC2::Instance"]
            await sweep(
                session,
                self.organization_id,
                self.account_id,
                step_id=step_id,
                scan_id=None,
                resource_types=types,
                regions=None,
            )

    async def ask(self, fields: str, name: str, arguments: str = "includeGone: true") -> dict[str, Any]:
        """Fields of one resource."""
        query = f"""query ($slug: String!, $name: String!) {{ organization(slug: $slug) {{
          resources(where: {{name: {{eq: $name}}}}, {arguments}) {{ nodes {{ {fields} }} }} }} }}"""
        values = {"slug": self.person.slug, "name": name}
        answer = await self.graphql.data(query, values, token=self.person.token)
        (node,) = answer["organization"]["resources"]["nodes"]
        found: dict[str, Any] = node
        return found


@pytest.fixture
async def inventory(graphql: GraphQL, runtime: Runtime) -> Inventory:
    person = await register(graphql)
    values = {"organizationId": person.organization_id, "provider": "AWS", "nativeId": "1", "name": "main"}
    answer = await graphql.data(CREATE, {"input": values}, token=person.token)
    account_id = parse_id(answer["createAccount"]["account"]["id"]).id
    return Inventory(graphql, runtime, person, account_id)


async def test_relationships_are_told_from_both_ends(inventory: Inventory) -> None:
    at = inventory.account_id
    await inventory.store(
        [
            instance(at, "web", ("IN_NETWORK", "net"), ("CREATED_FROM", "elsewhere")),
            instance(at, "disk", ("ATTACHED_TO", "web")),
            instance(at, "net"),
        ]
    )
    fields = "relationships%s { kind direction nativeId resource { name } }"
    assert (await inventory.ask(fields % "", "web"))["relationships"] == [
        {"kind": "CREATED_FROM", "direction": "OUTGOING", "nativeId": "elsewhere", "resource": None},
        {"kind": "IN_NETWORK", "direction": "OUTGOING", "nativeId": "net", "resource": {"name": "net"}},
        {"kind": "ATTACHED_TO", "direction": "INCOMING", "nativeId": "disk", "resource": {"name": "disk"}},
    ]
    narrow = await inventory.ask(fields % "(direction: OUTGOING, kind: IN_NETWORK)", "web")
    assert [related["nativeId"] for related in narrow["relationships"]] == ["net"]
    incoming = await inventory.ask(fields % "(direction: INCOMING)", "net")
    assert [(each["direction"], each["nativeId"]) for each in incoming["relationships"]] == [("INCOMING", "web")]
    assert len((await inventory.ask(fields % "(first: 1)", "web"))["relationships"]) == 1


async def test_neighbors_are_nearest_first_and_not_further_than_asked(inventory: Inventory) -> None:
    at = inventory.account_id
    chain = [instance(at, f"n{number}", ("ATTACHED_TO", f"n{number + 1}")) for number in range(5)]
    await inventory.store([*chain, instance(at, "n5", ("ATTACHED_TO", "n0"))])  # a ring of six
    fields = "neighbors(depth: %d) { distance resource { name } }"
    near = (await inventory.ask(fields % 1, "n0"))["neighbors"]
    assert {(each["distance"], each["resource"]["name"]) for each in near} == {(1, "n1"), (1, "n5")}
    far = (await inventory.ask(fields % 3, "n0"))["neighbors"]
    assert [each["distance"] for each in far] == [1, 1, 2, 2, 3]
    assert {each["resource"]["name"] for each in far} == {"n1", "n2", "n3", "n4", "n5"}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ("neighbors(depth: 4) { distance }", "depth"),
        ("neighbors(depth: 0) { distance }", "depth"),
        ("neighbors(first: 501) { distance }", "first"),
        ("relationships(first: 0) { kind }", "first"),
        ("history(first: 501) { kind }", "first"),
    ],
)
async def test_too_much_is_refused_in_clear_words(inventory: Inventory, fields: str, path: str) -> None:
    await inventory.store([instance(inventory.account_id, "web")])
    query = f"query ($slug: String!) {{ organization(slug: $slug) {{ resources {{ nodes {{ {fields} }} }} }} }}"
    answer = await inventory.graphql(query, {"slug": inventory.person.slug}, token=inventory.person.token)
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert f"`{path}` must be from 1 to" in error["message"]


async def test_what_is_gone_is_hidden_and_returns_as_the_same_resource(inventory: Inventory) -> None:
    at = inventory.account_id
    await inventory.scan(instance(at, "web"), instance(at, "disk", ("ATTACHED_TO", "web")))
    before = await inventory.ask("id goneAt", "disk")
    assert before["goneAt"] is None
    await inventory.scan(instance(at, "web"))
    gone = await inventory.ask("id goneAt", "disk")
    assert gone["id"] == before["id"]
    assert gone["goneAt"] is not None
    query = "query ($slug: String!) { organization(slug: $slug) { resources { totalCount nodes { name } } } }"
    answer = await inventory.graphql.data(query, {"slug": inventory.person.slug}, token=inventory.person.token)
    assert answer["organization"]["resources"] == {"totalCount": 1, "nodes": [{"name": "web"}]}
    assert (await inventory.ask("relationships { nativeId }", "web"))["relationships"] == []

    await inventory.scan(instance(at, "web"), instance(at, "disk", status="stopped"))
    back = await inventory.ask("id goneAt history { kind changes scanId }", "disk", "includeGone: false")
    assert (back["id"], back["goneAt"]) == (before["id"], None)
    kinds = [change["kind"] for change in back["history"]]
    assert kinds == ["RETURNED", "REMOVED"]
    assert back["history"][0]["changes"]["status"] == {"from": "running", "to": "stopped"}


async def test_history_tells_what_changed(inventory: Inventory) -> None:
    at = inventory.account_id
    await inventory.scan(instance(at, "web", tags={"team": "web"}, properties={"size": 8}))
    await inventory.scan(instance(at, "web", tags={"team": "data"}, properties={"size": 8, "iops": 3_000}))
    (change,) = (await inventory.ask("history { kind changes }", "web"))["history"]
    assert change == {
        "kind": "CHANGED",
        "changes": {
            "tags": {"team": {"from": "web", "to": "data"}},
            "properties": {"iops": {"from": None, "to": 3_000}},
        },
    }


async def test_the_summary_counts_what_is_there(inventory: Inventory) -> None:
    at = inventory.account_id
    await inventory.scan(
        instance(at, "web"),
        instance(at, "disk", resource_type="AWS::EC2::Volume", status="available"),
        instance(at, "bucket", resource_type="AWS::S3::Bucket", service="AmazonS3", region=None, status=None),
        instance(at, "old"),
    )
    await inventory.scan(instance(at, "web"))  # sweeps instances only
    query = """query ($slug: String!, $where: ResourceFilter) { organization(slug: $slug) {
      inventorySummary(where: $where) {
      totalCount byProvider { key count } byService { key count } byType { key count } byRegion { key count }
      byState { key count } } } }"""
    values: dict[str, Any] = {"slug": inventory.person.slug}
    answer = await inventory.graphql.data(query, values, token=inventory.person.token)
    summary = answer["organization"]["inventorySummary"]
    assert summary["totalCount"] == 3
    assert summary["byProvider"] == [{"key": "AWS", "count": 3}]
    assert summary["byService"] == [{"key": "AmazonEC2", "count": 2}, {"key": "AmazonS3", "count": 1}]
    assert {(each["key"], each["count"]) for each in summary["byType"]} == {
        ("AWS::EC2::Instance", 1),
        ("AWS::EC2::Volume", 1),
        ("AWS::S3::Bucket", 1),
    }
    assert summary["byRegion"] == [{"key": "eu-central-1", "count": 2}, {"key": None, "count": 1}]
    assert {each["key"] for each in summary["byState"]} == {"running", "available", None}
    values["where"] = {"service": {"eq": "AmazonS3"}}
    answer = await inventory.graphql.data(query, values, token=inventory.person.token)
    assert answer["organization"]["inventorySummary"]["totalCount"] == 1


async def test_statements_do_not_grow_with_the_page(inventory: Inventory) -> None:
    at = inventory.account_id
    await inventory.store([instance(at, f"n{number:02}", ("ATTACHED_TO", f"n{number - 1:02}")) for number in range(40)])
    numbers = []
    for first in (2, 40):
        with counted(inventory.runtime.database) as statements:
            values = {"slug": inventory.person.slug, "first": first}
            answer = await inventory.graphql.data(PAGE, values, token=inventory.person.token)
        assert len(answer["organization"]["resources"]["nodes"]) == first
        numbers.append(len(statements))
    assert numbers[0] == numbers[1]


async def test_another_tenant_reaches_none_of_it(inventory: Inventory) -> None:
    await inventory.store([instance(inventory.account_id, "web")])
    shown = await inventory.ask("id", "web")
    stranger = await register(inventory.graphql, "Mallory")
    query = "query ($id: ID!) { node(id: $id) { id ... on Resource { relationships { kind } } } }"
    own = parse_id(stranger.organization_id).id
    forged = global_id("Resource", parse_id(shown["id"]).id, own)
    for id_ in (shown["id"], forged):
        answer = await inventory.graphql.data(query, {"id": id_}, token=stranger.token)
        assert answer == {"node": None}


async def test_the_dashboard_is_one_request(inventory: Inventory) -> None:
    """PRODUCT's dashboard of totals, running machines, breakdown by provider, health and activity composes."""
    await inventory.store(
        [
            instance(inventory.account_id, "web"),
            instance(inventory.account_id, "old", status="stopped"),
        ]
    )
    (example,) = [example for example in read_examples() if example.name == "25_dashboard"]
    values = {"slug": inventory.person.slug}
    dashboard = (await inventory.graphql.data(example.query, values, token=inventory.person.token))["organization"]
    assert dashboard["inventorySummary"]["totalCount"] == 2
    assert dashboard["running"]["totalCount"] == 1
    assert dashboard["accounts"]["nodes"] == [{"name": "main", "provider": "AWS", "kind": "MANUAL", "health": None}]
    assert dashboard["scans"]["nodes"] == []
    assert [event["kind"] for event in dashboard["activity"]["nodes"]] == ["ACCOUNT_CREATED", "ORGANIZATION_CREATED"]
