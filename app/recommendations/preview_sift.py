"""Which resources a change of a rule may concern: PostgreSQL sifts by what the check declares of all its findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.detection.rule import Rule, rules_of_account
from app.recommendations.preview_pair import Pair
from app.recommendations.rule_bounds import Bounds, bounds_of
from app.repositories import rule_previews
from app.repositories.declared_conditions import FAILS, HOLDS, JUDGE, UNKNOWN

MOST_SETS = 8
"""Of thresholds that resources of an account are sifted by at once: two for each override for tags."""
NOTHING_DECLARED: Bounds = ()


@dataclass(frozen=True, slots=True)
class Place:
    """What decides which rule a resource has, and whether that leaves it out."""

    account_id: UUID
    region: str | None
    tags: Mapping[str, str]


@dataclass
class Sifted:
    """What sifting has told."""

    resources: int = 0
    unknown: int = 0
    """Those that cannot be told under the rule after, and for which nothing changes."""
    closely: dict[UUID, list[UUID]] = field(default_factory=dict)
    """By account, those that have to be looked at: ids."""
    regions: set[str] = field(default_factory=set)
    """Where these are."""
    sure: set[UUID] = field(default_factory=set)
    """Those of which all surely holds that the check declares, under both rules as far as they look at them."""
    doubtful: list[tuple[Place, Sequence[UUID]]] = field(default_factory=list)
    """Those that cannot be told before and are no waste after: what was found of them goes."""

    @property
    def count(self) -> int:
        """How many have to be looked at."""
        return sum(map(len, self.closely.values()))

    def look_at(self, place: Place, ids: Sequence[UUID]) -> None:
        """Have some resources looked at."""
        self.closely.setdefault(place.account_id, []).extend(ids)
        if place.region is not None:
            self.regions.add(place.region)


async def sift(
    session: AsyncSession, organization_id: UUID, pair: Pair, accounts: Sequence[UUID], most: int
) -> Sifted | None:
    """Sift all resources of the check's types in some accounts; None where there are more than `most`."""
    sifted = Sifted()
    for sets, those in _alike(pair, accounts).items():
        asked = rule_previews.Asked(
            organization_id, pair.check.resource_types, those, pair.tag_keys, pair.moment.date(), sets, most + 1
        )
        for group in await rule_previews.sifted_groups(session, asked):
            _take(sifted, pair, sets, group)
        if sifted.resources > most:
            return None
    for place, ids in sifted.doubtful:
        sifted.look_at(place, await rule_previews.standing_of(session, organization_id, pair.check.id, ids))
    return sifted


def _alike(pair: Pair, accounts: Iterable[UUID]) -> dict[tuple[Bounds, ...], list[UUID]]:
    """Accounts by the thresholds that their resources may have, before or after."""
    found: dict[tuple[Bounds, ...], list[UUID]] = {}
    for account_id in accounts:
        rules = [rule for tuning in pair.tunings for rule in rules_of_account(pair.check, tuning, account_id)]
        sets = tuple(dict.fromkeys(bounds_of(pair.check, rule, pair.moment) for rule in rules))
        found.setdefault(sets if len(sets) <= MOST_SETS else (NOTHING_DECLARED,), []).append(account_id)
    return found


def _take(sifted: Sifted, pair: Pair, sets: Sequence[Bounds], group: rule_previews.Group) -> None:
    """Take in resources of the same rules about which conditions say the same."""
    sifted.resources += group.count
    place = Place(group.account_id, group.region, group.tags)
    rules = pair.of(place)
    if rules is None:
        return
    before, after = (_letter(pair, sets, group, place, rule) for rule in rules)
    if {before, after} & {HOLDS, JUDGE}:
        sifted.look_at(place, group.ids)
        if all(letter == HOLDS or rule.leaves_out(place) for letter, rule in zip((before, after), rules, strict=True)):
            sifted.sure.update(group.ids)
        return
    sifted.unknown += group.count if after == UNKNOWN else 0
    if before == UNKNOWN and after == FAILS:
        sifted.doubtful.append((place, group.ids))


def _letter(pair: Pair, sets: Sequence[Bounds], group: rule_previews.Group, place: Place, rule: Rule) -> str:
    """What conditions say under a rule; what it leaves out is no waste either."""
    if rule.leaves_out(place) is not None:
        return FAILS
    if sets[0] == NOTHING_DECLARED:
        return JUDGE
    return group.letters[sets.index(bounds_of(pair.check, rule, pair.moment))]
