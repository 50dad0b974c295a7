"""Endpoint URLs: the providers' own hosts and those of the setting, and nothing that only we can reach."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from botocore.loaders import create_loader

from app.accounts.endpoints import checked_endpoints, is_allowed
from app.errors import BadUserInputError
from app.providers import aws
from app.providers.aws.endpoint_names import SERVICES
from app.records import Provider

AWS, AZURE, GCP = Provider.AWS, Provider.AZURE, Provider.GCP
HOSTS = ("moto.internal:5000", "127.0.0.1", "::1")


@pytest.mark.parametrize(
    ("provider", "url"),
    [
        (AWS, "https://sts.eu-central-1.amazonaws.com"),
        (AWS, "https://vpce-0a1b-xyz.ec2.eu-central-1.vpce.amazonaws.com/"),
        (AWS, "https://ec2.cn-north-1.amazonaws.com.cn"),
        (AWS, "https://iam.amazonaws.com"),
        (AWS, "https://ec2-fips.us-gov-west-1.amazonaws.com:443"),
        (AWS, "https://s3.dualstack.eu-west-1.amazonaws.com"),
        (AWS, "https://ec2.eusc-de-east-1.amazonaws.eu"),
        (AWS, "https://lambda.eu-west-1.api.aws"),
        (AWS, "https://vpce-0a1b-xyz.api.ecr.eu-west-1.vpce.amazonaws.com"),
        (AWS, "https://bucket.vpce-0a1b-xyz.s3.eu-west-1.vpce.amazonaws.com"),
        (AZURE, "https://management.azure.com"),
        (AZURE, "https://westeurope.management.azure.com:443"),
        (AZURE, "https://login.microsoftonline.com/"),
        (AZURE, "https://login.partner.microsoftonline.cn"),
        (GCP, "https://cloudasset.googleapis.com"),
        (GCP, "cloudasset.googleapis.com:443"),
        (GCP, "https://oauth2.googleapis.com/token"),
        (AWS, "http://moto.internal:5000"),
        (GCP, "127.0.0.1:50051"),
        (AZURE, "http://127.0.0.1:8443/arm"),
        (AWS, "http://[::1]:5000"),
    ],
)
def test_allowed(provider: Provider, url: str) -> None:
    assert is_allowed(provider, url, HOSTS)


@pytest.mark.parametrize(
    ("provider", "url"),
    [
        (AWS, "http://sts.amazonaws.com"),
        (AWS, "https://amazonaws.com.evil.example"),
        (AWS, "https://evilamazonaws.com"),
        (AWS, "https://a@sts.amazonaws.com"),
        (AWS, "https://sts.amazonaws.com@169.254.169.254"),
        (AWS, "https://169.254.169.254/latest/meta-data#.amazonaws.com"),
        (AWS, "https://169.254.169.254\\.amazonaws.com"),
        (AWS, "https://169.254.169.254?x=.amazonaws.com"),
        (AWS, "https://localhost"),
        (AWS, "https://10.0.0.1"),
        (AWS, "https://[::ffff:127.0.0.1]"),
        (AWS, "https://2130706433"),
        (AWS, "file:///etc/passwd"),
        (AWS, "gopher://sts.amazonaws.com"),
        (AWS, "https://sts.amazonaws.com\r\nHost: evil"),
        (AWS, "https://st\u0455.amazonaws.com"),
        (AWS, "https://sts.amazonaws.com:99999"),
        (AWS, "https://.amazonaws.com"),
        (AWS, "https://sts..amazonaws.com"),
        (AWS, "https://a1b2c3.execute-api.eu-central-1.amazonaws.com"),
        (AWS, "https://lb-1.eu-central-1.elb.amazonaws.com"),
        (AWS, "https://ec2-192-0-2-1.eu-central-1.compute.amazonaws.com"),
        (AWS, "https://search-mine-abc.eu-west-1.es.amazonaws.com"),
        (AWS, "https://abc.appsync-api.eu-west-1.amazonaws.com"),
        (AWS, "https://ABC.gr7.eu-west-1.eks.amazonaws.com"),
        (AWS, "https://b-1.mq.eu-west-1.amazonaws.com"),
        (AWS, "https://abc-ats.iot.eu-west-1.amazonaws.com"),
        (AWS, "https://my-bucket.s3.amazonaws.com"),
        (AWS, "https://my-bucket.s3.eu-west-1.amazonaws.com"),
        (AWS, "https://my-bucket.s3-website-eu-west-1.amazonaws.com"),
        (AWS, "https://s3.eu-west-1.amazonaws.com/my-bucket"),
        (AWS, "https://ec2-192-0-2-1.compute-1.amazonaws.com"),
        (AWS, "https://amazonaws.com"),
        (AWS, "https://ec2.eu-west-1.amazonaws.com:8443"),
        (AWS, "https://vpce-1.vpce-svc-2.eu-west-1.vpce.amazonaws.com"),
        (AWS, "https://vpce-1.execute-api.eu-west-1.vpce.amazonaws.com"),
        (AWS, "https://evil.vpce-1.ec2.eu-west-1.vpce.amazonaws.com"),
        (AWS, "https://management.azure.com"),
        (AZURE, "https://management.azure.com/subscriptions"),
        (AZURE, "https://login.microsoftonline.com:8443"),
        (GCP, "https://storage.googleapis.com/my-bucket"),
        (GCP, "https://my-bucket.storage.googleapis.com"),
        (GCP, "https://storage.googleapis.com/token"),
        (GCP, "https://cloudasset.googleapis.com:8443"),
        (AZURE, "https://evil.westeurope.cloudapp.azure.com"),
        (AZURE, "https://evil.servicebus.windows.net"),
        (AZURE, "https://evil.westeurope.logic.azure.com"),
        (GCP, "https://googleapis.com.evil.example"),
        (AWS, "http://moto.internal:5001"),
        (AWS, "http://127.0.0.2:5000"),
        (AWS, "ftp://127.0.0.1"),
        (AWS, ""),
        (AWS, "https://"),
        (AWS, "https://" + "a" * 3000 + ".amazonaws.com"),
    ],
)
def test_refused(provider: Provider, url: str) -> None:
    assert not is_allowed(provider, url, HOSTS)


def test_nothing_is_allowed_that_the_setting_does_not_name() -> None:
    assert not is_allowed(AWS, "http://127.0.0.1:5000", ())


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ([("ec2", "http://10.0.0.1")], ("0", "url")),
        ([("ec2", "https://ec2.amazonaws.com"), ("ec22", "https://x.amazonaws.com")], ("1", "service")),
        ([("ec2", "https://ec2.amazonaws.com"), ("ec2", "https://x.amazonaws.com")], ("1", "service")),
        ([("ec2", "https://ec2.amazonaws.com")] * 51, ()),
    ],
)
def test_the_wrong_one_is_named(sent: list[tuple[str, str]], path: tuple[str, ...]) -> None:
    with pytest.raises(BadUserInputError) as told:
        checked_endpoints(AWS, sent, HOSTS)
    assert told.value.path == ("input", "endpoints", *path)


def test_a_refusal_names_the_setting() -> None:
    with pytest.raises(BadUserInputError, match="SKYLEDGER_ENDPOINT_HOSTS"):
        checked_endpoints(AWS, [("*", "http://moto.internal:5001")], HOSTS)


def test_slashes_at_the_end_go() -> None:
    sent = [("*", "http://moto.internal:5000/"), ("s3", " https://s3.amazonaws.com ")]
    assert checked_endpoints(AWS, sent, HOSTS) == {"*": "http://moto.internal:5000", "s3": "https://s3.amazonaws.com"}


@pytest.mark.parametrize(
    ("provider", "service"), [(AWS, "ec2"), (AWS, "*"), (AZURE, "authority"), (AZURE, "*"), (GCP, "token"), (GCP, "*")]
)
def test_services_are_those_that_are_called(provider: Provider, service: str) -> None:
    assert checked_endpoints(provider, [(service, "https://127.0.0.1")], HOSTS) == {service: "https://127.0.0.1"}
    if service != "*":
        other = AZURE if provider is not AZURE else GCP
        with pytest.raises(BadUserInputError, match="There is no such service"):
            checked_endpoints(other, [(service, "https://127.0.0.1")], HOSTS)


def test_the_services_of_aws_are_the_clients_that_are_made() -> None:
    made = set[str]()
    for source in Path(aws.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "client":
                made |= {str(name.value) for name in node.args[:1] if isinstance(name, ast.Constant)}
    assert "ec2" in made
    assert made <= SERVICES
    assert set(create_loader().list_available_services("service-2")) >= SERVICES
