"""What the document of a webhook may be: a subscription to `activity`, or a query with some variables."""

from __future__ import annotations

from typing import Any, Final, NoReturn

import strawberry
from graphql import FieldNode, OperationType, VariableDefinitionNode, print_ast

from app.config import Settings
from app.errors import BadUserInputError
from app.server.costs.estimate import Estimates
from app.server.documents import Documents, Operation
from app.server.limits import Limits
from app.server.masking import Refusal

# Variables that a document may declare, and the types that fit what they are given.
VARIABLES: Final = {
    "organizationId": ("ID!", "ID"),
    "eventId": ("ID!", "ID"),
    "subjectId": ("ID",),
    "after": ("String",),
}
_SOURCE: Final = "activity"
_PATH: Final = ("input", "document")


class DocumentChecker:
    """Says whether a document may be a webhook's; one for each process, for it keeps what it has parsed."""

    def __init__(self, schema: strawberry.Schema, settings: Settings) -> None:
        self._schema = schema._schema  # noqa: SLF001 - as app.server.operations has it
        self._documents = Documents(self._schema, Limits.from_settings(settings))
        self._most = settings.cost_operation if settings.cost_maximum else None

    def check(self, text: str) -> None:
        """Raises BadUserInputError, with the place in the document, for one that may not."""
        try:
            document = self._documents.load(text)
        except Refusal as refusal:
            _refuse("; ".join(_told(fault.message, fault.locations) for fault in refusal.faults))
        if len(document.operations) != 1:
            _refuse("it must have exactly one operation")
        operation = document.operation(None)
        if operation.introspects:
            _refuse("it may not ask for the schema")
        if operation.type is OperationType.MUTATION:
            _refuse("it must be a query or a subscription to `activity`")
        if operation.type is OperationType.SUBSCRIPTION:
            _check_source(operation)
        for variable in operation.node.variable_definitions or ():
            _check_variable(variable)
        if self._most is not None:
            variables: dict[str, Any] = dict.fromkeys(declared(operation), "")
            requested = Estimates(self._schema, document.node, operation.node).of(variables).requested(variables)
            if requested > self._most:
                _refuse(f"it may cost {requested:,} points for each event, and one may cost {self._most:,} at most")


def declared(operation: Operation) -> list[str]:
    """The names of its variables."""
    return [each.variable.name.value for each in operation.node.variable_definitions or ()]


def _check_source(operation: Operation) -> None:
    selections = operation.node.selection_set.selections
    (first, *others) = selections
    if others or not isinstance(first, FieldNode) or first.name.value != _SOURCE:
        _refuse(f"the one field of a subscription must be `{_SOURCE}`; anything else is asked by a query")


def _check_variable(definition: VariableDefinitionNode) -> None:
    name, type_ = definition.variable.name.value, print_ast(definition.type)
    fitting = VARIABLES.get(name)
    if fitting is None:
        known = ", ".join(f"${each}: {types[0]}" for each, types in VARIABLES.items())
        _refuse(f"the variable ${name} is given no value; there are {known}")
    if type_ not in fitting:
        _refuse(f"the variable ${name} must be of the type {fitting[0]}, not {type_}")


def _told(message: str, locations: tuple[tuple[int, int], ...]) -> str:
    return f"line {locations[0][0]}: {message}" if locations else message


def _refuse(why: str) -> NoReturn:
    message = f"`document` cannot be a webhook's: {why}"
    raise BadUserInputError(message, path=_PATH) from None
