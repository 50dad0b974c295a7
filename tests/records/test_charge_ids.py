"""Ids of charges: packed and unpacked without loss, and refused where nothing fits."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.records.charge_ids import ChargeKey, decode_charge_id, encode_charge_id

MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2149, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(st.integers(0, 2**63 - 1), MOMENTS, st.integers(0, 2**32 - 1))
def test_an_id_tells_what_it_was_made_of(import_period_id: int, moment: datetime, line_no: int) -> None:
    key = decode_charge_id(encode_charge_id(import_period_id, moment, line_no))
    assert key == ChargeKey(import_period_id, moment.date(), line_no)
    assert key is not None
    assert key.begin <= moment < key.end


def test_the_day_is_that_of_utc() -> None:
    evening = datetime(2026, 10, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    key = decode_charge_id(encode_charge_id(1, evening, 1))
    assert key is not None
    assert key.day == date(2026, 9, 30)


def test_the_bits_stand_where_they_are_said_to() -> None:
    id_ = encode_charge_id(0x0102030405060708, datetime(1970, 1, 3, tzinfo=UTC), 0x0A0B0C0D)
    assert id_.hex == "0102030405060708000200000a0b0c0d"


@pytest.mark.parametrize(("import_period_id", "line_no"), [(-1, 1), (2**63, 1), (1, -1), (1, 2**32)])
def test_numbers_that_do_not_fit_are_refused(import_period_id: int, line_no: int) -> None:
    with pytest.raises(ValueError, match="no charge has the key"):
        encode_charge_id(import_period_id, datetime(2026, 10, 1, tzinfo=UTC), line_no)


@pytest.mark.parametrize("text", ["ffffffffffffffff0000000000000001", "00000000000000010001000100000001"])
def test_other_ids_are_no_charges(text: str) -> None:
    assert decode_charge_id(UUID(hex=text)) is None
