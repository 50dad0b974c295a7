"""Settings of the graph's server: who may ask, and how much at a time."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, NoDecode


class ServerSettings(BaseSettings):
    """A part of Settings."""

    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Origins of browser clients on other hosts, separated by commas."
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Addresses of proxies whose X-Forwarded-For is believed, separated by commas."
    )
    graphiql: bool = Field(default=True, description="Serve GraphiQL to browsers on `/graphql`.")
    introspection: Literal["authenticated", "public", "off"] = Field(
        default="authenticated", description="Who may read the schema through the graph."
    )
    trusted_documents: Literal["off", "anonymous", "browsers", "all"] = Field(
        default="off",
        description="Who may run nothing but documents that `skyledger documents publish` has taken in: nobody, "
        "callers who are not signed in, these and people who are (API keys stay free), or everybody.",
    )
    body_bytes: int = Field(
        default=16_777_216, ge=1024, description="Largest HTTP body of a signed-in caller, in bytes."
    )
    anonymous_body_bytes: int = Field(
        default=262_144, ge=1024, description="Largest HTTP body of anyone else, in bytes."
    )
    document_bytes: int = Field(default=15_000, ge=100, le=1_000_000, description="Longest GraphQL document, in bytes.")
    document_tokens: int = Field(default=2_000, ge=10, le=20_000, description="Most tokens in a GraphQL document.")
    document_depth: int = Field(default=12, ge=1, le=50, description="Deepest nesting of fields.")
    document_aliases: int = Field(
        default=30, ge=0, le=1_000, description="Most aliases in a document, fragments expanded."
    )
    document_directives: int = Field(
        default=20, ge=0, le=1_000, description="Most directives in a document, fragments expanded."
    )
    document_fields: int = Field(
        default=500, ge=1, le=10_000, description="Most fields in a document, fragments expanded."
    )
    cost_maximum: int = Field(
        default=400_000,
        ge=0,
        le=1_000_000_000,
        description="Points in the bucket from which the operations of each caller are paid, a tenth for those who are "
        "not signed in; 0 lets everybody ask without end, and production refuses it.",
    )
    cost_restored: int = Field(
        default=2_000, ge=1, le=1_000_000_000, description="Points that each bucket gets back in a second."
    )
    cost_operation: int = Field(
        default=300_000, ge=1, le=1_000_000_000, description="Points that one operation may cost at most."
    )
    execution_seconds: float = Field(default=10.0, gt=0, description="Time limit of one query or mutation, in seconds.")
    websocket_frame_bytes: int = Field(default=65_536, ge=1024, description="Largest WebSocket frame, in bytes.")
    websocket_operations: int = Field(
        default=50, ge=1, le=1_000, description="Most operations at a time on one socket."
    )
    websocket_init_seconds: float = Field(
        default=10.0, gt=0, description="Time for `connection_init` to arrive, in seconds."
    )
    websocket_idle_seconds: float = Field(
        default=60.0,
        gt=0,
        description="A socket without credentials is closed when it has had no operation for so long, in seconds.",
    )
    streams: int = Field(
        default=12_000, ge=1, description="Most sockets and event streams of one process at a time, all together."
    )
    streams_per_caller: int = Field(
        default=100, ge=1, description="Most sockets and event streams of one person or API key on one process."
    )
    streams_per_address: int = Field(
        default=100,
        ge=1,
        description="Most sockets and event streams without credentials from one address (IPv6: one /64) on one "
        "process; ten times as many sockets may be about to show theirs.",
    )
    shutdown_seconds: int = Field(
        default=10, ge=1, description="Longest wait for running operations at shutdown, in seconds."
    )
