"""What price lists may answer with: packed once at most, and not without end."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest

from app.providers.answers import MOST_BYTES
from app.providers.price_lists import PriceClient
from app.providers.problems import ProblemCode, ProviderError
from tests.providers.price_server import PriceServer, price_server

TOO_MUCH = gzip.compress(b" " * (MOST_BYTES + 1))


@pytest.fixture
def server() -> Iterator[PriceServer]:
    with price_server() as made:
        yield made


@pytest.fixture
def client() -> Iterator[PriceClient]:
    made = PriceClient(sleep=lambda _: None)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(gzip.compress(TOO_MUCH), "gzip, gzip"), (TOO_MUCH, "gzip"), (gzip.compress(TOO_MUCH), "gzip, identity, gzip")],
)
def test_an_answer_is_not_unpacked_beyond_measure(
    server: PriceServer, client: PriceClient, body: bytes, encoding: str
) -> None:
    server.answers["/prices"] = [(200, body)]
    server.packed = encoding
    with pytest.raises(ProviderError) as raised:
        client.json(f"{server.url}/prices")
    assert raised.value.code is ProblemCode.BAD_ANSWER
    assert "too large, or packed" in raised.value.message
    assert len(server.asked) == 1, "asking again is of no use"


def test_an_answer_may_be_packed_once(server: PriceServer, client: PriceClient) -> None:
    server.answers["/prices"] = [(200, gzip.compress(b'{"Items": [1]}'))]
    server.packed = "gzip"
    assert client.json(f"{server.url}/prices") == {"Items": [1]}
    with client.stream(f"{server.url}/prices") as answer:
        assert list(answer.iter_lines()) == ['{"Items": [1]}']
