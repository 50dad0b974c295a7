"""Passkeys in a real browser, which has a device of its own for them: they are added, and complete a sign-in."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from playwright.async_api import CDPSession, Page, expect

from app.config import Settings
from tests.browser.conftest import Visit
from tests.browser.signing_in.bar import button, comes_to_second_step, early_in_a_step, is_signed_in, says, shoot
from tests.browser.test_graphiql import assert_quiet
from tests.clients import PASSWORD
from tests.resolvers.own_identity import Somebody

# One browser for all tests, and so one loop.
pytestmark = pytest.mark.asyncio(loop_scope="session")

PASSKEYS = "{ viewer { passkeys { name } } }"
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


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
