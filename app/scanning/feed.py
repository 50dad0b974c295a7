"""Follows scans: their state as PostgreSQL has it, read on announcements and by the clock, until it is final."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import RowMapping

from app.activity.stream import FeedStoppedError
from app.database import Database
from app.errors import NotFoundError, SkyledgerError, UnavailableError
from app.repositories import scans
from app.repositories.scans import ScanTotals
from app.scanning.progress import CHANNEL, ScanAnnouncer, ScanKey, decode_scans
from app.tasks import end_tasks


@dataclass(frozen=True)
class ScanFeedSettings:
    """Figures of the feed in seconds."""

    poll: float = 2.0
    """The longest delay of a lost announcement."""
    least: float = 0.25
    """Between two states of one follower: what goes on faster is told at once."""
    patience: float = 60.0
    """How long followers outlast a database that is away."""
    read: float = 20.0
    ping: float = 5.0
    """Silence on the channel after which it is pinged; the connection is dropped after twice as long."""
    longest_pause: float = 2.0
    reads: int = 4
    """Connections to PostgreSQL that all followers together use at a time."""


@dataclass(frozen=True)
class ScanProgress:
    """How far a scan is: its row and what its steps amount to.

    `version` counts the states that this process has seen while somebody followed: of two, the later one is higher.
    """

    scan: RowMapping
    totals: ScanTotals
    version: int = field(default=0, compare=False)

    @property
    def is_final(self) -> bool:
        """Whether nothing will change any more."""
        return self.scan["state"] not in scans.UNDER_WAY


@dataclass(eq=False)
class _Followed:
    """A scan that has followers in this process: a flag to wake each, and the latest state, with the read it is of."""

    wakes: set[asyncio.Event] = field(default_factory=set)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    reads_begun: int = 0
    latest_read: int = 0
    latest: ScanProgress | None = None


class ScanFeed:
    """The progress of all scans, one feed per process, with one subscription to the channel."""

    def __init__(self, database: Database, valkey: Redis, settings: ScanFeedSettings | None = None) -> None:
        self._database = database
        self._valkey = valkey
        self._settings = settings or ScanFeedSettings()
        self._announcer = ScanAnnouncer(database, valkey, self._heard)
        self._followed: dict[ScanKey, _Followed] = {}
        self._reading = asyncio.Semaphore(self._settings.reads)
        self._listening: asyncio.Task[None] | None = None
        self._stopped = False

    async def start(self) -> None:
        """Listen to commits and to Valkey, which may be away."""
        await self._announcer.start()
        self._listening = asyncio.create_task(self._listen(), name="scans-listen")

    async def stop(self) -> None:
        """End all streams with FeedStoppedError, then what runs behind them."""
        self._stopped = True
        self._wake_all()
        await end_tasks(self._listening)
        await self._announcer.stop()

    async def follow(self, organization_id: UUID, scan_id: UUID) -> AsyncGenerator[ScanProgress]:
        """The state of a scan at once, then each state that differs from the last one told; ends after the final one.

        Who may follow is the caller's business. Raises NotFoundError for a scan that is not there, FeedStoppedError
        when the process goes down.
        """
        key, wake = (organization_id, scan_id), asyncio.Event()
        with self._following(key, wake) as followed:
            told = 0
            while True:
                wake.clear()
                progress = await self._outlast(key, followed)
                if progress.version > told:
                    told = progress.version
                    yield progress
                if progress.is_final:
                    return
                await asyncio.sleep(self._settings.least)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_jittered(self._settings.poll)):
                        await wake.wait()

    @contextlib.contextmanager
    def _following(self, key: ScanKey, wake: asyncio.Event) -> Iterator[_Followed]:
        followed = self._followed.setdefault(key, _Followed())
        followed.wakes.add(wake)
        try:
            yield followed
        finally:
            followed.wakes.discard(wake)
            if not followed.wakes:
                self._followed.pop(key, None)

    async def _outlast(self, key: ScanKey, followed: _Followed) -> ScanProgress:
        """Read the state; again and again while PostgreSQL is away."""
        loop = asyncio.get_running_loop()
        begin, pause = loop.time(), 0.05
        while True:
            if self._stopped:
                message = "The server is going down; subscribe again."
                raise FeedStoppedError(message)
            try:
                return await self._latest(key, followed)
            except Exception as error:
                if isinstance(error, SkyledgerError) and not isinstance(error, UnavailableError):
                    raise
                # Drivers raise many kinds while a server restarts. Any other fault ends the stream a little later.
                if loop.time() - begin > self._settings.patience:
                    raise
                structlog.get_logger(__name__).warning("scan_progress_read_failed", error=type(error).__name__)
            await asyncio.sleep(_jittered(pause))
            pause = min(2 * pause, self._settings.longest_pause)

    async def _latest(self, key: ScanKey, followed: _Followed) -> ScanProgress:
        """The state as of now, read once for all who ask before the read begins."""
        begun = followed.reads_begun
        async with followed.turn:
            before = followed.latest
            if before is not None and followed.latest_read > begun:
                return before
            followed.reads_begun = read = followed.reads_begun + 1
            progress = await self._read(*key)
            if progress != before:
                before = replace(progress, version=before.version + 1 if before else 1)
            followed.latest, followed.latest_read = before, read
            return before

    async def _read(self, organization_id: UUID, scan_id: UUID) -> ScanProgress:
        async with (
            self._reading,
            asyncio.timeout(self._settings.read),
            self._database.read(organization_id) as session,
        ):
            scan = await scans.get_scan(session, organization_id, scan_id)
            if scan is None:
                message = "There is no such scan within your reach."
                raise NotFoundError(message)
            totals = await scans.totals(session, organization_id, [scan_id])
        return ScanProgress(scan, totals[scan_id])

    def _heard(self, key: ScanKey) -> None:
        followed = self._followed.get(key)
        for wake in followed.wakes if followed else ():
            wake.set()

    def _wake_all(self) -> None:
        for key in self._followed:
            self._heard(key)

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
                structlog.get_logger(__name__).debug("scans_channel_lost", error=type(error).__name__)
            except Exception:  # noqa: BLE001 - the subscription must outlive any fault
                structlog.get_logger(__name__).warning("scans_listen_failed", exc_info=True)
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
            self._wake_all()  # what was said before we listened
        elif message["type"] == "message":
            try:
                keys = decode_scans(message["data"])
            except ValueError:
                structlog.get_logger(__name__).warning("scans_announcement_unreadable")
                return
            for key in keys:
                self._heard(key)


def _jittered(seconds: float) -> float:
    """Spread moments of many followers: between half of the seconds and all of them."""
    return seconds * random.uniform(0.5, 1)  # noqa: S311 - not a secret
