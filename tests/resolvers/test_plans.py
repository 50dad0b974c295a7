"""Plans, subscriptions and onboarding through the graph: who may, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from sqlalchemy import RowMapping

from app.database import Database
from app.loaders.plans import SubscriptionByOrganization
from tests.auth.people import everything_stored
from tests.clients import GraphQL, register
from tests.organizations.test_organizations import events
from tests.resolvers.company import ACCEPT, code_of, company, create_key

ROOT = "root-key-of-the-tests-0123456789abcdef"
PLAN = "slug name price currency trialDays limits { accounts scansPerDay } isDefault retiredAt"
PLANS = f"{{ plans {{ {PLAN} }} }}"
SUBSCRIPTION = """plan { slug } status trialEndsAt periodStart periodEnd allows"""
OWN = f"""query ($slug: String!) {{ organization(slug: $slug) {{ subscription {{ {SUBSCRIPTION} }}
  quota {{ usages {{ metric period limit used remaining resetsAt reason }} }} }} }}"""
VALIDATE = """query ($input: OnboardOrganizationInput!) { validateOnboarding(input: $input) {
  valid ownerIsKnown plan { slug } problems { path code message } } }"""
GOOD: dict[str, Any] = {"name": "Acme", "plan": "team", "ownerEmail": "olga@example.com"}
INPUTS: dict[str, dict[str, Any]] = {
    "bootstrap": {},
    "createPlan": {"slug": "gold", "name": "Gold"},
    "updatePlan": {"slug": "free", "name": "Gratis"},
    "retirePlan": {"slug": "enterprise"},
    "updateSubscription": {"organizationId": "", "status": "PAST_DUE"},
    "onboardOrganization": {**GOOD, "plan": "free"},
}
SELECTED = {
    "bootstrap": "... on BootstrapPayload { items { kind name outcome detail } }",
    "createPlan": f"... on CreatePlanPayload {{ plan {{ {PLAN} }} }}",
    "updatePlan": f"... on UpdatePlanPayload {{ plan {{ {PLAN} }} }}",
    "retirePlan": f"... on RetirePlanPayload {{ plan {{ {PLAN} }} }}",
    "updateSubscription": f"... on UpdateSubscriptionPayload {{ subscription {{ {SUBSCRIPTION} }} }}",
    "onboardOrganization": """... on OnboardOrganizationPayload { key invitationToken ownerIsKnown
      organization { id slug currency subscription { plan { slug } status } } apiKey { name scopes }
      invitation { email role } } ... on OnboardingRefused { problems { path code } }""",
}


async def act(graphql: GraphQL, mutation: str, values: dict[str, Any], **who: Any) -> dict[str, Any]:
    """Run a mutation, as the root key when nobody else is named; its result."""
    name = mutation[0].upper() + mutation[1:]
    document = f"""mutation ($input: {name}Input!) {{ {mutation}(input: $input) {{ __typename {SELECTED[mutation]}
      ... on UserError {{ code message path }} }} }}"""
    answer = await graphql.data(document, {"input": values}, **(who or {"root_key": ROOT}))
    found: dict[str, Any] = answer[mutation]
    return found


@pytest.mark.parametrize("mutation", INPUTS)
async def test_only_operators_reach_them(graphql: GraphQL, owner: Database, mutation: str) -> None:
    made = await company(graphql)
    _, key = await create_key(graphql, made, "ORGANIZATION_READ", "MEMBERS_MANAGE", "API_KEYS_MANAGE")
    if mutation != "bootstrap":
        await act(graphql, "bootstrap", {})
    values = {**INPUTS[mutation]}
    if "organizationId" in values:
        values["organizationId"] = made.organization_id
    await graphql.data("{ viewer { apiKey { id } } }", api_key=key)
    before = await everything_stored(owner)
    for who in ({"token": made.token("OWNER")}, {"token": made.stranger.token}, {"api_key": key}):
        assert (await act(graphql, mutation, values, **who))["code"] == "NOT_FOUND"
    name = mutation[0].upper() + mutation[1:]
    document = f"mutation ($input: {name}Input!) {{ {mutation}(input: $input) {{ __typename }} }}"
    assert code_of(await graphql(document, {"input": values})) == "UNAUTHENTICATED"
    without_use = [line for line in before.splitlines() if not line.startswith("api_keys ")]
    after = [line for line in (await everything_stored(owner)).splitlines() if not line.startswith("api_keys ")]
    assert after == without_use
    assert (await act(graphql, mutation, values))["__typename"] == f"{name}Payload"


async def test_bootstrap_says_what_was_there(graphql: GraphQL, owner: Database) -> None:
    first = (await act(graphql, "bootstrap", {}))["items"]
    assert [(item["kind"], item["name"], item["outcome"]) for item in first] == [
        ("PLAN", "free", "CREATED"),
        ("PLAN", "team", "CREATED"),
        ("PLAN", "enterprise", "CREATED"),
        ("DEFAULT_PLAN", "free", "CREATED"),
        ("SUBSCRIPTIONS", "organizations", "EXISTED"),
    ]
    await act(graphql, "updatePlan", {"slug": "team", "price": "120"})
    person = await register(graphql)
    async with owner.engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM subscriptions")
    assert (await graphql.data(OWN, {"slug": person.slug}, token=person.token))["organization"]["subscription"] is None
    second = (await act(graphql, "bootstrap", {}))["items"]
    assert [item["outcome"] for item in second] == ["EXISTED"] * 4 + ["CREATED"]
    plans = (await graphql.data(PLANS, root_key=ROOT))["plans"]
    assert next(plan for plan in plans if plan["slug"] == "team")["price"] == "120"
    found = (await graphql.data(OWN, {"slug": person.slug}, token=person.token))["organization"]["subscription"]
    assert (found["plan"]["slug"], found["status"]) == ("free", "ACTIVE")
    third = (await act(graphql, "bootstrap", {"deliveredPlans": False}))["items"]
    assert [(item["kind"], item["outcome"]) for item in third] == [
        ("DEFAULT_PLAN", "EXISTED"),
        ("SUBSCRIPTIONS", "EXISTED"),
    ]


async def test_plans_are_made_changed_and_retired(graphql: GraphQL) -> None:
    await act(graphql, "bootstrap", {})
    limits = {"accounts": 3, "scansPerDay": None}
    made = await act(
        graphql,
        "createPlan",
        {"slug": "gold", "name": "Gold", "price": "99.90", "currency": "eur", "trialDays": 30, "limits": limits},
    )
    assert made["plan"] == {
        "slug": "gold",
        "name": "Gold",
        "price": "99.90",
        "currency": "EUR",
        "trialDays": 30,
        "limits": limits,
        "isDefault": False,
        "retiredAt": None,
    }
    changed = await act(
        graphql,
        "updatePlan",
        {"slug": "gold", "price": None, "currency": None, "limits": {"scansPerDay": 7}, "makeDefault": True},
    )
    assert (changed["plan"]["price"], changed["plan"]["limits"]) == (None, {"accounts": 3, "scansPerDay": 7})
    assert changed["plan"]["isDefault"]
    person = await register(graphql)
    found = (await graphql.data(OWN, {"slug": person.slug}, token=person.token))["organization"]["subscription"]
    assert (found["plan"]["slug"], found["status"]) == ("gold", "TRIAL")
    assert (await act(graphql, "retirePlan", {"slug": "gold"}))["code"] == "CONFLICT"
    await act(graphql, "updatePlan", {"slug": "free", "makeDefault": True})
    retired = (await act(graphql, "retirePlan", {"slug": "gold"}))["plan"]
    assert (await act(graphql, "retirePlan", {"slug": "gold"}))["plan"] == retired
    assert (await act(graphql, "updatePlan", {"slug": "gold", "name": "x"}))["code"] == "CONFLICT"
    seen = (await graphql.data(PLANS, token=person.token))["plans"]
    assert [plan["slug"] for plan in seen] == ["free", "team", "enterprise"]
    assert "gold" in [plan["slug"] for plan in (await graphql.data(PLANS, root_key=ROOT))["plans"]]
    assert code_of(await graphql(PLANS)) == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("mutation", "values", "code", "path"),
    [
        ("createPlan", {"slug": "free", "name": "x"}, "CONFLICT", None),
        ("createPlan", {"slug": "No", "name": "x"}, "BAD_USER_INPUT", "slug"),
        ("createPlan", {"slug": "ok", "name": " "}, "BAD_USER_INPUT", "name"),
        ("createPlan", {"slug": "ok", "name": "x", "price": "1"}, "BAD_USER_INPUT", "currency"),
        ("createPlan", {"slug": "ok", "name": "x", "price": "-1", "currency": "USD"}, "BAD_USER_INPUT", "price"),
        ("createPlan", {"slug": "ok", "name": "x", "trialDays": 0}, "BAD_USER_INPUT", "trialDays"),
        ("createPlan", {"slug": "ok", "name": "x", "limits": {"apiKeys": -1}}, "BAD_USER_INPUT", "limits.apiKeys"),
        ("updatePlan", {"slug": "none"}, "NOT_FOUND", None),
        ("updatePlan", {"slug": "\x00"}, "NOT_FOUND", None),
        ("updatePlan", {"slug": "team", "currency": None}, "BAD_USER_INPUT", "currency"),
        ("retirePlan", {"slug": "none"}, "NOT_FOUND", None),
    ],
)
async def test_refusals(
    graphql: GraphQL, owner: Database, mutation: str, values: dict[str, Any], code: str, path: str | None
) -> None:
    await act(graphql, "bootstrap", {})
    before = await everything_stored(owner)
    answer = await act(graphql, mutation, values)
    assert (answer["code"], answer["path"]) == (code, path and ["input", *path.split(".")])
    assert await everything_stored(owner) == before


async def test_a_subscription_is_changed_by_operators_and_told(graphql: GraphQL, owner: Database) -> None:
    person = await register(graphql)
    await act(graphql, "bootstrap", {})
    key = {"organizationId": person.organization_id}
    changed = (await act(graphql, "updateSubscription", {**key, "plan": "team", "status": "TRIAL"}))["subscription"]
    assert (changed["plan"]["slug"], changed["status"]) == ("team", "TRIAL")
    assert changed["trialEndsAt"] is not None
    changed = (await act(graphql, "updateSubscription", {**key, "status": "PAST_DUE", "periodStart": "2026-01-31"}))[
        "subscription"
    ]
    assert (changed["trialEndsAt"], changed["allows"]) == (None, ["CONCURRENT_SCANS", "SCANS", "IMPORTS"])
    assert changed["periodStart"] < changed["periodEnd"]
    seen = (await graphql.data(OWN, {"slug": person.slug}, token=person.token))["organization"]["subscription"]
    assert seen == changed
    told = [data for kind, data in await events(owner) if kind == "SUBSCRIPTION_CHANGED"]
    assert [data["from"]["status"] + data["to"]["status"] for data in told] == ["ACTIVETRIAL", "TRIALPAST_DUE"]
    await act(graphql, "updateSubscription", {**key, "status": "PAST_DUE"})
    assert len([kind for kind, _ in await events(owner) if kind == "SUBSCRIPTION_CHANGED"]) == 2, "no change, no event"
    await act(graphql, "retirePlan", {"slug": "enterprise"})
    for values, code, path in (
        ({"plan": "none"}, "BAD_USER_INPUT", "plan"),
        ({"plan": "enterprise"}, "BAD_USER_INPUT", "plan"),
        ({"plan": "free", "status": "TRIAL"}, "BAD_USER_INPUT", "trialEndsAt"),
        ({"status": "ACTIVE", "trialEndsAt": "2027-01-01T00:00:00Z"}, "BAD_USER_INPUT", "trialEndsAt"),
        ({"periodStart": "2999-01-01"}, "BAD_USER_INPUT", "periodStart"),
    ):
        answer = await act(graphql, "updateSubscription", {**key, **values})
        assert (answer["code"], answer["path"]) == (code, ["input", path])
    absent = {"organizationId": "T3JnYW5pemF0aW9uOgAAAAAAAAAAAAAAAAAAAAA"}
    assert (await act(graphql, "updateSubscription", absent))["code"] == "NOT_FOUND"


async def test_a_new_organization_has_the_default_plan_before_any_bootstrap(graphql: GraphQL) -> None:
    person = await register(graphql)
    found = (await graphql.data(OWN, {"slug": person.slug}, token=person.token))["organization"]
    assert (found["subscription"]["plan"]["slug"], found["subscription"]["status"]) == ("free", "ACTIVE")
    assert len(found["subscription"]["allows"]) == 6
    usages = {(usage["metric"], usage["period"]): usage for usage in found["quota"]["usages"]}
    assert len(usages) == 8
    assert usages["MEMBERS", "TOTAL"] == {
        "metric": "MEMBERS",
        "period": "TOTAL",
        "limit": 1000,
        "used": 1,
        "remaining": 999,
        "resetsAt": None,
        "reason": None,
    }
    assert usages["CONCURRENT_SCANS", "TOTAL"]["remaining"] is None


async def test_subscriptions_of_many_organizations_are_one_statement(graphql: GraphQL) -> None:
    person = await register(graphql)
    make = "mutation ($input: CreateOrganizationInput!) { createOrganization(input: $input) { __typename } }"
    for number in range(4):
        await graphql.data(make, {"input": {"name": f"Number {number}"}}, token=person.token)
    query = "{ viewer { organizations { nodes { slug subscription { plan { slug } } } } } }"
    loaded: list[int] = []
    load = SubscriptionByOrganization.load_many

    async def noting(self: SubscriptionByOrganization, ids: Sequence[UUID]) -> list[RowMapping | None]:
        loaded.append(len(ids))
        return await load(self, ids)

    with patch.object(SubscriptionByOrganization, "load_many", noting):
        found = (await graphql.data(query, token=person.token))["viewer"]["organizations"]["nodes"]
    assert [node["subscription"]["plan"]["slug"] for node in found] == ["free"] * 5
    assert loaded == [5]


async def test_onboarding_through_the_graph(graphql: GraphQL) -> None:
    await act(graphql, "bootstrap", {})
    values = {**GOOD, "slug": "acme", "apiKey": {"name": "feed", "scopes": ["ORGANIZATION_READ"]}}
    found = (await graphql.data(VALIDATE, {"input": values}, root_key=ROOT))["validateOnboarding"]
    assert found == {"valid": True, "ownerIsKnown": False, "plan": {"slug": "team"}, "problems": []}
    made = await act(graphql, "onboardOrganization", values)
    assert made["organization"]["subscription"] == {"plan": {"slug": "team"}, "status": "TRIAL"}
    assert (made["apiKey"], made["invitation"]) == (
        {"name": "feed", "scopes": ["ORGANIZATION_READ"]},
        {"email": "olga@example.com", "role": "OWNER"},
    )
    read = "query ($slug: String!) { organization(slug: $slug) { id name viewerRole } }"
    seen = (await graphql.data(read, {"slug": "acme"}, api_key=made["key"]))["organization"]
    assert seen == {"id": made["organization"]["id"], "name": "Acme", "viewerRole": "VIEWER"}
    found = (await graphql.data(VALIDATE, {"input": {**values, "currency": "no"}}, root_key=ROOT))["validateOnboarding"]
    assert [(one["path"], one["code"]) for one in found["problems"]] == [
        (["input", "slug"], "SLUG_TAKEN"),
        (["input", "currency"], "INVALID"),
    ]
    refused = await act(graphql, "onboardOrganization", {**values, "currency": "no"})
    assert refused["__typename"] == "OnboardingRefused"
    assert refused["problems"] == [{"path": one["path"], "code": one["code"]} for one in found["problems"]]
    assert refused["message"].endswith("And 1 more: see `problems`.")
    stranger = await register(graphql)
    answer = (await graphql.data(ACCEPT, {"input": {"token": made["invitationToken"]}}, token=stranger.token))[
        "acceptInvitation"
    ]
    assert answer["code"] == "NOT_FOUND", "the invitation is the owner's alone"


async def test_an_onboarding_sent_again_makes_nothing_more(graphql: GraphQL) -> None:
    """Also by the root key, which is nobody's; the secrets come with the answer again."""
    await act(graphql, "bootstrap", {})
    values = {**GOOD, "idempotencyKey": "first customer"}
    first = await act(graphql, "onboardOrganization", values)
    assert await act(graphql, "onboardOrganization", values) == first
    other = await act(graphql, "onboardOrganization", {**values, "name": "Another"})
    assert other["__typename"] == "Conflict"
    count = "{ platform { organizations { totalCount } } }"
    assert (await graphql.data(count, root_key=ROOT))["platform"]["organizations"]["totalCount"] == 1


async def test_only_operators_may_validate(graphql: GraphQL) -> None:
    made = await company(graphql)
    for who in ({"token": made.token("OWNER")}, {"api_key": (await create_key(graphql, made, "MEMBERS_MANAGE"))[1]}):
        assert code_of(await graphql(VALIDATE, {"input": GOOD}, **who)) == "NOT_FOUND"
    assert code_of(await graphql(VALIDATE, {"input": GOOD})) == "UNAUTHENTICATED"
