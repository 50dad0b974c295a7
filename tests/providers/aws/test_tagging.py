"""The tag on what is marked for deletion, through the real SDK on moto: ids of EC2, ARNs, both, and what refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest

from app.providers.aws.cloud import AwsCloud
from app.providers.aws.policy import required_permissions
from app.providers.aws.tagging import PERMISSIONS
from app.providers.problems import ProblemCode, ProviderError
from app.providers.registry import tagger
from app.providers.tagging import TAG, TagChange, Tagger
from tests.providers.aws.in_front import Front, Ours, Told, in_front
from tests.providers.moto import REGION, aws_target, far_client

DAY = date(2026, 12, 24)


def volume(url: str) -> str:
    made = far_client(url, "ec2").create_volume(AvailabilityZone=f"{REGION}a", Size=1)
    return str(made["VolumeId"])


def table(url: str, name: str) -> str:
    made = far_client(url, "dynamodb").create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return str(made["TableDescription"]["TableArn"])


def tags_of(url: str, native_id: str) -> dict[str, str]:
    if native_id.startswith("arn:"):
        told = far_client(url, "dynamodb").list_tags_of_resource(ResourceArn=native_id)["Tags"]
    else:
        filters = [{"Name": "resource-id", "Values": [native_id]}]
        told = far_client(url, "ec2").describe_tags(Filters=filters)["Tags"]
    return {tag["Key"]: tag["Value"] for tag in told}


def change(native_id: str, day: date | None = DAY) -> TagChange:
    kind = "AWS::DynamoDB::Table" if native_id.startswith("arn:") else "AWS::EC2::Volume"
    return TagChange(native_id, kind, REGION, day)


@contextmanager
def tagging(moto_url: str, ours: Ours = lambda _name, _body: None) -> Iterator[tuple[Front, Tagger]]:
    with in_front(moto_url, ours) as front:
        made = tagger(aws_target(front.url))
        yield front, made
        made.close()


def test_it_is_written_removed_and_both_as_often_as_one_likes(moto_url: str) -> None:
    ids = [volume(moto_url), table(moto_url, "one"), table(moto_url, "two")]
    far_client(moto_url, "ec2").create_tags(Resources=ids[:1], Tags=[{"Key": "team", "Value": "shop"}])
    with tagging(moto_url) as (front, tagger):
        for _ in range(2):
            assert tagger.change([change(ids[0])]) == {}
            assert tagger.change([change(each) for each in ids[1:]]) == {}
        assert tags_of(moto_url, ids[0]) == {"team": "shop", TAG: "2026-12-24"}
        assert [tags_of(moto_url, each) for each in ids[1:]] == [{TAG: "2026-12-24"}] * 2
        for _ in range(2):
            assert tagger.change([change(ids[0], None)]) == {}
            assert tagger.change([change(each, None) for each in ids[1:]]) == {}
        assert tags_of(moto_url, ids[0]) == {"team": "shop"}
        assert [tags_of(moto_url, each) for each in ids[1:]] == [{}, {}]
    assert set(front.asked) == {"CreateTags", "DeleteTags", "TagResources", "UntagResources"}


def test_changes_are_put_together_by_call_region_and_day(moto_url: str) -> None:
    with tagging(moto_url) as (_, tagger):
        volume, table = change("vol-1"), change("arn:aws:dynamodb:eu-west-1:1:table/t")
        check = change("arn:aws:route53:::healthcheck/1")
        accelerator = change("arn:aws:globalaccelerator::1:accelerator/1")
        assert tagger.together == 20
        places = {tagger.place(each) for each in (volume, table, check, accelerator, change("vol-2", None))}
        assert len(places) == 5
        assert tagger.place(volume) == tagger.place(change("vol-3"))
        assert (False, "us-west-2", DAY) in places


def test_one_that_is_gone_does_not_keep_the_others_from_it(moto_url: str) -> None:
    there = [volume(moto_url), volume(moto_url)]
    gone = "vol-00000000000000000"
    with tagging(moto_url, refuse_missing(gone)) as (_, tagger):
        (failed,) = tagger.change([change(there[0]), change(gone), change(there[1])]).items()
        assert (failed[0], failed[1].retry) == (gone, False)
        assert [tags_of(moto_url, each) for each in there] == [{TAG: "2026-12-24"}] * 2
        assert tagger.change([change(gone, None), change(there[0], None)]) == {}
    assert tags_of(moto_url, there[0]) == {}


def refuse_missing(gone: str) -> Ours:
    """Moto tags what is not there, AWS does not."""

    def ours(name: str, body: str) -> Told | None:
        return refused("InvalidVolume.NotFound", 400) if name.endswith("Tags") and gone in body else None

    return ours


def refused(code: str, status: int = 403) -> Told:
    return Told(
        f"<Response><Errors><Error><Code>{code}</Code><Message>no</Message></Error></Errors></Response>", status
    )


def test_a_denial_names_the_permission_of_each(moto_url: str) -> None:
    arns = [table(moto_url, "one"), table(moto_url, "two")]
    denied: dict[str, Any] = {
        "FailedResourcesMap": {
            arns[0]: {
                "StatusCode": 403,
                "ErrorCode": "InvalidParameterException",
                "ErrorMessage": "User: u is not authorized to perform: dynamodb:TagResource on resource: r",
            }
        }
    }

    def ours(name: str, _body: str) -> Told | None:
        told = Told(json.dumps(denied), 200, {"Content-Type": "application/x-amz-json-1.1"})
        return {"TagResources": told, "CreateTags": refused("UnauthorizedOperation")}.get(name)

    with tagging(moto_url, ours) as (_, tagger):
        (failed,) = tagger.change([change(each) for each in arns]).items()
        assert (failed[0], failed[1].code, failed[1].permission) == (
            arns[0],
            ProblemCode.DENIED,
            "dynamodb:TagResource",
        )
        told = tagger.change([change("vol-1"), change("vol-2")])
        assert {id_: (each.code, each.permission) for id_, each in told.items()} == dict.fromkeys(
            ("vol-1", "vol-2"), (ProblemCode.DENIED, "ec2:CreateTags")
        )


def test_without_an_answer_nothing_is_known(moto_url: str) -> None:
    with tagging(moto_url, lambda _name, _body: refused("InvalidClientTokenId")) as (_, tagger):
        with pytest.raises(ProviderError) as told:
            tagger.change([change("vol-1"), change("vol-2")])
        assert told.value.code is ProblemCode.CREDENTIALS


def test_the_permissions_are_apart_optional_and_for_that_tag_alone() -> None:
    documents = json.loads(AwsCloud().policy())
    (statement,) = documents["optionalTagging"]["Statement"]
    assert statement["Sid"] == "OnlyIfSkyledgerMayTagWhatIsMarkedForDeletion"
    assert statement["Action"] == sorted(PERMISSIONS)
    assert statement["Condition"] == {"ForAllValues:StringEquals": {"aws:TagKeys": [TAG]}}
    assert not set(PERMISSIONS) & set(required_permissions(AwsCloud().services())), "who does not tag lacks nothing"
    assert len(json.dumps(documents["optionalTagging"], separators=(",", ":"))) <= 6144
    removing = ("DeleteTags", "RemoveTags", "RemoveTagsFromResource", "RemoveTagsFromStream")
    assert all("Delete" not in action or action.endswith(removing) for action in PERMISSIONS)
