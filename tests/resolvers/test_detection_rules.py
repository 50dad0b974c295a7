"""Detection rules through the graph: tuned, versioned, told in the activity, and followed by looks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.context import Runtime
from app.database import Database
from app.detection.catalogue import ALL_CHECKS
from app.models import now
from app.schema.node import global_id, parse_id
from tests.clients import GraphQL, register
from tests.house.statements import counted
from tests.resolvers.test_recommendations import Caller, caller

__all__ = ["caller"]  # a fixture

UNATTACHED = "aws.ebs.unattached"
SETTINGS = """enabled severity parameters { name value } minimumMonthlySaving graceDays requireCompleteMetrics
  statistic"""
RULE = f"""checkId version isDefault enabled severity parameters {{ name value isDefault unit }} graceDays
  minimumMonthlySaving {{ amount currency }} requireCompleteMetrics statistic excludedAccounts {{ id }}
  excludedRegions excludedTags {{ key values pattern }} excludedBy includedAccounts {{ id }} includedRegions
  accountOverrides {{ account {{ name }} settings {{ {SETTINGS} }} }}
  tagOverrides {{ tag {{ key values pattern }} settings {{ {SETTINGS} }} }}
  check {{ title }} history {{ version before after actor {{ kind user {{ name }} }} }}"""
RULES = f"""query ($slug: String!, $checkIds: [String!], $tunedOnly: Boolean! = false) {{ organization(slug: $slug) {{
  detectionRules(checkIds: $checkIds, tunedOnly: $tunedOnly) {{ {RULE} }} }} }}"""
UPDATE = f"""mutation ($input: UpdateDetectionRuleInput!) {{ updateDetectionRule(input: $input) {{ __typename
  ... on UpdateDetectionRulePayload {{ looks rule {{ {RULE} }} }} ... on UserError {{ code message path }} }} }}"""
RESET = """mutation ($input: ResetDetectionRuleInput!) { resetDetectionRule(input: $input) { __typename
  ... on ResetDetectionRulePayload { looks rule { version isDefault } } ... on UserError { code message } } }"""
Tune = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def tune(caller: Caller) -> Tune:
    async def tuned(check: str = UNATTACHED, expected: int | None = None, **changes: Any) -> dict[str, Any]:
        sent = {"organizationId": caller.person.organization_id, "checkId": check, "changes": changes}
        values = {"input": sent | ({} if expected is None else {"expectedVersion": expected})}
        answer = await caller.graphql.data(UPDATE, values, token=caller.person.token)
        found: dict[str, Any] = answer["updateDetectionRule"]
        return found

    return tuned


async def rules(caller: Caller, **variables: Any) -> list[dict[str, Any]]:
    answer = await caller.graphql.data(RULES, {"slug": caller.person.slug, **variables}, token=caller.person.token)
    found: list[dict[str, Any]] = answer["organization"]["detectionRules"]
    return found


async def account_of(caller: Caller) -> str:
    organization_id = parse_id(caller.person.organization_id).id
    async with caller.database.read(organization_id) as session:
        (account_id,) = (await session.execute(text("SELECT id FROM accounts"))).scalars()
    return global_id("Account", account_id, organization_id)


async def jobs(owner: Database, kind: str = "look_for_waste") -> int:
    async with owner.read(None) as session:
        found = await session.execute(text("SELECT count(*) FROM jobs WHERE kind = :kind"), {"kind": kind})
        return int(found.scalar_one())


def minimal_age(days: int) -> list[dict[str, str]]:
    return [{"name": "minAgeDays", "value": str(days)}]


async def test_every_check_has_a_rule_as_it_is_delivered(caller: Caller) -> None:
    found = await rules(caller)
    assert [rule["checkId"] for rule in found] == sorted(check.id for check in ALL_CHECKS)
    (rule,) = await rules(caller, checkIds=[UNATTACHED])
    assert rule == {
        "checkId": UNATTACHED,
        "version": 0,
        "isDefault": True,
        "enabled": True,
        "severity": rule["severity"],
        "parameters": [{"name": "minAgeDays", "value": "7", "isDefault": True, "unit": "days"}],
        "graceDays": 0,
        "minimumMonthlySaving": {"amount": "1", "currency": "USD"},
        "requireCompleteMetrics": True,
        "statistic": None,
        **{name: [] for name in ("excludedAccounts", "excludedRegions", "excludedTags", "accountOverrides")},
        "tagOverrides": [],
        "excludedBy": "ANY",
        **{name: [] for name in ("includedAccounts", "includedRegions")},
        "check": {"title": rule["check"]["title"]},
        "history": [],
    }
    assert await rules(caller, tunedOnly=True) == []


async def test_a_rule_is_changed_in_versions_and_looked_by(caller: Caller, owner: Database, tune: Tune) -> None:
    assert {node["state"] for node in await caller.nodes()} == {"OPEN"}
    changed = await tune(parameters=minimal_age(90), severity="LOW")
    assert changed["looks"] == 1
    assert await jobs(owner) == 1
    assert changed["rule"]["version"] == 1
    assert changed["rule"]["parameters"] == [{"name": "minAgeDays", "value": "90", "isDefault": False, "unit": "days"}]
    await caller.look()
    resolved = await caller.nodes(where={"state": {"eq": "RESOLVED"}})
    assert {(node["checkId"], node["resolution"]) for node in resolved} == {(UNATTACHED, "LEFT_OUT")}
    assert len(resolved) == 3
    await tune(parameters=minimal_age(20))
    await caller.look()
    opened = await caller.nodes(where={"checkId": {"eq": UNATTACHED}})
    assert {(node["state"], node["severity"]) for node in opened} == {("OPEN", "LOW")}
    (rule,) = await rules(caller, tunedOnly=True)
    assert [(each["version"], each["before"], each["after"]) for each in rule["history"]] == [
        (
            2,
            {"severity": "LOW", "parameters": {"minAgeDays": "90"}},
            {"severity": "LOW", "parameters": {"minAgeDays": "20"}},
        ),
        (1, {}, {"severity": "LOW", "parameters": {"minAgeDays": "90"}}),
    ]
    assert rule["history"][0]["actor"] == {"kind": "USER", "user": {"name": "Rita"}}


async def test_all_that_can_be_set(caller: Caller, tune: Tune) -> None:
    account = await account_of(caller)
    changed = await tune(
        "aws.ec2.idle",
        enabled=False,
        minimumMonthlySaving="2.5",
        graceDays=14,
        requireCompleteMetrics=False,
        statistic="P95",
        excludedAccountIds=[account],
        excludedRegions=["us-east-1"],
        excludedTags=[{"key": "keep"}, {"key": "env", "values": ["prod"]}, {"key": "name", "pattern": "^db-"}],
        accountOverrides=[{"accountId": account, "settings": {"enabled": True, "severity": "HIGH"}}],
        tagOverrides=[{"tag": {"key": "env"}, "settings": {"parameters": [{"name": "lookbackDays", "value": "30"}]}}],
    )
    assert changed["__typename"] == "UpdateDetectionRulePayload", changed
    rule = changed["rule"]
    unset: dict[str, Any] = {
        "enabled": None,
        "severity": None,
        "parameters": [],
        "minimumMonthlySaving": None,
        "graceDays": None,
    }
    unset |= {"requireCompleteMetrics": None, "statistic": None}
    assert (rule["enabled"], rule["minimumMonthlySaving"]["amount"], rule["graceDays"]) == (False, "2.5", 14)
    assert (rule["requireCompleteMetrics"], rule["statistic"]) == (False, "P95")
    assert (rule["excludedAccounts"], rule["excludedRegions"]) == ([{"id": account}], ["us-east-1"])
    assert rule["excludedTags"] == [
        {"key": "keep", "values": [], "pattern": None},
        {"key": "env", "values": ["prod"], "pattern": None},
        {"key": "name", "values": [], "pattern": "^db-"},
    ]
    (of_account,) = rule["accountOverrides"]
    assert of_account["settings"] == unset | {"enabled": True, "severity": "HIGH"}
    (of_tag,) = rule["tagOverrides"]
    assert of_tag["settings"] == unset | {"parameters": [{"name": "lookbackDays", "value": "30"}]}
    again = await tune("aws.ec2.idle", enabled=None, statistic=None, excludedTags=[], accountOverrides=[])
    assert (again["rule"]["enabled"], again["rule"]["statistic"], again["rule"]["graceDays"]) == (True, None, 14)
    assert (again["rule"]["excludedTags"], again["rule"]["accountOverrides"]) == ([], [])
    assert len(again["rule"]["tagOverrides"]) == 1


async def test_what_is_looked_at_only(caller: Caller, tune: Tune) -> None:
    account = await account_of(caller)
    only = {"includedAccountIds": [account], "includedRegions": ["us-east-1", "global"], "excludedBy": "ALL"}
    rule = (await tune(excludedTags=[{"key": "a"}, {"key": "b"}], **only))["rule"]
    assert (rule["includedAccounts"], rule["includedRegions"]) == ([{"id": account}], ["us-east-1", "global"])
    assert rule["excludedBy"] == "ALL"
    await caller.look()
    assert {node["state"] for node in await caller.nodes()} == {"OPEN"}
    rule = (await tune(includedRegions=["global"], excludedBy="ANY"))["rule"]
    assert (rule["includedRegions"], rule["excludedBy"]) == (["global"], "ANY")
    await caller.look()
    resolved = await caller.nodes(where={"state": {"eq": "RESOLVED"}})
    assert {node["history"][0]["data"]["why"] for node in resolved} == {
        "The rule is for other regions than us-east-1 only."
    }


async def test_what_is_left_out_is_resolved(caller: Caller, tune: Tune) -> None:
    await tune(excludedRegions=["us-east-1"])
    await caller.look()
    resolved = await caller.nodes(where={"state": {"eq": "RESOLVED"}})
    assert {node["resolution"] for node in resolved} == {"LEFT_OUT"}
    assert {node["history"][0]["data"]["why"] for node in resolved} == {"The rule leaves out the region us-east-1."}


async def test_the_same_again_is_no_version(owner: Database, tune: Tune) -> None:
    await tune(graceDays=3)
    assert await jobs(owner) == 0  # days of grace change no finding
    again = await tune(graceDays=3)
    assert (again["rule"]["version"], again["looks"]) == (1, 0)
    await tune(minimumMonthlySaving="2")
    assert await jobs(owner) == 1
    await tune(minimumMonthlySaving="3")
    assert await jobs(owner) == 1  # one that waits sees the newest rules


async def test_usage_that_was_not_read_is_asked_for(caller: Caller, owner: Database, tune: Tune) -> None:
    idle, measuring = "aws.ebs.idle", "measure_usage"
    lookback = [{"name": "lookbackDays", "value": "60"}]
    await tune(idle, parameters=lookback)
    assert (await jobs(owner), await jobs(owner, measuring)) == (1, 0)  # there is nobody to be asked
    async with owner.write(None) as session:
        await session.execute(text("UPDATE accounts SET kind = 'CONNECTED'"))
    await tune(idle, minimumMonthlySaving="2")
    assert await jobs(owner, measuring) == 0
    await tune(idle, parameters=[{"name": "lookbackDays", "value": "90"}])
    assert (await jobs(owner), await jobs(owner, measuring)) == (1, 1)
    sent = {"organizationId": caller.person.organization_id, "checkId": idle}
    async with owner.write(None) as session:
        await session.execute(text("UPDATE jobs SET state = 'SUCCEEDED', finished_at = now()"))
    answer = await caller.graphql.data(RESET, {"input": sent}, token=caller.person.token)
    assert answer["resetDetectionRule"]["looks"] == 1
    assert (await jobs(owner), await jobs(owner, measuring)) == (2, 2)


async def test_days_of_grace_are_kept(caller: Caller, tune: Tune) -> None:
    await tune(graceDays=10)
    big, old, *_ = await caller.nodes(where={"checkId": {"eq": UNATTACHED}})
    early, late = ((now().date() + timedelta(days=days)).isoformat() for days in (9, 10))
    (refused,) = (await caller.act("markForDeletion", [big["id"]], dueOn=early))["outcomes"]
    assert (refused["code"], refused["recommendation"]) == ("CONFLICT", {"state": "OPEN"})
    assert refused["message"] == f"The rule asks for 10 days of grace; mark it for {late} or later."
    (marked,) = (await caller.act("markForDeletion", [old["id"]], dueOn=late))["outcomes"]
    assert marked["recommendation"] == {"state": "MARKED_FOR_DELETION"}


async def test_a_rule_that_somebody_else_has_changed_stays(tune: Tune) -> None:
    assert (await tune(severity="LOW", expected=0))["rule"]["version"] == 1
    refused = await tune(severity="HIGH", expected=0)
    assert refused["__typename"] == "Conflict"
    assert "version 1 by now" in refused["message"]
    assert (await tune(severity="HIGH", expected=1))["rule"]["version"] == 2


async def test_a_check_is_as_delivered_again(caller: Caller, tune: Tune) -> None:
    await tune(severity="LOW", excludedTags=[{"key": "keep"}])
    values = {"input": {"organizationId": caller.person.organization_id, "checkId": UNATTACHED}}
    reset = (await caller.graphql.data(RESET, values, token=caller.person.token))["resetDetectionRule"]
    assert reset["rule"] == {"version": 2, "isDefault": True}
    (rule,) = await rules(caller, checkIds=[UNATTACHED])
    assert rule["history"][0]["after"] == {}
    assert await rules(caller, tunedOnly=True) == []


async def test_it_is_told_in_the_activity(caller: Caller, tune: Tune) -> None:
    await tune(severity="LOW")
    document = """query ($slug: String!) { organization(slug: $slug) { activity(first: 1) { nodes {
      kind data actor { kind } } } } }"""
    answer = await caller.graphql.data(document, {"slug": caller.person.slug}, token=caller.person.token)
    (event,) = answer["organization"]["activity"]["nodes"]
    assert event == {
        "kind": "DETECTION_RULE_CHANGED",
        "data": {"checkId": UNATTACHED, "version": 1, "before": {}, "after": {"severity": "LOW"}},
        "actor": {"kind": "USER"},
    }


@pytest.mark.parametrize(
    ("changes", "path", "why"),
    [
        ({"parameters": [{"name": "maxAge", "value": "1"}]}, ["parameters", "maxAge"], "Its parameters: minAgeDays."),
        ({"parameters": minimal_age(4000)}, ["parameters", "minAgeDays"], "from 0 to 3,650 days; it is 4,000"),
        ({"parameters": minimal_age(1) * 2}, ["parameters", "minAgeDays"], "twice"),
        ({"minimumMonthlySaving": "-1"}, ["minimumMonthlySaving"], "from 0 to"),
        ({"graceDays": -1}, ["graceDays"], "from 0 to 3,650"),
        ({"requireCompleteMetrics": True}, ["requireCompleteMetrics"], "reads no metrics"),
        ({"statistic": "P95"}, ["statistic"], "reads no metric"),
        ({"excludedRegions": ["us-east-1", "us-east-7"]}, ["excludedRegions", "1"], "'us-east-7'"),
        ({"excludedRegions": ["us-east-1", "us-east-1"]}, ["excludedRegions", "1"], "twice"),
        ({"excludedAccountIds": ["nonsense"]}, ["excludedAccountIds", "0"], "id"),
        ({"includedAccountIds": ["nonsense"]}, ["includedAccountIds", "0"], "id"),
        ({"includedRegions": ["us-east-7"]}, ["includedRegions", "0"], "'us-east-7'"),
        (
            {"excludedRegions": ["us-east-1"], "includedRegions": ["us-east-1"]},
            ["includedRegions", "0"],
            "from one of the lists",
        ),
        ({"excludedTags": [{"key": ""}]}, ["excludedTags", "0", "key"], "1 to 512"),
        ({"excludedTags": [{"key": "a", "pattern": "(a+)+$"}]}, ["excludedTags", "0", "pattern"], "repeats a group"),
        (
            {"excludedTags": [{"key": "a", "values": ["b"], "pattern": "c"}]},
            ["excludedTags", "0", "pattern"],
            "not both",
        ),
        ({"excludedTags": [{"key": "a"}] * 51}, ["excludedTags"], "at most 50"),
        ({"tagOverrides": [{"tag": {"key": "a"}, "settings": {}}]}, ["tagOverrides", "0", "settings"], "sets nothing"),
        (
            {"tagOverrides": [{"tag": {"key": "a"}, "settings": {"graceDays": 9999}}]},
            ["tagOverrides", "0", "settings", "graceDays"],
            "from 0 to",
        ),
    ],
)
async def test_what_cannot_be_set_is_told_at_its_field(
    caller: Caller, tune: Tune, changes: dict[str, Any], path: list[str], why: str
) -> None:
    refused = await tune(**changes)
    assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "changes", *path])
    assert why in refused["message"]
    assert await rules(caller, tunedOnly=True) == []


async def test_accounts_must_be_there_and_of_the_provider(caller: Caller, graphql: GraphQL, tune: Tune) -> None:
    stranger = await register(graphql, "Stranger")
    own = parse_id(caller.person.organization_id).id
    foreign = global_id("Account", parse_id(await account_of(caller)).id, parse_id(stranger.organization_id).id)
    absent = global_id("Account", own, own)
    for id_ in (foreign, absent):
        refused = await tune(accountOverrides=[{"accountId": id_, "settings": {"enabled": False}}])
        assert refused["path"] == ["input", "changes", "accountOverrides", "0", "accountId"]
        assert refused["message"] == "There is no such account within your reach."
    refused = await tune("az.disk.unattached", excludedAccountIds=[await account_of(caller)])
    assert "is an account of AWS" in refused["message"]


async def test_an_unknown_check_is_told(tune: Tune) -> None:
    refused = await tune("aws.nothing")
    assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "checkId"])


async def test_statements_do_not_grow_with_the_rules(caller: Caller, runtime: Runtime, tune: Tune) -> None:
    account = await account_of(caller)
    overrides = [{"accountId": account, "settings": {"enabled": False}}]
    counts = []
    for check in (UNATTACHED, "aws.ebs.gp2_to_gp3", "aws.ec2.idle"):
        await tune(check, accountOverrides=overrides)
        with counted(runtime.database) as statements:
            await rules(caller, tunedOnly=True)
        counts.append(len(statements))
    assert counts[0] == counts[-1]
