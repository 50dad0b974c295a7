"""No money is counted twice, and none is left out that no other finding saves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import combinations
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.detection.overlap import Claim, counted


def claim(number: int, node: str, amount: int | None, *, part_of: str | None = None, covers: bool = False) -> Claim:
    return Claim(UUID(int=number), node, part_of, covers, None if amount is None else Decimal(amount))


def ids(*numbers: int) -> set[UUID]:
    return {UUID(int=number) for number in numbers}


def test_the_dearest_of_one_resource_counts() -> None:
    assert counted([claim(1, "vol", 8), claim(2, "vol", 20), claim(3, "vol", 3)]) == ids(2)


def test_parts_of_one_resource_all_count() -> None:
    parts = [claim(1, "vol-a", 10, part_of="i"), claim(2, "vol-b", 20, part_of="i")]
    assert counted(parts) == ids(1, 2)
    assert counted([*parts, claim(3, "i", 5)]) == ids(1, 2, 3)  # a cheaper type of the instance


def test_what_covers_its_parts_counts_in_their_place_when_it_saves_more() -> None:
    parts = [claim(1, "vol-a", 10, part_of="i"), claim(2, "vol-b", 20, part_of="i")]
    assert counted([*parts, claim(3, "i", 30, covers=True)]) == ids(3)
    assert counted([*parts, claim(3, "i", 29, covers=True)]) == ids(1, 2)
    assert counted([*parts, claim(3, "i", 31, covers=True), claim(4, "i", 2)]) == ids(1, 2, 4)


def test_unknown_amounts_count_where_nothing_known_does() -> None:
    assert counted([claim(1, "vol", None)]) == ids(1)
    assert counted([claim(2, "vol", None), claim(1, "vol", None)]) == ids(1)
    assert counted([claim(1, "vol", None), claim(2, "vol", 1)]) == ids(2)


def test_circles_end() -> None:
    assert counted([claim(1, "a", 1, part_of="b"), claim(2, "b", 2, part_of="a")]) == ids(1, 2)
    assert counted([claim(1, "a", 1, part_of="a")]) == ids(1)


CLAIMS = st.lists(
    st.tuples(st.integers(0, 4), st.one_of(st.none(), st.integers(0, 30)), st.booleans()), min_size=1, max_size=6
).map(
    lambda drawn: [
        # Nodes 1 and 2 are parts of 0, 3 and 4 of 1.
        claim(number, str(node), amount, part_of={1: "0", 2: "0", 3: "1", 4: "1"}.get(node), covers=covers)
        for number, (node, amount, covers) in enumerate(drawn)
    ]
)


def above(node: str, claims: Iterable[Claim]) -> set[str]:
    """What a resource is a part of, as far as the findings say so."""
    parents = {claim.node: claim.part_of for claim in claims}
    found = set()
    parent = parents.get(node)
    while parent is not None:
        found.add(parent)
        parent = parents.get(parent)
    return found


def compatible(one: Claim, other: Claim, claims: Sequence[Claim]) -> bool:
    """Whether both can count: neither is about the other's resource, nor covers a part that the other is about."""
    if one.node == other.node:
        return False
    pairs = ((one, other), (other, one))
    return not any(upper.covers_parts and upper.node in above(lower.node, claims) for upper, lower in pairs)


@given(CLAIMS)
def test_it_is_the_most_that_can_be_saved(claims: list[Claim]) -> None:
    """Against all subsets: none that is free of overlaps is worth more, and the chosen one is free of them."""
    chosen = [each for each in claims if each.id in counted(claims)]
    assert all(compatible(*pair, claims) for pair in combinations(chosen, 2))
    best = max(
        sum((each.amount or Decimal(0) for each in subset), Decimal(0))
        for size in range(len(claims) + 1)
        for subset in combinations(claims, size)
        if all(compatible(*pair, claims) for pair in combinations(subset, 2))
    )
    assert sum((each.amount or Decimal(0) for each in chosen), Decimal(0)) == best
    assert counted(reversed(claims)) == {each.id for each in chosen}
