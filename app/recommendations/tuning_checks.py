"""What can be set for a check: every value that cannot is told at its place in the input."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NoReturn
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.detection.check import LOOKBACK_DAYS, Check, Parameter
from app.detection.patterns import LONGEST_VALUE, PatternError, compiled
from app.detection.rule import NO_REGION, MetricStatistic, Settings, TagMatch, Tuning, can_be_chosen
from app.errors import BadUserInputError, argument
from app.repositories import detection_rules

LONGEST_KEY = 512
MOST_ACCOUNTS = 200
MOST_REGIONS = 100
MOST_TAGS = 50
MOST_VALUES = 100
MOST_SAVING = Decimal(1_000_000_000)
MOST_GRACE_DAYS = 3650


async def check_tuning(session: AsyncSession, organization_id: UUID, check: Check, tuning: Tuning) -> None:
    """Raise BadUserInputError, at its place below `input`, for what cannot be set."""
    _check_settings(check, tuning.settings)
    with argument("input", "excludedTags"):
        _at_most(len(tuning.excluded_tags), MOST_TAGS, "tags")
        for place, match in enumerate(tuning.excluded_tags):
            _check_match(match, str(place))
    with argument("input", "tagOverrides"):
        _at_most(len(tuning.of_tags), MOST_TAGS, "tags")
        for place, (match, settings) in enumerate(tuning.of_tags):
            _check_match(match, str(place), "tag")
            _check_override(check, settings, str(place))
    with argument("input", "accountOverrides"):
        _at_most(len(tuning.of_accounts), MOST_ACCOUNTS, "accounts")
        for place, settings in enumerate(tuning.of_accounts.values()):
            _check_override(check, settings, str(place))
        await _check_accounts(session, organization_id, check, list(tuning.of_accounts), "accountId")
    with argument("input", "excludedAccountIds"):
        _at_most(len(tuning.excluded_accounts), MOST_ACCOUNTS, "accounts")
        await _check_accounts(session, organization_id, check, tuning.excluded_accounts)
    with argument("input", "excludedRegions"):
        await _check_regions(session, organization_id, check, tuning.excluded_regions)
    with argument("input", "includedAccountIds"):
        _at_most(len(tuning.included_accounts), MOST_ACCOUNTS, "accounts")
        await _check_accounts(session, organization_id, check, tuning.included_accounts)
        _check_apart(tuning.included_accounts, tuning.excluded_accounts, "account")
    with argument("input", "includedRegions"):
        await _check_regions(session, organization_id, check, tuning.included_regions)
        _check_apart(tuning.included_regions, tuning.excluded_regions, "region")


def _check_override(check: Check, settings: Settings, place: str) -> None:
    with argument("input", place, "settings"):
        if settings.is_empty:
            _refuse("This override sets nothing; set something, or leave it out.")
        _check_settings(check, settings)


def _check_settings(check: Check, settings: Settings) -> None:
    known = {parameter.name: parameter for parameter in check.parameters}
    for name, value in settings.parameters.items():
        if name not in known:
            told = ", ".join(sorted(known)) or "none"
            _refuse(f"{check.id} has no parameter `{name}`. Its parameters: {told}.", "parameters", name)
        _check_parameter(known[name], value)
    if settings.minimum_saving is not None and not 0 <= settings.minimum_saving <= MOST_SAVING:
        _refuse(f"`minimumMonthlySaving` must be from 0 to {MOST_SAVING:,}.", "minimumMonthlySaving")
    if settings.grace_days is not None and not 0 <= settings.grace_days <= MOST_GRACE_DAYS:
        _refuse(f"`graceDays` must be from 0 to {MOST_GRACE_DAYS:,}.", "graceDays")
    if settings.require_complete_metrics is not None and not check.metrics:
        _refuse(f"{check.id} reads no metrics. Leave it out.", "requireCompleteMetrics")
    if settings.statistic is not None and not statistics_of(check):
        _refuse(f"{check.id} reads no metric that can be read in another way. Leave it out.", "statistic")


def _check_parameter(parameter: Parameter, value: Decimal) -> None:
    where = ("parameters", parameter.name)
    if not parameter.least <= value <= parameter.most:
        least, most = f"{parameter.least:,f}", f"{parameter.most:,f}"
        _refuse(f"`{parameter.name}` must be from {least} to {most} {parameter.unit}; it is {value:,f}.", *where)
    if parameter.name == LOOKBACK_DAYS and (value < 1 or value % 1):
        _refuse(f"`{parameter.name}` must be whole days, at least one; it is {value:,f}.", *where)


def statistics_of(check: Check) -> tuple[MetricStatistic, ...]:
    """What a day's values of a check's metrics may be made by; none where it reads none that can be chosen."""
    return tuple(MetricStatistic) if any(can_be_chosen(metric) for metric in check.metrics) else ()


def _check_match(match: TagMatch, *place: str) -> None:
    with argument("input", *place):
        if not 1 <= len(match.key) <= LONGEST_KEY or "\0" in match.key:
            _refuse(f"`key` must have 1 to {LONGEST_KEY} characters that can be stored.", "key")
        if match.values and match.pattern is not None:
            _refuse("Give `values` or a `pattern`, not both.", "pattern")
        _at_most(len(match.values), MOST_VALUES, "values", "values")
        for value in match.values:
            if len(value) > LONGEST_VALUE or "\0" in value:
                _refuse(f"A value has at most {LONGEST_VALUE} characters that can be stored.", "values")
        if match.pattern is not None:
            try:
                compiled(match.pattern)
            except PatternError as error:
                _refuse(str(error), "pattern")


async def _check_accounts(
    session: AsyncSession, organization_id: UUID, check: Check, ids: Sequence[UUID], *field: str
) -> None:
    if not ids:
        return
    _check_once(ids, "account", *field)
    there = {row["id"]: row for row in await detection_rules.accounts_there(session, organization_id, ids)}
    for place, account_id in enumerate(ids):
        where = (str(place), *field)
        if account_id not in there:
            _refuse("There is no such account within your reach.", *where)
        if check.provider is not None and there[account_id]["provider"] != check.provider:
            account = f"{there[account_id]['name']} is an account of {there[account_id]['provider']}"
            _refuse(f"{account}; {check.id} is for {check.provider.value}.", *where)


async def _check_regions(session: AsyncSession, organization_id: UUID, check: Check, regions: Sequence[str]) -> None:
    if not regions:
        return
    _at_most(len(regions), MOST_REGIONS, "regions")
    _check_once(regions, "region")
    storable = [region for region in regions if "\0" not in region]
    there = await detection_rules.regions_there(session, organization_id, check.provider, storable)
    for place, region in enumerate(regions):
        if region not in there and region != NO_REGION:
            whose = "" if check.provider is None else f" of {check.provider.value}"
            _refuse(f"No resource and no account{whose} is in a region {region!r}.", str(place))


def _check_apart(included: Sequence[object], excluded: Sequence[object], what: str) -> None:
    for place, each in enumerate(included):
        if each in excluded:
            _refuse(f"This {what} is left out as well; take it from one of the lists.", str(place))


def _check_once(found: Iterable[object], what: str, *field: str) -> None:
    seen = Counter[object]()
    for place, each in enumerate(found):
        seen[each] += 1
        if seen[each] > 1:
            _refuse(f"This {what} stands there twice.", str(place), *field)


def _at_most(count: int, most: int, what: str, *where: str) -> None:
    if count > most:
        _refuse(f"There may be at most {most} {what}; there are {count}.", *where)


def _refuse(message: str, *where: str) -> NoReturn:
    raise BadUserInputError(message, path=("input", *where))
