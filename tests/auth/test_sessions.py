"""Signing up, in and out: rotation, reuse, races, equal failures, and no secret at rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher
from redis.asyncio import Redis
from sqlalchemy import text
from structlog.testing import capture_logs

from app.auth.authenticator import Authenticator
from app.auth.passwords import Passwords, Verdict
from app.auth.sessions import (
    Origin,
    SignIn,
    log_in,
    log_out,
    refresh_session,
    register,
)
from app.config import Settings
from app.database import Database
from app.errors import AuthenticationError, BadUserInputError, ConflictError, ForbiddenError, RateLimitedError
from app.organizations.create import register_with_organization
from app.records import Actor, ActorKind, Principal
from tests.auth.people import (
    ORIGIN,
    PASSWORD,
    Presented,
    everything_stored,
    principal_of,
    sign_up,
    signed_in,
)
from tests.clients import cheap_passwords


async def stored(owner: Database, statement: str, **values: object) -> Any:
    """The one value of a statement, as the owner of the tables."""
    async with owner.engine.begin() as connection:
        return (await connection.execute(text(statement), values)).scalar()


async def refresh(authenticator: Authenticator, sign_in: SignIn) -> SignIn:
    return await refresh_session(authenticator, ORIGIN, refresh_token=sign_in.refresh_token)


async def test_registering_signs_in(authenticator: Authenticator, owner: Database) -> None:
    origin = Origin(client_address="192.0.2.9", user_agent="u" * 1000)
    sign_in = await register(authenticator, origin, email=" Ada@Example.com", name=" Ada ", password=PASSWORD)
    assert sign_in.user["email"] == "ada@example.com"
    assert sign_in.user["name"] == "Ada"
    assert "password_hash" not in sign_in.user
    assert (await principal_of(authenticator, sign_in)).user_id == sign_in.user["id"]
    assert (sign_in.refresh_expires_at - datetime.now(UTC)).days in {29, 30}
    assert await stored(owner, "SELECT host(client_address::inet) FROM sessions") == "192.0.2.9"
    assert await stored(owner, "SELECT length(user_agent) FROM sessions") == 300


async def test_an_address_registers_once_in_whatever_spelling(authenticator: Authenticator, owner: Database) -> None:
    await sign_up(authenticator, "ada")
    with pytest.raises(ConflictError, match="has an account already"):
        await register(authenticator, ORIGIN, email="ADA@EXAMPLE.COM", name="Eve", password=PASSWORD)
    assert await stored(owner, "SELECT count(*) FROM users") == 1


async def test_two_who_register_one_address_at_once(authenticator: Authenticator, owner: Database) -> None:
    answers = await asyncio.gather(*(sign_up(authenticator, "ada") for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(answer, SignIn) for answer in answers) == 1
    assert sum(isinstance(answer, ConflictError) for answer in answers) == 4
    assert await stored(owner, "SELECT count(*) FROM sessions") == 1


@pytest.mark.parametrize(
    ("values", "field"),
    [({"email": "ada"}, "email"), ({"name": " "}, "name"), ({"password": "short"}, "password")],
)
async def test_registering_with_bad_values_changes_nothing(
    authenticator: Authenticator, owner: Database, values: dict[str, str], field: str
) -> None:
    good = {"email": "ada@example.com", "name": "Ada", "password": PASSWORD}
    with pytest.raises(BadUserInputError) as refusal:
        await register(authenticator, ORIGIN, **(good | values))  # type: ignore[arg-type]  # no `within` among them
    assert refusal.value.path == ("input", field)
    assert await stored(owner, "SELECT count(*) FROM users") == 0


async def test_registering_with_an_organization_makes_both_or_neither(
    authenticator: Authenticator, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    person: dict[str, Any] = {"email": "ada@example.com", "name": "Ada", "password": PASSWORD}
    sign_in, row = await register_with_organization(authenticator, ORIGIN, **person, organization_name="Acme Ltd.")
    principal = await principal_of(authenticator, sign_in)
    assert list(principal.grants) == [row["id"]]
    assert row["slug"] == "acme-ltd"
    assert await stored(owner, "SELECT kind FROM activity_events") == "ORGANIZATION_CREATED"

    async def fail(*_: object, **__: object) -> None:
        raise ConnectionError

    monkeypatch.setattr("app.organizations.create.record", fail)
    with pytest.raises(ConnectionError):
        await register_with_organization(
            authenticator, ORIGIN, **(person | {"email": "eve@example.com"}), organization_name="Evil"
        )
    assert await stored(owner, "SELECT count(*) FROM users") == 1
    assert await stored(owner, "SELECT count(*) FROM organizations") == 1


async def test_logging_in(authenticator: Authenticator) -> None:
    registered = await sign_up(authenticator, "ada")
    sign_in = await signed_in(authenticator, "ADA")
    assert sign_in.user["id"] == registered.user["id"]
    assert sign_in.session_id != registered.session_id
    assert sign_in.refresh_token != registered.refresh_token


async def test_unknown_addresses_and_wrong_passwords_look_and_work_the_same(
    authenticator: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sign_up(authenticator, "ada")
    hashed_with: list[str] = []
    verify = PasswordHasher.verify

    def spy(hasher: PasswordHasher, stored_hash: str, password: bytes) -> bool:
        hashed_with.append(stored_hash.rsplit("$", 2)[0])
        return verify(hasher, stored_hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", spy)
    refusals = []
    for email in ("ada@example.com", "nobody@example.com"):
        with pytest.raises(AuthenticationError) as refusal:
            await log_in(authenticator, ORIGIN, email=email, password="not the password")
        refusals.append((refusal.value.message, refusal.value.code, refusal.value.extensions))
    assert refusals[0] == refusals[1]
    assert refusals[0][0] == "The e-mail address or the password is wrong."
    assert hashed_with[0] == hashed_with[1], "one hash each, of the same parameters"


async def test_logging_in_renews_an_outdated_hash(authenticator: Authenticator, owner: Database) -> None:
    await sign_up(authenticator, "ada")
    before = await stored(owner, "SELECT password_hash FROM users")
    authenticator.passwords = Passwords(memory_kib=16, passes=2)
    await log_in(authenticator, ORIGIN, email="ada@example.com", password=PASSWORD)
    after = await stored(owner, "SELECT password_hash FROM users")
    assert "m=8,t=1" in before
    assert "m=16,t=2" in after
    await log_in(authenticator, ORIGIN, email="ada@example.com", password=PASSWORD)
    assert await stored(owner, "SELECT password_hash FROM users") == after


async def test_a_password_that_changes_during_the_log_in_is_wrong(
    authenticator: Authenticator, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sign_up(authenticator, "ada")
    verify = authenticator.passwords.verify

    async def slow(password: str, stored_hash: str | None) -> Verdict:
        verdict = await verify(password, stored_hash)
        await stored(owner, "UPDATE users SET password_hash = 'another' RETURNING 1")
        return verdict

    monkeypatch.setattr(authenticator.passwords, "verify", slow)
    with pytest.raises(AuthenticationError):
        await log_in(authenticator, ORIGIN, email="ada@example.com", password=PASSWORD)
    assert await stored(owner, "SELECT count(*) FROM sessions") == 1


# Refreshing.


async def test_refreshing_rotates_the_token_and_extends_the_session(
    authenticator: Authenticator, owner: Database
) -> None:
    first = await sign_up(authenticator, "ada")
    await stored(owner, "UPDATE sessions SET expires_at = now() + interval '1 hour' RETURNING 1")
    second = await refresh(authenticator, first)
    assert second.session_id == first.session_id
    assert second.refresh_token != first.refresh_token
    assert second.refresh_expires_at > datetime.now(UTC) + timedelta(days=29)
    assert (await principal_of(authenticator, second)).session_id == first.session_id
    third = await refresh(authenticator, second)
    assert await stored(owner, "SELECT count(*) FROM refresh_tokens WHERE used_at IS NOT NULL") == 2
    assert third.user["id"] == first.user["id"]


async def test_reuse_ends_the_session_for_thief_and_victim(authenticator: Authenticator, owner: Database) -> None:
    first = await sign_up(authenticator, "ada")
    other = await signed_in(authenticator, "ada")
    second = await refresh(authenticator, first)
    principal = await principal_of(authenticator, second)
    for token in (first, second, first):
        with pytest.raises(AuthenticationError, match="used, expired or revoked"):
            await refresh(authenticator, token)
    assert not await authenticator.still_valid(principal)
    with pytest.raises(AuthenticationError):
        await authenticator.identify(Presented(bearer=second.access_token))
    reason = "SELECT revoked_reason FROM sessions WHERE id = :id"
    assert await stored(owner, reason, id=first.session_id) == "REFRESH_TOKEN_REUSED"
    assert await refresh(authenticator, other), "other sessions of the user go on"


async def test_of_two_who_refresh_at_once_exactly_one_wins(authenticator: Authenticator, owner: Database) -> None:
    first = await sign_up(authenticator, "ada")
    answers = await asyncio.gather(*(refresh(authenticator, first) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(answer, SignIn) for answer in answers) == 1
    assert sum(isinstance(answer, AuthenticationError) for answer in answers) == 7
    assert await stored(owner, "SELECT count(*) FROM refresh_tokens") == 2
    assert await stored(owner, "SELECT revoked_at IS NOT NULL FROM sessions"), "no exception for a quick second try"


async def test_a_session_that_is_over_is_not_renewed(authenticator: Authenticator, owner: Database) -> None:
    for over in ("expires_at = now() - interval '1 second'", "revoked_at = now()"):
        sign_in = await sign_up(authenticator, f"ada{len(over)}")
        await stored(owner, f"UPDATE sessions SET {over} WHERE id = :id RETURNING 1", id=sign_in.session_id)  # noqa: S608
        with pytest.raises(AuthenticationError):
            await refresh(authenticator, sign_in)
    assert await stored(owner, "SELECT count(*) FROM refresh_tokens") == 2


@pytest.mark.parametrize("token", ["", "skr_x", "ski_" + "x" * 43, "\ud800"])
async def test_what_is_no_refresh_token_is_bad_input(authenticator: Authenticator, token: str) -> None:
    with pytest.raises(BadUserInputError):
        await refresh_session(authenticator, ORIGIN, refresh_token=token)


async def test_an_unknown_refresh_token(authenticator: Authenticator) -> None:
    with pytest.raises(AuthenticationError):
        await refresh_session(authenticator, ORIGIN, refresh_token="skr_" + "x" * 43)


# Logging out.


async def test_logging_out_here_and_everywhere(authenticator: Authenticator) -> None:
    ada = [await sign_up(authenticator, "ada")]
    ada += [await signed_in(authenticator, "ada") for _ in range(3)]
    eve = await sign_up(authenticator, "eve")
    principals = [await principal_of(authenticator, sign_in) for sign_in in ada]
    assert await log_out(authenticator, principals[0], everywhere=False) == 1
    assert [await authenticator.still_valid(principal) for principal in principals] == [False, True, True, True]
    with pytest.raises(AuthenticationError):
        await refresh(authenticator, ada[0])
    assert await log_out(authenticator, principals[1], everywhere=True) == 3
    assert not any([await authenticator.still_valid(principal) for principal in principals])
    assert await principal_of(authenticator, eve)


async def test_a_key_has_nothing_to_log_out_of(authenticator: Authenticator) -> None:
    with pytest.raises(ForbiddenError, match="revokeApiKey"):
        await log_out(authenticator, Principal(Actor(ActorKind.API_KEY), {}), everywhere=True)


# The throttle inside the acts.


@pytest.fixture
async def throttled(settings: Settings, database: Database, valkey: Redis) -> AsyncIterator[Authenticator]:
    """An authenticator that allows three failures an account and five an address."""
    strict = settings.model_copy(update={"login_attempts_per_account": 3, "login_attempts_per_address": 5})
    found = Authenticator(strict, database, valkey, passwords=cheap_passwords())
    yield found
    await found.close()


async def failures(authenticator: Authenticator, email: str, address: str, count: int) -> list[str]:
    """The kinds of refusal of some tries with a wrong password."""
    kinds = []
    for _ in range(count):
        with pytest.raises((AuthenticationError, RateLimitedError)) as refusal:
            await log_in(authenticator, Origin(address), email=email, password="not the password")
        kinds.append(refusal.value.code.value)
    return kinds


@pytest.mark.parametrize("name", ["ada", "nobody"])
async def test_log_ins_are_throttled_per_account_whether_or_not_it_exists(throttled: Authenticator, name: str) -> None:
    await sign_up(throttled, "ada")
    email = f"{name}@example.com"
    kinds = [kind for number in range(5) for kind in await failures(throttled, email, f"192.0.2.{number}", 1)]
    assert kinds == ["UNAUTHENTICATED"] * 3 + ["RATE_LIMITED"] * 2
    with pytest.raises(RateLimitedError):
        await log_in(throttled, Origin("192.0.2.99"), email=email.upper(), password=PASSWORD)


async def test_log_ins_are_throttled_per_address(throttled: Authenticator) -> None:
    await sign_up(throttled, "ada")
    kinds = [
        kind for number in range(7) for kind in await failures(throttled, f"u{number}@example.com", "192.0.2.1", 1)
    ]
    assert kinds == ["UNAUTHENTICATED"] * 5 + ["RATE_LIMITED"] * 2
    assert await log_in(throttled, Origin("192.0.2.2"), email="ada@example.com", password=PASSWORD)


async def test_a_success_starts_the_count_of_the_account_anew(throttled: Authenticator) -> None:
    await sign_up(throttled, "ada")
    for number in range(4):
        address = f"192.0.2.{number}"
        assert await failures(throttled, "ada@example.com", address, 2) == ["UNAUTHENTICATED"] * 2
        await log_in(throttled, Origin(address), email="ada@example.com", password=PASSWORD)


async def test_asking_which_addresses_have_accounts_is_throttled(throttled: Authenticator) -> None:
    await sign_up(throttled, "ada")
    answers = []
    for _ in range(7):
        with pytest.raises((ConflictError, RateLimitedError)) as refusal:
            await sign_up(throttled, "ada")
        answers.append(refusal.value.code.value)
    assert answers == ["CONFLICT"] * 5 + ["RATE_LIMITED"] * 2


async def test_a_busy_house_is_not_the_callers_failure(throttled: Authenticator) -> None:
    await sign_up(throttled, "ada")
    throttled.passwords._most_waiting = 0
    for _ in range(6):
        with pytest.raises(RateLimitedError, match="Try again in a second"):
            await log_in(throttled, ORIGIN, email="ada@example.com", password=PASSWORD)
    throttled.passwords._most_waiting = 64
    assert await log_in(throttled, ORIGIN, email="ada@example.com", password=PASSWORD)


# No secret at rest, in a log or in a repr.


async def test_secrets_are_nowhere(authenticator: Authenticator, owner: Database) -> None:
    with capture_logs() as logs:
        sign_in = await sign_up(authenticator, "ada")
        renewed = await refresh(authenticator, sign_in)
        with pytest.raises(AuthenticationError):
            await log_in(authenticator, ORIGIN, email="ada@example.com", password="wrong " + PASSWORD)
    secrets = [PASSWORD, *(token for each in (sign_in, renewed) for token in (each.access_token, each.refresh_token))]
    places = [await everything_stored(owner), repr(logs), repr(sign_in), repr(renewed)]
    assert "ada@example.com" in places[0], "the search sees what is stored"
    assert not [secret for secret in secrets for place in places if secret in place]
