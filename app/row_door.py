"""The shortest way to rows: one reading statement on a connection that mostly shows the right tenant's rows already.

A transaction of `Database.read()` costs three round trips beside its statements. Here the tenant is a setting of the
connection's session, set only when the connection served somebody else before, and a statement is its own transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import structlog

from app.errors import UnavailableError
from app.tasks import end_tasks

QUERY_CANCELED = "57014"  # a statement that took too long says nothing of the server
RETRY_AFTER_SECONDS = 5
WAIT_SECONDS = 10.0  # for a connection when all are busy
MEND_SECONDS = 5.0  # for a cancelled statement to end
CACHED_STATEMENTS = 200  # prepared, in each connection
_ENTER = """SELECT set_config('app.organization_id', $1, false), set_config('app.user_id', $2, false),
    set_config('enable_nestloop', $3, false)"""

Tenant: TypeAlias = tuple[UUID | None, UUID | None]
"""An organization, and the user whose own memberships are seen too."""
NOBODY: Tenant = (None, None)


class _Line:
    """One connection and whose rows it shows: `tenant` is None for as long as that is not certain.

    `by_sets`: its statements are planned as `planning.plan_for_sets` has it.
    """

    __slots__ = ("by_sets", "connection", "tenant")

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.tenant: Tenant | None = None
        self.by_sets = False

    async def fetch(self, sql: str, values: Sequence[object], tenant: Tenant, *, by_sets: bool) -> list[asyncpg.Record]:
        # Unknown until all has gone well: however this is left before, nobody takes the line for a tenant's.
        shown, self.tenant = self.tenant, None
        if shown != tenant or self.by_sets is not by_sets:
            await self.enter(tenant, by_sets=by_sets)
        rows: list[asyncpg.Record] = await self.connection.fetch(sql, *values)
        self.tenant = tenant
        return rows

    async def enter(self, tenant: Tenant, *, by_sets: bool = False, within: float | None = None) -> None:
        """Show this tenant's rows from now on; `within` is in seconds, otherwise as long as any statement may take."""
        organization_id, user_id = tenant
        values = (str(organization_id or ""), str(user_id or ""), "off" if by_sets else "on")
        await self.connection.fetch(_ENTER, *values, timeout=within)
        self.by_sets = by_sets


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
        reading = {"default_transaction_read_only": "on", "jit": "off"}
        self._parameters = {
            **parameters,
            "server_settings": {**parameters["server_settings"], **reading},
            "statement_cache_size": CACHED_STATEMENTS,
        }
        self._places = asyncio.Semaphore(size)
        self._idle: list[_Line] = []  # the longest unused first
        self._mending: set[asyncio.Task[None]] = set()
        self._open = True

    async def fetch(
        self, sql: str, values: Sequence[object], tenant: Tenant, *, by_sets: bool = False
    ) -> list[asyncpg.Record]:
        """The rows of one statement that changes nothing, as this tenant sees them.

        What is lost with a connection that had been open is read once more, on a new one. Raises UnavailableError when
        the database is away or every connection stays busy, else what asyncpg raises.
        """
        await (self._wait() if self._places.locked() else self._places.acquire())
        line = self._idle_line(tenant, by_sets=by_sets)
        try:
            if line is not None:
                try:
                    return await line.fetch(sql, values, tenant, by_sets=by_sets)
                except Exception:
                    if not line.connection.is_closed():
                        raise
                line = None
            line = _Line(await asyncpg.connect(**self._parameters))
            return await line.fetch(sql, values, tenant, by_sets=by_sets)
        except Exception as error:
            lost = line is not None and line.connection.is_closed()
            if lost or isinstance(error, OSError) or says_away(getattr(error, "sqlstate", None)):
                raise unavailable(error) from error
            raise
        finally:
            self._give_back(line)

    async def close(self) -> None:
        """Close the connections; one that is in use closes after its statement."""
        self._open = False
        await end_tasks(*self._mending)
        idle, self._idle = self._idle, []
        await asyncio.gather(*(line.connection.close(timeout=MEND_SECONDS) for line in idle), return_exceptions=True)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._places.acquire()
        except TimeoutError as error:
            raise unavailable(error) from error

    def _idle_line(self, tenant: Tenant, *, by_sets: bool) -> _Line | None:
        """The line that served the tenant so last, else the one that has been idle longest; None when there is none."""
        idle = self._idle
        while idle:
            places = range(len(idle) - 1, -1, -1)
            fitting = next((at for at in places if idle[at].tenant == tenant and idle[at].by_sets is by_sets), 0)
            line = idle.pop(fitting)
            if not line.connection.is_closed():
                return line
        return None

    def _give_back(self, line: _Line | None) -> None:
        if line is not None and not self._open:
            line.connection.terminate()
        if line is None or line.connection.is_closed():
            self._places.release()
        elif line.tenant is None:
            mending = asyncio.get_running_loop().create_task(self._mend(line))
            self._mending.add(mending)
            mending.add_done_callback(self._mending.discard)
        else:
            self._idle.append(line)
            self._places.release()

    async def _mend(self, line: _Line) -> None:
        """After a failed or cancelled statement: see that it has ended, by one more that enters nobody's rows."""
        try:
            await line.enter(NOBODY, within=MEND_SECONDS)
            line.tenant = NOBODY
        except Exception as error:  # noqa: BLE001  (whatever it is, the connection is given up)
            structlog.get_logger(__name__).warning("connection_given_up", error=type(error).__name__)
        finally:
            if line.tenant is None:
                line.connection.terminate()
            self._give_back(line)


def says_away(sqlstate: str | None) -> bool:
    """Whether PostgreSQL is down, starting, stopping or out of connections, rather than the statement being wrong."""
    return (sqlstate or "")[:2] in {"08", "53", "57"} and sqlstate != QUERY_CANCELED


def unavailable(error: Exception) -> UnavailableError:
    """The error for the caller when the database is away, which the log hears of too."""
    structlog.get_logger(__name__).warning("database_away", error=type(error).__name__)
    message = "The database cannot be reached at the moment. Try again in a few seconds."
    return UnavailableError(message, retryAfter=RETRY_AFTER_SECONDS)
