"""Who bears what could be saved, and what was: teams, by the same rules by which costs fall to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.allocation.bearers import bearer_of, charge_of_resource
from app.costs.allocation.match import team_names
from app.costs.allocation.rules import keys_of, rule_of
from app.costs.allocation.tag_keys import allocation_of, normal_key
from app.models import now
from app.records.allocation import Bearer, BearerKind, Rule
from app.repositories import allocation, savings, teams

_ORDER = tuple(BearerKind)


@dataclass
class Borne:
    """What somebody bears of savings, in the organization's currency; `unknown` counts those that are not known."""

    bearer: Bearer
    count: int = 0
    saved: Decimal = Decimal(0)
    unknown: int = 0


async def savings_by_bearer(
    session: AsyncSession, organization_id: UUID, currency: str, *, realised: bool = False
) -> Sequence[Borne]:
    """Each recommendation with whoever bears its resource's costs this month; teams first, the most first.

    Four statements, three where no rule asks for a tag.
    """
    month = now().date().replace(day=1)
    rules = [rule_of(row) for row in await allocation.all_rules(session, organization_id)]
    rules = [rule for rule in rules if rule.holds_in(month)]
    names = team_names(await teams.all_teams(session, organization_id), month)
    asked = _tag_keys(rules)
    there = await savings.tag_keys_of_savings(session, organization_id, realised=realised) if asked else ()
    spellings = [spelling for spelling in there if normal_key(spelling) in asked]
    places = await savings.savings_by_place(session, organization_id, spellings, currency, realised=realised)
    found: dict[Bearer, Borne] = {}
    for place in places:
        tags = allocation_of(place["tags"] or {}, asked) if place["has_tags"] else None
        bearer = bearer_of(rules, names, charge_of_resource(place["provider"], place["account"], tags))
        borne = found.setdefault(bearer, Borne(bearer))
        borne.count += place["count"]
        borne.saved += place["saved"]
        borne.unknown += place["unknown"]
    return sorted(found.values(), key=lambda one: (_ORDER.index(one.bearer.kind), -one.saved, one.bearer.team_id))


def _tag_keys(rules: Iterable[Rule]) -> list[str]:
    return sorted({key for rule in rules for key in keys_of(rule)})
