"""Facts of which some have not been read yet: whoever asks for one of those is stopped, so that they are read for it.

So a check can be run on what a row of the inventory tells, which for most resources is enough to be clear of waste.
"""

from __future__ import annotations

from typing import Any

from app.detection.facts import Facts, NotReadError, Subject


def _not_read() -> Any:
    def ask(_: object) -> Any:
        raise NotReadError

    def ignore(_: object, __: object) -> None:
        """What is given to the constructor says nothing."""

    return property(ask, ignore)


class RowSubject(Subject):
    """A resource of which is not known yet when it was seen to change."""

    status_since = _not_read()
    changed_at = _not_read()


class RowFacts(Facts):
    """Facts of a resource by itself: its row, and nothing around it."""

    prices = _not_read()
    cost = _not_read()
    neighbour_costs = _not_read()
    usages = _not_read()
    unread = _not_read()
    neighbours = _not_read()
    targets = _not_read()
    complete_types = _not_read()


class CostlessFacts(Facts):
    """All facts but what the resource and its neighbours cost, which takes the longest to be read."""

    cost = _not_read()
    neighbour_costs = _not_read()
