"""Patterns of tag values that people write: regular expressions that cannot keep a process busy.

Python's matcher tries one way after the other, and `(a+)+$` on thirty letters takes minutes. So a pattern may use a
part of the syntax only, in which the number of ways can be told before: every `*`, `+`, `?`, `|` and the place at which
a pattern begins multiply it, and what may be repeated is a single character or a class of them, never a group.
"""

from __future__ import annotations

import re
from functools import lru_cache

LONGEST_PATTERN = 200
LONGEST_VALUE = 256
"""Of a value that a pattern is looked for in; no cloud has longer ones. In a longer one no pattern is found."""
MOST_WAYS = 4 * LONGEST_VALUE**2
_ESCAPED = frozenset("dDwWsSbB")
_REPEAT = re.compile(r"[*+?]|\{\d+\}|\{\d*,\d*\}")
_SET_SIGNS = ("[", "--", "&&", "~~", "||")
"""Reserved within a class: one day they may mean sets."""


class PatternError(Exception):
    """A pattern that cannot be used; the message says why."""


@lru_cache(maxsize=1_000)
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern to be looked for anywhere in a value, `^` and `$` being its ends. Raises PatternError."""
    if not 1 <= len(pattern) <= LONGEST_PATTERN:
        message = f"A pattern has 1 to {LONGEST_PATTERN} characters."
        raise PatternError(message)
    ways = _Reader(pattern).ways()
    if ways > MOST_WAYS:
        message = (
            "The pattern could take too long: it has too many of `*`, `+`, `?` and `|`. It is looked for anywhere in "
            "a value, so `.*` at its ends can be left out; one that begins with `^` may have more of them."
        )
        raise PatternError(message)
    try:
        return re.compile(pattern)
    except (re.error, OverflowError) as error:
        message = f"The pattern is no regular expression: {error}."
        raise PatternError(message) from None


@lru_cache(maxsize=20_000)
def is_in(pattern: str, value: str) -> bool:
    """Whether a pattern is found in a value; the same values come again and again. Raises PatternError."""
    return len(value) <= LONGEST_VALUE and compiled(pattern).search(value) is not None


class _Reader:
    """Reads a pattern once, from left to right, and counts the ways in which it may be tried on a value."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def ways(self) -> int:
        """In the worst case, for a value of the longest kind."""
        if self.pattern.startswith("(?i)"):
            self.at = 4
        is_anchored = self._next() == "^"
        branches, found = self._either()
        if self.at < len(self.pattern):
            message = f"The pattern has a `)` too much, at {self.at + 1}."
            raise PatternError(message)
        return found if is_anchored and branches == 1 else found * LONGEST_VALUE

    def _either(self) -> tuple[int, int]:
        """What stands between bars, up to a `)` or the end: how many branches, and their ways together."""
        branches, found = 1, self._sequence()
        while self._next() == "|":
            self.at += 1
            branches += 1
            found += self._sequence()
        return branches, found

    def _sequence(self) -> int:
        found = 1
        while self._next() not in {"", "|", ")"}:
            found *= self._part()
        return found

    def _part(self) -> int:
        """One character, class or group with its repetition."""
        if self._next() == "(":
            ways = self._group()
            return self._repeated(ways, is_group=True)
        if self._next() == "[":
            self._class()
        elif self._next() == "\\":
            self._escape()
        else:
            self.at += 1
        return self._repeated(1, is_group=False)

    def _repeated(self, ways: int, *, is_group: bool) -> int:
        found = _REPEAT.match(self.pattern, self.at)
        if found is None:
            return ways
        self.at = found.end()
        self.at += self._next() == "?"
        if _REPEAT.match(self.pattern, self.at):
            self._refuse("repeats what is repeated already")
        if found.group() == "?":
            return ways + 1
        if is_group:
            self._refuse("repeats a group; repeat single characters or classes such as `[a-z]`")
        return LONGEST_VALUE if found.group() in {"*", "+"} or "," in found.group() else 1

    def _group(self) -> int:
        self.at += 1
        if self._next() == "?":
            if not self.pattern.startswith("?:", self.at):
                self._refuse("has a group with `(?`; only `(?:` is known, and `(?i)` at the begin")
            self.at += 2
        _, found = self._either()
        if self._next() != ")":
            self._refuse("has a group that does not end")
        self.at += 1
        return found

    def _class(self) -> None:
        self.at += 1
        self.at += self._next() == "^"
        begin = self.at
        while self._next() != "]" or self.at == begin:
            if self._next() == "":
                self._refuse("has a `[` that does not end")
            if self.pattern.startswith(_SET_SIGNS, self.at):
                self._refuse("has a sign in a class that must be escaped, as in `\\[`")
            if self._next() == "\\":
                self._escape()
            else:
                self.at += 1
        self.at += 1

    def _escape(self) -> None:
        self.at += 1
        escaped = self._next()
        if escaped == "" or (escaped.isalnum() and escaped not in _ESCAPED):
            self._refuse(f"has `\\{escaped}`; only `\\d`, `\\w`, `\\s`, `\\b` and signs are escaped")
        self.at += 1

    def _next(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def _refuse(self, why: str) -> None:
        message = f"The pattern {why}, at {self.at + 1}."
        raise PatternError(message)
