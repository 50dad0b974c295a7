"""Notes what people do with their own sign-in, for the audit of the organizations that they belong to."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.records.audit import PERSONAL_ACT, PersonalAct


def note_act(
    session: AsyncSession, user_id: UUID, *, session_id: UUID | None = None, by_person: bool = True, **facts: Any
) -> None:
    """Have the running act leave a row in the audit of each organization of a person, in this transaction.

    `facts` are plain JSON without a secret. Without `by_person` it is not proved to be the person who acts.
    """
    before: PersonalAct | None = session.info.get(PERSONAL_ACT)
    if before is not None:
        session_id, facts = session_id or before.session_id, {**before.facts, **facts}
    session.info[PERSONAL_ACT] = PersonalAct(user_id, session_id, facts, by_person=by_person)
