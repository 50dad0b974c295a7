"""A preview is held against the look behind the change: made-up rules, resources and metrics, the same each time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from app.database import Database
from app.detection.catalogue import CHECKS
from app.detection.check import Check, Daily, Metric, signature
from app.detection.rule import Settings, TagMatch, Tuning, can_be_chosen
from app.models import Resource, now
from app.recommendations import preview_sift
from app.recommendations.preview import Preview
from app.records.usage import StoredUsage
from app.repositories.resources import ResourceValues
from app.repositories.usage import write_usage
from tests.recommendations.looking import add_company, keep, lone, looked
from tests.recommendations.previewing import machine, names, previewed, standing, tune
from tests.repositories.found import ACCOUNT, ORGANIZATION, add_accounts, inventory, volume

CASES = 200
TRIED = (
    *("aws.ec2.idle", "aws.ebs.idle") * 4,
    "aws.ebs.overprovisioned_iops",
    "aws.ec2.oversized",
    "aws.ebs.unattached",
    "aws.ebs.gp2_to_gp3",
    "aws.ebs.on_stopped_instance",  # declares nothing
    "aws.ec2.stopped_long",
    "aws.ec2.schedule_candidate",
    "aws.logs.stale",
)
VALUES = (0.0, 0.0, 1.0, 4.999999999999999, 5.0, 5.000000000000001, 30.0, 99.0, 100.0, 2.5e6, 5e6)
"""Of a day: what is next to nothing, some thresholds and what is next to them, and much."""
TAGS: tuple[dict[str, str], ...] = (
    {},
    {"env": "prod"},
    {"env": "dev"},
    {"owner": "ops-1"},
    {"aws:autoscaling:groupName": "web"},
)


def volumes(chance: random.Random, count: int) -> list[ResourceValues]:
    return [
        lone(
            f"vol-{number}",
            kind=chance.choice(["gp3", "gp2", "io1", "gp9"]),
            size=chance.choice([8, 100, 500]),
            region=chance.choice(["us-east-1", "us-east-1", "eu-west-1"]),
            status=chance.choice(["available", "in-use", "in-use"]),
            tags=chance.choice(TAGS),
            **chance.choice([{}, {}, {}, {"properties": {"unreadable": ["volumeType"], "attachments": []}}]),
        )
        for number in range(count)
    ]


def machines(chance: random.Random, count: int) -> list[ResourceValues]:
    odd: Sequence[dict[str, Any]] = (
        {},
        {},
        {},
        {"tenancy": "host"},
        {"tenancy": None},
        {"lifecycle": "spot"},
        {"unreadable": ["tenancy"]},
        {"leftOut": ["lifecycle"]},
        {"instanceType": None},
    )
    return [
        replace(
            found,
            properties={**found.properties, "lifecycle": "on-demand", "blockDevices": [], **chance.choice(odd)},
            status=chance.choice(["running", "running", "running", "stopped", None]),
            tags=chance.choice(TAGS),
        )
        for found in (machine(f"i-{number}") for number in range(count))
    ]


def log_groups(chance: random.Random, count: int) -> list[ResourceValues]:
    plain: dict[str, Any] = {"resource_type": "AWS::Logs::LogGroup", "status": None, "region": "us-east-1"}
    return [
        volume(f"logs-{number}", relations=(), properties=chance.choice([{"storedBytes": 2**40}, {}]), **plain)
        for number in range(count)
    ]


def days_of(chance: random.Random, resource: Resource, metric: Metric) -> StoredUsage:
    """What is known of a metric: mostly three weeks up to today, else too few days, gaps, an old end or a problem."""
    count = chance.choice([20, 20, 20, 20, 33, 7, 0])
    quiet = chance.choice([VALUES, VALUES[:4], VALUES[:1]])
    known = [chance.choice(quiet) for _ in range(count)]
    if chance.random() < 0.5:  # together with another metric it may come to a threshold
        known = [chance.choice([0.0, 1.0, 3.0, 30.0, 50.0, 2.5e6, 4e6])] * count
    if metric.daily is Daily.QUIET_HOURS:
        known = [float(chance.choice([0, 2**24 - 1])) for _ in range(count)]
    gaps = chance.choice([0, 0, 0, 0.1])
    values = [None if chance.random() < gaps else value for value in known]
    late = chance.choice([0, 0, 0, 0, 1, 2])
    first = now().date() - timedelta(days=count + late)
    problem = chance.choice([None] * 9 + ["It was refused."])
    return StoredUsage(resource.id, signature(metric), first, values, [1] * count, now(), problem)


async def use(database: Database, chance: random.Random) -> None:
    """Store how much all resources are used, for each way in which rules may want a day's values made."""
    rows: dict[tuple[Any, str], StoredUsage] = {}
    for resource in (await inventory(database)).values():
        for check in (CHECKS[name] for name in TRIED if resource.resource_type in CHECKS[name].resource_types):
            ways = [metric for metric in check.metrics for metric in (metric, replace(metric, daily=Daily.P95))]
            for metric in ways:
                if chance.random() < 0.9:
                    rows[resource.id, signature(metric)] = days_of(chance, resource, metric)
    async with database.write(ORGANIZATION) as session:
        await write_usage(session, ORGANIZATION, list(rows.values()))


async def change_some(owner: Database) -> None:
    """Some resources were seen to change their status, or to return, some days ago."""
    async with owner.write(None) as session:
        await session.execute(
            text("""
                INSERT INTO resource_changes (organization_id, id, resource_id, kind, changes, changed_at)
                SELECT organization_id, gen_random_uuid(), id,
                    CASE WHEN native_id LIKE '%1' THEN 'RETURNED' ELSE 'CHANGED' END,
                    CASE WHEN native_id LIKE '%2' THEN '{"status": {"from": "a", "to": "b"}}' ELSE '{}' END::jsonb,
                    now() - interval '8 days'
                FROM resources WHERE native_id LIKE '%1' OR native_id LIKE '%2' OR native_id LIKE '%3'
            """)
        )


async def ignore_some(owner: Database) -> None:
    """Somebody ignores a part of what was found."""
    async with owner.write(None) as session:
        await session.execute(
            text("""
                UPDATE recommendations SET state = 'IGNORED', is_counted = false, ignored_until = NULL
                WHERE state = 'OPEN' AND node LIKE '%4'
            """)
        )


def some_settings(chance: random.Random, check: Check) -> Settings:
    names = [one.name for one in check.parameters]
    thresholds = [0, 1, 5, 7, 14, 15, 21, 30, 60, 100]
    asked = {name: Decimal(chance.choice(thresholds)) for name in names if chance.random() < 0.6}
    if "lookbackDays" in asked:
        asked["lookbackDays"] = Decimal(chance.choice([1, 7, 14, 21, 30]))
    return Settings(
        enabled=chance.choice([None] * 4 + [False]),
        grace_days=3,  # an override that sets nothing is refused
        parameters=asked,
        minimum_saving=chance.choice([None, None, Decimal(0), Decimal(9), Decimal(41)]),
        require_complete_metrics=chance.choice([None, None, False]) if check.metrics else None,
        statistic=chance.choice([None, None, Daily.P95]) if any(map(can_be_chosen, check.metrics)) else None,
    )


def some_tuning(chance: random.Random, check: Check) -> Tuning:
    matches = [TagMatch("env"), TagMatch("env", ("prod",)), TagMatch("owner", pattern="^ops-")]
    return Tuning(
        some_settings(chance, check),
        excluded_regions=("eu-west-1",) if chance.random() < 0.1 else (),
        excluded_tags=tuple(chance.sample(matches, chance.choice([0, 0, 0, 1, 2]))),
        all_excluded_tags=chance.random() < 0.3,
        of_accounts={ACCOUNT: some_settings(chance, check)} if chance.random() < 0.2 else {},
        of_tags=((chance.choice(matches), some_settings(chance, check)),) if chance.random() < 0.3 else (),
    )


def told(preview: Preview) -> object:
    gained, lost, change = preview.totals.gained, preview.totals.lost, preview.totals.change
    return preview.resources, preview.unknown, names(preview), gained.potential, lost.potential, change


async def test_a_preview_is_what_the_look_does(
    database: Database, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(5)  # noqa: S311 (an example, and the same each time)
    await add_company(owner)
    await add_accounts(database)
    for one in [*volumes(chance, 14), *machines(chance, 16), *log_groups(chance, 4)]:
        await keep(database, owner, one, days=chance.choice([3, 10, 20, 40]))
    await change_some(owner)
    await use(database, chance)
    await looked(database)
    await ignore_some(owner)
    await looked(database)
    seen = {"gained": 0, "lost": 0, "unknown": 0}
    for _ in range(CASES):
        check = CHECKS[chance.choice(TRIED)]
        before, could = await standing(database, check.id)
        tuning = some_tuning(chance, check)
        preview = await previewed(database, tuning, check.id)
        with monkeypatch.context() as patch:
            patch.setattr(preview_sift, "MOST_SETS", 0)  # all resources are judged here
            judged = await previewed(database, tuning, check.id)
        assert told(preview) == told(judged), (check.id, tuning)
        await tune(database, tuning, check.id)
        await looked(database)
        after, can = await standing(database, check.id)
        assert names(preview) == (after - before, before - after), (check.id, tuning)
        assert preview.totals.change == can - could, (check.id, tuning)
        seen["gained"] += len(after - before)
        seen["lost"] += len(before - after)
        seen["unknown"] += preview.unknown
    assert min(seen.values()) > CASES // 8, seen


@pytest.mark.parametrize("check", [check for check in CHECKS.values() if check.only_where], ids=lambda one: one.id)
def test_rows_tell_first(check: Check) -> None:
    """As app.repositories.declared_conditions has them, whose later steps have no rows at hand."""
    plain = [type(one).__name__ not in {"Older", "Below"} for one in check.only_where]
    assert plain == sorted(plain, reverse=True)
    metrics = {metric.key: metric for metric in check.metrics}
    thresholds = {parameter.name for parameter in check.parameters}
    for one in check.only_where:
        assert not any(metrics[key].resource_types for key in getattr(one, "metrics", ()))
        assert getattr(one, "parameter", None) in thresholds | {None}
        assert getattr(one, "name", None) in {*check.properties, None}
