"""The hand-written routes answer what Skyledger answers, and no more to strangers: they are no measure otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import orjson
import pytest

from app.auth.tokens import AccessTokens
from app.config import Settings, signing_key
from app.models import new_id
from benchmarks.graph.contestants import CONTESTANTS, EVERY
from benchmarks.graph.dataset import Facts, fill, plain_url
from benchmarks.graph.documents import Question
from benchmarks.graph.hand_written import Pages, make_app
from benchmarks.graph.rows import Company
from tests.clients import GraphQL


@pytest.fixture
async def facts(settings: Settings) -> Facts:
    """A company of four organizations, with some 140 resources."""
    assert settings.database_url is not None
    return await fill(settings.database_url, Company(datetime.now(UTC).date(), resources=600, others=1))


@pytest.fixture
async def pages(settings: Settings, facts: Facts) -> AsyncIterator[httpx.AsyncClient]:
    """The hand-written routes, without a network."""
    assert settings.database_url is not None
    made = Pages(plain_url(settings.database_url), signing_key(settings))
    app = make_app(made)
    headers = {"authorization": f"Bearer {facts.token(signing_key(settings))}"}
    async with (
        made.running(),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test", headers=headers) as client,
    ):
        yield client


async def test_every_page_is_skyledgers_answer(
    settings: Settings, facts: Facts, pages: httpx.AsyncClient, graphql: GraphQL
) -> None:
    ask = CONTESTANTS["f"].request
    for query in EVERY:
        for slug in facts.organizations:
            question = Question.of(query, slug)
            page = await pages.get(ask(question).path)
            token = facts.token(signing_key(settings))
            answer = await graphql.data(question.document, question.variables, token=token)
            assert orjson.loads(page.content)["data"] == answer, question


async def test_a_page_is_for_members_alone(settings: Settings, facts: Facts, pages: httpx.AsyncClient) -> None:
    other = AccessTokens(signing_key(settings), seconds=60).issue(new_id(), new_id())[0]
    for headers in ({"authorization": ""}, {"authorization": f"Bearer {other}"}, {"authorization": "Bearer x.y.z"}):
        assert (await pages.get("/q4/grown", headers=headers)).status_code == 401
    assert facts.organizations.keys() == {"grown", "middle", "small"}
    assert (await pages.get("/q4/tenant-00")).status_code == 404
    assert (await pages.get("/q1/grown?first=1001")).status_code == 400


def test_the_plain_routes_stand_apart_from_the_product() -> None:
    """What is measured against Skyledger must not be Skyledger."""
    for name in ("hand_written", "hand_written_sql", "callers", "serving"):
        text = Path(f"benchmarks/graph/{name}.py").read_text(encoding="utf-8")
        assert "from app" not in text, name
