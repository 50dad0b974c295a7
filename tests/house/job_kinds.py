"""The kinds of jobs that there are, as a worker with all its tools registers them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast
from unittest.mock import sentinel

from app.workers.jobs import make_handlers

TOOLS = 9


def handlers() -> Mapping[str, Callable[..., Any]]:
    """The function of each kind, without the tools that it is given."""
    tools = [cast("Any", sentinel) for _ in range(TOOLS)]  # nothing of them is called
    made = make_handlers(*tools)
    return {kind: each.func if isinstance(each, partial) else each for kind, each in made.items()}


def kinds() -> list[str]:
    """Their names."""
    return sorted(handlers())
