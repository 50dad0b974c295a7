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
    (Provider.AZURE, "az.host.*"): "Not collected yet; Retail Prices of Azure have it.",
}


def test_every_price_of_a_check_is_delivered_or_explained() -> None:
    codes: dict[Provider, set[str]] = defaultdict(set)
    for price in delivered_prices():
        codes[price.provider].add(price.code)
    wanted = {(check.provider, pattern) for check in ALL_CHECKS for pattern in check.prices}
    missing = {
        (provider, pattern)
        for provider, pattern in wanted
        if not any(pattern_of(pattern).fullmatch(code) for code in codes[provider])
    }
    # Equal both ways: nothing stays in the list that is delivered by now, or that nobody asks for any more.
    assert missing == set(WITHOUT)
    assert all(WITHOUT.values())


def test_every_delivered_price_is_asked_for() -> None:
    """A code that no check knows is misspelt, or a leftover."""
    patterns: dict[Provider, set[str]] = defaultdict(set)
    for check in ALL_CHECKS:
        patterns[check.provider].update(check.prices)
    unknown = {
        price.code
        for price in delivered_prices()
        if price.provider in patterns
        and not any(pattern_of(pattern).fullmatch(price.code) for pattern in patterns[price.provider])
    }
    assert unknown == set()
