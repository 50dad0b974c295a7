"""What is found of a person in texts: whole addresses and whole names, and nothing that only contains them."""

from __future__ import annotations

import pytest

from app.privacy.erasing import redacted, words_of

WORDS = words_of("ada@example.com", "Ada")


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ("ada@example.com", "erased"),
        ("Ask Ada <ada@example.com>.", "Ask erased <erased>."),
        ("Ada's, by Ada", "erased's, by erased"),
        ("Adalbert and Canada", "Adalbert and Canada"),
        ("my-ada@example.com, x.ada@example.com", "my-ada@example.com, x.ada@example.com"),
        ("ada@example.com.au", "ada@example.com.au"),
        ("It is ada@example.com. Really.", "It is erased. Really."),
        ("ADA", "ADA"),
    ],
)
def test_words(told: str, left: str) -> None:
    assert redacted({"Ada": [told, {"text": told, "count": 7}]}, WORDS) == {"Ada": [left, {"text": left, "count": 7}]}


def test_a_name_may_hold_any_signs() -> None:
    words = words_of("a@example.com", "Ada (L.) [x]")
    assert redacted("by Ada (L.) [x]!", words) == "by erased!"
