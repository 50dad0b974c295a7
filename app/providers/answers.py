"""Answers of providers over HTTP, read whole within a size. What is packed more than once is not read at all."""

from __future__ import annotations

from typing import Final

import httpx

TAKEN: Final = {"Accept-Encoding": "gzip"}
"""Headers of clients that read these answers."""
MOST_BYTES: Final = 64 * 1024 * 1024
"""Of an answer's body that is held in memory, unpacked."""
_READABLE: Final = frozenset({"", "identity", "gzip"})
_OF_TRANSFER: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})


def refuse_packed_twice(answer: httpx.Response) -> None:
    """A hook of clients, before the body is read. Raises httpx.DecodingError.

    httpx unpacks 64 KiB in one call: of gzip they are 64 MiB at most, packed twice they are gigabytes.
    """
    if answer.headers.get("Content-Encoding", "").strip().lower() not in _READABLE:
        message = "The answer has a Content-Encoding that was not asked for."
        raise httpx.DecodingError(message, request=answer.request)


def whole(answer: httpx.Response) -> httpx.Response:
    """A streamed answer with its body, closed. Raises httpx.DecodingError for a body of more than MOST_BYTES."""
    body = bytearray()
    try:
        for piece in answer.iter_bytes():
            body += piece
            if len(body) > MOST_BYTES:
                message = f"The answer has more than {MOST_BYTES:,} bytes."
                raise httpx.DecodingError(message, request=answer.request)
    finally:
        answer.close()
    headers = [(name, value) for name, value in answer.headers.multi_items() if name not in _OF_TRANSFER]
    return httpx.Response(answer.status_code, headers=headers, content=bytes(body), request=answer.request)
