"""Passkeys through the graph: adding them, logging in with them, and what thieves and copies meet."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from app.auth.passkeys import MOST_PASSKEYS
from app.config import Settings
from app.database import Database
from tests.auth.software_passkey import PRESENT, VERIFIED, SoftwarePasskey
from tests.clients import PASSWORD, GraphQL
from tests.resolvers.company import code_of
from tests.resolvers.own_identity import Somebody, somebody

ORIGIN, DOMAIN = "https://app.skyledger.example", "skyledger.example"
SHOWN = "id name backedUp lastUsedAt"
PAYLOADS = {
    "beginPasskeyRegistration": "options",
    "addPasskey": f"recoveryCodes passkey {{ {SHOWN} }}",
    "renamePasskey": f"passkey {{ {SHOWN} }}",
    "removePasskey": "removedPasskeyId",
    "logIn": "accessToken",
    "completeLogIn": "viewer { user { email } }",
    "regenerateRecoveryCodes": "recoveryCodes",
}
VIEWER = f"{{ viewer {{ passkeys {{ {SHOWN} }} }} }}"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"passkey_origins": (ORIGIN,), "passkey_domain": DOMAIN})


@pytest.fixture
async def ada(graphql: GraphQL) -> Somebody:
    return await somebody(graphql)


def document(mutation: str) -> str:
    name = mutation[0].upper() + mutation[1:]
    asked = "... on SecondFactorRequired { challenge methods passkeyOptions }" if mutation == "logIn" else ""
    return (
        f"mutation ($input: {name}Input!) {{ {mutation}(input: $input) {{ __typename "
        f"... on {name}Payload {{ {PAYLOADS[mutation]} }} {asked} ... on UserError {{ code message path }} }} }}"
    )


async def send(who: Somebody, mutation: str, *, anonymous: bool = False, **values: Any) -> dict[str, Any]:
    token = None if anonymous else who.person.token
    return await who.graphql(document(mutation), {"input": values}, token=token)


async def given(who: Somebody, mutation: str, **values: Any) -> dict[str, Any]:
    answer = await send(who, mutation, **values)
    assert "errors" not in answer, answer["errors"]
    found: dict[str, Any] = answer["data"][mutation]
    return found


async def begin(who: Somebody) -> dict[str, Any]:
    begun = await given(who, "beginPasskeyRegistration", password=PASSWORD)
    assert begun["__typename"] == "BeginPasskeyRegistrationPayload", begun
    options: dict[str, Any] = begun["options"]
    return options


async def add(who: Somebody, **more: Any) -> tuple[SoftwarePasskey, dict[str, Any]]:
    passkey = SoftwarePasskey(ORIGIN, DOMAIN, **more)
    added = await given(who, "addPasskey", name="Phone", credential=passkey.create(await begin(who)))
    assert added["__typename"] == "AddPasskeyPayload", added
    return passkey, added


async def asked(who: Somebody) -> dict[str, Any]:
    found = await given(who, "logIn", anonymous=True, email=who.person.email, password=PASSWORD)
    assert found["__typename"] == "SecondFactorRequired", found
    return found


async def complete(who: Somebody, challenge: str, **values: Any) -> dict[str, Any]:
    return await send(who, "completeLogIn", anonymous=True, challenge=challenge, **values)


async def test_a_log_in_with_a_passkey(ada: Somebody) -> None:
    options = await begin(ada)
    assert (options["rp"]["id"], options["attestation"]) == (DOMAIN, "none")
    assert options["authenticatorSelection"]["userVerification"] == "required"
    passkey, added = await add(ada)
    assert len(added["recoveryCodes"]) == 10
    found = await asked(ada)
    assert found["methods"] == ["PASSKEY", "RECOVERY_CODE"]
    assert found["passkeyOptions"]["userVerification"] == "required"
    assert len(found["passkeyOptions"]["allowCredentials"]) == 1
    answer = await complete(ada, found["challenge"], passkey=passkey.get(found["passkeyOptions"]))
    assert answer["data"]["completeLogIn"]["viewer"]["user"]["email"] == ada.person.email
    (shown,) = (await ada.graphql.data(VIEWER, token=ada.person.token))["viewer"]["passkeys"]
    assert shown["name"] == "Phone"
    assert shown["lastUsedAt"] is not None
    found = await asked(ada)
    answer = await complete(ada, found["challenge"], recoveryCode=added["recoveryCodes"][0])
    assert "errors" not in answer, "recovery codes still count"


async def test_beside_an_authenticator(ada: Somebody) -> None:
    """Its recovery codes stay as they are, and stay while one of the two is on."""
    codes = await ada.enroll()
    passkey, added = await add(ada)
    assert added["recoveryCodes"] is None
    found = await asked(ada)
    assert found["methods"] == ["PASSKEY", "TOTP", "RECOVERY_CODE"]
    assert "errors" not in await complete(ada, found["challenge"], code=ada.code())
    await ada("disableTotp", password=PASSWORD)
    found = await asked(ada)
    assert found["methods"] == ["PASSKEY", "RECOVERY_CODE"]
    assert "errors" not in await complete(ada, found["challenge"], recoveryCode=codes[0])
    fresh = (await given(ada, "regenerateRecoveryCodes", password=PASSWORD))["recoveryCodes"]
    assert len(fresh) == 10
    found = await asked(ada)
    assert "errors" not in await complete(ada, found["challenge"], passkey=passkey.get(found["passkeyOptions"]))


async def test_what_is_not_right_logs_nobody_in(ada: Somebody) -> None:
    passkey, _ = await add(ada)
    options = (await asked(ada))["passkeyOptions"]
    earlier = passkey.get(options)
    others = SoftwarePasskey(ORIGIN, DOMAIN)
    same_id = SoftwarePasskey(ORIGIN, DOMAIN, credential_id=passkey.credential_id)
    wrong: list[Any] = [
        lambda _options: earlier,  # of another challenge
        others.get,
        same_id.get,  # another key
        SoftwarePasskey("https://evil.example", DOMAIN, key=passkey.key, credential_id=passkey.credential_id).get,
        SoftwarePasskey(ORIGIN, "evil.example", key=passkey.key, credential_id=passkey.credential_id).get,
        SoftwarePasskey(ORIGIN, DOMAIN, 0, PRESENT, passkey.key, passkey.credential_id).get,  # unverified
        SoftwarePasskey(ORIGIN, DOMAIN, 0, VERIFIED, passkey.key, passkey.credential_id).get,  # not present
        lambda _options: {},
        lambda _options: {"id": "x"},
        lambda options: {**passkey.get(options), "response": {}},
        lambda options: {**passkey.get(options), "filling": "x" * 70_000},
    ]
    for number, answer in enumerate(wrong):
        found = await asked(ada)
        refused = await complete(ada, found["challenge"], passkey=answer(found["passkeyOptions"]))
        assert code_of(refused) == "UNAUTHENTICATED", number
        # A right one after it takes the count of failures back.
        right = await complete(ada, found["challenge"], passkey=passkey.get(found["passkeyOptions"]))
        assert "errors" not in right, number


async def test_a_challenge_is_good_once_and_not_for_long(ada: Somebody, owner: Database) -> None:
    passkey, _ = await add(ada)
    found = await asked(ada)
    answer = passkey.get(found["passkeyOptions"])
    assert "errors" not in await complete(ada, found["challenge"], passkey=answer)
    assert code_of(await complete(ada, found["challenge"], passkey=answer)) == "UNAUTHENTICATED"
    found = await asked(ada)
    async with owner.engine.begin() as connection:
        await connection.execute(text("UPDATE log_in_challenges SET expires_at = now() - interval '1 second'"))
    answer = passkey.get(found["passkeyOptions"])
    assert code_of(await complete(ada, found["challenge"], passkey=answer)) == "UNAUTHENTICATED"


async def test_a_copy_is_found_by_its_count(ada: Somebody) -> None:
    passkey, _ = await add(ada, count=5)
    for count, right in ((6, True), (6, False), (4, False), (0, False), (7, True)):
        passkey.count = count
        found = await asked(ada)
        answer = await complete(ada, found["challenge"], passkey=passkey.get(found["passkeyOptions"]))
        assert ("errors" not in answer) == right, count


async def test_what_is_refused_as_a_new_passkey(ada: Somebody) -> None:
    for passkey in (
        SoftwarePasskey("https://evil.example", DOMAIN),
        SoftwarePasskey(ORIGIN, "evil.example"),
        SoftwarePasskey(ORIGIN, DOMAIN, flags=PRESENT),
    ):
        refused = await given(ada, "addPasskey", name="Phone", credential=passkey.create(await begin(ada)))
        assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "credential"])
    right, options = SoftwarePasskey(ORIGIN, DOMAIN), await begin(ada)
    assert (await given(ada, "addPasskey", name="Phone", credential={}))["__typename"] == "InvalidInput"
    used_up = await given(ada, "addPasskey", name="Phone", credential=right.create(options))
    assert used_up["__typename"] == "InvalidInput", "a challenge is good once, right or wrong"
    wrong = await given(ada, "beginPasskeyRegistration", password="wrong " + PASSWORD)
    assert (wrong["__typename"], wrong["path"]) == ("InvalidInput", ["input", "password"])


async def test_there_are_so_many_and_each_is_of_one_person(ada: Somebody, graphql: GraphQL) -> None:
    passkey, _ = await add(ada)
    eve = await somebody(graphql, "Eve")
    taken = await given(eve, "addPasskey", name="Mine", credential=passkey.create(await begin(eve)))
    assert taken["__typename"] == "Conflict"
    for _ in range(MOST_PASSKEYS - 1):
        await add(ada)
    many = await given(ada, "beginPasskeyRegistration", password=PASSWORD)
    assert (many["__typename"], many["code"]) == ("Conflict", "CONFLICT")


async def test_naming_and_removing(ada: Somebody, graphql: GraphQL) -> None:
    _, added = await add(ada)
    id_ = added["passkey"]["id"]
    eve = await somebody(graphql, "Eve")
    assert (await given(eve, "renamePasskey", id=id_, name="Mine"))["__typename"] == "NotFound"
    assert (await given(eve, "removePasskey", id=id_, password=PASSWORD))["__typename"] == "NotFound"
    assert (await given(ada, "renamePasskey", id=id_, name="Laptop"))["passkey"]["name"] == "Laptop"
    wrong = await given(ada, "removePasskey", id=id_, password="wrong " + PASSWORD)
    assert wrong["path"] == ["input", "password"]
    assert (await given(ada, "removePasskey", id=id_, password=PASSWORD))["removedPasskeyId"] == id_
    logged_in = await given(ada, "logIn", anonymous=True, email=ada.person.email, password=PASSWORD)
    assert logged_in["__typename"] == "LogInPayload", "no second factor is left"
    _, again = await add(ada)
    assert len(again["recoveryCodes"]) == 10, "those of before went with the passkey"
