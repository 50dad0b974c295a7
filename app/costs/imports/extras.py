"""Columns that FOCUS does not know, by frames: kept as one object a row, and read for what is missing elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson
import polars as pl

from app.costs.conformance import shortened
from app.costs.imports.columns import REPORTED
from app.costs.imports.frames import LINE
from app.costs.normalise import EXTRA_COLUMNS, TOO_MANY, tags_of_list, too_long
from app.costs.values import JSON_BYTES, JsonValue, UnusableValueError, is_null, read_json
from app.records import RowIssue

EXTRA: Final = "extra"
# Python's blanks, as `is_null` counts them.
NOTHING: Final = r"^[\s\x1c-\x1f]*(?i:null)?[\s\x1c-\x1f]*$"
_KEY: Final = "\x00key"
_NUL: Final = "\\u0000"


@dataclass(slots=True)
class Extras:
    """The objects of a frame's rows as JSON text (null where a row has none), and rows that cannot be kept."""

    texts: pl.Series
    wrong: pl.Series | None = None
    issues: list[RowIssue] = field(default_factory=list)


def read_extras(frame: pl.DataFrame, extras: Mapping[str, str]) -> Extras:
    """The unknown columns of each row as one JSON object, made once for equal rows.

    `extras` has the name under which each column of the frame is kept. The bounds are those of a row.
    """
    if not extras:
        return Extras(pl.repeat(None, frame.height, dtype=pl.String, eager=True).alias(EXTRA))
    columns = list(extras)
    key = frame.select(pl.struct(columns).hash()).to_series().alias(_KEY)
    distinct = frame.select(columns).with_columns(key).unique(subset=_KEY, keep="any")
    keys = distinct.get_column(_KEY)
    texts: list[str | None] = []
    broken: dict[int, list[RowIssue]] = {}
    for place, row in enumerate(distinct.select(columns).iter_rows()):
        found = {extras[name]: value for name, value in zip(columns, row, strict=True) if not is_null(value)}
        text = json_text(found) if found else None
        texts.append(text)
        if text is not None and (len(text) > JSON_BYTES or _NUL in text or len(found) > EXTRA_COLUMNS):
            issues = list(_problems(found.items()))
            if issues:
                broken[keys[place]] = issues
    read = Extras(key.replace_strict(keys, pl.Series(texts, dtype=pl.String), return_dtype=pl.String).alias(EXTRA))
    if broken:
        read.wrong = key.is_in(pl.Series(list(broken), dtype=key.dtype).implode())
        told = frame.select(LINE).with_columns(key).filter(read.wrong).head(REPORTED)
        read.issues = [
            RowIssue(line, issue.column, issue.value, issue.reason)
            for line, row_key in told.iter_rows()
            for issue in broken[row_key]
        ]
    return read


def json_text(value: object) -> str:
    """The one text of a JSON value."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _problems(items: Iterable[tuple[str, object]]) -> Iterable[RowIssue]:
    """What a row with these columns is refused for, as `app.costs.normalise` refuses it."""
    kept: dict[str, JsonValue] = {}
    for name, raw in items:
        if len(kept) >= EXTRA_COLUMNS:
            yield RowIssue(0, name, shortened(raw), TOO_MANY)
            break
        try:
            kept[name] = read_json(raw)
        except UnusableValueError as error:
            yield RowIssue(0, name, shortened(raw), f"{name} {error}")
    reason = too_long(kept)
    if reason is not None:
        yield RowIssue(0, None, None, reason)


def tags_of(sent: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Google's lists of tags as objects, and in which rows there is something else."""
    distinct = sent.unique()
    texts: list[str | None] = []
    wrong: list[bool] = []
    for raw in distinct:
        text, bad = None, False
        if not is_null(raw):
            try:
                text = json_text(tags_of_list(raw))
            except UnusableValueError:
                bad = True
        texts.append(text)
        wrong.append(bad)
    tags = sent.replace_strict(distinct, pl.Series(texts, dtype=pl.String), return_dtype=pl.String)
    return tags, sent.replace_strict(distinct, pl.Series(wrong, dtype=pl.Boolean), return_dtype=pl.Boolean)
