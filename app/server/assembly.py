"""Puts the server together: the routes of the graph, health and metrics, and the application around them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Lifespan

from app.errors import ErrorCode
from app.server.graphiql import GRAPH_PATH, asset_routes, page, page_headers
from app.server.health import Health, Probe
from app.server.http import BrowserPage, GraphQLEndpoint
from app.server.masking import Fault, errors_to_json
from app.server.middleware import request_id_of, server_middleware
from app.server.operations import GraphQLServer
from app.server.websocket import WebSocketEndpoint

_CODE_BY_STATUS = {404: ErrorCode.NOT_FOUND, 405: ErrorCode.METHOD_NOT_ALLOWED}


def routes(
    server: GraphQLServer,
    *,
    probes: Mapping[str, Probe],
    dispensable: Collection[str] = (),
    graphiql: bool = True,
    allowed_origins: Sequence[str] = (),
) -> list[BaseRoute]:
    """The graph (HTTP and WebSocket on one path), GraphiQL's files, `/health/live`, `/health/ready`, `/metrics`.

    `/` leads to the graph: whoever types only the host wants to see it.
    """
    health = Health(server.lifecycle, probes, dispensable=dispensable)
    browser_page = None
    if graphiql:
        public = server.introspection == "public"
        browser_page = BrowserPage(page(public_schema=public), page_headers())
    return [
        Route(GRAPH_PATH, GraphQLEndpoint(server, browser_page)),
        WebSocketRoute(GRAPH_PATH, WebSocketEndpoint(server, allowed_origins)),
        *(asset_routes() if graphiql else ()),
        Route("/", _to_graph, methods=["GET"]),
        Route("/health/live", health.live),
        Route("/health/ready", health.ready),
        Route("/metrics", server.metrics.page),
    ]


async def _to_graph(_request: Request) -> Response:
    return RedirectResponse(GRAPH_PATH, 302)


def create_graphql_app(
    server: GraphQLServer,
    *,
    probes: Mapping[str, Probe],
    dispensable: Collection[str] = (),
    cors_origins: Sequence[str] = (),
    graphiql: bool = True,
    lifespan: Lifespan[Starlette] | None = None,
    extra_routes: Sequence[BaseRoute] = (),
) -> Starlette:
    """The whole ASGI application.

    `probes` are coroutine functions by name that raise when the part they stand for does not work;
    without those named in `dispensable` the process still serves. Pages of
    `cors_origins` may call over HTTP and open sockets.
    """
    return Starlette(
        routes=[
            *routes(server, probes=probes, dispensable=dispensable, graphiql=graphiql, allowed_origins=cors_origins),
            *extra_routes,
        ],
        middleware=server_middleware(server.metrics, cors_origins),
        exception_handlers={HTTPException: _answer_http_exception},
        lifespan=lifespan,
    )


async def _answer_http_exception(request: Request, error: Exception) -> Response:
    """Unknown paths and wrong methods get the same shape of error as the graph."""
    if not isinstance(error, HTTPException):
        raise error
    fault = Fault(_CODE_BY_STATUS.get(error.status_code, ErrorCode.BAD_REQUEST), f"{error.detail}.")
    body = orjson.dumps({"errors": errors_to_json([fault], request_id_of(request.scope))})
    return Response(body, error.status_code, error.headers, "application/json")
