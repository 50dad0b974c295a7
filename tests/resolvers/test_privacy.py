"""Taking along what is kept about oneself, and having it erased: from the mutations to the last row."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.activity.verify_audit import all_organizations, verify
from app.config import Settings
from app.context import Runtime
from app.costs.exports.files import ExportTools
from app.database import Database
from app.embedded import EngineUrls
from app.organizations.change import PURGE_JOB
from app.outgoing import OutgoingGuard
from app.privacy.archive import ARCHIVE_JOB, make_archive, purge_archives
from app.privacy.erasing import erase_due_accounts
from app.records.personal_data import PLACES
from app.repositories.jobs import JOBS
from app.resolvers.webhook_documents import DocumentRunner
from app.schema.node import global_id, parse_id
from app.webhooks.tools import WebhookTools
from app.workers.jobs import purge_organization
from tests.auth.people import everything_stored
from tests.clients import PASSWORD, GraphQL, register
from tests.notifications.post import Post, post_office
from tests.recommendations.rows import recommend
from tests.resolvers.company import ACCEPT as ACCEPT_INVITATION
from tests.resolvers.company import Company, code_of, create_key, invite
from tests.resolvers.own_identity import PAYLOADS, Somebody, another, somebody
from tests.webhooks.office import Office
from tests.webhooks.receiver import Answering, receiving
from tests.workers.probes import run_every

PAYLOADS |= {
    "eraseMyAccount": "erasure { requestedAt dueAt } endedSessions revokedApiKeys keptApiKeys",
    "keepMyAccount": "kept",
    "exportMyData": "export { state url }",
}
ARCHIVES = "{ viewer { personalExports { id state bytes url } erasure { requestedAt dueAt } } }"
NAME = "Zebedee"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Receivers of webhooks stand on loopback."""
    return settings.model_copy(update={"outgoing_networks": ("127.0.0.0/8",)})


@pytest.fixture
async def post(runtime: Runtime, engine_urls: EngineUrls) -> AsyncIterator[Post]:
    async with post_office(runtime.database, runtime.settings, engine_urls.redis_url) as office:
        yield office


@pytest.fixture
async def zebedee(graphql: GraphQL, post: Post) -> Somebody:
    """Somebody with an address that is known to be theirs."""
    made = await somebody(graphql, NAME)
    await made("verifyEmail", caller="", token=await post.token(made.person.email))
    return made


async def house(graphql: GraphQL, zebedee: Somebody, role: str = "ADMIN") -> Company:
    """An organization of Olga's that Zebedee belongs to, and has left traces in."""
    olga = await register(graphql, "Olga")
    made = Company(olga.organization_id, olga.slug, {"OWNER": olga}, {}, olga)
    _, token = await invite(graphql, made, zebedee.person.email, role)
    await graphql.data(ACCEPT_INVITATION, {"input": {"token": token}}, token=zebedee.person.token)
    note = "mutation ($input: AddNoteInput!) { addNote(input: $input) { __typename ... on UserError { message } } }"
    values = {"organizationId": olga.organization_id, "text": f"{NAME} <{zebedee.person.email}> was here."}
    answer = await graphql.data(note, {"input": values}, token=zebedee.person.token)
    assert answer["addNote"]["__typename"] == "AddNotePayload", answer
    made.people[role] = zebedee.person
    return made


async def work(runtime: Runtime, kind: str, handler: Any) -> None:
    """Run every job of a kind."""
    async with runtime.database.system() as session:
        await session.execute(JOBS.update().where(JOBS.c.kind == kind).values(wake_at=text("now()")))
    await run_every(runtime.database, str(runtime.settings.redis_url), kind, handler)


async def archived(runtime: Runtime, who: Somebody) -> dict[str, Any]:
    """The newest archive, after the worker has made it."""
    tools = ExportTools(runtime.personal_exports, timedelta(days=7))
    await work(runtime, ARCHIVE_JOB, lambda job: make_archive(job, tools))
    viewer = (await who.graphql.data(ARCHIVES, token=who.person.token))["viewer"]
    archive: dict[str, Any] = viewer["personalExports"][0]
    return archive


async def make_due(owner: Database) -> None:
    """Have the days of grace be over."""
    async with owner.engine.begin() as connection:
        await connection.execute(text("UPDATE account_erasures SET due_at = now()"))


async def test_an_archive_has_all_that_is_kept(graphql: GraphQL, runtime: Runtime, zebedee: Somebody) -> None:
    await house(graphql, zebedee)
    asked = await zebedee("exportMyData")
    assert asked["export"] == {"state": "QUEUED", "url": None}
    again = await zebedee("exportMyData")
    assert (again["code"], "is being made" in again["message"]) == ("CONFLICT", True)
    archive = await archived(runtime, zebedee)
    assert archive["state"] == "SUCCEEDED"
    response = await graphql.client.get(archive["url"])
    assert (response.status_code, response.headers["content-type"]) == (200, "application/zip")
    assert len(response.content) == archive["bytes"]
    with zipfile.ZipFile(io.BytesIO(response.content)) as opened:
        assert opened.testzip() is None
        files = {name: opened.read(name).decode() for name in opened.namelist()}
    rows = {name: json.loads(content) for name, content in files.items() if name.endswith(".json")}
    (user,) = rows["users.json"]
    assert (user["email"], user["name"], "password_hash" in user) == (zebedee.person.email, NAME, False)
    assert len(rows["memberships.json"]) == 2
    assert {row["kind"] for row in rows["activity_events.json"]} >= {
        "ORGANIZATION_CREATED",
        "MEMBER_JOINED",
        "NOTE_ADDED",
    }
    assert {row["act"] for row in rows["audit_events.json"]} >= {"addNote", "acceptInvitation"}
    assert zebedee.person.email in files["audit_events.json"]
    assert [row["email"] for row in rows["invitations-by-email.json"]] == [zebedee.person.email]
    assert len(rows["sessions.json"]) == 1
    assert "Left out, with the reason" in files["README.txt"]
    assert len(rows) == sum(place.left_out is None for place in PLACES)
    everything = "".join(files.values())
    assert "olga" not in everything.lower().replace("olga olga", ""), "nothing of others"


async def test_an_archive_is_for_the_person_alone(graphql: GraphQL, runtime: Runtime, zebedee: Somebody) -> None:
    made = await house(graphql, zebedee)
    await zebedee("exportMyData")
    archive = await archived(runtime, zebedee)
    viewer = (await graphql.data(ARCHIVES, token=made.token("OWNER")))["viewer"]
    assert viewer["personalExports"] == []
    assert (await graphql.client.get(archive["url"].partition("?")[0])).status_code == 404
    _, key = await create_key(graphql, made, "ORGANIZATION_READ")
    document = "mutation { exportMyData(input: {}) { __typename } }"
    assert code_of(await graphql(document, api_key=key)) == "FORBIDDEN"
    assert await purge_archives(runtime.database, runtime.personal_exports, grace=timedelta(0)) == 0
    assert (await graphql.client.get(archive["url"])).status_code == 200
    async with runtime.database.system() as session:
        await session.execute(text("UPDATE personal_exports SET expires_at = now()"))
    assert (await graphql.client.get(archive["url"])).status_code == 404
    assert await purge_archives(runtime.database, runtime.personal_exports) == 1
    folder = runtime.settings.data_dir / "uploads" / "personal-exports"
    assert list(folder.glob("*-*-*/*")) == []


async def test_erasing_asks_for_password_address_and_code(zebedee: Somebody) -> None:
    right = {"password": PASSWORD, "confirm": zebedee.person.email}
    wrong = await zebedee("eraseMyAccount", **{**right, "password": "wrong " + PASSWORD})
    assert (wrong["__typename"], wrong["path"]) == ("InvalidInput", ["input", "password"])
    unsure = await zebedee("eraseMyAccount", **{**right, "confirm": "yes@skyledger.example"})
    assert (unsure["__typename"], unsure["path"]) == ("InvalidInput", ["input", "confirm"])
    await zebedee.enroll()
    for code in (None, another(zebedee.code())):
        refused = await zebedee("eraseMyAccount", **right, code=code)
        assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "code"])
    assert (await zebedee.graphql.data(ARCHIVES, token=zebedee.person.token))["viewer"]["erasure"] is None


async def test_the_last_owner_of_others_is_told_what_to_do(graphql: GraphQL, zebedee: Somebody) -> None:
    made = await house(graphql, zebedee)
    olga = Somebody(graphql, made.people["OWNER"])
    refused = await olga("eraseMyAccount", password=PASSWORD, confirm=olga.person.email)
    assert refused["code"] == "CONFLICT"
    assert olga.person.slug in refused["message"]
    assert "changeMemberRole" in refused["message"]
    assert "deleteOrganization" in refused["message"]


async def test_an_erasure_ends_what_is_signed_in_and_can_be_taken_back(
    graphql: GraphQL, runtime: Runtime, post: Post, zebedee: Somebody
) -> None:
    made = await house(graphql, zebedee)
    shared = Company(made.organization_id, made.slug, {"OWNER": zebedee.person}, {}, made.stranger)
    own = Company(zebedee.person.organization_id, zebedee.person.slug, {"OWNER": zebedee.person}, {}, made.stranger)
    _, kept = await create_key(graphql, shared, "ORGANIZATION_READ")
    _, gone = await create_key(graphql, own, "ORGANIZATION_READ")
    asked = await zebedee("eraseMyAccount", password=PASSWORD, confirm=zebedee.person.email)
    assert (asked["endedSessions"], asked["revokedApiKeys"], asked["keptApiKeys"]) == (1, 1, 1)
    assert code_of(await graphql(ARCHIVES, token=zebedee.person.token)) == "UNAUTHENTICATED"
    assert code_of(await graphql(ARCHIVES, api_key=gone)) == "UNAUTHENTICATED"
    assert "errors" not in await graphql(ARCHIVES, api_key=kept)
    assert await erase_due_accounts(runtime.database) == 0, "there are days of grace"
    signed_in = await zebedee.log_in()
    token = signed_in["accessToken"]
    viewer = (await graphql.data(ARCHIVES, token=token))["viewer"]
    assert viewer["erasure"] == asked["erasure"]
    assert (await zebedee("keepMyAccount", caller=token, email="x@skyledger.example"))["path"] == ["input", "email"]
    assert await zebedee("keepMyAccount", caller=token, email=zebedee.person.email) == {
        "__typename": "KeepMyAccountPayload",
        "kept": True,
    }
    assert (await zebedee("keepMyAccount", caller=token, email=zebedee.person.email))["code"] == "CONFLICT"
    assert (await graphql.data(ARCHIVES, token=token))["viewer"]["erasure"] is None
    await post.deliver()
    subjects = [mail["Subject"] for mail in post.box.to(zebedee.person.email)]
    assert subjects[-2:] == ["Your account is to be erased", "Your account stays"]


async def test_nothing_of_the_person_is_left(
    graphql: GraphQL, runtime: Runtime, post: Post, owner: Database, zebedee: Somebody
) -> None:
    made = await house(graphql, zebedee)
    await zebedee("exportMyData")
    await archived(runtime, zebedee)
    other = f"other-{zebedee.person.email}"
    await invite(graphql, made, other, "VIEWER")  # another's address, with theirs inside
    values = {"organizationId": made.organization_id, "text": f"Ask {zebedee.person.email} about it."}
    note = "mutation ($input: AddNoteInput!) { addNote(input: $input) { __typename } }"
    await graphql.data(note, {"input": values}, token=made.token("OWNER"))
    before = await everything_stored(owner)
    assert zebedee.person.email in before
    assert NAME in before
    await zebedee("eraseMyAccount", password=PASSWORD, confirm=zebedee.person.email)
    await make_due(owner)
    assert await erase_due_accounts(runtime.database) == 1
    assert await erase_due_accounts(runtime.database) == 0
    await post.deliver()
    assert post.box.to(zebedee.person.email)[-1]["Subject"] == "Your account is erased"
    await work(runtime, PURGE_JOB, purge_organization)
    after = await everything_stored(owner)
    assert after.count(other) == before.count(other) > 1, "what is another's stays"
    stored = after.replace(other, "").splitlines()
    for found in (zebedee.person.email, NAME, NAME.lower()):
        assert [line for line in stored if found in line] == []
    assert (await zebedee.send("logIn", caller="", email=zebedee.person.email, password=PASSWORD))["errors"]
    for organization_id in await all_organizations(runtime.database):
        verdict = await verify(runtime.database, organization_id)
        assert verdict.problem is None, verdict
        assert verdict.rows > 0
    # What the organization did keeps its place, under an id that leads to nobody.
    listed = "query ($slug: String!) { organization(slug: $slug) { members { totalCount } events: activity(first: 50) "
    listed += "{ nodes { kind data actor { user { name } } } } } }"
    answer = (await graphql.data(listed, {"slug": made.slug}, token=made.token("OWNER")))["organization"]
    assert answer["members"]["totalCount"] == 1
    notes = [node for node in answer["events"]["nodes"] if node["kind"] == "NOTE_ADDED"]
    assert {node["data"]["text"] for node in notes} == {"erased <erased> was here.", "Ask erased about it."}
    assert await purge_archives(runtime.database, runtime.personal_exports, grace=timedelta(0)) == 0
    folder = runtime.settings.data_dir / "uploads" / "personal-exports"
    assert list(folder.glob("*-*-*/*")) == [], "the archive is gone too"


async def test_notes_name_nobody_that_is_erased(
    graphql: GraphQL, runtime: Runtime, owner: Database, zebedee: Somebody
) -> None:
    """Beside recommendations and prices, their own and others'; the name alone may be anybody's elsewhere."""
    email, strangers = zebedee.person.email, await register(graphql, "Uma")
    members = (await house(graphql, zebedee)).people["OWNER"]
    for person, asked in ((members, f"{NAME} wants it"), (strangers, f"{NAME}, {email}"), (strangers, NAME)):
        organization_id = parse_id(person.organization_id).id
        id_ = await recommend(runtime.database, organization_id, 8, None)
        ids = [global_id("Recommendation", id_, organization_id)]
        values = {"organizationId": person.organization_id, "ids": ids, "reason": "NEEDED", "note": asked}
        act = "mutation ($input: IgnoreRecommendationsInput!) { ignoreRecommendations(input: $input) { __typename } }"
        answer = await graphql.data(act, {"input": values}, token=person.token)
        assert answer["ignoreRecommendations"]["__typename"] == "IgnoreRecommendationsPayload", answer
    deal = {"provider": "AWS", "pattern": "ebs.*", "discountPercent": "5", "validFrom": "2026-01-01"}
    deals = {"organizationId": members.organization_id, "overrides": [deal | {"note": f"Agreed with {NAME}."}]}
    act = "mutation ($input: SetPriceOverridesInput!) { setPriceOverrides(input: $input) { "
    act += "... on SetPriceOverridesPayload { added issues { reason } } } }"
    answer = await graphql.data(act, {"input": deals}, token=members.token)
    assert answer["setPriceOverrides"] == {"added": 1, "issues": []}
    await zebedee("eraseMyAccount", password=PASSWORD, confirm=email)
    await make_due(owner)
    assert await erase_due_accounts(runtime.database) == 1
    async with owner.engine.connect() as connection:
        for told in ("note FROM recommendations", "data ->> 'note' FROM recommendation_history"):
            notes = sorted((await connection.execute(text(f"SELECT {told}"))).scalars())
            assert notes == sorted(["erased wants it", "erased, erased", NAME]), told
        assert (await connection.execute(text("SELECT note FROM price_overrides"))).scalar() == "Agreed with erased."


MESSAGES = "SELECT body FROM webhook_deliveries ORDER BY sequence"
ANSWERS = "SELECT response_body FROM webhook_attempts ORDER BY id"


async def test_what_webhooks_were_sent_names_nobody_that_is_erased(
    graphql: GraphQL, runtime: Runtime, owner: Database, zebedee: Somebody
) -> None:
    """In their own organizations, and elsewhere what has the address; the name alone may be anybody's there."""
    email, other = zebedee.person.email, f"other-{zebedee.person.email}"
    made = await house(graphql, zebedee)
    strangers = await register(graphql, "Uma")
    echoes = [json.dumps({"took": email}), f"{NAME}, {other}", f"Thanks, {other}", "none", NAME]
    async with receiving() as receiver:
        guard = OutgoingGuard.from_settings(runtime.settings)
        tools = WebhookTools(runtime.vault, guard, DocumentRunner(runtime), seconds=2)
        office = Office(
            runtime.database, str(runtime.settings.redis_url), tools, graphql, made.people["OWNER"], receiver
        )
        receiver.answers = [Answering(200, body=echo.encode()) for echo in echoes]
        await office.create()
        await office.note(f'Ask "{NAME}" <{email}>, 1e400 times: é')
        await office.deliver()
        await office.note(f"{NAME} has left, Zebedeeism stays")
        await office.deliver()
        await office.note(f"{other} is another")
        await office.deliver()
        office.person = strangers
        await office.create()
        await office.note(f"{email} of {NAME}")
        await office.deliver()
        await office.note(f"{NAME} is our dog")
        await office.deliver()
        assert len(receiver.received) == 5
    await zebedee("eraseMyAccount", password=PASSWORD, confirm=email)
    await make_due(owner)
    assert await erase_due_accounts(runtime.database) == 1
    told = [json.loads(row["body"])["data"]["node"]["data"]["text"] for row in await office.behind(owner, MESSAGES)]
    assert sorted(told) == sorted(
        [
            'Ask "erased" <erased>, 1e400 times: é',
            "erased has left, Zebedeeism stays",
            f"{other} is another",
            "erased of erased",
            f"{NAME} is our dog",
        ]
    )
    answers = [row["response_body"] for row in await office.behind(owner, ANSWERS)]
    assert answers == ["erased", "erased", f"Thanks, {other}", "none", NAME]


async def test_an_edited_chain_is_still_found_after_an_erasure(
    graphql: GraphQL, runtime: Runtime, owner: Database, zebedee: Somebody
) -> None:
    made = await house(graphql, zebedee)
    await zebedee("eraseMyAccount", password=PASSWORD, confirm=zebedee.person.email)
    await make_due(owner)
    await erase_due_accounts(runtime.database)
    organization_id = parse_id(made.organization_id).id
    assert (await verify(runtime.database, organization_id)).problem is None
    async with owner.engine.begin() as connection:
        kept = "SELECT min(number) FROM audit_details WHERE organization_id = :id"
        number = (await connection.execute(text(kept), {"id": organization_id})).scalar_one()
        gone = "DELETE FROM audit_details WHERE organization_id = :id AND number = :number"
        await connection.execute(text(gone), {"id": organization_id, "number": number})
    verdict = await verify(runtime.database, organization_id)
    assert verdict.bad_number == number


async def test_who_became_the_last_owner_meanwhile_is_not_erased(
    graphql: GraphQL, runtime: Runtime, owner: Database, zebedee: Somebody
) -> None:
    made = await house(graphql, zebedee)
    await zebedee("eraseMyAccount", password=PASSWORD, confirm=zebedee.person.email)
    await make_due(owner)
    swapped = "CASE role WHEN 'ADMIN' THEN 'OWNER' ELSE 'VIEWER' END"
    role = f"UPDATE memberships SET role = {swapped} WHERE organization_id = :id"  # noqa: S608  (our own words)
    async with owner.engine.begin() as connection:
        await connection.execute(text(role), {"id": parse_id(made.organization_id).id})
    assert await erase_due_accounts(runtime.database) == 0
    assert NAME in await everything_stored(owner)


async def test_an_address_that_is_not_proven_opens_nothing(graphql: GraphQL, runtime: Runtime, owner: Database) -> None:
    """Anybody may register with anybody's address: what others keep of it is neither told nor erased."""
    zoe, olga = await somebody(graphql, "Zoe"), await register(graphql, "Olga")
    made = Company(olga.organization_id, olga.slug, {"OWNER": olga}, {}, olga)
    await invite(graphql, made, zoe.person.email, "VIEWER")
    values = {"organizationId": made.organization_id, "text": f"Ask {zoe.person.email} about it."}
    note = "mutation ($input: AddNoteInput!) { addNote(input: $input) { __typename } }"
    await graphql.data(note, {"input": values}, token=made.token("OWNER"))
    key = str(parse_id(made.organization_id).id)

    async def kept() -> list[str]:
        return [line for line in (await everything_stored(owner)).splitlines() if key in line]

    before = await kept()
    assert sum(zoe.person.email in line for line in before) >= 3, "an invitation, an event, a detail of the audit"
    await zoe("exportMyData")
    archive = await archived(runtime, zoe)
    with zipfile.ZipFile(io.BytesIO((await graphql.client.get(archive["url"])).content)) as opened:
        files = {name: opened.read(name).decode() for name in opened.namelist()}
    assert key not in "".join(files.values())
    assert "is not verified" in files["README.txt"]
    await zoe("eraseMyAccount", password=PASSWORD, confirm=zoe.person.email)
    await make_due(owner)
    assert await erase_due_accounts(runtime.database) == 1
    assert await kept() == before
