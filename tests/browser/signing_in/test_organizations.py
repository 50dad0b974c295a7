"""An organization's provider in a real browser: there and back, with no token in any address."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.async_api import expect
from sqlalchemy import text

from app.auth.tokens import CHALLENGE_PREFIX, REFRESH_PREFIX
from app.config import Settings
from app.database import Database
from app.organizations.provider_sign_in import CODE_PREFIX
from tests.browser.conftest import Visit
from tests.browser.signing_in.bar import (
    CORPORATE,
    KEPT_SECRETS,
    button,
    early_in_a_step,
    is_signed_in,
    says,
    shoot,
    status,
)
from tests.browser.test_graphiql import assert_quiet
from tests.clients import PASSWORD
from tests.resolvers.own_identity import Somebody
from tests.resolvers.sign_in_room import SignInRoom

# One browser for all tests, and so one loop.
pytestmark = pytest.mark.asyncio(loop_scope="session")


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
