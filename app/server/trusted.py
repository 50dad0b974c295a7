"""Trusted documents: a caller names a published document by its SHA-256 instead of sending it.

As the appendix of GraphQL over HTTP has it (`documentId`), and as Apollo's clients send it. Nothing is registered on
the way: only an operator publishes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from hashlib import sha256

from app.errors import ErrorCode, SkyledgerError
from app.server.identity import Identity
from app.server.masking import Fault, Refusal
from app.server.parameters import OperationRequest

FindDocument = Callable[[bytes], Awaitable[str | None]]


async def _find_nothing(_digest: bytes) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Trust:
    """What turns the id of a document into its text, and says who may send texts of their own.

    `find` gives the text of a published document by its SHA-256. `binds` is true for callers who may run nothing else;
    `own` are texts that the server's own page needs, which everybody may run. `notice` tells its readers who is bound.
    """

    find: FindDocument = _find_nothing
    binds: Callable[[Identity | None], bool] = lambda _: False
    own: frozenset[str] = frozenset()
    notice: str = ""

    async def resolve(self, request: OperationRequest, identity: Identity | None) -> OperationRequest:
        """The request with its document. Refusal for an unknown id, or a text that this caller may not send."""
        if request.document_digest is None:
            if self.binds(identity) and request.query not in self.own:
                await self._require_published(request.query)
            return request
        text = await self._find(request.document_digest)
        if text is None:
            message = (
                "There is no trusted document of this id: the operator publishes it with `skyledger documents "
                "publish`, and the id is the SHA-256 of its exact text."
            )
            raise Refusal([Fault(ErrorCode.PERSISTED_QUERY_NOT_FOUND, message)], is_document=True)
        return replace(request, query=text)

    async def _require_published(self, text: str) -> None:
        """A text is as good as its id."""
        if await self._find(sha256(text.encode()).digest()) is None:
            message = (
                "Here only trusted documents run: send `documentId` of a document that the operator has published with "
                "`skyledger documents publish`. Programs of partners use an API key, unless it is bound as well."
            )
            raise Refusal([Fault(ErrorCode.FORBIDDEN, message)], is_document=True)

    async def _find(self, digest: bytes) -> str | None:
        try:
            return await self.find(digest)
        except SkyledgerError as error:
            raise Refusal.of_error(error) from error
