"""What is reported to Sentry, in the rooms that report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sentry_sdk.transport import Transport

from app import error_reports


@pytest.fixture
def error_reports_of() -> Iterator[list[bytes]]:
    """What is reported to Sentry, whose client is the real one."""
    sent: list[bytes] = []

    class FarSide(Transport):
        def capture_envelope(self, envelope: Any) -> None:
            sent.append(envelope.serialize())

    error_reports.start("http://public@127.0.0.1:9/1", "tests", "1", transport=FarSide())
    yield sent
    error_reports.stop()
