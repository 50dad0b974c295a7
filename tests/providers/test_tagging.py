"""What can carry the tag on what is marked for deletion, and how a refusal is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from app.detection.catalogue import CHECKS
from app.providers.problems import ProblemCode, ProviderError
from app.providers.registry import tagger
from app.providers.tagging import TAG, TAGGED_CLOUDS, TagChange, in_words, untaggable
from app.records import Provider
from app.records.detection import Remedy
from tests.providers.moto import aws_target

COMPUTE = "//compute.googleapis.com/projects/p"
GROUP = "/subscriptions/1/resourcegroups/web/providers"


@pytest.mark.parametrize(
    ("provider", "resource_type", "native_id", "can"),
    [
        (Provider.AWS, "AWS::EC2::Volume", "vol-1", True),
        (Provider.AWS, "AWS::EC2::EIP", "203.0.113.7", False),
        (Provider.AWS, "AWS::RDS::DBInstance", "arn:aws:rds:eu-west-1:1:db:old", True),
        (Provider.AWS, "AWS::S3::Bucket", "a-bucket", False),
        (Provider.AZURE, "microsoft.compute/disks", f"{GROUP}/microsoft.compute/disks/d", True),
        (Provider.AZURE, "microsoft.network/virtualnetworks/subnets", f"{GROUP}/microsoft.network/x/y", False),
        (Provider.GCP, "compute.googleapis.com/Snapshot", f"{COMPUTE}/global/snapshots/s", True),
        (Provider.GCP, "compute.googleapis.com/Router", f"{COMPUTE}/regions/r/routers/r", False),
        (Provider.GCP, "sqladmin.googleapis.com/Instance", "//cloudsql.googleapis.com/projects/p/instances/i", False),
        (Provider.MICROSOFT_365, "microsoft.graph/users", "8a1b", False),
        (Provider.OTHER, "disk", "1", False),
    ],
)
def test_what_can_carry_it(provider: Provider, resource_type: str, native_id: str, *, can: bool) -> None:
    why = untaggable(provider, resource_type, native_id)
    assert (why is None) is can
    if why is not None:
        assert "mark it without `tagInCloud`" in why


def test_its_name_is_legal_everywhere() -> None:
    """GCP is the strictest: 63 of small letters, digits, - and _, a letter first."""
    for word in (TAG, date(2026, 12, 24).isoformat()):
        assert len(word) <= 63
        assert all(each.islower() or each.isdigit() or each in "-_" for each in word)
    assert TAG[0].isalpha()


def test_only_clouds_with_tags_have_a_tagger() -> None:
    target = aws_target("http://127.0.0.1:1")
    tagger(target).close()
    with pytest.raises(ProviderError, match="MICROSOFT_365 carry no tags"):
        tagger(replace(target, provider=Provider.MICROSOFT_365))
    deleting = {check.provider for check in CHECKS.values() if check.remedy is Remedy.DELETE}
    assert {Provider.AWS, Provider.AZURE, Provider.GCP} == deleting & TAGGED_CLOUDS


@pytest.mark.parametrize(
    ("provider", "words"),
    [
        (Provider.AWS, "the policy `optionalTagging` of `skyledger permissions aws`"),
        (Provider.AZURE, "Tag Contributor"),
        (Provider.GCP, "the optional tagging role"),
    ],
)
def test_a_denial_says_what_to_grant_and_what_to_do_then(provider: Provider, words: str) -> None:
    denial = ProviderError(ProblemCode.DENIED, "Denied.", "Grant it.", permission="a:B")
    told = in_words(provider, denial, TagChange("vol-1", "AWS::EC2::Volume", "eu-west-1", date(2026, 12, 24)))
    assert words in told
    assert "a:B" in told
    assert told.endswith("then mark it again with `tagInCloud`.")
    removal = in_words(provider, denial, TagChange("vol-1", "AWS::EC2::Volume", "eu-west-1", None))
    assert removal.endswith(f"or remove `{TAG}` by hand.")
