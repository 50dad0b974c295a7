"""The rules before and after a change that is tried, and which resources it is a change for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from app.detection.check import Check
from app.detection.evaluate import Convert
from app.detection.facts import Subject
from app.detection.rule import Rule, Rules
from app.records.detection import Severity


@dataclass(frozen=True)
class Pair:
    """The rules before and after, and what both are judged by."""

    check: Check
    before: Rules
    after: Rules
    moment: datetime
    convert: Convert
    same: dict[tuple[int, int], bool] = field(default_factory=dict)

    def of(self, subject: Subject) -> tuple[Rule, Rule] | None:
        """Both rules of a resource; None where they cannot lead to different findings."""
        rules = self.before.of(self.check, subject), self.after.of(self.check, subject)
        key = (id(rules[0]), id(rules[1]))  # each is made once, and lives as long as its `Rules`
        if key not in self.same:
            self.same[key] = _deciding(rules[0]) == _deciding(rules[1])
        return None if self.same[key] else rules


def _deciding(rule: Rule) -> Rule:
    """What of a rule decides whether there is a finding."""
    return replace(rule, version=0, severity=Severity.LOW, grace_days=0)
