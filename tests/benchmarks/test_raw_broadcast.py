"""The raw broadcast that subscriptions are compared with."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from benchmarks.graph.broadcast_load import frame_bytes
from benchmarks.graph.raw_broadcast import application


def test_a_tick_tells_all_open_sockets_its_body_as_often_as_it_says() -> None:
    with TestClient(application()) as client, client.websocket_connect("/socket") as first:
        with client.websocket_connect("/socket") as second:
            assert client.post("/tick?frames=2", content="näws").status_code == 204
            assert [each.receive_text() for each in (first, second, first, second)] == ["näws"] * 4
        client.post("/tick", content="later")
        assert first.receive_text() == "later"


@pytest.mark.parametrize(("payload", "whole"), [(125, 127), (126, 130), (65_535, 65_539), (65_536, 65_546)])
def test_the_length_of_a_frame(payload: int, whole: int) -> None:
    assert frame_bytes(payload) == whole
