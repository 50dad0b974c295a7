"""Azure Resource Graph: queries over one subscription, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from azure.mgmt.resourcegraph import ResourceGraphClient
from azure.mgmt.resourcegraph.models import QueryRequest, QueryRequestOptions, QueryResponse

from app.providers.azure.errors import bad_answer, in_our_words, no_graph
from app.providers.azure.patience import IDEMPOTENT
from app.providers.problems import ProblemCode, ProviderError

PAGE = 1000
"""Rows a page, the most that Resource Graph gives."""
Document = dict[str, Any]


class ResourceGraph:
    """Reads one subscription."""

    def __init__(self, client: ResourceGraphClient, subscription_id: str) -> None:
        self._client = client
        self._subscription_id = subscription_id

    def pages(self, query: str, reading: str) -> Iterator[list[Document]]:
        """The rows of a query, at most 1,000 at a time. `reading` names them in errors.

        The query must order its rows and tell their `id`, or Resource Graph does not page. Raises ProviderError:
        BAD_ANSWER when the answer repeats itself or ends before all rows are told, so that what was not told is
        not taken for deleted.
        """
        token: str | None = None
        tokens: set[str] = set()
        told, announced = 0, None
        previous: list[Any] = []
        while True:
            answer = self._answer(query, token, reading)
            rows = _rows(answer, reading)
            ids = [row.get("id") for row in rows]
            if rows and ids == previous:
                raise bad_answer(reading, "the same page came twice")
            told += len(rows)
            total = int(answer.total_records)
            # Rows may come and go while we read: the smallest total is what must have been told.
            announced = total if announced is None else min(announced, total)
            yield rows
            token = answer.skip_token
            if not token:
                break
            if token in tokens:
                raise bad_answer(reading, "the same skip token came twice")
            tokens.add(token)
            previous = ids
        if str(answer.result_truncated) == "true" or told < announced:
            raise bad_answer(reading, f"it ends after {told} of {announced} rows")

    def _answer(self, query: str, token: str | None, reading: str) -> QueryResponse:
        request = QueryRequest(
            query=query,
            subscriptions=[self._subscription_id],
            options=QueryRequestOptions(top=PAGE, skip_token=token, result_format="objectArray"),
        )
        try:
            with in_our_words(reading):
                return self._client.resources(request, retry_on_methods=IDEMPOTENT)
        except ProviderError as error:
            if error.code is ProblemCode.NOT_ENABLED:
                raise no_graph() from None
            raise


def _rows(answer: QueryResponse | None, reading: str) -> list[Document]:
    """The rows of an answer, if it is one."""
    data: Any = answer.data if answer is not None else None
    if answer is None or answer.total_records is None or not isinstance(data, list):
        raise bad_answer(reading, "it holds no rows")
    if not all(isinstance(row, dict) for row in data):
        raise bad_answer(reading, "its rows are no objects")
    return data
