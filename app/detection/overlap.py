"""Which of several findings count in a total: never the same money twice.

Two findings overlap where both would save the same bill: two checks of one volume, or a stopped instance and its
volumes. Of each resource the dearest finding counts; a finding that covers the parts of its resource counts in their
place where it saves more than all of them with the resource's own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Claim:
    """A finding as far as overlaps go. `amount` is in one currency for all, None where it is not known."""

    id: UUID
    node: str
    """The native id of its resource, or whatever else tells what it is about."""
    part_of: str | None
    covers_parts: bool
    amount: Decimal | None


def counted(claims: Iterable[Claim]) -> set[UUID]:
    """The ids of the findings that count, of one account.

    An unknown amount counts as 0 when findings are compared; among equal ones the smallest id counts, so that the
    answer does not depend on an order.
    """
    by_node: dict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        by_node[claim.node].append(claim)
    parents = _parents(by_node)
    children: dict[str, list[str]] = defaultdict(list)
    for node, parent in parents.items():
        children[parent].append(node)
    chosen: set[UUID] = set()
    for node in _roots(by_node, parents):
        chosen |= _best(node, by_node, children)[1]
    return chosen


def _parents(by_node: Mapping[str, Sequence[Claim]]) -> dict[str, str]:
    """What each resource is a part of, without circles: the link that would close one is left out."""
    parents: dict[str, str] = {}
    for node in sorted(by_node):
        parent = next((claim.part_of for claim in by_node[node] if claim.part_of is not None), None)
        step = parent
        while step is not None and step != node:
            step = parents.get(step)
        if parent is not None and step is None:
            parents[node] = parent
    return parents


def _roots(by_node: Mapping[str, Sequence[Claim]], parents: Mapping[str, str]) -> list[str]:
    return sorted({*by_node, *parents.values()} - parents.keys())


def _best(
    node: str, by_node: Mapping[str, Sequence[Claim]], children: Mapping[str, Sequence[str]]
) -> tuple[Decimal, set[UUID]]:
    """The most that can be saved on a resource and its parts, and by which findings."""
    parts = [_best(child, by_node, children) for child in children.get(node, ())]
    own = by_node.get(node, ())
    apart = _dearest(claim for claim in own if not claim.covers_parts)
    together = _dearest(claim for claim in own if claim.covers_parts)
    separate = sum((amount for amount, _ in parts), _amount(apart))
    if together is not None and _amount(together) >= separate:
        return _amount(together), {together.id}
    return separate, set().union(*(ids for _, ids in parts), {apart.id} if apart else set())


def _dearest(claims: Iterable[Claim]) -> Claim | None:
    return min(claims, key=lambda claim: (-_amount(claim), claim.id), default=None)


def _amount(claim: Claim | None) -> Decimal:
    return Decimal(0) if claim is None or claim.amount is None else claim.amount
