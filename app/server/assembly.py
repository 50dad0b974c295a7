"""Puts the server together: the way of a request, and the routes beside the graph.

uvicorn calls RequestMiddleware, that CORS where origins are set, that Front. From there a request to the graph goes to
its GraphQLEndpoint, everything else to Starlette.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from app.errors import ErrorCode
from app.server.graphiql import GRAPH_PATH, asset_routes, page, page_headers
from app.server.health import Health, Probe
from app.server.http import BrowserPage, GraphQLEndpoint
from app.server.masking import Fault, errors_to_json
from app.server.middleware import RequestMiddleware, allow_origins, request_id_of
from app.server.operations import GraphQLServer
from app.server.websocket import WebSocketEndpoint

_CODE_BY_STATUS = {404: ErrorCode.NOT_FOUND, 405: ErrorCode.METHOD_NOT_ALLOWED}


class Front:
    """Requests to the graph go straight to their endpoint, which answers whatever happens; the rest to Starlette.

    Starlette's error handlers, router and wrappers of `send` would take 20 µs, as much as the endpoint.
    """

    def __init__(self, graph: ASGIApp, rest: ASGIApp) -> None:
        self._graph, self._rest = graph, rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request, a socket or the lifespan on."""
        if scope["type"] == "http" and scope["path"] == GRAPH_PATH:
            await self._graph(scope, receive, send)
        else:
            await self._rest(scope, receive, send)


def _endpoint(server: GraphQLServer, *, graphiql: bool) -> GraphQLEndpoint:
    if not graphiql:
        return GraphQLEndpoint(server)
    public = server.introspection == "public"
    return GraphQLEndpoint(server, BrowserPage(page(public_schema=public, notice=server.trust.notice), page_headers()))


def _routes(
    server: GraphQLServer, endpoint: GraphQLEndpoint, health: Health, *, graphiql: bool, allowed_origins: Sequence[str]
) -> list[BaseRoute]:
    """The graph's sockets, GraphiQL's files, `/health/live`, `/health/ready`, `/metrics`.

    `/` leads to the graph: whoever types only the host wants to see it. So does `/graphql/`, by Starlette's own rule,
    which needs to know of the endpoint.
    """
    return [
        Route(GRAPH_PATH, endpoint),
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
) -> ASGIApp:
    """The whole ASGI application.

    `probes` are coroutine functions by name that raise when the part they stand for does not work;
    without those named in `dispensable` the process still serves. Pages of
    `cors_origins` may call over HTTP and open sockets.
    """
    endpoint = _endpoint(server, graphiql=graphiql)
    health = Health(server.lifecycle, probes, dispensable=dispensable)
    rest = Starlette(
        routes=[
            *_routes(server, endpoint, health, graphiql=graphiql, allowed_origins=cors_origins),
            *extra_routes,
        ],
        exception_handlers={HTTPException: _answer_http_exception},
        lifespan=lifespan,
    )
    return RequestMiddleware(allow_origins(Front(endpoint, rest), cors_origins), server.metrics)


async def _answer_http_exception(request: Request, error: Exception) -> Response:
    """Unknown paths and wrong methods get the same shape of error as the graph."""
    if not isinstance(error, HTTPException):
        raise error
    fault = Fault(_CODE_BY_STATUS.get(error.status_code, ErrorCode.BAD_REQUEST), f"{error.detail}.")
    body = orjson.dumps({"errors": errors_to_json([fault], request_id_of(request.scope))})
    return Response(body, error.status_code, error.headers, "application/json")
