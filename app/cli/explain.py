"""`skyledger explain`: how a query is run, level by level, with its statements and what PostgreSQL expects of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from asyncpg import PostgresError, Record
from rich.table import Table
from sqlalchemy import event

from app.cli.migrate import complaint_about_tables
from app.cli.operator import operator_of
from app.cli.terminal import engines_of, errors, fail, out, settings_or_exit
from app.config import Settings
from app.database import Database
from app.embedded import EngineUrls
from app.errors import SkyledgerError
from app.main import make_runtime
from app.repositories.organizations import organization_by_slug
from app.resolvers.roots import make_schema
from app.resolvers.serving import make_context
from app.row_door import RowDoor, Tenant
from app.server import GraphQLServer, OperationFacts, OperationRequest
from app.server.limits import Limits
from app.server.masking import Refusal

_SHOWN_SQL = 400
_OF_THE_DOORS = ("SET ", "SELECT app_set_org")
"""How statements begin that only enter a tenant."""


def run_explain(file: Path, organization: str, variables: str, operation: str | None) -> None:
    """Run the query of a file for an organization, and tell how that was done."""
    if not file.is_file():
        message = f"{file} is no file."
        raise fail(message)
    try:
        values = orjson.loads(variables)
        request = OperationRequest(file.read_text("utf-8"), operation, values, {"plan": True})
    except (orjson.JSONDecodeError, UnicodeDecodeError):
        message = f"`--variables` must be a JSON object, and {file} text in UTF-8."
        raise fail(message) from None
    settings = settings_or_exit()
    with engines_of(settings) as engines:
        complaint = complaint_about_tables(settings, engines.urls)
        if complaint is not None:
            raise fail(complaint)
        try:
            asyncio.run(_explain(settings, engines.urls, organization, request))
        except SkyledgerError as error:
            raise fail(error.message) from None


async def _explain(settings: Settings, urls: EngineUrls, slug: str, request: OperationRequest) -> None:
    runtime = make_runtime(settings, urls)
    try:
        async with runtime.database.system() as session:
            found = await organization_by_slug(session, slug)
        if found is None:
            message = f"there is no organization with the slug {slug!r}."
            raise fail(message)
        server = GraphQLServer(
            make_schema(),
            identify=runtime.authenticator.identify,
            make_context=lambda facts: make_context(runtime, facts),
            limits=Limits.from_settings(settings),
            may_explain=lambda _: True,
        )
        caller = operator_of(found["id"])
        facts = OperationFacts("explain", caller, client_address=None, user_agent=None, transport="cli")
        with _recorded(runtime.database) as statements:
            try:
                outcome = await server.run(request, facts)
            except Refusal as refusal:
                raise fail(" ".join(fault.message for fault in refusal.faults)) from None
        _tell_plan(orjson.loads(outcome.payload)["extensions"]["plan"])
        for fault in outcome.faults:
            errors.print(f"{'.'.join(map(str, fault.path))}: {fault.message}", markup=False)
        await _tell_statements(runtime.database, found["id"], statements)
    finally:
        await runtime.authenticator.close()
        await runtime.database.close()
        await runtime.valkey.aclose()


class _RecordingDoor:
    """The row door, with its statements noted."""

    def __init__(self, door: RowDoor, statements: list[tuple[str, Sequence[object]]]) -> None:
        self._door, self._statements = door, statements

    async def fetch(self, sql: str, values: Sequence[object], tenant: Tenant) -> list[Record]:
        self._statements.append((sql, values))
        return await self._door.fetch(sql, values, tenant)


@contextmanager
def _recorded(database: Database) -> Iterator[list[tuple[str, Sequence[object]]]]:
    """The statements of both doors with their values, while the block lasts."""
    statements: list[tuple[str, Sequence[object]]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Sequence[object], *_: Any) -> None:
        if not statement.startswith(_OF_THE_DOORS):
            statements.append((statement, values))

    door = database.rows
    database.rows = _RecordingDoor(door, statements)  # type: ignore[assignment]  # all that a reader calls
    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)
        database.rows = door


def _tell_plan(plan: dict[str, Any]) -> None:
    if not plan["compiled"]:
        out.print(f"Run by graphql-core: {plan['reason']}.", markup=False)
        return
    table = Table("field", "kind", "reads", title="Plan")
    for step in sorted(plan["steps"], key=lambda step: step["path"]):
        *above, name = step["path"].split(".")
        table.add_row(f"{'  ' * len(above)}{name}", step["kind"], step["detail"])
    out.print(table)
    kinds = Counter(step["kind"] for step in plan["steps"])
    out.print(", ".join(f"{count} {kind}" for kind, count in kinds.most_common()), markup=False)


async def _tell_statements(
    database: Database, organization_id: UUID, statements: Sequence[tuple[str, Sequence[object]]]
) -> None:
    """Each statement with PostgreSQL's own estimate for the values that it had."""
    table = Table("#", "statement", "estimated cost", "rows", title=f"Statements ({len(statements)})")
    for number, (sql, values) in enumerate(statements, 1):
        text = " ".join(sql.split())
        shown = text if len(text) <= _SHOWN_SQL else f"{text[:_SHOWN_SQL]} …"
        try:
            rows = await database.fetch(f"EXPLAIN (FORMAT JSON) {sql}", values, organization_id=organization_id)
            (estimate,) = orjson.loads(rows[0][0])
            plan = estimate["Plan"]
            table.add_row(str(number), shown, f"{plan['Total Cost']:,.0f}", f"{plan['Plan Rows']:,}")
        except (PostgresError, SkyledgerError, OSError) as error:
            table.add_row(str(number), shown, f"not known: {error}", "")
    out.print(table)
