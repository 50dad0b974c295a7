"""A way into one project, folder or organization, through Cloud Asset Inventory."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

import grpc
from google.api_core import exceptions as api
from google.api_core.retry import Retry, if_exception_type
from google.auth.credentials import TokenState
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from google.cloud.asset_v1 import AssetServiceClient, ContentType, ListAssetsRequest, ListAssetsResponse
from google.cloud.asset_v1.services.asset_service.transports import AssetServiceGrpcTransport
from google.cloud.resourcemanager_v3 import FoldersClient, OrganizationsClient, ProjectsClient
from google.cloud.resourcemanager_v3.services.folders.transports import FoldersGrpcTransport
from google.cloud.resourcemanager_v3.services.organizations.transports import OrganizationsGrpcTransport
from google.cloud.resourcemanager_v3.services.projects.transports import ProjectsGrpcTransport

from app.providers.base import Target, Verification
from app.providers.gcp.assets import Asset, asset_of, at
from app.providers.gcp.credentials import GoogleCredentials, caller_of, credentials_of
from app.providers.gcp.endpoints import GrpcEndpoint, grpc_endpoint
from app.providers.gcp.errors import GOOGLE_ERRORS, bad_answer, no_sign_in, no_token, provider_error, shut_down
from app.providers.gcp.metrics import READ_METRICS, Monitoring
from app.providers.gcp.rest import RestApi
from app.providers.metrics import DAY_SECONDS, MetricQuery, MetricSeries, MetricWindow
from app.providers.problems import ProblemCode, ProviderError

LIST_ASSETS = "cloudasset.assets.listResource"
INVENTORY_PERMISSIONS = (LIST_ASSETS, "serviceusage.services.use")
"""What reading the inventory needs, see https://cloud.google.com/asset-inventory/docs/roles-permissions"""
PERMISSIONS = (*INVENTORY_PERMISSIONS, READ_METRICS)
"""All that the connection needs."""

PAGE_SIZE = 1000
"""Assets in an answer: the most that the API gives with the whole resource in each."""

MAX_ANSWER = 128 * 1024 * 1024
"""Bytes of an answer. gRPC's own limit of 4 MiB is less than a page of large assets takes."""

_OUTAGES = frozenset({429, 500, 502, 503, 504})
_PROJECT = "cloudresourcemanager.googleapis.com/Project"
_ENDING = frozenset({"DELETE_REQUESTED", "DELETE_IN_PROGRESS"})
_SCOPE = re.compile(r"(?:organizations|folders)/\d+|(?:projects/)?(?:[a-z0-9.-]+:)?[a-z0-9-]+")
_WORTH_ANOTHER_TRY = if_exception_type(
    api.ServiceUnavailable, api.GatewayTimeout, api.TooManyRequests, api.InternalServerError
)


@dataclass(frozen=True)
class Patience:
    """How long a call may take, and how long it is tried again, in seconds."""

    call: float = 30.0
    tries: float = 20.0
    first_wait: float = 1.0
    sign_in: float = 20.0

    @property
    def retry(self) -> Retry:
        """At most about five tries. The client's own policy tries for 60 s even where nobody listens."""
        return Retry(_WORTH_ANOTHER_TRY, initial=self.first_wait, maximum=8.0, multiplier=2.0, timeout=self.tries)


class TokenRequest(Request):  # type: ignore[misc, no-untyped-call, unused-ignore]
    """Google's HTTP client, with our time limit and without redirects, which could lead to anywhere."""

    def __init__(self, seconds: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self._seconds = seconds
        self.status = 0
        """Of the last answer. Of a refused exchange Google's client tells no status, and an outage is no refusal."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Send, see google.auth.transport.Request."""
        self.status = 0
        answer: Any = super().__call__(*arguments, **named | {"timeout": self._seconds, "allow_redirects": False})  # type: ignore[no-untyped-call, unused-ignore]
        self.status = answer.status
        return answer


class GcpConnection:
    """A connection; many threads may use it at a time. Making it makes no call."""

    def __init__(self, target: Target, patience: Patience | None = None) -> None:
        if not _SCOPE.fullmatch(target.native_id):
            raise ProviderError(
                ProblemCode.CREDENTIALS,
                "The account's id is neither a project id nor `organizations/…` or `folders/…` with a number.",
                "Connect with the project's id as `gcloud projects list` prints it.",
            )
        # At DEBUG Google's client puts the token and every answer into its log records.
        logging.getLogger("google").setLevel(logging.INFO)
        self._native_id = target.native_id
        self.scope = target.native_id if "/" in target.native_id else f"projects/{target.native_id}"
        self._patience = patience or Patience()
        self._credentials: GoogleCredentials = credentials_of(target)
        self._request = TokenRequest(self._patience.sign_in)
        self._signing_in = Lock()
        self._assets_channel = _channel(_endpoint(target, "cloudasset"))
        self._names_channel = _channel(_endpoint(target, "cloudresourcemanager"))
        self._monitoring = Monitoring(
            _endpoint(target, "monitoring"), self.scope, self._signature, self._patience.call, self._patience.retry
        )
        self._recommender = RestApi(
            "recommender.googleapis.com",
            _endpoint(target, "recommender"),
            self._signature,
            self._patience.call,
            self._patience.retry,
        )
        self._client = AssetServiceClient(transport=AssetServiceGrpcTransport(channel=self._assets_channel))

    def verify(self) -> Verification:
        """Ask which permissions are there, and read one asset. Raises ProviderError."""
        missing, note = self._missing_permissions()
        name, project = None, None
        try:
            project = self._project()
        except ProviderError as problem:
            # Only a missing permission is told beside the others; what closes the whole inventory is an error.
            if problem.code is not ProblemCode.DENIED or problem.permission is None or not missing:
                raise
        if project is not None and self.scope.startswith("projects/"):
            told = at(project.data, "displayName") or at(project.data, "name")
            name = told if isinstance(told, str) and not told.startswith("projects/") else None
        caller, above = caller_of(self._credentials), self._above(project)
        return Verification(self._native_id, caller, missing, name=name, note=note, ancestors=above)

    def regions(self) -> list[str]:
        """None: one question to the inventory covers all of them.

        Raises ProviderError(DENIED) or ProviderError(CREDENTIALS) where nothing of the project can be read.
        """
        if self.scope.startswith("projects/"):
            try:
                self._project()
            except ProviderError as problem:
                if problem.code in {ProblemCode.DENIED, ProblemCode.CREDENTIALS}:
                    raise
        return []

    def metrics(
        self, queries: Sequence[MetricQuery], begin: datetime, end: datetime, period_seconds: int = DAY_SECONDS
    ) -> Iterator[list[MetricSeries]]:
        """What Cloud Monitoring tells, metric by metric; see `app.providers.base.Connection`."""
        return self._monitoring.series(queries, MetricWindow(begin, end, period_seconds))

    def recommendations(
        self, project: str, location: str, recommender: str, permission: str | None
    ) -> Iterator[list[Any]]:
        """What a recommender says of a project in a location, in pages, open or not. Raises ProviderError."""
        path = f"v1/projects/{project}/locations/{location}/recommenders/{recommender}/recommendations"
        asked = f"recommendations of {recommender}"
        for answer in self._recommender.pages(path, [("pageSize", str(PAGE_SIZE))], asked, permission):
            found = answer.get("recommendations", [])
            if not isinstance(found, list):
                raise bad_answer(asked, "holds no list")
            yield found

    def close(self) -> None:
        """Let go of the channels and sockets."""
        self._monitoring.close()
        self._recommender.close()
        self._assets_channel.close()
        self._names_channel.close()
        self._request.session.close()

    def pages(self, asset_types: tuple[str, ...]) -> Iterator[list[Asset]]:
        """All assets of these types, in pages of at most PAGE_SIZE. Raises ProviderError.

        `list_assets` and not `search_all_resources`: only the former tells the whole resource, of which creation,
        labels and state are parts as well.
        """
        asked = ", ".join(asset_types)
        token, seen = "", set[str]()
        while True:
            page = ListAssetsResponse.pb(self._page(asset_types, token))
            found = [asset_of(asset) for asset in page.assets]
            if any(not asset.name or asset.type not in asset_types for asset in found):
                raise bad_answer(asked, "holds what was not asked for")
            token = page.next_page_token
            if token in seen:
                raise bad_answer(asked, "repeats a page")
            seen.add(token)
            yield found
            if not token:
                return

    def _page(self, asset_types: tuple[str, ...], token: str, size: int = PAGE_SIZE) -> ListAssetsResponse:
        request = ListAssetsRequest(
            parent=self.scope,
            asset_types=asset_types,
            content_type=ContentType.RESOURCE,
            page_size=size,
            page_token=token,
        )
        pager = self._call(self._client.list_assets, request, ", ".join(asset_types), LIST_ASSETS)
        return next(iter(pager.pages))  # type: ignore[no-any-return]

    def _project(self) -> Asset | None:
        """The project, or some project of a folder or organization, as the inventory tells it. Raises ProviderError."""
        page = self._page((_PROJECT,), "", size=1)
        if not page.assets:
            return None
        found = asset_of(ListAssetsResponse.pb(page).assets[0])
        is_ending = {at(found.data, "lifecycleState"), at(found.data, "state")} & _ENDING
        if is_ending and self.scope.startswith("projects/"):
            raise shut_down()
        return found

    def _above(self, project: Asset | None) -> tuple[str, ...]:
        """The folders and the organization that what is connected is part of, as a project of it tells them."""
        chain = project.ancestors if project is not None else ()
        below = (
            chain.index(self.scope) + 1 if self.scope in chain else 1 if self.scope.startswith("projects/") else None
        )
        return () if below is None else chain[below:]

    def _missing_permissions(self) -> tuple[tuple[str, ...] | None, str | None]:
        """The permissions that the caller lacks, or None and why that is not known."""
        try:
            held = self._call(
                self._names_client().test_iam_permissions,
                {"resource": self.scope, "permissions": list(PERMISSIONS)},
                "permissions",
            )
        except ProviderError as problem:
            if problem.code is ProblemCode.CREDENTIALS:
                raise
            return None, f"Google does not tell which permissions are missing: {problem.message} {problem.remedy}"
        return tuple(p for p in PERMISSIONS if p not in set(held.permissions)), None

    def _names_client(self) -> ProjectsClient | FoldersClient | OrganizationsClient:
        if self.scope.startswith("organizations/"):
            return OrganizationsClient(transport=OrganizationsGrpcTransport(channel=self._names_channel))
        if self.scope.startswith("folders/"):
            return FoldersClient(transport=FoldersGrpcTransport(channel=self._names_channel))
        return ProjectsClient(transport=ProjectsGrpcTransport(channel=self._names_channel))

    def _call(self, method: Callable[..., Any], request: Any, asked: str, permission: str | None = None) -> Any:
        patience = self._patience
        try:
            return method(request=request, retry=patience.retry, timeout=patience.call, metadata=self._signature())
        except GOOGLE_ERRORS as problem:
            raise provider_error(problem, asked, permission) from None

    def _signature(self) -> Sequence[tuple[str, str]]:
        """The header that says who asks.

        The channel could add it by itself, but then a refused key comes back as "unavailable" and is tried again,
        and each connection looks up Google's access boundaries in a thread of its own.
        """
        headers: dict[str, str] = {}
        credentials: Any = self._credentials
        with self._signing_in:
            try:
                if credentials.token_state is not TokenState.FRESH:
                    credentials.refresh(self._request)
            except (TypeError, ValueError, KeyError, AttributeError):
                raise no_token() from None
            except GoogleAuthError:
                if self._request.status in _OUTAGES:
                    raise no_sign_in() from None
                raise
            if not credentials.token:
                raise no_token()
            credentials.apply(headers)
        return tuple(headers.items())


def _endpoint(target: Target, name: str) -> GrpcEndpoint:
    value = target.endpoints.get(name) or target.endpoints.get("*") or f"{name}.googleapis.com"
    return grpc_endpoint(value, name)


def _channel(endpoint: GrpcEndpoint) -> grpc.Channel:
    options = [("grpc.max_receive_message_length", MAX_ANSWER)]
    if endpoint.is_plaintext:
        return grpc.insecure_channel(endpoint.address, [*options, ("grpc.enable_http_proxy", 0)])
    return grpc.secure_channel(endpoint.address, grpc.ssl_channel_credentials(), options)
