"""Access tokens: only ours, only in time, only under our algorithm."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest

from app.auth.tokens import (
    AUDIENCE,
    INVITATION_PREFIX,
    ISSUER,
    REFRESH_PREFIX,
    AccessTokens,
    is_opaque_token,
    new_opaque_token,
    token_hash,
)
from app.errors import AuthenticationError

KEY = "k" * 64
TOKENS = AccessTokens(KEY, seconds=900)


def claims(**changes: Any) -> dict[str, Any]:
    moment = datetime.now(UTC)
    standard = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(uuid4()),
        "sid": str(uuid4()),
        "iat": moment,
        "exp": moment + timedelta(minutes=5),
    }
    return {name: value for name, value in {**standard, **changes}.items() if value is not None}


def test_what_is_issued_is_read() -> None:
    user, session = uuid4(), uuid4()
    token, expires = TOKENS.issue(user, session)
    found = TOKENS.read(token)
    assert (found.user_id, found.session_id, found.expires_at) == (user, session, expires)
    assert timedelta(seconds=840) <= expires - datetime.now(UTC) <= timedelta(seconds=900)


def test_an_expired_token_says_what_to_do() -> None:
    token = jwt.encode(claims(exp=datetime.now(UTC) - timedelta(seconds=1)), KEY, algorithm="HS256")
    with pytest.raises(AuthenticationError, match="expired; call refreshSession"):
        TOKENS.read(token)


def test_a_token_that_was_read_before_is_refused_once_it_is_over() -> None:
    tokens = AccessTokens(KEY, seconds=900)
    token, _ = tokens.issue(uuid4(), uuid4())
    first = tokens.read(token)
    assert tokens.read(token) is first
    (digest,) = tokens._verified
    assert token not in repr(vars(tokens)), "it is not kept"
    tokens._verified[digest] = replace(first, expires_at=datetime.now(UTC))
    with pytest.raises(AuthenticationError, match="expired; call refreshSession"):
        tokens.read(token)
    assert not tokens._verified


def test_only_so_many_tokens_are_remembered_and_none_that_is_forged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.auth.tokens.KEPT_TOKENS", 2)
    tokens = AccessTokens(KEY, seconds=900)
    issued = [tokens.issue(uuid4(), uuid4())[0] for _ in range(3)]
    assert len({tokens.read(token).session_id for token in [*issued, *issued]}) == 3
    with pytest.raises(AuthenticationError):
        tokens.read(issued[0][:-4] + "AAAA")
    assert len(tokens._verified) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "somebody"},
        {"aud": "skyledger:reset"},
        {"sub": None},
        {"sid": None},
        {"exp": None},
        {"iat": None},
        {"sub": "not a uuid"},
        {"sid": "not a uuid"},
    ],
)
def test_other_claims_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(AuthenticationError, match="not valid"):
        TOKENS.read(jwt.encode(claims(**changes), KEY, algorithm="HS256"))


@pytest.mark.parametrize(
    "token",
    [
        jwt.encode(claims(), "x" * 64, algorithm="HS256"),
        jwt.encode(claims(), KEY, algorithm="HS512"),
        jwt.encode(claims(), "", algorithm="none"),
        "",
        "a.b.c",
        "\ud800.\ud800.\ud800",
        "x" * 100_000,
    ],
    ids=["other key", "other algorithm", "none", "empty", "dots", "half characters", "huge"],
)
def test_forged_and_broken_tokens_are_refused(token: str) -> None:
    with pytest.raises(AuthenticationError, match="not valid"):
        TOKENS.read(token)


def test_a_token_of_a_host_whose_clock_is_ahead_is_read() -> None:
    TOKENS.read(jwt.encode(claims(iat=datetime.now(UTC) + timedelta(seconds=3)), KEY, algorithm="HS256"))


def test_opaque_tokens_have_256_bits_and_their_own_prefix() -> None:
    made = {new_opaque_token(REFRESH_PREFIX) for _ in range(100)}
    assert len(made) == 100
    assert all(is_opaque_token(token, REFRESH_PREFIX) and len(token) == 4 + 43 for token in made)
    assert not any(is_opaque_token(token, INVITATION_PREFIX) for token in made)
    assert len(token_hash(made.pop())) == 32


@pytest.mark.parametrize("token", ["", "skr_", "skr_" + "x" * 42, "skr_" + "x" * 44, "skr_" + "é" * 43, "x" * 47])
def test_what_is_no_opaque_token(token: str) -> None:
    assert not is_opaque_token(token, REFRESH_PREFIX)
