"""Real and official FOCUS data: the anonymised 1.0 sample and the worked examples of the specification."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from app.costs.conformance import ConformanceNotes, Gap
from app.costs.files import RowFile
from app.costs.identity import Occurrences
from app.costs.normalise import NormalisedRow, normalise_row
from app.records import RowIssue

DATA = Path(__file__).parents[3] / "shared" / "data"
SAMPLE = DATA / "focus-sample-data-1.0" / "focus_sample.csv"
EXAMPLES = DATA / "focus_spec_examples" / "specification" / "data"

pytestmark = pytest.mark.skipif(not DATA.exists(), reason=f"the third-party FOCUS data is not at {DATA}")


def normalised(
    path: Path, billing_currency: str | None = None
) -> tuple[list[NormalisedRow], list[RowIssue], ConformanceNotes]:
    notes = ConformanceNotes()
    kept: list[NormalisedRow] = []
    issues: list[RowIssue] = []
    with RowFile(path) as file:
        for batch in file.batches():
            issues += batch.issues
            for number, row in batch.rows:
                found = normalise_row(row, row_number=number, notes=notes, billing_currency=billing_currency)
                if isinstance(found, NormalisedRow):
                    kept.append(found)
                else:
                    issues += found
    return kept, issues, notes


def total(rows: list[NormalisedRow], column: str) -> Decimal:
    amounts = [row.values[column] for row in rows]
    return sum((amount for amount in amounts if isinstance(amount, Decimal)), Decimal(0))


def sum_of_file(path: Path, column: str) -> Decimal:
    """The exact sum of a column, by the csv module and Decimal alone."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        amounts = [row[column].strip().lstrip("$").replace(",", "") for row in csv.DictReader(file)]
    return sum((Decimal(amount) for amount in amounts), Decimal(0))


def test_the_real_sample_is_kept_completely_and_to_the_last_digit() -> None:
    kept, issues, notes = normalised(SAMPLE)
    assert issues == []
    assert (len(kept), notes.accepted, notes.rejected) == (1_000, 1_000, 0)
    assert total(kept, "billed_cost") == sum_of_file(SAMPLE, "BilledCost") == Decimal("20.52022672899")
    assert total(kept, "effective_cost") == sum_of_file(SAMPLE, "EffectiveCost") == Decimal("14.97651418586")
    occurrences = Occurrences()
    assert len({occurrences.identity_with_occurrence(row) for row in kept}) == 1_000


def test_the_oddities_of_the_real_sample_are_normalised_and_noted() -> None:
    kept, _, notes = normalised(SAMPLE)
    assert {row.values["charge_frequency"] for row in kept} == {"Usage-Based", "One-Time"}
    assert sum(row.values["contracted_cost"] is None for row in kept) == 7
    assert sum(row.values["resource_id"] is None for row in kept) == 75
    assert sum(row.values["tags"] is None for row in kept) == 289
    assert {row.values["service_provider_name"] for row in kept} == {"AWS", "Microsoft", "Oracle"}
    assert sum(" org" in tags for row in kept if isinstance(tags := row.values["tags"], dict)) > 0
    assert all(row.extra == {} for row in kept)
    found = {(note.gap, note.column): note.rows for note in notes.notes()}
    assert found[Gap.IGNORED_COLUMN, "Id"] == 1_000
    assert found[Gap.NORMALISED_VALUE, "ChargePeriodStart"] == 1_000
    assert found[Gap.NORMALISED_VALUE, "ChargeFrequency"] == 7
    assert found[Gap.NULL_VALUE, "ContractedCost"] == 7
    assert {column for gap, column in found if gap is Gap.NULL_VALUE} == {"ContractedCost"}
    assert {column for gap, column in found if gap is Gap.MISSING_COLUMN} == set()


def test_every_worked_example_is_kept_with_its_exact_sums() -> None:
    paths = sorted(EXAMPLES.rglob("*.csv"))
    assert len(paths) == 26
    rows = 0
    for path in paths:
        kept, issues, _ = normalised(path, billing_currency="USD")
        assert issues == [], path.name
        for column, name in (("billed_cost", "BilledCost"), ("effective_cost", "EffectiveCost")):
            assert total(kept, column) == sum_of_file(path, name), path.name
        rows += len(kept)
    assert rows == 81


def test_the_examples_of_commitments_do_not_say_their_currency() -> None:
    reasons = {}
    for path in sorted(EXAMPLES.rglob("*.csv")):
        kept, issues, _ = normalised(path)
        if issues:
            assert kept == []
            reasons[path.parent.name, path.stem] = {(issue.column, issue.reason) for issue in issues}
    assert {folder for folder, _ in reasons} == {"commitment_discount_flexibility", "commitment_discount_scenarios"}
    assert len(reasons) == 11
    missing = ("BillingCurrency", "BillingCurrency is missing: give it in the row or for the whole delivery")
    assert all(found == {missing} for found in reasons.values())
