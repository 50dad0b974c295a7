"""The figures that bound a request, and the one memoised pass that measures a document against them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from graphql import (
    DocumentNode,
    ExecutableDefinitionNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from app.config import Settings

# GraphiQL's own introspection query is 14 deep and selects about 200 fields: it must always pass, so a selection under
# `__schema` or `__type` has an allowance of its own that no setting lowers.
# `_service` of Apollo Federation gives the schema as text: who may see it is the same.
INTROSPECTION = frozenset({"__schema", "__type", "_service"})
INTROSPECTION_DEPTH = 20
INTROSPECTION_FIELDS = 500
# Validation looks at each operation with all its fragments: hundreds of both in 15 kB cost it 60 ms.
DEFINITIONS = 100
# Doubled fragments reach 2^1000 in a few kilobytes: figures stop counting here.
COUNT_CEILING = 1_000_000

_FIELDS = "fields after its fragments are expanded"
_LEVELS = "levels of fields"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request, one document and one socket; bytes, counts and seconds."""

    body_bytes: int = 16_777_216
    anonymous_body_bytes: int = 262_144
    body_seconds: float = 15.0
    document_bytes: int = 15_000
    document_tokens: int = 2_000
    document_depth: int = 12
    document_aliases: int = 30
    document_directives: int = 20
    document_fields: int = 500
    execution_seconds: float = 10.0
    # Queries and mutations of this process that run at a time: some for each connection to PostgreSQL, most of which
    # wait for it. Those that wait have their documents in memory already, up to 16 MB for a body.
    operations_at_once: int = 64
    operations_waiting: int = 1_000
    waiting_seconds: float = 5.0
    # A caller is listened to for hanging up when the answer takes longer than this.
    departure_seconds: float = 0.25
    # Of bodies that are larger than a usual document, all together: the others are told to come again.
    held_body_bytes: int = 268_435_456
    websocket_frame_bytes: int = 65_536
    websocket_operations: int = 50
    websocket_init_seconds: float = 10.0
    websocket_idle_seconds: float = 60.0
    # Sockets and event streams together: of the process, of one subject, and of one address without credentials.
    streams: int = 12_000
    streams_per_caller: int = 100
    streams_per_address: int = 100
    # Revocation must bite within 5 s: 4 s between looks leaves 1 s for the look itself.
    revalidate_seconds: float = 4.0
    # A silent peer is pinged after one interval and given up after two.
    keepalive_seconds: float = 20.0
    # A consumer that leaves its queue full for this long is closed; a queue holds this much at most.
    slow_consumer_seconds: float = 5.0
    queue_messages: int = 64
    queue_bytes: int = 1_048_576
    shutdown_seconds: float = 10.0

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """The figures of the configuration; what it does not name keeps its default."""
        return cls(
            body_bytes=settings.body_bytes,
            held_body_bytes=16 * settings.body_bytes,
            anonymous_body_bytes=settings.anonymous_body_bytes,
            document_bytes=settings.document_bytes,
            document_tokens=settings.document_tokens,
            document_depth=settings.document_depth,
            document_aliases=settings.document_aliases,
            document_directives=settings.document_directives,
            document_fields=settings.document_fields,
            execution_seconds=settings.execution_seconds,
            websocket_frame_bytes=settings.websocket_frame_bytes,
            websocket_operations=settings.websocket_operations,
            websocket_init_seconds=settings.websocket_init_seconds,
            websocket_idle_seconds=settings.websocket_idle_seconds,
            streams=settings.streams,
            streams_per_caller=settings.streams_per_caller,
            streams_per_address=settings.streams_per_address,
            shutdown_seconds=settings.shutdown_seconds,
        )


class Figures(NamedTuple):
    """Size of a definition with its fragments expanded; counts stop at COUNT_CEILING."""

    fields: int = 0
    depth: int = 0
    aliases: int = 0
    directives: int = 0
    introspection_fields: int = 0
    introspection_depth: int = 0

    def with_spread(self, spread: Figures, depth: int, *, in_introspection: bool) -> Figures:
        """These figures plus those of a fragment that is spread `depth` fields down."""
        fields, own_depth = spread.fields, depth + spread.depth if spread.depth else 0
        introspection_fields, introspection_depth = spread.introspection_fields, spread.introspection_depth
        if in_introspection:
            introspection_fields += fields
            introspection_depth = max(own_depth, depth + introspection_depth)
            fields = own_depth = 0
        return Figures(
            min(self.fields + fields, COUNT_CEILING),
            max(self.depth, own_depth),
            min(self.aliases + spread.aliases, COUNT_CEILING),
            min(self.directives + spread.directives, COUNT_CEILING),
            min(self.introspection_fields + introspection_fields, COUNT_CEILING),
            max(self.introspection_depth, introspection_depth),
        )


class _Spread(NamedTuple):
    """Where a definition spreads a fragment: its name, how many fields down, and whether under `__schema`."""

    fragment: str
    depth: int
    in_introspection: bool


class _Outline(NamedTuple):
    """What stands in one definition itself, and the fragments it spreads."""

    own: Figures
    spreads: tuple[_Spread, ...]


def measure(document: DocumentNode) -> list[tuple[ExecutableDefinitionNode, Figures]]:
    """Every operation and fragment with its figures; each fragment is walked once, cycles count as nothing."""
    definitions = [node for node in document.definitions if isinstance(node, ExecutableDefinitionNode)]
    outlines = [(node, _outline(node)) for node in definitions]
    fragments = {node.name.value: outline for node, outline in outlines if isinstance(node, FragmentDefinitionNode)}
    known: dict[str, Figures] = {}
    for name in fragments:
        _measure_fragment(name, fragments, known)
    return [(node, _expanded(outline, known)) for node, outline in outlines]


def excesses(measured: Sequence[tuple[ExecutableDefinitionNode, Figures]], limits: Limits) -> list[str]:
    """A sentence for each figure of a measured document that is over its limit; empty when none is."""
    operations = [figures for node, figures in measured if isinstance(node, OperationDefinitionNode)]
    fragments = [figures for node, figures in measured if isinstance(node, FragmentDefinitionNode)]
    largest, fragment = (Figures(*map(max, zip(Figures(), *group, strict=True))) for group in (operations, fragments))
    # A fragment by itself may be meant for `__schema`, so it may be as large as either allowance. Operations are
    # measured with their fragments; this only stops fragments that nobody uses.
    fragment_fields = max(limits.document_fields, INTROSPECTION_FIELDS)
    fragment_depth = max(limits.document_depth, INTROSPECTION_DEPTH)
    bounds = (
        ("operations and fragments", len(measured), DEFINITIONS),
        (_FIELDS, largest.fields, limits.document_fields),
        (_FIELDS, fragment.fields, fragment_fields),
        (_LEVELS, largest.depth, limits.document_depth),
        (_LEVELS, fragment.depth, fragment_depth),
        ("aliases after its fragments are expanded", max(largest.aliases, fragment.aliases), limits.document_aliases),
        (
            "directives after its fragments are expanded",
            max(largest.directives, fragment.directives),
            limits.document_directives,
        ),
        ("introspection fields", largest.introspection_fields, INTROSPECTION_FIELDS),
        ("levels of introspection fields", largest.introspection_depth, INTROSPECTION_DEPTH),
    )
    found = {noun: excess(noun, figure, limit) for noun, figure, limit in reversed(bounds) if figure > limit}
    return list(reversed(found.values()))


def excess(noun: str, figure: int, limit: int) -> str:
    """The sentence that names a figure over its limit."""
    amount = f"more than {COUNT_CEILING:,}" if figure >= COUNT_CEILING else f"{figure:,}"
    return f"The document has {amount} {noun}; the limit is {limit:,}."


def _measure_fragment(root: str, fragments: Mapping[str, _Outline], known: dict[str, Figures]) -> None:
    """Fill `known` for a fragment and all it reaches, depth first without recursion."""
    path: list[tuple[str, Iterator[_Spread]]] = []
    open_names: set[str] = set()

    def enter(name: str) -> None:
        if name in fragments and name not in known and name not in open_names:
            open_names.add(name)
            path.append((name, iter(fragments[name].spreads)))

    enter(root)
    while path:
        name, spreads = path[-1]
        spread = next(spreads, None)
        if spread is not None:
            enter(spread.fragment)
            continue
        path.pop()
        open_names.discard(name)
        known[name] = _expanded(fragments[name], known)


def _expanded(outline: _Outline, known: Mapping[str, Figures]) -> Figures:
    figures = outline.own
    for spread in outline.spreads:
        figures = figures.with_spread(
            known.get(spread.fragment, Figures()), spread.depth, in_introspection=spread.in_introspection
        )
    return figures


def _outline(definition: ExecutableDefinitionNode) -> _Outline:
    fields = depth = aliases = introspection_fields = introspection_depth = 0
    directives = len(definition.directives or ())
    if isinstance(definition, OperationDefinitionNode):
        directives += sum(len(variable.directives or ()) for variable in definition.variable_definitions or ())
    spreads: list[_Spread] = []
    pending: list[tuple[SelectionSetNode, int, bool]] = [(definition.selection_set, 0, False)]
    while pending:
        selection_set, above, inside = pending.pop()
        for selection in selection_set.selections:
            directives += len(selection.directives or ())
            if isinstance(selection, FragmentSpreadNode):
                spreads.append(_Spread(selection.name.value, above, inside))
            elif isinstance(selection, InlineFragmentNode):
                pending.append((selection.selection_set, above, inside))
            elif isinstance(selection, FieldNode):
                aliases += selection.alias is not None
                starts = not inside and selection.name.value in INTROSPECTION
                level = 1 if starts else above + 1
                if inside or starts:
                    introspection_fields += 1
                    introspection_depth = max(introspection_depth, level)
                else:
                    fields += 1
                    depth = max(depth, level)
                if selection.selection_set:
                    pending.append((selection.selection_set, level, inside or starts))
    own = Figures(fields, depth, aliases, directives, introspection_fields, introspection_depth)
    return _Outline(own, tuple(spreads))
