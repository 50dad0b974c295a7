"""Tokens of mails: made of a row's id and the secret key, stored nowhere."""

from __future__ import annotations

import pytest

from app.auth.identity_mails import LIVES, MailKind, MailTokens
from app.models import new_id

KEY = "k" * 48
TOKENS = MailTokens(KEY)


@pytest.mark.parametrize("kind", LIVES)
def test_a_token_tells_its_mail_and_is_the_same_again(kind: MailKind) -> None:
    mail_id = new_id()
    token = TOKENS.make(kind, mail_id)
    assert TOKENS.make(kind, mail_id) == token
    assert TOKENS.read(token) == (kind, mail_id)
    assert TOKENS.make(kind, new_id()) != token


def test_a_token_of_one_kind_is_none_of_another() -> None:
    mail_id = new_id()
    bodies = {TOKENS.make(kind, mail_id)[4:] for kind in LIVES}
    assert len(bodies) == len(LIVES)
    verify = TOKENS.make(MailKind.VERIFY_EMAIL, mail_id)
    assert TOKENS.read("skp_" + verify[4:]) is None


def test_nobody_makes_a_token_without_the_key() -> None:
    mail_id = new_id()
    token = TOKENS.make(MailKind.RESET_PASSWORD, mail_id)
    assert MailTokens("x" * 48).read(token) is None
    for place in range(4, len(token)):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert TOKENS.read(changed) is None


@pytest.mark.parametrize("token", ["", "skp_", "skp_" + "x" * 63, "skp_" + "x" * 65, "skq_" + "x" * 64, "\ud800" * 68])
def test_what_is_no_token(token: str) -> None:
    assert TOKENS.read(token) is None


def test_a_password_is_reset_within_an_hour() -> None:
    assert LIVES[MailKind.RESET_PASSWORD].total_seconds() <= 3600
