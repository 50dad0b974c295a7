"""The load generator of the graph's benchmark: whole answers alone count, and other answers than before are told."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from benchmarks.graph.contestants import Request
from benchmarks.graph.documents import comparable
from benchmarks.graph.load import AnswerError, ask, ask_once, cpu_of, unchunked, whole_body

LONG = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"


class Parrot:
    """A server that gives one answer after another, in two pieces, and the last for ever."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        while True:
            try:
                await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                writer.close()
                return
            self.asked += 1
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            writer.write(answer[:20])
            await writer.drain()
            writer.write(answer[20:])


@pytest.fixture
async def parrot(request: pytest.FixtureRequest) -> AsyncIterator[Parrot]:
    made = Parrot(*request.param)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


REQUEST = Request("/x").raw(1, "token")


def test_a_body_is_whole_only_with_its_end() -> None:
    for answer in (LONG, CHUNKED):
        assert [whole_body(answer[:length]) for length in range(len(answer))] == [None] * len(answer)
        assert whole_body(answer) is not None
    assert whole_body(LONG) == b"hello"
    assert unchunked(whole_body(CHUNKED) or b"") == b"hello"


@pytest.mark.parametrize("parrot", [(LONG,), (CHUNKED,)], indirect=True)
async def test_every_answer_is_counted(parrot: Parrot) -> None:
    body, text = await ask_once(parrot.port, REQUEST)
    assert text == b"hello"
    load = await ask(parrot.port, REQUEST, os.getpid(), connections=3, seconds=0.05, expected=body)
    assert load.requests == len(load.latencies) == parrot.asked - 1
    assert load.requests >= 3
    assert load.cpu > 0
    assert load.quantile(0) <= load.quantile(0.5) <= load.quantile(1)


@pytest.mark.parametrize(
    "parrot", [(LONG.replace(b"hello", b"hallo"), LONG.replace(b"200", b"500"), LONG)], indirect=True
)
async def test_other_answers_than_expected_are_told_apart(parrot: Parrot) -> None:
    load = await ask(parrot.port, REQUEST, os.getpid(), connections=2, seconds=0.05, expected=b"hello")
    assert load.failed == 2
    assert load.requests == parrot.asked - 2


@pytest.mark.parametrize("parrot", [(LONG.replace(b"200", b"500"),)], indirect=True)
async def test_a_server_that_only_fails_has_no_figure(parrot: Parrot) -> None:
    with pytest.raises(AnswerError, match="500"):
        await ask(parrot.port, REQUEST, os.getpid(), connections=1, seconds=0.05)


def test_cpu_counts_children() -> None:
    assert cpu_of(os.getpid()) > 0


def test_answers_are_compared_by_what_they_say() -> None:
    ours = {
        "id": "T3JnYW5pemF0aW9uOgGiAekEJnM7kGyu4dD_1TE",
        "at": "2026-11-01T00:00:00Z",
        "total": "1.50",
        "endCursor": "x",
    }
    theirs = {"id": "01a201e9-0426-733b-906c-aee1d0ffd531", "at": "2026-11-01T01:00:00.000+01:00", "total": "1.5"}
    assert comparable([ours]) == comparable([theirs])
    assert comparable(ours) != comparable(theirs | {"total": "1.51"})
