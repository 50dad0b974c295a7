"""Counts what an answer did cost: level by level, all objects that stand at one place together.

Of most lists only the length is looked at. Of objects that may be of several types the answer does not tell which they
are: what has a key counts with the least that the key means, so that no answer costs more than was estimated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from app.server.costs.calls import Call
from app.server.costs.reading import Raw

Count = Callable[[list[Any], Raw], int]
"""What objects cost with all under them, beside their own weight."""


def counter(alternatives: Sequence[Sequence[Call]], *, sure: bool) -> Count | None:
    """Counts objects of one place; None where they cost nothing further. `sure` where they have all the keys."""
    by_key: dict[str, list[Call]] = {}
    for calls in alternatives:
        for call in calls:
            by_key.setdefault(call.key, []).append(call)
    counts = [count for same in by_key.values() for count in _of_key(same, sure=sure)]
    if not counts:
        return None

    def of_objects(objects: list[Any], variables: Raw) -> int:
        return sum([count(objects, variables) for count in counts])

    return of_objects


def _of_key(same: Sequence[Call], *, sure: bool) -> list[Count]:
    """What counts the calls under one key: their own weight, and the values that they gave."""
    key = same[0].key
    found = [count for count in (_of_weights(same), _of_values(same)) if count is not None]
    if sure:
        return found

    def with_key(count: Count) -> Count:
        return lambda objects, variables: count([each for each in objects if key in each], variables)

    return [with_key(count) for count in found]


def _of_weights(same: Sequence[Call]) -> Count | None:
    weights = [call.weight for call in same]
    known = [weight for weight in weights if not callable(weight)]
    if len(known) == len(weights):
        least = min(known)
        return (lambda objects, _: least * len(objects)) if least else None
    return lambda objects, variables: (
        len(objects) * min([weight(variables) if callable(weight) else weight for weight in weights])
    )


def _of_values(same: Sequence[Call]) -> Count | None:
    first = same[0]
    key, item = first.key, min(call.lightest for call in same)
    alternatives = [calls for call in same for calls in call.below]
    below = counter(alternatives, sure=len(alternatives) == 1)
    if below is None:
        if not item:
            return None
        if not first.is_list and all(call.is_required for call in same):
            return lambda objects, _: item * len(objects)
        if first.is_list and all(call.are_items_required for call in same):
            return lambda objects, _: item * sum([len(each[key] or ()) for each in objects])

    def of_values(objects: list[Any], variables: Raw) -> int:
        values = [value for each in objects if (value := each[key]) is not None]
        if first.is_list:
            values = [value for value in chain.from_iterable(values) if value is not None]
        return item * len(values) + (below(values, variables) if below is not None else 0)

    return of_values
