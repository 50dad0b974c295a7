"""Secrets, keys, trails, recorders and web ACLs, against moto and a far side of their wire format."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from app.providers.aws import security
from app.providers.base import FoundResource, Relation
from app.records import RelationshipKind
from tests.providers.aws.answering import DENIED, Refusal, answering, read
from tests.providers.moto import REGION, far_client

SECRETS, KEYS, TRAILS, RECORDERS, WEB_ACLS = security.SERVICES
KEY = "arn:aws:kms:eu-west-1:123456789012:key/"
TRAIL = "arn:aws:cloudtrail:eu-west-1:123456789012:trail/"


def test_secrets_without_their_values(moto_url: str) -> None:
    made = far_client(moto_url, "secretsmanager").create_secret(
        Name="database", SecretString="never-told", Tags=[{"Key": "team", "Value": "shop"}]
    )

    (found,) = read(moto_url, SECRETS, "AWS::SecretsManager::Secret")

    assert found.created_at is not None
    assert replace(found, created_at=None) == FoundResource(
        service="AWSSecretsManager",
        resource_type="AWS::SecretsManager::Secret",
        native_id=made["ARN"],
        name="database",
        region=REGION,
        tags={"team": "shop"},
        properties={
            "arn": made["ARN"],
            "rotationEnabled": False,
            "lastRotatedAt": None,
            "lastChangedAt": found.created_at.isoformat(),
            "owningService": None,
            "kmsKeyId": None,
            "primaryRegion": None,
            "replica": False,
        },
    )
    assert "never-told" not in repr(found)
    assert SECRETS.collectors[0].permissions == ("secretsmanager:ListSecrets",)


def test_when_a_secret_was_last_read_and_where_its_original_is() -> None:
    secret = {
        "ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:database-abcdef",
        "Name": "database",
        "CreatedDate": 1767225600.5,
        "LastAccessedDate": 1767312000,
        "RotationEnabled": True,
        "LastRotatedDate": 1767312000,
        "PrimaryRegion": "us-east-1",
    }
    pages = [{"SecretList": [], "NextToken": "more"}, {"SecretList": [secret]}]
    with answering(ListSecrets=pages) as far_side:
        (found,) = read(far_side.url, SECRETS, "AWS::SecretsManager::Secret")

    assert found.created_at == datetime(2026, 1, 1, microsecond=500000, tzinfo=UTC)
    assert found.last_used_at == datetime(2026, 1, 2, tzinfo=UTC)
    assert (found.properties["rotationEnabled"], found.properties["replica"]) == (True, True)
    assert found.properties["lastRotatedAt"] == "2026-01-02T00:00:00+00:00"


def a_key(used: Any, found: Any) -> FoundResource:
    return FoundResource(
        service="awskms",
        resource_type="AWS::KMS::Key",
        native_id=KEY + used,
        name="orders",
        region=REGION,
        status="Enabled",
        tags={"team": "shop"},
        properties={
            "arn": KEY + used,
            "keyId": used,
            "aliases": ["alias/orders"],
            "enabled": True,
            "state": "Enabled",
            "keyManager": "CUSTOMER",
            "keySpec": "SYMMETRIC_DEFAULT",
            "keyUsage": found[used].properties["keyUsage"],
            "origin": "AWS_KMS",
            "multiRegion": found[used].properties["multiRegion"],
            "multiRegionType": None,
            "deletionAt": None,
            "rotationEnabled": True,
            "rotationPeriodDays": None,
            "lastUsedAt": None,
            "usageTrackedSince": None,
            "unreadable": ["lastUsedAt", "usageTrackedSince"],
        },
    )


def test_keys_of_customers_with_rotation_and_names(moto_url: str) -> None:
    client = far_client(moto_url, "kms")
    used, leaving, signing = (
        client.create_key(**more)["KeyMetadata"]["KeyId"]
        for more in (
            {"Tags": [{"TagKey": "team", "TagValue": "shop"}]},
            {},
            {"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"},
        )
    )
    client.create_alias(AliasName="alias/orders", TargetKeyId=used)
    client.enable_key_rotation(KeyId=used)
    client.schedule_key_deletion(KeyId=leaving, PendingWindowInDays=7)

    found = {one.native_id.removeprefix(KEY): one for one in read(moto_url, KEYS, "AWS::KMS::Key")}

    assert sorted(found) == sorted([used, leaving, signing])
    assert found[used].created_at is not None
    assert replace(found[used], created_at=None) == a_key(used, found)
    assert (found[leaving].status, found[leaving].properties["enabled"]) == ("PendingDeletion", False)
    assert found[leaving].properties["deletionAt"] is not None
    assert (found[signing].name, found[signing].properties["rotationEnabled"]) == (signing, None)


def far_keys(**answers: Any) -> dict[str, Any]:
    def described(arguments: dict[str, Any]) -> Any:
        if arguments["KeyId"] == "locked":
            return DENIED
        return {
            "KeyMetadata": {
                "KeyId": arguments["KeyId"],
                "Arn": KEY + arguments["KeyId"],
                "CreationDate": 1767225600,
                "Enabled": True,
                "KeyState": "Enabled",
                "KeyManager": "AWS" if arguments["KeyId"] == "managed" else "CUSTOMER",
                "KeySpec": "SYMMETRIC_DEFAULT",
                "Origin": "AWS_KMS",
            }
        }

    listed = [{"KeyId": name, "KeyArn": KEY + name} for name in ("own", "aliased", "managed", "locked")]
    return {
        "ListKeys": {"Keys": listed, "Truncated": False},
        "ListAliases": {"Aliases": [{"AliasName": "alias/aws/ebs", "TargetKeyId": "aliased"}]},
        "DescribeKey": described,
        "GetKeyRotationStatus": {"KeyRotationEnabled": True, "RotationPeriodInDays": 365},
        "GetKeyLastUsage": {"KeyLastUsage": {"Timestamp": 1767312000}, "TrackingStartDate": 1764547200},
        "ListResourceTags": {"Tags": [{"TagKey": "team", "TagValue": "shop"}]},
        **answers,
    }


def test_keys_that_aws_manages_are_left_out_and_a_locked_one_is_not() -> None:
    with answering(**far_keys()) as far_side:
        own, locked = read(far_side.url, KEYS, "AWS::KMS::Key")

    assert [call["KeyId"] for call in far_side.calls("DescribeKey") if call["KeyId"] == "aliased"] == []
    assert (own.native_id, own.last_used_at) == (f"{KEY}own", datetime(2026, 1, 2, tzinfo=UTC))
    assert own.properties["usageTrackedSince"] == "2025-12-01T00:00:00+00:00"
    assert own.properties["rotationPeriodDays"] == 365
    assert (locked.native_id, locked.status, locked.properties["keyManager"]) == (f"{KEY}locked", None, None)
    assert {"keyManager", "state", "rotationEnabled"} <= set(locked.properties["unreadable"])
    assert locked.tags == {"team": "shop"}


def test_a_key_that_was_never_used_is_not_one_whose_use_is_unknown() -> None:
    with answering(**far_keys(GetKeyLastUsage={"TrackingStartDate": 1764547200})) as far_side:
        never = read(far_side.url, KEYS, "AWS::KMS::Key")[0]
    with answering(**far_keys(GetKeyLastUsage=DENIED, ListAliases=DENIED)) as far_side:
        unknown = read(far_side.url, KEYS, "AWS::KMS::Key")[0]

    assert (never.last_used_at, never.properties["usageTrackedSince"]) == (None, "2025-12-01T00:00:00+00:00")
    assert "unreadable" not in never.properties
    assert (unknown.last_used_at, unknown.properties["aliases"]) == (None, None)
    assert unknown.properties["unreadable"] == ["aliases", "lastUsedAt", "usageTrackedSince"]


def test_trails_are_one_row_in_their_home_region(moto_url: str) -> None:
    far_client(moto_url, "s3").create_bucket(
        Bucket="trail-bucket", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    client = far_client(moto_url, "cloudtrail")
    tags = [{"Key": "team", "Value": "audit"}]
    client.create_trail(Name="all", S3BucketName="trail-bucket", IsMultiRegionTrail=True, TagsList=tags)
    client.start_logging(Name="all")
    client.create_trail(Name="data", S3BucketName="trail-bucket")
    only_data = {"Name": "data", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}]}
    client.put_event_selectors(TrailName="data", AdvancedEventSelectors=[only_data])

    everything, data = read(moto_url, TRAILS, "AWS::CloudTrail::Trail")
    elsewhere = read(moto_url, TRAILS, "AWS::CloudTrail::Trail", "us-east-1")

    assert elsewhere == []
    assert everything == FoundResource(
        service="AWSCloudTrail",
        resource_type="AWS::CloudTrail::Trail",
        native_id=f"{TRAIL}all",
        name="all",
        region=REGION,
        status="LOGGING",
        tags={"team": "audit"},
        properties={
            "arn": f"{TRAIL}all",
            "multiRegion": True,
            "organizationTrail": False,
            "ownedByAccount": True,
            "homeRegion": REGION,
            "globalServiceEvents": True,
            "managementEvents": True,
            "s3Bucket": "trail-bucket",
            "logGroupArn": None,
            "logging": True,
            "latestDeliveryAt": everything.properties["latestDeliveryAt"],
        },
    )
    assert (data.status, data.properties["managementEvents"], data.tags) == ("STOPPED", False, {})


def test_a_trail_of_the_organization_is_told_without_asking_for_its_tags() -> None:
    arn = "arn:aws:cloudtrail:eu-west-1:999999999999:trail/all"
    trail = {
        "Name": "all",
        "TrailARN": arn,
        "HomeRegion": REGION,
        "IsMultiRegionTrail": True,
        "IsOrganizationTrail": True,
    }
    selectors = [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}]
    with answering(
        DescribeTrails={"trailList": [trail]},
        GetEventSelectors={"AdvancedEventSelectors": selectors},
        GetTrailStatus=DENIED,
    ) as far_side:
        (found,) = read(far_side.url, TRAILS, "AWS::CloudTrail::Trail")

    assert (found.native_id, found.status) == (arn, None)
    assert (found.properties["ownedByAccount"], found.properties["managementEvents"]) == (False, True)
    assert found.properties["unreadable"] == ["latestDeliveryAt", "logging", "status", "tags"]
    assert far_side.calls("ListTags") == []


def test_recorder_and_whether_it_records(moto_url: str) -> None:
    client = far_client(moto_url, "config")
    group = {"allSupported": True, "includeGlobalResourceTypes": True}
    role = "arn:aws:iam::123456789012:role/config"
    client.put_configuration_recorder(
        ConfigurationRecorder={"name": "default", "roleARN": role, "recordingGroup": group}
    )
    client.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": "bucket"})
    client.start_configuration_recorder(ConfigurationRecorderName="default")

    (found,) = read(moto_url, RECORDERS, "AWS::Config::ConfigurationRecorder")

    arn = "arn:aws:config:eu-west-1:123456789012:configuration-recorder/default"
    assert found == FoundResource(
        service="AWSConfig",
        resource_type="AWS::Config::ConfigurationRecorder",
        native_id=arn,
        name="default",
        region=REGION,
        status="RECORDING",
        properties={
            "arn": arn,
            "recording": True,
            "lastStartedAt": found.properties["lastStartedAt"],
            "lastStoppedAt": None,
            "allSupported": True,
            "globalResourceTypes": True,
            "resourceTypes": [],
            "frequency": None,
        },
    )
    assert found.properties["lastStartedAt"] is not None


def web_acl(name: str, scope: str, region: str) -> dict[str, str]:
    return {"Name": name, "Id": name, "ARN": f"arn:aws:wafv2:{region}:123456789012:{scope}/webacl/{name}/{name}"}


def a_web_acl(used: Any, stage: Any, balancer: Any) -> FoundResource:
    return FoundResource(
        service="awswaf",
        resource_type="AWS::WAFv2::WebACL",
        native_id=used["ARN"],
        name="used",
        region=REGION,
        tags={"team": "web"},
        properties={
            "arn": used["ARN"],
            "webAclId": "used",
            "scope": "REGIONAL",
            "resourceCount": 2,
            "resources": [stage, balancer],
        },
        relations=(
            Relation(RelationshipKind.ATTACHED_TO, stage),
            Relation(RelationshipKind.ATTACHED_TO, balancer),
        ),
    )


def test_web_acls_with_the_resources_before_which_they_stand() -> None:
    balancer = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/front/1"
    stage = "arn:aws:apigateway:eu-west-1::/restapis/api/stages/live"
    by_type = {"APPLICATION_LOAD_BALANCER": [balancer], "API_GATEWAY": [stage]}
    used, idle = web_acl("used", "regional", REGION), web_acl("idle", "regional", REGION)

    def protected(arguments: dict[str, str]) -> Any:
        if arguments["ResourceType"] == "AMPLIFY":
            return Refusal("WAFInvalidParameterException")
        return {
            "ResourceArns": by_type.get(arguments["ResourceType"], []) if arguments["WebACLArn"] == used["ARN"] else []
        }

    with answering(
        ListWebACLs=[{"WebACLs": [used], "NextMarker": "more"}, {"WebACLs": [idle]}],
        ListResourcesForWebACL=protected,
        ListTagsForResource={"TagInfoForResource": {"TagList": [{"Key": "team", "Value": "web"}]}},
    ) as far_side:
        found = read(far_side.url, WEB_ACLS, "AWS::WAFv2::WebACL")

    assert found[0] == a_web_acl(used, stage, balancer)
    assert (found[1].name, found[1].properties["resourceCount"], found[1].relations) == ("idle", 0, ())
    assert far_side.calls("ListWebACLs") == [
        {"Scope": "REGIONAL", "Limit": 100},
        {"Scope": "REGIONAL", "Limit": 100, "NextMarker": "more"},
    ]


def test_one_type_of_resource_that_may_not_be_listed_leaves_the_count_unknown() -> None:
    def protected(arguments: dict[str, str]) -> Any:
        return DENIED if arguments["ResourceType"] == "COGNITO_USER_POOL" else {"ResourceArns": []}

    with answering(
        ListWebACLs={"WebACLs": [web_acl("one", "regional", REGION)]},
        ListResourcesForWebACL=protected,
        ListTagsForResource={"TagInfoForResource": {"TagList": []}},
    ) as far_side:
        (found,) = read(far_side.url, WEB_ACLS, "AWS::WAFv2::WebACL")

    assert found.properties["resourceCount"] is None
    assert found.properties["unreadable"] == ["resourceCount", "resources"]


def test_web_acls_of_cloudfront_are_read_in_their_home_region() -> None:
    acl = web_acl("edge", "global", "us-east-1")
    distribution = "arn:aws:cloudfront::123456789012:distribution/E1"
    empty = "<Quantity>0</Quantity>"
    distributions = (
        '<DistributionList xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"><Marker></Marker>'
        "<MaxItems>100</MaxItems><IsTruncated>false</IsTruncated><Quantity>1</Quantity><Items><DistributionSummary>"
        f"<Id>E1</Id><ARN>{distribution}</ARN><Aliases>{empty}</Aliases></DistributionSummary></Items></DistributionList>"
    )
    path = f"GET /2020-05-31/distributionsByWebACLId/{acl['ARN'].replace(':', '%3A').replace('/', '%2F')}"
    answers = {
        "ListWebACLs": lambda arguments: {"WebACLs": [acl] if arguments["Scope"] == "CLOUDFRONT" else []},
        "ListTagsForResource": {"TagInfoForResource": {"TagList": []}},
        path: distributions,
    }
    with answering(**answers) as far_side:
        found = read(far_side.url, WEB_ACLS, "AWS::WAFv2::WebACL", "us-east-1")
        elsewhere = read(far_side.url, WEB_ACLS, "AWS::WAFv2::WebACL", REGION)

    assert elsewhere == []
    assert [(one.native_id, one.region, one.properties["scope"]) for one in found] == [
        (acl["ARN"], "us-east-1", "CLOUDFRONT")
    ]
    assert found[0].properties["resources"] == [distribution]
    assert found[0].relations == (Relation(RelationshipKind.ATTACHED_TO, distribution),)


def test_web_acls_of_moto_and_an_operation_that_it_lacks(moto_url: str) -> None:
    visibility = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "m"}
    made = far_client(moto_url, "wafv2").create_web_acl(
        Name="shop",
        Scope="REGIONAL",
        DefaultAction={"Allow": {}},
        VisibilityConfig=visibility,
        Tags=[{"Key": "team", "Value": "shop"}],
    )["Summary"]

    (found,) = read(moto_url, WEB_ACLS, "AWS::WAFv2::WebACL")

    assert (found.native_id, found.tags) == (made["ARN"], {"team": "shop"})
    assert (found.properties["resourceCount"], found.properties["unreadable"]) == (None, ["resourceCount", "resources"])
