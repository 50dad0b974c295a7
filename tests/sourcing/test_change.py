"""What a cost source may be told, and what is said of everything else."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from app.costs.ingest import ingest_charges
from app.errors import BadUserInputError, ConflictError, NotFoundError
from app.models import new_id
from app.records.cost_sources import CostSourceKind
from app.sourcing.change import delete_source, update_source
from app.sourcing.settings import checked_settings
from app.sourcing.since import first_month
from tests.sourcing.works import ADA, Works

EXPORT, EXPLORER = CostSourceKind.AWS_DATA_EXPORT, CostSourceKind.AWS_COST_EXPLORER
AZURE, BIGQUERY = CostSourceKind.AZURE_EXPORT, CostSourceKind.BIGQUERY


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        (EXPORT, {"bucket": "b-1", "prefix": "/a/b/", "region": None}, {"bucket": "b-1", "prefix": "a/b"}),
        (
            EXPORT,
            {"bucket": "abc", "prefix": "", "region": "us-gov-west-1"},
            {"bucket": "abc", "prefix": "", "region": "us-gov-west-1"},
        ),
        (EXPLORER, {"net_costs": False}, {}),
        (EXPLORER, {"net_costs": True}, {"netCosts": True}),
        (
            AZURE,
            {"storage_account": " acmecosts ", "container": "exports", "path": "a"},
            {"storageAccount": "acmecosts", "container": "exports", "path": "a"},
        ),
        (
            BIGQUERY,
            {"table": "acme-x.billing.focus_1", "job_project": None, "location": "EU", "most_gigabytes": 5},
            {"table": "acme-x.billing.focus_1", "location": "EU", "mostBytes": 5_000_000_000},
        ),
    ],
)
def test_settings_are_kept_as_they_are_used(kind: CostSourceKind, given: dict[str, Any], kept: dict[str, Any]) -> None:
    assert checked_settings(kind, given) == kept


@pytest.mark.parametrize(
    ("kind", "given", "path", "message"),
    [
        (EXPORT, {"bucket": "s3://acme"}, "bucket", "`bucket` must be a bucket's name, such as acme-costs"),
        (EXPORT, {"bucket": "a..b"}, "bucket", "a bucket's name"),
        (EXPORT, {"bucket": "abc", "prefix": "a//b"}, "prefix", "which holds `data` and `metadata`"),
        (EXPORT, {"bucket": "abc", "prefix": "a/../b"}, "prefix", "the export's folder"),
        (EXPORT, {"bucket": "abc", "prefix": "a\x00"}, "prefix", "the export's folder"),
        (EXPORT, {"bucket": "abc", "prefix": "a" * 1_025}, "prefix", "the export's folder"),
        (EXPORT, {"bucket": "abc", "prefix": "", "region": "Frankfurt"}, "region", "such as eu-central-1"),
        (AZURE, {"storage_account": "acme.blob.core.windows.net"}, "storageAccount", "without a host"),
        (AZURE, {"storage_account": "acme", "container": "a--b"}, "container", "such as exports"),
        (BIGQUERY, {"table": "billing.focus"}, "table", "project.dataset.table"),
        (BIGQUERY, {"table": "a-b.c.d`; DROP"}, "table", "project.dataset.table"),
        (BIGQUERY, {"table": "acme.b.c", "most_gigabytes": 0}, "mostGigabytes", "`mostGigabytes` must be 1 to"),
        (BIGQUERY, {"table": "acme.b.c", "job_project": "?"}, "jobProject", "pays for queries"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_place(
    kind: CostSourceKind, given: dict[str, Any], path: str, message: str
) -> None:
    with pytest.raises(BadUserInputError) as told:
        checked_settings(kind, given)
    assert message in told.value.message
    assert (told.value.path[0], told.value.path[-1]) == ("input", path)


def test_without_a_month_thirteen_are_wanted() -> None:
    assert first_month(None, datetime(2026, 11, 22, tzinfo=UTC)) == datetime(2025, 10, 1, tzinfo=UTC)
    assert first_month(None, datetime(2026, 1, 1, tzinfo=UTC)) == datetime(2024, 12, 1, tzinfo=UTC)
    assert first_month("2026-03", datetime(2026, 11, 22, tzinfo=UTC)) == datetime(2026, 3, 1, tzinfo=UTC)


async def test_a_source_is_made_with_its_event(works: Works) -> None:
    source = await works.create()
    assert (source["kind"], source["settings"]) == (
        "AWS_DATA_EXPORT",
        {"bucket": "acme-costs", "prefix": "finops/focus"},
    )
    (event,) = await works.events("COST_SOURCE_CREATED")
    assert (event["subject_type"], event["subject_id"]) == ("CostSource", source["id"])
    assert event["data"] == {
        "name": "focus",
        "kind": "AWS_DATA_EXPORT",
        "dataset": "default",
        "cron": "15 5 * * *",
        "timeZone": "UTC",
        "accountId": str(works.account_id),
        "enabled": True,
    }


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"cron": "*/5 * * * *"}, BadUserInputError, "more often than once an hour"),
        ({"cron": "61 * * * *"}, BadUserInputError, "`cron` has a wrong minute"),
        ({"time_zone": "Berlin"}, BadUserInputError, "no IANA time zone"),
        ({"since": "October"}, BadUserInputError, "it must be a month such as 2026-01"),
        ({"since": "2026-13"}, BadUserInputError, "it must be a month"),
        ({"name": " "}, BadUserInputError, "`name`"),
        ({"dataset": ""}, BadUserInputError, "`dataset`"),
        ({"account_id": new_id()}, NotFoundError, "no such account"),
        (
            {"configuration": (BIGQUERY, {"table": "acme.b.c"})},
            BadUserInputError,
            "`bigQuery` is for accounts of GCP; this one is of AWS.",
        ),
    ],
)
async def test_what_is_wrong_is_told(
    works: Works, values: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        await works.create(**values)
    assert await works.rows("SELECT count(*) FROM cost_sources") == [(0,)]
    assert await works.events() == []


async def test_an_account_has_one_source_for_each_dataset(works: Works) -> None:
    await works.create()
    with pytest.raises(ConflictError, match="named 'focus' already"):
        await works.create(dataset="other")
    with pytest.raises(ConflictError, match="into the dataset 'default' already: two would replace each other's"):
        await works.create(name="explorer", configuration=(EXPLORER, {}))
    values: dict[str, Any] = {"name": "explorer", "configuration": (EXPLORER, {})}
    with pytest.raises(ConflictError, match="two would replace each other's"):
        await works.create(**values, overlaps=True)
    other = await works.create(**values, dataset="explorer", overlaps=True)
    with pytest.raises(ConflictError, match="two would replace each other's"):
        await update_source(works.database, works.organization_id, ADA, other["id"], dataset="default")
    with pytest.raises(ConflictError, match="named 'focus' already"):
        await update_source(works.database, works.organization_id, ADA, other["id"], name="focus")


@pytest.mark.parametrize("second", [(EXPLORER, {}), (EXPORT, {"bucket": "acme-costs", "prefix": "other"})])
async def test_a_second_source_of_an_account_is_refused_for_its_bill_would_count_twice(
    works: Works, second: tuple[CostSourceKind, dict[str, Any]]
) -> None:
    await works.create()
    values = {"name": "second", "configuration": second, "dataset": "second"}
    with pytest.raises(ConflictError) as told:
        await works.create(**values)
    assert "by 'focus' (AWS_DATA_EXPORT, dataset 'default')" in told.value.message
    assert "the same bill twice" in told.value.message
    assert "`overlaps: true`" in told.value.message
    assert await works.rows("SELECT name FROM cost_sources") == [("focus",)]
    made = await works.create(**values, overlaps=True)
    assert made["dataset"] == "second"
    events = await works.events("COST_SOURCE_CREATED")
    assert [event["data"].get("overlaps") for event in events] == [None, True]


async def test_costs_that_are_in_the_bill_of_another_account_are_not_asked_of_cost_explorer(works: Works) -> None:
    charge = {
        "BilledCost": "1.5",
        "BillingCurrency": "USD",
        "BillingAccountId": "999999999999",
        "SubAccountId": "123456789012",
        "ChargePeriodStart": "2026-10-01T00:00:00Z",
        "ChargePeriodEnd": "2026-10-02T00:00:00Z",
    }
    explorer: dict[str, Any] = {"name": "explorer", "configuration": (EXPLORER, {}), "dataset": "explorer"}
    await ingest_charges(works.database, works.organization_id, ADA, [(1, charge)])
    with pytest.raises(ConflictError, match="in the bill of 999999999999") as told:
        await works.create(**explorer)
    assert "`overlaps: true`" in told.value.message
    assert await works.rows("SELECT count(*) FROM cost_sources") == [(0,)]
    await works.create(**explorer, overlaps=True)
    assert [event["data"].get("overlaps") for event in await works.events("COST_SOURCE_CREATED")] == [True]


async def test_of_two_first_sources_at_once_one_is_refused(works: Works) -> None:
    made = await asyncio.gather(
        *(works.create(name=name, dataset=name) for name in ("one", "two")), return_exceptions=True
    )
    assert sorted(isinstance(each, ConflictError) for each in made) == [False, True]
    assert await works.rows("SELECT count(*) FROM cost_sources") == [(1,)]


async def test_after_a_change_of_its_place_everything_is_fetched_again(works: Works) -> None:
    works.deliver("2026-10", "1")
    source = await works.create()
    await works.run(source)
    same = (EXPORT, {"bucket": "acme-costs", "prefix": "/finops/focus/"})
    await update_source(works.database, works.organization_id, ADA, source["id"], configuration=same, name="n")
    assert (await works.run(source))["unchanged"] == 1
    await update_source(works.database, works.organization_id, ADA, source["id"], dataset="finops")
    assert (await works.run(source))["imported"] == 1
    assert works.recorder.taken[-1][0] == "finops"
    with pytest.raises(BadUserInputError, match="The source is a AWS_DATA_EXPORT: send `awsDataExport`"):
        await update_source(works.database, works.organization_id, ADA, source["id"], configuration=(EXPLORER, {}))


async def test_what_is_not_there_cannot_be_changed(works: Works) -> None:
    source = await works.create()
    deleted = await delete_source(works.database, works.organization_id, ADA, source["id"])
    assert deleted["name"] == "focus"
    for act in (update_source, delete_source):
        with pytest.raises(NotFoundError, match="no such cost source"):
            await act(works.database, works.organization_id, ADA, source["id"])
    kinds = [event["kind"] for event in await works.events()]
    assert kinds == ["COST_SOURCE_CREATED", "COST_SOURCE_DELETED"]
