"""What another rule of a check of charges would find: its subjects are few, and each is judged by all that is known."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.recommendations.charged import read_charged
from app.recommendations.lazy_usages import StoredUsages
from app.recommendations.look import Looking
from app.recommendations.look_at_charges import read_ground
from app.recommendations.preview_pair import Pair, Told
from app.recommendations.preview_sums import Judged
from app.records import Provider
from app.repositories import rule_previews


async def judge_charges(
    session: AsyncSession, looking: Looking, pair: Pair, accounts: Collection[UUID]
) -> tuple[int, list[Judged]]:
    """How many subjects accounts have, and those of them that the rules judge otherwise."""
    organization_id, check = looking.organization_id, pair.check
    if check.charges is None:
        return 0, []
    reading = await read_charged(session, organization_id, [check.charges], pair.moment.date())
    if reading is None:
        return 0, []
    ground = await read_ground(session, organization_id, reading, {check.charges: [check]})
    subjects = [
        (account, one.gathered(ground.accounts[account], check.kinds))
        for account, one in ground.subjects()
        if ground.accounts.get(account) in accounts and check.is_for(Provider(one.provider))
    ]
    keys = [one.key for _, one in subjects]
    ledger = {
        row["subject_key"]: row for row in await rule_previews.ledger_of_check(session, organization_id, check.id, keys)
    }
    judged: list[Judged] = []
    unmeasured = StoredUsages({}, pair.moment.date())
    for account, one in subjects:
        rules = pair.of(one.subject)
        if rules is not None:
            own = ground.looking_at(looking, account)
            before, after = pair.judge(Told(own, one, unmeasured), rules)
            judged.append(Judged(one.subject, ledger.get(one.key), before, after))
    return len(subjects), judged
