"""The rules before and after a change that is tried, which subjects it is a change for, and how both judge them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from app.detection.check import Check
from app.detection.evaluate import Convert, evaluate
from app.detection.facts import Facts, Subject
from app.detection.finding import Finding
from app.detection.rule import Rule, Rules
from app.recommendations.gather import Gathered
from app.recommendations.lazy_usages import LazyUsages, StoredUsages, Windows, windows_of
from app.recommendations.look import Looking, facts_of, found_of
from app.recommendations.preview_sums import Judgement
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
    read: dict[tuple[str, int], Windows] = field(default_factory=dict)

    def of(self, subject: Subject) -> tuple[Rule, Rule] | None:
        """Both rules of a subject; None where they cannot lead to different findings."""
        rules = self.before.of(self.check, subject), self.after.of(self.check, subject)
        key = (id(rules[0]), id(rules[1]))  # each is made once, and lives as long as its `Rules`
        if key not in self.same:
            self.same[key] = _deciding(rules[0]) == _deciding(rules[1])
        return None if self.same[key] else rules

    def windows_of(self, resource_type: str, rule: Rule) -> Windows:
        """What the check reads of a resource type under a rule."""
        place = (resource_type, id(rule))
        if place not in self.read:
            self.read[place] = windows_of(self.check, resource_type, rule)
        return self.read[place]

    def judge(
        self, looking: Looking, one: Gathered, rule: Rule, stored: StoredUsages, kind: type[Facts] = Facts
    ) -> Judgement:
        """What a look would make of a subject under one of the rules. Raises NotReadError, as facts of a kind do."""
        usages = LazyUsages(stored, self.windows_of(one.subject.resource_type, rule))
        facts = facts_of(looking, one, rule, usages, usages.unread, kind)
        outcome = evaluate(self.check, facts, rule, self.convert)
        return found_of(looking, self.check, one, outcome, rule) if isinstance(outcome, Finding) else outcome


def _deciding(rule: Rule) -> Rule:
    """What of a rule decides whether there is a finding."""
    return replace(rule, version=0, severity=Severity.LOW, grace_days=0)
