"""What an organization has set for checks, as it is stored, told in the activity, and used."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.detection.catalogue import CHECKS
from app.detection.check import Daily
from app.detection.rule import Rules, Settings, TagMatch, Tuning
from app.records.detection import Severity
from app.repositories import detection_rules


async def tunings_of(
    session: AsyncSession, organization_id: UUID, check_ids: Collection[str] | None = None
) -> dict[str, Tuning]:
    """What is set for some checks, or all; those as they are delivered are not among them. One statement."""
    asked = CHECKS.keys() if check_ids is None else check_ids
    rows = await detection_rules.newest_versions(session, organization_id, asked)
    return {row["check_id"]: tuning_of(row["settings"], row["version"]) for row in rows}


async def tunings_and_before(
    session: AsyncSession, organization_id: UUID
) -> tuple[dict[str, Tuning], dict[str, Tuning]]:
    """What is set for all checks, and what was set before that was changed last. One statement."""
    newest: dict[str, Tuning] = {}
    before: dict[str, Tuning] = {}
    for row in await detection_rules.newest_versions(session, organization_id, CHECKS.keys(), limit=2):
        tuning = tuning_of(row["settings"], row["version"])
        (before if row["check_id"] in newest else newest)[row["check_id"]] = tuning
    return newest, {check_id: before.get(check_id, Tuning()) for check_id in newest}


async def rules_of(session: AsyncSession, organization_id: UUID) -> Rules:
    """The rules in force in an organization."""
    return Rules(await tunings_of(session, organization_id))


def json_of(tuning: Tuning) -> dict[str, Any]:
    """Only what is set, in plain values."""
    found = _settings_json(tuning.settings)
    lists: dict[str, list[Any]] = {
        "excludedAccounts": [str(account_id) for account_id in tuning.excluded_accounts],
        "excludedRegions": list(tuning.excluded_regions),
        "excludedTags": [_match_json(match) for match in tuning.excluded_tags],
        "includedAccounts": [str(account_id) for account_id in tuning.included_accounts],
        "includedRegions": list(tuning.included_regions),
        "accountOverrides": [
            {"accountId": str(account_id), **_settings_json(settings)}
            for account_id, settings in tuning.of_accounts.items()
        ],
        "tagOverrides": [{**_match_json(match), **_settings_json(settings)} for match, settings in tuning.of_tags],
    }
    all_tags = {"allExcludedTags": True} if tuning.all_excluded_tags else {}
    return found | all_tags | {name: value for name, value in lists.items() if value}


def tuning_of(told: Mapping[str, Any], version: int) -> Tuning:
    """What `json_of` has made of a tuning."""
    return Tuning(
        settings=_settings_of(told),
        excluded_accounts=tuple(UUID(each) for each in told.get("excludedAccounts", ())),
        excluded_regions=tuple(told.get("excludedRegions", ())),
        excluded_tags=tuple(_match_of(each) for each in told.get("excludedTags", ())),
        included_accounts=tuple(UUID(each) for each in told.get("includedAccounts", ())),
        included_regions=tuple(told.get("includedRegions", ())),
        all_excluded_tags=bool(told.get("allExcludedTags")),
        of_accounts={UUID(each["accountId"]): _settings_of(each) for each in told.get("accountOverrides", ())},
        of_tags=tuple((_match_of(each), _settings_of(each)) for each in told.get("tagOverrides", ())),
        version=version,
    )


def _settings_json(settings: Settings) -> dict[str, Any]:
    parameters = {name: str(value) for name, value in sorted(settings.parameters.items())}
    told = {
        "enabled": settings.enabled,
        "severity": settings.severity and settings.severity.value,
        "parameters": parameters or None,
        "minimumMonthlySaving": None if settings.minimum_saving is None else str(settings.minimum_saving),
        "graceDays": settings.grace_days,
        "requireCompleteMetrics": settings.require_complete_metrics,
        "statistic": settings.statistic and settings.statistic.value,
    }
    return {name: value for name, value in told.items() if value is not None}


def _settings_of(told: Mapping[str, Any]) -> Settings:
    minimum = told.get("minimumMonthlySaving")
    return Settings(
        enabled=told.get("enabled"),
        severity=Severity(told["severity"]) if "severity" in told else None,
        parameters={name: Decimal(value) for name, value in told.get("parameters", {}).items()},
        minimum_saving=None if minimum is None else Decimal(minimum),
        grace_days=told.get("graceDays"),
        require_complete_metrics=told.get("requireCompleteMetrics"),
        statistic=Daily(told["statistic"]) if "statistic" in told else None,
    )


def _match_json(match: TagMatch) -> dict[str, Any]:
    told: dict[str, Any] = {"key": match.key}
    if match.values:
        told["values"] = list(match.values)
    if match.pattern is not None:
        told["pattern"] = match.pattern
    return told


def _match_of(told: Mapping[str, Any]) -> TagMatch:
    return TagMatch(told["key"], tuple(told.get("values", ())), told.get("pattern"))
