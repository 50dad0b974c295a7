"""What the credentials of an account have to be allowed, so that a check can tell."""

from __future__ import annotations

from functools import cache

from app.detection.catalogue import CHECKS
from app.detection.check import Check
from app.providers.registry import CLOUDS, cloud


@cache
def needed_permissions(check_id: str) -> tuple[str, ...]:
    """Permissions in the provider's words, sorted; none for a check of charges alone. Raises KeyError.

    Those that read its resources and the others that it looks at, those that read metrics or an adviser, and what it
    names itself.
    As slow as `app.providers.registry.cloud` at first: call it in a thread.
    """
    check = CHECKS[check_id]
    if check.provider not in CLOUDS or check.charges is not None:
        return tuple(sorted(check.permissions))
    types = _types(check)
    of_cloud = cloud(check.provider)
    found = {
        permission
        for service in of_cloud.services()
        for collector in service.collectors
        if types.intersection(collector.resource_types)
        for permission in collector.permissions
    }
    found.update(*(reader.permissions for reader in of_cloud.advisers() if reader.source is check.advice))
    if check.metrics:
        found.update(of_cloud.metric_permissions)
    return tuple(sorted(found.union(check.permissions)))


def _types(check: Check) -> frozenset[str]:
    seen = (asked.resource_type for asked in check.neighbours)
    return frozenset((*check.resource_types, *seen, *check.absence_of))
