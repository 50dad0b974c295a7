"""What a call of a mutation is to the audit: who does what, in plain words and without a secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any
from uuid import UUID

import strawberry
from strawberry.utils.str_converters import to_camel_case

from app.activity.audit import AuditedAct
from app.context import Info
from app.errors import BadUserInputError
from app.records import UNSET
from app.records.audit import MOST_ENTRIES, shortened
from app.schema.node import parse_id

REDACTED = "[redacted]"
# Of names in lower case. A house test lists the fields that this finds, so that a new secret is seen to be among them.
_SECRET = re.compile(
    "password|secret|token|certificate|credential|access_?key|private_?key|service_?account|workload_?identity|recovery|otp"
    "|^code$|verifier|^challenge$"
)
_UNTOLD = frozenset({"idempotency_key"})


def act_of(info: Info, arguments: Mapping[str, Any]) -> AuditedAct:
    """The call of a mutation with these arguments, which are coerced."""
    context, principal, sent = info.context, info.context.principal, arguments.get("input")
    return AuditedAct(
        name=info.field_name,
        actor=None if principal is None else principal.actor,
        session_id=None if principal is None else principal.session_id,
        request_id=context.request_id,
        client_address=context.client_address,
        subject=_subject(getattr(sent, "id", None)),
        arguments=_told("", sent) if is_dataclass(sent) else {},
    )


def is_secret(name: str) -> bool:
    """Whether the audit may not tell a value of this name."""
    return _SECRET.search(name.lower()) is not None


def _told(name: str, value: Any) -> Any:
    """An argument for people to read: short, and without what is secret or free in its form."""
    if is_secret(name):
        return REDACTED
    if is_dataclass(value):
        given = ((field.name, getattr(value, field.name)) for field in fields(value) if field.name not in _UNTOLD)
        return {
            to_camel_case(inner): _told(inner, each)
            for inner, each in given
            if each is not None and each is not strawberry.UNSET and each is not UNSET
        }
    if isinstance(value, Mapping):
        return {"keys": len(value)}  # such as the properties of a resource, which may hold anything
    if isinstance(value, list | tuple):
        few = len(value) <= MOST_ENTRIES and not any(isinstance(each, Mapping) for each in value)
        return [_told(name, each) for each in value] if few else {"count": len(value)}
    return shortened(value.name if isinstance(value, Enum) else value)


def _subject(id_: Any) -> tuple[str, UUID] | None:
    if not isinstance(id_, str):
        return None
    try:
        key = parse_id(id_)
    except BadUserInputError:  # which the resolver says
        return None
    return key.type_name, key.id
