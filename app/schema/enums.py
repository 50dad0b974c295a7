"""Enums of the graph: a Python enum of a lower room with a description for it and for each value."""

from __future__ import annotations

from enum import Enum
from typing import Any

import strawberry


def graph_enum(enum: type[Enum], description: str, /, **values: str) -> None:
    """Make an enum usable in the graph, under its own name. Each value has to be described: ValueError otherwise."""
    if values.keys() != enum.__members__.keys():
        message = f"{enum.__name__}: descriptions and values differ: {set(values) ^ set(enum.__members__)}"
        raise ValueError(message)
    definition: Any = strawberry.enum(enum, description=description).__strawberry_definition__  # type: ignore[attr-defined]
    for value in definition.values:
        value.description = values[value.name]
