"""Every price that a check asks for is delivered with the product, or it is said why not."""

from __future__ import annotations

from collections import defaultdict

from app.detection.catalogue import ALL_CHECKS
from app.pricing.book import pattern_of
from app.pricing.delivered import delivered_prices
from app.records import Provider

# By provider and pattern: what the price store or the organization's own prices have to tell.
WITHOUT = {
    (Provider.AWS, "bedrock.unit.*"): "AWS tells the prices of provisioned throughput model by model, some on request.",
    (Provider.AWS, "mq.*"): "Not collected yet; the price list of AWS has it.",
    (Provider.AZURE, "az.adx.*"): "Not collected yet; Retail Prices of Azure have it.",
    (Provider.AZURE, "az.hdinsight.*"): "Not collected yet; Retail Prices of Azure have it.",
    (Provider.AZURE, "az.host.*"): "Not collected yet; Retail Prices of Azure have it.",
    (Provider.GCP, "gcp.memcache.gib"): "Not collected yet; the catalogue of Google has it.",
    (Provider.GCP, "gcp.memcache.vcpu"): "Not collected yet; the catalogue of Google has it.",
    (Provider.GCP, "gcp.vertex.*"): "Not collected yet; the catalogue of Google has it.",
    (
        Provider.MICROSOFT_365,
        "m365.seat.*",
    ): "Microsoft publishes no price list of seats; each organization sets its own.",
}


def test_every_price_of_a_check_is_delivered_or_explained() -> None:
    codes: dict[Provider, set[str]] = defaultdict(set)
    for price in delivered_prices():
        codes[price.provider].add(price.code)

    def is_delivered(provider: Provider, pattern: str) -> bool:
        return any(pattern_of(pattern).fullmatch(code) for code in codes[provider])

    wanted = {(check.provider, pattern) for check in ALL_CHECKS if check.provider for pattern in check.prices}
    assert {each for each in wanted if not is_delivered(*each)} - set(WITHOUT) == set()
    assert {each for each in WITHOUT if is_delivered(*each)} == set(), "delivered by now"
    assert all(WITHOUT.values())


def test_every_delivered_price_is_asked_for() -> None:
    """A code that no check knows is misspelt, or a leftover."""
    patterns: dict[Provider, set[str]] = defaultdict(set)
    for check in ALL_CHECKS:
        if check.provider is not None:
            patterns[check.provider].update(check.prices)
    unknown = {
        price.code
        for price in delivered_prices()
        if price.provider in patterns
        and not any(pattern_of(pattern).fullmatch(price.code) for pattern in patterns[price.provider])
    }
    assert unknown == set()
