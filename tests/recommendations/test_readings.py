"""Which resource types are taken for complete where a resource is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.providers.base import GLOBAL
from app.recommendations.readings import NEVER, ReadAt, complete_in


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


def test_what_is_stored_is_as_old_as_the_scan_that_read_all_of_it() -> None:
    early, late = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)
    steps = [
        {"region": "eu-west-1", "collected": ["volumes"], "started_at": early},
        {"region": "eu-west-1", "collected": ["volumes", "addresses"], "started_at": late},
        {"region": GLOBAL, "collected": ["zones"], "started_at": early},
    ]
    read_at = ReadAt(steps)
    assert read_at.of("eu-west-1", "volumes") == late
    assert (read_at.of("eu-west-1", "zones"), read_at.of(None, "zones")) == (early, early)
    assert read_at.of("eu-west-2", "volumes") == NEVER
    assert ReadAt().of("eu-west-1", "volumes") is None
    assert early - timedelta(days=700_000) > NEVER
