"""What the collectors of Microsoft 365 share: collectors made of one function, and properties that stay unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeVar

from app.providers.base import GLOBAL, Collector, FoundResource, Relation
from app.providers.m365.graph import Graph
from app.providers.problems import ProblemCode, ProviderError

SERVICE: Final = "Microsoft 365"
_TELLS: Final = frozenset({ProblemCode.BAD_ANSWER, ProblemCode.DENIED, ProblemCode.FAILED, ProblemCode.NOT_ENABLED})

Result = TypeVar("Result")


class Tenant(Protocol):
    """What collectors know of a connection."""

    graph: Graph

    def conceals_names(self) -> bool:
        """Whether the tenant's reports hide names, as its settings say; False where they do not tell."""


Pages = Callable[["Trouble", Tenant], Iterator[list[FoundResource]]]


class Trouble:
    """What could not be read of resources that are told all the same."""

    def __init__(self) -> None:
        self._problems: list[ProviderError] = []
        self.is_concealed = False

    def told(self, ask: Callable[[], Result]) -> Result | None:
        """What the question answers; None where it is refused, which is noted. Raises what may pass."""
        try:
            return ask()
        except ProviderError as problem:
            self.note(problem)
            return None

    def note(self, problem: ProviderError) -> None:
        """Note why something is not known; raise it if it is of a kind that may pass."""
        if problem.code not in _TELLS or problem.retry:
            raise problem
        self.is_concealed = self.is_concealed or "dataConcealed" in problem.message
        self._problems.append(problem)

    def end(self) -> None:
        """Raise what was noted, as a problem of resources that have all been told."""
        worst = sorted(self._problems, key=lambda problem: problem.code is ProblemCode.NOT_ENABLED)
        if worst:
            raise ProviderError(
                worst[0].code,
                "; ".join(dict.fromkeys(problem.message for problem in worst)),
                "; ".join(dict.fromkeys(problem.remedy for problem in worst)),
                permission=next((problem.permission for problem in worst if problem.permission), None),
                listed=True,
            )


def collector(resource_type: str, permissions: tuple[str, ...], pages: Pages) -> Collector:
    """A collector of one type."""

    def read(tenant: Tenant, _region: str) -> Iterator[list[FoundResource]]:
        trouble = Trouble()
        yield from pages(trouble, tenant)
        trouble.end()

    return Collector((resource_type,), permissions, read)


def found(
    resource_type: str,
    native_id: str,
    name: str,
    properties: Mapping[str, Any],
    *,
    status: str | None = None,
    created_at: datetime | None = None,
    last_used_at: datetime | None = None,
    relations: tuple[Relation, ...] = (),
) -> FoundResource:
    """A resource of the tenant, which belongs to no region."""
    return FoundResource(
        service=SERVICE,
        resource_type=resource_type,
        native_id=native_id,
        name=name or native_id,
        region=GLOBAL,
        status=status,
        properties={key: value for key, value in properties.items() if value is not None},
        created_at=created_at,
        last_used_at=last_used_at,
        relations=relations,
    )


def moment(value: Any) -> datetime | None:
    """A moment of Graph's in UTC; None for none, and for the year 1 that stands for "never"."""
    try:
        told = datetime.fromisoformat(str(value or ""))
    except ValueError:
        return None
    told = told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
    return told if told.year > 1970 else None  # noqa: PLR2004  (computers have no earlier moments to tell)


def text_of(value: datetime | None) -> str | None:
    """A moment as a property."""
    return None if value is None else value.isoformat()
