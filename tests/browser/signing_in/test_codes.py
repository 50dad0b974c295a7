"""The second step by a code of an authenticator or a recovery code, in a real browser."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from app.auth.tokens import CHALLENGE_PREFIX
from tests.browser.conftest import Visit
from tests.browser.signing_in.bar import (
    KEPT_SECRETS,
    button,
    comes_to_second_step,
    early_in_a_step,
    is_signed_in,
    says,
    shoot,
    status,
)
from tests.browser.test_graphiql import PASTE_AND_RUN, assert_quiet
from tests.clients import PASSWORD
from tests.resolvers.own_identity import Somebody, another

# One browser for all tests, and so one loop.
pytestmark = pytest.mark.asyncio(loop_scope="session")


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


async def test_a_session_that_ends_takes_nobody_from_the_editor(visit: Visit, ada: Somebody) -> None:
    """Who types an operation would go on in the field of the password."""
    await visit.open()
    await visit.sign_in(ada.person.email, PASSWORD)
    await is_signed_in(visit, ada.person.email)
    await visit.page.locator(".graphiql-query-editor .view-lines").click()
    await ada("revokeOtherSessions")
    await visit.page.keyboard.press("Control+Enter")
    await says(visit, "Your session has ended: sign in again.")
    editor = visit.page.locator(".graphiql-query-editor")
    assert await editor.evaluate("editor => editor.contains(document.activeElement)")
