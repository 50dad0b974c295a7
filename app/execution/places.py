"""Places of an answer: where the compiler is, and what a plan does there."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.execution.alone import Alone
from app.execution.rows import RowColumns


@dataclass(frozen=True)
class Step:
    """A field of the plan, for people."""

    path: tuple[str, ...]
    kind: str
    detail: str = ""


@dataclass
class Place:
    """Where the compiler is: the path of response keys, and the rows that are under way to objects below.

    `alone` where nothing stands beside it.
    """

    path: tuple[str, ...] = ()
    rows: RowColumns | None = None
    alone: Alone | None = None

    def below(self, key: str) -> Place:
        """The same at a field of its object."""
        return replace(self, path=(*self.path, key))
