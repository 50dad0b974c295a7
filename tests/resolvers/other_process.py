"""A call of a mutation in another API process, which meets others before its effect or is killed after it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from typing import Any

import httpx

from app.config import Settings
from app.embedded import EngineUrls
from app.main import create_app, make_runtime, running
from app.resolvers import repeats
from tests.clients import GraphQL, cheap_passwords

_MEET_SECONDS = 60
_END_SECONDS = 120
# A server that has imported everything and forks: 0.1 s for a process instead of several.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Call:
    """A mutation with its input, and whose it is: keywords of `GraphQL`."""

    document: str
    values: dict[str, Any]
    who: dict[str, str]


async def killed(settings: Settings, call: Call) -> int | None:
    """Make a call in a process that is killed after the effect and before the answer is kept; its exit code."""
    _, process = _started(settings, call, None)
    await asyncio.to_thread(process.join, _END_SECONDS)
    code: int | None = process.exitcode
    return code


async def at_once(settings: Settings, call: Call, processes: int) -> list[Any]:
    """Make the same call in so many processes, none of which begins before all have seen that there is no answer."""
    meeting = _PROCESSES.Barrier(processes)
    started = [_started(settings, call, meeting) for _ in range(processes)]
    answers = [await asyncio.to_thread(_received, pipe) for pipe, _ in started]
    for _, process in started:
        await asyncio.to_thread(process.join, _END_SECONDS)
        assert process.exitcode == 0
    return answers


def _received(pipe: Any) -> Any:
    assert pipe.poll(_END_SECONDS), "no answer"
    return pipe.recv()


def _started(settings: Settings, call: Call, meeting: Barrier | None) -> tuple[Any, Any]:
    ours, theirs = _PROCESSES.Pipe()
    process = _PROCESSES.Process(target=_run, args=(settings, call, meeting, theirs))
    process.start()
    theirs.close()
    return ours, process


def _run(settings: Settings, call: Call, meeting: Barrier | None, pipe: Any) -> None:
    repeats._Answers = _Killed if meeting is None else _meeting_at(meeting)  # type: ignore[misc]
    pipe.send(asyncio.run(_answer(settings, call)))


async def _answer(settings: Settings, call: Call) -> Any:
    assert settings.database_url is not None
    assert settings.redis_url is not None
    urls = EngineUrls(settings.database_url, settings.redis_url)
    runtime = make_runtime(settings, urls, passwords=cheap_passwords())
    app, _ = create_app(runtime)
    transport = httpx.ASGITransport(app)
    async with running(runtime), httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return told(await GraphQL(client)(call.document, {"input": call.values}, **call.who))


def told(answer: dict[str, Any]) -> Any:
    """What an answer says: its data, and errors if it has any, without what it has cost."""
    return answer["data"] if "errors" not in answer else answer["errors"]


class _Killed(repeats._Answers):
    async def _keep(self, *_: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def _meeting_at(meeting: Barrier) -> type[repeats._Answers]:
    class Meeting(repeats._Answers):
        async def _first(self, resolve: Any) -> Any:
            await asyncio.to_thread(meeting.wait, _MEET_SECONDS)
            return await super()._first(resolve)

    return Meeting
