"""Reading the bodies of requests within bounds: of one, and of all that the process holds at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.types import Receive

from app.errors import ErrorCode
from app.server.deadlines import Deadlines
from app.server.departures import ClientGoneError
from app.server.masking import Refusal

SMALL = 65_536
"""Bytes of a body that are not counted: the connection itself may hold as many."""
RETRY_AFTER_SECONDS = 5
_HELD = "held_body_bytes"


class BodyRoom:
    """How many bytes of large bodies are held, from their first byte until their request has been answered."""

    def __init__(self, most: int) -> None:
        self.free = most

    def take(self, state: dict[str, Any], size: int) -> None:
        """Have a request hold so many bytes more. Refusal where there is no room."""
        if size > self.free:
            wait = str(RETRY_AFTER_SECONDS)
            message = f"The server holds too many large bodies. Nothing was executed. Try again in {wait} seconds."
            headers = (("retry-after", wait), ("connection", "close"))
            raise Refusal.of(ErrorCode.SERVICE_UNAVAILABLE, message, status=503, headers=headers)
        self.free -= size
        state[_HELD] = state.get(_HELD, 0) + size

    def give_back(self, state: dict[str, Any]) -> None:
        """The request has been answered."""
        if _HELD in state:
            self.free += state.pop(_HELD)


async def read_body(
    headers: Mapping[str, str],
    receive: Receive,
    most: int,
    deadlines: Deadlines,
    room: BodyRoom,
    state: dict[str, Any],
) -> bytes:
    """The whole body; Refusal as soon as it is known to be larger than `most` bytes or slower than a deadline.

    `state` notes what it holds of the room. Raises ClientGoneError.
    """
    declared = headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most:
        raise _too_large(most)
    chunks: list[bytes] = []
    size, more = 0, True
    try:
        with deadlines.limit():
            while more:
                event = await receive()
                if event["type"] == "http.disconnect":
                    raise ClientGoneError
                chunk = event.get("body", b"")
                size += len(chunk)
                if size > most:
                    raise _too_large(most)
                if size > SMALL:
                    room.take(state, len(chunk))
                chunks.append(chunk)
                more = event.get("more_body", False)
    except TimeoutError:
        message = f"The body did not arrive within {deadlines.seconds:g} seconds."
        raise Refusal.of(ErrorCode.TIMEOUT, message, status=408, headers=(("connection", "close"),)) from None
    return b"".join(chunks)


def _too_large(most: int) -> Refusal:
    return Refusal.of(ErrorCode.PAYLOAD_TOO_LARGE, f"The body is larger than {most:,} bytes.", status=413)
