"""Deliveries into the store: exact in every roll-up, the same again no change, a newer one in place of the older."""

from __future__ import annotations

import asyncio
import gzip
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import pytest
from sqlalchemy import text

from app.activity.record import RECORDED
from app.costs.imports import run
from app.costs.imports.run import import_files
from app.database import Database
from app.records.costs import ImportMode, ImportSource, ImportSourceKind, ImportState
from tests.costs.deliveries import ROLL_UPS
from tests.costs.imports.deliveries import ACTOR, ORGANIZATION, charge, deliver, rows_of, sums, sums_of, write

MONTH = [charge(number) for number in range(1, 61)]


async def assert_sums(database: Database, rows: list[dict[str, str]]) -> None:
    """Charges and every roll-up come to the same as the rows."""
    found = await sums(database)
    assert found == dict.fromkeys(("charges", *ROLL_UPS), sums_of(rows))


async def test_a_delivery_is_exact_in_every_roll_up(database: Database, tmp_path: Path) -> None:
    outcome = await deliver(database, write(tmp_path / "a.csv", MONTH))
    assert (outcome.state, outcome.received, outcome.added, outcome.rejected) == (ImportState.SUCCEEDED, 60, 60, 0)
    assert outcome.billed_cost == {"USD": sums_of(MONTH)[0]}
    await assert_sums(database, MONTH)
    by_service = await rows_of(
        database, "SELECT service_name, sum(billed_cost) FROM service_monthly GROUP BY 1 ORDER BY 1"
    )
    expected = [(name, sums_of(r for r in MONTH if r["ServiceName"] == name)[0]) for name in
                ("Service 0", "Service 1", "Service 2")]  # fmt: skip
    assert by_service == expected


async def test_the_same_delivery_again_is_no_change(database: Database, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", MONTH)
    await deliver(database, path)
    before = await rows_of(database, "SELECT import_period_id, line_no FROM charges ORDER BY 1, 2")
    outcome = await deliver(database, path)
    told = "The dataset has this very content already, and all of it counts: nothing was changed."
    assert (outcome.state, outcome.message) == (ImportState.UNCHANGED, told)
    assert await rows_of(database, "SELECT import_period_id, line_no FROM charges ORDER BY 1, 2") == before
    assert await rows_of(database, "SELECT kind FROM activity_events") == [("COSTS_INGESTED",)]


async def test_a_restated_month_takes_the_place_of_the_old_one(database: Database, tmp_path: Path) -> None:
    """Only the billing account and period that it speaks of; what was said before is kept as a total."""
    other = [charge(number, BillingAccountId="2222") for number in range(100, 110)]
    september = {"BillingPeriodStart": "2026-09-01T00:00:00Z", "BillingPeriodEnd": "2026-10-01T00:00:00Z",
                 "ChargePeriodStart": "2026-09-03T00:00:00Z", "ChargePeriodEnd": "2026-09-04T00:00:00Z"}  # fmt: skip
    older = [charge(number, **september) for number in range(200, 205)]
    await deliver(database, write(tmp_path / "a.csv", MONTH + other + older))
    restated = [charge(number, BilledCost="1.25") for number in range(1, 31)]
    outcome = await deliver(database, write(tmp_path / "b.csv", restated))
    assert (outcome.state, outcome.added) == (ImportState.SUCCEEDED, 30)
    await assert_sums(database, restated + other + older)
    history = await rows_of(
        database,
        "SELECT status, finality, charge_count, billed_cost FROM cost_import_periods "
        "WHERE billing_account_id = '1111' AND billing_period_start = '2026-10-01' ORDER BY id",
    )
    assert history == [
        ("SUPERSEDED", "FINAL", 60, sums_of(MONTH)[0]),
        ("ACTIVE", "PROVISIONAL", 30, Decimal("37.5")),
    ]


async def test_an_import_that_ends_while_its_progress_is_saved_has_succeeded(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def be_slow(info: dict[Any, Any]) -> None:
        if RECORDED in info:
            await asyncio.sleep(0.3)  # between the commit of the import and its end

    monkeypatch.setattr(run, "SAVE_SECONDS", 0.02)
    database.commit_listeners.append(be_slow)
    assert (await deliver(database, write(tmp_path / "a.csv", MONTH))).state is ImportState.SUCCEEDED


async def test_datasets_do_not_replace_each_other(database: Database, tmp_path: Path) -> None:
    await deliver(database, write(tmp_path / "a.csv", MONTH))
    await deliver(database, write(tmp_path / "b.csv", MONTH[:10]), dataset="others")
    await assert_sums(database, MONTH + MONTH[:10])


async def test_organizations_share_no_ids_of_resources(database: Database, tmp_path: Path) -> None:
    """An index of charges begins with them: who is billed for the same names must not make it longer for others."""
    path, other = write(tmp_path / "a.csv", MONTH), UUID(int=77)
    source = ImportSource(ImportSourceKind.FILE, names=("a.csv",))
    await deliver(database, path)
    await import_files(database, other, ACTOR, [path], dataset="bills", mode=ImportMode.REPLACE, source=source)
    found = []
    for organization_id in (ORGANIZATION, other):
        async with database.read(organization_id) as session:
            rows = await session.execute(text("SELECT DISTINCT resource_dim_id FROM charges"))
            found.append(set(rows.scalars()) - {0})
    mine, theirs = found
    assert len(mine) == len(theirs) > 1
    assert not mine & theirs


async def test_appended_rows_add_up_and_overlap_without_harm(database: Database, tmp_path: Path) -> None:
    twice = [*MONTH[:20], MONTH[0]]
    first = await deliver(database, write(tmp_path / "a.csv", twice), mode=ImportMode.APPEND)
    assert (first.added, first.unchanged) == (21, 0), "equal rows of one delivery are two charges"
    second = await deliver(database, write(tmp_path / "b.csv", [*MONTH[10:], MONTH[0]]), mode=ImportMode.APPEND)
    assert (second.added, second.unchanged) == (40, 11)
    await assert_sums(database, [*MONTH, MONTH[0]])
    periods = await rows_of(database, "SELECT charge_count, status FROM cost_import_periods")
    assert periods == [(61, "ACTIVE")], "one period goes on"


async def test_amounts_beyond_the_importers_columns_are_rolled_up_exactly(database: Database, tmp_path: Path) -> None:
    """PostgreSQL folds what has more than 15 digits before the point or 20 behind it: to the same sums."""
    rows = [*MONTH, charge(61, BilledCost="12345678901234567890.123456789012345678901234567"),
            charge(62, EffectiveCost="0.00000000000000000000000000001")]  # fmt: skip
    for mode, dataset in ((ImportMode.REPLACE, "a"), (ImportMode.APPEND, "b")):
        outcome = await deliver(database, write(tmp_path / "a.csv", rows), mode=mode, dataset=dataset)
        assert (outcome.state, outcome.added) == (ImportState.SUCCEEDED, 62), outcome.message
    await deliver(database, write(tmp_path / "c.csv", MONTH[:3]), mode=ImportMode.APPEND, dataset="b")
    await assert_sums(database, rows + rows)


async def test_both_ways_of_folding_agree(database: Database, tmp_path: Path) -> None:
    """The roll-ups of the importer's columns against the same by SQL, row by row."""
    await deliver(database, write(tmp_path / "a.csv", MONTH), dataset="columns")
    long = [{**row, "BilledCost": row["BilledCost"] + "000000000000000000"} for row in MONTH]
    await deliver(database, write(tmp_path / "b.csv", long), dataset="sql")
    for table in ("cost_daily", "service_daily", "tag_daily", "resource_monthly"):
        found = await rows_of(
            database,
            f"SELECT p.dataset, to_jsonb(r) - 'import_period_id' - 'billed_cost', r.billed_cost FROM {table} r "  # noqa: S608
            "JOIN cost_import_periods p ON p.id = r.import_period_id ORDER BY 2",
        )
        sides = [[row[1:] for row in found if row[0] == dataset] for dataset in ("columns", "sql")]
        assert sides[0] == sides[1]
        assert len(sides[0]) >= 8


async def test_bad_rows_are_kept_apart_with_their_lines(database: Database, tmp_path: Path) -> None:
    rows = [*MONTH, charge(61, BilledCost="1,5"), charge(62, ChargePeriodEnd="")]
    outcome = await deliver(database, write(tmp_path / "a.csv", rows))
    assert (outcome.state, outcome.received, outcome.added, outcome.rejected) == (ImportState.SUCCEEDED, 62, 60, 2)
    await assert_sums(database, MONTH)
    found = await rows_of(
        database, "SELECT file_name, line_number, column_name, value, reason FROM import_rejects ORDER BY number"
    )
    reason = "BilledCost has a comma that may be a decimal comma: write it with a decimal point and without separators"
    assert found == [
        ("a.csv", 62, "BilledCost", "1,5", reason),
        ("a.csv", 63, "ChargePeriodEnd", None, "ChargePeriodEnd is null"),
    ]


async def test_too_many_bad_rows_change_nothing(database: Database, tmp_path: Path) -> None:
    await deliver(database, write(tmp_path / "a.csv", MONTH))
    bad = [charge(number, BilledCost="?") for number in range(1, 7)]
    outcome = await deliver(database, write(tmp_path / "b.csv", MONTH[:54] + bad))
    assert outcome.state is ImportState.REJECTED
    assert outcome.message == (
        "6 of 60 rows (10.0 %) cannot be read, more than the 5 % that are accepted, so nothing was changed. "
        "The first: b.csv 56: BilledCost is not a number."
    )
    await assert_sums(database, MONTH)
    assert await rows_of(database, "SELECT count(*) FROM import_rejects") == [(6,)]
    accepted = await deliver(database, write(tmp_path / "b.csv", MONTH[:54] + bad), reject_share=0.1)
    assert accepted.state is ImportState.SUCCEEDED
    await assert_sums(database, MONTH[:54])


@pytest.mark.parametrize("form", ["gzip", "parquet", "folder", "manifest", "jsonl"])
async def test_every_form_of_a_delivery_is_the_same(database: Database, tmp_path: Path, form: str) -> None:
    one, two = tmp_path / "data", tmp_path / "data" / "part-2.csv"
    one.mkdir()
    plain = write(one / "part-1.csv", MONTH[:25])
    if form == "gzip":
        path = one / "all.csv.gz"
        path.write_bytes(gzip.compress(write(tmp_path / "all.csv", MONTH).read_bytes()))
    elif form == "parquet":
        path = one / "all.parquet"
        amounts = ["BilledCost", "EffectiveCost", "ListCost", "ContractedCost"]
        pl.DataFrame(MONTH).with_columns(pl.col(amounts).replace("", None).cast(pl.Decimal(38, 18))).write_parquet(path)
    elif form == "jsonl":
        path = one / "all.jsonl"
        pl.DataFrame(MONTH).write_ndjson(path)
    else:
        write(two, MONTH[25:])
        path = one
        if form == "manifest":
            path = one / "Export-Manifest.json"
            path.write_text(f'{{"dataFiles": ["s3://bucket/x/{plain.name}", "s3://bucket/x/{two.name}"]}}')
    outcome = await deliver(database, path)
    assert (outcome.state, outcome.added, outcome.message) == (ImportState.SUCCEEDED, 60, None)
    await assert_sums(database, MONTH)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "a.csv, line 1: the file is empty"),
        (b"PK\x03\x04zip", "a.csv, line 1: the file is a ZIP archive: unpack it or use gzip; "),
        (b"PAR1nothing more", "a.csv: the file is no whole Parquet file"),
        (gzip.compress(b"BilledCost\n1\n" * 1000, mtime=0)[:-20], "a.csv, line"),
        (b"BilledCost,billed_cost\n1,2\n", "a.csv, line 1: the column BilledCost is given more than once"),
        (b"no gzip at all", "a.csv, line 1: the header names no column of FOCUS, such as BilledCost: give"),
        (b"name;size\na;1\n", "a.csv, line 1: the header names no column of FOCUS, such as BilledCost: give"),
        (b"[1]", "a.csv, line 1: the file is a JSON array: write one object a line (JSON Lines)"),
    ],
)
async def test_an_unreadable_file_is_told_and_changes_nothing(
    database: Database, tmp_path: Path, content: bytes, message: str
) -> None:
    await deliver(database, write(tmp_path / "good.csv", MONTH))
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    outcome = await deliver(database, path)
    assert outcome.state is ImportState.FAILED
    assert outcome.message is not None
    assert outcome.message.startswith(message)
    await assert_sums(database, MONTH)


async def test_without_the_importers_role_charges_come_through_a_temporary_table(
    database: Database, owner: Database, tmp_path: Path
) -> None:
    """A managed PostgreSQL whose owner may not make a role that passes by row security."""
    async with owner.engine.begin() as connection:
        name = (await connection.execute(text("SELECT current_database()"))).scalar_one()
        login = (await connection.execute(text("SELECT current_user"))).scalar_one()
        await connection.execute(text("CREATE ROLE plain_login LOGIN IN ROLE skyledger_app"))
    try:
        url = owner.engine.url.set(username="plain_login", database=name)
        plain = Database.connect(url.render_as_string(hide_password=False))
        try:
            outcome = await deliver(plain, write(tmp_path / "a.csv", MONTH))
        finally:
            await plain.close()
    finally:
        async with owner.engine.begin() as connection:
            await connection.execute(text(f'REASSIGN OWNED BY plain_login TO "{login}"'))
            await connection.execute(text("DROP ROLE plain_login"))
    assert (outcome.state, outcome.added) == (ImportState.SUCCEEDED, 60)
    await assert_sums(database, MONTH)


async def test_readers_see_one_delivery_or_the_other(database: Database, tmp_path: Path) -> None:
    """While a month is imported again and again, each read has the sums of one delivery in every table."""
    versions = [MONTH, [charge(number, BilledCost="2.5", EffectiveCost="1") for number in range(1, 41)]]
    paths = [write(tmp_path / f"{place}.csv", rows) for place, rows in enumerate(versions)]
    await deliver(database, paths[0])
    allowed = [sums_of(rows) for rows in versions]
    seen: set[int] = set()
    done = asyncio.Event()

    async def look() -> None:
        while not done.is_set():
            found = set((await sums(database)).values())
            assert len(found) == 1, "all tables say the same"
            seen.add(allowed.index(found.pop()))

    readers = [asyncio.create_task(look()) for _ in range(4)]
    for turn in range(1, 9):
        outcome = await deliver(database, paths[turn % 2])
        assert outcome.state is ImportState.SUCCEEDED
    done.set()
    await asyncio.gather(*readers)
    assert seen == {0, 1}


async def test_rows_cannot_come_on_top_of_a_whole_delivery(database: Database, tmp_path: Path) -> None:
    """The rows of the delivery have no identities: they would count twice."""
    await deliver(database, write(tmp_path / "a.csv", MONTH))
    outcome = await deliver(database, write(tmp_path / "b.csv", MONTH[:2]), mode=ImportMode.APPEND)
    assert outcome.state is ImportState.FAILED
    assert outcome.message is not None
    assert outcome.message.startswith("The dataset bills has 2026-10 of billing account 1111 as a whole delivery")
    await assert_sums(database, MONTH)


async def test_a_file_read_in_another_way_is_another_delivery(database: Database, tmp_path: Path) -> None:
    bare = [{name: value for name, value in row.items() if name != "BillingCurrency"} for row in MONTH]
    path = write(tmp_path / "a.csv", bare)
    await deliver(database, path, billing_currency="EUR")
    outcome = await deliver(database, path, billing_currency="USD")
    assert outcome.state is ImportState.SUCCEEDED
    assert await rows_of(database, "SELECT DISTINCT billing_currency FROM focus_charges") == [("USD",)]
    assert (await deliver(database, path, billing_currency="USD")).state is ImportState.UNCHANGED


async def test_a_number_is_the_same_however_it_is_written(database: Database, tmp_path: Path) -> None:
    for spelling in ("1.50", "1.500", "1.5"):
        path = write(tmp_path / f"{spelling}.csv", [charge(1, BilledCost=spelling, ListUnitPrice=spelling)])
        await deliver(database, path, mode=ImportMode.APPEND)
    assert await rows_of(database, "SELECT count(*), sum(billed_cost) FROM charges") == [(1, Decimal("1.5"))]
    assert await rows_of(database, "SELECT count(*) FROM sku_dims") == [(1,)]


async def test_sums_beyond_the_columns_are_exact(database: Database, tmp_path: Path) -> None:
    """3,000 amounts of 15 digits: each fits into the importer's columns, their sum does not."""
    rows = [charge(1, BilledCost="999999999999999") for _ in range(3_000)]
    outcome = await deliver(database, write(tmp_path / "a.csv", rows))
    assert outcome.billed_cost == {"USD": Decimal(2_999_999_999_999_997_000)}
    await assert_sums(database, rows)


async def test_a_bill_in_two_datasets_is_noted(database: Database, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", MONTH)
    await deliver(database, path)
    await deliver(database, path, dataset="explorer")
    notes = await rows_of(database, "SELECT conformance FROM cost_imports WHERE dataset = 'explorer'")
    told = [note for note in notes[0][0] if note["kind"] == "also in another dataset"]
    assert [(note["detail"], note["rows"]) for note in told] == [("2026-10 of 1111 is in dataset bills too", 60)]


async def test_names_too_long_for_an_index_are_cut_in_its_keys_only(database: Database, tmp_path: Path) -> None:
    long = [charge(1, ServiceName="s" * 2_000, ProviderName="é" * 1_000)]
    assert (await deliver(database, write(tmp_path / "a.csv", long))).state is ImportState.SUCCEEDED
    await assert_sums(database, long)
    assert await rows_of(database, "SELECT length(service_name) FROM focus_charges") == [(2_000,)]


async def test_charges_of_too_many_months_are_refused(database: Database, tmp_path: Path) -> None:
    rows = [
        charge(1, ChargePeriodStart=f"{2001 + n // 12}-{n % 12 + 1:02}-01T00:00:00Z", ChargePeriodEnd="2040-01-01")
        for n in range(121)
    ]
    outcome = await deliver(database, write(tmp_path / "a.csv", rows))
    assert outcome.state is ImportState.FAILED
    assert outcome.message == "The charges begin in more than 120 different months: are their dates right?"


async def test_new_months_and_dimensions_of_imports_at_once(database: Database, tmp_path: Path) -> None:
    """Two imports that need the same new partitions, and the same dimensions in opposite order, both end well."""
    for year in (2011, 2012, 2013):
        days = {"ChargePeriodStart": f"{year}-01-01T00:00:00Z", "ChargePeriodEnd": f"{year}-01-02T00:00:00Z"}
        rows = [charge(number, ServiceName=f"{year}-{number}", **days) for number in range(1, 41)]
        paths = [write(tmp_path / f"{year}-a.csv", rows), write(tmp_path / f"{year}-b.csv", rows[::-1])]
        outcomes = await asyncio.gather(
            *(deliver(database, path, dataset=f"{year}-{place}") for place, path in enumerate(paths))
        )
        assert [outcome.state for outcome in outcomes] == [ImportState.SUCCEEDED] * 2


async def test_finality(database: Database, tmp_path: Path) -> None:
    """A period is final when it is long over, unless this delivery restated it; the same once more settles it."""
    await deliver(database, write(tmp_path / "a.csv", MONTH))
    path = write(tmp_path / "b.csv", MONTH[:50])
    await deliver(database, path)
    active = "SELECT finality FROM cost_import_periods WHERE status = 'ACTIVE'"
    assert await rows_of(database, active) == [("PROVISIONAL",)]
    assert (await deliver(database, path)).state is ImportState.UNCHANGED
    assert await rows_of(database, active) == [("FINAL",)]
    appended = write(tmp_path / "c.csv", MONTH[:1])
    await deliver(database, appended, mode=ImportMode.APPEND, dataset="other")
    await deliver(database, write(tmp_path / "d.csv", MONTH[1:2]), mode=ImportMode.APPEND, dataset="other")
    assert await rows_of(database, f"{active} AND dataset = 'other'") == [("PROVISIONAL",)]
