"""Errors of fields beside which nothing stands in an answer: a plan knows all that graphql-core would say of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import ExecutionResult, FieldNode, located_error


class LoneFieldError(Exception):
    """A field that stands alone has failed: `result` is the whole answer."""

    def __init__(self, result: ExecutionResult) -> None:
        super().__init__()
        self.result = result


@dataclass(frozen=True)
class Alone:
    """The way to a field that is the only one of its object, as are all that it stands in, none of them in a list.

    `keys` are the response keys from the root, `nullable` tells of each field whether it may be null.
    """

    keys: tuple[str, ...] = ()
    nullable: tuple[bool, ...] = ()

    def below(self, key: str, *, nullable: bool) -> Alone:
        """The way to the only field of this one's object."""
        return Alone((*self.keys, key), (*self.nullable, nullable))

    def failing(self, nodes: Sequence[FieldNode]) -> Callable[[Exception], LoneFieldError]:
        """A function that makes the answer of the error of this field, which the nodes have asked for."""

        def fail(error: Exception) -> LoneFieldError:
            errors = [located_error(error, nodes, list(self.keys))]
            return LoneFieldError(ExecutionResult(self._data(), errors))

        return fail

    def _data(self) -> dict[str, Any] | None:
        """Null at the lowest place that may be."""
        data: dict[str, Any] | None = None
        is_placed = False
        for key, nullable in zip(reversed(self.keys), reversed(self.nullable), strict=True):
            is_placed = is_placed or nullable
            if is_placed:
                data = {key: data}
        return data
