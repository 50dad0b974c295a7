"""Reads the examples out of pages: a block in a language that runs, and behind it what it prints."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs"
RUN = ("sh", "python", "typescript")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```\n", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """An example of a page: its language, its text, the language of what it prints, and that."""

    page: str
    language: str
    text: str
    printed_as: str
    printed: str


def examples_of(page: str) -> list[Example]:
    """All examples of a page that run, in order; each has to say what it prints."""
    blocks = _BLOCK.findall((FOLDER / page).read_text())
    found = []
    for (language, text), (printed_as, printed) in pairwise([*blocks, ("", "")]):
        if language in RUN:
            assert printed_as in {"json", "text"}, f"{page}: nothing says what this prints:\n{text}"
            found.append(Example(page, language, text, printed_as, printed.strip()))
    return found


def pages() -> list[str]:
    """The pages with examples."""
    return sorted(path.name for path in FOLDER.glob("*.md") if examples_of(path.name))
