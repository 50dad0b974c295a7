"""Every kind of job hears within five seconds that it must not go on: by its flag, or for a reason that stands here."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from app.database import Database
from app.embedded import EngineUrls
from app.workers.runner import RunningJob
from tests.house.job_kinds import handlers
from tests.workers.probes import IDLE, make_runner, put, until

SOONEST = 5.0
"""Seconds: GRAPHQL.md and RELIABILITY.md allow no more."""
_ONE_STATEMENT = "a few statements of one transaction each, of which each has its time limit"
_ONE_MESSAGE = "one message to a mail server, which has a time limit"
_ANEW = "it begins anew wherever it is cut off; the worker cancels it at its next await"
# Kinds whose function never asks, and why that is right. What runs is cancelled by the worker as it goes down, and at
# once when another worker has taken the job: test_a_job_that_never_asks_is_cancelled.
NEVER_ASK = {
    "check_costs": _ANEW,
    "export_personal_data": _ANEW,
    "look_at_charges": _ANEW,
    "look_everywhere": _ONE_STATEMENT,
    "look_for_waste": _ANEW,
    "run_cost_export": _ANEW,
    "send_identity_mail": _ONE_MESSAGE,
    "start_scheduled_cost_source": _ONE_STATEMENT,
    "start_scheduled_scans": _ONE_STATEMENT,
    "tell_of_webhook": _ONE_MESSAGE,
}


def asks(function: Callable[..., Any]) -> bool:
    """Whether a function asks the flag of its job, by itself or by what it names of its module."""
    tree = ast.parse(inspect.getsource(importlib.import_module(function.__module__)))
    parts = {
        node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    open_, seen = [function.__name__], set[str]()
    while open_:
        name = open_.pop()
        seen.add(name)
        for node in ast.walk(parts[name]):
            if isinstance(node, ast.Attribute) and node.attr == "should_stop":
                return True
            if isinstance(node, ast.Name) and node.id in parts and node.id not in seen:
                open_.append(node.id)
    return False


def test_every_kind_asks_or_says_why_not() -> None:
    never = {kind for kind, function in handlers().items() if not asks(function)}
    assert never == set(NEVER_ASK), "have it ask `job.should_stop()` at each step, or say here why it need not"


def test_flags_are_asked_often_enough() -> None:
    """Between two looks at a flag nothing sleeps for longer: the pauses of the loops that watch it."""
    pauses = []
    for module in sorted({function.__module__ for function in handlers().values()}):
        loaded = importlib.import_module(module)
        for node in ast.walk(ast.parse(inspect.getsource(loaded))):
            watches = isinstance(node, ast.While) and any(
                isinstance(each, ast.Attribute) and each.attr == "should_stop" for each in ast.walk(node.test)
            )
            if not watches:
                continue
            for call in ast.walk(node):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "asyncio.sleep":
                    seconds = eval(ast.unparse(call.args[0]), vars(loaded))  # noqa: S307 - a constant of ours
                    pauses.append((module, seconds))
    assert len(pauses) >= 3, "the code is read"
    assert [each for each in pauses if each[1] > SOONEST] == []


@pytest.mark.parametrize("how", ["the worker goes down", "another worker has the job"])
async def test_a_job_that_never_asks_is_cancelled(database: Database, engine_urls: EngineUrls, how: str) -> None:
    cancelled = asyncio.Event()

    async def never_asks(_: RunningJob) -> None:
        try:
            await asyncio.sleep(3_600)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    runner = make_runner(database, engine_urls.redis_url, {"probe": never_asks}, IDLE)
    job_id = await put(database)
    running = asyncio.create_task(runner.run(job_id))
    await until(lambda: runner.running == 1)
    if how == "the worker goes down":
        await runner.stop(SOONEST)
    else:
        (job,) = runner._running.values()
        job.lose()
    await asyncio.wait_for(cancelled.wait(), SOONEST)
    await runner.stop(1)
    await asyncio.wait_for(running, 5)
