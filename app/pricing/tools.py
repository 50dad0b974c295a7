"""The readers of price lists, as the settings say."""

from __future__ import annotations

from app.config import Settings
from app.pricing.refresh import PriceTools
from app.providers.aws.prices import AwsPrices
from app.providers.azure.prices import AzurePrices
from app.providers.calls import ProviderPool
from app.providers.gcp.prices import GcpPrices
from app.providers.price_lists import PriceReader
from app.records import Provider


def make_price_tools(settings: Settings, pool: ProviderPool) -> PriceTools:
    """A reader for each provider that publishes a price list."""
    key = settings.google_prices_key
    readers: dict[Provider, PriceReader] = {
        Provider.AWS: AwsPrices(),
        Provider.AZURE: AzurePrices(),
        Provider.GCP: GcpPrices(None if key is None else key.get_secret_value()),
    }
    return PriceTools(pool, readers)
