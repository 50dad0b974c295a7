"""Every act that a plan limits, through the graph: what is over the limit is refused as data and changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from app.database import Database
from app.records.plans import SubscriptionStatus
from app.schema.node import parse_id
from tests.accounts.clouds import settings
from tests.auth.people import everything_stored
from tests.clients import GraphQL
from tests.quotas.limited import limited
from tests.resolvers import mutation_inputs as inputs
from tests.resolvers.company import Company, company
from tests.resolvers.test_scans import Caller

__all__ = ["settings"]  # fixtures

Prepare = Callable[[GraphQL, Company], Awaitable[dict[str, Any]]]
QUOTA = """query ($slug: String!) { organization(slug: $slug) { quota { usages {
  metric period limit used remaining resetsAt reason } } } }"""


@dataclass(frozen=True)
class Act:
    """A mutation, an input for it, what it is limited by and how much of that a company uses already."""

    mutation: str
    prepare: Prepare
    column: str
    metric: str
    used: int = 0

    @property
    def document(self) -> str:
        """The operation."""
        name = self.mutation[0].upper() + self.mutation[1:]
        return f"""mutation ($input: {name}Input!) {{ {self.mutation}(input: $input) {{ __typename
          ... on UserError {{ code message path }} ... on QuotaExceeded {{ metric limit used resetsAt }} }} }}"""


ACTS = [
    Act("createApiKey", inputs.key, "api_keys", "API_KEYS"),
    Act("inviteMember", inputs.invitation, "members", "MEMBERS", used=4),
    Act("connectAccount", inputs.connection, "accounts", "ACCOUNTS"),
    Act("startScan", inputs.scan, "scans_per_day", "SCANS"),
    Act("startScan", inputs.scan, "scans_per_month", "SCANS"),
    Act("startScan", inputs.scan, "concurrent_scans", "CONCURRENT_SCANS"),
    Act("importCosts", inputs.complete_upload, "imports_per_day", "IMPORTS"),
    Act("importCosts", inputs.complete_upload, "imports_per_month", "IMPORTS"),
    Act("ingestCosts", inputs.costs, "imports_per_day", "IMPORTS"),
]


@pytest.fixture
async def made(graphql: GraphQL, database: Database, moto_url: str) -> Company:
    """A company with the far side of a cloud."""
    found = await company(graphql)
    found.cloud_url, found.database = moto_url, database
    return found


async def told(owner: Database) -> list[str]:
    """All rows but those of interned values, which an import leaves in transactions of their own and nobody is told."""
    return [line for line in (await everything_stored(owner)).splitlines() if not line.split(" ")[0].endswith("_dims")]


@pytest.mark.parametrize("act", ACTS, ids=lambda act: f"{act.mutation}-{act.column}")
async def test_what_is_over_the_limit_is_refused(
    graphql: GraphQL, database: Database, owner: Database, made: Company, act: Act
) -> None:
    organization_id = parse_id(made.organization_id).id
    variables = {"input": await act.prepare(graphql, made)}
    limits: dict[str, Any] = {act.column: act.used}
    await limited(database, organization_id, **limits)
    before = await told(owner)
    answer = (await graphql.data(act.document, variables, token=made.token("OWNER")))[act.mutation]
    assert (answer["__typename"], answer["code"], answer["path"]) == ("QuotaExceeded", "QUOTA_EXCEEDED", ["input"])
    assert (answer["metric"], answer["limit"], answer["used"]) == (act.metric, act.used, act.used)
    assert (answer["resetsAt"] is not None) is ("_per_" in act.column)
    assert "The plan Tiny limits " in answer["message"]
    assert await told(owner) == before
    limits[act.column] += 1
    await limited(database, organization_id, **limits)
    answer = (await graphql.data(act.document, variables, token=made.token("OWNER")))[act.mutation]
    assert answer["__typename"].endswith("Payload"), answer


@pytest.mark.parametrize("act", [ACTS[0], ACTS[3]], ids=lambda act: act.mutation)
async def test_a_cancelled_subscription_allows_none_of_it(
    graphql: GraphQL, database: Database, made: Company, act: Act
) -> None:
    variables = {"input": await act.prepare(graphql, made)}
    await limited(database, parse_id(made.organization_id).id, SubscriptionStatus.CANCELLED)
    answer = (await graphql.data(act.document, variables, token=made.token("OWNER")))[act.mutation]
    assert (answer["__typename"], answer["limit"], answer["used"]) == ("QuotaExceeded", 0, 0)
    assert "cancelled" in answer["message"]
    found = (await graphql.data(QUOTA, {"slug": made.slug}, token=made.token("VIEWER")))["organization"]["quota"]
    assert all(usage["reason"] and usage["remaining"] == 0 for usage in found["usages"])


@pytest.mark.parametrize(("act", "limit"), [(ACTS[0], 13), (ACTS[1], 4 + 13)], ids=["createApiKey", "inviteMember"])
async def test_of_fifty_at_once_exactly_the_limit_succeed(
    graphql: GraphQL, database: Database, made: Company, act: Act, limit: int
) -> None:
    limits: dict[str, Any] = {act.column: limit}
    await limited(database, parse_id(made.organization_id).id, **limits)
    sent = [await act.prepare(graphql, made) for _ in range(50)]
    if act.mutation == "inviteMember":
        sent = [{**values, "email": f"guest-{number}@example.com"} for number, values in enumerate(sent)]
    answers = await asyncio.gather(
        *(graphql.data(act.document, {"input": values}, token=made.token("OWNER")) for values in sent)
    )
    names = [answer[act.mutation]["__typename"] for answer in answers]
    assert len([name for name in names if name.endswith("Payload")]) == 13
    assert names.count("QuotaExceeded") == 37


async def test_of_fifty_scans_at_once_exactly_the_limit_start(
    graphql: GraphQL, database: Database, made: Company
) -> None:
    caller = Caller(graphql, database, made.people["OWNER"])
    accounts = [await caller.connected(str(number)) for number in range(50)]
    await limited(database, caller.organization_id, scans_per_day=7, concurrent_scans=9)
    # Nothing is selected of the scans: fifty estimates of all of it would empty the bucket.
    start = "mutation ($input: StartScanInput!) { startScan(input: $input) { __typename } }"
    sent = [{"organizationId": made.organization_id, "accountIds": [each]} for each in accounts]
    answers = await asyncio.gather(*(caller.act(start, **values) for values in sent))
    names = [answer["__typename"] for answer in answers]
    assert (names.count("StartScanPayload"), names.count("QuotaExceeded")) == (7, 43)
    assert len((await caller.page(first=100))["nodes"]) == 7


async def test_what_is_given_back_is_free_again(graphql: GraphQL, database: Database, made: Company) -> None:
    """Keys that are revoked and invitations that are taken back do not count."""
    await limited(database, parse_id(made.organization_id).id, api_keys=1, members=5)
    revoke = "mutation ($input: %sInput!) { %s(input: $input) { __typename } }"
    for act, end in ((ACTS[0], "revokeApiKey"), (ACTS[1], "revokeInvitation")):
        prepare = inputs.existing_key if end == "revokeApiKey" else inputs.open_invitation
        held = await prepare(graphql, made)
        variables = {"input": await act.prepare(graphql, made)}
        answer = await graphql.data(act.document, variables, token=made.token("OWNER"))
        assert answer[act.mutation]["__typename"] == "QuotaExceeded"
        document = revoke % (end[0].upper() + end[1:], end)
        await graphql.data(document, {"input": held}, token=made.token("OWNER"))
        answer = await graphql.data(act.document, variables, token=made.token("OWNER"))
        assert answer[act.mutation]["__typename"].endswith("Payload")


async def test_rows_that_are_sent_again_use_nothing(graphql: GraphQL, database: Database, made: Company) -> None:
    act = ACTS[-1]
    await limited(database, parse_id(made.organization_id).id, imports_per_day=1)
    variables = {"input": await act.prepare(graphql, made)}
    for _ in range(3):
        answer = await graphql.data(act.document, variables, token=made.token("OWNER"))
        assert answer["ingestCosts"]["__typename"] == "IngestCostsPayload"
    found = (await graphql.data(QUOTA, {"slug": made.slug}, token=made.token("VIEWER")))["organization"]["quota"]
    usage = next(each for each in found["usages"] if (each["metric"], each["period"]) == ("IMPORTS", "DAY"))
    assert (usage["limit"], usage["used"], usage["remaining"], usage["reason"]) == (1, 1, 0, None)
    assert usage["resetsAt"].endswith("T00:00:00Z")
