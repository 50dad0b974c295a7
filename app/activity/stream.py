"""Streams an organization's events in their order: replayed from PostgreSQL after a cursor, then as they come."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.announce import CHANNEL, Announcer, decode_heads
from app.database import Database
from app.errors import BadUserInputError, CursorExpiredError, ErrorCode, SkyledgerError, UnavailableError
from app.repositories import activity
from app.tasks import end_tasks

Result = TypeVar("Result")
Page = Sequence[Mapping[str, Any]]
Reads = dict[tuple[int, int], asyncio.Task[Result]]
"""Reads under way: by the place they begin after, and the number of announcements before them."""


class FeedStoppedError(SkyledgerError):
    """This process is going down; the stream can be taken up elsewhere."""

    code = ErrorCode.SERVICE_UNAVAILABLE


@dataclass(frozen=True)
class FeedSettings:
    """Figures of the feed; seconds where nothing else is said."""

    poll: float = 2.0
    """How often PostgreSQL is asked for the heads of followed organizations: the longest delay of a lost hint."""
    patience: float = 60.0
    """How long followers outlast a database that is away."""
    ping: float = 5.0
    """Silence on the Valkey channel after which it is pinged; the connection is dropped after twice as long."""
    longest_pause: float = 2.0
    """Between two attempts to reach Valkey or PostgreSQL again."""
    read: float = 20.0
    """Longest read: PostgreSQL's own time limit needs a PostgreSQL that answers."""
    page_size: int = 500
    reads: int = 4
    """Connections to PostgreSQL that all followers together use at a time, so that requests keep theirs."""


@dataclass(frozen=True)
class FeedHealth:
    """How the feed is doing. Without the channel it still delivers, by the poll."""

    listening: bool
    since: datetime
    error: str | None
    publishing: bool
    followers: int
    organizations: int


@dataclass(frozen=True)
class Step:
    """One step of a stream: an event, or (once, first) the place where the stream begins."""

    sequence: int
    event: Mapping[str, Any] | None


@dataclass(eq=False)
class _Follower:
    organization_id: UUID
    place: int = -1  # number of the last event handed out
    wake: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(eq=False)
class _Followed:
    """An organization that has followers in this process."""

    followers: set[_Follower] = field(default_factory=set)
    # Counts announcements. Followers at the same place share one read if none came since it began.
    generation: int = 0
    pages: Reads[Page] = field(default_factory=dict)
    heads: Reads[activity.Head] = field(default_factory=dict)


class ActivityFeed:
    """The activity of all organizations, one feed per process.

    A follower holds a wake-up flag and its place, no queue: it reads its own pages from PostgreSQL, so a slow one
    costs nothing. Wake-ups come from commits of this process, from the one Valkey subscription, and from a poll.
    """

    def __init__(self, database: Database, valkey: Redis, settings: FeedSettings | None = None) -> None:
        self._database = database
        self._valkey = valkey
        self._settings = settings or FeedSettings()
        self._announcer = Announcer(database, valkey, self._heard)
        self._followed: dict[UUID, _Followed] = {}
        self._reading = asyncio.Semaphore(self._settings.reads)
        self._poll_now = asyncio.Event()
        self._stopped = False
        self._tasks: list[asyncio.Task[None]] = []
        self._listening = False
        self._since = datetime.now(UTC)
        self._error: str | None = None

    @property
    def health(self) -> FeedHealth:
        """How the feed is doing now."""
        followers = sum(len(followed.followers) for followed in self._followed.values())
        return FeedHealth(
            self._listening, self._since, self._error, self._announcer.announcing, followers, len(self._followed)
        )

    async def start(self) -> None:
        """Listen to commits, to Valkey and to the clock. Valkey may be away."""
        await self._announcer.start()
        for name, work in (("listen", self._listen), ("poll", self._poll)):
            self._tasks.append(asyncio.create_task(work(), name=f"activity-{name}"))

    async def stop(self) -> None:
        """End all streams with FeedStoppedError, then what runs behind them."""
        self._stopped = True
        for followed in self._followed.values():
            for follower in followed.followers:
                follower.wake.set()
        reads = [
            task
            for followed in self._followed.values()
            for task in (*followed.pages.values(), *followed.heads.values())
        ]
        await end_tasks(*self._tasks, *reads)
        self._tasks.clear()
        await self._announcer.stop()

    async def follow(self, organization_id: UUID, after: int | None) -> AsyncGenerator[Step]:
        """The events after number `after`, oldest first, then those to come; without `after` only those to come.

        The first step has no event: it tells the number after which the stream begins. Who may follow is the
        caller's business. Raises CursorExpiredError when events after the place are no longer kept, BadUserInputError
        for a place that does not exist yet, FeedStoppedError when the process goes down. Outlasts a restart of the
        database.
        """
        with self._following(organization_id) as follower:  # from here on nothing is missed
            head = await self._outlast(follower, lambda: self._head(follower))
            follower.place = _start(head, after)
            yield Step(follower.place, None)
            while True:
                follower.wake.clear()
                rows = await self._outlast(follower, lambda: self._page(follower))
                for row in rows:
                    if row["sequence"] != follower.place + 1:
                        raise _expired()
                    follower.place = row["sequence"]
                    yield Step(follower.place, row)
                if len(rows) < self._settings.page_size:
                    await follower.wake.wait()

    @contextlib.contextmanager
    def _following(self, organization_id: UUID) -> Iterator[_Follower]:
        follower = _Follower(organization_id)
        followed = self._followed.setdefault(organization_id, _Followed())
        followed.followers.add(follower)
        try:
            yield follower
        finally:
            followed.followers.discard(follower)
            if not followed.followers:
                self._followed.pop(organization_id, None)

    async def _outlast(self, follower: _Follower, read: Callable[[], Awaitable[Result]]) -> Result:
        """Read; again and again while PostgreSQL is away."""
        loop = asyncio.get_running_loop()
        begin, pause = loop.time(), 0.05
        while True:
            if self._stopped:
                raise _going_down()
            try:
                return await read()
            except Exception as error:
                if isinstance(error, SkyledgerError) and not isinstance(error, UnavailableError):
                    raise
                # Drivers raise many kinds while a server restarts. Any other fault ends the stream a little later.
                if loop.time() - begin > self._settings.patience:
                    raise
                structlog.get_logger(__name__).warning(
                    "activity_read_failed", organization_id=str(follower.organization_id), error=type(error).__name__
                )
            await asyncio.sleep(_jittered(pause))
            pause = min(2 * pause, self._settings.longest_pause)

    async def _head(self, follower: _Follower) -> activity.Head:
        """The head, read once for all who ask for it at a time."""
        organization_id = follower.organization_id
        followed = self._followed[organization_id]
        return await self._share(followed.heads, (-1, followed.generation), lambda: self._read_head(organization_id))

    async def _page(self, follower: _Follower) -> Page:
        """The next page after the follower's place, read once for all followers that stand there."""
        followed, organization_id, place = (
            self._followed[follower.organization_id],
            follower.organization_id,
            follower.place,
        )
        return await self._share(
            followed.pages, (place, followed.generation), lambda: self._read(organization_id, place)
        )

    async def _share(
        self,
        reads: Reads[Result],
        key: tuple[int, int],
        read: Callable[[], Coroutine[Any, Any, Result]],
    ) -> Result:
        task = reads.get(key)
        if task is None:
            task = reads[key] = asyncio.create_task(read())
            task.add_done_callback(lambda done: _forget(reads, key, done))
        try:
            return await asyncio.shield(task)  # one follower that leaves must not cancel the others' read
        except asyncio.CancelledError:
            if task.cancelled() and self._stopped:  # the read was cancelled, not this follower
                raise _going_down() from None
            raise

    async def _read_head(self, organization_id: UUID) -> activity.Head:
        async with self._door(organization_id) as session:
            return await activity.get_head(session, organization_id)

    async def _read(self, organization_id: UUID, place: int) -> Page:
        async with self._reading, asyncio.timeout(self._settings.read):
            return await activity.read_events(self._database, organization_id, place, self._settings.page_size)

    @contextlib.asynccontextmanager
    async def _door(self, organization_id: UUID) -> AsyncIterator[AsyncSession]:
        async with (
            self._reading,
            asyncio.timeout(self._settings.read),
            self._database.read(organization_id) as session,
        ):
            yield session

    def _heard(self, organization_id: UUID, last: int) -> None:
        """Wake the organization's followers that stand before a number."""
        followed = self._followed.get(organization_id)
        if followed is None:
            return
        followed.generation += 1
        for follower in followed.followers:
            if follower.place < last:
                follower.wake.set()

    async def _poll(self) -> None:
        """Ask PostgreSQL for the heads of all followed organizations, for whoever missed an announcement."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_jittered(self._settings.poll)):
                    await self._poll_now.wait()
            self._poll_now.clear()
            if self._followed:
                await _survive(self._catch_up(), "activity_poll_failed")

    async def _catch_up(self) -> None:
        async with asyncio.timeout(self._settings.read), self._database.system() as session:
            lasts = await activity.last_sequences(session, list(self._followed))
        for organization_id, last in lasts.items():
            self._heard(organization_id, last)

    async def _listen(self) -> None:
        """Keep one subscription to the channel, for as long as the process runs."""
        pause = 0.05
        while True:
            try:
                async with self._valkey.pubsub() as channel:
                    await channel.subscribe(CHANNEL)
                    async for message in self._messages(channel):
                        pause = 0.05
                        self._hear(message)
            except (RedisError, OSError) as error:  # TimeoutError is an OSError
                self._listens(connected=False, error=f"{type(error).__name__}: {error}")
            except Exception as error:  # noqa: BLE001 - the subscription must outlive any fault
                self._listens(connected=False, error=type(error).__name__)
                structlog.get_logger(__name__).exception("activity_listen_failed")
            await asyncio.sleep(_jittered(pause))
            pause = min(2 * pause, self._settings.longest_pause)

    async def _messages(self, channel: Any) -> AsyncGenerator[dict[str, Any]]:
        """What comes over the channel. Raises TimeoutError when not even a ping is answered."""
        unanswered = False
        while True:
            message = await channel.get_message(timeout=self._settings.ping)
            if message is not None:
                unanswered = False
                yield message
            elif unanswered:
                text = f"Valkey has not answered for {2 * self._settings.ping} s"
                raise TimeoutError(text)
            else:
                unanswered = True
                await channel.ping()

    def _hear(self, message: dict[str, Any]) -> None:
        if message["type"] == "subscribe":
            self._listens(connected=True)
            self._poll_now.set()  # what was said before we listened
        elif message["type"] == "message":
            try:
                heads = decode_heads(message["data"])
            except ValueError:
                structlog.get_logger(__name__).warning("activity_announcement_unreadable")
                return
            for organization_id, last in heads:
                self._heard(organization_id, last)

    def _listens(self, *, connected: bool, error: str | None = None) -> None:
        if connected != self._listening or (error is not None and self._error is None):
            self._since = datetime.now(UTC)
            log = structlog.get_logger(__name__)
            if connected:
                log.info("activity_channel_open")
            else:
                log.warning("activity_channel_lost", error=error)
        self._listening = connected
        self._error = error


def _start(head: activity.Head, after: int | None) -> int:
    if after is None:
        return head.last_sequence
    if after > head.last_sequence:
        message = (
            "`after` lies ahead of the activity of this organization: it was not given by this server, or the "
            "database was restored from a backup. Read the present state, then subscribe without `after`."
        )
        raise BadUserInputError(message, path=("after",))
    if after < head.first_kept_sequence - 1:
        raise _expired()
    return after


def _going_down() -> FeedStoppedError:
    return FeedStoppedError("The server is going down; subscribe again after the cursor of the last message.")


def _expired() -> CursorExpiredError:
    message = (
        "Events after this cursor are no longer kept, so a replay would have a hole. Read the present state, then "
        "subscribe without `after`."
    )
    return CursorExpiredError(message)


def _forget(
    reads: dict[tuple[int, int], asyncio.Task[Result]], key: tuple[int, int], task: asyncio.Task[Result]
) -> None:
    reads.pop(key, None)
    if not task.cancelled():
        task.exception()  # seen: all who waited for it may have left


def _jittered(seconds: float) -> float:
    """Spread moments of many processes: between half and one and a half times the seconds."""
    return seconds * random.uniform(0.5, 1.5)  # noqa: S311 - not a secret


async def _survive(work: Coroutine[Any, Any, None], event: str) -> None:
    """Do it; a failure is logged, for the next round may succeed."""
    try:
        await work
    except Exception as error:  # noqa: BLE001 - drivers raise many kinds while a server restarts
        structlog.get_logger(__name__).warning(event, error=type(error).__name__)
