"""What another rule of a check of advice would find: from what its adviser has told, without asking it again."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.detection.catalogue import checks_of_advice
from app.recommendations.gather import Gathered
from app.recommendations.lazy_usages import StoredUsages
from app.recommendations.look import PAGE, Looking
from app.recommendations.look_at_opinions import gathered, read_advised, unread_of
from app.recommendations.preview_pair import Pair, Told
from app.recommendations.preview_sums import Judged
from app.repositories import opinions, rule_previews


async def judge_opinions(
    session: AsyncSession, looking: Looking, pair: Pair, accounts: Collection[UUID]
) -> tuple[int, list[Judged]]:
    """Of how many subjects the adviser speaks, and those of them that the rules judge otherwise.

    What another recommendation tells already, by a check of ours or of an adviser that comes first, is none of them.
    """
    organization_id, check = looking.organization_id, pair.check
    before = _before(check.id)
    told: list[Gathered] = []
    count = 0
    for account_id in sorted(accounts):
        unread = unread_of(await opinions.readings_of(session, organization_id, [account_id]))
        sources = [] if check.advice is None else [check.advice.value]
        subjects = await opinions.subjects_of_advice(session, organization_id, account_id, sources)
        count += len(subjects)
        for start in range(0, len(subjects), PAGE):
            page = await read_advised(session, organization_id, account_id, subjects[start : start + PAGE])
            found = (gathered(one, check, unread) for one in page if not one.is_gone and not one.standing & before)
            told += [one for one in found if one is not None]
    keys = [one.key for one in told]
    rows = await rule_previews.ledger_of_check(session, organization_id, check.id, keys) if keys else ()
    ledger = {row["subject_key"]: row for row in rows}
    unmeasured = StoredUsages({}, pair.moment.date())
    judged: list[Judged] = []
    for one in told:
        rules = pair.of(one.subject)
        if rules is not None:
            first, then = pair.judge(Told(looking, one, unmeasured), rules)
            judged.append(Judged(one.subject, ledger.get(one.key), first, then))
    return count, judged


def _before(check_id: str) -> set[str]:
    """The checks of advice whose word comes before that of one."""
    ids = [check.id for check in checks_of_advice().values()]
    return set(ids[: ids.index(check_id)])
