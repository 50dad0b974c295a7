"""What arguments add to an estimate: how long they make a list, and what those weigh that are given.

Each becomes a number where the document says it, and a function of the variables where they do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLField,
    OperationDefinitionNode,
    Undefined,
    ValueNode,
    VariableNode,
    get_named_type,
    value_from_ast_untyped,
)

from app.server.costs.weights import Sized, weighs_inside, weight_of

Raw = Mapping[str, Any]
Amount = int | Callable[[Raw], int]
"""A number, or how to find it."""

Read = Callable[[Raw], Any]


class Defaults:
    """What variables are that nobody sends."""

    def __init__(self, operation: OperationDefinitionNode) -> None:
        self._values = {
            definition.variable.name.value: value_from_ast_untyped(definition.default_value)
            for definition in operation.variable_definitions or ()
            if definition.default_value is not None
        }

    def of(self, name: str) -> Any:
        """The default of a variable; Undefined where it has none."""
        return self._values.get(name, Undefined)

    def read(self, value: ValueNode) -> Any | Read:
        """A value of a document, or a function where variables stand in it."""
        if isinstance(value, VariableNode):
            name, default = value.name.value, self.of(value.name.value)
            return lambda raw: raw.get(name, default)
        if not _holds_variable(value):
            return value_from_ast_untyped(value)
        # Variables inside are Undefined where nobody sends them, which counts as nothing.
        return lambda raw: value_from_ast_untyped(value, self._with(raw))

    def _with(self, raw: Raw) -> dict[str, Any]:
        return {**self._values, **raw}


def size(sized: Sized, definition: GraphQLField, node: FieldNode, defaults: Defaults) -> Amount:
    """How many items a field has at most."""
    sent = _sent(node)
    assumed = sized.assumed
    fixed: list[int | None] = []
    reads: list[tuple[Read, int | None]] = []
    for name in sized.arguments:
        default = _length(_default(definition.args[name]))
        value = defaults.read(sent[name]) if name in sent else Undefined
        if callable(value):
            reads.append((value, default))
        else:
            fixed.append(default if value is Undefined else _length(value))
    known = max((length for length in fixed if length is not None), default=None)
    if not reads:
        return assumed if known is None else known

    def longest(raw: Raw) -> int:
        found = known
        for read, default in reads:
            value = read(raw)
            length = default if value is Undefined else _length(value)
            if length is not None and (found is None or length > found):
                found = length
        return assumed if found is None else found

    return longest


def weight_of_arguments(definition: GraphQLField, node: FieldNode, defaults: Defaults) -> Amount:
    """What the arguments weigh that are given."""
    sent = _sent(node)
    fixed, reads = 0, []
    for name, argument in definition.args.items():
        weight = weight_of(argument, 0)
        if name not in sent or not (weight or weighs_inside(argument.type)):
            continue
        value = defaults.read(sent[name])
        if callable(value):
            reads.append((value, argument, weight))
        else:
            fixed += _weight_of_value(value, argument, weight)
    if not reads:
        return fixed
    return lambda raw: fixed + sum(_weight_of_value(read(raw), argument, weight) for read, argument, weight in reads)


def _weight_of_value(value: Any, declared: Any, weight: int) -> int:
    """The weight of an argument or input field with everything in its value; nothing where it is null."""
    if value is None or value is Undefined:
        return 0
    fields = getattr(get_named_type(declared.type), "fields", None)
    if not fields:
        return weight
    objects = value if isinstance(value, list) else [value]
    inside = sum(
        _weight_of_value(each.get(name), field, weight_of(field, 0))
        for each in objects
        if isinstance(each, Mapping)
        for name, field in fields.items()
        if name in each
    )
    return weight + inside


def _length(value: Any) -> int | None:
    """How many items a coerced value of a slicing argument asks for; None where it says nothing."""
    if value is None or value is Undefined:
        return None
    if isinstance(value, list):
        return len(value)
    if isinstance(value, str):  # one value stands for a list of one; of another kind it will be refused
        return 1
    return max(0, int(value)) if isinstance(value, int | float) and abs(value) < _LARGEST else 0


_LARGEST = 2.0**31


def _default(argument: GraphQLArgument) -> Any:
    if argument.default is None:
        return argument.default_value
    return Undefined if argument.default.literal is not None else argument.default.value


def _sent(node: FieldNode) -> dict[str, ValueNode]:
    return {argument.name.value: argument.value for argument in node.arguments or ()}


def _holds_variable(value: Any) -> bool:
    if isinstance(value, VariableNode):
        return True
    inside = getattr(value, "values", None) or [each.value for each in getattr(value, "fields", None) or ()]
    return any(_holds_variable(each) for each in inside)
