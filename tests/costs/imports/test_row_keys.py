"""Keys of rows: equal for equal content and for no other, whatever was the same in the frames before."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from app.costs.imports.interning import NONE, Interned
from app.costs.imports.keys import GroupKeys, RowKeys

VALUES = st.sampled_from(("a", "b", "", None))
ROWS = st.lists(st.tuples(VALUES, VALUES, VALUES), max_size=5)
COLUMNS = ("one", "two", "three", "absent")


def frame_of(rows: list[tuple[str | None, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS[:3], pl.String), orient="row")


@given(frames=st.lists(ROWS, max_size=5))
def test_rows_have_one_key_where_they_hold_the_same(frames: list[list[tuple[str | None, ...]]]) -> None:
    """Among those of one age, over any frames."""
    keys = RowKeys("test", COLUMNS)
    of_content: dict[int, dict[tuple[str | None, ...], int]] = {}
    for rows in frames:
        found = keys.of(frame_of(rows)).to_list()
        known = of_content.setdefault(keys.age, {})
        for row, key in zip(rows, found, strict=True):
            assert known.setdefault(row, key) == key
    for known in of_content.values():
        assert len(set(known.values())) == len(known)


@given(frames=st.lists(ROWS, max_size=5))
def test_interned_rows_keep_their_ids_when_what_was_the_same_changes(
    frames: list[list[tuple[str | None, ...]]],
) -> None:
    """Each content has its id, whatever the age of its key."""
    contents: list[tuple[str | None, ...]] = []

    def described(distinct: pl.DataFrame) -> pl.DataFrame:
        for row in distinct.rows():
            if row not in contents:
                contents.append(row)
        ids = [contents.index(row) + 1 for row in distinct.rows()]
        return distinct.select(pl.Series("id", ids, dtype=pl.Int64), *COLUMNS[:3])

    keys, interned = RowKeys("test", COLUMNS), Interned(COLUMNS[:3], described)
    stored: dict[int, tuple[str | None, ...]] = {}
    for rows in frames:
        frame = frame_of(rows)
        frame = frame.with_columns(keys.of(frame))
        ids, new = interned.intern(frame, pl.col(keys.name), keys.age)
        stored |= {} if new is None else {id_: tuple(row) for id_, *row in new.rows()}
        assert [stored[id_] for id_ in ids] == rows
    assert NONE not in stored


def test_files_with_other_columns_begin_anew() -> None:
    """What a row without a column comes to is not what one with a null in it comes to."""
    keys = GroupKeys()
    keys.begin({"provider_name"})
    keys.added_to(pl.DataFrame({"provider_name": ["AWS"]}))
    age = keys.cost.age
    keys.begin({"provider_name"})
    keys.added_to(pl.DataFrame({"provider_name": ["AWS"]}))
    assert keys.cost.age == age
    keys.begin({"provider_name", "host_provider_name"})
    frame = pl.DataFrame({"provider_name": ["AWS"], "host_provider_name": pl.Series([None], dtype=pl.String)})
    keys.added_to(frame)
    assert keys.cost.age == age + 1
