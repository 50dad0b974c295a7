"""Which steps a scan has: each of its services in each of its regions, or once where the service is global."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import RowMapping

from app.providers.base import GLOBAL, Service
from app.providers.problems import ProblemCode, ProviderError


@dataclass(frozen=True)
class Plan:
    """The services of a scan, and the region names that its steps have."""

    services: dict[str, Service]
    steps: list[tuple[str, str]]
    """(service, region)."""
    absent: frozenset[str]
    """Regions that were asked for and that the account does not have."""
    regions: frozenset[str]
    """The regions that the account has."""
    is_full: bool
    """Whether all there is in the account is to be read."""


def make_plan(scan: RowMapping, services: Sequence[Service], regions: Collection[str]) -> Plan:
    """The plan of a scan of an account that has these regions.

    Raises ProviderError(NOT_ENABLED) where none of the regions asked for is switched on, ProviderError(FAILED) where
    nothing is left to read: a scan that reads nothing must not look like one that has found nothing.
    """
    named, asked = scan["services"], scan["regions"]
    wanted = {service.name: service for service in services if named is None or service.name in named}
    regional = list(regions) if asked is None else [region for region in asked if region != GLOBAL]
    absent = frozenset(regional) - frozenset(regions)
    steps = [
        (service.name, region)
        for service in wanted.values()
        for region in ([GLOBAL] if service.is_global else regional)
    ]
    if absent and absent == frozenset(regional) and not all(service.is_global for service in wanted.values()):
        raise ProviderError(
            ProblemCode.NOT_ENABLED,
            f"The account has none of these regions switched on: {', '.join(sorted(absent))}.",
            f"Scan one of its regions: {', '.join(sorted(regions))}. What is left out of the account's own `regions` "
            "counts as not switched on.",
        )
    if not steps:
        raise ProviderError(
            ProblemCode.FAILED,
            "The services and regions of the scan leave nothing to read.",
            "Start a scan without `services` and `regions`, or with others.",
        )
    return Plan(wanted, steps, absent, frozenset(regions), is_full=named is None and asked is None)


def swept_regions(scan: RowMapping, service: Service, region: str) -> list[str] | None:
    """The regions whose resources a step of this service answers for; None stands for all.

    What belongs to no region counts as in `global`, and is read whatever regions are asked for.
    """
    if service.is_global:
        return None if scan["regions"] is None else [*scan["regions"], GLOBAL]
    return [region]
