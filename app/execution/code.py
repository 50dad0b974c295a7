"""The source code of a plan while it is written, and pieces of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Reason(StrEnum):
    """Why a plan cannot go on."""

    VARIABLES = "a variable is wrong"
    CONDITIONS = "too many values of @skip and @include"
    BAILS_OFTEN = "has bailed often"
    NULL = "null where none may be"
    LIST = "no list where one must be"
    TYPE = "an object of an unknown type"


class Bail(Exception):  # noqa: N818 - no failure: graphql-core answers instead
    """The plan cannot go on."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason.value


@dataclass(frozen=True)
class Now:
    """A value that is completed without waiting: an expression of `variable`, which holds it unfinished.

    `body if test else other`, where the test is what reads the variable first, so that it can be bound there.
    """

    variable: str
    test: str
    body: str
    other: str

    def of(self, code: str) -> str:
        """The completed value of what `code` gives."""
        return self._written(f"({self.variable} := {code})")

    def of_variable(self) -> str:
        """The completed value of the variable, where something has bound it."""
        return self._written(self.variable)

    def _written(self, bound: str) -> str:
        return f"({self.body} if {self.test.format(bound)} else {self.other})"


@dataclass(frozen=True)
class As:
    """A value that needs no look at itself: a template of one `{}`, which its code replaces."""

    variable: str
    template: str

    def of(self, code: str) -> str:
        """The completed value of what `code` gives."""
        return self.template.format(code)

    def of_variable(self) -> str:
        """The completed value of the variable, where something has bound it."""
        return self.template.format(self.variable)


@dataclass(frozen=True)
class Later:
    """Values that are completed by waiting: the name of an async function of (values, run) that gives as many."""

    name: str


Code = Now | As | Later


class Source:
    """Functions of a plan as text, and the objects that they name."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        self.functions: list[str] = []
        self._number = 0
        self._choices: list[tuple[str, Mapping[type, str]]] = []

    def fresh(self, stem: str) -> str:
        """A name that nothing else has."""
        self._number += 1
        return f"{stem}{self._number}"

    def bind(self, value: object, stem: str) -> str:
        """A name for an object."""
        name = self.fresh(stem)
        self.names[name] = value
        return name

    def define(self, *lines: str) -> None:
        """Add a function; its first line names it."""
        self.functions.append("\n".join(lines))

    def choice(self, functions: Mapping[type, str]) -> str:
        """A name for a mapping from classes to functions, which are named as they are defined here."""
        self._choices.append((self.fresh("choice"), functions))
        return self._choices[-1][0]

    def compiled(self) -> dict[str, Any]:
        """The namespace with all functions in it."""
        exec(compile(self.text(), "<plan>", "exec"), self.names)  # noqa: S102 - what stands in it is ours: see text()
        for name, functions in self._choices:
            self.names[name] = {cls: self.names.get(function) for cls, function in functions.items()}
        return self.names

    def text(self) -> str:
        """All functions. Of the caller's document it holds response keys only, each written by repr()."""
        return "\n\n".join(self.functions)


def bailing(reason: Reason) -> Callable[..., Any]:
    """A function that bails."""

    def bail(*_: object) -> Any:
        raise Bail(reason)

    return bail
