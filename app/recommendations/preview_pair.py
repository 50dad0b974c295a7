"""The rules before and after a change that is tried, which subjects it is a change for, and how both judge them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.detection.check import Check
from app.detection.evaluate import Convert, Said, find, unmet, weigh
from app.detection.facts import Facts
from app.detection.finding import Excluded, Finding
from app.detection.rule import Placed, Rule, Rules, Tuning
from app.recommendations.gather import Gathered
from app.recommendations.lazy_usages import LazyUsages, StoredUsages, Windows, windows_of
from app.recommendations.look import Looking, facts_of, found_of
from app.recommendations.preview_sums import Judgement
from app.records.detection import Severity
from app.records.recommendations import Found

Two = tuple[Rule, Rule]


class _NotedThresholds(dict[str, Decimal]):
    """Thresholds that note which of them are asked for."""

    def __init__(self, known: Mapping[str, Decimal]) -> None:
        super().__init__(known)
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> Decimal:
        self.asked.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """As of any mapping."""
        self.asked.add(name)
        return super().get(name, default)


@dataclass(frozen=True, slots=True)
class Told:
    """What a check is told of a subject, whichever rule it is; `kind` is that of the facts."""

    looking: Looking
    one: Gathered
    stored: StoredUsages
    kind: type[Facts] = Facts
    is_sure: bool = False
    """Whether all that the check declares is known to hold."""


@dataclass(slots=True)
class _Said:
    """What a check said under a rule, and what of the rule it looked at for that; `found` is made of it once."""

    outcome: Said
    thresholds: Mapping[str, Decimal | None] | None = None
    """None where its declared conditions decided."""
    windows: Mapping[str, tuple[str, int] | None] | None = None
    found: Found | None = None

    def is_said_under(self, rule: Rule, windows: Windows) -> bool:
        """Whether the check, where it is to look, says the same under another rule: it looked at nothing else."""
        if self.thresholds is None or self.windows is None:
            return False
        same = all(rule.parameters.get(name) == value for name, value in self.thresholds.items())
        return same and all(windows.get(key) == window for key, window in self.windows.items())


class Pair:
    """The rules before and after, and what both are judged by."""

    def __init__(self, check: Check, before: Tuning, after: Tuning, moment: datetime, convert: Convert) -> None:
        self.check = check
        self.tunings = (before, after)
        self.tag_keys = sorted(before.tag_keys | after.tag_keys)
        self.before = Rules({check.id: before})
        self.after = Rules({check.id: after})
        self.moment = moment
        self.convert = convert
        # Rules are made once and live as long as `Rules`, so that their ids tell them.
        self._same: dict[tuple[int, int], bool] = {}
        self._noted: dict[int, _NotedThresholds] = {}
        self._read: dict[tuple[str, int], Windows] = {}

    def of(self, subject: Placed) -> Two | None:
        """Both rules of a subject; None where they cannot lead to different findings."""
        rules = self.before.of(self.check, subject), self.after.of(self.check, subject)
        key = (id(rules[0]), id(rules[1]))
        if key not in self._same:
            self._same[key] = _deciding(rules[0]) == _deciding(rules[1])
        return None if self._same[key] else rules

    def windows_of(self, resource_type: str, rule: Rule) -> Windows:
        """What the check reads of a resource type under a rule."""
        place = (resource_type, id(rule))
        if place not in self._read:
            self._read[place] = windows_of(self.check, resource_type, rule)
        return self._read[place]

    def judge(self, told: Told, rules: Two) -> tuple[Judgement, Judgement]:
        """What a look would make of a subject under both rules. Raises NotReadError, as facts of a kind do.

        What the check finds is asked for once where it depends on nothing that the rules differ in.
        """
        judged: list[Judgement] = []
        said: _Said | None = None
        for rule in rules:
            why = rule.leaves_out(told.one.subject)
            if why is not None:
                judged.append(Excluded(why))
                continue
            said = self._ask(told, rule, said)
            outcome = weigh(said.outcome, rule, self.convert)
            if isinstance(outcome, Finding):
                said.found = said.found or found_of(told.looking, self.check, told.one, outcome, rule)
                judged.append(said.found)
            else:
                judged.append(outcome)
        return judged[0], judged[1]

    def _ask(self, told: Told, rule: Rule, other: _Said | None) -> _Said:
        """Run the check under a rule, as far as what it said under the other one does not tell."""
        if id(rule) not in self._noted:
            self._noted[id(rule)] = _NotedThresholds(rule.parameters)
        thresholds, windows = self._noted[id(rule)], self.windows_of(told.one.subject.resource_type, rule)
        usages = LazyUsages(told.stored, windows)
        facts = facts_of(told.looking, told.one, thresholds, usages, usages.unread, told.kind)
        if not told.is_sure:
            outcome = unmet(self.check, facts)
            if outcome is not None:
                return _Said(outcome)
        if other is not None and other.is_said_under(rule, windows):
            return other
        thresholds.asked.clear()
        usages.asked.clear()
        found = find(self.check, facts)
        asked = {name: rule.parameters.get(name) for name in thresholds.asked}
        return _Said(found, asked, {key: windows.get(key) for key in usages.asked})


def _deciding(rule: Rule) -> Rule:
    """What of a rule decides whether there is a finding."""
    return replace(rule, version=0, severity=Severity.LOW, grace_days=0)
