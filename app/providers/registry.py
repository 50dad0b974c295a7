"""Which clouds there are. Each is imported when it is first asked for, because its SDK takes long to import."""

from __future__ import annotations

from functools import cache

from app.errors import BadUserInputError
from app.providers.base import Cloud, Target
from app.providers.cost_exports import CostSource, ExportSettings
from app.providers.objects import ObjectStore
from app.providers.problems import ProblemCode, ProviderError
from app.providers.tagging import Tagger
from app.records import Provider
from app.records.cost_sources import CostSourceKind

CLOUDS = (Provider.AWS, Provider.AZURE, Provider.GCP, Provider.MICROSOFT_365)


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
    if provider is Provider.MICROSOFT_365:
        from app.providers.m365.cloud import M365Cloud  # noqa: PLC0415

        return M365Cloud()
    message = f"Skyledger cannot connect to {provider}; the clouds are {', '.join(CLOUDS)}."
    raise BadUserInputError(message, path=("input", "provider"))


def service_names(provider: Provider) -> tuple[str, ...]:
    """The names that `startScan(services: …)` takes for a provider; as slow as `cloud`."""
    return tuple(service.name for service in cloud(provider).services())


def cost_source(target: Target, kind: CostSourceKind, settings: ExportSettings) -> CostSource:
    """A way to the costs of an account, made without a call. As slow as `cloud` at first: make it in a thread.

    Raises ProviderError(CREDENTIALS) for credentials that cannot be read.
    """
    if kind is CostSourceKind.AZURE_EXPORT:
        from app.providers.azure.cost_exports import BlobCostExport  # noqa: PLC0415

        return BlobCostExport(target, settings)
    if kind is CostSourceKind.BIGQUERY:
        from app.providers.gcp.cost_exports import BigQueryCosts  # noqa: PLC0415

        return BigQueryCosts(target, settings)
    from app.providers.aws.cost_explorer import CostExplorer  # noqa: PLC0415
    from app.providers.aws.cost_exports import S3CostExport  # noqa: PLC0415
    from app.providers.aws.session import AwsConnection  # noqa: PLC0415

    made = CostExplorer if kind is CostSourceKind.AWS_COST_EXPLORER else S3CostExport
    return made(AwsConnection(target), settings)


def tagger(target: Target) -> Tagger:
    """A way to tag what is marked for deletion in an account, made without a call. As slow as `cloud` at first.

    Raises ProviderError: CREDENTIALS for credentials that cannot be read, NOT_ENABLED for a cloud without tags.
    """
    if target.provider is Provider.AWS:
        from app.providers.aws.session import AwsConnection  # noqa: PLC0415
        from app.providers.aws.tagging import AwsTagger  # noqa: PLC0415

        return AwsTagger(AwsConnection(target))
    if target.provider is Provider.AZURE:
        from app.providers.azure.connection import AzureConnection  # noqa: PLC0415
        from app.providers.azure.patience import Patience  # noqa: PLC0415
        from app.providers.azure.tagging import AzureTagger  # noqa: PLC0415

        return AzureTagger(AzureConnection(target, (), Patience()))
    if target.provider is Provider.GCP:
        from app.providers.gcp.connection import GcpConnection  # noqa: PLC0415
        from app.providers.gcp.tagging import GcpTagger  # noqa: PLC0415

        return GcpTagger(GcpConnection(target))
    message = f"Resources of {target.provider} carry no tags"
    raise ProviderError(ProblemCode.NOT_ENABLED, message, "Mark them without `tagInCloud`")


def object_store(bucket: str, *, region: str | None = None, endpoint: str | None = None) -> ObjectStore:
    """A bucket of S3 or of what speaks its language. As slow as `cloud` at first: make it in a thread."""
    from app.providers.aws.object_store import S3ObjectStore  # noqa: PLC0415

    return S3ObjectStore(bucket, region=region, endpoint=endpoint)
