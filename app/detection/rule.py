"""How a check is tuned: what an organization has set for all, for an account or for a tag, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from app.detection.check import MINIMUM_SAVING, Check, Daily, Metric
from app.detection.facts import REQUIRE_COMPLETE
from app.detection.patterns import is_in
from app.records import Provider
from app.records.detection import Severity

GRACE_DAYS = 0
NO_REGION = "global"
"""How rules name the region of what belongs to none."""


class MetricStatistic(StrEnum):
    """What a day's value may be made by instead, of metrics whose values are made by one of these."""

    AVERAGE = "AVERAGE"
    MAXIMUM = "MAXIMUM"
    P95 = "P95"
    P99 = "P99"


class TagCombination(StrEnum):
    """How tags that leave out resources go together."""

    ANY = "ANY"
    ALL = "ALL"


_CHOOSABLE = frozenset({*(Daily(one.value) for one in MetricStatistic), Daily.P95_HOURS, Daily.P99_HOURS})
_BY_HOURS = {Daily.P95: Daily.P95_HOURS, Daily.P99: Daily.P99_HOURS}
_WITHOUT_PERCENTILES = frozenset({Provider.AZURE})
"""Azure Monitor sums samples up as average, minimum, maximum, total and count."""


def can_be_chosen(metric: Metric) -> bool:
    """Whether a rule may have the values of a day made in another way."""
    return metric.daily in _CHOOSABLE


@dataclass(frozen=True, slots=True)
class TagMatch:
    """Resources with a tag: of any value, one of some values, or a value that a pattern is found in."""

    key: str
    values: tuple[str, ...] = ()
    pattern: str | None = None

    def covers(self, tags: Mapping[str, str]) -> bool:
        """Whether the tags meet it."""
        value = tags.get(self.key)
        if value is None:
            return False
        if self.pattern is not None:
            return is_in(self.pattern, value)
        return not self.values or value in self.values


@dataclass(frozen=True)
class Settings:
    """What is set for all resources, an account or a tag; None is what the level before has."""

    enabled: bool | None = None
    severity: Severity | None = None
    parameters: Mapping[str, Decimal] = field(default_factory=dict)
    """Thresholds by name, only those that are set."""
    minimum_saving: Decimal | None = None
    grace_days: int | None = None
    require_complete_metrics: bool | None = None
    statistic: Daily | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is set."""
        return self == Settings()

    def over(self, before: Settings) -> Settings:
        """This level on top of another."""
        told = {one.name: getattr(self, one.name) for one in fields(self) if getattr(self, one.name) is not None}
        return replace(before, **told | {"parameters": {**before.parameters, **self.parameters}})


@dataclass(frozen=True)
class Tuning:
    """All that an organization has set for a check. Of the overrides for tags the first that covers a resource holds.

    The levels, each on top of those before: the check, the organization, the account, the tag.
    """

    settings: Settings = field(default_factory=Settings)
    excluded_accounts: tuple[UUID, ...] = ()
    excluded_regions: tuple[str, ...] = ()
    excluded_tags: tuple[TagMatch, ...] = ()
    included_accounts: tuple[UUID, ...] = ()
    """The only ones, where there are some."""
    included_regions: tuple[str, ...] = ()
    all_excluded_tags: bool = False
    """Whether a resource is left out for all of the tags together, not for any of them."""
    of_accounts: Mapping[UUID, Settings] = field(default_factory=dict)
    of_tags: tuple[tuple[TagMatch, Settings], ...] = ()
    version: int = 0
    """How often it was changed; 0 for a check as it is delivered."""

    @property
    def tag_keys(self) -> set[str]:
        """The tags that decide about a resource."""
        return {match.key for match in (*self.excluded_tags, *(match for match, _ in self.of_tags))}

    def same_as(self, other: Tuning) -> bool:
        """Whether both say the same, whatever their versions."""
        return replace(self, version=0) == replace(other, version=0)


class Placed(Protocol):
    """What of a resource decides which rule it has, and whether that leaves it out."""

    @property
    def account_id(self) -> UUID:
        """Its account."""

    @property
    def region(self) -> str | None:
        """Its region, if it has one."""

    @property
    def tags(self) -> Mapping[str, str]:
        """Its tags, at least those that rules ask for."""


@dataclass(frozen=True)
class Rule:
    """What is in force for a check on one resource."""

    enabled: bool
    severity: Severity
    parameters: Mapping[str, Decimal]
    minimum_saving: Decimal = MINIMUM_SAVING
    """A month, in the organization's currency."""
    excluded_accounts: frozenset[str] = frozenset()
    """Ids of accounts, as text."""
    excluded_regions: frozenset[str] = frozenset()
    excluded_tags: Sequence[TagMatch] = field(default=())
    included_accounts: frozenset[str] = frozenset()
    """Ids of the only accounts, as text; all where there is none."""
    included_regions: frozenset[str] = frozenset()
    """The only regions; all where there is none."""
    all_excluded_tags: bool = False
    version: int = 0
    grace_days: int = GRACE_DAYS
    """How many days are at least between marking for deletion and the day of it."""
    statistic: Daily | None = None
    """What a day's value is made by, instead of what the check asks for."""

    def leaves_out(self, subject: Placed) -> str | None:
        """Why the rule does not look at a resource; None where it does."""
        if not self.enabled:
            return "The rule is switched off."
        if self.excluded_accounts and str(subject.account_id) in self.excluded_accounts:
            return "The rule leaves out this account."
        if self.included_accounts and str(subject.account_id) not in self.included_accounts:
            return "The rule is for other accounts only."
        if self.excluded_regions or self.included_regions:
            region = subject.region or NO_REGION
            if region in self.excluded_regions:
                return f"The rule leaves out the region {region}."
            if self.included_regions and region not in self.included_regions:
                return f"The rule is for other regions than {region} only."
        return self._tag_that_leaves_out(subject.tags) if self.excluded_tags else None

    def _tag_that_leaves_out(self, tags: Mapping[str, str]) -> str | None:
        covering = [exclusion.key for exclusion in self.excluded_tags if exclusion.covers(tags)]
        if not covering or (self.all_excluded_tags and len(covering) < len(self.excluded_tags)):
            return None
        return f"The rule leaves out resources with the tag {covering[0]}."

    def reads(self, metric: Metric) -> Metric:
        """A metric of the check as the rule wants it read."""
        if self.statistic is None or not can_be_chosen(metric):
            return metric
        return replace(metric, daily=self.statistic)


class Rules:
    """The rules in force for the resources of an organization, each made once."""

    def __init__(self, tunings: Mapping[str, Tuning] | None = None) -> None:
        self._tunings = tunings or {}
        self._made: dict[tuple[str, UUID | None, int | None], Rule] = {}
        self._plain: dict[str, Rule] = {}
        """Of checks whose rule is the same for all resources."""

    def of(self, check: Check, subject: Placed) -> Rule:
        """The rule for one resource."""
        return self.of_place(check, subject.account_id, subject.tags)

    def of_place(self, check: Check, account_id: UUID, tags: Mapping[str, str]) -> Rule:
        """The rule for resources of an account that have some tags."""
        plain = self._plain.get(check.id)
        if plain is not None:
            return plain
        tuning = self._tunings.get(check.id, _UNTUNED)
        account = account_id if account_id in tuning.of_accounts else None
        tag = next((place for place, (match, _) in enumerate(tuning.of_tags) if match.covers(tags)), None)
        key = (check.id, account, tag)
        if key not in self._made:
            levels = [tuning.settings]
            levels += [] if account is None else [tuning.of_accounts[account]]
            levels += [] if tag is None else [tuning.of_tags[tag][1]]
            self._made[key] = rule_by(check, tuning, *levels)
            if not tuning.of_accounts and not tuning.of_tags:
                self._plain[check.id] = self._made[key]
        return self._made[key]


def rule_by(check: Check, tuning: Tuning, *levels: Settings) -> Rule:
    """The rule that some levels make, each on top of those before, with what the tuning leaves out."""
    settings = Settings()
    for level in levels:
        settings = level.over(settings)
    known = {parameter.name: parameter.default for parameter in check.parameters}
    parameters = known | {name: value for name, value in settings.parameters.items() if name in known}
    if settings.require_complete_metrics is not None:
        parameters[REQUIRE_COMPLETE] = Decimal(settings.require_complete_metrics)
    return Rule(
        enabled=settings.enabled is not False,
        severity=settings.severity or check.severity,
        parameters=parameters,
        minimum_saving=check.minimum_saving if settings.minimum_saving is None else settings.minimum_saving,
        excluded_accounts=frozenset(str(account_id) for account_id in tuning.excluded_accounts),
        excluded_regions=frozenset(tuning.excluded_regions),
        excluded_tags=tuning.excluded_tags,
        included_accounts=frozenset(str(account_id) for account_id in tuning.included_accounts),
        included_regions=frozenset(tuning.included_regions),
        all_excluded_tags=tuning.all_excluded_tags,
        version=tuning.version,
        grace_days=GRACE_DAYS if settings.grace_days is None else settings.grace_days,
        statistic=_offered(check, settings.statistic),
    )


def rules_of_account(check: Check, tuning: Tuning, account_id: UUID) -> list[Rule]:
    """The rule of an account for resources that no override for tags covers, and for those of each of them."""
    own: Sequence[Settings] = (tuning.of_accounts[account_id],) if account_id in tuning.of_accounts else ()
    levels = (tuning.settings, *own)
    return [rule_by(check, tuning, *levels), *(rule_by(check, tuning, *levels, each) for _, each in tuning.of_tags)]


def _offered(check: Check, statistic: Daily | None) -> Daily | None:
    """What the check's provider can be asked for in place of a statistic."""
    if statistic is None or check.provider not in _WITHOUT_PERCENTILES:
        return statistic
    return _BY_HOURS.get(statistic, statistic)


def default_rule(check: Check) -> Rule:
    """The check as it is delivered."""
    return rule_by(check, _UNTUNED)


_UNTUNED = Tuning()
