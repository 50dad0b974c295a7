"""Fetches costs from a table or view of FOCUS in BigQuery: one query for each month, page by page to CSV.

https://docs.cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/focus-export
"""

from __future__ import annotations

import concurrent.futures
import csv
import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from google.api_core import exceptions as api
from google.api_core.client_options import ClientOptions
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from google.cloud.bigquery import Client, QueryJobConfig, ScalarQueryParameter
from google.cloud.exceptions import GoogleCloudError

from app.providers.base import Target
from app.providers.cost_exports import (
    Delivery,
    ExportSettings,
    Part,
    Stop,
    StoppedError,
    check_room,
    month_start,
    next_month,
    own_disk,
    part_path,
    reading_costs,
)
from app.providers.gcp.connection import Patience, TokenRequest
from app.providers.gcp.credentials import credentials_of
from app.providers.gcp.endpoints import grpc_endpoint
from app.providers.gcp.errors import GOOGLE_ERRORS, no_sign_in, provider_error
from app.providers.gcp.policy import COST_PERMISSIONS
from app.providers.problems import ProblemCode, ProviderError

BIGQUERY: Final = "bigquery.googleapis.com"
TABLE: Final = re.compile(r"[a-z][a-z0-9.:-]{1,62}[a-z0-9]\.[A-Za-z0-9_]{1,1024}\.[A-Za-z0-9_-]{1,1024}")
"""project.dataset.table, the only text of a customer's that becomes part of a query."""
MOST_BYTES: Final = 200 * 10**9
"""Bytes that a query may read where nothing else is set: about 1.25 USD."""
PAGE_ROWS: Final = 5_000
"""Rows in memory at a time: with 55 columns some 30 MB."""
QUERY_SECONDS: Final = 900.0
_PERIOD: Final = "billingperiodstart"
_COST: Final = "billedcost"
_EXPORT_TIMES: Final = ("x_exporttime", "export_time", "x_ingestiontime")
_LABELS: Final = ("x_projectlabels", "x_tags", "x_labels")
"""What makes up Tags where the table has no such column; the later one wins, as the closer to the resource."""
_THROTTLED: Final = frozenset({"quotaExceeded", "rateLimitExceeded", "jobRateLimitExceeded"})
_TOO_MANY_BYTES: Final = "bytesBilledLimitExceeded"
_REFUSED: Final[Mapping[type[BaseException], tuple[str, str]]] = {
    api.NotFound: (
        "There is no table or view {table}, or it is in another location.",
        "Correct the table or its location with `updateCostSource`.",
    ),
    api.BadRequest: (
        "BigQuery does not accept the query of {table}.",
        "BillingPeriodStart must be a date or TIMESTAMP, BilledCost a number; a table must not require a filter.",
    ),
}
_OUTAGES: Final = frozenset({429, 500, 502, 503, 504})


class BigQueryCosts:
    """A table or view with the columns of FOCUS. `settings`: table, jobProject, location, mostBytes."""

    def __init__(self, target: Target, settings: ExportSettings, patience: Patience | None = None) -> None:
        self._table = str(settings["table"])
        if not TABLE.fullmatch(self._table):
            raise _no_table_name()
        self._most_bytes = int(settings.get("mostBytes") or MOST_BYTES)
        self._patience = patience or Patience()
        # At DEBUG Google's client puts answers into its log records.
        logging.getLogger("google").setLevel(logging.INFO)
        self._request = TokenRequest(self._patience.sign_in)
        make: Any = AuthorizedSession
        self._session = make(credentials_of(target), refresh_timeout=self._patience.sign_in, auth_request=self._request)
        # A redirect could lead to anywhere, and would take the token along.
        self._session.max_redirects = 0
        endpoint = grpc_endpoint(target.endpoints.get("bigquery") or target.endpoints.get("*") or BIGQUERY, "bigquery")
        own = None if "/" in target.native_id else target.native_id
        self._client: Any = Client(
            project=str(settings.get("jobProject") or own or self._table.partition(".")[0]),
            location=settings.get("location"),
            client_options=ClientOptions(
                api_endpoint=f"{'http' if endpoint.is_plaintext else 'https'}://{endpoint.address}"
            ),
            _http=self._session,
        )

    def deliveries(self, since: datetime) -> Iterator[Delivery]:
        """One for each month of the table. Its version: the newest export time, the number of rows, the billed sum."""
        columns = self._columns()
        exported = _first(columns, _EXPORT_TIMES)
        latest = f"MAX(`{columns[exported]}`)" if exported else "CAST(NULL AS TIMESTAMP)"
        # Only names of the table itself stand in the text, and the table's own, which is checked.
        question = (
            f"SELECT FORMAT_DATE('%Y-%m', DATE(`{columns[_PERIOD]}`)) AS month, COUNT(*) AS charges, "  # noqa: S608
            f"{latest} AS exported, CAST(SUM(`{columns[_COST]}`) AS STRING) AS billed FROM `{self._table}` "
            f"WHERE DATE(`{columns[_PERIOD]}`) >= @since GROUP BY month ORDER BY month DESC"
        )
        with self._reading():
            rows = [row for page in self._pages(question, since=since.date()) for row in page]
        for row in rows:
            month = month_start(str(row["month"]))
            if month is not None:
                yield self._delivery(month, row, tuple(columns.values()))

    def fetch(self, delivery: Delivery, folder: Path, stop: Stop) -> list[Path]:
        """See app.providers.cost_exports.CostSource; the file is CSV, what is no scalar in it is JSON."""
        start = delivery.billing_period_start
        (part,) = delivery.parts
        if start is None:
            message = "a delivery of BigQuery is one month"
            raise ValueError(message)
        columns = self._columns()
        question = (
            f"SELECT * FROM `{self._table}` WHERE DATE(`{columns[_PERIOD]}`) >= @since "  # noqa: S608  (as above)
            f"AND DATE(`{columns[_PERIOD]}`) < @until"
        )
        asked: dict[str, date | datetime] = {"since": start.date(), "until": next_month(start).date()}
        exported = _first(columns, _EXPORT_TIMES)
        if exported and delivery.updated_at > start:
            # What was appended since belongs to the next delivery.
            question += f" AND `{columns[exported]}` <= @exported"
            asked["exported"] = delivery.updated_at
        path = part_path(folder, 0, part)
        growing = path.with_name(f"{path.name}.growing")
        with own_disk():
            file = growing.open("w", newline="", encoding="utf-8")
        with file, self._reading():
            self._write(file, question, asked, columns, stop)
        growing.replace(path)
        return [path]

    def close(self) -> None:
        """Let go of sockets."""
        self._client.close()
        self._session.close()
        self._request.session.close()

    def _write(
        self, file: Any, question: str, asked: Mapping[str, Any], columns: Mapping[str, str], stop: Stop
    ) -> None:
        """The rows of a question as CSV. Tags are made up of labels where the table has none."""
        names = list(columns.values())
        labels = [] if "tags" in columns else [columns[name] for name in _LABELS if name in columns]
        writer = csv.writer(file)
        with own_disk():
            writer.writerow([*names, "Tags"] if labels else names)
        for page in self._pages(question, **asked):
            if stop():
                raise StoppedError
            rows = [_texts(row, names, labels) for row in page]
            with own_disk():
                writer.writerows(rows)
            check_room(Path(file.name))

    def _delivery(self, month: datetime, row: Mapping[str, Any], columns: tuple[str, ...]) -> Delivery:
        exported = row["exported"]
        updated_at = exported.astimezone(UTC) if isinstance(exported, datetime) else month
        version = f"{updated_at.isoformat()}/{row['charges']}/{row['billed']}"
        part = Part(f"{self._table.rpartition('.')[2]}-{month:%Y-%m}.csv", None, version)
        return Delivery(f"{month:%Y-%m}", month, (part,), columns, updated_at)

    def _columns(self) -> dict[str, str]:
        """The names of the table's columns, by their small letters."""
        with self._reading():
            table = self._client.get_table(self._table, retry=self._patience.retry, timeout=self._patience.call)
            columns = {field.name.lower(): field.name for field in table.schema}
        missing = [name for name in (_PERIOD, _COST) if name not in columns]
        if missing:
            raise ProviderError(
                ProblemCode.FAILED,
                f"{self._table} is no table of FOCUS: it has no column {' and no '.join(missing)}.",
                "Name the FOCUS export's table, gcp_billing_export_focus_…, or a view with FOCUS's columns.",
                retry=False,
            )
        return columns

    def _pages(self, question: str, **values: date | datetime) -> Iterator[Sequence[Mapping[str, Any]]]:
        """The rows of a question, a page at a time, if it reads no more bytes than it may."""
        parameters = [
            ScalarQueryParameter(name, "TIMESTAMP" if isinstance(value, datetime) else "DATE", value)
            for name, value in values.items()
        ]
        asked: dict[str, Any] = {"retry": self._patience.retry, "timeout": self._patience.call, "job_retry": None}
        trial = self._client.query(
            question, QueryJobConfig(query_parameters=parameters, dry_run=True, use_query_cache=False), **asked
        )
        if (trial.total_bytes_processed or 0) > self._most_bytes:
            raise self._too_many_bytes(trial.total_bytes_processed)
        job = self._client.query(
            question, QueryJobConfig(query_parameters=parameters, maximum_bytes_billed=self._most_bytes), **asked
        )
        answer = job.result(page_size=PAGE_ROWS, retry=self._patience.retry, timeout=QUERY_SECONDS, job_retry=None)
        for page in answer.pages:
            yield [dict(row.items()) for row in page]

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with reading_costs():
            try:
                yield
            except ProviderError:
                raise
            except concurrent.futures.TimeoutError:
                raise ProviderError(
                    ProblemCode.UNREACHABLE,
                    f"BigQuery did not answer a question to {self._table} within {QUERY_SECONDS:g} s.",
                    "See in the project's job history what held the query up; the next run tries again.",
                ) from None
            except (GoogleCloudError, *GOOGLE_ERRORS) as error:
                raise self._told(error) from None

    def _told(self, error: BaseException) -> ProviderError:
        """What Google says of queries and tables, in words that name them."""
        if isinstance(error, GoogleAuthError) and self._request.status in _OUTAGES:
            return no_sign_in()
        reasons = {str(each.get("reason")) for each in getattr(error, "errors", None) or () if isinstance(each, dict)}
        if reasons & _THROTTLED:
            return ProviderError(
                ProblemCode.THROTTLED,
                "BigQuery's quota for queries is used up.",
                "Nothing to do: the next run tries again. If it stays, raise the project's quota of BigQuery.",
            )
        if _TOO_MANY_BYTES in reasons:
            return self._too_many_bytes(None)
        for kind, (message, remedy) in _REFUSED.items():
            if isinstance(error, kind):
                return ProviderError(ProblemCode.FAILED, message.format(table=self._table), remedy, retry=False)
        told = provider_error(error, f"the table {self._table}", None, BIGQUERY)
        if told.code is ProblemCode.DENIED and told.permission is None and "Bind the role" in told.remedy:
            return ProviderError(
                told.code,
                f"Reading {self._table} is not allowed.",
                f"Grant BigQuery Job User in the project {self._client.project} and BigQuery Data Viewer on the table "
                f"to the service account ({', '.join(COST_PERMISSIONS)}).",
                permission=_denied_permission(error),
            )
        return told

    def _too_many_bytes(self, found: int | None) -> ProviderError:
        told = f"{found / 10**9:,.1f} GB" if found else "more"
        return ProviderError(
            ProblemCode.FAILED,
            f"A query of one month would read {told}; the source may read {self._most_bytes / 10**9:,.1f} GB.",
            "Raise `mostGigabytes` of the source if you want to pay for it, or name a table that is partitioned by "
            "month.",
            retry=False,
        )


def _texts(row: Mapping[str, Any], names: Sequence[str], labels: Sequence[str]) -> list[str]:
    texts = [_text(row[name]) for name in names]
    if labels:
        texts.append(_text(_tags(row[name] for name in labels)))
    return texts


def _tags(sources: Iterator[Any]) -> dict[str, Any]:
    """One map of several lists of {Key, Value, x_Inherited}.

    Of several values of a key in a list the first that is not inherited counts, as in the importer.
    """
    tags: dict[str, Any] = {}
    for source in sources:
        entries = [{str(name).lower(): value for name, value in each.items()} for each in source or ()]
        found: dict[str, Any] = {}
        for lower in sorted(entries, key=lambda entry: entry.get("x_inherited") is True):
            if lower.get("key"):
                found.setdefault(str(lower["key"]), lower.get("value"))
        tags |= found
    return tags


def _text(value: Any) -> str:
    """A value as the importer reads it: exact decimals, moments in UTC, JSON for what has parts, '' for null."""
    if value is None:
        return ""
    if isinstance(value, bool | dict | list):
        return json.dumps(value, default=_text, ensure_ascii=False)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return _utc(value).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else str(value)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _first(columns: Mapping[str, str], names: Sequence[str]) -> str | None:
    return next((name for name in names if name in columns), None)


def _denied_permission(error: BaseException) -> str | None:
    """The permission that Google's text names as missing, if it is one of ours."""
    return next((name for name in COST_PERMISSIONS if name in str(error)), None)


def _no_table_name() -> ProviderError:
    return ProviderError(
        ProblemCode.FAILED,
        "The source's table is no name of a table in BigQuery.",
        "Give it as project.dataset.table with `updateCostSource`.",
        retry=False,
    )
