"""The API's listening socket, and the address that people open."""

from __future__ import annotations

import http.client
import socket

from app.cli.terminal import fail
from app.config import Settings

ANSWER_BYTES = 10_000
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (nothing is bound here)


def listen(settings: Settings) -> socket.socket:
    """The API's listening socket. Ends the command with advice when the address cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        message = (
            f"cannot listen on {settings.host}:{settings.port} ({why(error)}). Set SKYLEDGER_PORT to a free port, or 0 "
            "for any."
        )
        raise fail(message) from None


def why(error: OSError) -> str:
    """The reason without the address that Python adds to it."""
    return (error.strerror or str(error)).partition(" (while")[0]


def address_to_open(host: str, port: int) -> str:
    """`host:port` for a URL on this machine; an address that means all of the machine's becomes loopback."""
    host = _ANY.get(host, host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def ask(address: str, path: str) -> tuple[int, bytes]:
    """Status and body of an HTTP answer, (0, nothing) when nobody answers at that address."""
    connection = http.client.HTTPConnection(address, timeout=2)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(ANSWER_BYTES)
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()
