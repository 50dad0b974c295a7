"""Frames of a WebSocket, made whole so that one text is framed once for all sockets that it goes to."""

from __future__ import annotations

from typing import Protocol

WIRE = "skyledger.wire"
"""The extension of a socket's ASGI scope that has its wire, under a server that gives it."""
_LAST_TEXT_FRAME = 0x81
_IN_ONE_BYTE, _IN_TWO_BYTES = 125, 0xFFFF


class Wire(Protocol):
    """The wire of one socket: a third of the way that a message takes through ASGI."""

    def write_frame(self, frame: bytes) -> bool:
        """Send a whole frame, unless the peer has left too much unread or the socket closes; whether it was sent."""


def text_frame(text: bytes) -> bytes:
    """A message as one frame from a server, which is not masked (RFC 6455 5.2)."""
    size = len(text)
    if size <= _IN_ONE_BYTE:
        return bytes((_LAST_TEXT_FRAME, size)) + text
    if size <= _IN_TWO_BYTES:
        return bytes((_LAST_TEXT_FRAME, 126)) + size.to_bytes(2, "big") + text
    return bytes((_LAST_TEXT_FRAME, 127)) + size.to_bytes(8, "big") + text
