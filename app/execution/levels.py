"""Writes the code of a plan: for each place of the answer, how all objects that stand there are completed together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

from graphql import (
    FieldNode,
    GraphQLAbstractType,
    GraphQLError,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    SelectionSetNode,
    is_abstract_type,
    is_leaf_type,
    is_object_type,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from app.execution.alone import Alone
from app.execution.arguments import Arguments, Prepare
from app.execution.code import Code, Later, Now, Reason, Source, bailing
from app.execution.declarations import EXECUTION, Batch, Made, Part, PlanInfo, Rows
from app.execution.leaves import NAMES, leaf, stored_leaf
from app.execution.places import Place, Step
from app.execution.rows import RowColumns, rows_below
from app.execution.selections import Selections
from app.execution.waiting import each_alone, through_lists, through_objects, through_types, together

_DEFINITION = GraphQLCoreConverter.DEFINITION_BACKREF
_LISTS = frozenset({list, tuple})


class UnsupportedError(Exception):
    """A document that no plan can be made for, and why."""


class Levels:
    """Writes the functions of one operation into a source; `told` are the errors that callers hear of."""

    def __init__(
        self,
        schema: GraphQLSchema,
        converter: GraphQLCoreConverter,
        selections: Selections,
        told: tuple[type[Exception], ...] = (GraphQLError,),
    ) -> None:
        self.source = Source()
        self.source.names |= NAMES | {"LISTS": _LISTS, "TOLD": told, "together": together, "each_alone": each_alone}
        self.preparers: list[Prepare] = []
        self.steps: list[Step] = []
        self._schema, self._converter, self._selections = schema, converter, selections

    def root(self, type_: GraphQLObjectType, selected: SelectionSetNode) -> str:
        """The name of the async function that gives `[data]` of `[None]`."""
        code = self._object(type_, [selected], required=True, place=Place(alone=Alone()), is_root=True)
        return cast("Later", code).name

    def _value(
        self, type_: GraphQLOutputType, nodes: Sequence[FieldNode], place: Place, *, stored: bool = False
    ) -> Code:
        """Code that completes values of a type; `stored` where they come out of a row as they are."""
        required = isinstance(type_, GraphQLNonNull)
        inner: Any = type_.of_type if required else type_  # type: ignore[union-attr]
        if is_leaf_type(inner):
            return (stored_leaf if stored else leaf)(inner, required=required, source=self.source)
        if isinstance(inner, GraphQLList):
            place = replace(place, alone=None)
            return self._list(self._value(inner.of_type, nodes, place, stored=stored), required=required)
        sets = [node.selection_set for node in nodes]
        if is_object_type(inner):
            return self._object(inner, sets, required=required, place=place)
        if is_abstract_type(inner):
            return self._abstract(inner, sets, required=required, place=place)
        raise UnsupportedError(str(inner))

    def _list(self, item: Code, *, required: bool) -> Code:
        if isinstance(item, Later):
            return self._waiting(through_lists(item.name, self.source.names, required=required))
        values = self.source.fresh("v")
        body = f"[{item.of_variable()} for {item.variable} in {values}]"
        null = self._bail(Reason.NULL) if required else f"(None if {values} is None else {self._bail(Reason.LIST)})"
        return Now(values, "{}.__class__ in LISTS", body, null)

    def _abstract(
        self, type_: GraphQLAbstractType, sets: Sequence[SelectionSetNode | None], *, required: bool, place: Place
    ) -> Code:
        """Objects of several types, told apart by their classes."""
        place = Place(place.path)
        codes: dict[type, Code] = {}
        for possible in self._schema.get_possible_types(type_):
            definition = possible.extensions[_DEFINITION]
            if definition.origin in codes or definition.concrete_of is not None:
                message = f"{type_.name} has several types of one class"
                raise UnsupportedError(message)
            codes[definition.origin] = self._object(possible, sets, required=True, place=place)
        if any(isinstance(code, Later) for code in codes.values()):
            names = {cls: self._later(code) for cls, code in codes.items()}
            return self._waiting(through_types(names, self.source.names, required=required))
        table: dict[type, str] = {}
        for cls, code in codes.items():
            table[cls] = self.source.fresh("one")
            self.source.define(f"def {table[cls]}(p, run):", f"    return {cast('Now', code).of('p')}")
        value = self.source.fresh("v")
        null = self._bail(Reason.NULL) if required else "None"
        return Now(value, "{} is not None", f"{self.source.choice(table)}[{value}.__class__]({value}, run)", null)

    def _object(
        self,
        type_: GraphQLObjectType,
        sets: Sequence[SelectionSetNode | None],
        *,
        required: bool,
        place: Place,
        is_root: bool = False,
    ) -> Code:
        """Objects of one type. Of the root a function is made in any case."""
        rows = place.rows if place.rows is not None and place.rows.type is type_ else None
        fields = self._selections.fields(type_, sets)
        below = Place(place.path, None if rows else place.rows, place.alone if len(fields) == 1 else None)
        parent, entries, waits = self.source.fresh("p"), [], []
        for key, nodes in fields.items():
            code = self._field(type_, nodes, parent, rows, below.below(key))
            if isinstance(code, Later):
                waits.append((self.source.fresh("x"), code.name))
                code = waits[-1][0]
            entries.append(f"{key!r}: {code}")
        body = "{" + ", ".join(entries) + "}"
        if not waits and not is_root:
            return Now(parent, "{} is not None", body, self._bail(Reason.NULL) if required else "None")
        level = self._level(parent, body, waits)
        return level if is_root else self._waiting(through_objects(level.name, self.source.names, required=required))

    def _level(self, parent: str, body: str, waits: Sequence[tuple[str, str]]) -> Later:
        """A function that completes a list of objects, whose waiting fields go on at the same time."""
        name = self.source.fresh("level")
        lines = [f"async def {name}(P, run):"]
        variables = ", ".join(variable for variable, _ in waits)
        if len(waits) == 1:
            lines.append(f"    {variables}_ = await {waits[0][1]}(P, run)")
        elif waits:
            calls = ", ".join(f"{call}(P, run)" for _, call in waits)
            lines.append(f"    {', '.join(f'{variable}_' for variable, _ in waits)} = await together({calls})")
        each = f"{parent}, {variables}" if waits else parent
        every = f"zip(P, {', '.join(f'{variable}_' for variable, _ in waits)})" if waits else "P"
        self.source.define(*lines, f"    return [{body} for {each} in {every}]")
        return Later(name)

    def _field(
        self,
        type_: GraphQLObjectType,
        nodes: Sequence[FieldNode],
        parent: str,
        rows: RowColumns | None,
        place: Place,
    ) -> str | Later:
        """The completed value of a field of `parent` as an expression, or a function of all parents."""
        name = nodes[0].name.value
        if name == "__typename":
            return repr(type_.name)
        if name.startswith("__"):
            message = "introspection"
            raise UnsupportedError(message)
        definition = type_.fields[name]
        declared: StrawberryField = definition.extensions[_DEFINITION]
        how = declared.metadata.get(EXECUTION)
        if isinstance(how, Batch | Rows):  # which reads its own, whatever is under way
            place = replace(place, rows=None)
        if place.alone is not None:
            nullable = not isinstance(definition.type, GraphQLNonNull)
            place = replace(place, alone=place.alone.below(place.path[-1], nullable=nullable))
        if isinstance(how, Batch) and (rows is None or declared.python_name not in rows.forms.made):
            beside = self._beside(definition, declared, how, nodes, parent, rows, place)
            return beside or self._batch(definition, declared, how, nodes, rows, place)
        if rows is not None:
            return self._of_row(definition, declared, nodes, parent, rows, place)
        return self._of_object(definition, declared, nodes, parent, place)

    def _of_row(
        self,
        definition: GraphQLField,
        declared: StrawberryField,
        nodes: Sequence[FieldNode],
        parent: str,
        rows: RowColumns,
        place: Place,
    ) -> str | Later:
        """A field of a row's object."""
        name = declared.python_name
        if name in rows.forms.columns:
            value = self._value(definition.type, nodes, place, stored=True)
            self._note(place, "column", name)
            access = f"{parent}[{rows.place(name)}]"
        elif isinstance(made := rows.forms.made[name], Part):
            value, access = self._part(definition, made, nodes, parent, rows, place)
        else:
            value, function = self._made(definition, made, nodes, place)
            self._note(place, "made", ", ".join(made.columns))
            make = self.source.bind(function, "make")
            access = f"{make}({', '.join(f'{parent}[{rows.place(column)}]' for column in made.columns)})"
        if isinstance(value, Later):
            return self._many(f"[{access} for {parent} in P]", value)
        return value.of(access)

    def _part(
        self,
        definition: GraphQLField,
        part: Part,
        nodes: Sequence[FieldNode],
        parent: str,
        rows: RowColumns,
        place: Place,
    ) -> tuple[Code, str]:
        """The code of what stands in a row, and its access: the row itself, or the object that is made of it."""
        self._note(place, "part")
        below, access = rows_below(definition.type), parent
        if below is not None and below.suffice(definition.type, nodes, self._selections):
            below.stand_in(rows, part.columns)
            value = self._value(definition.type, nodes, replace(place, rows=below))
        else:
            value = self._value(definition.type, nodes, place)
            given = ", ".join(f"{parent}[{rows.place(column)}]" for column in part.columns.values())
            access = f"{self.source.bind(part.make, 'make')}({given})"
        if part.present is not None:
            access = f"({access} if {parent}[{rows.place(part.present)}] is not None else None)"
        return value, access

    def _made(
        self, definition: GraphQLField, made: Made, nodes: Sequence[FieldNode], place: Place
    ) -> tuple[Code, Callable[..., Any]]:
        """The code of what is made of a row's columns, and the function that makes it."""
        if not made.rows:
            return self._value(definition.type, nodes, place), made.make
        asked = PlanInfo(None)
        value = self._with_rows(definition, nodes, place, asked)
        return value, partial(made.make, asked.wanted)

    def _of_object(
        self,
        definition: GraphQLField,
        declared: StrawberryField,
        nodes: Sequence[FieldNode],
        parent: str,
        place: Place,
    ) -> str | Later:
        """A field of an object: an attribute, or what its resolver gives."""
        resolver = declared.base_resolver
        if resolver is None:
            value = self._value(definition.type, nodes, place)
            access = f"{parent}.{declared.python_name}"
            self._note(place, "attribute", declared.python_name)
            return self._many(f"[{access} for {parent} in P]", value) if isinstance(value, Later) else value.of(access)
        if declared.extensions or not resolver.self_parameter or resolver.parent_parameter or resolver.root_parameter:
            message = f"how {nodes[0].name.value} is resolved"
            raise UnsupportedError(message)
        arguments = Arguments(definition, declared, nodes[0], self._converter)
        arguments.selected = self._selected(definition.type, nodes)
        how = declared.metadata.get(EXECUTION)
        if isinstance(how, Rows):
            value = self._with_rows(definition, nodes, place, arguments, takes_beside=how.beside)
        else:
            value = self._value(definition.type, nodes, place)
        function = self.source.bind(resolver.wrapped_func, "resolve")
        given = self._given(arguments)
        # What is read beside its rows may fail in its place: whose error that is, only graphql-core tells.
        alone = None if arguments.beside is not None else place.alone
        failed = "" if alone is None else self.source.bind(alone.failing(nodes), "failed")
        if resolver.is_async:
            self._note(place, "plain", "awaited for each object")
            return self._many(f"await each_alone({function}, P, {given or 'None'})", value, failed)
        self._note(place, "plain")
        access = f"{function}({parent}, **{given})" if given else f"{function}({parent})"
        if failed or isinstance(value, Later):
            return self._many(f"[{access} for {parent} in P]", value, failed)
        return value.of(access)

    def _batch(
        self,
        definition: GraphQLField,
        declared: StrawberryField,
        how: Batch,
        nodes: Sequence[FieldNode],
        rows: RowColumns | None,
        place: Place,
    ) -> Later:
        """A field that one call reads for all parents."""
        arguments = Arguments(definition, declared, nodes[0], self._converter)
        arguments.info_name = "info"
        arguments.selected = self._selected(definition.type, nodes)
        value = (
            self._with_rows(definition, nodes, place, arguments)
            if how.rows
            else self._value(definition.type, nodes, place)
        )
        if rows is None:
            keys = f"[{self.source.bind(how.key, 'key')}(p) for p in P]"
        else:
            keys = f"[({', '.join(f'p[{rows.place(column)}]' for column in how.columns)},) for p in P]"
        load = self.source.bind(how.load, "load")
        self._note(place, "batch", how.load.__qualname__)
        return self._many(f"await {load}(keys={keys}, **{self._given(arguments)})", value)

    def _beside(
        self,
        definition: GraphQLField,
        declared: StrawberryField,
        how: Batch,
        nodes: Sequence[FieldNode],
        parent: str,
        rows: RowColumns | None,
        place: Place,
    ) -> str | Later | None:
        """The same where its rows can come with those of the parents; None where a call has to read them."""
        if how.beside is None or rows is None or not rows.takes_beside or rows.beside is not None:
            return None
        below = rows_below(definition.type)
        if below is None or not below.suffice(definition.type, nodes, self._selections):
            return None
        arguments = Arguments(definition, declared, nodes[0], self._converter)
        arguments.info_name = "info"
        rows.beside = (how.beside, cast("Prepare", arguments.preparer()))
        below.stand_beside(rows)
        value = self._value(definition.type, nodes, replace(place, rows=below))
        self._note(place, "beside", how.load.__qualname__)
        return self._many("P", value) if isinstance(value, Later) else value.of(parent)

    def _with_rows(
        self,
        definition: GraphQLField,
        nodes: Sequence[FieldNode],
        place: Place,
        arguments: Arguments | PlanInfo,
        *,
        takes_beside: bool = False,
    ) -> Code:
        """The value of a field that can give rows: with those that its selection needs, or with objects."""
        rows = rows_below(definition.type)
        if rows is None or not rows.suffice(definition.type, nodes, self._selections):
            return self._value(definition.type, nodes, place)
        rows.takes_beside = takes_beside
        value = self._value(definition.type, nodes, replace(place, rows=rows))
        arguments.wanted = tuple(rows.columns)
        if isinstance(arguments, Arguments):
            arguments.beside = rows.beside
        self._note(place, "rows", ", ".join(rows.columns))
        return value

    def _selected(self, type_: GraphQLOutputType, nodes: Sequence[FieldNode]) -> frozenset[str] | None:
        """The fields that are selected of a field's object, by Python name; None of what is no object."""
        inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        if not is_object_type(inner):
            return None
        fields = self._selections.fields(inner, [node.selection_set for node in nodes]).values()
        names = (selected[0].name.value for selected in fields)
        return frozenset(
            inner.fields[name].extensions[_DEFINITION].python_name for name in names if not name.startswith("__")
        )

    def _many(self, values: str, value: Code, failed: str = "") -> Later:
        """A function of all parents that completes what `values` gives; `failed` makes the answer of an error there."""
        name, lines = self.source.fresh("field"), []
        if failed:
            lines = ["    try:", f"        values = {values}"]
            lines += ["    except TOLD as error:", f"        raise {failed}(error) from error"]
            values = "values"
        if isinstance(value, Later):
            completed = f"await {value.name}({values}, run)"
        else:
            completed = f"[{value.of_variable()} for {value.variable} in {values}]"
        self.source.define(f"async def {name}(P, run):", *lines, f"    return {completed}")
        return Later(name)

    def _given(self, arguments: Arguments) -> str:
        """Code of the keyword arguments of a call; empty where it takes none."""
        prepare = arguments.preparer()
        if prepare is None:
            return ""
        self.preparers.append(prepare)
        return f"run.arguments[{len(self.preparers) - 1}]"

    def _later(self, code: Code) -> str:
        """The name of an async function, also of what needs no waiting."""
        return code.name if isinstance(code, Later) else self._many("P", code).name

    def _waiting(self, function: Any) -> Later:
        return Later(self.source.bind(function, "through"))

    def _bail(self, reason: Reason) -> str:
        return f"{self.source.bind(bailing(reason), 'bail')}()"

    def _note(self, place: Place, kind: str, detail: str = "") -> None:
        self.steps.append(Step(place.path, kind, detail))
