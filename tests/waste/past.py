"""Moves the clock of this process back, so that what is made now was made long ago: only for a far side of its own.

`install` has to come before moto is imported, which binds `datetime` when it is loaded.
"""

from __future__ import annotations

import datetime as dt
import time
from datetime import datetime, timedelta, tzinfo
from typing import Any, Self

_true_time = time.time
_ago = timedelta()


class _AnyMoment(type):
    """A moment that was made before the clock was replaced is one too."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, datetime)


class _Shifted(datetime, metaclass=_AnyMoment):
    """Says what time it was then."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls) -> Self:
        return cls.fromtimestamp(time.time(), dt.UTC).replace(tzinfo=None)


def install() -> None:
    """Have everything in this process ask the clock that `set_ago` moves."""
    dt.datetime = _Shifted  # type: ignore[misc]
    time.time = lambda: _true_time() - _ago.total_seconds()


def set_ago(days: float) -> None:
    """From now on it is so many days ago."""
    global _ago  # noqa: PLW0603 - there is one clock
    _ago = timedelta(days=days)
