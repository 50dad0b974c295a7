"""A preview tells what the look behind a change of a rule does: findings that come and go, and their money."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from app.database import Database
from app.detection.catalogue import CHECKS
from app.detection.check import Daily, signature
from app.detection.rule import Settings, Tuning
from app.errors import BadUserInputError
from app.models import now
from app.recommendations import preview as preview_room
from app.recommendations.preview import PreviewAsked, preview_rule
from app.records.usage import StoredUsage
from app.repositories.usage import write_usage
from tests.recommendations.looking import add_company, keep, lone, looked
from tests.recommendations.previewing import UNATTACHED, machine, names, previewed, standing, to, tune
from tests.repositories.found import ACCOUNT, ORGANIZATION, SECOND_ACCOUNT, add_accounts, inventory

IDLE = "aws.ec2.idle"


@pytest.fixture(autouse=True)
async def company(database: Database, owner: Database) -> None:
    await add_company(owner)
    await add_accounts(database)


def ages(days: int) -> Settings:
    return Settings(parameters={"minAgeDays": Decimal(days)})


async def test_nothing_changes_where_the_rule_stays(database: Database, owner: Database) -> None:
    await keep(database, owner, lone())
    await looked(database)
    for tuning in (Tuning(), Tuning(Settings(grace_days=5)), Tuning(ages(8), excluded_regions=("us-east-1",))):
        stays = replace(tuning, excluded_regions=())
        if tuning.excluded_regions:
            await tune(database, stays)
        preview = await previewed(database, stays)
        assert names(preview) == (set(), set())
        assert preview.totals.change == Decimal(0)


async def test_money_is_told_once(database: Database, owner: Database) -> None:
    await keep(database, owner, lone("vol-old", kind="gp2", size=100), lone("vol-new", size=200))
    await looked(database)
    preview = await previewed(database, Tuning(ages(90)))
    lost = preview.totals.lost
    assert [(one.judged.subject.native_id, one.amount, one.is_counted) for one in lost.lines] == [
        ("vol-new", Decimal(16), True),
        ("vol-old", Decimal(10), True),
    ]
    assert (lost.count, lost.unknown, lost.potential) == (2, 0, Decimal(26))
    assert preview.totals.change == Decimal(-24)  # gp3 in place of gp2 comes to count


async def test_only_accounts_that_are_asked_for_are_looked_at(database: Database, owner: Database) -> None:
    await keep(database, owner, lone("vol-1"), replace(lone("vol-2"), account_id=SECOND_ACCOUNT))
    switch = to(Tuning(Settings(enabled=False)))
    every = await preview_rule(database, ORGANIZATION, PreviewAsked(UNATTACHED, switch))
    assert (every.resources, names(every)[1]) == (2, {"vol-1", "vol-2"})
    one = await preview_rule(database, ORGANIZATION, PreviewAsked(UNATTACHED, switch, [SECOND_ACCOUNT]))
    assert (one.resources, names(one)[1]) == (1, {"vol-2"})
    only = await previewed(database, Tuning(of_accounts={ACCOUNT: Settings(enabled=False)}))
    assert (only.resources, names(only)[1]) == (1, {"vol-1"})


async def use(database: Database, native_id: str, value: Callable[[str, Daily], float | None], days: int = 20) -> None:
    """Store days of each metric of the check, for each way in which a day's values may be made."""
    resource, today = (await inventory(database))[native_id], now().date()
    metrics = {
        signature(one): (metric.key, one.daily)
        for metric in CHECKS[IDLE].metrics
        for one in (metric, *(replace(metric, daily=daily) for daily in (Daily.AVERAGE, Daily.MAXIMUM, Daily.P95)))
    }
    rows = [
        StoredUsage(resource.id, name, today - timedelta(days=days), (value(*told),) * days, (1,) * days, now())
        for name, told in metrics.items()
    ]
    async with database.write(ORGANIZATION) as session:
        await write_usage(session, ORGANIZATION, rows)


async def test_metrics_are_read_from_what_is_stored(database: Database, owner: Database) -> None:
    busy_peaks = {Daily.AVERAGE: 2.0, Daily.P95: 3.0, Daily.MAXIMUM: 50.0}
    await keep(database, owner, machine("i-calm"), machine("i-peaks"), machine("i-busy"), machine("i-unread"))
    await use(database, "i-calm", lambda key, _: 1.0 if key == "cpu" else 0.0)
    await use(database, "i-peaks", lambda key, daily: busy_peaks.get(daily, 0.0) if key == "cpu" else 0.0)
    await use(database, "i-busy", lambda key, _: 9.0 if key == "cpu" else 0.0)
    await looked(database)
    tunings = [
        Tuning(Settings(statistic=Daily.P95)),
        Tuning(Settings(parameters={"cpuPercent": Decimal(10)})),
        Tuning(Settings(parameters={"lookbackDays": Decimal(30)})),
        Tuning(Settings(parameters={"lookbackDays": Decimal(30)}, require_complete_metrics=False)),
        Tuning(),
    ]
    seen = []
    for tuning in tunings:
        before, could = await standing(database, IDLE)
        preview = await previewed(database, tuning, IDLE)
        await tune(database, tuning, IDLE)
        await looked(database)
        after, can = await standing(database, IDLE)
        assert names(preview) == (after - before, before - after)
        assert preview.totals.change == can - could
        seen.append((names(preview), preview.unknown))
    assert any(unknown for _, unknown in seen)
    assert {"i-peaks"} in [gained for (gained, _), _ in seen]


async def test_metrics_count_together(database: Database, owner: Database) -> None:
    await keep(database, owner, machine("i-both"))
    await use(database, "i-both", lambda key, _: 1.0 if key == "cpu" else 3e6)
    await looked(database)
    for megabytes, gained in (("5.5", set()), ("6", set()), ("6.1", {"i-both"})):
        more = Settings(parameters={"networkMegabytesPerDay": Decimal(megabytes)})
        assert names(await previewed(database, Tuning(more), IDLE)) == (gained, set())


@pytest.mark.parametrize("bound", ["MOST_RESOURCES", "MOST_CLOSELY"])
async def test_too_much_is_refused(
    database: Database, owner: Database, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    await keep(database, owner, lone("vol-1"), lone("vol-2"))
    monkeypatch.setattr(preview_room, bound, 2)
    await previewed(database, Tuning(ages(90)))
    monkeypatch.setattr(preview_room, bound, 1)
    with pytest.raises(BadUserInputError, match="Try it on some accounts") as refused:
        await previewed(database, Tuning(ages(90)))
    assert refused.value.path == ("input", "accountIds")
