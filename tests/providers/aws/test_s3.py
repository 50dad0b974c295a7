"""S3 as moto tells it, and what a bucket may keep from us."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from app.providers.aws.s3 import SERVICE
from app.providers.base import GLOBAL, FoundResource
from tests.providers.aws.answering import read
from tests.providers.aws.in_front import Ours, Told, in_front, refused_as_xml
from tests.providers.moto import far_client

BUCKET = "AWS::S3::Bucket"
IRELAND = {"LocationConstraint": "eu-west-1"}
NOTHING_TOLD = {
    "versioning": "Disabled",
    "lifecycleRules": [],
    "transitions": False,
    "expiresNoncurrentVersions": False,
    "abortsIncompleteUploads": False,
    "encryption": "NONE",
    "intelligentTiering": [],
    "incompleteUploads": {"count": 0, "oldestStartedAt": None, "newestStartedAt": None, "truncated": False},
    "requestMetricsFilter": None,
}


def buckets(url: str) -> dict[str, FoundResource]:
    found = read(url, SERVICE, BUCKET, GLOBAL)
    return {bucket.name: bucket for bucket in found}


def told(answers: dict[str, Told]) -> Ours:
    """Own answers by the beginning of a request's name."""

    def ours(name: str, _body: str) -> Told | None:
        return next((answer for beginning, answer in answers.items() if name.startswith(beginning)), None)

    return ours


def test_bucket_with_everything_and_one_with_nothing(moto_url: str) -> None:
    s3 = far_client(moto_url, "s3")
    began = datetime.now(UTC).replace(microsecond=0)
    s3.create_bucket(Bucket="pictures", CreateBucketConfiguration=IRELAND)
    far_client(moto_url, "s3", "us-east-1").create_bucket(Bucket="raw")
    s3.put_bucket_tagging(Bucket="pictures", Tagging={"TagSet": [{"Key": "team", "Value": "web"}]})
    s3.put_bucket_versioning(Bucket="pictures", VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_encryption(
        Bucket="pictures",
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "key"}}]
        },
    )
    s3.put_bucket_lifecycle_configuration(
        Bucket="pictures",
        LifecycleConfiguration={
            "Rules": [
                {
                    "ID": "age",
                    "Status": "Enabled",
                    "Filter": {"Prefix": "logs/"},
                    "Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}],
                    "Expiration": {"Days": 365},
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 90},
                },
                {
                    "ID": "uploads",
                    "Status": "Disabled",
                    "Filter": {"Prefix": ""},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                },
            ]
        },
    )
    for key in ("a", "b"):
        s3.create_multipart_upload(Bucket="pictures", Key=key)

    found = buckets(moto_url)

    assert sorted(found) == ["pictures", "raw"]
    pictures, raw = found["pictures"], found["raw"]
    assert (pictures.service, pictures.resource_type, pictures.native_id) == ("AmazonS3", BUCKET, "pictures")
    assert (pictures.region, raw.region) == ("eu-west-1", "us-east-1")
    assert (pictures.tags, raw.tags) == ({"team": "web"}, {})
    assert pictures.created_at is not None
    assert began <= pictures.created_at <= datetime.now(UTC)
    assert pictures.properties == {
        "arn": "arn:aws:s3:::pictures",
        "versioning": "Enabled",
        "lifecycleRules": [
            {
                "id": "age",
                "enabled": True,
                "prefix": "logs/",
                "wholeBucket": False,
                "expirationDays": 365,
                "expirationAt": None,
                "transitions": [{"days": 30, "at": None, "storageClass": "STANDARD_IA"}],
                "noncurrentExpirationDays": 90,
                "noncurrentVersionsKept": None,
                "noncurrentTransitions": [],
                "abortIncompleteUploadsDays": None,
            },
            {
                "id": "uploads",
                "enabled": False,
                "prefix": None,
                "wholeBucket": True,
                "expirationDays": None,
                "expirationAt": None,
                "transitions": [],
                "noncurrentExpirationDays": None,
                "noncurrentVersionsKept": None,
                "noncurrentTransitions": [],
                "abortIncompleteUploadsDays": 7,
            },
        ],
        "transitions": True,
        "expiresNoncurrentVersions": True,
        # The rule that would is switched off.
        "abortsIncompleteUploads": False,
        "encryption": "aws:kms",
        "intelligentTiering": [],
        "incompleteUploads": {
            "count": 2,
            "oldestStartedAt": "2010-11-10T20:48:33+00:00",
            "newestStartedAt": "2010-11-10T20:48:33+00:00",
            "truncated": False,
        },
        "requestMetricsFilter": None,
    }
    assert raw.properties == {"arn": "arn:aws:s3:::raw", **NOTHING_TOLD}


def test_denied_lifecycle_of_one_bucket_is_unknown_there_and_loses_nothing_else(moto_url: str) -> None:
    s3 = far_client(moto_url, "s3")
    for name in ("locked", "open"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration=IRELAND)
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    denied = refused_as_xml("AccessDenied")

    with in_front(moto_url, told({"GET /locked?lifecycle": denied, "GET /locked?tagging": denied})) as front:
        found = buckets(front.url)

    assert found["open"].properties == {"arn": "arn:aws:s3:::open", **NOTHING_TOLD, "versioning": "Enabled"}
    assert found["locked"].tags == {}
    assert found["locked"].properties == {
        "arn": "arn:aws:s3:::locked",
        **NOTHING_TOLD,
        "versioning": "Enabled",
        "lifecycleRules": None,
        "transitions": None,
        "expiresNoncurrentVersions": None,
        "abortsIncompleteUploads": None,
        "unreadable": [
            "abortsIncompleteUploads",
            "expiresNoncurrentVersions",
            "lifecycleRules",
            "tags",
            "transitions",
        ],
        "deniedPermissions": ["GetBucketLifecycleConfiguration", "GetBucketTagging"],
    }


def test_all_but_denials_end_the_reading_except_that_a_bucket_is_gone(moto_url: str) -> None:
    s3 = far_client(moto_url, "s3")
    for name in ("gone", "kept"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration=IRELAND)

    with in_front(moto_url, told({"GET /gone?versioning": refused_as_xml("NoSuchBucket", 404)})) as front:
        assert list(buckets(front.url)) == ["kept"]

    slow = told({"GET /kept?encryption": refused_as_xml("SlowDown", 503)})
    with in_front(moto_url, slow) as front, pytest.raises(ClientError, match="SlowDown"):
        buckets(front.url)


def test_regions_come_with_the_pages_of_the_list_and_uploads_are_one_page() -> None:
    def page(name: str, region: str, token: str) -> Told:
        return Told(f"""<ListAllMyBucketsResult><Buckets><Bucket><Name>{name}</Name>
          <CreationDate>2020-01-02T03:04:05.000Z</CreationDate><BucketRegion>{region}</BucketRegion></Bucket></Buckets>
          {token}</ListAllMyBucketsResult>""")

    uploads = Told("""<ListMultipartUploadsResult><IsTruncated>true</IsTruncated>
      <Upload><Key>b</Key><Initiated>2026-03-04T00:00:00Z</Initiated></Upload>
      <Upload><Key>a</Key><Initiated>2025-01-02T00:00:00Z</Initiated></Upload></ListMultipartUploadsResult>""")
    tiering = Told("""<ListBucketIntelligentTieringConfigurationsOutput><IsTruncated>false</IsTruncated>
      <IntelligentTieringConfiguration><Id>deep</Id><Status>Enabled</Status>
      <Tiering><Days>90</Days><AccessTier>ARCHIVE_ACCESS</AccessTier></Tiering>
      </IntelligentTieringConfiguration></ListBucketIntelligentTieringConfigurationsOutput>""")
    counted = Told("""<ListMetricsConfigurationsResult><IsTruncated>false</IsTruncated>
      <MetricsConfiguration><Id>logs</Id><Filter><Prefix>logs/</Prefix></Filter></MetricsConfiguration>
      <MetricsConfiguration><Id>all</Id></MetricsConfiguration></ListMetricsConfigurationsResult>""")
    answers = {
        "GET /?max-buckets=250&continuation-token=two": page("far", "ap-southeast-2", ""),
        "GET /?max-buckets=250": page("near", "eu-west-1", "<ContinuationToken>two</ContinuationToken>"),
        "GET /near?tagging": refused_as_xml("NoSuchTagSet", 404),
        "GET /near?lifecycle": refused_as_xml("NoSuchLifecycleConfiguration", 404),
        "GET /near?versioning": Told("<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"),
        "GET /near?encryption": refused_as_xml("ServerSideEncryptionConfigurationNotFoundError", 404),
        "GET /near?intelligent-tiering": tiering,
        "GET /near?uploads": uploads,
        "GET /near?metrics": counted,
        # A region that was switched off after the bucket was made there.
        "GET /far?": refused_as_xml("InvalidAccessKeyId"),
    }
    with in_front("", told(answers)) as front:
        found = buckets(front.url)

    near, far = found["near"], found["far"]
    assert (near.region, far.region) == ("eu-west-1", "ap-southeast-2")
    assert (near.properties["versioning"], near.properties["requestMetricsFilter"]) == ("Suspended", "all")
    assert near.properties["intelligentTiering"] == [
        {"id": "deep", "enabled": True, "tiers": [{"tier": "ARCHIVE_ACCESS", "days": 90}]}
    ]
    assert near.properties["incompleteUploads"] == {
        "count": 2,
        "oldestStartedAt": "2025-01-02T00:00:00+00:00",
        "newestStartedAt": "2026-03-04T00:00:00+00:00",
        "truncated": True,
    }
    assert far.properties == {
        "arn": "arn:aws:s3:::far",
        **dict.fromkeys(NOTHING_TOLD),
        "unreadable": sorted([*NOTHING_TOLD, "tags"]),
    }
    assert not [name for name in front.asked if "location" in name]
