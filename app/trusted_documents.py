"""Trusted documents: what an operator has published, found again by its SHA-256."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from sqlalchemy import RowMapping

from app.auth.fresh_cache import FreshCache
from app.config import Settings
from app.database import Database
from app.errors import ForbiddenError
from app.models import now
from app.records import Principal
from app.repositories.trusted_documents import add_documents, all_documents, remove_documents, texts_of

FRESH_SECONDS: Final = 3.0
"""What was withdrawn runs at most so long in processes that had it. What is published is found at once."""
KEPT: Final = 1_000
"""As many as there are parsed documents (app.server.documents); at most 15 MB of text."""
NOTICES: Final = {
    "off": "",
    "anonymous": "This server is restricted: sign in to send documents of your own. Without that only trusted "
    "documents run, which its operator has published.",
    "browsers": "This server is restricted: people who are signed in may run trusted documents alone, which its "
    "operator has published. Anything else, the documentation of the schema included, is refused here; programs send "
    "an API key.",
    "all": "This server is restricted: it runs trusted documents alone, which its operator has published. Anything "
    "else, the documentation of the schema included, is refused.",
}
"""What GraphiQL tells of the setting."""


@dataclass(frozen=True, slots=True)
class PublishedDocument:
    """A document that is to be published; `names` are those of its operations."""

    text: str
    names: str

    @property
    def digest(self) -> bytes:
        """SHA-256 of the text."""
        return sha256(self.text.encode()).digest()


class TrustedDocuments:
    """Finds published documents for one process, and says who may send others."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._restricted = settings.trusted_documents

        async def look_up(digests: Collection[bytes]) -> dict[bytes, str]:
            return dict(await texts_of(database, digests))

        self._texts: FreshCache[bytes, str] = FreshCache(look_up, seconds=FRESH_SECONDS, size=KEPT)

    async def find(self, digest: bytes) -> str | None:
        """The text of a published document, as of at most FRESH_SECONDS ago."""
        return await self._texts.get(digest)

    def binds(self, principal: Principal | None) -> bool:
        """Whether this caller may run trusted documents alone."""
        if self._restricted == "off":
            return False
        if principal is None or self._restricted == "all":
            return True
        return self._restricted == "browsers" and principal.session_id is not None

    async def check_text(self, principal: Principal | None, text: str, name: str) -> None:
        """Check a document that a caller sends as the value `name`, to have it executed later.

        Raises ForbiddenError for one that nobody has published, where this caller may run no other.
        """
        if self.binds(principal) and await self.find(sha256(text.encode()).digest()) is None:
            message = (
                f"Here only trusted documents run, and `{name}` is none: send the exact text of a document that the "
                "operator has published with `skyledger documents publish`."
            )
            raise ForbiddenError(message)


async def publish(database: Database, documents: Collection[PublishedDocument]) -> set[bytes]:
    """Publish documents, all or none; the digests of those that were not there yet."""
    if not documents:
        return set()
    moment = now()
    rows = [
        {"digest": each.digest, "text": each.text, "names": each.names, "published_at": moment}
        for each in {each.digest: each for each in documents}.values()
    ]
    async with database.system() as session:
        return await add_documents(session, rows)


async def withdraw(database: Database, digests: Collection[bytes]) -> set[bytes]:
    """Withdraw documents; the digests of those that were there."""
    async with database.system() as session:
        return await remove_documents(session, digests)


async def published(database: Database) -> Sequence[RowMapping]:
    """Digest, names of operations and time of each published document."""
    async with database.system() as session:
        return await all_documents(session)
