"""A headless Chromium that reaches nothing but the server under test, and somebody who may sign in there."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Route,
    WebSocket,
    async_playwright,
)

BROWSER_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # No name can be resolved: a request that the page's routing missed fails as well.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",
)
PATIENCE = 120_000
"""Milliseconds that a busy machine may take for anything."""
# Registered before any script of the page: a violation of the policy is never missed.
NOTE_VIOLATIONS = """
window.policyViolations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.policyViolations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who owns an organization on the server under test."""

    email: str
    password: str
    access_token: str
    organization_id: str
    organization_slug: str


@dataclass(slots=True)
class Traffic:
    """What the browser asked for and complained about."""

    requests: list[Request] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    sockets: list[str] = field(default_factory=list)
    frames_sent: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Visit:
    """A browser tab on the server under test."""

    page: Page
    traffic: Traffic
    base_url: str

    async def open(self) -> None:
        """Load GraphiQL and wait until its editors are there."""
        await self.page.goto(f"{self.base_url}/graphql")
        await self.page.wait_for_selector(".graphiql-query-editor .monaco-editor .view-line")

    async def sign_in(self, email: str, password: str) -> None:
        """Fill in the sign-in bar and send it."""
        await self.page.get_by_label("E-mail").fill(email)
        await self.page.get_by_label("Password").fill(password)
        await self.page.get_by_role("button", name="Sign in", exact=True).click()

    async def press_run(self) -> None:
        """Run the operation of the open tab, or stop it where it runs."""
        await self.page.locator(".graphiql-execute-button").click()

    async def pane(self, name: str) -> str:
        """Text of an editor: operation.graphql, variables.json, request-headers.json or response.json."""
        script = "name => __MONACO.editor.getModels().find(model => model.uri.path.endsWith(name)).getValue()"
        return str(await self.page.evaluate(script, name))

    async def wait_for_pane(self, name: str, text: str) -> None:
        """Wait until the text stands in an editor."""
        script = (
            "([name, text]) => __MONACO.editor.getModels()"
            ".find(model => model.uri.path.endsWith(name)).getValue().includes(text)"
        )
        await self.page.wait_for_function(script, arg=[name, text])


@pytest.fixture
def base_url(live_server: str) -> str:
    """Address of the running server, without a slash at the end."""
    return live_server.rstrip("/")


@pytest.fixture
def neighbours() -> tuple[str, ...]:
    """Addresses beside the server that a tab may reach."""
    return ()


@pytest.fixture(scope="session")
def browser_path() -> str:
    """Path of the installed browser; without one the tests are skipped."""
    for name in BROWSER_NAMES:
        path = shutil.which(name)
        if path is not None:
            return path
    pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(browser_path: str) -> AsyncIterator[Browser]:
    """A browser for all tests."""
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=browser_path, args=list(ARGUMENTS))
        yield found
        await found.close()


@pytest_asyncio.fixture(loop_scope="session")
async def visit(base_url: str, neighbours: tuple[str, ...], browser: Browser) -> AsyncIterator[Visit]:
    """A tab of 1280 by 800 pixels in a profile of its own; whatever leaves the server is blocked and written down."""
    traffic = Traffic()
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE)
    await context.add_init_script(NOTE_VIOLATIONS)
    await _watch(context, traffic, (base_url, *neighbours))
    yield Visit(page=await context.new_page(), traffic=traffic, base_url=base_url)
    await context.close()


async def _watch(context: BrowserContext, traffic: Traffic, allowed: tuple[str, ...]) -> None:
    async def only_ours(route: Route) -> None:
        if route.request.url.startswith(tuple(f"{url}/" for url in allowed)):
            await route.continue_()
        else:
            traffic.foreign.append(route.request.url)
            await route.abort()

    def note_request(request: Request) -> None:
        traffic.requests.append(request)

    def note_socket(socket: WebSocket) -> None:
        traffic.sockets.append(socket.url)
        socket.on("framesent", lambda frame: traffic.frames_sent.append(str(frame)))

    def note_message(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            traffic.complaints.append(f"{message.type}: {message.text}")

    def note_page(page: Page) -> None:
        page.on("websocket", note_socket)
        page.on("pageerror", lambda error: traffic.complaints.append(f"error: {error}"))

    await context.route("**/*", only_ours)
    context.on("request", note_request)
    context.on("page", note_page)
    context.on("console", note_message)


async def ask(
    base_url: str, query: str, variables: dict[str, Any] | None = None, token: str | None = None
) -> dict[str, Any]:
    """Run one operation against the server under test and return its data."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(timeout=60) as client:
        response = await client.post(
            f"{base_url}/graphql", json={"query": query, "variables": variables or {}}, headers=headers
        )
    answer = response.json()
    assert "errors" not in answer, answer
    data = answer["data"]
    assert isinstance(data, dict)
    return data


@pytest_asyncio.fixture(loop_scope="session")
async def member(base_url: str) -> Member:
    """A person with an organization, made through the graph itself."""
    email, password = f"ada-{uuid4().hex[:8]}@example.com", "correct horse battery staple"
    registered = await ask(
        base_url,
        """
        mutation ($input: RegisterInput!) {
          register(input: $input) { __typename ... on RegisterPayload { accessToken } ... on UserError { message } }
        }
        """,
        {"input": {"email": email, "password": password, "name": "Ada"}},
    )
    token = registered["register"]["accessToken"]
    created = await ask(
        base_url,
        """
        mutation ($input: CreateOrganizationInput!) {
          createOrganization(input: $input) {
            __typename ... on CreateOrganizationPayload { organization { id slug } } ... on UserError { message }
          }
        }
        """,
        {"input": {"name": "Analytical Engines", "slug": f"engines-{uuid4().hex[:8]}"}},
        token,
    )
    organization = created["createOrganization"]["organization"]
    return Member(email, password, token, organization["id"], organization["slug"])
