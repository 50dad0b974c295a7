"""One data folder for all tests that only need engines that can be started."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded.engine_probes import new_folder


@pytest.fixture(scope="session")
def data_dir() -> Iterator[Path]:
    """A data folder used again and again: its database is made by the first test that starts the engines."""
    with new_folder() as folder:
        yield folder


@pytest.fixture
def fresh_dir() -> Iterator[Path]:
    """A data folder that does not exist yet."""
    with new_folder() as folder:
        yield folder
