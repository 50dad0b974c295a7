"""Which fields a selection has on one object type: fragments opened, equal response keys together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
)

Fields = dict[str, list[FieldNode]]


class Selections:
    """Reads selections of one document, for one set of values of the variables in `@skip` and `@include`."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, conditions: Mapping[str, Any]) -> None:
        self._schema = schema
        self._fragments = fragments_of(document)
        self._conditions = conditions

    def fields(self, type_: GraphQLObjectType, sets: Iterable[SelectionSetNode | None]) -> Fields:
        """Field nodes by response key, in the order of the answer."""
        found: Fields = {}
        opened: set[str] = set()
        for each in sets:
            if each is not None:
                self._collect(type_, each, found, opened)
        return found

    def _collect(self, type_: GraphQLObjectType, selected: SelectionSetNode, found: Fields, opened: set[str]) -> None:
        for node in selected.selections:
            if not self._is_included(node):
                continue
            if isinstance(node, FieldNode):
                found.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                if self._applies(node, type_):
                    self._collect(type_, node.selection_set, found, opened)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in opened:
                opened.add(node.name.value)
                fragment = self._fragments[node.name.value]
                if self._applies(fragment, type_):
                    self._collect(type_, fragment.selection_set, found, opened)

    def _applies(self, fragment: InlineFragmentNode | FragmentDefinitionNode, type_: GraphQLObjectType) -> bool:
        if fragment.type_condition is None:
            return True
        condition = self._schema.type_map[fragment.type_condition.name.value]
        return condition is type_ or type_ in self._schema.get_possible_types(condition)  # type: ignore[arg-type]

    def _is_included(self, node: SelectionNode) -> bool:
        for directive in node.directives or ():
            if directive.name.value == "skip" and self._holds(directive):
                return False
            if directive.name.value == "include" and not self._holds(directive):
                return False
        return True

    def _holds(self, directive: DirectiveNode) -> bool:
        value = (directive.arguments or ())[0].value
        if isinstance(value, VariableNode):
            return bool(self._conditions.get(value.name.value))
        return isinstance(value, BooleanValueNode) and value.value


def fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """The fragments of a document by name."""
    return {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}


def condition_names(document: DocumentNode, operation: OperationDefinitionNode) -> tuple[str, ...]:
    """The variables of an operation that stand in `@skip` and `@include`, also in fragments."""
    sets = [operation.selection_set, *(each.selection_set for each in fragments_of(document).values())]
    used = {name for selected in sets for name in _conditions(selected)}
    defined = {each.variable.name.value for each in operation.variable_definitions or ()}
    return tuple(sorted(used & defined))


def _conditions(selected: SelectionSetNode) -> Iterator[str]:
    for node in selected.selections:
        for directive in node.directives or ():
            for argument in (directive.arguments or ()) if directive.name.value in {"skip", "include"} else ():
                if isinstance(argument.value, VariableNode):
                    yield argument.value.name.value
        inner: SelectionSetNode | None = getattr(node, "selection_set", None)
        if inner is not None:
            yield from _conditions(inner)
