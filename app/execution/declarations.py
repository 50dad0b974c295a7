"""What a type of the schema says of how its fields can be read fast; all of it is optional."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

EXECUTION = "execution"
"""The key of a declaration in a field's metadata."""
BESIDE = "beside."
"""What the names of columns begin with that stand beside a row's own."""
_FORMS = "__from_rows__"

TypeClass = TypeVar("TypeClass", bound=type)


@dataclass(frozen=True)
class Batch:
    """A field that is read for many objects at a time.

    `load(info, keys, **arguments)` gives one value for each key, in order; it raises where graphql-core's answer would
    have an error. A key is the tuple of `columns` of a row, and what `key` gives of an object: the same values. With
    `rows` the values may be rows (or lists of rows) of the field's type, of the columns in `info.wanted` when that is
    not None.

    `beside(info, **arguments)` is for a field of one object of each parent, never null, whose rows can come with those
    of the parents where the field that gives these reads such things: it gives what that reader needs to know of it.
    """

    load: Callable[..., Awaitable[Sequence[Any]]]
    columns: tuple[str, ...]
    key: Callable[[Any], Any]
    rows: bool = False
    beside: Callable[..., Any] | None = None


@dataclass(frozen=True)
class Rows:
    """A field whose resolver gives rows of the columns in `info.wanted`, when that is not None, in place of objects.

    It may give them itself, in a list, or within objects such as a connection. With `beside` it also reads what
    `beside_of(info)` gives, unless that is None: the columns of that are wanted with BESIDE before their names.
    """

    beside: bool = False


@dataclass(frozen=True)
class Made:
    """A field of a row's object that `make` makes of some columns, as the type's own resolver would.

    With `rows` it makes rows of the field's type: `make` is also given the columns that are `wanted` of each, or None
    where objects are.
    """

    columns: tuple[str, ...]
    make: Callable[..., Any]
    rows: bool = False


@dataclass(frozen=True)
class Part:
    """A field of a row's object whose own object stands in the same row, null where the column `present` is.

    `columns` says for each column of the field's type which of the row's it is. Nothing is made of them but where
    objects are needed: then `make` is given their values, in this order.
    """

    columns: Mapping[str, str]
    make: Callable[..., Any]
    present: str | None = None


@dataclass(frozen=True)
class FromRows:
    """How fields of a type are read from a row: `columns` as they are, others as they are `made`; by Python name."""

    columns: frozenset[str]
    made: Mapping[str, Made | Part] = field(default_factory=dict)

    def give(self, name: str) -> bool:
        """Whether a row is enough for a field."""
        return name in self.columns or name in self.made

    def all_columns(self) -> set[str]:
        """Every column that one of the fields is read from."""
        found = set(self.columns)
        for made in self.made.values():
            found.update(made.columns if isinstance(made, Made) else made.columns.values())
            if isinstance(made, Part) and made.present is not None:
                found.add(made.present)
        return found


class PlanInfo:
    """What a resolver is given in place of Strawberry's Info: the context, and what is selected of what it gives.

    `wanted` are the columns of rows, where rows are wanted; `selected` the fields of an object, by Python name; None
    where they are not known, as of a list or of what may have several types. `beside` gives what stands beside rows.
    """

    __slots__ = ("beside", "context", "selected", "wanted")

    def __init__(
        self,
        context: Any,
        wanted: tuple[str, ...] | None = None,
        selected: frozenset[str] | None = None,
        beside: Callable[[], Any] | None = None,
    ) -> None:
        self.context = context
        self.wanted = wanted
        self.selected = selected
        self.beside = beside


def wanted_of(info: object) -> tuple[str, ...] | None:
    """The columns that a plan wants of each row; None when objects are wanted, as graphql-core does."""
    return info.wanted if info.__class__ is PlanInfo else None


def beside_of(info: object) -> Any:
    """What the `beside` of a field below says of it, whose rows are to come with those that are wanted; or None."""
    return info.beside() if info.__class__ is PlanInfo and info.beside is not None else None


def is_selected(info: object, *names: str) -> bool:
    """Whether one of these fields may be selected of the object that a resolver gives; by Python name."""
    selected = info.selected if info.__class__ is PlanInfo else None
    return selected is None or not selected.isdisjoint(names)


def batch(
    load: Callable[..., Awaitable[Sequence[Any]]],
    *,
    columns: tuple[str, ...],
    key: Callable[[Any], Any],
    rows: bool = False,
    beside: Callable[..., Any] | None = None,
) -> dict[Any, Any]:
    """A field's metadata: see Batch."""
    return {EXECUTION: Batch(load, columns, key, rows, beside)}


def gives_rows(*, beside: bool = False) -> dict[Any, Any]:
    """A field's metadata: see Rows."""
    return {EXECUTION: Rows(beside)}


def from_rows(*columns: str, **made: Made | Part) -> Callable[[TypeClass], TypeClass]:
    """Declare how a type's fields are read from rows of the columns that have their names."""

    def declare(cls: TypeClass) -> TypeClass:
        setattr(cls, _FORMS, FromRows(frozenset(columns), made))
        return cls

    return declare


def rows_of(cls: type) -> FromRows | None:
    """What a type itself declares; a subclass declares anew."""
    found: FromRows | None = vars(cls).get(_FORMS)
    return found
