"""The second factor through the graph: switching it on and off, logging in, and what thieves of a password meet."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from structlog.testing import capture_logs

from app.accounts.rotate import rotate_credentials
from app.auth.authenticator import CODES_PER_ACCOUNT
from app.auth.one_time_codes import STEP_SECONDS
from app.auth.second_factor import MOST_TRIES
from app.config import Settings, new_credential_key
from app.context import Runtime
from app.database import Database
from app.sealing.vault import Vault
from tests.auth.people import everything_stored
from tests.clients import PASSWORD, GraphQL
from tests.resolvers.company import code_of
from tests.resolvers.own_identity import Somebody, another, document, somebody

VIEWER = "{ viewer { user { email } secondFactor { enabledAt recoveryCodesLeft } } }"


@pytest.fixture(autouse=True)
async def early_in_a_step() -> None:
    """Codes of the step before are still good when a test ends: none begins in the last third of a step."""
    into = time.time() % STEP_SECONDS
    if into > STEP_SECONDS * 2 / 3:
        await asyncio.sleep(STEP_SECONDS - into)


@pytest.fixture
async def ada(graphql: GraphQL) -> Somebody:
    return await somebody(graphql)


async def change(owner: Database, statement: str) -> None:
    """Change rows behind the doors."""
    async with owner.engine.begin() as connection:
        await connection.execute(text(statement))


async def tries(owner: Database) -> list[int]:
    """How often each challenge was tried."""
    async with owner.engine.connect() as connection:
        return list(
            (await connection.execute(text("SELECT tries FROM log_in_challenges ORDER BY created_at"))).scalars()
        )


async def test_a_log_in_asks_for_a_code_once_the_factor_is_confirmed(ada: Somebody) -> None:
    made = await ada("enrollTotp", password=PASSWORD)
    assert made["otpauthUri"].startswith("otpauth://totp/Skyledger:")
    assert made["secret"] in made["otpauthUri"]
    assert (await ada.log_in())["__typename"] == "LogInPayload", "not active yet"
    ada.secret = made["secret"]
    codes = (await ada("confirmTotp", code=ada.code()))["recoveryCodes"]
    assert len(codes) == 10
    viewer = (await ada.graphql.data(VIEWER, token=ada.person.token))["viewer"]
    assert viewer["secondFactor"]["recoveryCodesLeft"] == 10
    asked = await ada.log_in()
    assert (asked["__typename"], asked["code"]) == ("SecondFactorRequired", "UNAUTHENTICATED")
    assert "completeLogIn" in asked["message"]
    assert "accessToken" not in asked
    answer = await ada.complete(asked["challenge"], code=ada.code())
    signed_in = answer["data"]["completeLogIn"]
    assert signed_in["viewer"]["user"]["email"] == ada.person.email
    again = (await ada.graphql.data(VIEWER, token=signed_in["accessToken"]))["viewer"]
    assert again["user"]["email"] == ada.person.email


async def test_a_wrong_password_never_comes_to_a_challenge(ada: Somebody) -> None:
    await ada.enroll()
    answer = await ada.send("logIn", caller="", email=ada.person.email, password="wrong " + PASSWORD)
    unknown = await ada.send("logIn", caller="", email="nobody@example.com", password=PASSWORD)
    for each in (answer, unknown):
        each["errors"][0]["extensions"].pop("requestId")
        del each["extensions"]  # what is left of the bucket
    assert answer == unknown


async def test_each_code_is_good_once(ada: Somebody) -> None:
    await ada.enroll()
    code = ada.code()
    assert "errors" not in await ada.complete(await ada.challenge(), code=code)
    assert code_of(await ada.complete(await ada.challenge(), code=code)) == "UNAUTHENTICATED"


async def test_one_code_at_the_same_moment_starts_one_session(ada: Somebody) -> None:
    await ada.enroll()
    code = ada.code()
    challenges = [await ada.challenge() for _ in range(4)]
    answers = await asyncio.gather(*(ada.complete(challenge, code=code) for challenge in challenges))
    assert sum("errors" not in answer for answer in answers) == 1


async def test_a_challenge_is_good_once_for_five_minutes_and_its_owner(
    ada: Somebody, graphql: GraphQL, owner: Database
) -> None:
    codes = await ada.enroll()
    challenge = await ada.challenge()
    assert "errors" not in await ada.complete(challenge, recoveryCode=codes[0])
    assert code_of(await ada.complete(challenge, recoveryCode=codes[1])) == "UNAUTHENTICATED", "used"
    late = await ada.challenge()
    await change(owner, "UPDATE log_in_challenges SET expires_at = now() - interval '1 second'")
    assert code_of(await ada.complete(late, recoveryCode=codes[1])) == "UNAUTHENTICATED", "over"
    eve = await somebody(graphql, "Eve")
    of_eve = await eve.enroll()
    assert code_of(await ada.complete(await eve.challenge(), recoveryCode=codes[1])) == "UNAUTHENTICATED", "hers"
    assert code_of(await eve.complete(await ada.challenge(), recoveryCode=of_eve[1])) == "UNAUTHENTICATED"
    answer = await ada.complete("skc_" + "x" * 43, recoveryCode=codes[1])
    assert code_of(answer) == "UNAUTHENTICATED", "made up"
    assert "errors" not in await ada.complete(await ada.challenge(), recoveryCode=codes[1]), "it was not used up"


async def test_five_tries_also_inside_aliases(ada: Somebody, owner: Database) -> None:
    await ada.enroll()
    challenge = await ada.challenge()
    one = f'completeLogIn(input: {{challenge: "{challenge}", code: "000000"}}) {{ __typename }}'
    await ada.graphql("mutation { " + " ".join(f"a{number}: {one}" for number in range(20)) + " }")
    assert await tries(owner) == [MOST_TRIES]
    refused = await ada.complete(await ada.challenge(), code=ada.code())
    assert code_of(refused) == "RATE_LIMITED", "other challenges of the account too"
    assert 0 < refused["errors"][0]["extensions"]["retryAfter"] <= 900


async def test_a_challenge_that_was_tried_enough_is_dead(ada: Somebody, runtime: Runtime) -> None:
    codes = await ada.enroll()
    challenge = await ada.challenge()
    for _ in range(MOST_TRIES):
        assert code_of(await ada.complete(challenge, recoveryCode="aaaa-aaaa-aaaa-aaaa")) == "UNAUTHENTICATED"
    await runtime.valkey.flushall()  # the throttle forgets, the challenge does not
    assert code_of(await ada.complete(challenge, recoveryCode=codes[0])) == "UNAUTHENTICATED"
    assert "errors" not in await ada.complete(await ada.challenge(), recoveryCode=codes[0])


async def test_recovery_codes(ada: Somebody) -> None:
    codes = await ada.enroll()
    assert "errors" not in await ada.complete(await ada.challenge(), recoveryCode=codes[3].upper().replace("-", " "))
    assert code_of(await ada.complete(await ada.challenge(), recoveryCode=codes[3])) == "UNAUTHENTICATED"
    viewer = (await ada.graphql.data(VIEWER, token=ada.person.token))["viewer"]
    assert viewer["secondFactor"]["recoveryCodesLeft"] == 9
    fresh = (await ada("regenerateRecoveryCodes", password=PASSWORD))["recoveryCodes"]
    assert not set(fresh) & set(codes)
    assert code_of(await ada.complete(await ada.challenge(), recoveryCode=codes[4])) == "UNAUTHENTICATED"
    assert "errors" not in await ada.complete(await ada.challenge(), recoveryCode=fresh[0])
    by_code = await ada("regenerateRecoveryCodes", code=ada.code())
    assert len(by_code["recoveryCodes"]) == 10


@pytest.mark.parametrize("proof", ["password", "code"])
async def test_switching_off_needs_the_password_or_a_code(ada: Somebody, owner: Database, proof: str) -> None:
    await ada.enroll()
    right = PASSWORD if proof == "password" else ada.code()
    wrong = "wrong " + PASSWORD if proof == "password" else another(right)
    refused = await ada("disableTotp", **{proof: wrong})
    assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", proof])
    for values in ({}, {"password": PASSWORD, "code": "123456"}):
        refused = await ada("disableTotp", **values)
        assert refused["__typename"] == "InvalidInput", "exactly one"
    waiting = await ada.challenge()
    assert await ada("disableTotp", **{proof: right}) == {
        "__typename": "DisableTotpPayload",
        "viewer": {"secondFactor": None},
    }
    stored = await everything_stored(owner)
    assert "totp_factors (" not in stored
    assert "recovery_codes (" not in stored
    assert (await ada.log_in())["__typename"] == "LogInPayload"
    assert code_of(await ada.complete(waiting, code=ada.code())) == "UNAUTHENTICATED"
    assert (await ada("disableTotp", password=PASSWORD))["__typename"] == "Conflict"


async def test_setting_up_in_the_wrong_order(ada: Somebody) -> None:
    assert (await ada("confirmTotp", code="123456"))["__typename"] == "Conflict"
    refused = await ada("enrollTotp", password="wrong " + PASSWORD)
    assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "password"])
    first = (await ada("enrollTotp", password=PASSWORD))["secret"]
    second = (await ada("enrollTotp", password=PASSWORD))["secret"]
    assert first != second, "what was not confirmed is replaced"
    ada.secret = first
    refused = await ada("confirmTotp", code=ada.code())
    assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "code"])
    ada.secret, ada.step = second, 0
    assert (await ada("confirmTotp", code=ada.code()))["__typename"] == "ConfirmTotpPayload"
    assert (await ada("confirmTotp", code=ada.code()))["__typename"] == "Conflict"
    assert (await ada("enrollTotp", password=PASSWORD))["__typename"] == "Conflict", "nobody replaces one that is on"


async def test_codes_of_a_signed_in_thief_are_throttled(ada: Somebody) -> None:
    await ada.enroll()
    wrong = another(ada.code())
    for _ in range(CODES_PER_ACCOUNT):
        assert (await ada("disableTotp", code=wrong))["__typename"] == "InvalidInput"
    assert code_of(await ada.send("disableTotp", code=wrong)) == "RATE_LIMITED"


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"challenge": "x", "code": "123456"}, ["input", "challenge"]),
        ({"challenge": "skc_" + "x" * 43}, ["input", "code"]),
        ({"challenge": "skc_" + "x" * 43, "code": "123456", "recoveryCode": "x"}, ["input", "code"]),
    ],
)
async def test_what_cannot_be_right(ada: Somebody, values: dict[str, Any], path: list[str]) -> None:
    answer = (await ada.send("completeLogIn", caller="", **values))["data"]["completeLogIn"]
    assert (answer["__typename"], answer["path"]) == ("InvalidInput", path)


async def test_keys_and_nobody_have_no_second_factor(ada: Somebody) -> None:
    for mutation, values in (("enrollTotp", {"password": PASSWORD}), ("disableTotp", {"password": PASSWORD})):
        assert code_of(await ada.send(mutation, caller="", **values)) == "UNAUTHENTICATED"
    root = "root-key-of-the-tests-0123456789abcdef"
    answer = await ada.graphql(document("enrollTotp"), {"input": {"password": PASSWORD}}, root_key=root)
    assert code_of(answer) == "FORBIDDEN"
    viewer = (await ada.graphql.data("{ viewer { sessions { id } secondFactor { enabledAt } } }", root_key=root))[
        "viewer"
    ]
    assert viewer == {"sessions": [], "secondFactor": None}


async def test_secrets_are_shown_once_and_are_nowhere_else(
    ada: Somebody, runtime: Runtime, owner: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logs:
        codes = await ada.enroll()
        challenge = await ada.challenge()
        used = ada.code()
        signed_in = (await ada.complete(challenge, code=used))["data"]["completeLogIn"]
        await ada.complete(challenge, code=used)
        await ada.complete(await ada.challenge(), recoveryCode=codes[0])
        await ada.complete(await ada.challenge(), recoveryCode=codes[0])
        await ada.graphql(VIEWER, token=signed_in["accessToken"])
        await ada("enrollTotp", password=PASSWORD)
    secrets = [ada.secret, *codes, *(code.replace("-", "") for code in codes), challenge, signed_in["refreshToken"]]
    cached = [key + (await runtime.valkey.dump(key) or b"") for key in await runtime.valkey.keys("*")]
    places = {
        "logs": repr(logs),
        "log": caplog.text,
        "tables": await everything_stored(owner),
        "valkey": repr(cached),
    }
    assert "totp_factors (" in places["tables"], "the search sees what is stored"
    assert not [(place, secret) for place, found in places.items() for secret in secrets if secret in found]
    assert ada.secret.encode().hex() not in places["tables"]
    for secret in secrets:
        assert sum(secret in answer for answer in ada.answers) <= 1, "shown once"


async def test_a_secret_is_bound_to_its_user(ada: Somebody, graphql: GraphQL, owner: Database) -> None:
    """Whoever can write the table gains nothing by copying their own secret over somebody else's."""
    await ada.enroll()
    eve = await somebody(graphql, "Eve")
    await eve.enroll()
    async with owner.engine.begin() as connection:
        await connection.execute(
            text(
                "UPDATE totp_factors AS a SET sealed = e.sealed, wrapped_key = e.wrapped_key, last_step = NULL "
                "FROM totp_factors AS e, users AS u WHERE e.user_id <> a.user_id AND u.id = a.user_id "
                "AND u.email = :email"
            ),
            {"email": ada.person.email},
        )
    assert code_of(await ada.complete(await ada.challenge(), code=eve.code())) == "SERVICE_UNAVAILABLE"


async def test_rotation_puts_secrets_under_the_new_key(ada: Somebody, runtime: Runtime, owner: Database) -> None:
    await ada.enroll()
    old = runtime.vault.active_key_id
    rotation = await rotate_credentials(runtime.database, runtime.vault, lambda *_: None)
    assert (rotation.rewrapped, rotation.failures) == (1, [])
    async with owner.engine.connect() as connection:
        under = (await connection.execute(text("SELECT key_id FROM totp_factors"))).scalar_one()
    assert under == rotation.key_id != old
    assert "errors" not in await ada.complete(await ada.challenge(), code=ada.code())
    other = Settings(credential_keys=SecretStr(new_credential_key()))
    lost = await rotate_credentials(runtime.database, Vault.from_settings(other), lambda *_: None)
    assert [organization for organization, _, _ in lost.failures] == [None]
