"""What goes wrong between Skyledger and AWS becomes a problem with a remedy, never an empty answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError, UnknownServiceError

from app.providers.aws import ec2_storage, logs
from app.providers.aws.cloud import guarded
from app.providers.aws.errors import problem, reading_aws
from app.providers.aws.session import AwsConnection
from app.providers.base import Collector, FoundResource
from app.providers.problems import TRANSIENT, ProblemCode, ProviderError
from tests.providers.aws.faults import Fault, faulty, refusal, volumes
from tests.providers.moto import REGION, aws_target

VOLUMES = guarded(ec2_storage.COLLECTORS[0])
DENIED_TEXT = (
    "You are not authorized to perform this operation. User: x is not authorized to perform: ec2:DescribeVolumes"
)


def read(url: str, collector: Collector = VOLUMES, region: str = REGION, **more: Any) -> list[FoundResource]:
    """All that a collector tells, with a connection that tries each call once."""
    connection = AwsConnection(aws_target(url), **{"attempts": 1, **more})
    try:
        return [resource for page in collector.pages(connection, region) for resource in page]
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (refusal("UnauthorizedOperation", 403), ProblemCode.DENIED),
        (refusal("AccessDenied", 403), ProblemCode.DENIED),
        (refusal("RequestExpired"), ProblemCode.CREDENTIALS),
        (refusal("ExpiredToken", 403), ProblemCode.CREDENTIALS),
        (refusal("SignatureDoesNotMatch", 403), ProblemCode.CREDENTIALS),
        (refusal("RequestLimitExceeded", 503), ProblemCode.THROTTLED),
        (refusal("Throttling"), ProblemCode.THROTTLED),
        (refusal("OptInRequired", 403), ProblemCode.NOT_ENABLED),
        (refusal("InternalError", 500), ProblemCode.FAILED),
        (refusal("InvalidParameterValue"), ProblemCode.FAILED),
        (Fault(reset=True), ProblemCode.UNREACHABLE),
        (Fault(volumes("vol-1"), cut=30), ProblemCode.BAD_ANSWER),
        (Fault("<html>hotel login"), ProblemCode.BAD_ANSWER),
        (Fault(""), ProblemCode.BAD_ANSWER),
    ],
)
def test_each_fault_has_its_code(answer: Fault, code: ProblemCode) -> None:
    with faulty(answer) as far_side, pytest.raises(ProviderError) as caught:
        read(far_side.url)
    assert caught.value.code is code
    assert caught.value.retry is (code in TRANSIENT)
    assert caught.value.remedy
    assert len(far_side.asked) == 1


@pytest.mark.parametrize("answer", [refusal("InvalidAction"), refusal("NotImplemented", 501)])
def test_an_operation_that_the_endpoint_lacks_is_not_tried_again(answer: Fault) -> None:
    with faulty(answer) as far_side, pytest.raises(ProviderError) as caught:
        read(far_side.url)
    assert (caught.value.code, caught.value.retry) == (ProblemCode.FAILED, False)


def test_a_denied_call_names_the_permission() -> None:
    with faulty(refusal("UnauthorizedOperation", 403)) as far_side, pytest.raises(ProviderError) as by_operation:
        read(far_side.url)
    with (
        faulty(refusal("UnauthorizedOperation", 403, DENIED_TEXT)) as far_side,
        pytest.raises(ProviderError) as told,
        reading_aws(),
    ):
        AwsConnection(aws_target(far_side.url), attempts=1).client("ec2", REGION).describe_volumes()
    assert by_operation.value.permission == "ec2:DescribeVolumes"
    assert told.value.permission == "ec2:DescribeVolumes"
    assert by_operation.value.message == "AWS denied ec2:DescribeVolumes."


def test_foreign_text_and_secrets_stay_out_of_the_problem() -> None:
    secret = "AKIAEXAMPLE signed with example/secret"
    with faulty(refusal(f"Odd <b>{secret}", 403, secret)) as far_side, pytest.raises(ProviderError) as caught:
        read(far_side.url)
    assert secret not in f"{caught.value.message}{caught.value.remedy}{caught.value.permission}"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_slow_answer_is_not_waited_for() -> None:
    with faulty(Fault(late=True)) as far_side, pytest.raises(ProviderError) as caught:
        read(far_side.url, read_seconds=0.2)
    assert caught.value.code is ProblemCode.UNREACHABLE
    assert caught.value.message == "AWS did not answer in time."


def test_nobody_there_is_unreachable() -> None:
    with faulty(Fault()) as far_side:
        url = far_side.url
    with pytest.raises(ProviderError) as caught:
        read(url)
    assert caught.value.code is ProblemCode.UNREACHABLE


def test_a_repeated_page_is_a_bad_answer() -> None:
    with (
        faulty(Fault(volumes("vol-1", token="t")), Fault(volumes("vol-2", token="t"))) as far_side,
        pytest.raises(ProviderError) as caught,
    ):
        read(far_side.url)
    assert caught.value.code is ProblemCode.BAD_ANSWER
    assert [form.get("NextToken") for form in far_side.asked] == [None, "t"]


def test_a_page_that_fails_after_good_ones_fails_the_collector() -> None:
    pages: list[list[str]] = []
    with faulty(Fault(volumes("vol-1", token="t")), refusal("RequestLimitExceeded", 503)) as far_side:
        connection = AwsConnection(aws_target(far_side.url), attempts=1)
        with pytest.raises(ProviderError) as caught:
            pages.extend([resource.native_id for resource in page] for page in VOLUMES.pages(connection, REGION))
        connection.close()
    assert pages == [["vol-1"]]
    assert caught.value.code is ProblemCode.THROTTLED


def test_throttling_and_resets_are_tried_again() -> None:
    with faulty(refusal("RequestLimitExceeded", 503), Fault(reset=True), Fault(volumes("vol-1"))) as far_side:
        found = read(far_side.url, attempts=3)
    assert [resource.native_id for resource in found] == ["vol-1"]
    assert len(far_side.asked) == 3


@pytest.mark.parametrize(
    "answer", [Fault('{"logGroups": [{"logGroupName": "a"}]}', cut=8), Fault("<html></html>"), Fault("")]
)
def test_json_that_is_cut_off_is_not_taken_for_an_empty_answer(answer: Fault) -> None:
    with faulty(answer) as far_side, pytest.raises(ProviderError) as caught:
        read(far_side.url, guarded(logs.SERVICE.collectors[0]))
    assert caught.value.code is ProblemCode.BAD_ANSWER


def test_an_answer_of_another_shape_is_a_bad_answer_that_another_try_does_not_mend() -> None:
    with (
        faulty(Fault("<R><volumeSet><item><size>1</size></item></volumeSet></R>")) as far_side,
        pytest.raises(ProviderError) as caught,
    ):
        read(far_side.url)
    assert caught.value.code is ProblemCode.BAD_ANSWER
    assert isinstance(caught.value.__cause__, KeyError)
    assert not caught.value.retry


def test_credentials_that_are_good_elsewhere_mean_a_region_that_is_off() -> None:
    identity = "<R><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></R>"
    with faulty(refusal("AuthFailure", 401), Fault(identity)) as far_side, pytest.raises(ProviderError) as off:
        read(far_side.url)
    with faulty(refusal("AuthFailure", 401)) as far_side, pytest.raises(ProviderError) as wrong:
        read(far_side.url)
    with faulty(refusal("AuthFailure", 401), Fault(identity)) as far_side, pytest.raises(ProviderError) as at_home:
        read(far_side.url, region="us-east-1")
    assert off.value.code is ProblemCode.NOT_ENABLED
    assert wrong.value.code is ProblemCode.CREDENTIALS
    assert at_home.value.code is ProblemCode.CREDENTIALS


@pytest.mark.parametrize(
    ("service", "region", "endpoints", "code"),
    [
        ("workspaces", "eu-north-1", {}, ProblemCode.NOT_ENABLED),
        ("workspaces", "eu-west-1", {}, ProblemCode.UNREACHABLE),
        ("workspaces", "eu-north-1", {"*": "https://workspaces.eu-north-1.amazonaws.com"}, ProblemCode.UNREACHABLE),
    ],
)
def test_a_host_that_does_not_exist_is_a_service_that_the_region_lacks(
    service: str, region: str, endpoints: dict[str, str], code: ProblemCode
) -> None:
    def pages(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
        url = connection.client(service, region).meta.endpoint_url
        yield []
        raise EndpointConnectionError(endpoint_url=f"{url}/", error="no such host")

    connection = AwsConnection(replace(aws_target(""), settings={"endpoints": endpoints}))
    collector = guarded(Collector(("AWS::WorkSpaces::Workspace",), ("workspaces:DescribeWorkspaces",), pages))
    with pytest.raises(ProviderError) as caught:
        list(collector.pages(connection, region))
    assert caught.value.code is code


def test_exceptions_without_a_call() -> None:
    assert problem(NoCredentialsError()).code is ProblemCode.CREDENTIALS
    unknown = UnknownServiceError(service_name="x", known_service_names="y")
    assert problem(unknown).code is ProblemCode.NOT_ENABLED
