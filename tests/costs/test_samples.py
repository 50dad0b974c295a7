"""The samples: made by their generator, free of gaps, and true to the rules of FOCUS."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from app.costs.conformance import ConformanceNotes, Gap
from app.costs.focus import FOCUS_COLUMNS
from app.costs.imports.content import row_identities
from app.costs.imports.frames import LINE
from app.costs.imports.parts import Part
from app.costs.providers import resource_key
from app.providers.registry import cloud
from app.records import Provider

ROOT = Path(__file__).parents[2]
COSTS = ROOT / "samples" / "costs.csv"
RESOURCES = ROOT / "samples" / "resources.csv"


@pytest.fixture(scope="module")
def costs() -> list[dict[str, str]]:
    with COSTS.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def resources() -> list[dict[str, str]]:
    with RESOURCES.open(newline="") as file:
        return list(csv.DictReader(file))


def total(rows: list[dict[str, str]], column: str) -> Decimal:
    return sum((Decimal(row[column]) for row in rows), Decimal(0))


def test_the_generator_gives_the_committed_files() -> None:
    command = [sys.executable, "tools/generate_samples.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "resources.csv: up to date\ncosts.csv: up to date\n", done.stderr
    assert done.returncode == 0
    assert COSTS.stat().st_size + RESOURCES.stat().st_size < 3_000_000


def test_every_charge_of_the_sample_is_kept_without_a_gap() -> None:
    notes = ConformanceNotes()
    (found,) = Part(COSTS).frames(notes, None)
    assert (found.issues, found.rejected) == ([], 0)
    assert (notes.accepted, notes.rejected, found.frame.height) == (3_419, 0, 3_419)
    # FOCUS 1.2 has no service and host provider; nothing else is derived, bent or lacking.
    assert {(note.gap, note.column) for note in notes.notes()} == {
        (Gap.DERIVED_VALUE, "ServiceProviderName"),
        (Gap.DERIVED_VALUE, "HostProviderName"),
    }
    content = [column for column in found.frame.columns if column != LINE]
    assert len(set(row_identities(found.frame, content, "samples"))) == 3_419
    assert set(found.frame.get_column(LINE)) == set(range(2, 3_421))


def test_the_charges_have_the_columns_of_focus_1_2(costs: list[dict[str, str]]) -> None:
    assert set(costs[0]) == {column.name for column in FOCUS_COLUMNS if "1.2" in column.versions}
    assert len(costs[0]) == 57
    assert Counter(row["ChargeCategory"] for row in costs) == {
        "Usage": 3_378,
        "Purchase": 32,
        "Tax": 7,
        "Adjustment": 1,
        "Credit": 1,
    }


def test_costs_are_unit_price_times_quantity(costs: list[dict[str, str]]) -> None:
    priced = [row for row in costs if row["PricingQuantity"]]
    assert len(priced) == 3_410
    for row in priced:
        quantity = Decimal(row["PricingQuantity"])
        assert Decimal(row["ListCost"]) == Decimal(row["ListUnitPrice"]) * quantity
        assert Decimal(row["ContractedCost"]) == Decimal(row["ContractedUnitPrice"]) * quantity


def test_commitments_are_paid_once(costs: list[dict[str, str]]) -> None:
    covered = [row for row in costs if row["CommitmentDiscountStatus"]]
    assert {row["BilledCost"] for row in covered} == {"0"}
    assert min(Decimal(row["EffectiveCost"]) for row in covered) > 0
    assert {row["ConsumedQuantity"] for row in covered if row["CommitmentDiscountStatus"] == "Unused"} == {""}
    bought = [row for row in costs if row["ChargeCategory"] == "Purchase"]
    assert {row["EffectiveCost"] for row in bought} == {"0"}
    spend = [row for row in costs if row["CommitmentDiscountCategory"] == "Spend"]
    assert total(spend, "BilledCost") == total(spend, "EffectiveCost") == Decimal("980.32416")


def test_what_belongs_together_is_there_together(costs: list[dict[str, str]]) -> None:
    for row in costs:
        assert bool(row["RegionId"]) == bool(row["RegionName"])
        assert row["SubAccountName"]
        assert bool(row["ConsumedQuantity"]) == bool(row["ConsumedUnit"])
    corrections = [row for row in costs if row["ChargeClass"]]
    assert [(row["ChargeClass"], row["ChargePeriodStart"][:7]) for row in corrections] == [("Correction", "2026-09")]
    assert total(corrections, "BilledCost") < 0
    assert total([row for row in costs if row["ChargeCategory"] == "Credit"], "BilledCost") == -150


def test_every_charge_belongs_to_a_resource_of_the_sample(
    costs: list[dict[str, str]], resources: list[dict[str, str]]
) -> None:
    accounts = {row["resource_id"]: row["account_id"] for row in resources}
    assert len(accounts) == len(resources) == 297
    charged: dict[str, int] = defaultdict(int)
    for row in costs:
        key = resource_key(row["ResourceId"])
        if key in accounts:
            assert row["SubAccountId"] == accounts[key]
            charged[key] += 1
        else:
            assert row["ResourceId"] in {"", row["CommitmentDiscountId"]}
    assert all(resource_key(id_) == id_ for id_ in accounts)
    idle = [row["status"] for row in resources if row["resource_id"] not in charged]
    assert set(idle) == {"stopped", "PowerState/deallocated", "TERMINATED"}


def test_the_resources_are_of_three_clouds_and_show_waste(resources: list[dict[str, str]]) -> None:
    assert {row["provider"] for row in resources} == {Provider.AWS, Provider.AZURE, Provider.GCP}
    statuses = Counter(row["status"] for row in resources)
    assert [statuses[name] for name in ("stopped", "PowerState/deallocated", "TERMINATED")] == [3, 3, 1]
    assert statuses["Unattached"] == 3
    assert sum(row["tags"] == "" for row in resources) == 49


@pytest.mark.parametrize("provider", [Provider.AWS, Provider.AZURE, Provider.GCP])
def test_the_resources_are_of_types_that_scans_store(provider: Provider, resources: list[dict[str, str]]) -> None:
    collectors = [one for service in cloud(provider).services() for one in service.collectors]
    stored = {name for collector in collectors for name in collector.resource_types}
    assert {row["resource_type"] for row in resources if row["provider"] == provider} <= stored
