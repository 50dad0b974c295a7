"""Calls with an idempotency key: they have one effect, whoever sends them again gets the first answer.

The answer is stored in the transaction of the effect, so neither is ever there without the other: a process that dies
in between leaves nothing, and the next call begins anew. Of several calls at a time, in one process or in many, one
claims the key in its transaction, and the others wait for its end.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from sqlalchemy.ext.asyncio import AsyncSession

from app.context import Info
from app.database import ORGANIZATION, Database, set_tenant
from app.errors import BadUserInputError, ConflictError
from app.models import new_id, now
from app.repositories.stored_answers import ANSWERS, AnswerKey, claim, find_answer, keep_answer
from app.resolvers.kept_answers import UnreadableAnswerError, answer_of, answer_text
from app.schema.errors import UserError
from app.schema.repeatable import Repeatable
from app.sealing.vault import Place, Sealed, Vault, VaultError

KEPT = timedelta(hours=24)
PLATFORM = UUID(int=0)
"""Whose answers those to the root key are: no organization and no user has this id."""
LONGEST_KEY = 255
_PATH = ("input", "idempotencyKey")
_TRIES = 3
# Of one process only one of several equal calls asks PostgreSQL at a time: the others would hold all connections.
_turns: WeakValueDictionary[AnswerKey, asyncio.Lock] = WeakValueDictionary()


class _AnsweredMeanwhileError(Exception):
    """Another process has the key: its answer is there by now."""


class _FailedAsDataError(Exception):
    """The answer is a failure: nothing of it is kept."""


async def once(info: Info, sent: Any, organization_id: UUID | None, resolve: Callable[[], Awaitable[Any]]) -> Any:
    """What `resolve` answers, or what it answered to the first call with the input's key, if it has one.

    Raises ConflictError for other arguments than those of the first call, BadUserInputError for an unusable key.
    """
    principal = info.context.principal
    if not isinstance(sent, Repeatable) or sent.idempotency_key is None or principal is None:
        return await resolve()
    # An act that concerns no organization yet, such as making one, is one of its user, or of the platform.
    owner = organization_id or principal.user_id or PLATFORM
    key = AnswerKey(owner, principal.subject, info.field_name, _checked(sent.idempotency_key))
    arguments = hashlib.sha256(answer_text(replace(sent, idempotency_key=None)).encode()).hexdigest()
    answers = _Answers(info.context.database, info.context.runtime.vault, key, arguments)
    async with _turns.setdefault(key, asyncio.Lock()):
        return await answers.first_or_again(resolve)


class _Answers:
    """The answer of one call, sealed with its arguments: both may hold what must not be read in the database."""

    def __init__(self, database: Database, vault: Vault, key: AnswerKey, arguments: str) -> None:
        self._database = database
        self._vault = vault
        self._key = key
        self._arguments = arguments
        self._id = new_id()

    async def first_or_again(self, resolve: Callable[[], Awaitable[Any]]) -> Any:
        for _ in range(_TRIES):
            found = await self._found()
            if found is not None:
                return found
            try:
                return await self._first(resolve)
            except _AnsweredMeanwhileError:
                continue
            except _FailedAsDataError as failure:
                return failure.args[0]
        message = "Calls with this `idempotencyKey` begin and end at this moment; try again."
        raise ConflictError(message)

    async def _first(self, resolve: Callable[[], Awaitable[Any]]) -> Any:
        async with self._database.hold(self._begin) as held:
            answer = await resolve()
            if isinstance(answer, UserError):
                raise _FailedAsDataError(answer)
            session = await held.session()
            text = answer_text(answer)
            # Off the loop: a long answer takes some milliseconds.
            sealed = await asyncio.to_thread(self._seal, text)
            await self._keep(session, sealed)
        return answer

    async def _begin(self, session: AsyncSession) -> None:
        moment = now()
        async with self._owner_entered(session):
            is_ours = await claim(session, self._key, self._id, moment, moment + KEPT)
        if not is_ours:
            raise _AnsweredMeanwhileError

    async def _keep(self, session: AsyncSession, sealed: Sealed) -> None:
        async with self._owner_entered(session):
            await keep_answer(
                session, self._key, key_id=sealed.key_id, wrapped_key=sealed.wrapped_key, sealed=sealed.sealed
            )

    @asynccontextmanager
    async def _owner_entered(self, session: AsyncSession) -> AsyncIterator[None]:
        """Whose the answer is, entered; afterwards whom the act has entered, whose audit gets it, or nobody."""
        entered: UUID | None = session.info.get(ORGANIZATION)
        await set_tenant(session, self._key.organization_id)
        yield
        await set_tenant(session, entered)

    async def _found(self) -> Any:
        async with self._database.read(self._key.organization_id) as session:
            row = await find_answer(session, self._key, now())
        if row is None:
            return None
        sealed = Sealed(row["key_id"], row["wrapped_key"], row["sealed"])
        try:
            secret = await asyncio.to_thread(self._vault.unseal, self._place(row["id"]), sealed)
            if not hmac.compare_digest(secret["arguments"], self._arguments):
                message = "This `idempotencyKey` was used with other arguments within 24 hours: take another key."
                raise ConflictError(message)
            return answer_of(secret["answer"])
        except (VaultError, UnreadableAnswerError):
            message = (
                "The first call with this `idempotencyKey` has succeeded, but its answer can no longer be read. Look "
                "at what it made; for another effect take another key."
            )
            raise ConflictError(message) from None

    def _seal(self, text: str) -> Sealed:
        return self._vault.seal(self._place(self._id), {"arguments": self._arguments, "answer": text})

    def _place(self, id_: UUID) -> Place:
        return Place(self._key.organization_id, ANSWERS.name, "sealed", id_)


def _checked(key: str) -> str:
    if not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
        message = f"`idempotencyKey` must have 1 to {LONGEST_KEY} printable characters."
        raise BadUserInputError(message, path=_PATH)
    return key
