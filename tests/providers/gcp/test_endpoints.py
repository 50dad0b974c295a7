"""Addresses that an account's settings may name."""

from __future__ import annotations

import pytest

from app.providers.gcp.endpoints import GrpcEndpoint, grpc_endpoint, token_endpoint
from app.providers.problems import ProblemCode, ProviderError


@pytest.mark.parametrize(
    ("value", "address", "is_plaintext"),
    [
        ("cloudasset.googleapis.com", "cloudasset.googleapis.com:443", False),
        ("https://cloudasset-acme.p.googleapis.com", "cloudasset-acme.p.googleapis.com:443", False),
        ("https://cloudasset-acme.p.googleapis.com/", "cloudasset-acme.p.googleapis.com:443", False),
        ("assets.acme.example:8443", "assets.acme.example:8443", False),
        ("127.0.0.1:9000", "127.0.0.1:9000", True),
        ("http://127.0.0.1:9000", "127.0.0.1:9000", True),
        ("https://127.0.0.1:9000", "127.0.0.1:9000", False),
        ("localhost:9000", "localhost:9000", True),
        ("[::1]:9000", "[::1]:9000", True),
        ("10.0.0.7:9000", "10.0.0.7:9000", False),
    ],
)
def test_addresses_for_grpc(value: str, address: str, is_plaintext: bool) -> None:
    assert grpc_endpoint(value, "cloudasset") == GrpcEndpoint(address, is_plaintext)


@pytest.mark.parametrize(
    "value",
    [
        "http://assets.acme.example",
        "http://10.0.0.7:9000",
        "unix:/run/secret.sock",
        "unix:///run/secret.sock",
        "dns:///assets.acme.example",
        "xds:///assets",
        "ftp://assets.acme.example",
        "https://user:password@assets.acme.example",
        "https://assets.acme.example/path",
        "https://assets.acme.example?x=1",
        "assets.acme.example:port",
        "assets acme",
        "-x",
        "",
        "https://",
        "https://[::1",
    ],
)
def test_addresses_that_are_refused(value: str) -> None:
    with pytest.raises(ProviderError) as caught:
        grpc_endpoint(value, "cloudasset")
    assert caught.value.code is ProblemCode.CREDENTIALS
    assert caught.value.message == "The endpoint `cloudasset` of the account is not usable."


def test_addresses_of_token_services() -> None:
    assert token_endpoint("https://tokens.acme.example/token") == "https://tokens.acme.example/token"
    assert token_endpoint("http://[::1]:8080/token") == "http://[::1]:8080/token"
    for value in ("http://tokens.acme.example/token", "file:///etc/passwd", "127.0.0.1:80", "https://a:b@c.example/"):
        with pytest.raises(ProviderError):
            token_endpoint(value)
