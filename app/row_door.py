"""The shortest way to rows: one reading statement on a connection that mostly shows the right tenant's rows already.

A transaction of `Database.read()` costs three round trips beside its statements. Here the tenant is a setting of the
connection's session, set only when the connection served somebody else before, and a statement is its own transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import structlog

from app import tracing
from app.errors import UnavailableError
from app.tasks import end_tasks
from app.turns import LineFullError, Turns

QUERY_CANCELED = "57014"  # a statement that took too long says nothing of the server
RETRY_AFTER_SECONDS = 5
WAIT_SECONDS = 5.0  # for a connection when all are busy: less than an operation has, so that it can say why
MOST_WAITING = 10_000  # statements: those of the operations that are let in are far fewer
MEND_SECONDS = 5.0  # for a cancelled statement to end
CACHED_STATEMENTS = 200  # prepared, in each connection
_ENTER = """SELECT set_config('app.organization_id', $1, false), set_config('app.user_id', $2, false),
    set_config('plan_cache_mode', $3, false), set_config('enable_nestloop', $4, false)"""


class Planned(Enum):
    """How a statement is planned, by PostgreSQL's plan_cache_mode and enable_nestloop: see app.repositories.planning.

    As PostgreSQL sees fit, for the average organization, or to read many rows of one.
    """

    AS_FITS = ("auto", "on")
    FOR_AVERAGE = ("force_generic_plan", "on")
    BY_SETS = ("auto", "off")


Tenant: TypeAlias = tuple[UUID | None, UUID | None, Planned]
"""An organization, the user whose own memberships are seen too, and how statements are planned."""
NOBODY: Tenant = (None, None, Planned.FOR_AVERAGE)


class _Line:
    """One connection and whose rows it shows: `tenant` is None for as long as that is not certain."""

    __slots__ = ("connection", "tenant")

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.tenant: Tenant | None = None

    async def fetch(self, sql: str, values: Sequence[object], tenant: Tenant) -> list[asyncpg.Record]:
        # Unknown until all has gone well: however this is left before, nobody takes the line for a tenant's.
        shown, self.tenant = self.tenant, None
        if shown != tenant:
            await self.enter(tenant)
        rows: list[asyncpg.Record] = await self.connection.fetch(sql, *values)
        self.tenant = tenant
        return rows

    async def enter(self, tenant: Tenant, *, within: float | None = None) -> None:
        """Show this tenant's rows from now on; `within` is in seconds, otherwise as long as any statement may take."""
        organization_id, user_id, planned = tenant
        values = (str(organization_id or ""), str(user_id or ""), *planned.value)
        await self.connection.fetch(_ENTER, *values, timeout=within)


class RowDoor:
    """A few connections for single reading statements, opened when they are needed.

    Ours and not asyncpg's Pool, which hands a connection back in a task of its own and knows no tenants. A fetch of one
    small row took 20 µs of processor time on a bare connection, 25 here, 42 here when another tenant's turn it was, 35
    through that Pool without any tenant, and 680 in a transaction of `Database.read()`.
    """

    def __init__(self, parameters: Mapping[str, Any], *, size: int) -> None:
        """`parameters` are those of asyncpg.connect, with the `server_settings` of every door."""
        # Statements are prepared once in each connection, and anew after five minutes (asyncpg's own limit): a generic
        # plan from when a table was empty ends then. To compile a plan takes longer than to read a page by it.
        # Moments that are asked for as text are written in one way, whatever the server's configuration says.
        reading = {"default_transaction_read_only": "on", "jit": "off", "datestyle": "ISO"}
        self._parameters = {
            **parameters,
            "server_settings": {**parameters["server_settings"], **reading},
            "statement_cache_size": CACHED_STATEMENTS,
        }
        self._places = Turns(size, waiting=MOST_WAITING)
        self._size, self._busy = size, 0
        self._idle: list[_Line] = []  # the longest unused first
        self._mending: set[asyncio.Task[None]] = set()
        self._open = True

    async def fetch(self, sql: str, values: Sequence[object], tenant: Tenant) -> list[asyncpg.Record]:
        """The rows of one statement that changes nothing, as this tenant sees them; see `_fetch`."""
        if not tracing.is_on():
            return await self._fetch(sql, values, tenant)
        with tracing.statement(sql):
            return await self._fetch(sql, values, tenant)

    async def _fetch(self, sql: str, values: Sequence[object], tenant: Tenant) -> list[asyncpg.Record]:
        """The same, whether anybody wants spans or not.

        A statement has one plan for all organizations where it is planned for the average. Otherwise PostgreSQL plans
        it for the values at hand, or not, as it sees fit.
        What is lost with a connection that had been open is read once more, on a new one. Raises UnavailableError when
        the database is away or every connection stays busy, else what asyncpg raises.
        """
        organization_id = tenant[0]
        if not self._places.enter(organization_id):
            await self._wait(organization_id)
        line = self._idle_line(tenant)
        self._busy += 1
        try:
            if line is not None:
                try:
                    return await line.fetch(sql, values, tenant)
                except Exception:
                    if not line.connection.is_closed():
                        raise
                line = None
            line = _Line(await asyncpg.connect(**self._parameters))
            return await line.fetch(sql, values, tenant)
        except Exception as error:
            lost = line is not None and line.connection.is_closed()
            if lost or isinstance(error, OSError) or says_away(getattr(error, "sqlstate", None)):
                raise unavailable(error) from error
            raise
        finally:
            self._give_back(line, organization_id)

    async def close(self) -> None:
        """Close the connections; one that is in use closes after its statement."""
        self._open = False
        await end_tasks(*self._mending)
        idle, self._idle = self._idle, []
        await asyncio.gather(*(line.connection.close(timeout=MEND_SECONDS) for line in idle), return_exceptions=True)

    async def _wait(self, organization_id: UUID | None) -> None:
        try:
            await self._places.wait(organization_id, WAIT_SECONDS)
        except (TimeoutError, LineFullError) as error:
            raise busy() from error

    def _idle_line(self, tenant: Tenant) -> _Line | None:
        """The line that served the tenant last, else the one that has been idle longest.

        None where one more may be opened, so that those who take turns on a quiet server come to have a line each.
        """
        idle = self._idle
        while idle:
            fitting = next((place for place in range(len(idle) - 1, -1, -1) if idle[place].tenant == tenant), None)
            if fitting is None and len(idle) + self._busy + len(self._mending) < self._size:
                return None
            line = idle.pop(fitting or 0)
            if not line.connection.is_closed():
                return line
        return None

    def _give_back(self, line: _Line | None, organization_id: UUID | None) -> None:
        self._busy -= 1
        if line is not None and not self._open:
            line.connection.terminate()
        if line is None or line.connection.is_closed():
            self._places.leave(organization_id)
        elif line.tenant is None:
            mending = asyncio.get_running_loop().create_task(self._mend(line, organization_id))
            self._mending.add(mending)
            mending.add_done_callback(self._mending.discard)
        else:
            self._idle.append(line)
            self._places.leave(organization_id)

    async def _mend(self, line: _Line, organization_id: UUID | None) -> None:
        """After a failed or cancelled statement: see that it has ended, by one more that enters nobody's rows."""
        try:
            await line.enter(NOBODY, within=MEND_SECONDS)
            line.tenant = NOBODY
        except Exception as error:  # noqa: BLE001  (whatever it is, the connection is given up)
            structlog.get_logger(__name__).warning("connection_given_up", error=type(error).__name__)
        finally:
            if line.tenant is None:
                line.connection.terminate()
            self._busy += 1  # as given back it is no longer
            self._give_back(line, organization_id)


def says_away(sqlstate: str | None) -> bool:
    """Whether PostgreSQL is down, starting, stopping or out of connections, rather than the statement being wrong."""
    return (sqlstate or "")[:2] in {"08", "53", "57"} and sqlstate != QUERY_CANCELED


def unavailable(error: Exception) -> UnavailableError:
    """The error for the caller when the database is away, which the log hears of too."""
    structlog.get_logger(__name__).warning("database_away", error=type(error).__name__)
    message = "The database cannot be reached at the moment. Try again in a few seconds."
    return UnavailableError(message, retryAfter=RETRY_AFTER_SECONDS)


def busy() -> UnavailableError:
    """The error for the caller when every connection to the database stays busy, which the log hears of too."""
    structlog.get_logger(__name__).warning("database_busy")
    message = "All connections to the database are busy. Try again in a few seconds; ask for less at a time."
    return UnavailableError(message, retryAfter=RETRY_AFTER_SECONDS)
