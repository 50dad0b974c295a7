"""Every column that refers to a person is in the list of places: a new table cannot be forgotten."""

from __future__ import annotations

import re

from sqlalchemy import LargeBinary

from app.models import Base
from app.privacy.archive import file_of
from app.records.personal_data import HIDDEN, NO_COPIES, NO_PERSON, PLACES, TEXTS, By

REFERS = re.compile(r"(^|_)(email|user|actor|session|principal|person|owner|author|recipient|client)(_|$)|_by$")
COPIES = re.compile(r"(^|_)(body|data|summary)$")
# What only says of which kind a column beside it is.
KINDS = {"actor_kind"}


def referring() -> set[str]:
    """All columns that are named like a reference to a person, or point to a user."""
    found = set()
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            points = any(key.column.table.name in {"users", "sessions"} for key in column.foreign_keys)
            if (REFERS.search(column.name) and column.name not in KINDS) or points:
                found.add(f"{table.name}.{column.name}")
    return found


def test_every_reference_to_a_person_is_a_place_or_has_a_reason() -> None:
    listed = {f"{place.table}.{place.column}" for place in PLACES if (place.table, place.column) != ("users", "id")}
    assert listed | NO_PERSON.keys() == referring()
    assert not listed & NO_PERSON.keys()
    assert all(NO_PERSON.values())
    assert all(place.left_out != "" for place in PLACES)


def test_every_copy_of_texts_says_what_erases_people_in_it() -> None:
    named = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if COPIES.search(column.name)
    }
    assert TEXTS.keys() | NO_COPIES.keys() == named
    assert not TEXTS.keys() & NO_COPIES.keys()


def test_places_are_of_columns_that_exist() -> None:
    for place in PLACES:
        table = Base.metadata.tables[place.table]
        assert place.column in table.c, place
        if place.by is By.ACTOR and place.left_out is None:
            assert "actor_kind" in table.c, place
    names = [file_of(place) for place in PLACES if place.left_out is None]
    assert len(names) == len(set(names))


def test_an_archive_has_no_secret() -> None:
    """Hashes and sealed secrets are bytes, which no archive has; what is text and a secret is hidden by its name."""
    secret = re.compile("hash|secret|sealed|token|salt|wrapped|password|key_id")
    for place in PLACES:
        if place.left_out is None:
            for column in Base.metadata.tables[place.table].columns:
                if secret.search(column.name) and column.name not in HIDDEN:
                    assert isinstance(column.type, LargeBinary) or column.name == "fencing_token", (place, column.name)
