"""What people want to change about a detection rule: the same input to do it and to try it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, NoReturn
from uuid import UUID

import strawberry

from app.detection.check import Daily
from app.detection.rule import MetricStatistic, Settings, TagCombination, TagMatch, Tuning
from app.errors import BadUserInputError
from app.records.detection import Severity
from app.schema.detection_rules import EXCLUDED_BY, SETTINGS
from app.schema.node import parse_id

_STANDS = " Null for that of the check."
_WITHOUT = "Left out: as without the override. "


@strawberry.input(description="A threshold to set.")
class RuleParameterInput:
    """A parameter of a check."""

    name: str = strawberry.field(description="Its name, such as `minAgeDays`.")
    value: Decimal | None = strawberry.field(default=None, description="Its value; null for that of the check.")


@strawberry.input(
    description="Resources with a tag: of any value, of one of some values, or of one with a pattern in it."
)
class TagMatcherInput:
    """See app.detection.rule.TagMatch."""

    key: str = strawberry.field(description="The tag's key, spelt exactly so.")
    values: list[str] = strawberry.field(
        default_factory=list, description="At most 100 values; any when left out, unless there is a pattern."
    )
    pattern: str | None = strawberry.field(
        default=None,
        description="A regular expression that is looked for anywhere in the value, of at most 200 characters and "
        "without back references, lookarounds and repeated groups.",
    )

    def match(self) -> TagMatch:
        """Unchecked."""
        return TagMatch(self.key, tuple(self.values), self.pattern)


@strawberry.input(description="What an override sets; at least one thing.")
class DetectionRuleSettingsInput:
    """See app.detection.rule.Settings."""

    enabled: bool | None = strawberry.field(default=None, description=_WITHOUT + SETTINGS["enabled"])
    severity: Severity | None = strawberry.field(default=None, description=_WITHOUT + SETTINGS["severity"])
    parameters: list[RuleParameterInput] = strawberry.field(
        default_factory=list, description="Thresholds; those that are left out are as without the override."
    )
    minimum_monthly_saving: Decimal | None = strawberry.field(default=None, description=_WITHOUT + SETTINGS["minimum"])
    grace_days: int | None = strawberry.field(default=None, description=_WITHOUT + SETTINGS["grace"])
    require_complete_metrics: bool | None = strawberry.field(default=None, description=_WITHOUT + SETTINGS["complete"])
    statistic: MetricStatistic | None = strawberry.field(default=None, description=_WITHOUT + SETTINGS["statistic"])

    def settings(self, where: tuple[str, ...]) -> Settings:
        """Unchecked but for names that stand there twice."""
        told = _parameters(self.parameters, (*where, "settings", "parameters"))
        return Settings(
            enabled=self.enabled,
            severity=self.severity,
            parameters={name: value for name, value in told.items() if value is not None},
            minimum_saving=self.minimum_monthly_saving,
            grace_days=self.grace_days,
            require_complete_metrics=self.require_complete_metrics,
            statistic=_daily(self.statistic),
        )


@strawberry.input(description="What is to be set for the resources of an account.")
class AccountOverrideInput:
    """An entry of `of_accounts` of a tuning."""

    account_id: strawberry.ID = strawberry.field(description="The account.")
    settings: DetectionRuleSettingsInput = strawberry.field(description="What it sets.")


@strawberry.input(description="What is to be set for resources with a tag, on top of what is set for their account.")
class TagOverrideInput:
    """An entry of `of_tags` of a tuning."""

    tag: TagMatcherInput = strawberry.field(description="Which resources.")
    settings: DetectionRuleSettingsInput = strawberry.field(description="What it sets.")


@strawberry.input(
    description="What is to be other about a rule; what is left out stays, lists are replaced as a whole."
)
class DetectionRuleChanges:
    """See app.detection.rule.Tuning."""

    enabled: strawberry.Maybe[bool | None] = strawberry.field(description=SETTINGS["enabled"] + _STANDS)
    severity: strawberry.Maybe[Severity | None] = strawberry.field(description=SETTINGS["severity"] + _STANDS)
    parameters: list[RuleParameterInput] = strawberry.field(
        default_factory=list, description="Thresholds to set; those that are left out stay."
    )
    minimum_monthly_saving: strawberry.Maybe[Decimal | None] = strawberry.field(
        description=SETTINGS["minimum"] + " Null for what `checks` says, mostly 1."
    )
    grace_days: strawberry.Maybe[int | None] = strawberry.field(description=SETTINGS["grace"] + " Null for 0.")
    require_complete_metrics: strawberry.Maybe[bool | None] = strawberry.field(
        description=SETTINGS["complete"] + " Null for true."
    )
    statistic: strawberry.Maybe[MetricStatistic | None] = strawberry.field(
        description=SETTINGS["statistic"] + " Null for what each metric of the check asks for."
    )
    excluded_account_ids: strawberry.Maybe[list[strawberry.ID]] = strawberry.field(
        description="All accounts to leave out; at most 200."
    )
    excluded_regions: strawberry.Maybe[list[str]] = strawberry.field(
        description="All regions to leave out, `global` for what belongs to none; at most 100."
    )
    excluded_tags: strawberry.Maybe[list[TagMatcherInput]] = strawberry.field(
        description="All tags by which resources are left out; at most 50."
    )
    excluded_by: strawberry.Maybe[TagCombination] = strawberry.field(description=EXCLUDED_BY)
    included_account_ids: strawberry.Maybe[list[strawberry.ID]] = strawberry.field(
        description="The only accounts to look at; all when empty; at most 200."
    )
    included_regions: strawberry.Maybe[list[str]] = strawberry.field(
        description="The only regions to look at, `global` for what belongs to none; all when empty; at most 100."
    )
    account_overrides: strawberry.Maybe[list[AccountOverrideInput]] = strawberry.field(
        description="All of what is set for accounts; at most 200."
    )
    tag_overrides: strawberry.Maybe[list[TagOverrideInput]] = strawberry.field(
        description="All of what is set for tags, the first that fits a resource holds; at most 50."
    )

    def change(self, organization_id: UUID) -> Callable[[Tuning], Tuning]:
        """What makes the wanted tuning of the one that is there. Raises BadUserInputError."""
        settings, parameters = self._settings(), _parameters(self.parameters, ("parameters",))
        lists = self._lists(organization_id)

        def changed(before: Tuning) -> Tuning:
            both = {**before.settings.parameters, **parameters}
            known = {name: value for name, value in both.items() if value is not None}
            return replace(before, settings=replace(before.settings, **settings, parameters=known), **lists)

        return changed

    def _settings(self) -> dict[str, Any]:
        sent = {
            "enabled": self.enabled,
            "severity": self.severity,
            "minimum_saving": self.minimum_monthly_saving,
            "grace_days": self.grace_days,
            "require_complete_metrics": self.require_complete_metrics,
        }
        found: dict[str, Any] = {name: value.value for name, value in sent.items() if value is not None}
        if self.statistic is not None:
            found["statistic"] = _daily(self.statistic.value)
        return found

    def _lists(self, organization_id: UUID) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.excluded_account_ids is not None:
            ids = self.excluded_account_ids.value
            found["excluded_accounts"] = _accounts(ids, organization_id, "excludedAccountIds")
        if self.included_account_ids is not None:
            ids = self.included_account_ids.value
            found["included_accounts"] = _accounts(ids, organization_id, "includedAccountIds")
        if self.included_regions is not None:
            found["included_regions"] = tuple(self.included_regions.value)
        if self.excluded_by is not None:
            found["all_excluded_tags"] = self.excluded_by.value is TagCombination.ALL
        if self.excluded_regions is not None:
            found["excluded_regions"] = tuple(self.excluded_regions.value)
        if self.excluded_tags is not None:
            found["excluded_tags"] = tuple(tag.match() for tag in self.excluded_tags.value)
        if self.account_overrides is not None:
            found["of_accounts"] = _of_accounts(self.account_overrides.value, organization_id)
        if self.tag_overrides is not None:
            found["of_tags"] = tuple(
                (each.tag.match(), each.settings.settings(("tagOverrides", str(place))))
                for place, each in enumerate(self.tag_overrides.value)
            )
        return found


def _of_accounts(sent: Sequence[AccountOverrideInput], organization_id: UUID) -> Mapping[UUID, Settings]:
    found: dict[UUID, Settings] = {}
    for place, each in enumerate(sent):
        where = ("accountOverrides", str(place))
        account_id = _account(each.account_id, organization_id, (*where, "accountId"))
        if account_id in found:
            _refuse("This account stands there twice.", *where, "accountId")
        found[account_id] = each.settings.settings(where)
    return found


def _accounts(ids: Sequence[str], organization_id: UUID, name: str) -> tuple[UUID, ...]:
    return tuple(_account(id_, organization_id, (name, str(place))) for place, id_ in enumerate(ids))


def _account(id_: str, organization_id: UUID, where: tuple[str, ...]) -> UUID:
    key = parse_id(id_, "Account", path=("input", "changes", *where))
    if key.organization_id != organization_id:
        _refuse("There is no such account within your reach.", *where)
    return key.id


def _parameters(sent: Sequence[RuleParameterInput], where: tuple[str, ...]) -> dict[str, Decimal | None]:
    found: dict[str, Decimal | None] = {}
    for each in sent:
        if each.name in found:
            _refuse(f"The parameter `{each.name}` stands there twice.", *where, each.name)
        found[each.name] = each.value
    return found


def _daily(statistic: MetricStatistic | None) -> Daily | None:
    return None if statistic is None else Daily(statistic.value)


def _refuse(message: str, *where: str) -> NoReturn:
    raise BadUserInputError(message, path=("input", "changes", *where))
