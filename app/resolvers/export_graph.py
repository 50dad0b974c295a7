"""The graph as exports read it: the same server as for callers, in a worker, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import orjson
from graphql import GraphQLEnumType, GraphQLField, GraphQLScalarType, get_nullable_type

from app.context import Runtime
from app.errors import AuthenticationError, BadUserInputError, ErrorCode, UnavailableError
from app.models import new_id
from app.records import Permission, Principal
from app.records.exports import (
    ColumnKind,
    ExportCaller,
    ExportColumn,
    ExportEndedError,
    ExportPage,
    PageLaterError,
    PageSource,
    PageTooLargeError,
)
from app.resolvers.export_queries import checked_query
from app.resolvers.roots import make_schema
from app.resolvers.serving import EXPORT, make_context, make_costs
from app.server.identity import OperationFacts
from app.server.limits import Limits
from app.server.masking import Fault, Refusal
from app.server.operations import GraphQLServer
from app.server.paged_queries import AFTER, COUNTED, SIZE, PagedQuery
from app.server.parameters import OperationRequest
from app.server.permitted import READ_ONLY

_KINDS: Final = {
    "Int": ColumnKind.INTEGER,
    "BigInt": ColumnKind.INTEGER,
    "Float": ColumnKind.REAL,
    "Boolean": ColumnKind.TRUTH,
    "DateTime": ColumnKind.MOMENT,
    "Date": ColumnKind.DAY,
    "JSONObject": ColumnKind.JSON,
    "JSON": ColumnKind.JSON,
}


class ExportGraph:
    """Reads pages for exports; see app.records.exports.Graph."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        settings = runtime.settings
        # With the limits and costs of every caller.
        self.server = GraphQLServer(
            make_schema(),
            identify=runtime.authenticator.identify,
            make_context=lambda facts: make_context(runtime, facts),
            limits=Limits.from_settings(settings),
            compiled=settings.compiled_plans,
            make_costs=(lambda schema: make_costs(runtime, schema)) if settings.cost_maximum else None,
        )

    async def open(
        self, organization_id: UUID, caller: ExportCaller, query: str, variables: Mapping[str, Any]
    ) -> PageSource:
        """See app.records.exports.Graph."""
        try:
            paged = checked_query(
                make_schema()._schema,  # noqa: SLF001 - Strawberry names no public way to it
                self._runtime.settings,
                query,
                variables,
            )
        except BadUserInputError as error:
            message = f"The query can no longer be exported: {error.message}"
            raise ExportEndedError(message) from None
        return _Pages(self, organization_id, caller, paged, variables)

    async def principal(self, organization_id: UUID, caller: ExportCaller) -> Principal:
        """The caller as of now, narrowed to the organization. Raises ExportEndedError where nothing is left of it."""
        authenticator = self._runtime.authenticator
        try:
            found = await authenticator.holder_again(session_id=caller.session_id, api_key_id=caller.actor.id)
        except AuthenticationError:
            message = (
                "The sign-in or API key that asked for the export has ended. Start another export; one with an API key "
                "does not depend on a sign-in."
            )
            raise ExportEndedError(message) from None
        grant = found.grants.get(organization_id)
        if grant is None or Permission.ORGANIZATION_READ not in grant.permissions:
            message = "Who asked for the export can no longer read the organization."
            raise ExportEndedError(message)
        return replace(found, grants={organization_id: grant}, is_platform_admin=False)


class _Pages:
    """See app.records.exports.PageSource."""

    def __init__(
        self,
        graph: ExportGraph,
        organization_id: UUID,
        caller: ExportCaller,
        query: PagedQuery,
        variables: Mapping[str, Any],
    ) -> None:
        self._graph, self._organization_id, self._caller = graph, organization_id, caller
        self._query, self._variables = query, variables
        self.columns: Sequence[ExportColumn] = [
            ExportColumn(name, _kind(field)) for name, field in query.columns.items()
        ]

    async def read(self, size: int, after: str | None, *, counted: bool) -> ExportPage:
        """See app.records.exports.PageSource."""
        principal = await self._graph.principal(self._organization_id, self._caller)
        variables = {**self._variables, SIZE: size, AFTER: after, COUNTED: counted}
        facts = OperationFacts(f"export-{new_id()}", principal, None, None, EXPORT)
        try:
            outcome = await self._graph.server.run(
                OperationRequest(self._query.text, variables=variables), facts, allowed=READ_ONLY
            )
        except Refusal as refusal:
            raise _told(refusal.faults) from None
        if outcome.faults:
            raise _told(outcome.faults)
        return self._page(orjson.loads(outcome.payload)["data"])

    def _page(self, data: dict[str, Any]) -> ExportPage:
        found: Any = data
        for key in self._query.path:
            found = found[key]
            if found is None:
                message = (
                    f"`{key}` is null: there is no such object, or it is out of reach. Check the query's arguments."
                )
                raise ExportEndedError(message)
        end = found["pageInfo"]
        return ExportPage(found["nodes"], end["hasNextPage"], end["endCursor"], found.get("totalCount"))


def _told(faults: Sequence[Fault]) -> Exception:
    """What the errors of a page mean for its export."""
    codes = {fault.code for fault in faults}
    if ErrorCode.RATE_LIMITED in codes:
        waits = [fault.extensions["retryAfter"] for fault in faults if "retryAfter" in fault.extensions]
        return PageLaterError(float(max(waits))) if waits else PageTooLargeError()
    if ErrorCode.TIMEOUT in codes:
        return PageTooLargeError()
    if codes & {ErrorCode.INTERNAL_SERVER_ERROR, ErrorCode.SERVICE_UNAVAILABLE}:
        message = "A page of the connection could not be read."
        return UnavailableError(message, retryAfter=1)
    places = [f"{'.'.join(map(str, fault.path))}: {fault.message}" if fault.path else fault.message for fault in faults]
    return ExportEndedError(" ".join(places))


def _kind(field: GraphQLField) -> ColumnKind:
    type_ = get_nullable_type(field.type)
    if isinstance(type_, GraphQLScalarType):
        return _KINDS.get(type_.name, ColumnKind.TEXT)
    return ColumnKind.TEXT if isinstance(type_, GraphQLEnumType) else ColumnKind.JSON
