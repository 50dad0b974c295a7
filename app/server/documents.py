"""Documents: parsed, measured and validated once, then kept by their text in bounded caches."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import strawberry
from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    OverlappingFieldsCanBeMergedRule,
    ValidationContext,
    VariableDefinitionNode,
    parse,
    specified_rules,
    validate,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from app.errors import ErrorCode
from app.execution import Plans
from app.server.costs.estimate import Estimates
from app.server.limits import Limits, excess, excesses, measure
from app.server.masking import MOST_ERRORS, Fault, Refusal
from app.server.merging import FieldsMergeRule

KEPT_DOCUMENTS = 1_000
KEPT_BYTES = 67_108_864
# Memory of a parsed document: 350 to 450 bytes a token (tracemalloc, Python 3.11, dense and pretty documents).
BYTES_PER_TOKEN = 450
BYTES_PER_REFUSAL = 2_048

_TOO_LARGE = ("Document contains more than", "Document is nested too deeply")


class OneOfRule(OneOfInputValidationRule):
    """Strawberry's rule for one-of inputs, made safe for fragments that stand before their operation."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        # Of variables with one name in several operations, a nullable one decides.
        self._variables: dict[str, VariableDefinitionNode] = {}
        for definition in context.document.definitions:
            if isinstance(definition, OperationDefinitionNode):
                for variable in definition.variable_definitions or ():
                    name = variable.variable.name.value
                    if name not in self._variables or variable.type.kind != "non_null_type":
                        self._variables[name] = variable

    def enter_operation_definition(self, *_: Any) -> None:
        """Know the variables of the whole document at once."""
        self.variable_definitions = self._variables

    def enter_object_value(self, node: ObjectValueNode, *_: Any) -> None:
        """Check a one-of literal, unless it uses a variable that nobody defined: another rule says so."""
        self.variable_definitions = self._variables
        values = [value_field.value for value_field in node.fields]
        if all(value.kind != "variable" or value.name.value in self._variables for value in values):  # type: ignore[attr-defined]
            super().enter_object_value(node)


# Built once: rules made per request would make every lookup a miss.
DOCUMENT_RULES: tuple[type[ASTValidationRule], ...] = (
    *(rule for rule in specified_rules if rule is not OverlappingFieldsCanBeMergedRule),
    FieldsMergeRule,
    MaybeNullValidationRule,
    OneOfRule,
)


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One operation of a valid document, with the plans that it runs by and the estimates of its cost."""

    node: OperationDefinitionNode
    introspects: bool
    plans: list[Plans] = field(default_factory=list)
    estimates: list[Estimates] = field(default_factory=list)

    @property
    def name(self) -> str | None:
        """Its name in the document."""
        return self.node.name.value if self.node.name else None

    @property
    def type(self) -> OperationType:
        """Query, mutation or subscription."""
        return self.node.operation


@dataclass(frozen=True, slots=True)
class Document:
    """A document that passed limits and validation."""

    node: DocumentNode
    operations: Mapping[str | None, Operation]

    def operation(self, name: str | None) -> Operation:
        """The operation of that name, or the only one; Refusal when there is no such."""
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        if name is not None and name in self.operations:
            return self.operations[name]
        message = (
            f"The document has no operation named '{name}'."
            if name is not None
            else "The document has several operations: say which to run in `operationName`."
        )
        raise Refusal([Fault(ErrorCode.BAD_REQUEST, message)], is_document=True)


Kept = TypeVar("Kept")


class _RecentlyUsed(Generic[Kept]):
    """Values by document text; the least recently used go when there are too many or they take too much memory."""

    def __init__(self, entries: int, most_bytes: int) -> None:
        self._entries, self._most_bytes = entries, most_bytes
        self._kept: OrderedDict[str, tuple[Kept, int]] = OrderedDict()
        self.held_bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, text: str) -> Kept | None:
        """The value kept for this text, now the most recently used."""
        found = self._kept.get(text)
        if found is None:
            return None
        self._kept.move_to_end(text)
        return found[0]

    def put(self, text: str, value: Kept, size: int) -> list[Kept]:
        """Keep a value that takes about `size` bytes; returns those that are dropped for it."""
        if size > self._most_bytes:
            return []
        dropped: list[Kept] = []
        self._kept[text] = (value, size)
        self.held_bytes += size
        while len(self._kept) > self._entries or self.held_bytes > self._most_bytes:
            _, (value, freed) = self._kept.popitem(last=False)
            self.held_bytes -= freed
            dropped.append(value)
        return dropped


class Documents:
    """Turns document text into a Document, or into the same Refusal each time, with the work done once.

    Refused documents are kept apart, so that a flood of wrong ones cannot push out the good ones.
    `on_lookup(hit)` is told of each lookup; `hits` and `misses` count them. `on_drop` is told of each document that is
    no longer kept.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: Limits,
        *,
        rules: tuple[type[ASTValidationRule], ...] = DOCUMENT_RULES,
        entries: int = KEPT_DOCUMENTS,
        most_bytes: int = KEPT_BYTES,
        on_lookup: Callable[[bool], None] | None = None,
        on_drop: Callable[[Document], None] = lambda _: None,
    ) -> None:
        self._schema, self._limits, self._rules = schema, limits, rules
        self._accepted: _RecentlyUsed[Document] = _RecentlyUsed(entries, most_bytes)
        self._refused: _RecentlyUsed[tuple[Fault, ...]] = _RecentlyUsed(entries, most_bytes)
        self._on_lookup, self._on_drop = on_lookup, on_drop
        self.hits = self.misses = 0

    def load(self, text: str) -> Document:
        """The document of this text; Refusal when it is too large, does not parse or is not valid."""
        return self.find(text) or self.read(text)

    def find(self, text: str) -> Document | None:
        """The same where it takes no work: None for a text that has to be read."""
        size = len(text) if text.isascii() else len(text.encode())
        if size > self._limits.document_bytes:
            raise _over_limit([excess("bytes", size, self._limits.document_bytes)])
        document = self._accepted.get(text)
        faults = self._refused.get(text) if document is None else None
        if document is None and faults is None:
            return None
        self.hits += 1
        if self._on_lookup is not None:
            self._on_lookup(True)  # noqa: FBT003 - as it is declared
        if faults is not None:
            raise Refusal(faults, is_document=True)
        return document

    def read(self, text: str) -> Document:
        """Do the work for a text that `find` does not know: up to 50 ms. Refusal as of `load`."""
        self.misses += 1
        if self._on_lookup is not None:
            self._on_lookup(False)  # noqa: FBT003
        size = len(text.encode())
        try:
            document = self._examine(text)
        except Refusal as refusal:
            self._refused.put(text, refusal.faults, size + BYTES_PER_REFUSAL)
            raise
        for dropped in self._accepted.put(text, document, size + BYTES_PER_TOKEN * document.node.token_count):
            self._on_drop(dropped)
        return document

    def _examine(self, text: str) -> Document:
        """Cheapest check first: tokens (while parsing), figures, and only then the rules."""
        node = self._parse(text)
        figures = measure(node)
        if messages := excesses(figures, self._limits):
            raise _over_limit(messages)
        errors = validate(self._schema, node, self._rules, max_errors=MOST_ERRORS, hide_suggestions=True)
        if errors:
            raise Refusal.of_document(errors[:MOST_ERRORS], ErrorCode.GRAPHQL_VALIDATION_FAILED)
        operations = {
            definition.name.value if definition.name else None: Operation(
                definition, introspects=figure.introspection_fields > 0
            )
            for definition, figure in figures
            if isinstance(definition, OperationDefinitionNode)
        }
        return Document(node, operations)

    def _parse(self, text: str) -> DocumentNode:
        tokens = self._limits.document_tokens
        try:
            return parse(text, max_lexical_tokens=tokens, max_comments=tokens)
        except GraphQLSyntaxError as error:
            code = ErrorCode.GRAPHQL_PARSE_FAILED
            if any(phrase in error.message for phrase in _TOO_LARGE):
                code = ErrorCode.DOCUMENT_LIMIT_EXCEEDED
            # A bare copy: the error itself would keep the parser's frames alive in the cache.
            raise Refusal.of_document([_without_frames(error)], code) from None


def _over_limit(messages: list[str]) -> Refusal:
    return Refusal([Fault(ErrorCode.DOCUMENT_LIMIT_EXCEEDED, message) for message in messages], is_document=True)


def _without_frames(error: GraphQLError) -> GraphQLError:
    return GraphQLError(error.message, source=error.source, positions=error.positions)


def refuse_unsupported(schema: strawberry.Schema) -> None:
    """ValueError for what Strawberry would run around an operation and this server does not."""
    if schema.extensions or schema.directives:
        message = "schema extensions and operation directives are not run by app.server: limits and masking live there"
        raise ValueError(message)
    if schema.config.enable_experimental_incremental_execution:
        message = "@defer and @stream are not supported by app.server"
        raise ValueError(message)
