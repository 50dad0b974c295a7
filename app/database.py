"""The doors to PostgreSQL, with the tenant set inside: `read()` and `write()`, one transaction each, and `fetch()`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar
from copy import copy
from typing import Any, Protocol
from uuid import UUID

import asyncpg
import orjson
import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from app.row_door import WAIT_SECONDS, Planned, RowDoor, busy, says_away, unavailable
from app.statement_spans import watch

ENTERED = "database.entered"  # in a session's `info`, once it has its connection
ORGANIZATION = "database.organization"  # in a session's `info`: the organization that it entered last
APP_ROLE = "skyledger_app"
SYSTEM_ROLE = "skyledger_system"
_ENTER = text("SELECT app_set_org(:organization_id), app_set_user(:user_id)")
# The audit asks PostgreSQL what a transaction has changed (app_has_changed), whose figures have in them what those
# before on the connection changed, for up to a second: so each has its figures told at its end.
_TELL = "pg_stat_force_next_flush()"
_ENTER_TO_WRITE = text(f"SELECT app_set_org(:organization_id), app_set_user(:user_id), {_TELL}")
_BEFORE_COMMIT = "database.before_commit"  # in a session's `info`: checks in which rooms wait for each other
Check = Callable[[AsyncSession], Awaitable[None]]
# Told after a commit with the session's `info`, in which rooms leave what others should hear of.
CommitListener = Callable[[dict[Any, Any]], Awaitable[None]]
_SYSTEM = text(f"SELECT set_config('role', '{SYSTEM_ROLE}', true), {_TELL}")
_LEAVE_SYSTEM = text(f"SELECT set_config('role', '{APP_ROLE}', true)")


class Act(Protocol):
    """What somebody does, of which every transaction of it leaves a trace; see `acting`."""

    async def leave_trace(self, session: AsyncSession) -> None:
        """Write the trace: the last statements before the commit. What it raises undoes the transaction."""


_act: ContextVar[Act | None] = ContextVar("act", default=None)
_held: ContextVar[HeldTransaction | None] = ContextVar("held", default=None)


@contextmanager
def acting(act: Act | None) -> Iterator[None]:
    """Have the transactions that the block commits be those of an act."""
    token = _act.set(act)
    try:
        yield
    finally:
        _act.reset(token)


@contextmanager
def _inside() -> Iterator[None]:
    """What is written beside a transaction while it runs is a part of it: it leaves no trace and is held by nothing."""
    act, held = _act.set(None), _held.set(None)
    try:
        yield
    finally:
        _held.reset(held)
        _act.reset(act)


class Database:
    """Connections that all run as the non-owner role, so that row-level security binds every query.

    One pool is for transactions, one of the same size for the row door.
    """

    def __init__(self, engine: AsyncEngine, rows: RowDoor) -> None:
        self.engine = engine
        self.rows = rows
        self.commit_listeners: list[CommitListener] = []

    @classmethod
    def connect(
        cls, url: str, *, role: str | None = APP_ROLE, pool_size: int = 10, statement_seconds: float = 15.0
    ) -> Database:
        """A pool on `url`. Every connection enters `role` at its start; None stays the log-in role, which owns all."""
        settings = {
            "timezone": "UTC",
            "statement_timeout": str(int(statement_seconds * 1000)),
            "idle_in_transaction_session_timeout": "60000",
            "application_name": "skyledger",
        }
        if role is not None:
            settings["role"] = role
        # A server that hangs keeps no statement_timeout: this side gives up a little later than it should have.
        arguments = {"server_settings": settings, "timeout": 10, "command_timeout": statement_seconds + 5}
        engine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=WAIT_SECONDS,
            pool_pre_ping=True,
            hide_parameters=True,  # a failed statement is logged, and its values may be secrets
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
            connect_args=arguments,
        )
        watch(engine.sync_engine)
        _, address = engine.dialect.create_connect_args(engine.url)
        return cls(engine, RowDoor({**address, **arguments}, size=pool_size))

    async def fetch(
        self,
        sql: str,
        values: Sequence[object],
        *,
        organization_id: UUID | None,
        user_id: UUID | None = None,
        for_average: bool = True,
        by_sets: bool = False,
    ) -> list[asyncpg.Record]:
        """The rows of one statement that changes nothing, as one organization sees them: the cheapest way to read.

        The statement is a transaction of its own, with `$1` for the first of the values. numeric comes as Decimal,
        json and jsonb as text. `for_average` says that the plan does not depend on the values, `by_sets` that many rows
        of the organization are read: see app.repositories.planning. Raises UnavailableError when the database is away,
        else what asyncpg raises.
        """
        planned = Planned.BY_SETS if by_sets else Planned.FOR_AVERAGE if for_average else Planned.AS_FITS
        return await self.rows.fetch(sql, values, (organization_id, user_id, planned))

    @asynccontextmanager
    async def read(
        self, organization_id: UUID | None, *, user_id: UUID | None = None, one_state: bool = False
    ) -> AsyncIterator[AsyncSession]:
        """A read-only transaction that sees one organization, and the user's own memberships when given.

        With `one_state` all its statements see the database as the first of them does.
        """
        async with self._session() as session:
            level = "ISOLATION LEVEL REPEATABLE READ, " if one_state else ""
            await session.execute(text(f"SET TRANSACTION {level}READ ONLY"))
            await session.execute(_ENTER, _tenant(organization_id, user_id))
            session.info[ENTERED] = True
            yield session  # leaving closes the session, which rolls back without expiring what was read

    @asynccontextmanager
    async def write(self, organization_id: UUID | None, *, user_id: UUID | None = None) -> AsyncIterator[AsyncSession]:
        """A transaction of one organization: committed on leaving, rolled back when anything is raised.

        Inside `hold` a part of that transaction, which is undone by itself when anything is raised.
        """
        held = _held.get()
        if held is not None and held.open:
            async with held.part() as session:
                await set_tenant(session, organization_id, user_id)
                yield session
            return
        async with self._writing() as session:
            await set_tenant(session, organization_id, user_id)
            session.info[ENTERED] = True
            with _inside():
                yield session

    @asynccontextmanager
    async def hold(self, begin: Callable[[AsyncSession], Awaitable[None]]) -> AsyncIterator[HeldTransaction]:
        """Have all that `write` and `system` do in the block be one transaction, which is committed on leaving it.

        It opens with the first of them, after what `begin(session)` does in it, so that nothing waits before. What must
        stay although the block fails, such as a count of tries, has no place in it.
        """
        held = HeldTransaction(self._writing, begin)
        token = _held.set(held)
        try:
            async with held.stack:
                yield held
        finally:
            held.open = False  # a task that was started in the block may outlive it
            _held.reset(token)

    @asynccontextmanager
    async def system(self) -> AsyncIterator[AsyncSession]:
        """A transaction of the system role: sign-in and jobs, which come before a tenant is known.

        That role reaches the identity and job tables only, so a mistake here cannot show costs or resources. Inside
        `hold` a part of that transaction like those of `write`, after which the role is the tenant's again.
        """
        held = _held.get()
        if held is not None and held.open:
            async with held.system_part() as session:
                yield session
            return
        async with self._writing() as session:
            await session.execute(_SYSTEM)
            session.info[ENTERED] = True
            with _inside():
                yield session

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncSession]:
        act = _act.get()
        async with self._session() as session, session.begin():
            yield session
            for check in session.info.get(_BEFORE_COMMIT, ()):
                await check(session)
            if act is not None:
                await session.flush()
                await act.leave_trace(session)
        await self._committed(session)

    async def _committed(self, session: AsyncSession) -> None:
        """Tell the listeners. What they do only hastens what a sweep would find, so their failure is no failure."""
        for listener in self.commit_listeners:
            try:
                await listener(session.info)
            except Exception:  # noqa: BLE001  (see above)
                structlog.get_logger(__name__).warning("commit_listener_failed", exc_info=True)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[AsyncSession]:
        session = AsyncSession(self.engine, expire_on_commit=False, autoflush=False)
        try:
            async with session:
                yield session
        except (DBAPIError, PoolTimeoutError, OSError) as error:
            # An OSError of the caller's own, once inside, says nothing of the database.
            if not _is_away(error) or (isinstance(error, OSError) and session.info.get(ENTERED)):
                raise
            raise (busy() if isinstance(error, PoolTimeoutError) else unavailable(error)) from error

    async def close(self) -> None:
        """Close every connection."""
        await self.rows.close()
        await self.engine.dispose()


def _is_away(error: Exception) -> bool:
    """Whether PostgreSQL is down, starting, stopping or out of connections, rather than the statement being wrong."""
    if not isinstance(error, DBAPIError):
        return True
    return error.connection_invalidated or says_away(getattr(error.orig, "sqlstate", None))


def _tenant(organization_id: UUID | None, user_id: UUID | None) -> Mapping[str, Any]:
    return {"organization_id": organization_id, "user_id": user_id}


async def set_tenant(session: AsyncSession, organization_id: UUID | None, user_id: UUID | None = None) -> None:
    """Enter an organization in the running transaction: for acts that create the organization they write to."""
    await session.execute(_ENTER_TO_WRITE, _tenant(organization_id, user_id))
    session.info[ORGANIZATION] = organization_id


def before_commit(session: AsyncSession, check: Check) -> None:
    """Have a check run as one of the last statements of a transaction; what it raises undoes it.

    Here locks may be waited for that many want: none that other rooms wait for is taken after them, but the audit's.
    """
    session.info.setdefault(_BEFORE_COMMIT, []).append(check)


class HeldTransaction:
    """A transaction that several writes share: see `Database.hold`."""

    def __init__(
        self,
        writing: Callable[[], AbstractAsyncContextManager[AsyncSession]],
        begin: Callable[[AsyncSession], Awaitable[None]],
    ) -> None:
        self.stack = AsyncExitStack()
        self.open = True
        self._writing = writing
        self._begin = begin
        self._session: AsyncSession | None = None

    async def session(self) -> AsyncSession:
        """The session of the transaction, which is open from now on until the block of `hold` is left."""
        if self._session is None:
            session = await self.stack.enter_async_context(self._writing())
            session.info[ENTERED] = True
            await self._begin(session)
            self._session = session
        return self._session

    @asynccontextmanager
    async def part(self) -> AsyncIterator[AsyncSession]:
        """A savepoint in it. What is written beside it meanwhile has transactions of its own.

        With what it has written goes what rooms have left in the session's `info`: jobs to wake, events to tell.
        """
        session = await self.session()
        before = {name: copy(value) for name, value in session.info.items()}
        try:
            async with session.begin_nested():
                with _inside():
                    yield session
        except BaseException:
            session.info.clear()
            session.info.update(before)
            raise

    @asynccontextmanager
    async def system_part(self) -> AsyncIterator[AsyncSession]:
        """The same of the system role, which enters with no tenant and leaves the tenant's role behind.

        Roles and tenants are settings of the transaction, not of a savepoint: only an undone one takes them back.
        """
        async with self.part() as session:
            before: UUID | None = session.info.get(ORGANIZATION)
            await set_tenant(session, None)
            await session.execute(_SYSTEM)
            yield session
            await session.flush()  # by the role that the part has ended with
            await session.execute(_LEAVE_SYSTEM)
            await set_tenant(session, session.info.get(ORGANIZATION) or before)
