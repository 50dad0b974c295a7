"""What all campaigns share."""

from __future__ import annotations

import pytest

from tests.campaigns.record import FILE, Recorder


@pytest.fixture
def recorder(request: pytest.FixtureRequest) -> Recorder:
    """Where figures are written, if anywhere."""
    return Recorder(FILE if request.config.getoption("--record") else None)
