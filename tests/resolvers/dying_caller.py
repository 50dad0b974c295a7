"""A call with an idempotency key, in a process that is killed at a given moment of it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any
from uuid import UUID

from app.activity.audit import AuditedAct
from app.activity.notes import add_note
from app.config import load_settings
from app.database import Database, acting
from app.records import Actor, ActorKind
from app.repositories.stored_answers import AnswerKey
from app.resolvers import repeats
from app.schema.activity import ActivityEvent, AddNotePayload
from app.sealing.vault import Vault

SYSTEM = Actor(ActorKind.SYSTEM)
KILLS = ("after the claim", "after the effect", "after the answer", "before the commit", "after the commit")


class Caller:
    """Makes the same call whenever it is asked, and counts how often it had an effect."""

    def __init__(self, database: Database, vault: Vault, organization_id: UUID, moment: str | None = None) -> None:
        self.database = database
        self.vault = vault
        self.organization_id = organization_id
        self.moment = moment
        self.effects = 0

    async def call(self) -> Any:
        key = AnswerKey(self.organization_id, "system", "addNote", "once")
        answers = _Killed(self.database, self.vault, key, "the arguments")
        answers.caller = self
        with acting(_LastAct("addNote", SYSTEM, arguments={"killed": self.moment})):
            answer = await answers.first_or_again(self.resolve)
        self.die("after the commit")
        return answer

    async def resolve(self) -> Any:
        row = await add_note(self.database, SYSTEM, self.organization_id, "hello")
        self.effects += 1
        self.die("after the effect")
        return AddNotePayload(event=ActivityEvent.from_row(row))

    def die(self, moment: str | None) -> None:
        if moment == self.moment:
            os.kill(os.getpid(), signal.SIGKILL)


class _Killed(repeats._Answers):
    caller: Caller

    async def _begin(self, session: Any) -> None:
        await super()._begin(session)
        self.caller.die("after the claim")

    async def _keep(self, session: Any, sealed: Any) -> None:
        await super()._keep(session, sealed)
        self.caller.die("after the answer")


class _LastAct(AuditedAct):
    async def leave_trace(self, session: Any) -> None:
        await super().leave_trace(session)
        if self.arguments["killed"] == "before the commit":
            os.kill(os.getpid(), signal.SIGKILL)


async def _main(organization_id: UUID, moment: str) -> None:
    settings = load_settings()
    assert settings.database_url is not None
    await Caller(Database.connect(settings.database_url), Vault.from_settings(settings), organization_id, moment).call()


if __name__ == "__main__":
    asyncio.run(_main(UUID(sys.argv[1]), sys.argv[2]))
