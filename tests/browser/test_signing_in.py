"""The sign-in bar of GraphiQL in a real browser: codes, recovery codes, passkeys, and an organization's provider.

The page is at `localhost`, since passkeys belong to a domain and an address is none.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import CDPSession, Locator, Page, expect
from sqlalchemy import text

from app.auth.one_time_codes import STEP_SECONDS
from app.auth.tokens import CHALLENGE_PREFIX, REFRESH_PREFIX
from app.config import Settings
from app.database import Database
from app.embedded import EngineUrls
from app.organizations.provider_sign_in import CODE_PREFIX
from tests.browser.conftest import PATIENCE, Visit
from tests.browser.test_graphiql import PASTE_AND_RUN, assert_quiet
from tests.clients import PASSWORD, GraphQL, serving
from tests.openid_provider import OpenIdProvider, openid_provider
from tests.resolvers.company import company
from tests.resolvers.own_identity import Somebody, another, somebody
from tests.resolvers.sign_in_room import SignInRoom

# One browser for all tests, and so one loop.
pytestmark = pytest.mark.asyncio(loop_scope="session")

CORPORATE = "ada@corp.example"
KEPT_SECRETS = "JSON.stringify([sessionStorage, localStorage])"
PASSKEYS = "{ viewer { passkeys { name } } }"
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
expect.set_options(timeout=PATIENCE)


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with openid_provider() as found:
        yield found


@pytest.fixture
def neighbours(provider: OpenIdProvider) -> tuple[str, ...]:
    return (provider.issuer,)


@pytest.fixture
def settings(settings: Settings, provider: OpenIdProvider) -> Settings:
    """The passkeys of a development server belong to `localhost` and the port of its settings."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return settings.model_copy(update={"port": port, "single_sign_on_hosts": (provider.host,)})


@pytest.fixture
def base_url(settings: Settings, engine_urls: EngineUrls) -> Iterator[str]:
    assert settings.database_url is not None
    urls = EngineUrls(settings.database_url, engine_urls.redis_url)
    with serving(settings, urls, settings.port):
        yield f"http://localhost:{settings.port}"


@pytest_asyncio.fixture(loop_scope="session")
async def graph(base_url: str) -> AsyncIterator[GraphQL]:
    async with httpx.AsyncClient(base_url=base_url, timeout=60) as client:
        yield GraphQL(client)


@pytest_asyncio.fixture(loop_scope="session")
async def ada(graph: GraphQL) -> Somebody:
    return await somebody(graph)


@pytest_asyncio.fixture(loop_scope="session")
async def room(graph: GraphQL, provider: OpenIdProvider) -> SignInRoom:
    """A company whose people sign in at a provider, where Ada is signed in."""
    made = SignInRoom(graph, await company(graph), provider)
    await made.configure()
    await made.verify()
    made.is_signed_in_there(CORPORATE)
    return made


@dataclass
class Device:
    """What the browser uses passkeys of: Chromium's own virtual authenticator."""

    cdp: CDPSession
    id: str

    async def verifies(self, *, user: bool) -> None:
        """Whether the person's finger is right from now on."""
        await self.cdp.send("WebAuthn.setUserVerified", {"authenticatorId": self.id, "isUserVerified": user})


async def device_of(page: Page) -> Device:
    cdp = await page.context.new_cdp_session(page)
    await cdp.send("WebAuthn.enable")
    made = await cdp.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    return Device(cdp, made["authenticatorId"])


async def early_in_a_step() -> None:
    """Codes of the step before are still good when a test ends: none begins in the last third of a step."""
    into = time.time() % STEP_SECONDS
    if into > STEP_SECONDS * 2 / 3:
        await asyncio.sleep(STEP_SECONDS - into)


def button(visit: Visit, name: str) -> Locator:
    return visit.page.get_by_role("button", name=name, exact=True)


def status(visit: Visit) -> Locator:
    """What the bar says; a live region that is one element from the first step to the last."""
    return visit.page.locator("#session [role=status]")


async def says(visit: Visit, text: str) -> None:
    await expect(status(visit)).to_contain_text(text)


async def shoot(visit: Visit, name: str) -> None:
    """Keep a picture of the page for whoever wants to look at it: SKYLEDGER_PICTURES names a folder."""
    folder = os.environ.get("SKYLEDGER_PICTURES")
    if folder:
        await visit.page.screenshot(path=Path(folder) / f"{name}.png")


async def is_signed_in(visit: Visit, email: str) -> None:
    """The bar says so, the keyboard is there, the graph agrees, and no secret is kept that should not be."""
    await says(visit, f"Signed in as {email}")
    await expect(status(visit)).to_be_focused()
    await visit.page.get_by_role("button", name="Who am I").click()
    await visit.press_run()
    await visit.wait_for_pane("response.json", email)
    kept = str(await visit.page.evaluate(KEPT_SECRETS))
    assert "accessToken" in kept
    assert "refreshToken" not in kept
    assert PASSWORD not in kept


async def comes_to_second_step(visit: Visit, ada: Somebody) -> None:
    await visit.sign_in(ada.person.email, PASSWORD)
    await says(visit, "Second step: ")


async def adds_passkey(visit: Visit, name: str = "laptop", password: str = PASSWORD) -> None:
    dialog = visit.page.get_by_role("dialog", name="Add a passkey")
    await dialog.get_by_label("Name of the passkey").fill(name)
    await dialog.get_by_label("Your password").fill(password)
    await dialog.get_by_role("button", name="Add the passkey").click()


async def has_passkey(visit: Visit, ada: Somebody) -> Device:
    """Signs in, adds a passkey of a new device, and signs out."""
    device = await device_of(visit.page)
    await visit.open()
    await visit.sign_in(ada.person.email, PASSWORD)
    await button(visit, "Add a passkey").click()
    await adds_passkey(visit)
    await visit.page.get_by_role("button", name=re.compile("I have kept the codes|Done")).click()
    await button(visit, "Sign out").click()
    await expect(button(visit, "Sign in")).to_be_visible()
    return device


# ---- codes


async def test_a_code_completes_the_sign_in_by_keyboard_alone(visit: Visit, ada: Somebody) -> None:
    await early_in_a_step()
    await ada.enroll()
    await visit.open()
    await visit.page.get_by_label("E-mail").focus()
    await visit.page.keyboard.type(ada.person.email)
    await visit.page.keyboard.press("Tab")
    await visit.page.keyboard.type(PASSWORD)
    await visit.page.keyboard.press("Enter")
    field = visit.page.get_by_label("Code of your authenticator")
    await expect(field).to_be_focused()
    assert await field.get_attribute("autocomplete") == "one-time-code"
    assert await field.get_attribute("inputmode") == "numeric"
    await expect(button(visit, "Use a passkey")).to_have_count(0)
    await shoot(visit, "second-step-code")
    code = ada.code()
    await visit.page.keyboard.type(f"{code[:3]} {code[3:]}")
    await visit.page.keyboard.press("Enter")
    await is_signed_in(visit, ada.person.email)
    await shoot(visit, "signed-in")
    await assert_quiet(visit)


async def test_a_wrong_code_is_said_at_its_field_and_five_begin_anew(visit: Visit, ada: Somebody) -> None:
    await early_in_a_step()
    await ada.enroll()
    wrong = another(ada.code())
    await visit.open()
    await comes_to_second_step(visit, ada)
    element = await status(visit).element_handle()
    field = visit.page.get_by_label("Code of your authenticator")
    for left in ("4 tries are left", "3 tries are left", "2 tries are left", "One try is left"):
        await field.fill(wrong)
        await field.press("Enter")
        await says(visit, f"The code is wrong, or was used before: take the next one. {left}")
        await expect(field).to_be_focused()
        assert await field.get_attribute("aria-invalid") == "true"
        assert await field.get_attribute("aria-describedby") == "session-status"
    await shoot(visit, "wrong-code")
    await field.fill(wrong)
    await field.press("Enter")
    await says(visit, "That was the last of 5 tries: sign in again.")
    await expect(visit.page.get_by_label("Password")).to_be_focused()
    assert await visit.page.get_by_label("E-mail").input_value() == ada.person.email
    assert await visit.page.evaluate("element => element.isConnected", element), "one live region for all steps"
    await assert_quiet(visit)


async def test_a_recovery_code_completes_the_sign_in_once(visit: Visit, ada: Somebody) -> None:
    await early_in_a_step()
    codes = await ada.enroll()
    await visit.open()
    used = "The recovery code is wrong, or was used before. 4 tries are left."
    for said in (f"Signed in as {ada.person.email}", used):
        await comes_to_second_step(visit, ada)
        await button(visit, "Use a recovery code").click()
        field = visit.page.get_by_label("Recovery code", exact=True)
        await expect(field).to_be_focused()
        await field.fill(codes[0])
        await shoot(visit, "recovery-code")
        await field.press("Enter")
        await says(visit, said)
        if said != used:
            await button(visit, "Sign out").click()
    await button(visit, "Use a code").click()
    await visit.page.get_by_label("Code of your authenticator").fill(ada.code())
    await button(visit, "Continue").click()
    await is_signed_in(visit, ada.person.email)
    await assert_quiet(visit)


async def test_a_second_step_that_takes_too_long_begins_anew(visit: Visit, ada: Somebody) -> None:
    await early_in_a_step()
    await ada.enroll()
    await visit.open()
    await visit.page.clock.install()
    await comes_to_second_step(visit, ada)
    await visit.page.clock.fast_forward("04:58")
    await says(visit, "Second step")
    await visit.page.clock.fast_forward("00:03")
    await says(visit, "The second step took more than five minutes: sign in again.")
    await expect(visit.page.get_by_label("Password")).to_be_focused()
    await assert_quiet(visit)


async def test_the_second_step_can_be_left(visit: Visit, ada: Somebody) -> None:
    await early_in_a_step()
    await ada.enroll()
    await visit.open()
    await comes_to_second_step(visit, ada)
    await button(visit, "Start over").click()
    await expect(visit.page.get_by_label("Password")).to_be_focused()
    assert CHALLENGE_PREFIX not in str(await visit.page.evaluate(KEPT_SECRETS))
    await assert_quiet(visit)


async def test_a_wrong_code_in_the_editor_does_not_end_the_session(visit: Visit, ada: Somebody) -> None:
    await visit.open()
    await visit.sign_in(ada.person.email, PASSWORD)
    await says(visit, f"Signed in as {ada.person.email}")
    challenge = CHALLENGE_PREFIX + "x" * 43
    asked = f'mutation Wrong {{ completeLogIn(input: {{challenge: "{challenge}", code: "123456"}}) {{ __typename }} }}'
    await visit.page.evaluate(PASTE_AND_RUN, asked)
    await visit.wait_for_pane("response.json", "UNAUTHENTICATED")
    await is_signed_in(visit, ada.person.email)
    await assert_quiet(visit)


# ---- passkeys


async def test_a_passkey_is_added_and_signs_in(visit: Visit, ada: Somebody) -> None:
    await device_of(visit.page)
    await visit.open()
    await visit.sign_in(ada.person.email, PASSWORD)
    await button(visit, "Add a passkey").click()
    dialog = visit.page.get_by_role("dialog", name="Add a passkey")
    await expect(dialog.get_by_label("Name of the passkey")).to_be_focused()
    await adds_passkey(visit, password="a wrong password")
    await expect(dialog.get_by_role("status")).to_have_text("The password is wrong.")
    await shoot(visit, "passkey-dialog")
    await adds_passkey(visit)
    await expect(dialog.get_by_role("status")).to_have_text("“laptop” was added.")
    await expect(button(visit, "I have kept the codes")).to_be_focused()
    codes = await dialog.get_by_role("listitem").all_text_contents()
    assert len(set(codes)) == 10
    await shoot(visit, "passkey-recovery-codes")
    await visit.page.keyboard.press("Escape")
    await expect(dialog).to_be_visible()
    await visit.page.keyboard.press("Enter")
    await expect(dialog).to_have_count(0)
    await expect(button(visit, "Add a passkey")).to_be_focused()
    known = (await ada.graphql.data(PASSKEYS, token=ada.person.token))["viewer"]["passkeys"]
    assert known == [{"name": "laptop"}]
    await button(visit, "Sign out").click()

    await comes_to_second_step(visit, ada)
    await expect(button(visit, "Use a passkey")).to_be_focused()
    await expect(button(visit, "Use a code")).to_have_count(0)
    await shoot(visit, "second-step-passkey")
    await visit.page.keyboard.press("Enter")
    await is_signed_in(visit, ada.person.email)
    await button(visit, "Sign out").click()

    await comes_to_second_step(visit, ada)
    await button(visit, "Use a recovery code").click()
    await visit.page.get_by_label("Recovery code", exact=True).fill(codes[3].upper())
    await button(visit, "Continue").click()
    await is_signed_in(visit, ada.person.email)
    await assert_quiet(visit)


async def test_a_cancelled_prompt_is_said_and_leaves_every_way_open(visit: Visit, ada: Somebody) -> None:
    device = await has_passkey(visit, ada)
    await early_in_a_step()
    await ada.enroll()
    await comes_to_second_step(visit, ada)
    await expect(visit.page.get_by_label("Code of your authenticator")).to_be_focused()
    await says(visit, "Second step: a passkey, a code, or a recovery code.")
    await shoot(visit, "second-step-all")
    await device.verifies(user=False)
    await button(visit, "Use a passkey").click()
    await says(visit, "The passkey prompt was closed, or took too long.")
    await expect(button(visit, "Use a passkey")).to_be_focused()
    assert await visit.page.get_by_label("Code of your authenticator").get_attribute("aria-invalid") == "false"
    await shoot(visit, "passkey-cancelled")
    await device.verifies(user=True)
    await button(visit, "Use a passkey").click()
    await is_signed_in(visit, ada.person.email)
    await assert_quiet(visit)


async def test_a_cancelled_registration_and_a_device_that_has_a_passkey_already(visit: Visit, ada: Somebody) -> None:
    device = await has_passkey(visit, ada)
    await comes_to_second_step(visit, ada)
    await button(visit, "Use a passkey").click()
    await button(visit, "Add a passkey").click()
    said = visit.page.get_by_role("dialog", name="Add a passkey").get_by_role("status")
    await adds_passkey(visit, "again")
    await expect(said).to_have_text("This device has a passkey of your account already.")
    await device.cdp.send("WebAuthn.clearCredentials", {"authenticatorId": device.id})
    await device.verifies(user=False)
    await adds_passkey(visit, "again")
    await expect(said).to_contain_text("The passkey prompt was closed")
    await visit.page.keyboard.press("Escape")
    await expect(visit.page.get_by_role("dialog")).to_have_count(0)
    known = (await ada.graphql.data(PASSKEYS, token=ada.person.token))["viewer"]["passkeys"]
    assert known == [{"name": "laptop"}]
    await assert_quiet(visit)


async def test_a_page_at_another_address_says_where_its_passkeys_work(
    visit: Visit, ada: Somebody, settings: Settings
) -> None:
    await has_passkey(visit, ada)
    elsewhere = f"http://127.0.0.1:{settings.port}"
    await visit.page.context.route(f"{elsewhere}/**", lambda route: route.continue_())
    await visit.page.goto(f"{elsewhere}/graphql")
    await comes_to_second_step(visit, ada)
    await button(visit, "Use a passkey").click()
    await says(visit, "Passkeys belong to localhost here, and this page is at 127.0.0.1: open it there, or use a code.")
    await assert_quiet(visit)


# ---- an organization's provider


async def chooses_organization(visit: Visit, named: str) -> None:
    await button(visit, "Sign in with your organization").click()
    field = visit.page.get_by_label("Organization's slug, or your e-mail address")
    await expect(field).to_be_focused()
    await field.fill(named)
    await shoot(visit, "organization")
    await field.press("Enter")


def assert_no_token_in_a_url(visit: Visit) -> None:
    """What comes back is good once and for this tab alone; tokens are in no address, nor is what proves the tab."""
    secrets = re.compile(f"eyJ|{CODE_PREFIX}|{REFRESH_PREFIX}|{CHALLENGE_PREFIX}")
    assert [request.url for request in visit.traffic.requests if secrets.search(request.url.partition("#")[0])] == []
    assert visit.page.url == f"{visit.base_url}/graphql", "the code is gone from the address bar"


@pytest.mark.parametrize("by", ["slug", "email"])
async def test_an_organizations_provider_signs_in(visit: Visit, room: SignInRoom, by: str) -> None:
    await visit.open()
    await chooses_organization(visit, room.made.slug if by == "slug" else CORPORATE)
    await says(visit, f"Signed in as {CORPORATE}")
    await expect(status(visit)).to_be_focused()
    assert_no_token_in_a_url(visit)
    asked = room.provider.asked[0]
    assert asked["code_challenge_method"] == "S256"
    await visit.wait_for_pane("operation.graphql", "query Viewer")
    await visit.press_run()
    await visit.wait_for_pane("response.json", CORPORATE)
    kept = str(await visit.page.evaluate(KEPT_SECRETS))
    assert "skyledger:single-sign-on" not in kept
    assert await visit.page.context.cookies() == []
    await visit.page.go_back()
    assert CODE_PREFIX not in visit.page.url
    await assert_quiet(visit)


async def test_a_member_who_must_is_led_from_the_password_to_the_provider_and_the_second_step(
    visit: Visit, room: SignInRoom, settings: Settings
) -> None:
    """Whoever has a second factor here is asked for it behind their provider too."""
    await early_in_a_step()
    member = Somebody(room.graphql, room.made.people["MEMBER"])
    codes = await member.enroll()
    await address_is_verified(settings, member.person.email)
    await room.configure(domains=["skyledger.example"], required=True)
    await room.verify("skyledger.example")
    room.is_signed_in_there(member.person.email)
    await visit.open()
    await visit.sign_in(member.person.email, PASSWORD)
    field = visit.page.get_by_label("Organization's slug, or your e-mail address")
    await expect(field).to_be_focused()
    assert await field.input_value() == member.person.email
    await says(visit, "Your organization has you sign in at its own provider: continue there.")
    await shoot(visit, "single-sign-on-required")
    await visit.page.keyboard.press("Enter")
    await says(visit, "Second step")
    assert_no_token_in_a_url(visit)
    await button(visit, "Use a recovery code").click()
    await visit.page.get_by_label("Recovery code", exact=True).fill(codes[0])
    await button(visit, "Continue").click()
    await is_signed_in(visit, member.person.email)
    await assert_quiet(visit)


async def address_is_verified(settings: Settings, email: str) -> None:
    """As if the person had followed the mail; else their first sign-in by the provider would take all they had."""
    assert settings.database_url is not None
    owner = Database.connect(settings.database_url, role=None)
    async with owner.engine.begin() as connection:
        await connection.execute(
            text("UPDATE users SET email_verified_at = now() WHERE email = :email"), {"email": email}
        )
    await owner.close()


async def test_what_goes_wrong_at_the_provider_is_said(visit: Visit, room: SignInRoom) -> None:
    await visit.open()
    await chooses_organization(visit, "unknown-company")
    field = visit.page.get_by_label("Organization's slug, or your e-mail address")
    await says(visit, "There is no single sign-on for this.")
    await expect(field).to_be_focused()
    assert await field.input_value() == "unknown-company"
    await shoot(visit, "organization-unknown")
    room.provider.refusal = "access_denied"
    await field.fill(room.made.slug)
    await field.press("Enter")
    await says(visit, "The provider did not sign you in (access_denied).")
    assert_no_token_in_a_url(visit)
    room.provider.refusal = ""
    room.provider.change = {"email_verified": None}
    await field.fill(room.made.slug)
    await field.press("Enter")
    await says(visit, "You were not signed in.")
    room.provider.change = {}
    await button(visit, "Continue").click()
    await says(visit, f"Signed in as {CORPORATE}")
    await assert_quiet(visit)


async def code_of_a_stranger(visit: Visit, room: SignInRoom) -> str:
    """A code that a sign-in in another browser came to."""
    browser = room.browser()
    browser.client.base_url = httpx.URL(visit.base_url)
    return await browser.code(CORPORATE)


async def test_a_link_from_elsewhere_neither_signs_in_nor_speaks(visit: Visit, room: SignInRoom) -> None:
    """A code that this tab did not ask for, and a message that is not of a sign-in of its own."""
    code = await code_of_a_stranger(visit, room)
    assert code.startswith(CODE_PREFIX)
    for fragment in (f"code={code}", "error=UNAUTHENTICATED&message=Call+this+number"):
        await visit.page.goto("about:blank")
        await visit.page.goto(f"{visit.base_url}/graphql#{fragment}")
        await visit.page.wait_for_selector(".graphiql-query-editor .monaco-editor .view-line")
        await says(visit, "Sign in to load the schema.")
        assert visit.page.url == f"{visit.base_url}/graphql"
    posted = [request.post_data or "" for request in visit.traffic.requests]
    assert not any("completeSingleSignOn(" in each for each in posted)
    await assert_quiet(visit)
    assert (await room.complete(code))["data"]["completeSingleSignOn"]["accessToken"], "and nobody used it"


async def test_a_code_of_somebody_else_is_refused_where_a_sign_in_is_under_way(visit: Visit, room: SignInRoom) -> None:
    """The tab waits for its own code; whoever has it open another one gets nobody signed in."""
    departure = '{"verifier":"%s","organization":"x"}' % ("v" * 43)
    code = await code_of_a_stranger(visit, room)
    await visit.open()
    await visit.page.evaluate("kept => sessionStorage.setItem('skyledger:single-sign-on', kept)", departure)
    await visit.page.goto("about:blank")
    await visit.page.goto(f"{visit.base_url}/graphql#code={code}")
    await says(visit, "another page began this sign-in")
    assert "accessToken" not in str(await visit.page.evaluate(KEPT_SECRETS))
