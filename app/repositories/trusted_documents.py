"""SQL of trusted documents."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import RowMapping, Table, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.models import TrustedDocument

_DOCUMENTS: Table = TrustedDocument.__table__  # type: ignore[assignment]
_TEXTS = "SELECT digest, text FROM trusted_documents WHERE digest = ANY($1::bytea[])"


async def texts_of(database: Database, digests: Collection[bytes]) -> Mapping[bytes, str]:
    """The texts of the documents that there are."""
    rows = await database.fetch(_TEXTS, [list(digests)], organization_id=None)
    return {row["digest"]: row["text"] for row in rows}


async def add_documents(session: AsyncSession, rows: Sequence[Mapping[str, object]]) -> set[bytes]:
    """Add what is not there yet; the digests of what was added."""
    statement = insert(_DOCUMENTS).values(list(rows)).on_conflict_do_nothing().returning(_DOCUMENTS.c.digest)
    return set((await session.execute(statement)).scalars())


async def remove_documents(session: AsyncSession, digests: Collection[bytes]) -> set[bytes]:
    """Remove documents; the digests of those that were there."""
    statement = delete(_DOCUMENTS).where(_DOCUMENTS.c.digest.in_(digests)).returning(_DOCUMENTS.c.digest)
    return set((await session.execute(statement)).scalars())


async def all_documents(session: AsyncSession) -> Sequence[RowMapping]:
    """Digest, names and time of all documents, the newest last."""
    columns = (_DOCUMENTS.c.digest, _DOCUMENTS.c.names, _DOCUMENTS.c.published_at)
    statement = select(*columns).order_by(_DOCUMENTS.c.published_at, _DOCUMENTS.c.digest)
    return (await session.execute(statement)).mappings().all()
