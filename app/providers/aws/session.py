"""A way into one AWS account: boto3 clients by service and region, and who we are there."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.credentials import Credentials, DeferredRefreshableCredentials
from botocore.loaders import create_loader
from botocore.session import Session

from app.providers.aws.endpoint_names import ASSUME_ROLE_AT
from app.providers.aws.errors import checked_answer, reading_aws
from app.providers.aws.metrics import metric_series
from app.providers.aws.reading import read_timestamp
from app.providers.aws.verifying import verification
from app.providers.base import GLOBAL, Target, Verification
from app.providers.metrics import DAY_SECONDS, MetricQuery, MetricSeries, MetricWindow
from app.providers.problems import ProblemCode, ProviderError
from app.records import ConnectionMethod

CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 30.0
ATTEMPTS: Final = 4
"""Tries of one call, the first included; `app.providers.calls` has further ones of a whole collector."""
POOL_CONNECTIONS: Final = 16
"""Sockets a client keeps open: a step reads with one thread, a collector's own calls may have some more."""
_KEPT_CLIENTS: Final = 48
"""A client with its shapes and endpoint rules takes about a megabyte; a scan needs one for each running step."""
_ROLE_SECONDS: Final = 3600
"""The longest that a role assumed by another role may be held."""
_HOME_REGIONS: Final = {
    "aws": "us-east-1",
    "aws-cn": "cn-north-1",
    "aws-us-gov": "us-gov-west-1",
    "aws-eusc": "eusc-de-east-1",
}


class AwsConnection:
    """One account of AWS; threads may share it. Made without a call.

    `account` is its number (12 digits), `partition` the part of AWS it lives in, `home_region` where that keeps its
    global services. `permissions` are the actions that `verify` asks for.
    """

    def __init__(
        self,
        target: Target,
        *,
        permissions: tuple[str, ...] = (),
        read_seconds: float = READ_SECONDS,
        attempts: int = ATTEMPTS,
        pool_connections: int = POOL_CONNECTIONS,
    ) -> None:
        self.target = target
        self.account = target.native_id
        self.partition = _partition(target)
        self.home_region = _HOME_REGIONS.get(self.partition, "us-east-1")
        self.permissions = permissions
        self._config = Config(
            retries={"mode": "adaptive", "total_max_attempts": attempts},
            connect_timeout=CONNECT_SECONDS,
            read_timeout=read_seconds,
            max_pool_connections=pool_connections,
            user_agent_extra="skyledger",
            # Only the account's own settings may send its calls elsewhere, not this machine's.
            ignore_configured_endpoint_urls=True,
        )
        self._lock = threading.Lock()
        self._clients: OrderedDict[tuple[str, str], Any] = OrderedDict()
        self._session = self._signed_in()

    def client(self, service: str, region: str) -> Any:
        """The boto3 client of a service, such as `ec2`, in a region; `global` stands for the home region."""
        key = (service, self.home_region if region == GLOBAL else region)
        with self._lock:
            found = self._clients.get(key)
            if found is None:
                found = self._clients[key] = self._made(self._session, *key)
                if len(self._clients) > _KEPT_CLIENTS:
                    # Not closed: another thread may be reading with it. Its sockets end with its last user.
                    self._clients.popitem(last=False)
            else:
                self._clients.move_to_end(key)
            return found

    def verify(self) -> Verification:
        """Who we are there and what we may not do. Raises ProviderError."""
        with reading_aws():
            found = verification(self)
        self.account = found.native_id
        return found

    def regions(self) -> list[str]:
        """The regions that are switched on, of those that the account's settings name if they do.

        Raises ProviderError, also where none is left: a scan that reads nothing must not look like an empty account.
        """
        switched_on = self.switched_on()
        named = self.target.settings.get("regions")
        if not named:
            return switched_on
        found = sorted(set(named).intersection(switched_on))
        if not found:
            raise ProviderError(
                ProblemCode.NOT_ENABLED,
                f"None of the regions that the account is connected for is switched on: {', '.join(sorted(named))}.",
                f"Name some of its regions with `updateAccount`: {', '.join(switched_on)}.",
            )
        return found

    def switched_on(self) -> list[str]:
        """The regions of AWS that are switched on for the account. Raises ProviderError."""
        with reading_aws(("ec2:DescribeRegions",)):
            answer = self.client("ec2", self.home_region).describe_regions(AllRegions=False)
        return sorted(
            region["RegionName"] for region in answer["Regions"] if region.get("OptInStatus") != "not-opted-in"
        )

    def own_account(self) -> str:
        """The account of the credentials with which Skyledger itself assumes roles. Raises ProviderError."""
        client = self._own_sts()
        try:
            with reading_aws():
                return str(client.get_caller_identity()["Account"])
        except ProviderError as error:
            raise _unassumed(error) from None
        finally:
            client.close()

    def answers(self) -> bool:
        """Whether the credentials are good at the home region, whatever another region said."""
        try:
            with reading_aws():
                self.client("sts", self.home_region).get_caller_identity()
        except ProviderError:
            return False
        return True

    def offers(self, url: str) -> bool | None:
        """Whether botocore knows a service to be in a region, by the URL of a call.

        None where it cannot know: for an endpoint of the account's own, or a URL of no client.
        """
        host = urlsplit(url).netloc
        with self._lock:
            for (service, region), client in self._clients.items():
                if self._endpoint(service) is None and urlsplit(client.meta.endpoint_url).netloc == host:
                    return region in self._session.get_available_regions(service, self.partition)
        return None

    def metrics(
        self, queries: Sequence[MetricQuery], begin: datetime, end: datetime, period_seconds: int = DAY_SECONDS
    ) -> Iterator[list[MetricSeries]]:
        """What CloudWatch tells, call by call; see `app.providers.base.Connection`."""
        return metric_series(self, queries, MetricWindow(begin, end, period_seconds))

    def close(self) -> None:
        """Let go of sockets; a later call opens new ones."""
        with self._lock:
            clients = list(self._clients.values())
            self._clients.clear()
        for client in clients:
            client.close()

    def _made(self, session: Any, service: str, region: str) -> Any:
        url = self._endpoint(service)
        config = self._config
        if url is not None:
            # Some services, such as MWAA, put a word before the host: the account named the host that answers.
            config = config.merge(Config(inject_host_prefix=False))
        return session.create_client(service, region_name=region, endpoint_url=url, config=config)

    def _endpoint(self, service: str) -> str | None:
        endpoints = self.target.endpoints
        return endpoints.get(service) or endpoints.get("*") or None

    def _signed_in(self) -> Any:
        if self.target.method is ConnectionMethod.AWS_ROLE:
            if not self.target.settings.get("roleArn"):
                raise ProviderError(
                    ProblemCode.CREDENTIALS,
                    "The account has no role ARN.",
                    "Give the ARN of the role that Skyledger assumes.",
                )
            return _session(DeferredRefreshableCredentials(refresh_using=self._assumed, method="assume-role"))
        secret = self.target.secret
        if not secret.get("accessKeyId") or not secret.get("secretAccessKey"):
            raise ProviderError(
                ProblemCode.CREDENTIALS,
                "The account has no access key.",
                "Give an access key id and its secret access key.",
            )
        return _session(
            Credentials(secret["accessKeyId"], secret["secretAccessKey"], secret.get("sessionToken") or None)
        )

    def _own_sts(self) -> Any:
        """STS for calls signed with Skyledger's own credentials: AWS's, or one on a host that the operator listed.

        The account's endpoints are the customer's choice, and what is signed for one place is good at another.
        """
        url = self.target.settings.get(ASSUME_ROLE_AT)
        return _session(None).create_client("sts", region_name=self.home_region, endpoint_url=url, config=self._config)

    def _assumed(self) -> dict[str, str]:
        """Keys of the role for an hour; botocore asks for new ones from a quarter of an hour before they end."""
        arguments = {
            "RoleArn": self.target.settings["roleArn"],
            "RoleSessionName": "skyledger",
            "DurationSeconds": _ROLE_SECONDS,
        }
        if self.target.settings.get("externalId"):
            arguments["ExternalId"] = self.target.settings["externalId"]
        client = self._own_sts()
        try:
            with reading_aws():
                keys = client.assume_role(**arguments)["Credentials"]
        except ProviderError as error:
            raise _unassumed(error) from None
        finally:
            client.close()
        return {
            "access_key": keys["AccessKeyId"],
            "secret_key": keys["SecretAccessKey"],
            "token": keys["SessionToken"],
            "expiry_time": keys["Expiration"].isoformat(),
        }


class _Given:
    """Stands where botocore would look for credentials in the environment, in files and at the machine."""

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def load_credentials(self) -> Any:
        """What was given."""
        return self._credentials


@functools.cache
def _models() -> Any:
    """The descriptions of the services, read once for all accounts: the one of EC2 alone takes 0.2 s to read."""
    return create_loader()


def own_session() -> Any:
    """A session that signs with the credentials that this process itself has, for what belongs to the operator."""
    return _session(None)


def _session(credentials: Any | None) -> Any:
    """A session that signs with these credentials; with None, with the ones that this process itself has."""
    made = Session()
    made.register_component("data_loader", _models())
    made.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=read_timestamp)
    # The tokens of a regional STS are good in every region, those of the global one are not.
    made.set_config_variable("sts_regional_endpoints", "regional")
    if credentials is not None:
        made.register_component("credential_provider", _Given(credentials))
    made.register("after-call", checked_answer)
    return made


def _partition(target: Target) -> str:
    """The part of AWS that the role or the regions name."""
    role = str(target.settings.get("roleArn") or "").split(":")
    if len(role) > 1 and role[0] == "arn" and role[1]:
        return role[1]
    for region in target.settings.get("regions") or ():
        for partition, prefix in (("aws-cn", "cn-"), ("aws-us-gov", "us-gov-"), ("aws-eusc", "eusc-")):
            if str(region).startswith(prefix):
                return partition
    return "aws"


def _unassumed(error: ProviderError) -> ProviderError:
    """Why the role could not be assumed: without it there are no credentials at all."""
    if error.code is ProblemCode.DENIED:
        return ProviderError(
            ProblemCode.CREDENTIALS,
            "AWS did not let Skyledger assume the role.",
            "Check the role's ARN, and that its trust policy names Skyledger's own principal and this external id.",
        )
    if error.code is ProblemCode.CREDENTIALS:
        return ProviderError(
            ProblemCode.CREDENTIALS,
            "Skyledger's own AWS credentials, with which it assumes roles, are missing or not good.",
            "The operator of Skyledger gives its workers AWS credentials that may call sts:AssumeRole.",
        )
    return error
