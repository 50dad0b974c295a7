"""What moves by itself: left out of comparisons, and still what the collectors emit."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.providers import aws
from app.providers.gcp import compute, data, network, platform
from app.providers.gcp.kinds import Kind
from app.providers.registry import CLOUDS, cloud
from app.records.volatile import VOLATILE_PROPERTIES, lasting, unread


def test_paths_go_through_objects_and_lists() -> None:
    cluster = {
        "normalizedInstanceHours": 7,
        "instances": [{"role": "CORE", "requested": 2, "running": 1}, {"role": "TASK", "spotCapacity": 3}, None],
        "running": 1,
        "unreadable": ["tags"],
    }
    assert lasting("AWS::EMR::Cluster", cluster) == {
        "instances": [{"role": "CORE", "requested": 2}, {"role": "TASK"}, None],
        "running": 1,
    }
    reservation = {"specificReservation": {"count": 4, "inUseCount": 1}}
    assert lasting("compute.googleapis.com/Reservation", reservation) == {"specificReservation": {"count": 4}}
    assert lasting("compute.googleapis.com/Reservation", {"specificReservation": None}) == {"specificReservation": None}
    assert lasting("AWS::EC2::Volume", {"sizeBytes": 1}) == {"sizeBytes": 1}
    assert reservation == {"specificReservation": {"count": 4, "inUseCount": 1}}


@pytest.mark.parametrize("told", [None, "tags", {"tags": 1}, [7, ["tags"]]])
def test_what_is_unreadable_is_a_list_of_names(told: object) -> None:
    assert unread({"unreadable": told}) == frozenset()
    assert unread({"unreadable": ["tags", "status"]}) == {"tags", "status"}
    assert unread({}) == frozenset()


def test_every_type_is_read_by_a_collector() -> None:
    clouds = [cloud(provider) for provider in CLOUDS]
    read = {
        resource_type
        for each in clouds
        for service in each.services()
        for collector in service.collectors
        for resource_type in collector.resource_types
    }
    assert set(VOLATILE_PROPERTIES) <= read


def test_every_property_of_aws_is_emitted() -> None:
    folder = Path(str(aws.__file__)).parent
    source = "".join(path.read_text() for path in sorted(folder.glob("*.py")))
    for resource_type, paths in VOLATILE_PROPERTIES.items():
        if resource_type.startswith("AWS::"):
            for name in {part for path in paths for part in path.split(".")}:
                assert f'"{name}":' in source, (resource_type, name)


def test_every_property_of_google_is_emitted() -> None:
    modules = (compute, data, network, platform)
    kinds = {value.resource_type: value for each in modules for value in vars(each).values() if isinstance(value, Kind)}
    for resource_type, paths in VOLATILE_PROPERTIES.items():
        if "googleapis.com" in resource_type:
            assert paths <= {*kinds[resource_type].keep}, resource_type
