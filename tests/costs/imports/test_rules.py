"""FOCUS's rules between columns, as imports tell of them, and the release of FOCUS that an import's columns speak."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from app.costs.conformance import Gap
from app.costs.focus import FOCUS_COLUMNS, VERSIONS
from app.database import Database
from app.records.costs import ImportMode, ImportState
from tests.costs.deliveries import EXAMPLES
from tests.costs.imports.deliveries import charge, deliver, rows_of, write
from tests.sourcing.conftest import importing
from tests.sourcing.importing import Importing

__all__ = ["importing"]  # fixtures

Values = dict[str, str]


def priced(cost: str, price: str, quantity: str, **more: str) -> tuple[Values, Values]:
    """The same amounts at list and at contracted prices."""
    return (
        {"ListCost": cost, "ListUnitPrice": price, "PricingQuantity": quantity, **more},
        {"ContractedCost": cost, "ContractedUnitPrice": price, "PricingQuantity": quantity, **more},
    )


LIST, CONTRACTED = zip(
    priced("2", "1", "3"),
    priced("3.00001", "1", "3"),
    priced("-3", "1", "3"),
    priced("3000004", "1000000", "3"),
    priced("0.01", "0", "3"),
    strict=True,
)
LIST_FINE, CONTRACTED_FINE = zip(
    priced("3", "1", "3"),
    priced("3.0000005", "1", "3"),
    priced("-3", "1", "-3"),
    priced("3000000.5", "1000000", "3"),
    priced("0.0000005", "0", "3"),
    priced("2", "1", "3", ChargeClass="Correction"),
    priced("", "1", "3"),
    priced("2", "", "3"),
    priced("2", "1", ""),
    strict=True,
)
COMMITTED: Final = {"CommitmentDiscountId": "ri-1"}
USED: Final = {**COMMITTED, "CommitmentDiscountStatus": "Used", "BilledCost": "0"}
UNUSED: Final = {**COMMITTED, "CommitmentDiscountStatus": "Unused", "BilledCost": "0"}
Rule = tuple[str, str, tuple[Values, ...], tuple[Values, ...]]
RULES: tuple[Rule, ...] = (
    (
        "ServiceSubcategory",
        "not one that FOCUS has below the ServiceCategory",
        (
            {"ServiceCategory": "Compute", "ServiceSubcategory": "Block Storage"},
            {"ServiceCategory": "Compute", "ServiceSubcategory": "Nonsense"},
        ),
        (
            {"ServiceCategory": "Storage", "ServiceSubcategory": "Block Storage"},
            {"ServiceCategory": "Compute", "ServiceSubcategory": "Other (Compute)"},
            {"ServiceCategory": "Compute", "ServiceSubcategory": ""},
        ),
    ),
    ("ListCost", "not ListUnitPrice times PricingQuantity", LIST, LIST_FINE),
    ("ContractedCost", "not ContractedUnitPrice times PricingQuantity", CONTRACTED, CONTRACTED_FINE),
    *(
        (
            f"{name}Name",
            f"given although {name}Id is null",
            ({f"{name}Id": "", f"{name}Name": "a"},),
            ({f"{name}Id": "1", f"{name}Name": "a"}, {f"{name}Id": "", f"{name}Name": ""}),
        )
        for name in ("Region", "SubAccount", "CommitmentDiscount", "Resource")
    ),
    (
        "CommitmentDiscountStatus",
        "given although CommitmentDiscountId is null",
        ({**USED, "CommitmentDiscountId": ""}, {**UNUSED, "CommitmentDiscountId": ""}),
        (USED, UNUSED, COMMITTED, {}),
    ),
    (
        "ConsumedQuantity",
        "given although the commitment was unused",
        ({**UNUSED, "ConsumedQuantity": "1"}, {**UNUSED, "ConsumedQuantity": "0"}),
        (UNUSED, {**USED, "ConsumedQuantity": "1"}, {"ConsumedQuantity": "1"}),
    ),
    (
        "EffectiveCost",
        "not 0 on the purchase of a commitment",
        (
            {**COMMITTED, "ChargeCategory": "Purchase", "EffectiveCost": "1"},
            {**COMMITTED, "ChargeCategory": "Purchase", "EffectiveCost": "-0.001"},
        ),
        (
            {**COMMITTED, "ChargeCategory": "Purchase", "EffectiveCost": "0"},
            {**COMMITTED, "ChargeCategory": "Purchase", "EffectiveCost": ""},
            {**COMMITTED, "ChargeCategory": "Usage", "EffectiveCost": "1"},
            {"ChargeCategory": "Purchase", "EffectiveCost": "1"},
        ),
    ),
    (
        "BilledCost",
        "not 0 on usage that a commitment covers",
        ({**USED, "BilledCost": "0.0001"}, {**USED, "BilledCost": "-1"}),
        (
            USED,
            {**USED, "BilledCost": "0.00"},
            {**USED, "BilledCost": "1", "ChargeClass": "Correction"},
            {**USED, "BilledCost": "1", "ChargeCategory": "Tax"},
            {**UNUSED, "BilledCost": "1"},
            {**COMMITTED, "BilledCost": "1"},
        ),
    ),
    (
        "EffectiveCost",
        "not above 0 on usage that a commitment covers",
        ({**USED, "EffectiveCost": "0"}, {**USED, "EffectiveCost": "-0.5"}),
        (
            {**USED, "EffectiveCost": "0.00001"},
            {**USED, "EffectiveCost": ""},
            {**USED, "EffectiveCost": "-0.5", "ChargeClass": "Correction"},
            {**UNUSED, "EffectiveCost": "0"},
            {**COMMITTED, "EffectiveCost": "0"},
        ),
    ),
)
NAMES: Final = tuple(column.name for column in FOCUS_COLUMNS if column.name != "PublisherName")


def rows_with(cases: list[Values]) -> list[Values]:
    """A charge for each case, with all columns."""
    return [{**dict.fromkeys(NAMES, ""), **charge(number, **{"ListCost": "", **values})}
            for number, values in enumerate(cases, 1)]  # fmt: skip


async def broken(database: Database) -> list[dict[str, Any]]:
    """What the imports that are stored say of rules."""
    found = await rows_of(database, "SELECT conformance FROM cost_imports")
    return [note for (notes,) in found for note in notes if note["kind"] == "broken rule"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule[0]} {rule[1]}")
async def test_a_rule_is_told_of_the_rows_that_break_it(database: Database, tmp_path: Path, rule: Rule) -> None:
    column, detail, wrong, fine = rule
    path = write(tmp_path / "a.csv", rows_with([*fine, *wrong]))
    outcome = await deliver(database, path)
    assert (outcome.state, outcome.added, outcome.rejected) == (ImportState.SUCCEEDED, len(wrong) + len(fine), 0)
    told = {"kind": "broken rule", "column": column, "detail": detail, "rows": len(wrong), "firstRow": len(fine) + 2}
    assert await broken(database) == [told]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
async def test_rows_that_keep_every_rule_are_not_told_of(database: Database, tmp_path: Path, form: str) -> None:
    rows = rows_with([case for _, _, _, fine in RULES for case in fine])
    path = write(tmp_path / "a.csv", rows)
    if form == "jsonl":
        path = tmp_path / "a.jsonl"
        path.write_text("\n".join(json.dumps(row) for row in rows))
    outcome = await deliver(database, path)
    assert (outcome.state, outcome.added) == (ImportState.SUCCEEDED, len(rows))
    assert await broken(database) == []


async def test_the_graph_tells_of_every_broken_rule(importing: Importing, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", rows_with([case for _, _, wrong, _ in RULES for case in wrong]))
    found = await importing.imported(path.read_bytes())
    told = [note for note in found["conformanceNotes"] if note["kind"] == "broken rule"]
    line, expected = 2, []
    for column, detail, wrong, _ in RULES:
        expected.append({"kind": "broken rule", "column": column, "detail": detail, "rows": len(wrong),
                         "firstRow": line})  # fmt: skip
        line += len(wrong)
    assert told == sorted(expected, key=lambda note: (note["column"], note["detail"]))
    assert (found["state"], found["focusVersion"]) == ("SUCCEEDED", "1.4")


async def test_the_graph_says_how_many_notes_there_are(importing: Importing, tmp_path: Path) -> None:
    """It lists 200; of the values that are kept apart, what comes after the first thousand notes is one."""
    few = await importing.imported(write(tmp_path / "a.csv", rows_with([{}])).read_bytes())
    assert few["conformanceNoteCount"] == len(few["conformanceNotes"])
    for values, more in ((300, 300), (1_200, 1_000)):
        rows = rows_with([{"ServiceCategory": f"Class {number}"} for number in range(values)])
        many = await importing.imported(write(tmp_path / "b.csv", rows).read_bytes())
        assert (many["state"], len(many["conformanceNotes"])) == ("SUCCEEDED", 200)
        assert more <= many["conformanceNoteCount"] <= more + len(Gap)


async def test_rules_are_counted_over_all_parts_of_a_delivery(database: Database, tmp_path: Path) -> None:
    """A row by itself, several files, rows that are appended: each is looked at once."""
    cases = [case for _, _, wrong, _ in RULES for case in wrong]
    half = len(cases) // 2
    paths = [
        write(tmp_path / name, rows_with(some))
        for name, some in (("a.csv", cases[:half]), ("b.csv", cases[half:]))
    ]  # fmt: skip
    await deliver(database, *paths, mode=ImportMode.APPEND)
    expected = {(column, detail): len(wrong) for column, detail, wrong, _ in RULES}
    assert {(note["column"], note["detail"]): note["rows"] for note in await broken(database)} == expected


@pytest.mark.parametrize("folder", ["commitment_discount_scenarios", "commitment_discount_flexibility"])
async def test_the_worked_examples_of_commitments_keep_the_rules_of_commitments(
    database: Database, folder: str
) -> None:
    if not EXAMPLES.exists():
        pytest.skip(f"the examples are not at {EXAMPLES}")
    for place, path in enumerate(sorted((EXAMPLES / folder).glob("*.csv"))):
        outcome = await deliver(database, path, dataset=f"d{place}", billing_currency="USD", reject_share=0.5)
        assert outcome.state is ImportState.SUCCEEDED, (path.name, outcome.message)
    assert [note for note in await broken(database) if note["column"] in {"BilledCost", "EffectiveCost"}] == []


def of_version(version: str) -> list[Values]:
    """A charge with every column of a release, and no other."""
    row = {**dict.fromkeys((column.name for column in FOCUS_COLUMNS), ""), **charge(1)}
    return [{column.name: row[column.name] for column in FOCUS_COLUMNS if version in column.versions}]


async def releases(database: Database) -> dict[str, str]:
    """The release of FOCUS of each import, by dataset."""
    return {dataset: str(version) for dataset, version in await rows_of(
        database, "SELECT dataset, focus_version FROM cost_imports")}  # fmt: skip


async def test_the_release_is_the_oldest_with_all_columns(database: Database, tmp_path: Path) -> None:
    for version in VERSIONS:
        rows = of_version(version)
        lines = tmp_path / f"{version}.jsonl"
        lines.write_text(json.dumps(rows[0]) + "\n")
        for path in (write(tmp_path / f"{version}.csv", rows), lines):
            outcome = await deliver(database, path, dataset=path.name)
            assert (outcome.state, outcome.added) == (ImportState.SUCCEEDED, 1), outcome.message
    expected = {f"{version}.{form}": version for version in VERSIONS for form in ("csv", "jsonl")}
    assert await releases(database) == expected


async def test_one_column_of_a_later_release_is_enough(database: Database, tmp_path: Path) -> None:
    cases = {
        "none": ((), "1.0"),
        "unknown": (("x_InvoiceId", "Stray"), "1.0"),
        "subcategory": (("ServiceSubcategory",), "1.1"),
        "invoice": (("InvoiceId",), "1.2"),
        "table": (("sku_meter", "x_Note"), "1.1"),
        "graph": (("allocatedTags",), "1.3"),
        "several": (("InvoiceDetailId", "SkuMeter"), "1.4"),
    }
    for dataset, (columns, _) in cases.items():
        row = {**charge(1), **dict.fromkeys(columns, "")}
        await deliver(database, write(tmp_path / f"{dataset}.csv", [row]), dataset=dataset)
    assert await releases(database) == {dataset: version for dataset, (_, version) in cases.items()}


@pytest.mark.parametrize("order", [1, -1])
async def test_the_release_is_that_of_all_files_together(database: Database, tmp_path: Path, order: int) -> None:
    paths = [write(tmp_path / f"{version}.csv", of_version(version)) for version in ("1.0", "1.2", "1.1")]
    await deliver(database, *paths[::order])
    assert await releases(database) == {"bills": "1.2"}
