"""Every price that a check asks for is delivered or can be read everywhere, or it is said why not.

Both tables can only shrink: what is delivered or read by now has to go, and what is new has to be explained.
"""

from __future__ import annotations

from collections import defaultdict

from app.detection.catalogue import ALL_CHECKS
from app.pricing.book import pattern_of
from app.pricing.delivered import delivered_prices
from app.providers.aws.price_services import REFRESHED as AWS_REFRESHED
from app.providers.azure.price_items import REFRESHED as AZURE_REFRESHED
from app.providers.gcp.price_skus import REFRESHED as GCP_REFRESHED
from app.records import Provider
from app.records.prices import ANY_REGION

AWS, AZURE, GCP = Provider.AWS, Provider.AZURE, Provider.GCP
REFRESHED = {AWS: AWS_REFRESHED, AZURE: AZURE_REFRESHED, GCP: GCP_REFRESHED}
# By provider and pattern: what organizations have to tell, as it is neither delivered nor read of a price list.
WITHOUT = {
    (AWS, "bedrock.unit.*"): "AWS tells the prices of provisioned throughput model by model, some on request.",
    (
        AZURE,
        "az.adx.*",
    ): "Its list tells machines and a markup apart; which of them make up a size is not known for sure.",
    (AZURE, "az.hdinsight.*"): "How its list names the machines of clusters is not known for sure.",
    (AZURE, "az.host.*"): "How its list names the types of hosts is not known for sure.",
    (GCP, "gcp.memcache.gib"): "How the catalogue describes its SKUs is not known for sure.",
    (GCP, "gcp.memcache.vcpu"): "How the catalogue describes its SKUs is not known for sure.",
    (GCP, "gcp.vertex.*"): "How the catalogue describes its SKUs is not known for sure.",
    (
        Provider.MICROSOFT_365,
        "m365.seat.*",
    ): "Microsoft publishes no price list of seats; each organization has its own.",
}
_UNSURE = "By which attributes its price list tells it is not known for sure."
# What is delivered for some regions alone, and read of no price list: elsewhere it stays unknown.
NOT_REFRESHED = {
    (AWS, "appstream.*"): _UNSURE,
    (AWS, "dx.*"): "Its list tells ports by place of the port, which is no region.",
    (AWS, "efs.archive"): _UNSURE,
    (AWS, "fsx.*"): "Its list tells deployments by names of its own, more coarsely than those of file systems.",
    (AWS, "memorydb.*"): _UNSURE,
    (AWS, "opensearch.extended_support"): _UNSURE,
    (AWS, "sagemaker.studio.*"): _UNSURE,
    (AWS, "storagegateway.*"): _UNSURE,
    (AWS, "workspaces.*"): _UNSURE,
    (AZURE, "az.bastion.standard.unit"): _UNSURE,
    (AZURE, "az.er.*"): "Its list tells circuits by zone of the peering location, which is no region.",
    (AZURE, "az.synapse.*"): _UNSURE,
    (AZURE, "az.vng.highperformance"): _UNSURE,
    (AZURE, "az.vng.standard"): _UNSURE,
    (AZURE, "az.vng.ultraperformance"): _UNSURE,
    (GCP, "gcp.bq.slot.*"): "The catalogue has editions under a service of reservations of its own.",
    (GCP, "gcp.disk.hyperdisk-balanced.throughput"): "In which unit the catalogue tells it is not known for sure.",
    (GCP, "gcp.run.idle.*"): _UNSURE,
    (GCP, "gcp.snapshot.archive"): _UNSURE,
}


def _asked_for() -> set[tuple[Provider, str]]:
    return {(check.provider, pattern) for check in ALL_CHECKS if check.provider for pattern in check.prices}


def _is_refreshed(provider: Provider, code: str) -> bool:
    return any(pattern_of(pattern).fullmatch(code) for pattern in REFRESHED.get(provider, ()))


def test_every_price_of_a_check_is_delivered_or_read_or_explained() -> None:
    codes: dict[Provider, set[str]] = defaultdict(set)
    for price in delivered_prices():
        codes[price.provider].add(price.code)
    for provider, patterns in REFRESHED.items():
        codes[provider].update(patterns)

    def is_told(provider: Provider, pattern: str) -> bool:
        return any(pattern_of(pattern).fullmatch(code) for code in codes[provider])

    assert {each for each in _asked_for() if not is_told(*each)} - set(WITHOUT) == set()
    assert {each for each in WITHOUT if is_told(*each)} == set(), "delivered or read by now"
    assert set(WITHOUT) <= _asked_for(), "no check asks for it any more"
    assert all(WITHOUT.values())


def test_every_price_that_is_delivered_for_some_regions_is_read_for_others_or_it_is_said_why_not() -> None:
    regions: dict[tuple[Provider, str], set[str]] = defaultdict(set)
    for price in delivered_prices():
        regions[price.provider, price.code].add(price.region)
    unread = {
        (provider, code)
        for (provider, code), where in regions.items()
        if ANY_REGION not in where and not _is_refreshed(provider, code)
    }

    def is_explained(provider: Provider, code: str) -> bool:
        return any(each is provider and pattern_of(pattern).fullmatch(code) for each, pattern in NOT_REFRESHED)

    assert {each for each in unread if not is_explained(*each)} == set()
    assert {
        (provider, pattern)
        for provider, pattern in NOT_REFRESHED
        if not any(each is provider and pattern_of(pattern).fullmatch(code) for each, code in unread)
    } == set(), "read by now"
    assert all(NOT_REFRESHED.values())


def test_every_price_that_is_read_is_asked_for() -> None:
    """A pattern of a price list that fits no check's is misspelt, or a leftover."""
    asked = _asked_for()

    assert {
        (provider, code)
        for provider, patterns in REFRESHED.items()
        for code in patterns
        if not any(each is provider and _meet(code, pattern) for each, pattern in asked)
    } == set()


def _meet(code: str, pattern: str) -> bool:
    return pattern_of(pattern).fullmatch(code) is not None or pattern_of(code).fullmatch(pattern) is not None


def test_every_delivered_price_is_asked_for() -> None:
    """A code that no check knows is misspelt, or a leftover."""
    patterns: dict[Provider, set[str]] = defaultdict(set)
    for provider, pattern in _asked_for():
        patterns[provider].add(pattern)
    unknown = {
        price.code
        for price in delivered_prices()
        if price.provider in patterns
        and not any(pattern_of(pattern).fullmatch(price.code) for pattern in patterns[price.provider])
    }
    assert unknown == set()
