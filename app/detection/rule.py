"""How a check is tuned: what an organization, one of its accounts or a tag has set, and what is left out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from app.detection.check import Check
from app.detection.facts import Subject
from app.records.detection import Severity


@dataclass(frozen=True, slots=True)
class TagExclusion:
    """Resources with this tag are left out: any value, one of some values, or values that a pattern is found in."""

    key: str
    values: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None

    def covers(self, tags: Mapping[str, str]) -> bool:
        """Whether the tags meet it."""
        value = tags.get(self.key)
        if value is None:
            return False
        if self.pattern is not None:
            return self.pattern.search(value) is not None
        return not self.values or value in self.values


@dataclass(frozen=True)
class Rule:
    """What is in force for a check on one resource."""

    enabled: bool
    severity: Severity
    parameters: Mapping[str, Decimal]
    minimum_saving: Decimal = Decimal(1)
    """A month, in the organization's currency."""
    excluded_accounts: frozenset[str] = frozenset()
    """Ids of accounts, as text."""
    excluded_regions: frozenset[str] = frozenset()
    excluded_tags: Sequence[TagExclusion] = field(default=())
    version: int = 0

    def leaves_out(self, subject: Subject) -> str | None:
        """Why the rule does not look at a resource; None where it does."""
        if not self.enabled:
            return "The rule is switched off."
        if str(subject.account_id) in self.excluded_accounts:
            return "The rule leaves out this account."
        if subject.region is not None and subject.region in self.excluded_regions:
            return f"The rule leaves out the region {subject.region}."
        for exclusion in self.excluded_tags:
            if exclusion.covers(subject.tags):
                return f"The rule leaves out resources with the tag {exclusion.key}."
        return None


def default_rule(check: Check) -> Rule:
    """The check as it is delivered."""
    return Rule(
        enabled=True,
        severity=check.severity,
        parameters={parameter.name: parameter.default for parameter in check.parameters},
    )
