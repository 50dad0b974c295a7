"""The form of API keys: read back exactly, and every typing error caught before a store is asked."""

from __future__ import annotations

import re
import zlib
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.auth.api_keys import looks_like_api_key, new_api_key, read_api_key
from app.errors import AuthenticationError

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@given(st.uuids())
def test_a_key_names_its_row(key_id: UUID) -> None:
    text = new_api_key(key_id)
    presented = read_api_key(text)
    assert presented.id == key_id
    assert presented.matches(read_api_key(text).secret_hash)
    assert not presented.matches(read_api_key(new_api_key(key_id)).secret_hash)


def test_form_and_entropy() -> None:
    text = new_api_key(uuid4())
    form = re.fullmatch(r"sky_([0-9A-Za-z]{22})_([0-9A-Za-z]{27})([0-9A-Za-z]{6})", text)
    assert form is not None
    assert 62 ** len(form[2]) >= 2**160
    assert looks_like_api_key(text)
    assert form[2] not in repr(read_api_key(text))


@given(st.integers(min_value=4, max_value=58), st.sampled_from(DIGITS))
def test_one_wrong_character_is_caught(place: int, digit: str) -> None:
    text = new_api_key(UUID(int=0x0193_0000_0000_7000_8000_0000_0000_0001))
    wrong = text[:place] + digit + text[place + 1 :]
    if wrong == text:
        assert read_api_key(wrong)
        return
    with pytest.raises(AuthenticationError, match="typing error"):
        read_api_key(wrong)


@pytest.mark.parametrize("text", ["", "sky_", "sky_x_y", "SKY_" + "0" * 56, "sky_" + "z" * 22 + "_" + "0" * 33])
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(AuthenticationError):
        read_api_key(text)


def test_an_id_beyond_128_bits_is_no_key() -> None:
    # 22 digits of base 62 reach beyond 2^128, and somebody may make the checksum fit.
    body = "sky_" + "z" * 22 + "_" + "0" * 27
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = DIGITS[digit] + digits
    with pytest.raises(AuthenticationError):
        read_api_key(body + digits)
