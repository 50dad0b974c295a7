"""GraphiQL in a real browser without a network: page, sign-in, query, subscription, examples, editor workers."""

from __future__ import annotations

import asyncio
import base64
import json
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Request, Route

from tests.browser.conftest import Member, Visit, ask

# One browser for all tests, and so one loop.
pytestmark = pytest.mark.asyncio(loop_scope="session")

INGEST = """
mutation ($input: IngestResourcesInput!) {
  ingestResources(input: $input) { __typename ... on IngestResourcesPayload { added } ... on UserError { message } }
}
"""

NEW_EVENT_SHOWN = """
shown => {
  const models = __MONACO.editor.getModels();
  const text = models.find(model => model.uri.path.endsWith("response.json")).getValue();
  return text.includes("RESOURCES_INGESTED") && !shown.includes(text);
}
"""

# GraphiQL looks at a new text after 100 ms; one step of the page leaves it no such time, however slow the machine is.
PASTE_AND_RUN = """
text => {
  __MONACO.editor.getModels().find(model => model.uri.path.endsWith("operation.graphql")).setValue(text);
  document.querySelector(".graphiql-execute-button").click();
}
"""
OPEN_AND_RUN = """
async title => {
  [...document.querySelectorAll("button.example")].find(example => example.textContent.includes(title)).click();
  await null;  // The page is drawn anew.
  document.querySelector(".graphiql-execute-button").click();
}
"""


async def send_resource(visit: Visit, member: Member, native_id: str) -> None:
    """Make something happen in the member's organization."""
    row = {
        "provider": "AWS",
        "accountId": "123456789012",
        "resourceType": "AWS::EC2::Instance",
        "resourceId": native_id,
        "resourceName": native_id,
    }
    variables = {"input": {"organizationId": member.organization_id, "rows": [row]}}
    data = await ask(visit.base_url, INGEST, variables, member.access_token)
    assert data["ingestResources"] == {"__typename": "IngestResourcesPayload", "added": 1}


async def assert_quiet(visit: Visit) -> None:
    """Nothing went elsewhere, nothing was refused by the policy, nothing was complained about."""
    assert visit.traffic.foreign == []
    assert await visit.page.evaluate("window.policyViolations") == []
    assert visit.traffic.complaints == []


def assert_posts_that_hide_the_token(visit: Visit) -> None:
    """The page came by GET; every operation is a POST for GraphQL JSON, and nothing stands in a query string."""
    page, *operations = [request for request in visit.traffic.requests if urlsplit(request.url).path == "/graphql"]
    assert page.method == "GET"
    assert {request.method for request in operations} == {"POST"}
    accepts = {request.headers["accept"] for request in operations}
    assert accepts == {"application/graphql-response+json, application/json"}
    assert operations[-1].headers["authorization"].startswith("Bearer ")
    assert {urlsplit(request.url).query for request in visit.traffic.requests} == {""}


async def signed_in(visit: Visit, member: Member) -> None:
    await visit.open()
    await visit.sign_in(member.email, member.password)
    await visit.page.get_by_text(f"Signed in as {member.email}").wait_for()


async def test_query_runs_from_the_first_tab(visit: Visit, member: Member) -> None:
    await signed_in(visit, member)
    assert await visit.page.title() == "Skyledger GraphiQL"
    await visit.press_run()
    await visit.wait_for_pane("response.json", member.email)
    answer = json.loads(await visit.pane("response.json"))
    assert "errors" not in answer
    assert answer["data"]["viewer"]["user"]["email"] == member.email
    assert_posts_that_hide_the_token(visit)
    await assert_quiet(visit)


async def test_example_opens_in_a_tab_with_the_caller_s_own_organization(visit: Visit, member: Member) -> None:
    await send_resource(visit, member, "i-0001")
    await signed_in(visit, member)
    await visit.page.get_by_role("button", name="Resources of an organization").dblclick()
    await visit.wait_for_pane("operation.graphql", "query Resources(")
    await visit.wait_for_pane("variables.json", member.organization_slug)
    assert await visit.page.locator(".graphiql-tab").count() == 2
    await visit.press_run()
    await visit.wait_for_pane("response.json", "i-0001")
    answer = json.loads(await visit.pane("response.json"))
    assert answer["data"]["organization"]["resources"]["totalCount"] == 1
    await assert_quiet(visit)


async def test_pasted_operation_runs_at_once(visit: Visit, member: Member) -> None:
    await signed_in(visit, member)
    await visit.page.evaluate(PASTE_AND_RUN, "query Pasted { viewer { user { email } } }")
    await visit.wait_for_pane("response.json", "{")
    answer = json.loads(await visit.pane("response.json"))
    assert answer["data"] == {"viewer": {"user": {"email": member.email}}}
    await assert_quiet(visit)


async def test_example_runs_right_after_it_was_opened(visit: Visit, member: Member) -> None:
    await signed_in(visit, member)
    await visit.page.evaluate(OPEN_AND_RUN, "Follow what happens")
    await visit.wait_for_pane("response.json", "{")
    answer = json.loads(await visit.pane("response.json"))
    assert answer["data"]["activity"]["event"] is None
    await assert_quiet(visit)


async def test_opening_an_example_stops_what_runs_in_the_tab_before(visit: Visit, member: Member) -> None:
    def asks_for_viewer(request: Request) -> bool:
        return "query Viewer" in (request.post_data or "")

    async def never_answer_viewer(route: Route) -> None:
        if not asks_for_viewer(route.request):
            await route.fallback()

    await send_resource(visit, member, "i-0001")
    await signed_in(visit, member)
    await visit.page.route("**/graphql", never_answer_viewer)
    async with visit.page.expect_event("requestfailed", asks_for_viewer):
        async with visit.page.expect_request(asks_for_viewer):
            await visit.press_run()
        await visit.page.get_by_role("button", name="Resources of an organization").click()
    await visit.press_run()
    await visit.wait_for_pane("response.json", "i-0001")
    await assert_quiet(visit)


async def test_subscription_shows_events_as_they_happen(visit: Visit, member: Member) -> None:
    await signed_in(visit, member)
    await visit.page.get_by_role("button", name="Follow what happens").click()
    await visit.wait_for_pane("variables.json", member.organization_id)
    await visit.press_run()
    await visit.wait_for_pane("response.json", '"event": null')  # the first message: the stream is open
    shown: list[str] = []
    for native_id in ("i-0001", "i-0002"):
        await send_resource(visit, member, native_id)
        await visit.page.wait_for_function(NEW_EVENT_SHOWN, arg=shown)
        shown.append(await visit.pane("response.json"))
    cursors = [json.loads(text)["data"]["activity"]["cursor"] for text in shown]
    assert len(set(cursors)) == 2
    address = urlsplit(visit.base_url)
    assert visit.traffic.sockets == [f"ws://{address.netloc}/graphql"]
    first = json.loads(visit.traffic.frames_sent[0])
    assert first["type"] == "connection_init"
    assert first["payload"]["Authorization"].startswith("Bearer ")
    await visit.press_run()
    await asyncio.wait_for(_sent(visit, '"type":"complete"'), timeout=60)
    await assert_quiet(visit)


async def _sent(visit: Visit, text: str) -> None:
    while not any(text in frame for frame in visit.traffic.frames_sent):
        await visit.page.wait_for_timeout(50)


async def test_editor_completes_from_the_schema_in_workers_of_our_origin(visit: Visit, member: Member) -> None:
    async with visit.page.expect_request_finished(lambda request: "__schema" in (request.post_data or "")):
        await signed_in(visit, member)
    await visit.page.locator(".graphiql-query-editor .view-lines").click()
    await visit.page.keyboard.press("Control+A")
    await visit.page.keyboard.type("query Q { view")
    suggestion = visit.page.locator(".suggest-widget .monaco-list-row", has_text="viewer").first
    for _ in range(300):  # The worker takes a moment to read the schema; until then it knows no field.
        await visit.page.keyboard.press("Control+Space")
        await visit.page.wait_for_timeout(200)
        if await suggestion.is_visible():
            break
    assert await suggestion.is_visible()
    addresses = [worker.url for worker in visit.page.workers]
    assert {address.rsplit("/", 1)[1].split("-", 1)[0] for address in addresses} == {"editor", "graphql", "json"}
    assert [address for address in addresses if not address.startswith(f"{visit.base_url}/graphql/assets/")] == []
    await assert_quiet(visit)


async def test_wrong_password_is_said_and_signing_out_forgets_the_token(visit: Visit, member: Member) -> None:
    await visit.open()
    await visit.sign_in(member.email, "a wrong password")
    await visit.page.locator(".session-problem").wait_for()
    assert await visit.page.evaluate("sessionStorage.getItem('skyledger:session')") is None
    await visit.sign_in(member.email, member.password)
    await visit.page.get_by_role("button", name="Sign out").click()
    await visit.page.get_by_role("button", name="Sign in", exact=True).wait_for()
    assert await visit.page.evaluate("sessionStorage.getItem('skyledger:session')") is None
    assert await visit.page.evaluate("JSON.stringify(localStorage)") == '{"graphiql:visiblePlugin":"Examples"}'


async def test_wrong_password_in_the_log_in_example_does_not_end_the_session(visit: Visit, member: Member) -> None:
    await signed_in(visit, member)
    await visit.page.get_by_role("button", name="What the sign-in bar above does").click()
    await visit.wait_for_pane("operation.graphql", "mutation LogIn(")
    await visit.press_run()
    await visit.wait_for_pane("response.json", "The e-mail address or the password is wrong.")
    await visit.page.get_by_role("button", name="Who am I").click()
    await visit.press_run()
    await visit.wait_for_pane("response.json", member.email)
    assert await visit.page.get_by_text(f"Signed in as {member.email}").is_visible()
    await assert_quiet(visit)


async def test_ended_session_is_shown(visit: Visit, member: Member) -> None:
    await visit.open()
    claims = base64.urlsafe_b64encode(json.dumps({"exp": 1}).encode()).decode().rstrip("=")
    kept = json.dumps({"accessToken": f"e30.{claims}.x", "email": member.email})
    await visit.page.evaluate("kept => sessionStorage.setItem('skyledger:session', kept)", kept)
    await visit.page.reload()
    await visit.page.get_by_text("Your session has ended: sign in again.").wait_for()
    assert await visit.page.get_by_label("E-mail").input_value() == member.email
    await assert_quiet(visit)
