"""Google Cloud as a provider."""

from __future__ import annotations

from app.providers.base import Service, Target
from app.providers.gcp import recommender
from app.providers.gcp.connection import GcpConnection, Patience
from app.providers.gcp.metrics import READ_METRICS
from app.providers.gcp.policy import policy_of
from app.providers.gcp.services import services
from app.providers.opinions import OpinionReader
from app.records import Provider


class GcpCloud:
    """Google Cloud through Cloud Asset Inventory: projects, folders and organizations."""

    provider = Provider.GCP
    metric_permissions: tuple[str, ...] = (READ_METRICS,)

    def __init__(self, patience: Patience | None = None) -> None:
        self._patience = patience

    def connect(self, target: Target) -> GcpConnection:
        """A connection, made without a call. Raises ProviderError(CREDENTIALS) for what cannot be accepted."""
        return GcpConnection(target, self._patience)

    def services(self) -> tuple[Service, ...]:
        """What can be read, by API."""
        return services()

    def advisers(self) -> tuple[OpinionReader, ...]:
        """Google's recommenders."""
        return (recommender.reader(),)

    def policy(self) -> str:
        """A custom role in YAML with the commands to create and bind it."""
        return policy_of(services(), self.advisers())
