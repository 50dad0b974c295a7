"""One statement to PostgreSQL over its own protocol: a driver would cost the supervisor 60 ms and 20 MB."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

PROTOCOL_3 = 196608  # https://www.postgresql.org/docs/18/protocol-message-formats.html
ROLE = "app"
ANSWER_SECONDS = 10.0


class PostgresRefusedError(Exception):
    """The server answered with an error; `sqlstate` is its five-character code."""

    def __init__(self, message: str, sqlstate: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


def query(path: Path, database: str, statement: str) -> str | None:
    """First column of the first row of `statement`. Raises PostgresRefusedError, or OSError without a server."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_SECONDS)
        connection.connect(str(path))
        with connection.makefile("rb") as stream:
            hello = struct.pack("!i", PROTOCOL_3) + f"user\0{ROLE}\0database\0{database}\0\0".encode()
            connection.sendall(struct.pack("!i", len(hello) + 4) + hello)
            _until_ready(stream)
            text = statement.encode() + b"\0"
            connection.sendall(b"Q" + struct.pack("!i", len(text) + 4) + text)
            value = _until_ready(stream)
            connection.sendall(b"X" + struct.pack("!i", 4))
            return value


def _until_ready(stream: IO[bytes]) -> str | None:
    """Read up to ReadyForQuery; the first value of the first data row on the way."""
    value = None
    for kind, body in _messages(stream):
        if kind == b"E":
            fields = {part[:1]: part[1:].decode(errors="replace") for part in body.split(b"\0") if part}
            raise PostgresRefusedError(fields.get(b"M", "unknown error"), fields.get(b"C", ""))
        if kind == b"D" and value is None:
            (length,) = struct.unpack_from("!i", body, 2)
            value = body[6 : 6 + length].decode()
        if kind == b"Z":
            return value
    message = "PostgreSQL closed the connection"
    raise ConnectionResetError(message)


def _messages(stream: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Messages of the server, kind and body, until it closes the connection."""
    while len(head := stream.read(5)) == 5:  # noqa: PLR2004 - one byte of kind, four of length
        (length,) = struct.unpack("!i", head[1:])
        yield head[:1], stream.read(length - 4)
