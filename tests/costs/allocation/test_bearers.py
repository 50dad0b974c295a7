"""Who bears a resource's costs is told before they are charged as it is told afterwards, or is not told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from app.costs.allocation.bearers import bearer_of, charge_of_resource
from app.costs.allocation.match import TeamNames, make_plan
from app.records.allocation import NOBODY, AllocationMethod, Bearer, Rule, Target
from app.records.cost_analysis import CostDimension, Grouping, TextCondition
from tests.costs.allocation.makers import rule

WEB, DATA = UUID(int=101), UUID(int=102)
TEAMS = TeamNames({"cc-1": WEB}, {"data": DATA}, frozenset({WEB, DATA}))
ACCOUNTS, SERVICES, VALUES = ("111", "222"), ("Amazon EC2", "AWS Support", None), ("cc-1", "Data", "ops", "")
GROUPINGS = [
    Grouping(CostDimension.ACCOUNT),
    Grouping(CostDimension.SUB_ACCOUNT_ID),
    Grouping(CostDimension.PROVIDER),
    Grouping(CostDimension.SERVICE_NAME),
    Grouping(CostDimension.CHARGE_CATEGORY),
    Grouping(tag="team"),
    Grouping(tag="env"),
]
WORDS = st.sampled_from([*ACCOUNTS, "AWS", "Amazon EC2", "Usage", "Tax", "cc-1", "prod"])
CONDITIONS = st.builds(
    TextCondition,
    of=st.sampled_from(GROUPINGS),
    in_=st.none() | st.tuples(WORDS) | st.tuples(WORDS, WORDS),
    not_in=st.none() | st.tuples(WORDS),
    exists=st.none() | st.booleans(),
)
TARGETS = {
    AllocationMethod.DIRECT: (Target(WEB),),
    AllocationMethod.BY_TAG: (),
    AllocationMethod.EVEN: (Target(WEB), Target(DATA)),
}


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    method = draw(st.sampled_from(list(TARGETS)))
    more: dict[str, Any] = {"match": tuple(draw(st.lists(CONDITIONS, max_size=2)))}
    if method is AllocationMethod.BY_TAG:
        more |= {"tag_key": "team", "mapping": draw(st.sampled_from([{}, {"ops": WEB}]))}
    return rule(method, *TARGETS[method], **more)


def charged(wanted: list[Rule], tags: Mapping[str, str], service: str | None) -> Bearer:
    """Who bears a charge of account 111."""
    dim = {
        "provider": "AWS",
        "sub_account_id": "111",
        "billing_account_id": "999",
        "service_name": service,
        "charge_category": "Usage",
    }
    (outcome,) = make_plan(wanted, TEAMS, {1: tags}, {1: dim}).outcomes
    if outcome.team_id is None:
        return Bearer.SHARED
    return Bearer.UNALLOCATED if outcome.team_id == NOBODY else Bearer.of(outcome.team_id)


@settings(max_examples=400, deadline=None)
@given(st.lists(rules(), max_size=4), st.dictionaries(st.sampled_from(["team", "env"]), st.sampled_from(VALUES)))
def test_what_is_told_before_is_so_of_every_charge(wanted: list[Rule], tags: dict[str, str]) -> None:
    told = bearer_of(wanted, TEAMS, charge_of_resource("AWS", "111", tags))
    later = {charged(wanted, tags, service) for service in SERVICES}
    assert told is Bearer.UNKNOWN or later == {told}
    if not any(one.of.dimension is CostDimension.SERVICE_NAME for each in wanted for one in each.match):
        assert later == {told}, "nothing is unknown that the inventory knows"
    untagged = bearer_of(wanted, TEAMS, charge_of_resource("AWS", "111", None))
    assert untagged is Bearer.UNKNOWN or untagged == told or told is Bearer.UNKNOWN


def test_a_tag_that_names_no_team_leaves_it_to_the_rules_after() -> None:
    by_tag = rule(AllocationMethod.BY_TAG, tag_key="team")
    rest = rule(AllocationMethod.DIRECT, Target(DATA))
    for tags, expected in (({"team": "CC-1 "}, WEB), ({"team": "nobody"}, DATA), ({}, DATA)):
        assert bearer_of([by_tag, rest], TEAMS, charge_of_resource("AWS", "111", tags)) == Bearer.of(expected)
    assert bearer_of([by_tag], TEAMS, charge_of_resource("AWS", "111", {})) == Bearer.UNALLOCATED
    assert bearer_of([by_tag, rest], TEAMS, charge_of_resource("AWS", "111", None)) == Bearer.UNKNOWN
