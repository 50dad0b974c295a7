"""What a cost source is told, by kind: checked with words that help."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from app.errors import BadUserInputError
from app.models import now
from app.records.cost_sources import CostSourceKind
from app.records.cron import shortest_interval

LONGEST_PATH = 1_024
MOST_GIGABYTES = 1_000_000
SHORTEST_INTERVAL = 3_600
"""Seconds: providers deliver at most a few times a day, and a question to Cost Explorer costs 0.01 USD."""
FIELDS = {
    CostSourceKind.AWS_DATA_EXPORT: "awsDataExport",
    CostSourceKind.AWS_COST_EXPLORER: "awsCostExplorer",
    CostSourceKind.AZURE_EXPORT: "azureExport",
    CostSourceKind.BIGQUERY: "bigQuery",
}
"""The field of the input for each kind."""
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION = re.compile(r"[a-z]{2,8}(-[a-z0-9]+){1,4}")
# https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftstorage
_STORAGE_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_CONTAINER = re.compile(r"[a-z0-9](?:-?[a-z0-9]){2,62}")
_TABLE = re.compile(r"[a-z][a-z0-9.:-]{1,62}[a-z0-9]\.[A-Za-z0-9_]{1,1024}\.[A-Za-z0-9_-]{1,1024}")
_PROJECT = re.compile(r"[a-z][a-z0-9.:-]{1,62}[a-z0-9]")
_LOCATION = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,40}")
_MONTH = re.compile(r"20\d{2}-(0[1-9]|1[0-2])")

Settings = dict[str, Any]


def checked_settings(kind: CostSourceKind, given: Mapping[str, Any]) -> Settings:
    """The settings of a source, without what is None. Raises BadUserInputError with the place of what is wrong."""
    check = _CHECKS[kind]
    return {name: value for name, value in check(given).items() if value is not None}


def checked_since(month: str | None) -> str | None:
    """A month as `2026-01`, or None. Raises BadUserInputError."""
    if month is not None and not _MONTH.fullmatch(month):
        message = f"`since` is {month[:20]!r}; it must be a month such as 2026-01."
        raise BadUserInputError(message, path=("input", "since"))
    return month


def check_interval(cron: str, time_zone: str) -> None:
    """Raise BadUserInputError where a source would run more often than once an hour."""
    if shortest_interval(cron, time_zone, now()) < SHORTEST_INTERVAL:
        message = (
            f"`cron` {cron!r} runs more often than once an hour. Providers deliver costs a few times a day at most: "
            "`15 5 * * *` is every day at 05:15, `15 */6 * * *` every six hours."
        )
        raise BadUserInputError(message, path=("input", "cron"))


def _aws_data_export(given: Mapping[str, Any]) -> Settings:
    kind = CostSourceKind.AWS_DATA_EXPORT
    return {
        "bucket": _matched(kind, given, "bucket", _BUCKET, "a bucket's name, such as acme-costs, without s3://"),
        "prefix": _folder(kind, given, "prefix", "the export's folder, which holds `data` and `metadata`"),
        "region": _optional(kind, given, "region", _REGION, "a region of AWS, such as eu-central-1"),
    }


def _aws_cost_explorer(given: Mapping[str, Any]) -> Settings:
    return {"netCosts": True if given.get("net_costs") else None}


def _azure_export(given: Mapping[str, Any]) -> Settings:
    kind = CostSourceKind.AZURE_EXPORT
    return {
        "storageAccount": _matched(
            kind,
            given,
            "storage_account",
            _STORAGE_ACCOUNT,
            "a storage account's name, such as acmecosts, without a host",
        ),
        "container": _matched(kind, given, "container", _CONTAINER, "a container's name, such as exports"),
        "path": _folder(kind, given, "path", "the export's folder, which holds folders such as 20261001-20261031"),
    }


def _bigquery(given: Mapping[str, Any]) -> Settings:
    kind, gigabytes = CostSourceKind.BIGQUERY, given.get("most_gigabytes")
    if gigabytes is not None and not 1 <= gigabytes <= MOST_GIGABYTES:
        raise _wrong(kind, "most_gigabytes", f"1 to {MOST_GIGABYTES:,}: gigabytes that one query may read")
    return {
        "table": _matched(kind, given, "table", _TABLE, "project.dataset.table, such as acme.billing.focus"),
        "jobProject": _optional(kind, given, "job_project", _PROJECT, "the id of the project that pays for queries"),
        "location": _optional(kind, given, "location", _LOCATION, "the dataset's location, such as EU or europe-west1"),
        "mostBytes": None if gigabytes is None else gigabytes * 10**9,
    }


_CHECKS: Mapping[CostSourceKind, Callable[[Mapping[str, Any]], Settings]] = {
    CostSourceKind.AWS_DATA_EXPORT: _aws_data_export,
    CostSourceKind.AWS_COST_EXPLORER: _aws_cost_explorer,
    CostSourceKind.AZURE_EXPORT: _azure_export,
    CostSourceKind.BIGQUERY: _bigquery,
}


def _matched(kind: CostSourceKind, given: Mapping[str, Any], name: str, pattern: re.Pattern[str], what: str) -> str:
    value = str(given.get(name) or "").strip()
    if not pattern.fullmatch(value):
        raise _wrong(kind, name, what)
    return value


def _optional(
    kind: CostSourceKind, given: Mapping[str, Any], name: str, pattern: re.Pattern[str], what: str
) -> str | None:
    return None if given.get(name) is None else _matched(kind, given, name, pattern, what)


def _folder(kind: CostSourceKind, given: Mapping[str, Any], name: str, what: str) -> str:
    """A folder's path without slashes around it; an empty one is the root."""
    value = str(given.get(name) or "").strip().strip("/")
    parts = value.split("/") if value else []
    if len(value) > LONGEST_PATH or not value.isprintable() or any(part in {"", ".", ".."} for part in parts):
        raise _wrong(kind, name, what)
    return value


def _wrong(kind: CostSourceKind, name: str, what: str) -> BadUserInputError:
    head, *rest = name.split("_")
    field = head + "".join(word.title() for word in rest)
    return BadUserInputError(f"`{field}` must be {what}.", path=("input", FIELDS[kind], field))
