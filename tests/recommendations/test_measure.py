"""What resources use is read page by page and stored; what is refused is unknown and changes no recommendation."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.models import now
from app.providers.metrics import Statistic
from app.providers.problems import ProblemCode, ProviderError
from app.recommendations import measure as measure_module
from app.recommendations import usage_plan
from app.recommendations.measure import MOST_FAILURES, MOST_REFUSALS
from app.records.recommendations import HistoryKind
from tests.house.statements import counted
from tests.recommendations.far import READS, Far, failing, measured, stored, used
from tests.recommendations.looking import add_company, keep, ledger, lone, looked
from tests.repositories.found import add_accounts

IDLE = "aws.ebs.idle"
DENIED = ProviderError(
    ProblemCode.DENIED, "AWS denied some of the metrics.", "Allow it.", permission="cloudwatch:GetMetricData"
)
DENIED_WORDS = "AWS denied some of the metrics. Missing permission: cloudwatch:GetMetricData."
CREDENTIALS = ProviderError(ProblemCode.CREDENTIALS, "The keys have expired.", "Send new keys.")


@pytest.fixture(autouse=True)
async def company(database: Database, owner: Database) -> None:
    await add_company(owner)
    await add_accounts(database)


async def test_days_are_stored_and_an_idle_volume_is_found(database: Database, owner: Database) -> None:
    await keep(database, owner, used())
    far = Far()
    measuring = await measured(database, far)
    assert far.names == {("vol-1", "VolumeReadOps"), ("vol-1", "VolumeWriteOps")}
    rows = await stored(database)
    today = measuring.today
    assert set(rows) == {("vol-1", READS), ("vol-1", READS.replace("Read", "Write"))}
    row = rows["vol-1", READS]
    assert (row.first_day, row.end, row.problem) == (today - timedelta(days=14), today, None)
    assert (row.daily, row.samples) == ([1.0] * 14, [1] * 14)
    assert (measuring.read, measuring.refused) == (2, 0)
    assert await looked(database) == {HistoryKind.FOUND: 1}
    (found,) = (await ledger(database)).values()
    assert (found["check_id"], found["state"]) == (IDLE, "OPEN")
    window = f"{today - timedelta(days=14)} to {today - timedelta(days=1)}"
    assert [(one["label"], one["value"], one["unit"]) for one in found["evidence"]] == [
        ("busiest day", "2.0", "operations"),
        ("days", "14", None),
        ("reads, days", window, "14 samples"),
        ("writes, days", window, "14 samples"),
    ]


async def test_a_reading_that_was_broken_off_goes_on_where_it_was(
    database: Database, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure_module, "PAGE", 2)
    await keep(database, owner, *(used(f"vol-{number}") for number in range(6)))
    writes = 0

    async def hold(_: AsyncSession) -> None:
        nonlocal writes
        writes += 1
        if writes > 2:
            message = "another worker has it"
            raise RuntimeError(message)

    with pytest.raises(RuntimeError, match="another worker"):
        await measured(database, Far(), hold=hold)
    assert len(await stored(database)) == 8
    far = Far()
    await measured(database, far)
    assert len(far.names) == 4
    assert len(await stored(database)) == 12


async def test_without_metrics_nothing_is_found(database: Database, owner: Database) -> None:
    await keep(database, owner, used())
    assert await looked(database) == {}
    await measured(database, Far(value=lambda _: None))
    assert await looked(database) == {}
    rows = await stored(database)
    assert [row.daily for row in rows.values()] == [[None] * 14] * 2


async def test_what_no_metric_could_change_is_not_asked_for(database: Database, owner: Database) -> None:
    await keep(database, owner, lone())
    far = Far()
    await measured(database, far)
    assert (far.asked, await stored(database)) == ([], {})


async def test_the_same_day_nothing_is_asked_again_and_the_next_only_what_is_missing(
    database: Database, owner: Database
) -> None:
    await keep(database, owner, used())
    await measured(database, Far())
    far = Far(value=lambda _: 7.0)
    assert (await measured(database, far)).read == 0
    assert far.asked == []
    measuring = await measured(database, far, moment=now() + timedelta(days=1))
    ((queries, window),) = far.asked
    assert (len(queries), window.periods) == (2, 4)
    row = (await stored(database))["vol-1", READS]
    assert (row.end, row.daily) == (measuring.today, [*[1.0] * 10, *[7.0] * 4])


async def test_denied_metrics_leave_recommendations_as_they_are(database: Database, owner: Database) -> None:
    await keep(database, owner, used("vol-1"), used("vol-2"))
    await measured(database, Far(value=lambda query: 1.0 if query.resource == "vol-1" else 1e6))
    assert await looked(database) == {HistoryKind.FOUND: 1}
    before = await ledger(database)
    measuring = await measured(database, Far(fault=failing(DENIED)), moment=now() + timedelta(days=1))
    assert (measuring.read, measuring.refused) == (4, 4)
    rows = await stored(database)
    assert {row.problem for row in rows.values()} == {DENIED_WORDS}
    assert rows["vol-1", READS].daily == [1.0] * 14, "what was known is kept"
    assert await looked(database) == {}
    after = await ledger(database)
    assert {key: (row["state"], row["last_found_at"]) for key, row in after.items()} == {
        key: (row["state"], row["last_found_at"]) for key, row in before.items()
    }


async def test_what_was_denied_is_read_as_soon_as_it_is_allowed(database: Database, owner: Database) -> None:
    await keep(database, owner, used())
    await measured(database, Far(fault=failing(DENIED)))
    assert {row.problem for row in (await stored(database)).values()} == {DENIED_WORDS}
    await measured(database, Far())
    assert {row.problem for row in (await stored(database)).values()} == {None}
    assert await looked(database) == {HistoryKind.FOUND: 1}


async def test_a_resource_that_is_refused_does_not_hold_the_others_up(database: Database, owner: Database) -> None:
    await keep(database, owner, *(used(f"vol-{number}") for number in range(6)))
    far = Far(fault=failing(DENIED, "vol-1", "vol-4"), together=1)
    measuring = await measured(database, far)
    refused = {name for (name, _), row in (await stored(database)).items() if row.problem}
    assert refused == {"vol-1", "vol-4"}
    assert measuring.given_up == {}
    assert await looked(database) == {HistoryKind.FOUND: 4}


async def test_a_region_that_refuses_again_and_again_is_given_up(
    database: Database, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure_module, "PAGE", 25)
    here = [used(f"vol-{number}") for number in range(50)]
    await keep(database, owner, *here, used("vol-elsewhere", region="eu-west-1"))
    far = Far(fault=lambda query: failing(DENIED)(query) if query.region == "us-east-1" else None)
    measuring = await measured(database, far)
    assert set(measuring.given_up) == {("us-east-1", None)}
    calls = [window for queries, window in far.asked if queries[0].region == "us-east-1"]
    assert len(calls) == MOST_REFUSALS
    problems = {name: row.problem for (name, _), row in (await stored(database)).items()}
    assert {name for name, problem in problems.items() if problem is None} == {"vol-elsewhere"}
    assert len(problems) == 51


async def test_a_region_that_is_not_switched_on_is_given_up_at_once(database: Database, owner: Database) -> None:
    await keep(database, owner, used("vol-1"), used("vol-2"))
    far = Far(fault=failing(ProviderError(ProblemCode.NOT_ENABLED, "Not switched on.", "Switch it on.")))
    measuring = await measured(database, far)
    assert (len(far.asked), set(measuring.given_up)) == (1, {("us-east-1", None)})
    assert {row.problem for row in (await stored(database)).values()} == {"Not switched on."}


@pytest.mark.parametrize("busy", [("vol-2", "vol-5"), ()])
async def test_a_call_that_fails_again_and_again_does_not_take_the_others_along(
    database: Database, owner: Database, monkeypatch: pytest.MonkeyPatch, busy: tuple[str, ...]
) -> None:
    """Twelve volumes, each a call of its own; some of the calls fail, or all of them."""
    monkeypatch.setattr(usage_plan, "MOST_STATISTICS", 2)
    names = [f"vol-{number}" for number in range(12)]
    await keep(database, owner, *map(used, names))
    far = Far(fault=failing(ProviderError(ProblemCode.THROTTLED, "Not now.", "Wait."), *busy))
    measuring = await measured(database, far)
    refused = {name for (name, _), row in (await stored(database)).items() if row.problem == "Not now."}
    assert refused == set(busy or names)
    assert bool(measuring.given_up) == (not busy)
    if not busy:  # three attempts of each of the calls that were under way
        assert len(far.asked) <= 3 * (MOST_FAILURES + measuring.tools.calls)


async def test_resources_that_cannot_be_asked_about_do_not_have_their_region_given_up(
    database: Database, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve volumes, two to a call; the second of each call is one that the provider does not take."""
    monkeypatch.setattr(usage_plan, "MOST_STATISTICS", 4)
    names = [f"vol-{number:02}" for number in range(12)]
    await keep(database, owner, *map(used, names))
    far = Far(fault=failing(ProviderError(ProblemCode.FAILED, "No.", "Ask us."), *names[1::2]), together=1)
    measuring = await measured(database, far)
    assert {name for (name, _), row in (await stored(database)).items() if row.problem} == set(names[1::2])
    assert measuring.given_up == {}


async def test_credentials_that_end_end_the_reading(
    database: Database, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure_module, "PAGE", 2)
    await keep(database, owner, *(used(f"vol-{number}") for number in range(6)))
    far = Far(fault=failing(CREDENTIALS))
    measuring = await measured(database, far)
    assert measuring.ended is CREDENTIALS
    assert len(far.asked) == 1
    assert [row.problem for row in (await stored(database)).values()] == ["The keys have expired."] * 4


async def test_an_answer_that_is_cut_is_unknown(database: Database, owner: Database) -> None:
    await keep(database, owner, used())
    await measured(database, Far(cut=True))
    assert {row.problem for row in (await stored(database)).values()} == {
        "The provider did not tell all it has of VolumeReadOps.",
        "The provider did not tell all it has of VolumeWriteOps.",
    }
    assert await looked(database) == {}


async def test_what_is_not_answered_is_unknown(database: Database, owner: Database) -> None:
    await keep(database, owner, used())
    far = Far()
    far.metrics = lambda *_: iter(())  # type: ignore[method-assign]
    await measured(database, far)
    assert all("did not answer" in str(row.problem) for row in (await stored(database)).values())


async def test_what_cannot_be_asked_for_is_stored_with_the_reason(database: Database, owner: Database) -> None:
    properties = {"loadBalancerType": "application"}
    balancer = lone(
        "arn:lb", resource_type="AWS::ElasticLoadBalancingV2::LoadBalancer", status="active", properties=properties
    )
    await keep(database, owner, balancer)
    far = Far()
    await measured(database, far)
    assert far.asked == []
    problems = {row.problem for row in (await stored(database)).values()}
    assert problems == {"`loadBalancerDimension` of arn:lb, by which its metrics are named, is not known."}


async def test_a_disconnected_account_is_not_read_any_further(database: Database, owner: Database) -> None:
    await keep(database, owner, used())
    async with owner.write(None) as session:
        await session.execute(text("UPDATE accounts SET disconnected_at = now()"))
    far = Far()
    await measured(database, far)
    assert far.asked == []


async def test_statements_do_not_grow_with_the_page(database: Database, owner: Database) -> None:
    counts = []
    for number in (1, 40):
        await keep(database, owner, *(used(f"vol-{index}") for index in range(number)))
        with counted(database) as statements:
            await measured(database, Far(), moment=now() + timedelta(days=number))
        with counted(database) as of_the_look:
            await looked(database)
        counts.append((len(statements), len(of_the_look)))
    assert counts[0] == counts[1]


async def test_a_page_is_read_and_written_before_the_next(
    database: Database, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure_module, "PAGE", 10)
    await keep(database, owner, *(used(f"vol-{number}") for number in range(35)))
    far = Far()
    measuring = await measured(database, far)
    assert [len(queries) for queries, _ in far.asked] == [20, 20, 20, 10]
    assert measuring.job.further == 4  # type: ignore[attr-defined]
    assert all(query.statistics == {Statistic.SUM} for queries, _ in far.asked for query in queries)
    assert len(await stored(database)) == 70
