"""The messages of graphql-transport-ws: reading what a client sends, writing what it gets.

Protocol: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from starlette.types import Message

from app.server.parameters import DEEPEST_JSON, nested_deeper
from app.server.wire import text_frame

LONGEST_ID = 128

CONNECTION_ACK = b'{"type":"connection_ack"}'
PING = b'{"type":"ping"}'
PING_FRAME = text_frame(PING)


class ProtocolError(Exception):
    """The client broke the protocol: the socket must be closed with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


@dataclass(frozen=True, slots=True)
class ClientMessage:
    """A message of a known type, its id and payload of the right types; `id` is empty where the type has none."""

    type: str
    id: str = ""
    payload: dict[str, Any] | None = None


def read_message(event: Message, most_bytes: int) -> ClientMessage:
    """The message in a `websocket.receive` event; ProtocolError (4400 or 1009) when it is malformed."""
    message = _decode(event, most_bytes)
    type_, payload = message.get("type"), message.get("payload")
    if not isinstance(type_, str) or type_ not in {"connection_init", "ping", "pong", "subscribe", "complete"}:
        raise ProtocolError(4400, "The message has no known type")
    if payload is not None and not isinstance(payload, dict) and type_ != "complete":
        raise ProtocolError(4400, f"The payload of {type_} is not an object")
    if type_ in {"connection_init", "ping", "pong"}:
        return ClientMessage(type_, payload=payload)
    id_ = message.get("id")
    if not isinstance(id_, str) or not 1 <= len(id_) <= LONGEST_ID:
        raise ProtocolError(4400, f"The id of {type_} is not a string of 1 to {LONGEST_ID} characters")
    if type_ == "complete":
        return ClientMessage(type_, id_)
    if payload is None:
        raise ProtocolError(4400, "subscribe has no payload")
    return ClientMessage(type_, id_, payload)


def _decode(event: Message, most_bytes: int) -> dict[str, Any]:
    text = event.get("text")
    if text is None:
        raise ProtocolError(4400, "Binary frames are not understood")
    if len(text) > most_bytes or (not text.isascii() and len(text.encode()) > most_bytes):
        raise ProtocolError(1009, f"A message may have {most_bytes} bytes")
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise ProtocolError(4400, "The message is not valid JSON") from None
    if not isinstance(message, dict):
        raise ProtocolError(4400, "The message is not a JSON object")
    if nested_deeper(message, text):
        raise ProtocolError(4400, f"The message is nested more than {DEEPEST_JSON} levels deep")
    return message


def pong(payload: dict[str, Any] | None) -> bytes:
    """The answer to a ping, with its payload."""
    return orjson.dumps({"type": "pong", "payload": payload} if payload is not None else {"type": "pong"})


def next_head(id_: str) -> bytes:
    """How the results of an operation begin."""
    return b'{"id":' + orjson.dumps(id_) + b',"type":"next","payload":'


def next_result(head: bytes, result: bytes) -> bytes:
    """A result of the operation with this head; `result` is JSON already."""
    return head + result + b"}"


def next_frame(head: bytes, result: bytes) -> bytes:
    """The same as a frame."""
    return text_frame(next_result(head, result))


def error(id_: str, errors: list[dict[str, Any]]) -> bytes:
    """The end of an operation that could not run."""
    return orjson.dumps({"id": id_, "type": "error", "payload": errors})


def complete(id_: str) -> bytes:
    """The end of an operation that ran."""
    return orjson.dumps({"id": id_, "type": "complete"})


def close_reason(reason: str) -> str:
    """A reason that fits into a close frame: 123 bytes of UTF-8 (RFC 6455 5.5)."""
    return reason.encode()[:123].decode(errors="ignore")
