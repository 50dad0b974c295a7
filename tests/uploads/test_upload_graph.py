"""Uploads in the graph and at their address: who may, how many, and what another organization sees of them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.config import Settings
from app.context import Runtime
from app.database import Database
from app.logging import configure_logging
from app.schema.node import global_id, parse_id
from tests.clients import GraphQL, register
from tests.house.statements import counted
from tests.resolvers.company import Company, company, create_key
from tests.uploads.senders import Sender, noise

LIST = """query ($slug: String!, $first: Int, $after: String) { organization(slug: $slug) {
  uploads(first: $first, after: $after) { totalCount nodes { fileName state createdBy { name } }
    pageInfo { hasNextPage endCursor } } } }"""


@pytest.fixture
async def ada(graphql: GraphQL) -> Sender:
    """Ada, who owns an organization."""
    return Sender(graphql.client, await register(graphql))


async def set_column(owner: Database, column: str, value: str) -> None:
    """Change all uploads behind the doors."""
    async with owner.engine.begin() as connection:
        await connection.execute(text(f"UPDATE uploads SET {column} = {value}"))  # noqa: S608  (constants of tests)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"fileName": ""}, "fileName"),
        ({"fileName": " \t "}, "fileName"),
        ({"fileName": "x" * 256}, "fileName"),
        ({"fileName": "a\nb"}, "fileName"),
        ({"fileName": "a\x00b"}, "fileName"),
        ({"contentType": "csv"}, "contentType"),
        ({"contentType": "text/csv\r\nx-evil: 1"}, "contentType"),
        ({"contentType": f"text/{'x' * 99}"}, "contentType"),
        ({"sha256": "00"}, "sha256"),
        ({"sha256": "g" * 64}, "sha256"),
        ({"bytes": 0}, "bytes"),
        ({"bytes": -1}, "bytes"),
        ({"bytes": 53_687_091_201}, "bytes"),
    ],
)
async def test_what_cannot_be_announced(ada: Sender, values: dict[str, Any], field: str) -> None:
    made = await ada.create(**{"size": values.pop("bytes", 1), **values})
    assert (made["__typename"], made["path"]) == ("InvalidInput", ["input", field])


@pytest.mark.parametrize("size", ["1", 1, 2**40, 9_007_199_254_740_991])
async def test_sizes_beyond_32_bits(ada: Sender, size: object) -> None:
    made = await ada.create(size)  # type: ignore[arg-type]
    assert made["__typename"] == ("CreateUploadPayload" if int(size) == 1 else "InvalidInput")  # type: ignore[call-overload]


@pytest.mark.parametrize("size", [1.5, True, "1.0", "٣", "", "9" * 5_000, 2**53, [1]])
async def test_sizes_that_are_none(ada: Sender, size: object) -> None:
    values = {"organizationId": ada.person.organization_id, "fileName": "x", "bytes": size}
    query = "mutation ($input: CreateUploadInput!) { createUpload(input: $input) { __typename } }"
    answer = await ada.graphql(query, {"input": values}, token=ada.person.token)
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_names_are_for_people_and_never_for_paths(ada: Sender, settings: Settings) -> None:
    data = noise(100)
    for name in ("../../../etc/passwd", "/etc/passwd", "C:\\x", "a" * 255, "<script>", "..", "Kosten März.csv"):
        url = await ada.created(data, fileName=name)
        assert (await ada.put(url, data)).status_code == 200
        assert (await ada.upload(url))["fileName"] == name
    folder = settings.data_dir / "uploads"
    owner = str(parse_id(ada.person.organization_id).id)
    assert {str(path.relative_to(folder).parent) for path in folder.rglob("*") if path.is_file()} == {owner}


async def test_another_organizations_upload_is_absent(graphql: GraphQL, ada: Sender) -> None:
    data = noise(1_000)
    url = await ada.created(data)
    await ada.put(url, data[:500])
    bob = Sender(graphql.client, await register(graphql, "Bob"))
    key, own = parse_id(url.rpartition("/")[2]), parse_id(bob.person.organization_id)
    absent = global_id("Upload", own.id, own.id)
    forged = global_id("Upload", key.id, own.id)
    answers = set()
    for id_ in (key_of(url), absent, forged, "nonsense", bob.person.organization_id, "x" * 500):
        put = await bob.put(f"/uploads/{id_}", data[500:], offset=500)
        assert (await bob.head(f"/uploads/{id_}")).status_code == 404
        assert put.status_code == 404
        error = put.json()["errors"][0]
        error["extensions"].pop("requestId")
        if len(id_) < 200:
            answers.add(str(error))
        if id_ in {key_of(url), absent, forged}:
            assert (await bob.graphql.data(NODE, {"id": id_}, token=bob.person.token))["node"] is None
            assert (await bob.delete(f"/uploads/{id_}"))["__typename"] == "NotFound"
    assert len(answers) == 1, answers
    assert (await ada.put(url, data[500:], offset=500)).json()["state"] == "COMPLETE"
    assert (await ada.graphql.data(LIST, {"slug": bob.person.slug}, token=bob.person.token))["organization"][
        "uploads"
    ] == {"totalCount": 0, "nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}


NODE = "query ($id: ID!) { node(id: $id) { id } }"


def key_of(url: str) -> str:
    """The global id in an address."""
    return url.rpartition("/")[2]


async def test_who_may_send(graphql: GraphQL) -> None:
    made = await company(graphql)
    data = noise(100)
    member = replace(made.people["MEMBER"], organization_id=made.organization_id)
    sender = Sender(graphql.client, member)
    url = await sender.created(data)
    _, weak = await create_key(graphql, made, "ORGANIZATION_READ")
    _, strong = await create_key(graphql, made, "COSTS_INGEST")
    for headers, status in (
        ({}, 401),
        ({"authorization": "Bearer nonsense"}, 401),
        ({"authorization": "Basic eDp5"}, 401),
        ({"x-api-key": "sky_nonsense"}, 401),
        ({"cookie": f"token={sender.person.token}"}, 401),
        ({"authorization": f"Bearer {made.token('VIEWER')}"}, 403),
        ({"x-api-key": weak}, 403),
        ({"authorization": f"Bearer {made.stranger.token}"}, 404),
        ({"x-root-key": "root-key-of-the-tests-0123456789abcdef"}, 404),
        ({"x-api-key": strong}, 200),
    ):
        for method in ("PUT", "HEAD"):
            answer = await graphql.client.request(
                method, url, content=data if method == "PUT" else None, headers={"upload-offset": "0", **headers}
            )
            assert answer.status_code == status, (method, headers, answer.text)


async def test_a_token_in_the_address_signs_nobody_in(ada: Sender) -> None:
    """It would stand in logs of proxies; only sockets, which cannot send headers, have it."""
    url = await ada.created(b"x")
    headers = {"upload-offset": "0"}
    assert (await ada.client.put(f"{url}?token={ada.person.token}", content=b"x", headers=headers)).status_code == 401


async def test_uploads_are_paged_with_as_many_statements_whatever_the_page(ada: Sender, runtime: Runtime) -> None:
    for number in range(5):
        await ada.create(1, fileName=f"{number}.csv")
    variables = {"slug": ada.person.slug, "first": 2}
    page = (await ada.graphql.data(LIST, variables, token=ada.person.token))["organization"]["uploads"]
    assert page["totalCount"] == 5
    assert [node["fileName"] for node in page["nodes"]] == ["4.csv", "3.csv"]
    variables["after"] = page["pageInfo"]["endCursor"]
    page = (await ada.graphql.data(LIST, variables, token=ada.person.token))["organization"]["uploads"]
    assert [node["fileName"] for node in page["nodes"]] == ["2.csv", "1.csv"]
    assert page["nodes"][0] == {"fileName": "2.csv", "state": "CREATED", "createdBy": {"name": "Ada"}}
    counts = []
    for first in (1, 5):
        with counted(runtime.database) as statements:
            await ada.graphql.data(LIST, {"slug": ada.person.slug, "first": first}, token=ada.person.token)
        counts.append(len(statements))
    assert counts[0] == counts[1]


async def test_deleting_takes_the_bytes_along(ada: Sender, settings: Settings) -> None:
    data = noise(1_000)
    for sent in (data, data[:500], b""):
        url = await ada.created(data)
        await ada.put(url, sent)
        assert (await ada.delete(url)) == {"__typename": "DeleteUploadPayload", "deletedUploadId": key_of(url)}
        assert (await ada.delete(url))["__typename"] == "NotFound"
        assert (await ada.head(url)).status_code == 404
    assert [path for path in (settings.data_dir / "uploads").rglob("*") if path.is_file()] == []


async def test_the_time_of_an_upload_ends(ada: Sender, owner: Database) -> None:
    data = noise(1_000)
    url = await ada.created(data)
    await ada.put(url, data[:500])
    await set_column(owner, "expires_at", "now() - interval '1 second'")
    for answer in (await ada.put(url, data[500:], offset=500), await ada.head(url)):
        assert answer.status_code == 410
    assert (await ada.upload(url))["state"] == "EXPIRED"


class TestLimits:
    """Figures of the settings, small ones."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        figures: dict[str, Any] = {"uploads_open": 2, "upload_bytes": 1_000, "upload_organization_bytes": 2_500}
        return settings.model_copy(update=figures)

    async def test_open_uploads(self, ada: Sender) -> None:
        data = noise(100)
        urls = [await ada.created(data) for _ in range(2)]
        refused = await ada.create(1)
        assert (refused["__typename"], refused["code"]) == ("Conflict", "CONFLICT")
        await ada.put(urls[0], data)
        await ada.created(data)
        assert (await ada.create(1))["__typename"] == "Conflict"
        await ada.delete(urls[1])
        await ada.created(data)

    async def test_bytes_of_one_and_of_all(self, ada: Sender, graphql: GraphQL) -> None:
        assert (await ada.create(1_001))["path"] == ["input", "bytes"]
        for seed in range(2):
            data = noise(1_000, seed)
            await ada.put(await ada.created(data), data)
        assert (await ada.create(501))["__typename"] == "Conflict"
        assert (await ada.create(500))["__typename"] == "CreateUploadPayload"
        bob = Sender(graphql.client, await register(graphql, "Bob"))
        assert (await bob.create(1_000))["__typename"] == "CreateUploadPayload"

    async def test_what_has_ended_does_not_count(self, ada: Sender, owner: Database) -> None:
        for _ in range(2):
            await ada.create(1_000)
        assert (await ada.create(1_000))["__typename"] == "Conflict"
        await set_column(owner, "expires_at", "now() - interval '1 second'")
        assert (await ada.create(1_000))["__typename"] == "CreateUploadPayload"


class TestFullDisk:
    """More than the disk has is to stay free."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"upload_free_bytes": 2**60})

    async def test_it_is_told_before_a_byte_is_sent(self, ada: Sender) -> None:
        made = await ada.create(1)
        assert made["__typename"] == "Conflict"
        assert "room" in made["message"]


async def test_a_disk_that_fills_up_meanwhile(ada: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    url = await ada.created(b"x")
    monkeypatch.setattr("app.uploads.local.LocalStorage._free", lambda _self: 0)
    answer = await ada.put(url, b"x")
    assert (answer.status_code, answer.headers["retry-after"]) == (507, "60")


class TestBrowsers:
    """Pages of a frontend on another host."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"cors_origins": ("https://app.example",)})

    async def test_only_those_of_the_setting_may_send(self, ada: Sender) -> None:
        url = await ada.created(b"x")
        for origin, status in (("https://app.example", 200), ("https://evil.example", 400)):
            for method in ("PUT", "HEAD"):
                asked = {
                    "origin": origin,
                    "access-control-request-method": method,
                    "access-control-request-headers": "authorization, upload-offset",
                }
                assert (await ada.client.options(url, headers=asked)).status_code == status
        answer = await ada.put(url, b"x", origin="https://app.example")
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert "upload-offset" in answer.headers["access-control-expose-headers"]


async def test_the_owner_is_told_of_uploads_of_keys(graphql: GraphQL) -> None:
    made: Company = await company(graphql)
    _, key = await create_key(graphql, made, "COSTS_INGEST", "ORGANIZATION_READ")
    query = """mutation ($input: CreateUploadInput!) { createUpload(input: $input) {
      ... on CreateUploadPayload { upload { createdBy { name } } } } }"""
    values = {"organizationId": made.organization_id, "fileName": "x", "bytes": 1}
    answer = await graphql.data(query, {"input": values}, api_key=key)
    assert answer["createUpload"] == {"upload": {"createdBy": None}}


@pytest.fixture
def logs() -> Iterator[io.StringIO]:
    """Everything that is logged meanwhile."""
    written = io.StringIO()
    configure_logging("DEBUG", "json", written)
    yield written
    configure_logging("WARNING")


async def test_nothing_secret_in_answers_or_logs(
    ada: Sender, settings: Settings, logs: io.StringIO, tmp_path: Path, owner: Database
) -> None:
    """Neither the token, nor a path of this machine, nor a byte of the file."""
    canary = b"canary-in-the-bytes"
    data = canary * 50
    answers: list[httpx.Response] = []
    url = await ada.created(data)
    answers += [await ada.put(url, data, 5), await ada.put(url, data + b"x"), await ada.put(url, data[:100])]
    folder = settings.data_dir / "uploads" / str(parse_id(ada.person.organization_id).id)
    (file,) = folder.iterdir()
    file.unlink()
    file.mkdir()  # a fault of the disk
    answers += [await ada.put(url, data[100:], 100), await ada.head(url)]
    file.rmdir()
    wrong = await ada.created(data, sha256=hashlib.sha256(b"").hexdigest())
    answers += [await ada.put(wrong, data), await ada.head(wrong)]
    await set_column(owner, "expires_at", "now()")
    answers += [await ada.put(url, data), await ada.put(url, data, None, authorization="Bearer canary-token")]
    assert [answer.status_code for answer in answers] == [409, 413, 200, 503, 200, 422, 200, 410, 401]
    assert "upload_received" in logs.getvalue()
    assert "upload_storage_fault" in logs.getvalue()
    assert "/uploads/" in logs.getvalue(), "the access log is there"
    said = "".join(f"{answer.headers}{answer.text}" for answer in answers) + logs.getvalue()
    for secret in (ada.person.token, "canary", str(tmp_path), str(settings.data_dir), "uploads/0"):
        assert secret not in said, secret
