"""Advisers that say what a test tells them to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import RowMapping, text

from app.database import Database
from app.pricing.book import seed_book
from app.providers.base import Cloud
from app.providers.opinions import FoundOpinion, OpinionReader, OpinionSource
from app.providers.problems import ProviderError
from app.recommendations.look import look, start_look
from app.recommendations.look_at_opinions import look_at_opinions
from app.recommendations.measure import Measuring
from app.recommendations.read_opinions import read_opinions
from app.records import Provider
from app.records.detection import Remedy
from app.records.recommendations import HistoryKind
from tests.recommendations.far import Far, Held, tools_over
from tests.repositories.found import ACCOUNT, ORGANIZATION

HUB, OPTIMIZER = OpinionSource.COST_OPTIMIZATION_HUB, OpinionSource.COMPUTE_OPTIMIZER
Said = list[list[FoundOpinion] | ProviderError]
Pages = dict[OpinionSource, Said]


def said(resource: str | None = "vol-1", saving: str | None = "10", **values: Any) -> FoundOpinion:
    """What Cost Optimization Hub says of a volume."""
    plain: dict[str, Any] = {
        "source": HUB,
        "native_id": f"Delete {resource}",
        "kind": "Delete",
        "remedy": Remedy.DELETE,
        "title": f"Delete {resource}",
        "resource_native_id": resource,
        "resource_type": "AWS::EC2::Volume",
        "monthly_saving": None if saving is None else Decimal(saving),
        "currency": None if saving is None else "USD",
        "saving_reason": "It is not told." if saving is None else None,
    }
    return FoundOpinion(**(plain | values))


@dataclass
class Advised:
    """A cloud whose advisers tell pages, one after the other, and problems in between."""

    pages: Pages
    asked: list[OpinionSource] = field(default_factory=list)
    provider = Provider.AWS

    def advisers(self) -> tuple[OpinionReader, ...]:
        return tuple(OpinionReader(source, (), self._reader(source)) for source in self.pages)

    def _reader(self, source: OpinionSource) -> Any:
        def pages(_: Any) -> Iterator[list[FoundOpinion]]:
            self.asked.append(source)
            for page in self.pages[source]:
                if isinstance(page, ProviderError):
                    raise page
                yield page

        return pages


async def advise(database: Database, pages: Pages) -> Advised:
    """Read what advisers say of the account."""
    cloud = Advised(pages)
    job = Held(database)
    looking = await start_look(database, ORGANIZATION, ACCOUNT, seed_book(), job.hold)
    assert looking is not None
    measuring = Measuring(job, tools_over(), looking, Far(), "111122223333")
    await read_opinions(measuring, cast("Cloud", cloud))
    return cloud


async def looked(database: Database) -> dict[HistoryKind, int]:
    """Look at the account and at what its advisers say of it; what has changed, by kind."""
    looking = await start_look(database, ORGANIZATION, ACCOUNT, seed_book(), Held(database).hold)
    assert looking is not None
    await look(looking)
    await look_at_opinions(looking)
    return looking.changes.counts


async def opinions(database: Database) -> dict[str, RowMapping]:
    """What is stored, by native id."""
    async with database.read(ORGANIZATION) as session:
        rows = (await session.execute(text("SELECT * FROM provider_opinions"))).mappings().all()
    return {row["native_id"]: row for row in rows}


async def readings(database: Database) -> dict[str, RowMapping]:
    """How the readings went, by source."""
    async with database.read(ORGANIZATION) as session:
        rows = (await session.execute(text("SELECT * FROM opinion_readings"))).mappings().all()
    return {row["source"]: row for row in rows}
