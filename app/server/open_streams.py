"""How many sockets and event streams are open: bounded for the process, for each caller and for strangers' addresses.

Each holds memory for as long as it likes: 30 KiB, and up to 1 MiB of queue where its reader is slow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

from app.errors import ErrorCode, SkyledgerError
from app.rate_limits import site
from app.server.identity import Identity
from app.server.limits import Limits

RETRY_AFTER_SECONDS: Final = 5
PROCESS: Final = "process"
GREETING: Final = 10
"""Times as many as an address may have without credentials may be about to show theirs: all who are behind one address
come back at once when a process has ended."""


class _Holder(NamedTuple):
    """Whom a stream is counted for; `kind` is also the reason of a refusal."""

    kind: str
    name: str


class StreamsFullError(SkyledgerError):
    """There are as many streams as there may be. `code` tells whether it is the caller who has them."""

    def __init__(self, message: str, code: ErrorCode) -> None:
        super().__init__(message, retryAfter=RETRY_AFTER_SECONDS)
        self.code = code

    @property
    def close_code(self) -> int:
        """Of a socket: clients of graphql-transport-ws try again after 1013, and not after 4429."""
        return 4429 if self.code is ErrorCode.RATE_LIMITED else 1013


class OpenStreams:
    """Counts what is open. `on_refusal` is told why one was not taken: `process`, `caller`, `address` or `greeting`."""

    def __init__(self, limits: Limits, on_refusal: Callable[[str], None] = lambda _: None) -> None:
        self._limits, self._on_refusal = limits, on_refusal
        self._held: Counter[_Holder] = Counter()
        self._open = 0

    def __len__(self) -> int:
        return self._open

    def greet(self, address: str | None) -> Place:
        """A place for a socket whose caller is not known yet. StreamsFullError."""
        return self._enter(_Holder("greeting", site(address)))

    def enter(self, address: str | None, identity: Identity | None) -> Place:
        """A place for an event stream. StreamsFullError."""
        return self._enter(_holder(address, identity))

    def _enter(self, holder: _Holder) -> Place:
        if self._open >= self._limits.streams:
            raise self._full(PROCESS)
        self.count(holder)
        self._open += 1
        return Place(self, holder)

    def count(self, holder: _Holder) -> None:
        """Count one more. StreamsFullError."""
        if self._held[holder] >= self._most(holder.kind):
            raise self._full(holder.kind)
        self._held[holder] += 1

    def discount(self, holder: _Holder) -> None:
        """Count one less."""
        self._held[holder] -= 1
        if not self._held[holder]:
            del self._held[holder]

    def leave(self, holder: _Holder) -> None:
        """One has ended."""
        self.discount(holder)
        self._open -= 1

    def _most(self, kind: str) -> int:
        if kind == "caller":
            return self._limits.streams_per_caller
        return self._limits.streams_per_address * (GREETING if kind == "greeting" else 1)

    def _full(self, kind: str) -> StreamsFullError:
        self._on_refusal(kind)
        if kind == "caller":
            message = f"You have {self._most(kind):,} streams open, which is the most: close one first"
            return StreamsFullError(message, ErrorCode.RATE_LIMITED)
        if kind == "address":
            message = f"Your address has {self._most(kind):,} streams open without credentials: close one, or sign in"
            return StreamsFullError(message, ErrorCode.RATE_LIMITED)
        whose = "Your address" if kind == "greeting" else "The server"
        message = f"{whose} has too many streams open at the moment: try again in {RETRY_AFTER_SECONDS} seconds"
        return StreamsFullError(message, ErrorCode.SERVICE_UNAVAILABLE)


class Place:
    """The place of one stream, until `leave`."""

    __slots__ = ("_holder", "_streams")

    def __init__(self, streams: OpenStreams, holder: _Holder) -> None:
        self._streams, self._holder = streams, holder

    def belongs_to(self, address: str | None, identity: Identity | None) -> None:
        """It is known whose it is. StreamsFullError when they have as many as they may."""
        holder = _holder(address, identity)
        self._streams.count(holder)
        self._streams.discount(self._holder)
        self._holder = holder

    def leave(self) -> None:
        """The stream has ended; once."""
        self._streams.leave(self._holder)


def _holder(address: str | None, identity: Identity | None) -> _Holder:
    return _Holder("caller", identity.subject) if identity is not None else _Holder("address", site(address))
