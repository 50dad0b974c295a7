"""Ways into an AWS account: keys, assumed roles, what verification tells, regions, clients, reading."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from app.providers.aws import ec2_storage
from app.providers.aws.cloud import AwsCloud
from app.providers.aws.reading import arn, moment, paged, placed_in, plain, read_timestamp, tags
from app.providers.aws.session import AwsConnection
from app.providers.aws.verifying import UNTOLD
from app.providers.base import GLOBAL, Relation, Target, Verification
from app.providers.problems import ProblemCode, ProviderError
from app.records import RelationshipKind
from tests.providers.aws.answering import Refusal, answering
from tests.providers.aws.faults import Fault, faulty, refusal, volumes
from tests.providers.moto import ACCOUNT, REGION, aws_target, far_client, role_target

ROLE = f"arn:aws:iam::{ACCOUNT}:role/teams/skyledger"
NEEDED = ("ec2:DescribeVolumes", "s3:ListAllMyBuckets", "rds:DescribeDBInstances")


@contextmanager
def connected(target: Target, permissions: tuple[str, ...] = NEEDED) -> Iterator[AwsConnection]:
    connection = AwsConnection(target, permissions=permissions, attempts=1)
    yield connection
    connection.close()


def identity(caller: str, account: str = ACCOUNT) -> str:
    """STS's answer to GetCallerIdentity."""
    inner = f"<Account>{account}</Account><Arn>{caller}</Arn>"
    return f"<R><GetCallerIdentityResult>{inner}</GetCallerIdentityResult></R>"


def assumed(key: str, seconds: int) -> str:
    """STS's answer to AssumeRole: keys that end in so many seconds."""
    end = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    inner = f"<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
    credentials = f"<Credentials>{inner}<Expiration>{end}</Expiration></Credentials>"
    return f"<R><AssumeRoleResult>{credentials}</AssumeRoleResult></R>"


def simulated(**decisions: str) -> str:
    """IAM's answer to SimulatePrincipalPolicy; `__` stands for the colon of an action."""
    member = "<member><EvalActionName>{0}</EvalActionName><EvalDecision>{1}</EvalDecision></member>"
    members = "".join(member.format(action.replace("__", ":"), told) for action, told in decisions.items())
    results = f"<EvaluationResults>{members}</EvaluationResults><IsTruncated>false</IsTruncated>"
    return f"<R><SimulatePrincipalPolicyResult>{results}</SimulatePrincipalPolicyResult></R>"


NO_ALIAS = "<R><ListAccountAliasesResult><AccountAliases/></ListAccountAliasesResult></R>"


def test_keys_tell_who_they_belong_to(moto_url: str) -> None:
    iam = far_client(moto_url, "iam")
    iam.create_account_alias(AccountAlias="acme-production")
    iam.create_user(UserName="reader")
    key = iam.create_access_key(UserName="reader")["AccessKey"]["AccessKeyId"]
    with connected(aws_target(moto_url, key=key)) as connection:
        found = connection.verify()
    # moto does not simulate policies, as an account that does not allow it.
    assert found == Verification(
        native_id=ACCOUNT,
        caller=f"arn:aws:iam::{ACCOUNT}:user/reader",
        missing_permissions=None,
        name="acme-production",
        note=UNTOLD,
    )


def test_keys_of_another_account_are_refused(moto_url: str) -> None:
    with connected(aws_target(moto_url, account="999999999999")) as connection, pytest.raises(ProviderError) as caught:
        connection.verify()
    assert caught.value.code is ProblemCode.CREDENTIALS
    assert caught.value.message == f"The credentials belong to the AWS account {ACCOUNT}, not to 999999999999."


def test_an_account_that_was_not_named_is_known_after_verification(moto_url: str) -> None:
    with connected(aws_target(moto_url, account="")) as connection:
        assert connection.account == ""
        connection.verify()
        assert connection.account == ACCOUNT


def test_a_role_is_assumed_with_its_external_id(monkeypatch: pytest.MonkeyPatch, moto_url: str) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "own")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own")
    other = "arn:aws:iam::222222222222:role/skyledger"
    with connected(role_target(moto_url, other, account="222222222222")) as connection:
        found = connection.verify()
    assert found.native_id == "222222222222"
    assert found.caller == "arn:aws:sts::222222222222:assumed-role/skyledger/skyledger"


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "own")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own")
    decisions = simulated(
        ec2__DescribeVolumes="allowed", rds__DescribeDBInstances="implicitDeny", s3__ListAllMyBuckets="explicitDeny"
    )
    answers = {
        "AssumeRole": assumed("ASIA1", 3600),
        "GetCallerIdentity": [
            identity("arn:aws:iam::999999999999:user/operator", "999999999999"),
            identity(f"arn:aws:sts::{ACCOUNT}:assumed-role/skyledger/skyledger"),
        ],
        "SimulatePrincipalPolicy": decisions,
        "ListAccountAliases": Refusal("AccessDenied", 403),
    }
    with answering(**answers) as far_side, connected(role_target(far_side.url, ROLE)) as connection:
        found = connection.verify()
    assert found.missing_permissions == ("rds:DescribeDBInstances", "s3:ListAllMyBuckets")
    assert (found.name, found.note) == (None, None)
    (taken,) = far_side.calls("AssumeRole")
    assert (taken["RoleArn"], taken["ExternalId"], taken["RoleSessionName"]) == (ROLE, "external-1", "skyledger")
    (simulation,) = far_side.calls("SimulatePrincipalPolicy")
    assert simulation["PolicySourceArn"] == ROLE
    assert [simulation[f"ActionNames.member.{number}"] for number in (1, 2, 3)] == sorted(NEEDED)


def test_the_root_user_misses_nothing_and_is_advised_against() -> None:
    answers = {"GetCallerIdentity": identity(f"arn:aws:iam::{ACCOUNT}:root"), "ListAccountAliases": NO_ALIAS}
    with answering(**answers) as far_side, connected(aws_target(far_side.url)) as connection:
        found = connection.verify()
    assert found.missing_permissions == ()
    assert found.note is not None
    assert "root user" in found.note
    assert far_side.calls("SimulatePrincipalPolicy") == []


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch"])
def test_keys_that_are_not_good(code: str) -> None:
    with (
        faulty(refusal(code, 403)) as far_side,
        connected(aws_target(far_side.url)) as connection,
        pytest.raises(ProviderError) as caught,
    ):
        connection.verify()
    assert caught.value.code is ProblemCode.CREDENTIALS


def test_a_role_that_may_not_be_assumed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "own")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own")
    with (
        faulty(refusal("AccessDenied", 403)) as far_side,
        connected(role_target(far_side.url, ROLE)) as connection,
        pytest.raises(ProviderError) as caught,
    ):
        connection.verify()
    assert caught.value.code is ProblemCode.CREDENTIALS
    assert "trust policy" in caught.value.remedy


def test_a_process_without_credentials_cannot_assume_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with (
        faulty(Fault()) as far_side,
        connected(role_target(far_side.url, ROLE)) as connection,
        pytest.raises(ProviderError) as caught,
    ):
        connection.regions()
    assert caught.value.code is ProblemCode.CREDENTIALS
    assert far_side.asked == []


def test_a_role_is_assumed_anew_before_its_keys_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "own")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own")
    answers = {
        "AssumeRole": [assumed("ASIA1", 60), assumed("ASIA2", 3600)],
        "DescribeVolumes": [volumes("vol-1", token="t"), volumes("vol-2")],
    }
    with answering(**answers) as far_side, connected(role_target(far_side.url, ROLE)) as connection:
        found = [resource for page in ec2_storage.volumes(connection, REGION) for resource in page]
    assert [resource.native_id for resource in found] == ["vol-1", "vol-2"]
    # Keys with a minute left are good for no page: the second page came with new ones, which the third would keep.
    assert [name for name, _ in far_side.asked] == ["AssumeRole", "DescribeVolumes", "AssumeRole", "DescribeVolumes"]


@pytest.mark.parametrize(
    "target",
    [
        replace(aws_target("http://127.0.0.1:1"), secret={}),
        replace(aws_target("http://127.0.0.1:1"), secret={"accessKeyId": "AKIAEXAMPLE"}),
        role_target("http://127.0.0.1:1", ""),
    ],
)
def test_a_target_without_credentials_is_refused_at_once(target: Target) -> None:
    with pytest.raises(ProviderError) as caught:
        AwsCloud().connect(target)
    assert caught.value.code is ProblemCode.CREDENTIALS


def test_a_connection_is_made_without_a_call_and_hides_its_secret() -> None:
    target = aws_target("http://127.0.0.1:1")
    connection = AwsCloud().connect(target)
    assert connection.account == ACCOUNT
    assert "example" not in repr(connection.target)
    assert "ec2:DescribeVolumes" in connection.permissions


def test_regions_are_those_that_are_switched_on(moto_url: str) -> None:
    with connected(aws_target(moto_url)) as connection:
        found = connection.regions()
    assert {"us-east-1", "eu-west-1"} <= set(found)
    assert "ap-east-1" not in found
    assert found == sorted(found)


def test_of_the_regions_that_the_account_names_those_that_are_switched_on(moto_url: str) -> None:
    with connected(aws_target(moto_url, regions=["eu-west-1", "eu-central-1", "ap-east-1", "eu-west-9"])) as connection:
        assert connection.regions() == ["eu-central-1", "eu-west-1"]
        assert "us-east-1" in (connection.verify().regions or ())


def test_an_account_without_any_of_its_regions_is_no_empty_one(moto_url: str) -> None:
    target = aws_target(moto_url, regions=["eu-west-9", "ap-east-1"])
    with connected(target) as connection, pytest.raises(ProviderError) as caught:
        connection.regions()
    assert caught.value.code is ProblemCode.NOT_ENABLED
    assert "ap-east-1, eu-west-9" in caught.value.message
    assert "us-east-1" in caught.value.remedy


def test_denied_regions_name_the_permission() -> None:
    with (
        faulty(refusal("UnauthorizedOperation", 403)) as far_side,
        connected(aws_target(far_side.url)) as connection,
        pytest.raises(ProviderError) as caught,
    ):
        connection.regions()
    assert caught.value.permission == "ec2:DescribeRegions"


def test_partitions_have_their_own_home() -> None:
    url = "http://127.0.0.1:1"
    china = AwsConnection(role_target(url, "arn:aws-cn:iam::123456789012:role/x"))
    government = AwsConnection(aws_target(url, regions=["us-gov-east-1"]))
    assert (china.partition, china.home_region) == ("aws-cn", "cn-north-1")
    assert (government.partition, government.home_region) == ("aws-us-gov", "us-gov-west-1")
    assert government.client("sts", GLOBAL).meta.region_name == "us-gov-west-1"


def test_endpoints_stand_in_by_service() -> None:
    target = aws_target("http://127.0.0.1:1")
    named = replace(target, settings={"endpoints": {"s3": "http://127.0.0.2:2"}})
    connection = AwsConnection(named)
    assert connection.client("s3", REGION).meta.endpoint_url == "http://127.0.0.2:2"
    assert connection.client("ec2", REGION).meta.endpoint_url == f"https://ec2.{REGION}.amazonaws.com"
    assert connection.offers(f"https://ec2.{REGION}.amazonaws.com/") is True
    assert connection.offers("https://elsewhere.example/") is None
    connection.client("workspaces", "eu-north-1")
    assert connection.offers("https://workspaces.eu-north-1.amazonaws.com/") is False


def test_threads_share_one_client() -> None:
    connection = AwsConnection(aws_target("http://127.0.0.1:1"))
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(id(connection.client("ec2", REGION)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_only_so_many_clients_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.providers.aws.session._KEPT_CLIENTS", 2)
    connection = AwsConnection(aws_target("http://127.0.0.1:1"))
    first = connection.client("sts", "eu-west-1")
    connection.client("sts", "eu-west-2")
    assert connection.client("sts", "eu-west-1") is first
    connection.client("sts", "eu-west-3")
    assert connection.client("sts", "eu-west-1") is first
    assert len(connection._clients) == 2


def test_pages_of_operations_without_a_paginator() -> None:
    answers = {"ListTags": [{"ResourceTagList": [1], "NextToken": "t"}, {"ResourceTagList": [2]}]}
    with answering(**answers) as far_side, connected(aws_target(far_side.url)) as connection:
        client = connection.client("wafv2", REGION)
        assert not client.can_paginate("list_web_acls")
        far_side.answers["ListWebACLs"] = [{"WebACLs": [{"Name": "a"}], "NextMarker": "m"}, {"WebACLs": []}]
        pages = list(paged(client, "list_web_acls", "WebACLs", Scope="REGIONAL"))
    assert pages == [[{"Name": "a"}], []]
    assert far_side.calls("ListWebACLs")[1] == {"Scope": "REGIONAL", "NextMarker": "m"}


def test_a_page_repeated_without_a_paginator() -> None:
    answers = {"ListWebACLs": {"WebACLs": [], "NextMarker": "m"}}
    with (
        answering(**answers) as far_side,
        connected(aws_target(far_side.url)) as connection,
        pytest.raises(ProviderError) as caught,
    ):
        list(paged(connection.client("wafv2", REGION), "list_web_acls", "WebACLs", Scope="REGIONAL"))
    assert caught.value.code is ProblemCode.BAD_ANSWER
    assert len(far_side.calls("ListWebACLs")) == 2


def test_values_are_told_plainly() -> None:
    at = datetime(2026, 11, 22, 9, 0, tzinfo=timezone(timedelta(hours=1)))
    assert moment(at) == moment("2026-11-22T08:00:00Z") == moment(1795334400) == moment(1795334400000)
    assert moment(datetime(2026, 11, 22, 8, 0)) == datetime(2026, 11, 22, 8, 0, tzinfo=UTC)  # noqa: DTZ001
    assert moment("yesterday") is moment(None) is moment("") is None
    assert plain({"at": at, "n": Decimal("1.50"), "b": b"x", "l": (1, b"y", {"z": None})}) == {
        "at": "2026-11-22T08:00:00+00:00",
        "n": "1.50",
        "l": [1, {"z": None}],
    }


@pytest.mark.parametrize(
    "told",
    [
        "2026-01-06T00:00:00.000Z",
        "2026-01-06T01:00:00+01:00",
        "Tue, 06 Jan 2026 00:00:00 GMT",
        "1767657600",
        1767657600.0,
    ],
)
def test_timestamps_of_all_protocols(told: Any) -> None:
    assert read_timestamp(told).astimezone(UTC) == datetime(2026, 1, 6, tzinfo=UTC)


def test_answers_are_read_with_our_own_reading_of_timestamps() -> None:
    body = "<R><volumeSet><item><createTime>2026-01-06T00:00:00.123Z</createTime></item></volumeSet></R>"
    with faulty(Fault(body)) as far_side, connected(aws_target(far_side.url)) as connection:
        (volume,) = connection.client("ec2", REGION).describe_volumes()["Volumes"]
    assert volume["CreateTime"] == datetime(2026, 1, 6, 0, 0, 0, 123000, tzinfo=UTC)
    # botocore's own would be in the time zone of its library.
    assert volume["CreateTime"].tzinfo is UTC


def test_what_is_no_timestamp_is_refused() -> None:
    with pytest.raises(ValueError, match="Invalid timestamp"):
        read_timestamp("yesTerday")


def test_tags_of_all_shapes() -> None:
    assert tags([{"Key": "a", "Value": "1"}]) == tags([{"key": "a", "value": "1"}]) == {"a": "1"}
    assert tags([{"TagKey": "a", "TagValue": "1"}]) == tags({"a": "1"}) == {"a": "1"}
    assert tags(None) == tags([]) == {}
    assert tags([{"Key": "a"}]) == {"a": ""}


def test_arns_and_networks() -> None:
    connection = AwsConnection(aws_target("http://127.0.0.1:1"))
    assert arn(connection, "ec2", REGION, "volume/vol-1") == f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/vol-1"
    assert arn(connection, "cloudfront", GLOBAL, "distribution/E") == f"arn:aws:cloudfront::{ACCOUNT}:distribution/E"
    assert placed_in("vpc-1", ["subnet-1", None, "subnet-1"]) == (
        Relation(RelationshipKind.IN_NETWORK, "vpc-1"),
        Relation(RelationshipKind.IN_NETWORK, "subnet-1"),
    )
