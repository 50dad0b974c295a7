"""How a resource type of Azure is read: its state, its times, and what it says about other resources."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.providers.base import Relation
from app.records import RelationshipKind


@dataclass(frozen=True, slots=True)
class Link:
    """A relation to the resource that a document names at `path`, or to one `up` levels above that.

    Paths have dots between names; `[]` after a name walks a list; names match in any case, as Azure's own do.
    """

    kind: RelationshipKind
    path: str
    up: int = 0


@dataclass(frozen=True, slots=True)
class Kind:
    """A resource type, in Azure's own spelling, and where its documents tell what Skyledger keeps.

    `status`, `created` and `last_used` are paths; the first status that is told counts. `when_idle` are the states
    in which `last_used` means what it says. A `derived` type is told inside the documents of another, or by a call
    of its own.
    """

    name: str
    status: tuple[str, ...] = ("properties.provisioningState",)
    created: str | None = None
    last_used: str | None = None
    when_idle: frozenset[str] = frozenset()
    links: tuple[Link, ...] = ()
    derived: bool = False
    more_permissions: tuple[str, ...] = ()

    @property
    def resource_type(self) -> str:
        """The type as the inventory names it."""
        return self.name.lower()

    @property
    def service(self) -> str:
        """The resource provider, such as `Microsoft.Compute`."""
        return self.name.partition("/")[0]

    @property
    def permissions(self) -> tuple[str, ...]:
        """The actions that reading it takes."""
        return (*((f"{self.name}/read",) if not self.derived else ()), *self.more_permissions)


def attached_to(*paths: str, up: int = 0) -> tuple[Link, ...]:
    """Links ATTACHED_TO what stands at the paths."""
    return _links(RelationshipKind.ATTACHED_TO, paths, up)


def member_of(*paths: str, up: int = 0) -> tuple[Link, ...]:
    """Links MEMBER_OF what stands at the paths."""
    return _links(RelationshipKind.MEMBER_OF, paths, up)


def part_of_parent(up: int = 1) -> tuple[Link, ...]:
    """The link of a part to the resource that its own id lies under."""
    return member_of("id", up=up)


def behind(*paths: str) -> tuple[Link, ...]:
    """Links BEHIND the balancer whose pools or rules stand at the paths."""
    return _links(RelationshipKind.BEHIND, paths, 1)


def created_from(*paths: str) -> tuple[Link, ...]:
    """Links CREATED_FROM what stands at the paths."""
    return _links(RelationshipKind.CREATED_FROM, paths, 0)


def in_subnet(*paths: str) -> tuple[Link, ...]:
    """Links IN_NETWORK to the subnets at the paths, and to their networks."""
    return (*_links(RelationshipKind.IN_NETWORK, paths, 0), *_links(RelationshipKind.IN_NETWORK, paths, 1))


def in_network(*paths: str) -> tuple[Link, ...]:
    """Links IN_NETWORK to the networks at the paths."""
    return _links(RelationshipKind.IN_NETWORK, paths, 0)


def in_parent_network() -> tuple[Link, ...]:
    """The link IN_NETWORK of a subnet to the network that its id lies under."""
    return _links(RelationshipKind.IN_NETWORK, ("id",), 1)


def values(document: Any, path: str) -> Iterator[Any]:
    """What stands at a path of a document; nothing where the path does not lead on."""
    if not path:
        yield document
        return
    name, _, rest = path.partition(".")
    found = _at(document, name.removesuffix("[]"))
    if name.endswith("[]"):
        for item in found if isinstance(found, list) else ():
            yield from values(item, rest)
    elif found is not None:
        yield from values(found, rest)


def first_text(document: Any, *paths: str) -> str | None:
    """The first text that stands at one of the paths."""
    return next((value for path in paths for value in values(document, path) if isinstance(value, str) and value), None)


def relations(kind: Kind, document: Mapping[str, Any]) -> tuple[Relation, ...]:
    """What a document says about other resources: each once, targets in lower case."""
    itself = native_id(document)
    found: dict[Relation, None] = {}
    for link in kind.links:
        for value in values(document, link.path):
            target = above(value.lower(), link.up) if isinstance(value, str) else ""
            if target.startswith("/") and target != itself:
                found[Relation(link.kind, target)] = None
    return tuple(found)


def native_id(document: Mapping[str, Any]) -> str:
    """The document's id as the inventory keeps it; empty where it has none."""
    return str(document.get("id") or "").lower().rstrip("/")


def type_of(resource_id: str) -> str:
    """The resource type in an ARM id as the inventory names it, such as `microsoft.compute/virtualmachines`."""
    namespace, *rest = resource_id.lower().rpartition("/providers/")[2].split("/")
    return "/".join([namespace, *rest[::2]])


def above(resource_id: str, levels: int) -> str:
    """The id of what a resource lies under: each level is a type and a name."""
    return resource_id.rsplit("/", 2 * levels)[0] if levels else resource_id.rstrip("/")


def _links(kind: RelationshipKind, paths: tuple[str, ...], up: int) -> tuple[Link, ...]:
    return tuple(Link(kind, path, up) for path in paths)


def _at(document: Any, name: str) -> Any:
    if not isinstance(document, dict):
        return None
    if name in document:
        return document[name]
    folded = name.lower()
    return next((value for key, value in document.items() if key.lower() == folded), None)


Expansion = Callable[[Any, list[dict[str, Any]]], Iterator[dict[str, Any]]]
"""(the connection, one page of documents) → the documents to keep: those of the page and those told inside them."""
