"""Makes an operation that two servers answer differently as small as it can be while they still do."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from typing import Any

from graphql import (
    REMOVE,
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    Node,
    SelectionSetNode,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    parse,
    print_ast,
    visit,
)

from tests.execution.twins import Operation, Twins, Verdict

MOST_TRIES = 300
MOST_SECONDS = 30.0
_PARTS = (FieldNode, InlineFragmentNode, FragmentSpreadNode, ArgumentNode, DirectiveNode)


async def reduced(twins: Twins, operation: Operation) -> Operation:
    """The smallest operation found within some hundred tries: parts are left out one by one, the largest first."""
    tries = at = 0
    begun = monotonic()
    while tries < MOST_TRIES and monotonic() - begun < MOST_SECONDS:
        document = parse(operation.document)
        if at >= _count(document):
            break
        tries += 1
        smaller = _without(operation, document, at)
        if smaller is not None and (await twins.compare(smaller)).verdict is Verdict.DIFFERENT:
            operation = smaller
        else:
            at += 1
    return operation


def skeleton(operation: Operation) -> str:
    """The names of the fields of an operation in their order: alike for operations that differ in values alone."""
    names: list[str] = []

    class Names(Visitor):
        def enter_field(self, node: FieldNode, *_: Any) -> None:
            names.append(node.name.value)

    visit(parse(operation.document), Names())
    return " ".join(names)


def _count(document: DocumentNode) -> int:
    counter = _Remover(-1)
    visit(document, counter)
    return counter.seen


class _Remover(Visitor):
    """Leaves out the part with a number, as parts are met from the outside in; -1 leaves out none."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number, self.seen = number, 0

    def enter(self, node: Node, *_: Any) -> Any:
        """Count parts."""
        if not isinstance(node, _PARTS):
            return None
        self.seen += 1
        return REMOVE if self.seen - 1 == self.number else None


class _Used(Visitor):
    """Which fragments and variables stand in selections."""

    def __init__(self) -> None:
        super().__init__()
        self.fragments: set[str] = set()
        self.variables: set[str] = set()
        self.is_empty = False

    def enter_selection_set(self, node: SelectionSetNode, *_: Any) -> None:
        """Nothing may be in no braces."""
        self.is_empty = self.is_empty or not node.selections

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
        """A fragment is used."""
        self.fragments.add(node.name.value)

    def enter_variable(self, node: VariableNode, _key: Any, parent: Any, *_: Any) -> None:
        """A variable is used, unless this is where it is declared."""
        if getattr(parent, "kind", "") != "variable_definition":
            self.variables.add(node.name.value)


class _Unused(Visitor):
    """Leaves out the definitions of variables that nothing uses."""

    def __init__(self, used: set[str]) -> None:
        super().__init__()
        self.used = used

    def enter_variable_definition(self, node: VariableDefinitionNode, *_: Any) -> Any:
        """See the class."""
        return None if node.variable.name.value in self.used else REMOVE


def _without(operation: Operation, document: DocumentNode, number: int) -> Operation | None:
    """The operation without one part; None where that leaves braces with nothing in them."""
    smaller = visit(document, _Remover(number))
    while True:
        used = _Used()
        visit(smaller, used)
        if used.is_empty:
            return None
        kept = tuple(
            definition
            for definition in smaller.definitions
            if not isinstance(definition, FragmentDefinitionNode) or definition.name.value in used.fragments
        )
        if len(kept) == len(smaller.definitions):
            break
        smaller = DocumentNode(definitions=kept)
    smaller = visit(smaller, _Unused(used.variables))
    values = {name: value for name, value in operation.variables.items() if name in used.variables}
    return replace(operation, document=print_ast(smaller), variables=values)
