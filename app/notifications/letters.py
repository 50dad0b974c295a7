"""Letters: what a mail says, once as plain text and once as simple HTML."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from html import escape

_WIDTH = 72
_BODY = "font-family: sans-serif; font-size: 16px; line-height: 1.5; max-width: 36em; margin: 2em auto; padding: 0 1em"
_BUTTON = "background: #1f6feb; color: #fff; padding: 0.6em 1.2em; border-radius: 6px; text-decoration: none"


@dataclass(frozen=True)
class Link:
    """Something to follow, a line of its own."""

    label: str
    url: str = field(repr=False)


@dataclass(frozen=True)
class Code:
    """Something to copy, a line of its own."""

    text: str = field(repr=False)


@dataclass(frozen=True)
class Letter:
    """A subject and what is said, one paragraph after the other."""

    subject: str
    paragraphs: tuple[str | Link | Code, ...]

    def as_text(self) -> str:
        """Plain text in lines of 72 characters; a link or a code is never broken."""
        return "\n\n".join(_text(each) for each in self.paragraphs) + "\n"

    def as_html(self) -> str:
        """One page without pictures, styles or scripts from elsewhere."""
        body = "\n".join(f"<p>{_html(each)}</p>" for each in self.paragraphs)
        return (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            f"<title>{escape(self.subject)}</title></head>\n"
            f'<body style="{_BODY}">\n{body}\n</body></html>\n'
        )


def _text(part: str | Link | Code) -> str:
    if isinstance(part, Link):
        return part.url
    if isinstance(part, Code):
        return part.text
    return textwrap.fill(part, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _html(part: str | Link | Code) -> str:
    if isinstance(part, Link):
        url = escape(part.url, quote=True)
        return f'<a href="{url}" style="{_BUTTON}">{escape(part.label)}</a></p>\n<p>{url}'
    if isinstance(part, Code):
        return f"<code>{escape(part.text)}</code>"
    return escape(part)
