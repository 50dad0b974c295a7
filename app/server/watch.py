"""The watch over the callers of all open streams, which ends a stream when its caller's right to it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from app.errors import ErrorCode
from app.server.identity import Identity, Revalidate

MOST_FAILED_LOOKS = 3
"""A store that does not answer so many looks in a row cannot vouch for anybody."""
AT_A_TIME = 2_500
"""Callers of one question: they hold up the event loop for 25 ms. Of 500, a crowded PostgreSQL answered too late."""

_log = structlog.stdlib.get_logger("skyledger.server")


@dataclass(frozen=True, slots=True)
class Ended:
    """Why a caller may no longer be served: a WebSocket close code, a sentence, and the error that a stream tells."""

    code: int
    reason: str
    error: ErrorCode = ErrorCode.UNAUTHENTICATED


EXPIRED = Ended(4403, "token expired")
REVOKED = Ended(4403, "session revoked")
UNVERIFIABLE = Ended(
    1013, "the session cannot be checked at the moment, try again later", ErrorCode.SERVICE_UNAVAILABLE
)


class Watched:
    """A stream whose caller is watched until `stop`; `tell` hears at most once why it must end."""

    __slots__ = ("_expiry", "_failed_looks", "_tell", "_watch", "identity")

    def __init__(self, watch: Watch, identity: Identity, tell: Callable[[Ended], None]) -> None:
        self._watch, self.identity, self._tell = watch, identity, tell
        self._expiry: asyncio.TimerHandle | None = None
        self._failed_looks = 0

    def stop(self) -> None:
        """The stream has ended: forget it."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        self._watch.forget(self)

    def end(self, why: Ended) -> None:
        """Tell the stream, and forget it."""
        self.stop()
        self._tell(why)

    def mind_expiry(self, within: float) -> None:
        """Set a timer when the proof ends within these seconds; until then no stream needs one."""
        left = _seconds_left(self.identity)
        if left is not None and left <= within and self._expiry is None:
            self._expiry = asyncio.get_running_loop().call_later(max(0.0, left), self._expire)

    def _expire(self) -> None:
        self._expiry = None
        if _has_expired(self.identity):
            self.end(EXPIRED)
        else:  # the clock on the wall is a little behind the loop's, or was set back
            self.mind_expiry(self._watch.seconds)

    def hear(self, holds: bool | None) -> None:
        """Take the answer of a look; None of one that failed."""
        if holds is None:
            self._failed_looks += 1
            if self._failed_looks >= MOST_FAILED_LOOKS:
                self.end(UNVERIFIABLE)
        elif holds:
            self._failed_looks = 0
        else:
            self.end(EXPIRED if _has_expired(self.identity) else REVOKED)


class Watch:
    """Looks at all callers together, every `seconds`; `revalidate` is given as long to answer.

    It is asked about many at a time, once about those whose streams share an identity, and says for each whether they
    still hold. A task and a timer for each stream would be a tenth of a core at 10,000 of them, and would leave what
    full collections are made for.
    """

    def __init__(self, revalidate: Revalidate | None, seconds: float) -> None:
        self._revalidate, self.seconds = revalidate, seconds
        self._watched: dict[Watched, None] = {}
        self._looking: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._watched)

    def begin(self, identity: Identity, tell: Callable[[Ended], None]) -> Watched:
        """Watch the caller of a stream; the first look is at most `seconds` away."""
        watched = Watched(self, identity, tell)
        self._watched[watched] = None
        watched.mind_expiry(self.seconds)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_again(), name="identity-watch")
        return watched

    def forget(self, watched: Watched) -> None:
        """Look no longer at a caller."""
        self._watched.pop(watched, None)
        if not self._watched and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def _look_again(self) -> None:
        """Look; from the beginning of one look to that of the next it is `seconds`, however long one takes."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + self.seconds, loop.time())
            await asyncio.sleep(due - loop.time())
            await self._look()

    async def _look(self) -> None:
        """Ask about all callers at once."""
        streams: dict[int, list[Watched]] = {}
        for watched in self._watched:
            streams.setdefault(id(watched.identity), []).append(watched)
        callers = list(streams.values())
        await asyncio.gather(
            *(self._ask(callers[start : start + AT_A_TIME]) for start in range(0, len(callers), AT_A_TIME))
        )

    async def _ask(self, callers: Sequence[Sequence[Watched]]) -> None:
        """Ask about some callers and tell their streams; whatever breaks, they could not be checked."""
        answers: Sequence[bool | None]
        try:
            answers = await self._answers([streams[0].identity for streams in callers])
        except Exception as error:  # noqa: BLE001 - a look that breaks never ends the looks
            answers = [None] * len(callers)
            # Of a look that is only late, the trace would tell where it waited.
            trace = None if isinstance(error, TimeoutError) else error
            _log.warning("session_checks_failed", callers=len(callers), error=type(error).__name__, exc_info=trace)
        for streams, holds in zip(callers, answers, strict=True):
            for watched in streams:
                if watched in self._watched:
                    watched.mind_expiry(self.seconds)
                    watched.hear(holds)

    async def _answers(self, identities: Sequence[Identity]) -> Sequence[bool]:
        if self._revalidate is None:
            return [True] * len(identities)
        async with asyncio.timeout(self.seconds):
            answers = await self._revalidate(identities)
        if len(answers) != len(identities):
            message = f"{len(identities)} callers were asked about and {len(answers)} answers came"
            raise RuntimeError(message)
        return answers


def _seconds_left(identity: Identity) -> float | None:
    if identity.expires_at is None:
        return None
    return (identity.expires_at - datetime.now(UTC)).total_seconds()


def _has_expired(identity: Identity) -> bool:
    left = _seconds_left(identity)
    return left is not None and left <= 0
