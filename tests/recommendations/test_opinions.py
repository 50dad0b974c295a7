"""What providers recommend is read page by page, merged with what checks find, and followed like all that is found."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from app.database import Database
from app.detection.rule import Tuning
from app.models import now
from app.providers.problems import ProblemCode, ProviderError
from app.recommendations.opinions import speaks_of_the_same
from app.recommendations.preview import PreviewAsked, preview_rule
from app.recommendations.read_opinions import tell_unread
from app.records.detection import Remedy
from app.records.recommendations import HistoryKind
from tests.recommendations.advising import HUB, OPTIMIZER, Pages, advise, looked, opinions, readings, said
from tests.recommendations.far import Held, used
from tests.recommendations.looking import add_company, keep, ledger, lone
from tests.repositories.found import ACCOUNT, ORGANIZATION, add_accounts

OF_HUB, OF_OPTIMIZER = "aws.advice.cost_optimization_hub", "aws.advice.compute_optimizer"
UNATTACHED = "aws.ebs.unattached"
DENIED = ProviderError(ProblemCode.DENIED, "AWS denied it.", "Allow it.", permission="hub:Read")
EXPIRED = ProviderError(ProblemCode.CREDENTIALS, "The keys have expired.", "Send new keys.")
BROKEN = ProviderError(ProblemCode.BAD_ANSWER, "AWS's answer was cut off.", "Scan again.")


@pytest.fixture(autouse=True)
async def company(database: Database, owner: Database) -> None:
    await add_company(owner)
    await add_accounts(database)


async def states(database: Database) -> dict[tuple[str, str], str]:
    return {key: row["resolution"] or row["state"] for key, row in (await ledger(database)).items()}


async def test_a_reading_forgets_what_is_no_longer_told_and_a_failed_one_nothing(database: Database) -> None:
    first, second = said("vol-1"), said("vol-2")
    await advise(database, {HUB: [[first, first], [second]]})
    assert set(await opinions(database)) == {first.native_id, second.native_id}
    (reading,) = (await readings(database)).values()
    assert (reading["problem"], reading["completed_at"]) == (None, reading["read_at"])

    cheaper = said("vol-1", "9")
    await advise(database, {HUB: [[cheaper], DENIED]})
    stored = await opinions(database)
    assert {name: row["monthly_saving"] for name, row in stored.items()} == {first.native_id: 9, second.native_id: 10}
    assert stored[first.native_id]["first_seen_at"] < stored[first.native_id]["last_seen_at"]
    (failed,) = (await readings(database)).values()
    assert failed["problem"] == {
        "code": "DENIED",
        "message": "AWS denied it.",
        "remedy": "Allow it.",
        "permission": "hub:Read",
    }
    assert failed["completed_at"] == reading["read_at"] < failed["read_at"]

    await advise(database, {HUB: [[cheaper]]})
    assert set(await opinions(database)) == {first.native_id}


async def test_a_cut_answer_is_asked_again_and_bad_keys_end_all_readings(database: Database) -> None:
    cloud = await advise(database, {HUB: [[said()], BROKEN]})
    assert cloud.asked == [HUB] * 3
    cloud = await advise(database, {HUB: [EXPIRED], OPTIMIZER: [[said(source=OPTIMIZER)]]})
    assert cloud.asked == [HUB]
    assert {row["problem"]["code"] for row in (await readings(database)).values()} == {"CREDENTIALS"}


async def test_an_opinion_on_what_a_check_has_found_is_no_finding_beside_it(
    database: Database, owner: Database
) -> None:
    await keep(database, owner, lone("vol-1"))
    await advise(
        database, {HUB: [[said("vol-1")]], OPTIMIZER: [[said("vol-1", source=OPTIMIZER, remedy=Remedy.RESIZE)]]}
    )
    await looked(database)
    assert await states(database) == {(UNATTACHED, "vol-1"): "OPEN"}


async def test_what_no_check_has_found_is_taken_over_once_with_its_money(database: Database, owner: Database) -> None:
    await keep(database, owner, used("vol-1"))
    dear, cheap = said("vol-1", "10", target="gp3"), said("vol-1", "4", native_id="other", remedy=Remedy.RESIZE)
    both: Pages = {HUB: [[cheap, dear]], OPTIMIZER: [[said("vol-1", "11", source=OPTIMIZER)]]}
    await advise(database, both)
    assert await looked(database) == {HistoryKind.FOUND: 1}
    ((key, row),) = (await ledger(database)).items()
    assert key == (OF_HUB, "vol-1")
    assert (row["monthly_saving"], row["currency"], row["price_basis"]) == (Decimal(10), "USD", "PROVIDER")
    assert (row["remedy"], row["target"], row["confidence"], row["is_counted"]) == ("DELETE", "gp3", "POSSIBLE", True)
    assert row["resource_id"] is not None
    await advise(database, both)
    assert await looked(database) == {}


async def test_what_a_check_finds_later_takes_the_place_of_what_was_taken_over(
    database: Database, owner: Database
) -> None:
    await keep(database, owner, used("vol-1"))
    await advise(database, {HUB: [[said("vol-1")]]})
    await looked(database)
    await advise(database, {HUB: [[said("vol-1"), said("vol-2")]]})
    await keep(database, owner, used("vol-2"))
    await looked(database)
    await keep(database, owner, lone("vol-1"), lone("vol-2"))
    async with owner.write(None) as session:
        await session.execute(text("UPDATE resource_changes SET changed_at = changed_at - interval '30 days'"))
        await session.execute(
            text(
                "UPDATE recommendations SET state = 'RESOLVED', resolution = 'SAID_DONE', resolved_at = now() "
                "WHERE node = 'vol-2'"
            )
        )
    await looked(database)
    assert await states(database) == {
        (OF_HUB, "vol-1"): "MERGED",
        (UNATTACHED, "vol-1"): "OPEN",
        (OF_HUB, "vol-2"): "SAID_DONE",
        (UNATTACHED, "vol-2"): "OPEN",
    }
    rows = await ledger(database)
    assert rows[OF_HUB, "vol-2"]["proved_at"] is None, "that it is still there proves nothing"


async def test_another_matter_of_the_same_resource_is_a_finding_but_no_money_twice(
    database: Database, owner: Database
) -> None:
    await keep(database, owner, lone("vol-1"))
    await advise(database, {HUB: [[said("vol-1", "99", remedy=Remedy.CONFIGURE)]]})
    await looked(database)
    rows = await ledger(database)
    assert {key: row["is_counted"] for key, row in rows.items()} == {
        (UNATTACHED, "vol-1"): False,
        (OF_HUB, "vol-1"): True,
    }


async def test_it_stays_while_it_cannot_be_read_and_ends_when_it_is_no_longer_told(
    database: Database, owner: Database
) -> None:
    await keep(database, owner, used("vol-1"))
    await advise(database, {HUB: [[said("vol-1")]]})
    await looked(database)
    found = (await ledger(database))[OF_HUB, "vol-1"]
    await advise(database, {HUB: [[said("vol-1", "70"), said("vol-2")], DENIED]})
    assert await looked(database) == {}
    assert await ledger(database) == {(OF_HUB, "vol-1"): found}, "nothing new either, while the reading is not whole"
    await advise(database, {HUB: [[]]})
    assert await looked(database) == {HistoryKind.RESOLVED: 1}
    assert await states(database) == {(OF_HUB, "vol-1"): "CHANGED"}
    await advise(database, {HUB: [[said("vol-1")]]})
    assert await looked(database) == {HistoryKind.CAME_BACK: 1}
    async with owner.write(None) as session:
        await session.execute(text("UPDATE resources SET gone_at = :now"), {"now": now()})
    for _ in range(2):
        await looked(database)
        assert await states(database) == {(OF_HUB, "vol-1"): "DELETED"}, "though the provider still speaks of it"


async def test_the_other_adviser_speaks_where_the_first_has_not(database: Database, owner: Database) -> None:
    await keep(database, owner, used("vol-1"))
    await advise(database, {HUB: [[said("vol-1")], DENIED], OPTIMIZER: [[said("vol-1", source=OPTIMIZER)]]})
    await looked(database)
    assert await states(database) == {(OF_OPTIMIZER, "vol-1"): "OPEN"}
    await advise(database, {HUB: [[said("vol-1")]], OPTIMIZER: [[said("vol-1", source=OPTIMIZER)]]})
    await looked(database)
    assert await states(database) == {(OF_HUB, "vol-1"): "OPEN", (OF_OPTIMIZER, "vol-1"): "MERGED"}


async def test_what_is_of_no_resource_or_of_one_that_is_not_listed_is_a_finding_too(database: Database) -> None:
    plan = said(None, "300", native_id="Buy a plan", remedy=Remedy.REVIEW, currency="EUR")
    await advise(database, {HUB: [[plan, said("vol-far", None)]]})
    await looked(database)
    rows = await ledger(database)
    bought, far = rows[OF_HUB, "COST_OPTIMIZATION_HUB|Buy a plan"], rows[OF_HUB, "vol-far"]
    assert (bought["resource_id"], bought["currency"], bought["converted_saving"]) == (None, "EUR", None)
    assert (far["price_basis"], far["saving"]["reason"]) == ("UNKNOWN", "It is not told.")


async def test_rules_leave_out_what_they_say(database: Database, owner: Database) -> None:
    await keep(database, owner, used("vol-1", tags={"keep": "yes"}), used("vol-2"))
    await advise(database, {HUB: [[said("vol-1"), said("vol-2", "2")]]})
    await looked(database)
    async with owner.write(None) as session:
        await session.execute(
            text("""
                INSERT INTO detection_rule_versions
                    (organization_id, check_id, version, settings, actor_kind, changed_at)
                VALUES (:organization, :check, 1, CAST(:settings AS jsonb), 'SYSTEM', now())
            """),
            {
                "organization": ORGANIZATION,
                "check": OF_HUB,
                "settings": '{"minimumMonthlySaving": "3", "excludedTags": [{"key": "keep"}]}',
            },
        )
    await looked(database)
    assert await states(database) == {(OF_HUB, "vol-1"): "LEFT_OUT", (OF_HUB, "vol-2"): "LEFT_OUT"}


async def test_what_was_said_to_be_done_is_not_held_against_an_older_word(database: Database, owner: Database) -> None:
    await keep(database, owner, used("vol-1"))
    old = datetime.now(UTC) - timedelta(days=1)
    await advise(database, {HUB: [[said("vol-1", refreshed_at=old)]]})
    await looked(database)
    async with owner.write(None) as session:
        await session.execute(
            text("UPDATE recommendations SET state = 'RESOLVED', resolution = 'SAID_DONE', resolved_at = now()")
        )
    await looked(database)
    assert await states(database) == {(OF_HUB, "vol-1"): "SAID_DONE"}
    assert (await ledger(database))[OF_HUB, "vol-1"]["proved_at"] is None
    await tell_unread(Held(database), ORGANIZATION, ACCOUNT, EXPIRED)
    assert {row["problem"]["code"] for row in (await readings(database)).values()} == {"CREDENTIALS"}
    await advise(database, {HUB: [[said("vol-1", refreshed_at=datetime.now(UTC) + timedelta(hours=1))]]})
    await looked(database)
    assert await states(database) == {(OF_HUB, "vol-1"): "OPEN"}


async def test_a_preview_tells_what_the_look_behind_the_change_does(database: Database, owner: Database) -> None:
    await keep(database, owner, used("vol-1"), used("vol-2"), lone("vol-3"))
    await advise(database, {HUB: [[said("vol-1"), said("vol-2", "2"), said("vol-3", "2")]]})
    await looked(database)

    def dearer(before: Tuning) -> Tuning:
        return replace(before, settings=replace(before.settings, minimum_saving=Decimal(3)))

    found = await preview_rule(database, ORGANIZATION, PreviewAsked(OF_HUB, dearer))
    assert found.resources == 3
    assert (found.totals.gained.count, found.totals.lost.count, found.totals.lost.potential) == (0, 1, Decimal(2))
    other = await preview_rule(database, ORGANIZATION, PreviewAsked(OF_OPTIMIZER, dearer))
    assert (other.resources, other.totals.lost.count) == (0, 0)


@pytest.mark.parametrize(
    ("word", "found", "same"),
    [
        ("RESIZE", "RESIZE", True),
        ("RESIZE", "DELETE", True),
        ("REVIEW", "CONFIGURE", True),
        ("RESIZE", "REVIEW", False),
        ("DELETE", "CONFIGURE", False),
    ],
)
def test_which_opinions_are_on_the_same_matter(word: str, found: str, *, same: bool) -> None:
    assert speaks_of_the_same(Remedy(word), Remedy(found)) is same


async def test_only_the_account_itself_is_spoken_of(database: Database, owner: Database) -> None:
    await keep(database, owner, used("vol-1"))
    await advise(database, {HUB: [[said("vol-1")]]})
    await looked(database)
    rows = await ledger(database)
    assert {row["account_id"] for row in rows.values()} == {ACCOUNT}
    async with owner.write(None) as session:
        await session.execute(text("UPDATE accounts SET disconnected_at = now()"))
    for _ in range(2):
        await looked(database)
        assert await states(database) == {(OF_HUB, "vol-1"): "ACCOUNT_GONE"}
