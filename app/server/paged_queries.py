"""Queries of one connection, made to be read page by page: what is asked of them, and the text that a page asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn, cast

from graphql import (
    ArgumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    NullValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    parse,
    print_ast,
)
from graphql.execution.values import get_variable_values
from graphql.language import ast

from app.errors import BadUserInputError
from app.server.documents import Document, Documents
from app.server.masking import Refusal

ROOT: Final = "organization"
SIZE: Final = "exportPageSize"
AFTER: Final = "exportPageAfter"
COUNTED: Final = "exportCounted"
_OURS: Final = f"(${SIZE}: Int!, ${AFTER}: String, ${COUNTED}: Boolean!)"
_PAGING: Final = frozenset({"first", "after", "last", "before"})
_BESIDE_ROWS: Final = frozenset({"pageInfo", "totalCount", "__typename"})
_QUERY: Final = ("input", "query")
_VARIABLES: Final = ("input", "variables")
_MOST_ERRORS: Final = 5


@dataclass(frozen=True)
class PagedQuery:
    """A query that takes the page as `exportPageSize`, `exportPageAfter` and `exportCounted`.

    `path` leads through an answer to the connection, whose `nodes` are the rows. `columns` are the fields of a row by
    the names that they have in the answer, with their types; `root` are the arguments of `organization`.
    """

    text: str
    path: tuple[str, ...]
    columns: Mapping[str, GraphQLField]
    root: Mapping[str, Any]


def paged_query(schema: GraphQLSchema, documents: Documents, query: str, variables: Mapping[str, Any]) -> PagedQuery:
    """The query of a page, of a query that selects one connection somewhere under `organization`.

    Raises BadUserInputError for any other, which says what to change.
    """
    document = _valid(documents, query)
    operation = _operation(document)
    values = get_variable_values(
        schema, operation.variable_definitions or (), dict(variables), max_errors=_MOST_ERRORS, hide_suggestions=True
    )
    if isinstance(values, list):
        message = " ".join(error.message for error in values)
        raise BadUserInputError(message, path=_VARIABLES)
    found = _Walk(schema, document, operation).found()
    rewritten = _rewritten(document, operation, found)
    _valid(documents, rewritten)
    root = {each.name.value: _value(each, values.coerced) for each in found.trail[0].arguments or ()}
    return PagedQuery(rewritten, tuple(_key(node) for node in found.trail), found.columns, root)


def _valid(documents: Documents, text: str) -> Document:
    try:
        return documents.load(text)
    except Refusal as refusal:
        message = " ".join(fault.message for fault in refusal.faults)
        message = f"The query cannot be run: {message}"
        raise BadUserInputError(message, path=_QUERY) from None


def _operation(document: Document) -> OperationDefinitionNode:
    if len(document.operations) != 1:
        _refuse("The document has several operations: send one query.")
    (operation,) = document.operations.values()
    if operation.type is not OperationType.QUERY:
        _refuse(f"An export reads: send a query, not a {operation.type.value}.")
    taken = {each.variable.name.value for each in operation.node.variable_definitions or ()} & {SIZE, AFTER, COUNTED}
    if taken:
        _refuse(f"The variable `${min(taken)}` is the export's own: give yours another name.")
    return operation.node


@dataclass(frozen=True)
class _Found:
    """The fields from `organization` to the connection, the selection of a row, and its fields."""

    trail: tuple[FieldNode, ...]
    rows: SelectionSetNode
    columns: Mapping[str, GraphQLField]


class _Walk:
    """Goes down the query to its connection."""

    def __init__(self, schema: GraphQLSchema, document: Document, operation: OperationDefinitionNode) -> None:
        self._schema, self._operation = schema, operation
        self._fragments = {
            each.name.value: each for each in document.node.definitions if isinstance(each, FragmentDefinitionNode)
        }

    def found(self) -> _Found:
        parent = cast("GraphQLObjectType", self._schema.query_type)
        node = self._only(self._operation.selection_set, "The query")
        if node.name.value != ROOT:
            _refuse(f"The query begins with `{node.name.value}`: begin with `{ROOT}`, whose rows are exported.")
        trail: list[FieldNode] = []
        while True:
            trail.append(node)
            field = parent.fields[node.name.value]
            if _is_connection(field):
                return self._connection(tuple(trail), field)
            parent = self._below(node, field)
            node = self._only(_selected(node), f"`{_key(node)}`")

    def _below(self, node: FieldNode, field: GraphQLField) -> GraphQLObjectType:
        """The type of a field on the way."""
        type_ = get_nullable_type(field.type)
        if isinstance(type_, GraphQLList):
            _refuse(f"`{_key(node)}` is a list: the way to the connection leads through single objects only.")
        if not isinstance(type_, GraphQLObjectType):
            _refuse(
                f"`{_key(node)}` is no connection and has none below it: select a field with `nodes`, such as "
                "`resources` or `charges`."
            )
        return type_

    def _only(self, selected: SelectionSetNode, where: str) -> FieldNode:
        """The one field of a selection on the way to the connection."""
        nodes = [each for each in selected.selections if not (isinstance(each, FieldNode) and _is_typename(each))]
        if len(nodes) != 1:
            names = ", ".join(f"`{_key(each)}`" if isinstance(each, FieldNode) else "a fragment" for each in nodes)
            _refuse(f"{where} selects {names or 'nothing'}: leave the one field that leads to the connection.")
        node = nodes[0]
        if not isinstance(node, FieldNode):
            _refuse(f"{where} selects by a fragment: write the field that leads to the connection there itself.")
        if node.directives:
            _refuse(f"`{_key(node)}` has a directive: leave it out on the way to the connection.")
        return node

    def _connection(self, trail: tuple[FieldNode, ...], field: GraphQLField) -> _Found:
        node = trail[-1]
        given = sorted({each.name.value for each in node.arguments or ()} & _PAGING)
        if given:
            _refuse(f"`{_key(node)}` has `{given[0]}`: leave it out, for an export reads all pages of its connection.")
        rows = self._rows(node)
        type_ = cast("GraphQLObjectType", get_named_type(field.type))
        row = get_named_type(type_.fields["nodes"].type)
        self._check_nested(row, rows, set())
        return _Found(trail, rows, dict(self._columns(row, rows)))

    def _rows(self, node: FieldNode) -> SelectionSetNode:
        """What a connection selects of a row, by `nodes` or by `edges { node }`."""
        kept = []
        for each in _selected(node).selections:
            if not isinstance(each, FieldNode):
                _refuse(f"`{_key(node)}` selects by a fragment: write `nodes {{ … }}` there itself.")
            if each.name.value not in _BESIDE_ROWS:
                kept.append(each)
        if len(kept) != 1 or kept[0].name.value not in {"nodes", "edges"} or kept[0].directives:
            _refuse(f"`{_key(node)}` must select its rows once: `nodes {{ … }}`, with the fields that you want.")
        rows = _selected(kept[0])
        if kept[0].name.value == "nodes":
            return rows
        inner = [each for each in rows.selections if not (isinstance(each, FieldNode) and each.name.value == "cursor")]
        if len(inner) != 1 or not isinstance(inner[0], FieldNode) or inner[0].selection_set is None:
            _refuse(f"`{_key(node)}.edges` must select `node {{ … }}` alone.")
        return inner[0].selection_set

    def _fields(self, type_: GraphQLNamedType, selected: SelectionSetNode) -> Iterator[tuple[FieldNode, GraphQLField]]:
        """The fields of a selection, fragments opened, each on the type that it is asked of."""
        for each in selected.selections:
            if isinstance(each, FieldNode):
                if not _is_typename(each) and isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType)):
                    yield each, type_.fields[each.name.value]
                continue
            fragment = cast("InlineFragmentNode", each)
            if isinstance(each, FragmentSpreadNode):
                fragment = cast("InlineFragmentNode", self._fragments[each.name.value])
            condition = fragment.type_condition
            inner = type_ if condition is None else self._schema.type_map[condition.name.value]
            yield from self._fields(inner, fragment.selection_set)

    def _columns(self, type_: GraphQLNamedType, selected: SelectionSetNode) -> Iterator[tuple[str, GraphQLField]]:
        if any(isinstance(each, FieldNode) and _is_typename(each) for each in selected.selections):
            yield "__typename", GraphQLField(self._schema.type_map["String"])  # type: ignore[arg-type]
        for node, field in self._fields(type_, selected):
            yield _key(node), field

    def _check_nested(self, type_: GraphQLNamedType, selected: SelectionSetNode, seen: set[tuple[str, int]]) -> None:
        """Connections inside a row are not paged: each has to say how many it wants."""
        if (type_.name, id(selected)) in seen:  # a fragment is looked at once
            return
        seen.add((type_.name, id(selected)))
        for node, field in self._fields(type_, selected):
            if _is_connection(field) and not _is_bounded(node):
                _refuse(
                    f"`{_key(node)}` is a connection inside a row: give it `first`, for only the outer one is read "
                    "page by page."
                )
            if node.selection_set is not None:
                self._check_nested(get_named_type(field.type), node.selection_set, seen)


def _rewritten(document: Document, operation: OperationDefinitionNode, found: _Found) -> str:
    """The document with the connection's page as variables, and with nothing beside its rows but where they end."""
    ours: Any = parse(
        f"query {_OURS} {{ x(first: ${SIZE}, after: ${AFTER}) "
        f"{{ nodes pageInfo {{ hasNextPage endCursor }} totalCount @include(if: ${COUNTED}) }} }}"
    ).definitions[0]
    place = ours.selection_set.selections[0]
    _, page_info, total = place.selection_set.selections
    nodes = FieldNode(name=ast.NameNode(value="nodes"), selection_set=found.rows)
    *way, last = found.trail
    node = _like(
        last,
        arguments=(*(last.arguments or ()), *place.arguments),
        selection_set=SelectionSetNode(selections=(nodes, page_info, total)),
    )
    for outer in reversed(way):
        node = _like(outer, arguments=outer.arguments or (), selection_set=SelectionSetNode(selections=(node,)))
    changed = OperationDefinitionNode(
        operation=OperationType.QUERY,
        name=operation.name,
        variable_definitions=(*(operation.variable_definitions or ()), *ours.variable_definitions),
        directives=operation.directives,
        selection_set=SelectionSetNode(selections=(node,)),
    )
    definitions = tuple(changed if each is operation else each for each in document.node.definitions)
    return print_ast(ast.DocumentNode(definitions=definitions))


def _like(node: FieldNode, *, arguments: tuple[ArgumentNode, ...], selection_set: SelectionSetNode) -> FieldNode:
    return FieldNode(name=node.name, alias=node.alias, arguments=arguments, directives=(), selection_set=selection_set)


def _is_connection(field: GraphQLField) -> bool:
    """Whether a field is paged as Relay's connections are, with its rows as `nodes`."""
    type_ = get_named_type(field.type)
    return (
        isinstance(type_, GraphQLObjectType)
        and {"nodes", "pageInfo", "totalCount"} <= type_.fields.keys()
        and {"first", "after"} <= field.args.keys()
    )


def _is_bounded(node: FieldNode) -> bool:
    return any(
        each.name.value in {"first", "last"} and not isinstance(each.value, NullValueNode)
        for each in node.arguments or ()
    )


def _selected(node: FieldNode) -> SelectionSetNode:
    """What is selected of an object; a valid document selects something."""
    return cast("SelectionSetNode", node.selection_set)


def _is_typename(node: FieldNode) -> bool:
    return node.name.value == "__typename" and node.alias is None


def _key(node: FieldNode) -> str:
    return node.alias.value if node.alias else node.name.value


def _value(argument: ArgumentNode, variables: Mapping[str, Any]) -> Any:
    value = argument.value
    if isinstance(value, ast.VariableNode):
        return variables.get(value.name.value)
    return getattr(value, "value", None)


def _refuse(message: str) -> NoReturn:
    raise BadUserInputError(message, path=_QUERY)
