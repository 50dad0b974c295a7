"""The GraphQL server itself: transports, limits, errors, GraphiQL and shutdown; it knows no cloud, no cost and no SQL.

How `app/main.py` puts it together:

    server = GraphQLServer(
        schema,                                # strawberry.Schema without extensions
        identify=...,                          # async Credentials -> Identity | None, raises AuthenticationError
        make_context=...,                      # OperationFacts -> the context of one operation (or event)
        revalidate=...,                        # async [Identity, …] -> [bool, …], asked every 4 s of all streams
        limits=Limits.from_settings(settings),
        introspection=settings.introspection,
    )
    app = create_graphql_app(
        server,
        probes={"postgresql": ..., "valkey": ..., "migrations": ...},   # async, raise when the part does not work
        cors_origins=settings.cors_origins,    # may also open sockets
        graphiql=settings.graphiql,
        lifespan=...,
    )
    run_server(app, server.lifecycle, host=..., port=..., limits=server.limits, on_ready=print)

An Identity is any object with `subject: str` and `expires_at: datetime | None`. Errors raised by resolvers, `identify`
or `make_context` are shown when they are SkyledgerErrors and masked otherwise.
"""

from app.server.assembly import create_graphql_app
from app.server.credentials import Credentials
from app.server.health import Probe
from app.server.identity import Identify, Identity, MakeContext, OperationFacts, Revalidate
from app.server.lifecycle import Lifecycle
from app.server.limits import Limits
from app.server.metrics import Metrics
from app.server.operations import GraphQLServer, Outcome
from app.server.parameters import OperationRequest
from app.server.serving import DrainingServer, make_server, run_server

__all__ = [
    "Credentials",
    "DrainingServer",
    "GraphQLServer",
    "Identify",
    "Identity",
    "Lifecycle",
    "Limits",
    "MakeContext",
    "Metrics",
    "OperationFacts",
    "OperationRequest",
    "Outcome",
    "Probe",
    "Revalidate",
    "create_graphql_app",
    "make_server",
    "run_server",
]
