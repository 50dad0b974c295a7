"""Patterns of tag values: what can be said with them, and that none of them takes long."""

from __future__ import annotations

import re
import time

import pytest

from app.detection.patterns import LONGEST_VALUE, PatternError, compiled, is_in


@pytest.mark.parametrize(
    ("pattern", "value", "is_found"),
    [
        ("prod", "my-production", True),
        ("^prod$", "production", False),
        ("^(dev|test)-[a-z]+", "test-web", True),
        ("(?i)^keep", "KEEP until May", True),
        (r"^v\d+\.\d+$", "v1.25", True),
        ("a{2,3}b?", "xaay", True),
        ("^team-(?:web|app)?$", "team-", True),
        (r"[\]\[]", "a[0]", True),
        ("[]a]x", "]x", True),
        ("a{", "a{", True),
        ("x", "y" * LONGEST_VALUE + "x", False),  # longer than any cloud's: not looked at
    ],
)
def test_what_is_found(pattern: str, value: str, is_found: bool) -> None:
    assert is_in(pattern, value) is is_found


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("", "1 to 200 characters"),
        ("x" * 201, "1 to 200 characters"),
        ("(a+)+$", "repeats a group"),
        ("(?:a|aa){2}", "repeats a group"),
        ("a{,5}b{,5}c{,5}", "too long"),
        ("a*b*c*", "too long"),
        ("^a.*b.*c.*d", "too long"),
        ("a?" * 20, "too long"),
        ("(a|b)" * 20, "too long"),
        ("^a|.*b.*c", "too long"),
        ("a**", "repeats what is repeated"),
        ("a*+", "repeats what is repeated"),
        ("a*?+", "repeats what is repeated"),
        (r"(a)\1", "only `\\d`"),
        ("a\\", "only `\\d`"),
        ("(?=a)", "only `(?:`"),
        ("(?P<n>a)", "only `(?:`"),
        ("(a", "does not end"),
        ("[a", "does not end"),
        ("[[:alpha:]]", "must be escaped"),
        ("a)", "`)` too much"),
        ("*a", "no regular expression"),
        ("[z-a]", "no regular expression"),
        ("a{99999999999999999999}", "no regular expression"),
    ],
)
def test_what_cannot_be_used_is_told(pattern: str, why: str) -> None:
    with pytest.raises(PatternError, match=re.escape(why)):
        compiled(pattern)


@pytest.mark.parametrize(
    "pattern", ["^a*a*b", "a*b", "^(a|a)(a|a)a*a*b", "^a?a?a*a*b", "(a|a)(a|a)a*b", "^[a-z]*[a-z]{0,255}!", r"\w+\s"]
)
def test_none_takes_long(pattern: str) -> None:
    begin = time.perf_counter()
    is_in(pattern, "a" * LONGEST_VALUE)
    # It takes milliseconds; those that are refused take minutes and more.
    assert time.perf_counter() - begin < 5
