"""The example of `skyledger demo`: kept for the next start, and made anew where it is not."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from app.cli.example import Example, kept_example, open_example
from app.cli.processes import StopSignals
from app.config import Settings
from app.embedded import EngineUrls


@pytest.fixture
def urls(settings: Settings, engine_urls: EngineUrls) -> EngineUrls:
    assert settings.database_url is not None
    return EngineUrls(settings.database_url, engine_urls.redis_url)


@pytest.fixture
def embedded(settings: Settings) -> Settings:
    """Settings that name no database, and a file as old as the embedded one would have."""
    version = settings.data_dir / "engines" / "postgres" / "PG_VERSION"
    version.parent.mkdir(parents=True)
    version.touch()
    return settings.model_copy(update={"database_url": None, "redis_url": None})


async def opened(settings: Settings, urls: EngineUrls) -> Example:
    """Open it as a start does, which has a loop of its own."""
    return await asyncio.to_thread(open_example, settings, urls, StopSignals())


async def test_it_is_made_once(settings: Settings, urls: EngineUrls) -> None:
    settings.data_dir.mkdir()
    first = await opened(settings, urls)
    assert first == await opened(settings, urls) == kept_example(settings)
    assert (settings.data_dir / "demo.json").stat().st_mode & 0o777 == 0o600


async def test_another_database_gets_its_own(settings: Settings, urls: EngineUrls) -> None:
    settings.data_dir.mkdir()
    note = settings.data_dir / "demo.json"
    first = await opened(settings, urls)
    note.write_text(note.read_text().replace(first.slug, "of-another-database"))
    second = await opened(settings, urls)
    assert second.slug.startswith(f"{first.slug}-")
    assert second.password != first.password


async def test_an_embedded_database_that_is_younger_than_the_note_is_asked(
    embedded: Settings, urls: EngineUrls
) -> None:
    first = await opened(embedded, urls)
    note = embedded.data_dir / "demo.json"
    note.write_text(note.read_text().replace(first.slug, "of-another-database"))
    version = embedded.data_dir / "engines" / "postgres" / "PG_VERSION"
    assert (await opened(embedded, urls)).slug == "of-another-database"  # older than the note: nothing is asked
    os.utime(version, (note.stat().st_mtime + 5, note.stat().st_mtime + 5))
    assert (await opened(embedded, urls)).slug.startswith(first.slug)


@pytest.mark.parametrize("content", ["", '{"email": "cut o', "[]", '{"email": "a", "unknown": 1}'])
def test_a_broken_note_is_none(settings: Settings, content: str) -> None:
    settings.data_dir.mkdir()
    Path(settings.data_dir / "demo.json").write_text(content)
    assert kept_example(settings) is None
