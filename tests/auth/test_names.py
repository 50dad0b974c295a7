"""Names and e-mail addresses: one form of each, and nothing that cannot be stored."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.auth.names import checked_name, normal_email
from app.errors import BadUserInputError


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        ("  ada@example.com\n", "ada@example.com"),
        ("ada\uff20example.com", "ada@example.com"),  # the full-width @ of a Japanese keyboard
        ("ada+tag@sub.example.co.uk", "ada+tag@sub.example.co.uk"),
        ("grüße@exämple.de", "grüße@exämple.de"),
    ],
)
def test_addresses_have_one_form(typed: str, normal: str) -> None:
    assert normal_email(typed) == normal


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ada",
        "ada@",
        "@example.com",
        "ada@example",
        "a@b@example.com",
        "ada lovelace@example.com",
        "ada@-example.com",
        "ada@example..com",
        "ada\u200b@example.com",
        "ada\x00@example.com",
        "\ud800@example.com",
        "x" * 65 + "@example.com",
        "ada@" + "x" * 300 + ".com",
        "ada@example.com, eve@example.com",
    ],
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(BadUserInputError, match="e-mail address") as refusal:
        normal_email(typed)
    assert refusal.value.path == ("input", "email")


@given(st.text(max_size=300))
def test_the_form_of_an_address_is_stable(typed: str) -> None:
    try:
        normal = normal_email(typed)
    except BadUserInputError:
        return
    assert normal_email(normal) == normal
    normal.encode()


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "two\nlines", "nul\x00", "half \ud800"])
def test_bad_names(name: str) -> None:
    with pytest.raises(BadUserInputError):
        checked_name(name, ("input", "name"))


def test_names_lose_the_blanks_around_them() -> None:
    assert checked_name("  Ada Lovelace ", ("input", "name")) == "Ada Lovelace"
