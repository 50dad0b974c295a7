"""The scenarios of the Damn Vulnerable GraphQL Application (github.com/dolevf), each tried on the product.

Their names are those of its README; a docstring says what the attacker does, the test what must come of it.
"""

from __future__ import annotations

import base64
import io
import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import jwt
import orjson
import pytest

from app.auth.tokens import ALGORITHM, AUDIENCE, ISSUER
from app.config import Settings, signing_key
from app.context import Runtime
from app.logging import configure_logging
from app.main import create_app
from app.notifications.letters import Code, Letter, Link
from tests.attacks.cop import BROWSER, CHECKS
from tests.clients import PASSWORD, GraphQL, Person, register

ADD_NOTE = """mutation ($input: AddNoteInput!) { addNote(input: $input) { __typename
  ... on AddNotePayload { event { data } } ... on UserError { code message } } }"""
CONNECT = """mutation ($input: ConnectAccountInput!) { connectAccount(input: $input) { __typename
  ... on UserError { code message path } } }"""
UPLOAD = """mutation ($input: CreateUploadInput!) { createUpload(input: $input) { __typename
  ... on CreateUploadPayload { upload { id fileName } } ... on UserError { code message } } }"""
LOG_IN = "mutation ($input: LogInInput!) { logIn(input: $input) { __typename ... on UserError { code message } } }"
INSIDE = ("Traceback", 'File "', ".py", "asyncpg", "sqlalchemy", "strawberry", "SELECT ", "graphql-core")
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture
async def ada(graphql: GraphQL) -> Person:
    return await register(graphql)


@pytest.fixture(params=["json", "console"])
def logged(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """All that is logged, in either shape."""
    stream = io.StringIO()
    configure_logging("INFO", request.param, stream)
    yield stream
    configure_logging("WARNING")


def codes(answer: dict[str, Any]) -> set[str]:
    return {error["extensions"]["code"] for error in answer.get("errors", [])}


async def test_discovering_graphql(graphql: GraphQL) -> None:
    """Tries the usual addresses: the graph is at the one that is documented, and at no other."""
    for path in ("/graphiql", "/playground", "/console", "/api/graphql", "/v1/graphql", "/graphql/console", "/gql"):
        response = await graphql.client.post(path, json={"query": "{ __typename }"})
        assert (response.status_code, codes(response.json())) == (404, {"NOT_FOUND"}), path


async def test_fingerprinting_graphql(graphql: GraphQL) -> None:
    """Sends what engines answer each in their own way: no header and no message names what we are made of."""
    odd = ("query @deprecated { __typename }", "{ __typename @skip }", "queryy { a }", "{ alias1$1: __typename }", "")
    for query in odd:
        response = await graphql.client.post("/graphql", json={"query": query})
        told = (response.text + str(response.headers)).lower()
        assert not any(word in told for word in ("strawberry", "graphql-core", "starlette", "uvicorn", "python"))
        assert "server" not in response.headers


# ---- denial of service


@pytest.mark.parametrize(
    "check", ["Batch Queries", "Field Duplication", "Alias Overloading", "Circular Fragment", "Directive Overloading"]
)
async def test_overloading(graphql: GraphQL, check: str) -> None:
    """Batch Query, Field Duplication, Aliases based and Circular Fragment attacks: as graphql-cop sends them."""
    assert not await CHECKS[check](graphql.client)


async def test_deep_recursion_query_attack(graphql: GraphQL, ada: Person) -> None:
    """Follows organization → members → organization in a circle: refused by its depth before anything runs."""
    circle = "account { resources { nodes { "
    query = '{ organization(slug: "x") { resources { nodes { ' + circle * 8 + "id" + " } } }" * 8 + " } } } }"
    answer = await graphql(query, token=ada.token)
    assert codes(answer) == {"DOCUMENT_LIMIT_EXCEEDED"}


async def test_resource_intensive_query_attack(graphql: GraphQL, ada: Person) -> None:
    """Asks for all of a thousand of all of a thousand: refused by its cost, before anything runs."""
    dear = """query ($slug: String!) { organization(slug: $slug) {
      resources(first: 1000) { nodes {
        recommendations { id resource { id relationships { resource { id name } } } } } } } }"""
    answer = await graphql(dear, {"slug": ada.slug}, token=ada.token)
    assert "data" not in answer
    assert codes(answer) == {"DOCUMENT_LIMIT_EXCEEDED"} or "cost" in str(answer["errors"]).lower(), answer


@pytest.mark.parametrize("check", ["Introspection", "Field Suggestions", "Unhandled Errors Detection", "Trace Mode"])
async def test_information_disclosure(graphql: GraphQL, check: str) -> None:
    """GraphQL Introspection, Field Suggestions and Stack Trace Errors: as graphql-cop sends them."""
    assert not await CHECKS[check](graphql.client)


async def test_server_side_request_forgery(graphql: GraphQL, ada: Person) -> None:
    """Names addresses inside our network as a provider's endpoint: refused, and nobody is called there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        urls = [
            f"http://127.0.0.1:{port}",
            f"https://127.0.0.1:{port}",
            f"http://localhost:{port}/",
            f"http://[::ffff:127.0.0.1]:{port}",
            f"http://0x7f000001:{port}",
            f"https://sts.amazonaws.com@127.0.0.1:{port}",
            "http://169.254.169.254/latest/meta-data/",
            "http://metadata.google.internal",
            "file:///etc/passwd",
            f"gopher://127.0.0.1:{port}/_x",
        ]
        for url in urls:
            keys = {"accessKeyId": "AKIA0123456789EXAMPLE", "secretAccessKey": "x" * 40}
            values = {"organizationId": ada.organization_id, "aws": keys, "endpoints": [{"service": "*", "url": url}]}
            result = (await graphql.data(CONNECT, {"input": values}, token=ada.token))["connectAccount"]
            assert (result["__typename"], result["path"][:2]) == ("InvalidInput", ["input", "endpoints"]), url
        listener.settimeout(0.2)
        with pytest.raises(TimeoutError):
            listener.accept()


async def test_stack_trace_errors(graphql: GraphQL, ada: Person) -> None:
    """Provokes errors behind the schema: NUL, lone surrogates, huge numbers, cursors: nothing shows our insides."""
    page = """query ($slug: String!, $after: String, $text: String) { organization(slug: $slug) {
      resources(after: $after, where: {name: {contains: $text}}) { nodes { id } } } }"""
    for odd in ("\0", "\\", "%", "'", "\U0010ffff", "x" * 100_000, "AAAA", base64.b64encode(b"[null]").decode()):
        for values in ({"slug": odd}, {"slug": ada.slug, "after": odd}, {"slug": ada.slug, "text": odd}):
            response = await graphql.client.post(
                "/graphql",
                json={"query": page, "variables": values},
                headers={"authorization": f"Bearer {ada.token}"},
            )
            assert "INTERNAL_SERVER_ERROR" not in response.text, (values, response.text)
            assert not any(word in response.text for word in INSIDE), response.text


@pytest.mark.parametrize("shell", ["$(touch {0})", "`touch {0}`", "; touch {0} ;", "| touch {0}", "\n touch {0}\n"])
async def test_os_command_injection_1(graphql: GraphQL, ada: Person, tmp_path: Path, shell: str) -> None:
    """Hides commands in texts that a careless server hands to a shell: they are kept as text, or refused."""
    mark = tmp_path / "was-here"
    text = shell.format(mark)
    organization = {"organizationId": ada.organization_id}
    noted = (await graphql.data(ADD_NOTE, {"input": {**organization, "text": text}}, token=ada.token))["addNote"]
    assert noted["__typename"] in {"AddNotePayload", "InvalidInput"}
    if noted["__typename"] == "AddNotePayload":
        assert noted["event"]["data"] == {"text": text.strip()} or noted["event"]["data"] == {"text": text}
    await graphql.data(UPLOAD, {"input": {**organization, "fileName": text, "bytes": 1}}, token=ada.token)
    keys = {"accessKeyId": text, "secretAccessKey": text}
    await graphql.data(CONNECT, {"input": {**organization, "aws": keys}}, token=ada.token)
    assert not mark.exists()


async def test_os_command_injection_2(graphql: GraphQL, ada: Person) -> None:
    """Calls diagnostics that run a command: there is no such field, nor an argument that takes one."""
    for query in ('{ systemDiagnostics(username: "a", password: "b", cmd: "id") }', '{ systemDebug(arg: "id") }'):
        assert codes(await graphql(query, token=ada.token)) == {"GRAPHQL_VALIDATION_FAILED"}
    query = "{ __schema { types { fields { args { name } } inputFields { name } } } }"
    told = json.dumps(await graphql.data(query, token=ada.token))
    assert not any(f'"{word}"' in told for word in ("cmd", "command", "exec", "shell", "script", "eval"))


# ---- injection


async def test_stored_cross_site_scripting(graphql: GraphQL, ada: Person) -> None:
    """Stores a script: what comes back is JSON that no browser takes for a page."""
    values = {"organizationId": ada.organization_id, "text": SCRIPT}
    body = {"query": ADD_NOTE, "variables": {"input": values}}
    headers = {"authorization": f"Bearer {ada.token}", "accept": BROWSER}
    response = await graphql.client.post("/graphql", json=body, headers=headers)
    assert response.json()["data"]["addNote"]["event"]["data"] == {"text": SCRIPT}
    assert response.headers["content-type"].startswith("application/")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in response.headers["content-security-policy"]


def test_html_injection() -> None:
    """Registers under a name that is a tag: in mail, the only pages that hold a person's words, it is text."""
    parts = (f"Hello {SCRIPT}", Link(SCRIPT, f'https://x.example/"{SCRIPT}'), Code(SCRIPT))
    page = Letter(SCRIPT, parts).as_html()
    assert "<script" not in page
    assert "<img" not in page


async def test_log_injection(graphql: GraphQL, ada: Person, logged: io.StringIO) -> None:
    """Puts line breaks and colours of the terminal into all that is logged: each line is ours, and is one line."""
    forged = '2026-11-23T00:00:00Z [info] forged "admin"'
    odd = f"x\n{forged}\r\n\x1b[2J\x1b[31mforged\x9b31m\u2028forged"
    for path in (quote(odd), "%0aforged", "%1b[2J%1b[31mforged", "%c2%9b31mforged", "uploads/%0d%0aforged%1b[1m"):
        await graphql.client.get(f"/{path}")
    headers: dict[str, Any] = {
        "x-request-id": "forged%0aforged",
        "user-agent": "forged\x1b[31m",
        "x-forwarded-for": "forged",
    }
    await graphql("query forged { __typename }", token=ada.token, **headers)
    await graphql(LOG_IN, {"input": {"email": f"{odd}@example.com", "password": odd}})
    await graphql(ADD_NOTE, {"input": {"organizationId": odd, "text": odd}}, token=ada.token)
    lines = logged.getvalue().split("\n")
    assert len(lines) > 6
    assert not [line for line in lines if any(ord(character) < 32 or 127 <= ord(character) < 160 for character in line)]
    assert not [line for line in lines if line.startswith(("forged", forged))]
    if lines[0].startswith("{"):
        told = [orjson.loads(line) for line in lines if line]
        ours = {each["event"] for each in told if each["logger"] != "httpx"}  # httpx is the attacker's
        assert "request" in ours
        assert ours <= {"request", "operation"}


async def test_sql_injection(graphql: GraphQL, ada: Person) -> None:
    """Breaks out of a text into SQL, or into the pattern of LIKE: a text it stays, and finds what it says."""
    row = {"provider": "AWS", "accountId": "1", "resourceType": "vm", "resourceId": "i-1", "resourceName": "web"}
    ingest = "mutation ($input: IngestResourcesInput!) { ingestResources(input: $input) { __typename } }"
    values = {"organizationId": ada.organization_id, "rows": [row]}
    await graphql.data(ingest, {"input": values}, token=ada.token)
    count = """query ($slug: String!, $where: ResourceFilter) {
      organization(slug: $slug) { resources(where: $where) { totalCount } } }"""

    async def found(**where: Any) -> int:
        answer = await graphql.data(count, {"slug": ada.slug, "where": where}, token=ada.token)
        number: int = answer["organization"]["resources"]["totalCount"]
        return number

    assert await found(name={"contains": "we"}) == 1
    for odd in (
        "' OR '1'='1",
        "'; DROP TABLE resources; --",
        "%",
        "_",
        "w%b",
        "w_b",
        "\\",
        "$1",
        "' UNION SELECT 1 --",
    ):
        assert await found(name={"contains": odd}) == 0, odd
        assert await found(name={"eq": odd}) == 0, odd
        assert await found(tags=[{"key": odd, "eq": odd}]) == 0, odd
    assert await found(name={"contains": "we"}) == 1


# ---- authorization bypass


async def test_graphql_jwt_token_forge(graphql: GraphQL, ada: Person, runtime: Runtime) -> None:
    """Forges a token for another user's id: unsigned, signed with what is guessed, altered, of another issuer."""
    claims = jwt.decode(ada.token, options={"verify_signature": False})
    key = signing_key(runtime.settings)
    head, body, signature = ada.token.split(".")

    def part(values: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(values).encode()).rstrip(b"=").decode()

    other = {**claims, "sub": "00000000-0000-7000-8000-00000000000a"}
    past = datetime.now(UTC) - timedelta(minutes=1)
    forged = [
        f"{part({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        f"{part({'alg': 'None', 'typ': 'JWT'})}.{body}.{signature}",
        f"{part({'alg': 'HS256', 'kid': '/dev/null'})}.{body}.{signature}",
        f"{part({'alg': 'HS384', 'typ': 'JWT'})}.{body}.{signature}",
        f"{head}.{part(other)}.{signature}",
        f"{head}.{body}.",
        f"{head}.{body}.{signature[:-4]}AAAA",
        *(jwt.encode(claims, guess.ljust(32), ALGORITHM) for guess in ("secret", "dvga", "skyledger", "")),
        jwt.encode({**claims, "exp": past}, key, ALGORITHM),
        jwt.encode({**claims, "iss": "dvga"}, key, ALGORITHM),
        jwt.encode({**claims, "aud": f"{AUDIENCE}:other"}, key, ALGORITHM),
        jwt.encode({name: value for name, value in claims.items() if name != "exp"}, key, ALGORITHM),
        # Signed with the right key, and yet of nobody's session: another user with the session of ada.
        jwt.encode(other, key, ALGORITHM),
    ]
    assert claims["iss"] == ISSUER
    assert (await graphql.data("{ viewer { user { email } } }", token=ada.token))["viewer"]["user"]
    for token in forged:
        answer = await graphql("{ viewer { user { email } } }", token=token)
        assert codes(answer) == {"UNAUTHENTICATED"}, token
        assert "data" not in answer


async def test_graphql_interface_protection_bypass(runtime: Runtime) -> None:
    """Switches GraphiQL and introspection on by cookies and headers of their own: the settings alone decide."""
    settings = Settings.model_validate({**runtime.settings.model_dump(), "graphiql": False, "introspection": "off"})
    app, _ = create_app(replace(runtime, settings=settings))
    tricks: list[dict[str, str]] = [
        {"cookie": "env=graphiql:enable; graphiql=1"},
        {"x-dvga-mode": "Beginner"},
        {"x-forwarded-for": "127.0.0.1", "x-real-ip": "127.0.0.1", "host": "localhost"},
        {"x-original-url": "/graphiql", "x-rewrite-url": "/graphiql", "referer": "http://test/graphiql"},
    ]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        ada = await register(GraphQL(client))
        for trick in tricks:
            for path in ("/graphql", "/graphiql", "/graphql?graphiql=true&raw=false"):
                page = await client.get(path, headers={"accept": BROWSER, **trick})
                assert page.status_code in {400, 404, 406}, (path, trick)
                assert "graphiql" not in page.text.lower()
            for who in ({}, {"authorization": f"Bearer {ada.token}"}):
                body = {"query": "{ __schema { queryType { name } } }"}
                answer = (await client.post("/graphql", json=body, headers={**trick, **who})).json()
                assert codes(answer) <= {"FORBIDDEN", "UNAUTHENTICATED"}
                assert "data" not in answer


async def test_graphql_query_deny_list_bypass(graphql: GraphQL, ada: Person) -> None:
    """Dresses what is refused in names, aliases and fragments: rules look at fields, not at texts."""
    for query in (
        "query getPastes { __schema { queryType { name } } }",
        "query viewer { viewer: __schema { queryType { name } } }",
        "{ ...a } fragment a on Query { ... on Query { ... { x: __schema { queryType { name } } } } }",
        'query ok { __typename } query viewer { x: __type(name: "Query") { name } }',
    ):
        body = {"query": query, "operationName": "viewer" if "query viewer" in query else None}
        answer = (await graphql.client.post("/graphql", json=body)).json()
        assert codes(answer) == {"UNAUTHENTICATED"}, query
        assert "data" not in answer
    for query in (
        "query viewer { viewer: platform { organizations { totalCount } } }",
        "{ ...a } fragment a on Query { ... { x: platform { jobs { totalCount } } } }",
        "query plans { plans: platform @include(if: true) { __typename } }",
    ):
        assert set((await graphql.data(query, token=ada.token)).values()) == {None}


def code_of_log_in(answer: dict[str, Any]) -> str | None:
    result = (answer.get("data") or {}).get("logIn") or {}
    code: str | None = result.get("code")
    return code


async def test_graphql_query_weak_password_protection(graphql: GraphQL, ada: Person) -> None:
    """Guesses passwords, many in one document and from many made-up addresses: throttled after ten, by account."""
    tries = " ".join(
        f'a{n}: logIn(input: {{email: "{ada.email}", password: "guess-{n}"}}) {{ ...e }}' for n in range(15)
    )
    fragment = "fragment e on LogInResult { __typename ... on UserError { code } }"
    answer = await graphql(f"mutation {{ {tries} }} {fragment}")
    results = [(answer["data"] or {}).get(f"a{n}") for n in range(15)]
    guessed = [result for result in results if result and result["code"] == "UNAUTHENTICATED"]
    assert len(guessed) <= 10
    seen = set()
    for number in range(12):
        values = {"email": ada.email, "password": f"guess-{number}"}
        told = await graphql(LOG_IN, {"input": values}, **{"x-forwarded-for": f"192.0.2.{number}"})
        seen |= codes(told) | {code_of_log_in(told)}
    assert "RATE_LIMITED" in seen
    # Also with the right password: otherwise the guesser would learn that this was it.
    right = await graphql(LOG_IN, {"input": {"email": ada.email, "password": PASSWORD}})
    assert "LogInPayload" not in str(right)
    short = {"email": "bo@skyledger.example", "name": "Bo", "password": "changeme"}
    register_ = "mutation ($input: RegisterInput!) { register(input: $input) { __typename } }"
    weak = await graphql(register_, {"input": short})
    assert weak["data"]["register"]["__typename"] == "InvalidInput"


def files_in(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


async def test_arbitrary_file_write_and_path_traversal(graphql: GraphQL, ada: Person, tmp_path: Path) -> None:
    """Uploads under a name that climbs out of the folder, and reads by addresses that do: a name is only a name."""
    mark = "../" * 12 + str(tmp_path / "was-here").lstrip("/")
    sent = b"what was sent"
    before = files_in(tmp_path)
    for name in (mark, str(tmp_path / "was-here"), "..%2f..%2fwas-here", "was-here"):
        values = {"organizationId": ada.organization_id, "fileName": name, "bytes": len(sent)}
        made = (await graphql.data(UPLOAD, {"input": values}, token=ada.token))["createUpload"]
        if made["__typename"] == "CreateUploadPayload":
            headers = {"authorization": f"Bearer {ada.token}", "upload-offset": "0"}
            put = await graphql.client.put(f"/uploads/{made['upload']['id']}", content=sent, headers=headers)
            assert put.status_code == 200
    written = files_in(tmp_path) - before
    assert written
    assert not [path for path in written if "was-here" in path.name]
    assert {path.relative_to(tmp_path).parts[:2] for path in written} == {("data", "uploads")}
    headers = {"authorization": f"Bearer {ada.token}", "upload-offset": "0"}
    for path in ("/uploads/..%2f..%2fsecret-key", "/uploads/%2e%2e/secret-key", "/exports/..%2f..%2fsecret-key",
                 "/graphql/assets/..%2f..%2f..%2fconfig.py", "/graphql/assets/%2e%2e/page.html"):  # fmt: skip
        for method in ("GET", "PUT"):
            response = await graphql.client.request(method, path, content=b"x", headers=headers)
            assert response.status_code in {400, 404, 405}, (method, path, response.text)
