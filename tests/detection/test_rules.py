"""Which rule is in force for a resource: check, organization, account, tag, each on top of those before."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from app.detection.catalogue import CHECKS
from app.detection.check import Daily
from app.detection.facts import REQUIRE_COMPLETE, Subject
from app.detection.rule import Rules, Settings, TagMatch, Tuning, can_be_chosen, default_rule, rule_by
from app.models import now
from app.recommendations.tunings import json_of, tuning_of
from app.records import Provider
from app.records.detection import Severity

CHECK = CHECKS["aws.ebs.unattached"]
MEASURED = CHECKS["aws.ec2.idle"]
HERE, THERE = UUID(int=1), UUID(int=2)


def subject(account: UUID = HERE, region: str | None = "us-east-1", **tags: str) -> Subject:
    return Subject(
        id=UUID(int=9),
        account_id=account,
        provider=Provider.AWS,
        resource_type="AWS::EC2::Volume",
        native_id="vol-1",
        name="vol-1",
        region=region,
        status="available",
        first_seen_at=now(),
        tags=tags,
    )


def tuned(tuning: Tuning) -> Rules:
    return Rules({CHECK.id: tuning, MEASURED.id: tuning})


def days(number: int) -> dict[str, Decimal]:
    return {"minAgeDays": Decimal(number)}


def test_what_is_not_tuned_is_as_delivered() -> None:
    assert Rules().of(CHECK, subject()) == default_rule(CHECK)
    assert tuned(Tuning()).of(CHECK, subject()) == default_rule(CHECK)
    assert default_rule(CHECK).parameters == {parameter.name: parameter.default for parameter in CHECK.parameters}


def test_each_level_is_on_top_of_those_before() -> None:
    rules = tuned(
        Tuning(
            Settings(severity=Severity.HIGH, parameters=days(10), minimum_saving=Decimal(5), grace_days=3),
            of_accounts={THERE: Settings(parameters=days(20), enabled=False)},
            of_tags=(
                (TagMatch("env", ("prod",)), Settings(parameters=days(30), enabled=True)),
                (TagMatch("env"), Settings(severity=Severity.LOW)),
            ),
            version=4,
        )
    )
    plain = rules.of(CHECK, subject())
    assert (plain.parameters, plain.severity, plain.enabled) == (days(10), Severity.HIGH, True)
    assert (plain.minimum_saving, plain.grace_days, plain.version) == (Decimal(5), 3, 4)
    of_account = rules.of(CHECK, subject(THERE))
    assert (of_account.parameters, of_account.enabled) == (days(20), False)
    assert of_account.severity is Severity.HIGH
    of_both = rules.of(CHECK, subject(THERE, env="prod"))
    assert (of_both.parameters, of_both.enabled) == (days(30), True)
    assert rules.of(CHECK, subject(env="dev")).severity is Severity.LOW  # of two overrides the first that covers holds
    assert rules.of(CHECK, subject(env="prod")).severity is Severity.HIGH


def test_what_is_left_out() -> None:
    rules = tuned(
        Tuning(
            excluded_accounts=(THERE,),
            excluded_regions=("eu-west-1",),
            excluded_tags=(TagMatch("keep"), TagMatch("env", ("prod", "test")), TagMatch("owner", pattern="^ops-")),
        )
    )

    def why(one: Subject) -> str | None:
        return rules.of(CHECK, one).leaves_out(one)

    assert why(subject()) is None
    assert why(subject(THERE)) == "The rule leaves out this account."
    assert why(subject(region="eu-west-1")) == "The rule leaves out the region eu-west-1."
    assert why(subject(keep="")) == "The rule leaves out resources with the tag keep."
    assert why(subject(env="prod")) == "The rule leaves out resources with the tag env."
    assert why(subject(env="dev")) is None
    assert why(subject(owner="ops-eu")) == "The rule leaves out resources with the tag owner."
    assert why(subject(owner="devops-eu")) is None


def test_what_is_left_out_for_all_of_several_tags() -> None:
    tags = (TagMatch("keep"), TagMatch("env", ("prod",)))
    rule = tuned(Tuning(excluded_tags=tags, all_excluded_tags=True)).of(CHECK, subject())
    assert rule.leaves_out(subject(keep="")) is None
    assert rule.leaves_out(subject(keep="", env="dev")) is None
    assert rule.leaves_out(subject(keep="", env="prod")) == "The rule leaves out resources with the tag keep."
    assert tuned(Tuning(all_excluded_tags=True)).of(CHECK, subject()).leaves_out(subject()) is None


def test_what_is_looked_at_only() -> None:
    rule = tuned(Tuning(included_accounts=(HERE,), included_regions=("eu-west-1", "global"))).of(CHECK, subject())
    assert rule.leaves_out(subject(THERE, region="eu-west-1")) == "The rule is for other accounts only."
    assert rule.leaves_out(subject(region="us-east-1")) == "The rule is for other regions than us-east-1 only."
    assert rule.leaves_out(subject(region="eu-west-1")) is None
    assert rule.leaves_out(subject(region=None)) is None
    without = tuned(Tuning(excluded_regions=("global",))).of(CHECK, subject())
    assert without.leaves_out(subject(region=None)) == "The rule leaves out the region global."


def test_percentiles_of_a_provider_that_has_none_are_those_of_hours() -> None:
    checks = [CHECKS["az.vm.idle"], CHECKS["az.vm.oversized"], CHECKS["aws.ec2.idle"]]
    for statistic, by_hours in ((Daily.P95, Daily.P95_HOURS), (Daily.P99, Daily.P99_HOURS)):
        rules = [rule_by(check, Tuning(), Settings(statistic=statistic)) for check in checks]
        read = [
            {rule.reads(metric).daily for metric in check.metrics if can_be_chosen(metric)}
            for check, rule in zip(checks, rules, strict=True)
        ]
        assert read == [{by_hours}, {by_hours}, {statistic}]
    assert rule_by(checks[0], Tuning(), Settings(statistic=Daily.MAXIMUM)).statistic is Daily.MAXIMUM


def test_metrics_are_read_as_the_rule_says() -> None:
    tuning = Tuning(Settings(statistic=Daily.P95, require_complete_metrics=False))
    rule = tuned(tuning).of(MEASURED, subject())
    assert rule.parameters[REQUIRE_COMPLETE] == 0
    read = {metric.key: rule.reads(metric).daily for metric in MEASURED.metrics}
    before = {metric.key: metric.daily for metric in MEASURED.metrics}
    chosen = {Daily.AVERAGE, Daily.MAXIMUM, Daily.P95}  # of those that it reads
    assert read == {key: Daily.P95 if daily in chosen else daily for key, daily in before.items()}
    assert read != before


def test_what_is_stored_is_what_was_set() -> None:
    tuning = Tuning(
        Settings(
            enabled=False,
            severity=Severity.LOW,
            parameters=days(9),
            minimum_saving=Decimal("0.50"),
            grace_days=0,
            require_complete_metrics=False,
            statistic=Daily.MAXIMUM,
        ),
        (HERE,),
        ("us-east-1",),
        (TagMatch("a"), TagMatch("b", ("1", "2")), TagMatch("c", pattern="x")),
        included_accounts=(THERE,),
        included_regions=("eu-west-1", "global"),
        all_excluded_tags=True,
        of_accounts={THERE: Settings(enabled=True)},
        of_tags=((TagMatch("d", pattern="^y"), Settings(grace_days=7)),),
        version=3,
    )
    assert tuning_of(json_of(tuning), 3) == tuning
    assert json_of(Tuning(version=8)) == {}
    assert tuning_of({}, 8) == Tuning(version=8)
    assert tuning.same_as(replace(tuning, version=9))


def test_parameters_of_an_older_release_are_left_aside() -> None:
    rules = tuned(Tuning(Settings(parameters={"gone": Decimal(1)})))
    assert "gone" not in rules.of(CHECK, subject()).parameters
