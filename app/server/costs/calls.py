"""The calls of an operation: its fields that weigh something or lead to what does, with how often they come at most."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    is_abstract_type,
)

from app.execution.selections import Selections
from app.server.costs.derived import is_list
from app.server.costs.reading import Amount, Defaults, size, weight_of_arguments
from app.server.costs.weights import INTROSPECTION, size_of, weight_of, weight_of_type


@dataclass(frozen=True)
class Call:
    """A field of a selection: what one call of it weighs, and what hangs under it.

    `items` is how many values one call gives at most, `item` what each weighs. `below` has the calls of each object
    type that may be found there, of which one object is one: one entry where it is sure which.
    """

    key: str
    name: str
    weight: Amount
    items: Amount = 0
    item: int = 0
    lightest: int = 0
    is_list: bool = False
    is_required: bool = False
    are_items_required: bool = False
    below: Sequence[Sequence[Call]] = ()


class Calls:
    """Finds the calls of one operation, for one set of values of the variables in `@skip` and `@include`."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        conditions: Mapping[str, Any],
    ) -> None:
        self._schema, self._operation = schema, operation
        self._selections = Selections(schema, document, conditions)
        self._defaults = Defaults(operation)

    def root(self) -> list[Call]:
        """The calls of the root type."""
        type_ = self._schema.get_root_type(self._operation.operation)
        return [] if type_ is None else self._of(type_, [self._operation.selection_set], {})

    def _of(
        self,
        type_: GraphQLObjectType,
        sets: Iterable[SelectionSetNode | None],
        sizes: Mapping[str, Amount],
        *,
        is_sure: bool = True,
    ) -> list[Call]:
        """The calls on an object of a type; `sizes` are of its lists, where the field that gave it says them.

        With those that weigh nothing where it is not sure that the objects are of this type: there another type's
        field may have the same key.
        """
        found = []
        for key, nodes in self._selections.fields(type_, sets).items():
            name = nodes[0].name.value
            if name in INTROSPECTION:
                found.append(Call(key, name, INTROSPECTION[name]))
            elif not name.startswith("__"):
                call = self._call(key, type_.fields[name], nodes, sizes)
                if not is_sure or call.weight != 0 or call.item or any(call.below):
                    found.append(call)
        return found

    def _call(self, key: str, field: GraphQLField, nodes: list[FieldNode], sizes: Mapping[str, Amount]) -> Call:
        node, sized = nodes[0], size_of(field)
        items: Amount = sizes.get(node.name.value, 1)
        inside: dict[str, Amount] = {}
        if sized is not None:
            length = size(sized, field, node, self._defaults)
            if sized.fields:
                inside = dict.fromkeys(sized.fields, length)
            else:
                items = length
        named: Any = get_named_type(field.type)
        possible = list(self._possible(named))
        weights = [weight_of_type(each) for each in possible] or [weight_of_type(named)]
        own, arguments = weight_of(field, 0), weight_of_arguments(field, node, self._defaults)
        sets = [each.selection_set for each in nodes]
        return Call(
            key=key,
            name=node.name.value,
            weight=(lambda raw: own + arguments(raw)) if callable(arguments) else own + arguments,
            items=items,
            item=max(weights),
            lightest=min(weights),
            is_list=is_list(field.type),
            is_required=isinstance(field.type, GraphQLNonNull),
            are_items_required=_has_required_items(field.type),
            below=[self._of(each, sets, inside, is_sure=len(possible) == 1) for each in possible],
        )

    def _possible(self, named: Any) -> Iterator[GraphQLObjectType]:
        if is_abstract_type(named):
            yield from self._schema.get_possible_types(named)
        elif isinstance(named, GraphQLObjectType):
            yield named


def _has_required_items(type_: Any) -> bool:
    """Whether no item of a list may be null."""
    inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    return isinstance(getattr(inner, "of_type", None), GraphQLNonNull)
