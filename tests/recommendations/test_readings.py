"""Which resource types are taken for complete where a resource is."""

from __future__ import annotations

from app.providers.base import GLOBAL
from app.recommendations.readings import complete_in


def test_a_region_has_its_own_types() -> None:
    types = {"eu-west-1": frozenset({"volumes", "zones"}), GLOBAL: frozenset({"zones"})}
    assert complete_in(types, "eu-west-1") == {"volumes", "zones"}


def test_what_was_read_as_a_whole_is_complete_in_each_region() -> None:
    types = {GLOBAL: frozenset({"machines"})}
    assert complete_in(types, "westeurope") == {"machines"}
    assert complete_in(types, None) == {"machines"}


def test_nothing_is_complete_where_nothing_was_read() -> None:
    assert complete_in({}, "westeurope") == frozenset()
    assert complete_in({"eu-west-1": frozenset({"volumes"})}, "eu-west-2") == frozenset()
    assert complete_in({"eu-west-1": frozenset({"volumes"})}, None) == frozenset()
