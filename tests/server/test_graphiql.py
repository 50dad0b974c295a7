"""The GraphiQL page and its files: nothing foreign, nothing missing, nothing beyond the folder, proper headers."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from graphql import GraphQLSchema, OperationDefinitionNode, build_schema, parse, validate
from graphql.execution.values import get_variable_values
from starlette.applications import Starlette

from app.server import graphiql
from app.server.graphiql.examples import EXAMPLES_PATH, SESSION_OPERATIONS, Example, examples_document, read_examples
from app.server.graphiql.files import ASSETS_PATH, CONTENT_TYPES, ROOM, manifest

PROJECT = Path(__file__).parents[2]
TOOLS = PROJECT / "tools" / "graphiql"
ASSETS = ROOM / "assets"
BUILT_FILES = sorted(path.name for path in ASSETS.iterdir() if path.name != "manifest.json")
EXAMPLES = read_examples()


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=graphiql.asset_routes())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://skyledger.test") as found:
        yield found


@pytest.fixture(scope="session")
def schema() -> GraphQLSchema:
    return build_schema((PROJECT / "schema.graphql").read_text(encoding="utf-8"))


def addresses_of(page: str) -> list[str]:
    return re.findall(r'(?:src|href|data-graph|data-examples|data-[\w-]*worker)="([^"]*)"', page)


# ---- the page


def test_page_names_only_paths_of_this_origin() -> None:
    page = graphiql.page().decode()
    addresses = addresses_of(page)
    assert len(addresses) >= 9
    assert [address for address in addresses if not re.fullmatch(r"/graphql(/assets/[\w.-]+)?", address)] == []
    assert "://" not in page
    assert "$" not in page


def test_page_holds_no_inline_script_or_style() -> None:
    page = graphiql.page().decode()
    assert re.findall(r"<script(?![^>]* src=)", page) == []
    assert re.findall(r"<style|\son\w+=|\sstyle=", page) == []


async def test_every_address_of_the_page_answers(client: httpx.AsyncClient) -> None:
    for address in set(addresses_of(graphiql.page().decode())) - {"/graphql"}:
        response = await client.get(address)
        assert (address, response.status_code) == (address, 200)
        assert response.headers["content-type"] == CONTENT_TYPES[Path(address).suffix]


def test_schema_is_loaded_before_sign_in_only_where_it_is_public() -> None:
    assert b'data-schema="signed-in"' in graphiql.page()
    assert b'data-schema="public"' in graphiql.page(public_schema=True)


def test_policy_allows_our_origin_and_no_eval() -> None:
    policy = dict(part.split(" ", 1) for part in graphiql.content_security_policy().split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["worker-src"] == policy["connect-src"] == policy["font-src"] == "'self'"
    assert [name for name, sources in policy.items() if "'unsafe-inline'" in sources] == ["style-src"]
    assert not re.search(r"unsafe-eval|blob:|https?:|\*", " ".join(policy.values()))


def test_page_headers() -> None:
    headers = graphiql.page_headers()
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Content-Security-Policy"] == graphiql.content_security_policy()
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Vary"] == "Accept"


# ---- the built files


def test_manifest_names_exactly_the_committed_files_with_their_hashes() -> None:
    found = {name: hashlib.sha256((ASSETS / name).read_bytes()).hexdigest() for name in BUILT_FILES}
    assert found == dict(manifest().sha256)


def test_bundle_was_built_from_the_committed_lock_file() -> None:
    wanted = json.loads((TOOLS / "package.json").read_text(encoding="utf-8"))["dependencies"]
    lock = (TOOLS / "package-lock.json").read_text(encoding="utf-8")
    assert dict(manifest().versions) == wanted
    assert '"resolved"' not in lock
    assert "://registry." not in lock


def test_licences_name_every_package() -> None:
    licences = (ASSETS / "LICENSES.txt").read_text(encoding="utf-8")
    for package, version in manifest().versions.items():
        assert f"\n{package} {version} (" in licences


def test_bundle_imports_only_its_own_parts() -> None:
    for name in (name for name in BUILT_FILES if name.endswith(".js")):
        text = (ASSETS / name).read_text(encoding="utf-8")
        imports = re.findall(r"""(?:\bfrom|\bimport)\s*\(?\s*["'](\.?\.?/[^"']+|https?:[^"']+)["']""", text)
        assert {part for part in imports if part.removeprefix("./") not in manifest().sha256} == set()
        assert not re.search(r"unpkg\.com|jsdelivr|esm\.sh|sourceMappingURL|googleapis", text)


def test_style_sheet_loads_only_its_own_fonts() -> None:
    text = (ASSETS / manifest().page["style"]).read_text(encoding="utf-8")
    targets = re.findall(r"url\(([^)]+)\)", text)
    local = {
        target.strip("\"'").removeprefix("./") for target in targets if not target.strip("\"'").startswith("data:")
    }
    assert local
    assert local - set(manifest().sha256) == set()
    assert "@import" not in text


@pytest.mark.parametrize("name", BUILT_FILES)
async def test_file_is_served_whole_with_its_type(client: httpx.AsyncClient, name: str) -> None:
    response = await client.get(f"{ASSETS_PATH}/{name}", headers={"Accept-Encoding": "identity"})
    assert response.status_code == 200
    assert response.content == (ASSETS / name).read_bytes()
    assert response.headers["content-type"] == CONTENT_TYPES[Path(name).suffix]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "content-encoding" not in response.headers
    lasting = "public, max-age=31536000, immutable"
    assert response.headers["cache-control"] == ("no-cache" if name == "LICENSES.txt" else lasting)


async def test_file_is_compressed_for_clients_that_take_gzip(client: httpx.AsyncClient) -> None:
    path = f"{ASSETS_PATH}/{manifest().page['script']}"
    plain = await client.get(path, headers={"Accept-Encoding": "gzip;q=0, br"})
    async with client.stream("GET", path, headers={"Accept-Encoding": "br, gzip"}) as response:
        sent = b"".join([chunk async for chunk in response.aiter_raw()])
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(sent) == plain.content
    assert len(sent) < len(plain.content) / 2
    assert response.headers["etag"] != plain.headers["etag"]


@pytest.mark.parametrize("path", [EXAMPLES_PATH, f"{ASSETS_PATH}/{manifest().page['style']}"])
async def test_known_content_is_not_sent_again(client: httpx.AsyncClient, path: str) -> None:
    etag = (await client.get(path)).headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        response = await client.get(path, headers={"If-None-Match": known})
        assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", etag)
    response = await client.get(path, headers={"If-None-Match": '"other"'})
    assert response.status_code == 200
    assert response.content


@pytest.mark.parametrize(
    "name",
    [
        "../page.html",
        "..",
        ".",
        "../__init__.py",
        "assets/../../files.py",
        "/etc/passwd",
        "manifest.json",
        "page.js",
        "x\0.js",
    ],
)
async def test_nothing_beyond_the_built_files_can_be_read(name: str) -> None:
    statuses: list[int] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            assert isinstance(message["status"], int)
            statuses.append(message["status"])

    path = f"{ASSETS_PATH}/{name}"
    scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "query_string": b"", "headers": []}
    await Starlette(routes=graphiql.asset_routes())(scope, receive, send)  # type: ignore[arg-type]
    assert statuses == [404]


async def test_files_cannot_be_written(client: httpx.AsyncClient) -> None:
    response = await client.post(f"{ASSETS_PATH}/{manifest().page['script']}")
    assert response.status_code == 405


# ---- the examples


async def test_examples_are_served_as_they_stand_in_their_folder(client: httpx.AsyncClient) -> None:
    response = await client.get(EXAMPLES_PATH)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-cache"
    document = response.json()
    assert [example["name"] for example in document["examples"]] == [example.name for example in EXAMPLES]
    assert set(document["session"]) == set(SESSION_OPERATIONS.values())
    assert "$password" in document["session"]["logIn"]


def test_first_example_needs_no_variables() -> None:
    assert EXAMPLES[0].operation == "query"
    assert EXAMPLES[0].variables == ""


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_example_is_valid(example: Example, schema: GraphQLSchema) -> None:
    document = parse(example.query)
    assert validate(schema, document) == []
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    values = get_variable_values(schema, operation.variable_definitions or (), json.loads(example.variables or "{}"))
    assert not isinstance(values, list), values


@pytest.mark.parametrize("name", SESSION_OPERATIONS.values())
def test_session_operation_is_valid(name: str, schema: GraphQLSchema) -> None:
    text = json.loads(examples_document())["session"][name]
    assert validate(schema, parse(text)) == []


def test_examples_are_read_from_files(tmp_path: Path) -> None:
    (tmp_path / "b.graphql").write_text("# Second\nsubscription S { s }\n", encoding="utf-8")
    (tmp_path / "a.graphql").write_text(
        "# First\n# Says `a`.\n# And b.\nquery Q($n: Int) { q(n: $n) }", encoding="utf-8"
    )
    (tmp_path / "a.json").write_text('{"n": 1}', encoding="utf-8")
    first, second = read_examples(tmp_path)
    assert first == Example("a", "First", "Says `a`. And b.", "query", "query Q($n: Int) { q(n: $n) }\n", '{"n": 1}\n')
    assert second == Example("b", "Second", "", "subscription", "subscription S { s }\n", "")


@pytest.mark.parametrize(
    ("text", "variables", "reason"),
    [
        ("query Q { q }", "", "a.graphql must begin with a comment line"),
        ("# A\nquery Q {", "", "a.graphql is not a GraphQL document"),
        ("# A\nquery Q { q } query R { r }", "", "exactly one operation, it has 2"),
        ("# A\nfragment F on T { q }", "", "exactly one operation, it has 0"),
        ("# A\nquery Q { q }", "{", "a.json is not JSON"),
        ("# A\nquery Q { q }", "[1]", "a.json must be a JSON object"),
    ],
)
def test_a_broken_example_is_named(tmp_path: Path, text: str, variables: str, reason: str) -> None:
    (tmp_path / "a.graphql").write_text(text, encoding="utf-8")
    if variables:
        (tmp_path / "a.json").write_text(variables, encoding="utf-8")
    with pytest.raises(ValueError, match=reason):
        read_examples(tmp_path)
