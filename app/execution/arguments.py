"""What resolvers are given: coerced variables, and the arguments of each call, prepared once for each request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import date
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Any, cast
from uuid import UUID

from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLError,
    GraphQLField,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    ValueNode,
    VariableNode,
    VariableValues,
    Visitor,
    get_argument_values,
    get_variable_values,
    is_leaf_type,
    type_from_ast,
    visit,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import convert_arguments
from strawberry.types.base import has_object_definition
from strawberry.types.field import StrawberryField
from strawberry.types.unset import UNSET

from app.execution.code import Bail, Reason
from app.execution.declarations import PlanInfo

# Kinds of variables whose coercion changes nothing of a value of the right class.
_PLAIN: dict[str, type] = {"String": str, "ID": str, "Boolean": bool, "Int": int}
_LARGEST_INT = 2**31 - 1


class Variables:
    """Coerces the variables of an operation."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._schema = schema
        self._definitions = operation.variable_definitions or ()
        self._plain: list[tuple[str, type, bool]] | None = []
        for definition in self._definitions:
            type_ = type_from_ast(schema, definition.type)
            required = isinstance(type_, GraphQLNonNull)
            plain = _PLAIN.get(getattr(type_.of_type if required else type_, "name", ""))  # type: ignore[union-attr]
            if plain is None or definition.default_value is not None:
                self._plain = None
                break
            self._plain.append((definition.variable.name.value, plain, required))

    def coerce(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """The values by name; one that was not sent and has no default is left out. Bail where one is wrong."""
        if self._plain is None:
            return self.values(raw).coerced
        found: dict[str, Any] = {}
        value: Any
        for name, kind, required in self._plain:
            value = raw.get(name)
            if value is None:
                if required:
                    raise Bail(Reason.VARIABLES)
                if name in raw:
                    found[name] = None
            elif value.__class__ is not kind or (kind is int and abs(cast("int", value)) > _LARGEST_INT):
                return self.values(raw).coerced
            else:
                found[name] = value
        return found

    def values(self, raw: Mapping[str, Any]) -> VariableValues:
        """The values with where they come from, by graphql-core. Bail where one is wrong."""
        found = get_variable_values(self._schema, self._definitions, dict(raw), hide_suggestions=True)
        if isinstance(found, list):
            raise Bail(Reason.VARIABLES)
        return found


class Run:
    """One execution of a plan: what its functions share."""

    __slots__ = ("_values", "_variables", "arguments", "context", "raw", "variables")

    def __init__(self, raw: Mapping[str, Any], variables: Variables) -> None:
        self.raw, self._variables = raw, variables
        self.context: Any = None
        self.variables = variables.coerce(raw)
        self.arguments: list[dict[str, Any]] = []
        self._values: VariableValues | None = None

    @property
    def values(self) -> VariableValues:
        """The variables as graphql-core wants them; made when a call first needs them so."""
        if self._values is None:
            self._values = self._variables.values(self.raw)
        return self._values


Prepare = Callable[[Run], dict[str, Any]]


class Arguments:
    """Prepares the keyword arguments of one call, as Strawberry would."""

    def __init__(
        self, definition: GraphQLField, field: StrawberryField, node: FieldNode, converter: GraphQLCoreConverter
    ) -> None:
        self._definition, self._field, self._node, self._converter = definition, field, node, converter
        self.info_name: str | None = None
        resolver = field.base_resolver
        if resolver is not None and resolver.info_parameter is not None:
            self.info_name = resolver.info_parameter.name
        self.wanted: tuple[str, ...] | None = None
        self.selected: frozenset[str] | None = None
        self.beside: tuple[Callable[..., Any], Prepare] | None = None
        self._again: Callable[[], Any] | None = None

    def preparer(self) -> Prepare | None:
        """A function of the run; None where the call takes no arguments at all."""
        given = self._given()
        info_name = self.info_name
        if given is None and info_name is None:
            return None
        if info_name is None:
            return given
        wanted, selected, beside = self.wanted, self.selected, self.beside

        def info_of(run: Run) -> PlanInfo:
            # Nothing here holds the run: in a ring its context would stay until the next collection of garbage.
            asked = None if beside is None else partial(beside[0], **beside[1](run))
            return PlanInfo(run.context, wanted, selected, asked)

        if given is None:
            return lambda run: {info_name: info_of(run)}

        def prepare(run: Run) -> dict[str, Any]:
            arguments = given(run)
            arguments[info_name] = info_of(run)
            return arguments

        return prepare

    def _given(self) -> Prepare | None:
        """The arguments of the document; None where the field declares none."""
        if not self._definition.args:
            return None
        if not any(_holds_variable(argument.value) for argument in self._node.arguments or ()):
            if all(_is_plain(argument.type) for argument in self._definition.args.values()):
                fixed = self._converted(None)
                return lambda _run: dict(fixed)
            return self._literal
        return self._plain() or (lambda run: self._converted(run.values))

    def _plain(self) -> Prepare | None:
        """The arguments where each is a variable or left out, and nothing has to be converted."""
        sent = {argument.name.value: argument.value for argument in self._node.arguments or ()}
        named: list[tuple[str, str, bool]] = []
        defaults: dict[str, Any] = {}
        for argument in self._field.arguments:
            name = self._converter.config.name_converter.from_argument(argument)
            python_name, declared = argument.python_name, self._definition.args[name]
            if _has_default(declared):
                default = _default(declared)
                if default is Undefined or (default is not None and not _is_plain(declared.type)):
                    return None
                defaults[python_name] = default
            if name not in sent:
                continue
            value = sent[name]
            if not isinstance(value, VariableNode) or not _is_plain(declared.type):
                return None
            named.append((python_name, value.name.value, isinstance(declared.type, GraphQLNonNull)))

        def prepare(run: Run) -> dict[str, Any]:
            found: dict[str, Any] = dict(defaults)
            for python_name, name, required in named:
                if name in run.variables:
                    value = found[python_name] = run.variables[name]
                    if value is None and required:
                        raise Bail(Reason.NULL)
            return found

        return prepare

    def _literal(self, _run: Run) -> dict[str, Any]:
        """The arguments of a document without variables there: converted once, and made again for each request."""
        if self._again is None:
            self._again = again(self._converted(None))
        return cast("dict[str, Any]", self._again())

    def _converted(self, values: VariableValues | None) -> dict[str, Any]:
        try:
            given = get_argument_values(self._definition, self._node, values, hide_suggestions=True)
        except GraphQLError:  # null for what may not be: graphql-core tells it where there is an object to ask
            raise Bail(Reason.VARIABLES) from None
        converter = self._converter
        return convert_arguments(given, self._field.arguments, converter.scalar_registry, converter.config)


def again(value: Any) -> Callable[[], Any]:
    """A function that gives a value equal to this one, of which nobody else has any part that can be changed.

    To convert two groupings and a period anew took 90 µs a request, this takes 2.
    """
    if isinstance(value, list):
        items = [again(item) for item in value]
        return lambda: [item() for item in items]
    if isinstance(value, dict):
        return _fields_again(value)
    if has_object_definition(value):  # an input object: a dataclass, all of which stands in its __dict__
        fields = _fields_again(vars(value))
        kind: Any = value.__class__

        def make() -> Any:
            made = object.__new__(kind)
            vars(made).update(fields())
            return made

        return make
    return (lambda: value) if _is_fixed(value) else (lambda: deepcopy(value))


def _fields_again(values: Mapping[str, Any]) -> Callable[[], dict[str, Any]]:
    others = [(name, again(value)) for name, value in values.items() if not _is_fixed(value)]
    if not others:
        return lambda: dict(values)
    return lambda: {**values, **{name: make() for name, make in others}}


def _is_fixed(value: object) -> bool:
    """Whether nobody can change a value: nothing, a text, a truth, a number, a moment or day, a member of an enum."""
    return value is None or value is UNSET or isinstance(value, str | int | float | Decimal | date | UUID | Enum)


def _is_plain(type_: object) -> bool:
    """Whether values of a type are texts, truths or numbers, which nobody can change."""
    inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    return is_leaf_type(inner) and getattr(inner, "name", "") in _PLAIN


def _has_default(argument: GraphQLArgument) -> bool:
    return argument.default is not None or argument.default_value is not Undefined


def _default(argument: GraphQLArgument) -> Any:
    """What stands for an argument that is not sent; Undefined where it is written as a literal."""
    if argument.default is None:
        return argument.default_value
    return argument.default.value if argument.default.literal is None else Undefined


def _holds_variable(value: ValueNode) -> bool:
    finder = _VariableFinder()
    visit(value, finder)
    return finder.found


class _VariableFinder(Visitor):
    found = False

    def enter_variable(self, *_: object) -> None:
        self.found = True
