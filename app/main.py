"""The API process: settings and engines in, one ASGI application out."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from typing import cast

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from app.activity.stream import ActivityFeed
from app.auth.authenticator import Authenticator
from app.auth.passwords import Passwords
from app.config import Settings, signing_key
from app.context import Runtime
from app.costs.outlook.aside import ASIDE
from app.database import Database
from app.embedded import EngineUrls
from app.exporting.fetch import Links
from app.loading import loading
from app.providers.calls import ProviderPool
from app.queue import JobQueue
from app.rate_limits import RateLimits
from app.records import Principal
from app.resolvers.export_door import BulkExportDoor, ExportDoor
from app.resolvers.provider_sign_in_door import ProviderSignInDoor
from app.resolvers.roots import make_schema
from app.resolvers.serving import caller_of, make_context, make_costs
from app.resolvers.upload_door import UploadDoor
from app.scanning.feed import ScanFeed
from app.sealing.vault import Vault
from app.server.assembly import create_graphql_app
from app.server.downloads import EXPORT_PATH, LINK_PATH, DownloadEndpoint, LinkEndpoint
from app.server.graphiql import GRAPH_PATH
from app.server.graphiql.examples import session_texts
from app.server.limits import Limits
from app.server.operations import GraphQLServer
from app.server.provider_sign_in import CALLBACK_PATH, START_PATH, ProviderSignIn
from app.server.serving import OnReady, make_server
from app.server.trusted import Trust
from app.server.uploads import UPLOAD_PATH, UploadEndpoint
from app.tasks import end_tasks
from app.trusted_documents import NOTICES
from app.upgrade import check_servable, known_revisions, newest_revision
from app.uploads.stores import BULK_EXPORTS, PERSONAL_EXPORTS, make_kept_files, make_stores

TEND_SECONDS = 0.5
WARM_SECONDS = 10.0
"""From being ready until the libraries of forecasts and of imports are loaded, the first of which takes a core for four
seconds: a process that has just started has callers that come back, and one that ends again at once needs neither."""


def make_runtime(settings: Settings, urls: EngineUrls, *, passwords: Passwords | None = None) -> Runtime:
    """What the process shares; nothing is connected before it is used. `passwords` as in Authenticator."""
    database = Database.connect(
        urls.database_url, pool_size=settings.database_pool_size, statement_seconds=settings.statement_seconds
    )
    valkey = Redis.from_url(
        urls.redis_url,
        socket_timeout=2,
        socket_connect_timeout=2,
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.05), 2),
    )
    providers = ProviderPool(settings.provider_threads)
    return Runtime(
        settings=settings,
        database=database,
        valkey=valkey,
        authenticator=Authenticator(settings, database, valkey, passwords=passwords),
        feed=ActivityFeed(database, valkey),
        scans=ScanFeed(database, valkey),
        queue=JobQueue(database, urls.redis_url),
        vault=Vault.from_settings(settings),
        providers=providers,
        uploads=make_stores(settings, providers),
        exports=make_kept_files(settings, providers),
        bulk_exports=make_kept_files(settings, providers, BULK_EXPORTS),
        personal_exports=make_kept_files(settings, providers, PERSONAL_EXPORTS),
        links=Links(signing_key(settings)),
        rate_limits=RateLimits(valkey, key=signing_key(settings)),
    )


def create_app(runtime: Runtime, *, tend: Callable[[], None] | None = None) -> tuple[ASGIApp, GraphQLServer]:
    """The application and the server in it. `tend` is called twice a second, off the loop, while it runs."""
    settings = runtime.settings
    server = GraphQLServer(
        make_schema(),
        identify=runtime.authenticator.identify,
        revalidate=lambda identities: runtime.authenticator.all_still_valid(cast("Sequence[Principal]", identities)),
        make_context=lambda facts: make_context(runtime, facts),
        limits=Limits.from_settings(settings),
        introspection=settings.introspection,
        compiled=settings.compiled_plans,
        make_costs=(lambda schema: make_costs(runtime, schema)) if settings.cost_maximum else None,
        trust=make_trust(runtime),
        may_explain=lambda identity: identity is not None and cast("Principal", identity).is_platform_admin,
        caller_of=caller_of,
    )
    runtime.rate_limits.on_store = server.metrics.count_take
    newest, known = newest_revision(), known_revisions()

    async def ping_valkey() -> None:
        await runtime.valkey.ping()

    async def ask_postgresql() -> None:
        async with runtime.database.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def check_migrations() -> None:
        await check_servable(runtime.database, newest, known)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with running(runtime, tend):
            yield

    secure = settings.environment == "production"
    sign_in = ProviderSignIn(
        ProviderSignInDoor(runtime),
        page_url=settings.public_url,
        graphiql_path=GRAPH_PATH if settings.graphiql else None,
        secure=secure,
    )
    app = create_graphql_app(
        server,
        probes={"postgresql": ask_postgresql, "migrations": check_migrations, "valkey": ping_valkey},
        # Without Valkey everything works: events are polled, the throttle counts in the process, jobs are swept.
        dispensable=("valkey",),
        cors_origins=settings.cors_origins,
        graphiql=settings.graphiql,
        lifespan=lifespan,
        extra_routes=[
            Route(UPLOAD_PATH, UploadEndpoint(server, UploadDoor(runtime), read_seconds=settings.upload_read_seconds)),
            Route(EXPORT_PATH, DownloadEndpoint(server, ExportDoor(runtime))),
            Route(START_PATH, sign_in.start, methods=["GET"]),
            Route(CALLBACK_PATH + "/{organization}", sign_in.callback, methods=["GET"]),
            Route(LINK_PATH, LinkEndpoint(BulkExportDoor(runtime))),
        ],
    )
    return app, server


def make_trust(runtime: Runtime) -> Trust:
    """What finds published documents; GraphiQL's sign-in bar is trusted where it is served."""
    documents = runtime.trusted_documents
    return Trust(
        documents.find,
        lambda identity: documents.binds(cast("Principal | None", identity)),
        own=frozenset(filter(None, session_texts())) if runtime.settings.graphiql else frozenset(),
        notice=NOTICES[runtime.settings.trusted_documents],
    )


@asynccontextmanager
async def running(runtime: Runtime, tend: Callable[[], None] | None = None) -> AsyncIterator[None]:
    """The parts of a runtime that work in the background, started and stopped in order."""
    runtime.authenticator.start()
    await runtime.feed.start()
    await runtime.scans.start()
    await runtime.queue.start()
    tending = asyncio.create_task(_tend(tend)) if tend is not None else None
    try:
        yield
    finally:
        await end_tasks(tending)
        await runtime.scans.stop()
        await runtime.feed.stop()
        await runtime.queue.stop()
        runtime.providers.close()
        runtime.uploads.close()
        runtime.exports.close()
        runtime.bulk_exports.close()
        runtime.personal_exports.close()
        await runtime.authenticator.close()
        await runtime.rate_limits.close()
        await runtime.database.close()
        await runtime.valkey.aclose()


async def _tend(tend: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(TEND_SECONDS)
        try:
            await asyncio.to_thread(tend)
        except Exception:  # noqa: BLE001  (the next turn tries again; the API goes on)
            structlog.get_logger(__name__).exception("tending_failed")


def run_api(
    settings: Settings,
    urls: EngineUrls,
    listener: socket.socket,
    *,
    tend: Callable[[], None] | None = None,
    on_ready: OnReady | None = None,
) -> None:
    """Serve on a listening socket until SIGTERM or SIGINT, then finish what runs within the time of the settings."""
    with loading():
        app, server = create_app(make_runtime(settings, urls), tend=tend)
    warming = threading.Timer(WARM_SECONDS, _warm)

    def ready(url: str) -> None:
        if on_ready is not None:
            on_ready(url)
        warming.start()

    uvicorn_server = make_server(
        app,
        server.lifecycle,
        limits=server.limits,
        trusted_proxies=settings.trusted_proxies,
        on_ready=ready,
    )
    try:
        uvicorn_server.run(sockets=[listener])
    finally:
        warming.cancel()
        if warming.is_alive():
            warming.join()
        ASIDE.close()


def _warm() -> None:
    """Load what no start waits for: the mathematics in a process of its own, what takes in rows of costs here."""
    ASIDE.warm()
    import_module("app.costs.imports.run")
