"""Answers of mutations as text, and back: values of the graph's types with what they hold, each named by its class."""

from __future__ import annotations

import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import orjson
import strawberry

# Nothing else is ever made of text, whoever wrote it.
_ROOMS = ("app.schema.", "app.records")


class UnreadableAnswerError(Exception):
    """The text was written by another version of Skyledger, whose types had other fields."""


def answer_text(value: Any) -> str:
    """The text of a value. Raises TypeError for one that holds something else than values, such as a function."""
    return orjson.dumps(_plain(value)).decode()


def answer_of(text: str) -> Any:
    """The value of a text, as it was. Raises UnreadableAnswerError."""
    try:
        return _made(orjson.loads(text))
    except (AttributeError, KeyError, LookupError, TypeError, ValueError) as error:
        raise UnreadableAnswerError from error


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | float) or type(value) is str:
        return value
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if is_dataclass(value):
        # Not asdict(): what is inside keeps its class too.
        # In order: what a call was given is compared by its text, and a set has another order in each process.
        values = {name: _plain(getattr(value, name)) for name in sorted(_held(type(value)))}
        return {"object": [_path(type(value)), values]}
    for name, (kind, write, _) in _KINDS.items():
        if isinstance(value, kind):
            return {name: write(value)}
    message = f"{type(value).__name__} cannot be kept in an answer"
    raise TypeError(message)


def _made(plain: Any) -> Any:
    if isinstance(plain, list):
        return [_made(each) for each in plain]
    if not isinstance(plain, dict):
        return plain
    ((name, inner),) = plain.items()
    return _object(_class(inner[0]), inner[1]) if name == "object" else _KINDS[name][2](inner)


def _object(kind: Any, values: Mapping[str, Any]) -> Any:
    if not isinstance(kind, type) or not is_dataclass(kind) or _held(kind) != values.keys():
        raise UnreadableAnswerError
    made = object.__new__(kind)
    for name, value in values.items():
        object.__setattr__(made, name, _made(value))
    return made


def _held(kind: Any) -> set[str]:
    """What objects of a class hold; what resolvers answer when they are asked is not among it."""
    return {each.name for each in fields(kind) if each.init}


def _path(kind: type) -> str:
    if not kind.__module__.startswith(_ROOMS):
        message = f"{kind.__module__}.{kind.__qualname__} cannot be kept in an answer"
        raise TypeError(message)
    return f"{kind.__module__}:{kind.__qualname__}"


def _class(path: str) -> Any:
    room, _, name = path.partition(":")
    if not room.startswith(_ROOMS):
        raise UnreadableAnswerError
    found: Any = sys.modules[room]
    for part in name.split("."):
        found = getattr(found, part)
    return found


# The first that fits: a member of an enum may be a text, and a moment is a day too.
_KINDS: Mapping[str, tuple[type, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "unset": (type(strawberry.UNSET), lambda _: True, lambda _: strawberry.UNSET),
    "enum": (Enum, lambda value: [_path(type(value)), value.name], lambda inner: _class(inner[0])[inner[1]]),
    "int": (int, str, int),
    "text": (str, str, str),  # of a class of its own, such as an id's
    "uuid": (UUID, str, UUID),
    "moment": (datetime, datetime.isoformat, datetime.fromisoformat),
    "day": (date, date.isoformat, date.fromisoformat),
    "decimal": (Decimal, str, Decimal),
    "bytes": (bytes, lambda value: b64encode(value).decode(), b64decode),
    "tuple": (tuple, lambda value: [_plain(each) for each in value], lambda inner: tuple(map(_made, inner))),
    "set": (
        frozenset,
        lambda value: sorted((_plain(each) for each in value), key=orjson.dumps),
        lambda inner: frozenset(map(_made, inner)),
    ),
    "pairs": (
        Mapping,
        lambda value: [[_plain(key), _plain(each)] for key, each in value.items()],
        lambda inner: {_made(key): _made(each) for key, each in inner},
    ),
}
