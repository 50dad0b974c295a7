"""Global ids: opaque, typed, and carrying the organization, so that any node is found by its primary key."""

from __future__ import annotations

import base64
import binascii
from binascii import b2a_base64
from dataclasses import dataclass
from uuid import UUID

import strawberry

from app.errors import BadUserInputError
from app.execution import Made

_UUID_BYTES = 16
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


@strawberry.interface(description="Anything that can be fetched again by its global id.")
class Node:
    """The Relay interface."""

    id: strawberry.ID = strawberry.field(description="Opaque global id; pass it to `node(id)`.")


@dataclass(frozen=True)
class NodeKey:
    """A decoded global id. `organization_id` is None for people and organizations, which no tenant owns."""

    type_name: str
    organization_id: UUID | None
    id: UUID


def global_id(type_name: str, id_: UUID, organization_id: UUID | None = None) -> strawberry.ID:
    """The global id of a row: base64url of `Type:` and the 16 or 32 bytes of its key."""
    key = id_.bytes if organization_id is None else organization_id.bytes + id_.bytes
    return strawberry.ID(base64.urlsafe_b64encode(type_name.encode() + b":" + key).rstrip(b"=").decode())


def node_id(type_name: str) -> Made:
    """How a plan makes the global id of a tenant's row, with what is the same for all worked out before."""
    prefix = type_name.encode() + b":"
    padding = -(len(prefix) + 2 * _UUID_BYTES) % 3
    end = -padding or None

    def make(node_key: bytes) -> str:
        return b2a_base64(prefix + node_key, newline=False)[:end].translate(_URL_SAFE).decode()

    return Made(("node_key",), make)


def parse_id(value: str, expected: str | None = None, *, path: tuple[str, ...] = ("id",)) -> NodeKey:
    """Decode a global id. Raises BadUserInputError when it is none, or not of the `expected` type."""
    try:
        raw = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
        name, _, key = raw.partition(b":")
        type_name = name.decode("ascii")
        if not type_name.isidentifier() or len(key) not in {_UUID_BYTES, 2 * _UUID_BYTES}:
            type_name = ""
    except (ValueError, binascii.Error):
        type_name, key = "", b""
    if not type_name or (expected is not None and type_name != expected):
        wanted = f"the id of {_with_article(expected)}" if expected else "a global id"
        found = f"the id of {_with_article(type_name)}" if type_name else "no global id"
        message = f"`{'.'.join(path)}` must be {wanted} as the graph gives it; this is {found}."
        raise BadUserInputError(message, path=path)
    organization = UUID(bytes=key[:-_UUID_BYTES]) if len(key) > _UUID_BYTES else None
    return NodeKey(type_name, organization, UUID(bytes=key[-_UUID_BYTES:]))


def _with_article(type_name: str) -> str:
    """`a Charge`, `an Upload`, but `a User`, which sounds like you."""
    return f"{'an' if type_name.startswith(('A', 'E', 'I', 'O', 'Up')) else 'a'} {type_name}"
