"""Which clouds there are. Each is imported when it is first asked for, because its SDK takes long to import."""

from __future__ import annotations

from functools import cache

from app.errors import BadUserInputError
from app.providers.base import Cloud
from app.records import Provider

CLOUDS = (Provider.AWS, Provider.AZURE, Provider.GCP)


@cache
def cloud(provider: Provider) -> Cloud:
    """The provider's cloud. The first call takes up to seconds: make it in a thread.

    Raises BadUserInputError for a provider that cannot be connected to.
    """
    # Each import is slow and drags in an SDK that most processes never use.
    if provider is Provider.AWS:
        from app.providers.aws.cloud import AwsCloud  # noqa: PLC0415

        return AwsCloud()
    if provider is Provider.AZURE:
        from app.providers.azure.cloud import AzureCloud  # noqa: PLC0415

        return AzureCloud()
    if provider is Provider.GCP:
        from app.providers.gcp.cloud import GcpCloud  # noqa: PLC0415

        return GcpCloud()
    message = f"Skyledger cannot connect to {provider}; the clouds are {', '.join(CLOUDS)}."
    raise BadUserInputError(message, path=("input", "provider"))


def service_names(provider: Provider) -> tuple[str, ...]:
    """The names that `startScan(services: …)` takes for a provider; as slow as `cloud`."""
    return tuple(service.name for service in cloud(provider).services())
