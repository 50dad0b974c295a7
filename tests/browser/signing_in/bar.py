"""What tests do with the sign-in bar, and what it says."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from playwright.async_api import Locator, expect

from app.auth.one_time_codes import STEP_SECONDS
from tests.browser.conftest import Visit
from tests.clients import PASSWORD
from tests.resolvers.own_identity import Somebody

CORPORATE = "ada@corp.example"
KEPT_SECRETS = "JSON.stringify([sessionStorage, localStorage])"


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
