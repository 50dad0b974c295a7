"""What an operation costs at most, before it runs, and what it did cost: both from the same calls.

An operation costs 1, each call of a field its weight with that of the arguments that are given, each object 1 unless
its type says another. A list counts with the items that its arguments allow; of types that an object may be the
dearest. Both are compiled once, kept with the document, and take microseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphql import BooleanValueNode, DocumentNode, GraphQLSchema, OperationDefinitionNode

from app.execution.selections import condition_names
from app.server.costs.actual import counter
from app.server.costs.calls import Call, Calls
from app.server.costs.reading import Amount, Raw

OF_OPERATION = 1
CEILING = 1_000_000_000_000
"""Estimates count no further: lists in lists reach any number."""
MOST_CONDITIONS = 16
"""Estimates of one operation that are kept, by its `@skip` and `@include` values."""


class Estimate:
    """The figures of one operation, for one set of values of its conditions."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self._calls = calls
        self._requested = _plus(OF_OPERATION, _sum(calls))
        self._count = counter([calls], sure=True)

    def requested(self, variables: Raw) -> int:
        """What the operation costs at most; `variables` are as they were sent."""
        amount = self._requested
        return min(CEILING, amount(variables)) if callable(amount) else min(CEILING, amount)

    def actual(self, data: Mapping[str, Any], variables: Raw) -> int:
        """What an operation with this answer did cost."""
        return OF_OPERATION + (self._count([data], variables) if self._count is not None else 0)

    def parts(self, variables: Raw) -> list[tuple[str, int]]:
        """Where the estimate comes from: the place of each field and its own part, the largest first."""
        found = [(".".join(path), min(CEILING, cost)) for path, cost in _parts(self._calls, (), 1, variables)]
        return sorted(found, key=lambda part: part[1], reverse=True)


class Estimates:
    """The estimates of one operation of a document, kept with it."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        self._schema, self._document, self._operation = schema, document, operation
        self._names = condition_names(document, operation)
        self._defaults = {
            definition.variable.name.value: definition.default_value.value
            for definition in operation.variable_definitions or ()
            if isinstance(definition.default_value, BooleanValueNode)
        }
        self._kept: dict[tuple[bool, ...], Estimate] = {}

    def of(self, variables: Raw) -> Estimate:
        """The estimate that these variables lead to."""
        # What is no truth is refused with nothing executed.
        conditions = tuple([variables.get(name, self._defaults.get(name)) is True for name in self._names])
        found = self._kept.get(conditions)
        if found is None:
            by_name = dict(zip(self._names, conditions, strict=True))
            found = Estimate(Calls(self._schema, self._document, self._operation, by_name).root())
            if len(self._kept) < MOST_CONDITIONS:
                self._kept[conditions] = found
        return found


def _sum(calls: Sequence[Call]) -> Amount:
    """What calls cost together, on one object."""
    total: Amount = 0
    for call in calls:
        total = _plus(total, _of_call(call))
    return total


def _of_call(call: Call) -> Amount:
    each = _plus(call.item, _dearest([_sum(calls) for calls in call.below]))
    return _plus(call.weight, _times(call.items, each))


def _plus(one: Amount, other: Amount) -> Amount:
    if callable(one):
        first = one
        if callable(other):
            second = other
            return lambda raw: first(raw) + second(raw)
        number = other
        return (lambda raw: first(raw) + number) if number else first
    return _plus(other, one) if callable(other) else min(CEILING, one + other)


def _times(items: Amount, each: Amount) -> Amount:
    if callable(items):
        first = items
        if callable(each):
            second = each
            return lambda raw: first(raw) * second(raw)
        number = each
        return (lambda raw: first(raw) * number) if number else 0
    return _times(each, items) if callable(each) else min(CEILING, items * each)


def _dearest(amounts: Sequence[Amount]) -> Amount:
    known = max((amount for amount in amounts if not callable(amount)), default=0)
    found = [amount for amount in amounts if callable(amount)]
    if not found:
        return known
    return lambda raw: max(known, *(amount(raw) for amount in found))


def _parts(
    calls: Sequence[Call], path: tuple[str, ...], objects: int, variables: Raw
) -> Iterator[tuple[tuple[str, ...], int]]:
    for call in calls:
        place = (*path, call.name)
        weight = call.weight(variables) if callable(call.weight) else call.weight
        items = objects * (call.items(variables) if callable(call.items) else call.items)
        yield place, objects * weight + items * call.item
        for below in call.below:
            yield from _parts(below, place, items, variables)
