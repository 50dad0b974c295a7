"""Whether another tuning of a check may need usage that the tuning before it did not: pure.

What was measured is what the rules of that time could ask for, so a rule that is switched on, that leaves out less, or
that has other thresholds may meet resources of which nothing was read. Measuring asks a provider for what is missing
only, so it is enough to tell when nothing can be.
"""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from app.detection.check import Check
from app.detection.facts import REQUIRE_COMPLETE
from app.detection.rule import Rule, Tuning, rules_of_account


def needs_measuring(check: Check, before: Tuning, after: Tuning, account_id: UUID) -> bool:
    """Whether a resource of an account may be judged by usage after a change of which nothing was read before."""
    if not check.metrics:
        return False
    matches = [[match for match, _ in tuning.of_tags] for tuning in (before, after)]
    were, are = (rules_of_account(check, tuning, account_id) for tuning in (before, after))
    if matches[0] == matches[1]:
        return any(_asks_more(was, now, account_id) for was, now in zip(were, are, strict=True))
    # A resource may have gone from any of the rules to any other.
    return any(_asks_more(was, now, account_id) for was in were for now in are)


def _asks_more(was: Rule, now: Rule, account_id: UUID) -> bool:
    """Whether a rule may ask for usage that another one did not ask for."""
    if not _looks_at(now, account_id):
        return False
    if not _looks_at(was, account_id) or _leaves_out_less(was, now):
        return True
    return was.statistic != now.statistic or _thresholds(was) != _thresholds(now)


def _looks_at(rule: Rule, account_id: UUID) -> bool:
    account = str(account_id)
    is_included = not rule.included_accounts or account in rule.included_accounts
    return rule.enabled and is_included and account not in rule.excluded_accounts


def _leaves_out_less(was: Rule, now: Rule) -> bool:
    """Whether some resource of an account may be looked at now that was not."""
    less_tags = bool(set(was.excluded_tags) - set(now.excluded_tags)) or _all_of(now) > _all_of(was)
    more_tags_of_all = now.all_excluded_tags and set(now.excluded_tags) != set(was.excluded_tags)
    more_regions = bool(was.included_regions) and (
        not now.included_regions or bool(now.included_regions - was.included_regions)
    )
    return less_tags or more_tags_of_all or more_regions or bool(was.excluded_regions - now.excluded_regions)


def _all_of(rule: Rule) -> bool:
    """Whether it leaves out only what has several tags."""
    return rule.all_excluded_tags and len(rule.excluded_tags) > 1


def _thresholds(rule: Rule) -> dict[str, Decimal]:
    """What decides whether a check asks for usage; whether all days must be known is asked of what was read."""
    return {name: value for name, value in rule.parameters.items() if name != REQUIRE_COMPLETE}
