"""One worker, one runtime: whatever comes first loads the graph, and what comes beside it takes the same."""

from __future__ import annotations

import asyncio
import gc
import threading
from dataclasses import replace
from functools import partial

from app.context import Runtime
from app.exporting.parts import Parts
from app.exporting.run import BulkTools, run_export
from app.exporting.start import RUN_EXPORT_JOB
from app.resolvers import worker_graph
from app.workers.graph import LazyGraph
from tests.resolvers.test_exports import asked, fill, found, tools_of
from tests.webhooks.conftest import office, receiver, settings
from tests.webhooks.office import Office
from tests.workers.probes import make_runner

__all__ = ["office", "receiver", "settings"]  # fixtures


def parts_of(runtime: Runtime) -> Parts:
    names = ("settings", "database", "valkey", "queue", "vault", "providers", "uploads")
    kept = ("exports", "bulk_exports", "personal_exports")
    return Parts(**{name: getattr(runtime, name) for name in (*names, *kept)})


def runtimes() -> set[int]:
    return {id(each) for each in gc.get_objects() if isinstance(each, Runtime)}


async def test_exports_and_webhooks_share_one_runtime(office: Office, runtime: Runtime) -> None:
    """Both come at once, and it is loaded: once, off the loop."""
    graph = LazyGraph(parts_of(runtime))
    await fill(office.graphql, office.person, 20)
    export = await asked(office.graphql, office.person)
    made = await office.create()
    await office.note("one")
    await office.note("two")
    office.tools = replace(office.tools, execute=graph.execute)
    bulk = BulkTools(tools_of(runtime).kept, graph)
    runner = make_runner(runtime.database, office.redis_url, {RUN_EXPORT_JOB: partial(run_export, tools=bulk)})
    before = runtimes()

    async def export_rows() -> None:
        await runner.sweep()
        await asyncio.gather(*(job.task for job in runner._running.values() if job.task is not None))

    await asyncio.gather(office.deliver(), export_rows())
    assert (await found(office.graphql, office.person, export))["rows"] == 20
    assert {delivery["state"] for delivery in await office.deliveries(made["webhook"]["id"])} == {"SUCCEEDED"}
    texts = {received.json()["data"]["node"]["data"]["text"] for received in office.receiver.received}
    assert texts == {"one", "two"}
    assert len(runtimes() - before) == 1
    await graph.close()


async def test_the_loop_goes_on_while_it_loads(runtime: Runtime) -> None:
    graph = LazyGraph(parts_of(runtime))
    threads: list[int] = []
    original = worker_graph.runtime_of

    def noting(parts: Parts) -> Runtime:
        threads.append(threading.get_ident())
        return original(parts)

    worker_graph.runtime_of = noting
    try:
        first, second = await asyncio.gather(graph._loaded(), graph._loaded())
    finally:
        worker_graph.runtime_of = original
    assert first is second
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()
    await graph.close()


async def test_what_was_not_loaded_needs_no_closing(runtime: Runtime) -> None:
    await LazyGraph(parts_of(runtime)).close()
