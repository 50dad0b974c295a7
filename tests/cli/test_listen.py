"""The address that a person is told to open."""

from __future__ import annotations

import pytest

from app.cli.listen import address_to_open, ask


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1:80"),
        ("skyledger.example", "skyledger.example:80"),
        ("::1", "[::1]:80"),
        ("0.0.0.0", "127.0.0.1:80"),  # noqa: S104  (nothing is bound)
        ("::", "[::1]:80"),
    ],
)
def test_every_host_becomes_an_address_that_opens(host: str, address: str) -> None:
    assert address_to_open(host, 80) == address


def test_nobody_answers_where_nobody_listens(live_server: str) -> None:
    assert ask("127.0.0.1:1", "/health/live") == (0, b"")
    assert ask(live_server.removeprefix("http://"), "/health/live") == (200, b'{"status":"alive"}')
