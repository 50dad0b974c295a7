"""Projects, and whether Google finds that nobody attends to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from app.providers.base import Collector, FoundResource
from app.providers.gcp.assets import Asset
from app.providers.gcp.connection import INVENTORY_PERMISSIONS, GcpConnection
from app.providers.gcp.platform import PROJECT
from app.providers.gcp.recommender import is_unattended
from app.providers.gcp.recommenders import UNATTENDED
from app.providers.problems import ProblemCode, ProviderError

_TOGETHER = 100
"""Projects told at once: each takes a question of its own, and a page has a time limit."""
_FOR_ALL = frozenset({ProblemCode.DENIED, ProblemCode.NOT_ENABLED})
"""Problems of one project that the others would have as well: no more is asked after one."""
_UNKNOWN: Mapping[str, Any] = {"unreadable": ["unattended"]}


def collector() -> Collector:
    """As the scan wants it: with `unattended`, whether Google recommends to remove a project for want of any use.

    Where that cannot be read it is told to be unreadable, and why after the last page.
    """
    return Collector((PROJECT.resource_type,), (*INVENTORY_PERMISSIONS, str(UNATTENDED.permission)), _pages)


def _pages(connection: GcpConnection, _region: str) -> Iterator[list[FoundResource]]:
    attendance = _Attendance(connection)
    for page in connection.pages((PROJECT.resource_type,)):
        for start in range(0, max(len(page), 1), _TOGETHER):
            yield [attendance.added_to(PROJECT.found(asset), asset) for asset in page[start : start + _TOGETHER]]
    attendance.end()


@dataclass
class _Attendance:
    """Asks of each project, and notes what went wrong."""

    connection: GcpConnection
    problems: list[ProviderError] = field(default_factory=list)

    def added_to(self, found: FoundResource, asset: Asset) -> FoundResource:
        """The project with what is known of its attendance: nothing of one that is being deleted."""
        if found.status not in {None, "ACTIVE"}:
            return found
        return replace(found, properties={**found.properties, **self._told(asset)})

    def _told(self, asset: Asset) -> Mapping[str, Any]:
        if any(problem.code in _FOR_ALL for problem in self.problems):
            return _UNKNOWN
        try:
            return {"unattended": is_unattended(self.connection, asset.project_number or str(asset.project))}
        except ProviderError as problem:
            if problem.code not in {*_FOR_ALL, ProblemCode.FAILED}:
                raise
            self.problems.append(problem)
            return _UNKNOWN

    def end(self) -> None:
        """Raise what was noted, as a problem of projects that have all been told."""
        if self.problems:
            worst = next((one for one in self.problems if one.code in _FOR_ALL), self.problems[0])
            raise ProviderError(worst.code, worst.message, worst.remedy, permission=worst.permission, listed=True)
