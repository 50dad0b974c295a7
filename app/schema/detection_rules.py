"""Detection rules: how an organization has tuned checks, for all, for an account or for a tag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.context import Info
from app.detection import check as checks
from app.detection.catalogue import ALL_CHECKS, CHECKS
from app.detection.facts import REQUIRE_COMPLETE
from app.detection.rule import MetricStatistic, Rule, Settings, TagCombination, TagMatch, Tuning, rule_by
from app.errors import BadUserInputError
from app.recommendations.tunings import tuning_of
from app.records import Permission, Provider
from app.records.detection import Severity
from app.schema.accounts import Account
from app.schema.activity import ActivityActor, actor_of
from app.schema.checks import MOST_KINDS, AreaArgument, Check, ProviderArgument
from app.schema.cost_words import Money
from app.schema.enums import graph_enum
from app.schema.organization_part import OrganizationPart
from app.schema.paging import within
from app.schema.scalars import JSONObject
from app.server.costs.directives import at_most, sized_by

graph_enum(
    MetricStatistic,
    "What the values of a day are made by, of metrics whose samples can be summed up in more than one way.",
    AVERAGE="The average of its samples.",
    MAXIMUM="The largest of them: fewer resources look idle.",
    P95="What 95 of 100 samples are not above; of a provider that does not tell it, averages of hours.",
    P99="What 99 of 100 samples are not above; of a provider that does not tell it, averages of hours.",
)


graph_enum(
    TagCombination,
    "How tags that leave out resources go together.",
    ANY="A resource is left out for any of them.",
    ALL="A resource is left out only where it has all of them.",
)
EXCLUDED_BY = "Whether a resource is left out for any of the excluded tags, or only for all of them together."
MOST_CHECKS = 500
MOST_VERSIONS = 100
SETTINGS = {
    "enabled": "Whether it is looked for at all.",
    "severity": "How much findings should worry.",
    "minimum": "Findings that would save less a month are left out, in the organization's currency; not those whose "
    "money is not known, and not those of hygiene, for which nothing is paid.",
    "grace": "How many days are at least between marking for deletion and the day of it.",
    "complete": "Whether a check cannot tell where a day of a metric is missing; otherwise the known days do.",
    "statistic": "What the values of a day are made by, of metrics for which that can be chosen.",
}


@strawberry.type(description="A threshold as it is in force.")
class DetectionRuleParameter:
    """A parameter of a check and its value in a rule."""

    name: str = strawberry.field(description="Its name, such as `minAgeDays`.")
    value: Decimal = strawberry.field(description="Its value.")
    is_default: bool = strawberry.field(description="Whether that is what the check delivers.")
    unit: str = strawberry.field(description="What it is counted in, such as `days`.")
    description: str = strawberry.field(description="What it does.")


@strawberry.type(description="A threshold that an override sets.")
class DetectionRuleThreshold:
    """An entry of the parameters of settings."""

    name: str = strawberry.field(description="Its name, such as `minAgeDays`.")
    value: Decimal = strawberry.field(description="Its value.")


@strawberry.type(
    description="Resources with a tag: of any value, of one of some values, or of one with a pattern in it."
)
class TagMatcher:
    """See app.detection.rule.TagMatch."""

    key: str = strawberry.field(description="The tag's key, spelt exactly so.")
    values: list[str] = strawberry.field(description="The values; any where there is none and no pattern.")
    pattern: str | None = strawberry.field(description="A regular expression that is looked for in the value.")

    @classmethod
    def of(cls, match: TagMatch) -> TagMatcher:
        """Make it of a match."""
        return cls(key=match.key, values=list(match.values), pattern=match.pattern)


@strawberry.type(description="What an override sets; null is what the rule has without it.")
class DetectionRuleSettings:
    """See app.detection.rule.Settings."""

    enabled: bool | None = strawberry.field(description=SETTINGS["enabled"])
    severity: Severity | None = strawberry.field(description=SETTINGS["severity"])
    parameters: list[DetectionRuleThreshold] = strawberry.field(description="The thresholds that it sets.")
    minimum_monthly_saving: Decimal | None = strawberry.field(description=SETTINGS["minimum"])
    grace_days: int | None = strawberry.field(description=SETTINGS["grace"])
    require_complete_metrics: bool | None = strawberry.field(description=SETTINGS["complete"])
    statistic: MetricStatistic | None = strawberry.field(description=SETTINGS["statistic"])

    @classmethod
    def of(cls, settings: Settings) -> DetectionRuleSettings:
        """Make it of settings."""
        return cls(
            enabled=settings.enabled,
            severity=settings.severity,
            parameters=[
                DetectionRuleThreshold(name=name, value=value) for name, value in sorted(settings.parameters.items())
            ],
            minimum_monthly_saving=settings.minimum_saving,
            grace_days=settings.grace_days,
            require_complete_metrics=settings.require_complete_metrics,
            statistic=None if settings.statistic is None else MetricStatistic(settings.statistic.value),
        )


@strawberry.type(description="What is set for the resources of one account.")
class DetectionRuleAccountOverride:
    """An entry of `of_accounts` of a tuning."""

    settings: DetectionRuleSettings = strawberry.field(description="What it sets.")
    account_key: strawberry.Private[tuple[UUID, UUID]]

    @strawberry.field(description="The account.")
    async def account(self, info: Info) -> Account | None:
        """One statement for all overrides."""
        row = await info.context.loaders.account_by_id.load(self.account_key)
        return None if row is None else Account.from_row(row)


@strawberry.type(description="What is set for resources with a tag, on top of what is set for their account.")
class DetectionRuleTagOverride:
    """An entry of `of_tags` of a tuning."""

    tag: TagMatcher = strawberry.field(description="Which resources.")
    settings: DetectionRuleSettings = strawberry.field(description="What it sets.")


@strawberry.type(description="A rule from one change to the next. Versions never change.")
class DetectionRuleVersion:
    """A row of `detection_rule_versions`, with the one before."""

    version: int = strawberry.field(description="Counted from 1.")
    changed_at: datetime = strawberry.field(description="When it came into force.")
    actor: ActivityActor = strawberry.field(description="Who changed it.")
    before: JSONObject = strawberry.field(description="What was set before; empty for a check as it is delivered.")
    after: JSONObject = strawberry.field(description="What was set from then on.")


@strawberry.type(
    description="How an organization has tuned a check. Without changes it is the check as it is delivered."
)
class DetectionRule:
    """A check with a tuning."""

    check_id: str = strawberry.field(description="Name of the check, such as `aws.ebs.unattached`.")
    version: int = strawberry.field(description="How often it was changed; send it along to change what you have seen.")
    changed_at: datetime | None = strawberry.field(description="Since when it is as it is; null where never changed.")
    tuning: strawberry.Private[Tuning]
    organization_id: strawberry.Private[UUID]

    @classmethod
    def of(cls, check_id: str, row: Mapping[Any, Any] | None, organization_id: UUID) -> DetectionRule:
        """Make it of its last version; None for a check that was never tuned."""
        tuning = Tuning() if row is None else tuning_of(row["settings"], row["version"])
        return cls(
            check_id=check_id,
            version=tuning.version,
            changed_at=None if row is None else row["changed_at"],
            tuning=tuning,
            organization_id=organization_id,
        )

    @property
    def _rule(self) -> Rule:
        return rule_by(CHECKS[self.check_id], self.tuning, self.tuning.settings)

    @strawberry.field(description="The check that it tunes.")
    def check(self) -> Check:
        """Of the catalogue."""
        return Check.of(CHECKS[self.check_id])

    @strawberry.field(description="Whether it is the check as it is delivered.")
    def is_default(self) -> bool:
        """Whatever its version."""
        return self.tuning.same_as(Tuning())

    @strawberry.field(description=SETTINGS["enabled"])
    def enabled(self) -> bool:
        """Without overrides."""
        return self._rule.enabled

    @strawberry.field(description=SETTINGS["severity"])
    def severity(self) -> Severity:
        """Without overrides."""
        return self._rule.severity

    @strawberry.field(description="All thresholds of the check.")
    def parameters(self) -> list[DetectionRuleParameter]:
        """Without overrides."""
        return [_parameter(each, self._rule) for each in CHECKS[self.check_id].parameters]

    @strawberry.field(description=SETTINGS["minimum"])
    async def minimum_monthly_saving(self, info: Info) -> Money | None:
        """The organization's currency is read once."""
        organization = await info.context.loaders.organizations.by_id(self.organization_id)
        if organization is None:
            return None
        return Money(amount=self._rule.minimum_saving, currency=organization["currency"])

    @strawberry.field(description=SETTINGS["grace"])
    def grace_days(self) -> int:
        """Without overrides."""
        return self._rule.grace_days

    @strawberry.field(description=SETTINGS["complete"])
    def require_complete_metrics(self) -> bool:
        """Without overrides."""
        return bool(self._rule.parameters.get(REQUIRE_COMPLETE, True))

    @strawberry.field(description=SETTINGS["statistic"] + " Null is what each metric of the check asks for.")
    def statistic(self) -> MetricStatistic | None:
        """Without overrides."""
        chosen = self.tuning.settings.statistic
        return None if chosen is None else MetricStatistic(chosen.value)

    @strawberry.field(description="Accounts that are left out; at most 200.", directives=[at_most(200)])
    async def excluded_accounts(self, info: Info) -> list[Account]:
        """One statement for all rules."""
        keys = [(self.organization_id, account_id) for account_id in self.tuning.excluded_accounts]
        return [Account.from_row(row) for row in await info.context.loaders.account_by_id.load_many(keys) if row]

    @strawberry.field(description="Regions that are left out; at most 100.")
    def excluded_regions(self) -> list[str]:
        """By their names."""
        return list(self.tuning.excluded_regions)

    @strawberry.field(description="Tags by which resources are left out; at most 50.")
    def excluded_tags(self) -> list[TagMatcher]:
        """In the order in which they were given."""
        return [TagMatcher.of(match) for match in self.tuning.excluded_tags]

    @strawberry.field(description=EXCLUDED_BY)
    def excluded_by(self) -> TagCombination:
        """As it was set."""
        return TagCombination.ALL if self.tuning.all_excluded_tags else TagCombination.ANY

    @strawberry.field(
        description="The only accounts that are looked at, at most 200; all where there is none.",
        directives=[at_most(200)],
    )
    async def included_accounts(self, info: Info) -> list[Account]:
        """One statement for all rules."""
        keys = [(self.organization_id, account_id) for account_id in self.tuning.included_accounts]
        return [Account.from_row(row) for row in await info.context.loaders.account_by_id.load_many(keys) if row]

    @strawberry.field(description="The only regions that are looked at, at most 100; all where there is none.")
    def included_regions(self) -> list[str]:
        """By their names."""
        return list(self.tuning.included_regions)

    @strawberry.field(
        description="What is set for accounts, on top of the rule; at most 200.", directives=[at_most(200)]
    )
    def account_overrides(self) -> list[DetectionRuleAccountOverride]:
        """In the order in which they were given."""
        return [
            DetectionRuleAccountOverride(
                settings=DetectionRuleSettings.of(settings), account_key=(self.organization_id, account_id)
            )
            for account_id, settings in self.tuning.of_accounts.items()
        ]

    @strawberry.field(description="What is set for tags: the first that fits a resource holds; at most 50.")
    def tag_overrides(self) -> list[DetectionRuleTagOverride]:
        """In the order in which they were given."""
        return [
            DetectionRuleTagOverride(tag=TagMatcher.of(match), settings=DetectionRuleSettings.of(settings))
            for match, settings in self.tuning.of_tags
        ]

    @strawberry.field(description="Its last versions, the newest first.")
    async def history(
        self, info: Info, first: Annotated[int, strawberry.argument(description="How many at most, 1 to 100.")] = 10
    ) -> list[DetectionRuleVersion]:
        """One statement for all rules."""
        most = within(first, MOST_VERSIONS)
        rows = await info.context.loaders.detection_rule_versions.load((self.organization_id, self.check_id, most))
        return _versions(rows, most)


def _parameter(parameter: checks.Parameter, rule: Rule) -> DetectionRuleParameter:
    value = rule.parameters[parameter.name]
    return DetectionRuleParameter(
        name=parameter.name,
        value=value,
        is_default=value == parameter.default,
        unit=parameter.unit,
        description=parameter.description,
    )


def _versions(rows: Sequence[Mapping[Any, Any]], most: int) -> list[DetectionRuleVersion]:
    """Each with what was set before it, which the next row tells."""
    return [
        DetectionRuleVersion(
            version=row["version"],
            changed_at=row["changed_at"],
            actor=actor_of(row),
            before=JSONObject(dict(before["settings"]) if before else {}),
            after=JSONObject(dict(row["settings"])),
        )
        for row, before in zip(rows, (*rows[1:], None), strict=False)
    ][:most]


@strawberry.type
class OrganizationDetectionRules(OrganizationPart):
    """The part of `Organization` that this file adds; `Organization` inherits it."""

    @strawberry.field(
        description="How checks are tuned, in the order of their ids: one for each check, tuned or not.",
        directives=[sized_by("checkIds", assumed=MOST_KINDS)],
    )
    async def detection_rules(
        self,
        info: Info,
        check_ids: Annotated[
            list[str] | None, strawberry.argument(description="Of these checks; of all when left out. At most 500.")
        ] = None,
        provider: ProviderArgument = None,
        area: AreaArgument = None,
        tuned_only: Annotated[
            bool, strawberry.argument(description="Leave out those that are as they are delivered.")
        ] = False,
    ) -> list[DetectionRule] | None:
        """One statement."""
        key = self.require(Permission.ORGANIZATION_READ)
        wanted = _wanted(check_ids, provider, area)
        rows = await info.context.loaders.detection_rules(key, wanted)
        rules = [DetectionRule.of(check_id, rows.get(check_id), key) for check_id in wanted]
        return [rule for rule in rules if not tuned_only or not rule.tuning.same_as(Tuning())]


def _wanted(check_ids: Sequence[str] | None, provider: Provider | None, area: checks.Area | None) -> list[str]:
    """The checks that are asked for. Raises BadUserInputError."""
    if check_ids is not None and len(check_ids) > MOST_CHECKS:
        message = f"`checkIds` has {len(check_ids)} ids; give at most {MOST_CHECKS}."
        raise BadUserInputError(message, path=("checkIds",))
    for check_id in check_ids or ():
        if check_id not in CHECKS:
            message = f"There is no check {check_id!r}; `checks` lists them all."
            raise BadUserInputError(message, path=("checkIds",))
    found = [
        one.id
        for one in ALL_CHECKS
        if one.is_for(provider) and (area is None or one.area is area) and (check_ids is None or one.id in check_ids)
    ]
    return sorted(found)
