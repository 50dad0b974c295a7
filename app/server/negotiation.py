"""Which media type a caller wants back, by the quality values of its Accept header."""

from __future__ import annotations

from functools import lru_cache

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
EVENT_STREAM = "text/event-stream"
HTML = "text/html"


# Clients send few and short headers, so the last answers are kept: 4 µs each, and no more than 50 KiB in all.
_LONGEST_KEPT = 200
_MOST_KEPT = 256


def choose(accept: str | None, offers: tuple[str, ...]) -> str | None:
    """The offer that the caller prefers, or None; `offers` come in our own order of preference.

    Ties go to the range that names the type exactly, then to the range written first, then to our order. Without a
    header everything is welcome.
    """
    may_be_kept = accept is None or len(accept) <= _LONGEST_KEPT
    return _kept_choice(accept, offers) if may_be_kept else _choice(accept, offers)


def _choice(accept: str | None, offers: tuple[str, ...]) -> str | None:
    if accept is None or not accept.strip():
        return offers[0]
    ranges = [_parse(part, position) for position, part in enumerate(accept.split(",")) if part.strip()]
    best: tuple[tuple[float, int, int, int], str] | None = None
    for order, offer in enumerate(offers):
        matching = [entry for entry in ranges if _matches(entry[0], offer)]
        if not matching:
            continue
        # RFC 9110 12.5.1: the most specific range that matches decides the quality of an offer.
        range_, quality, position = max(matching, key=lambda entry: (_specificity(entry[0]), -entry[2]))
        if quality <= 0:
            continue
        rank = (quality, _specificity(range_), -position, -order)
        if best is None or rank > best[0]:
            best = (rank, offer)
    return best[1] if best else None


_kept_choice = lru_cache(_MOST_KEPT)(_choice)


def media_type_of(content_type: str | None) -> tuple[str, str]:
    """Media type and charset of a Content-Type header, in lower case; utf-8 when it names none."""
    media_type, *parameters = (content_type or "").lower().split(";")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset":
            return media_type.strip(), value.strip().strip('"')
    return media_type.strip(), "utf-8"


def _parse(part: str, position: int) -> tuple[str, float, int]:
    media_range, *parameters = part.lower().split(";")
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = min(max(float(value), 0.0), 1.0)
            except ValueError:
                quality = 0.0
    return media_range.strip(), quality, position


def _matches(media_range: str, offer: str) -> bool:
    return media_range in {"*/*", offer} or (media_range.endswith("/*") and offer.startswith(media_range[:-1]))


def _specificity(media_range: str) -> int:
    if media_range == "*/*":
        return 0
    return 1 if media_range.endswith("/*") else 2
