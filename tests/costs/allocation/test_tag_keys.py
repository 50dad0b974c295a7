"""Spellings of a tag key are one key, whatever the order in which tags come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.costs.allocation.tag_keys import allocation_id, allocation_of, normal_key, tag_value

SPELLINGS = ("org", " org", "ORG", "Org ", "cost  Center", "cost center", "COST\tCENTER", "costcenter", "team")
VALUES = st.sampled_from(["a", "b", " c ", "", "  ", None, True, 7, 1.5, ["x", "y"], {"k": 1}])


@pytest.mark.parametrize(
    ("spelling", "key"),
    [(" Org", "org"), ("cost \t Center ", "cost center"), ("Cost_Center", "cost_center"), ("ÄMT", "ämt"), ("  ", "")],
)
def test_the_normal_form(spelling: str, key: str) -> None:
    assert normal_key(spelling) == key
    assert normal_key(key) == key


def test_values_are_text_without_blanks_around_it_and_keep_their_case() -> None:
    assert tag_value(" Web ") == "Web"
    assert (tag_value(value=True), tag_value(7)) == ("true", "7")
    assert tag_value({"b": 1, "a": [None]}) == '{"a":[null],"b":1}'
    assert (tag_value(None), tag_value(""), tag_value(" ")) == (None, None, None)


def test_the_normal_form_itself_is_asked_first_then_the_others_by_code_point() -> None:
    assert allocation_of({"ORG": "1", " org": "2", "org": "3"}, ["org"]) == {"org": "3"}
    assert allocation_of({"ORG": "1", " org": "2"}, ["org"]) == {"org": "2"}
    assert allocation_of({"org": "", "ORG": "1"}, ["org"]) == {"org": "1"}
    assert allocation_of({"org": None, "team": "x"}, ["org"]) == {}


@given(
    st.dictionaries(st.sampled_from(SPELLINGS), VALUES),
    st.randoms(),
    st.lists(st.sampled_from(["org", "cost center", "team"]), unique=True),
)
def test_the_order_of_tags_and_of_promoted_keys_does_not_matter(
    tags: dict[str, object], random: st.DrawFn, promoted: list[str]
) -> None:
    shuffled = list(tags.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    found = allocation_of(tags, promoted)
    again = allocation_of(dict(shuffled), promoted[::-1])
    assert list(again.items()) == list(found.items())
    assert set(found) <= set(promoted)
    assert allocation_id(again) == allocation_id(found)
    assert (allocation_id(found) == 0) == (not found)


def test_ids_tell_keys_from_values() -> None:
    sets = [{"a": "b\x1fc"}, {"a": "b", "c": ""}, {"a": "b"}, {"b": "a"}, {"a\x1fb": "c"}]
    assert len({allocation_id(each) for each in sets}) == len(sets)
