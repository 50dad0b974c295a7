"""Google on loopback: inventory and resource manager by gRPC, the token service and the recommender by HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import grpc
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.cloud.asset_v1 import Asset, ContentType, ListAssetsRequest, ListAssetsResponse
from google.iam.v1 import iam_policy_pb2
from google.protobuf import any_pb2, duration_pb2, json_format
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from app.providers.base import Target
from app.providers.gcp.connection import PERMISSIONS
from app.records import ConnectionMethod, Provider
from tests.providers.gcp.advice import Advice

PROJECT = "acme-prod"
NUMBER = "123456789012"
EMAIL = "skyledger@acme-prod.iam.gserviceaccount.com"
TOKEN = "ya29.token-of-the-tests"
SUBJECT_TOKEN = "eyJ.token-of-the-tenant.own-identity-provider"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
POOL = "//iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/pool/providers/own"
AUDIENCE = "https://oauth2.googleapis.com/token"
"""For whom Google's library signs, whatever address the token service has."""

Fault = Callable[[Any, Any], Any]
"""(request, context) → an answer in place of the real one, bytes that are sent as they are, or None."""


def asset(kind: str, path: str, data: dict[str, Any], location: str = "us-central1-a") -> dict[str, Any]:
    """An asset as the API's JSON tells it; `path` is the resource name without the host."""
    service = "cloudsql.googleapis.com" if kind.startswith("sqladmin") else kind.partition("/")[0]
    return {
        "name": f"//{service}/{path}",
        "assetType": kind,
        "resource": {"version": "v1", "location": location, "data": data},
        "ancestors": [f"projects/{NUMBER}", "folders/77", "organizations/42"],
    }


def configuration(**source: Any) -> dict[str, Any]:
    """A workload identity configuration as gcloud makes it, with this source of the token."""
    return {
        "type": "external_account",
        "audience": POOL,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": source,
    }


class Google:
    """What the far side holds, what it was asked, and how it misbehaves."""

    def __init__(self) -> None:
        self.key = _key()
        self.assets: list[Asset] = []
        self.page_size = 1000
        self.held = list(PERMISSIONS)
        self.requests: list[ListAssetsRequest] = []
        self.permission_requests: list[Any] = []
        self.assertions: list[dict[str, Any]] = []
        self.exchanges: list[dict[str, str]] = []
        self.token_answers: list[tuple[int, str]] = []
        self.closing = threading.Event()
        self.address = ""
        self.token_url = ""
        self.url = ""
        self.advice = Advice(TOKEN)
        self._faults: list[tuple[str, Fault]] = []

    def hold(self, *documents: dict[str, Any]) -> None:
        """Add assets."""
        self.assets += [Asset(json_format.ParseDict(d, Asset.pb(Asset()))) for d in documents]

    def misbehave(self, *faults: Fault, about: str = "") -> None:
        """Answer the next questions, or the next about the type `about`, by these faults, one each."""
        self._faults += [(about, fault) for fault in faults]

    def list_assets(self, request: ListAssetsRequest, context: grpc.ServicerContext) -> Any:
        """`ListAssets` with paging, for callers with the token."""
        self.requests.append(request)
        self._check_token(context)
        for known in self._faults:
            if not known[0] or known[0] in request.asset_types:
                self._faults.remove(known)
                if (answer := known[1](request, context)) is not None:
                    return answer
                break
        if request.content_type is not ContentType.RESOURCE:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "content type")
        return self.page(request)

    def page(self, request: ListAssetsRequest) -> ListAssetsResponse:
        """The page of what is held that is asked for."""
        found = [a for a in self.assets if a.asset_type in request.asset_types]
        start = int(request.page_token.removeprefix("from-") or 0)
        end = start + min(self.page_size, request.page_size)
        return ListAssetsResponse(assets=found[start:end], next_page_token=f"from-{end}" if end < len(found) else "")

    def test_permissions(self, request: Any, context: grpc.ServicerContext) -> Any:
        """`TestIamPermissions` of projects, folders and organizations."""
        self.permission_requests.append(request)
        self._check_token(context)
        for known in self._faults:
            if known[0] == "permissions":
                self._faults.remove(known)
                if (answer := known[1](request, context)) is not None:
                    return answer
                break
        held = [p for p in request.permissions if p in self.held]
        return iam_policy_pb2.TestIamPermissionsResponse(permissions=held)

    def exchange(self, form: dict[str, list[str]]) -> tuple[int, str]:
        """A token for an assertion that the key signed, or for one that a workload identity pool trusts."""
        if form["grant_type"] == [TOKEN_EXCHANGE]:
            return self._trusted(form)
        public = self.key.public_key()
        self.assertions.append(jwt.decode(form["assertion"][0], public, algorithms=["RS256"], audience=AUDIENCE))
        return self._token()

    def key_file(self, **changes: Any) -> str:
        """The JSON key of the service account; a change to None takes a value out."""
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        found = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "key-1",
            "private_key": pem.decode(),
            "client_email": EMAIL,
            "token_uri": AUDIENCE,
            "universe_domain": "googleapis.com",
        } | changes
        return json.dumps({key: value for key, value in found.items() if value is not None})

    def target(self, native_id: str = PROJECT, **endpoints: str) -> Target:
        """An account that is connected with the service account's key."""
        own = {"cloudasset": self.address, "cloudresourcemanager": self.address, "token": self.token_url}
        own["recommender"] = self.url
        return Target(
            Provider.GCP,
            ConnectionMethod.GCP_SERVICE_ACCOUNT,
            native_id,
            {"endpoints": own | endpoints},
            {"serviceAccount": self.key_file()},
        )

    def pool_target(self, folder: Path, **source: Any) -> Target:
        """An account that is connected by workload identity, with a token file in a folder."""
        own = {"cloudasset": self.address, "cloudresourcemanager": self.address, "token": self.token_url}
        return Target(
            Provider.GCP,
            ConnectionMethod.GCP_WORKLOAD_IDENTITY,
            PROJECT,
            {"endpoints": own, "workloadIdentityFolder": str(folder)},
            {"workloadIdentity": json.dumps(configuration(**source))},
        )

    def _trusted(self, form: dict[str, list[str]]) -> tuple[int, str]:
        self.exchanges.append({name: values[0] for name, values in form.items()})
        if form["subject_token"] != [SUBJECT_TOKEN]:
            return 400, json.dumps({"error": "invalid_grant", "error_description": f"s3cret {form}"})
        return self._token(issued_token_type="urn:ietf:params:oauth:token-type:access_token")

    def _token(self, **more: str) -> tuple[int, str]:
        if self.token_answers:
            return self.token_answers.pop(0)
        return 200, json.dumps({"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer", **more})

    def _check_token(self, context: grpc.ServicerContext) -> None:
        if ("authorization", f"Bearer {TOKEN}") not in [(m.key, m.value) for m in context.invocation_metadata()]:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, f"no {TOKEN}")


def refusal(code: grpc.StatusCode, reason: str = "", wait: int = 0, **metadata: str) -> Fault:
    """An error as Google sends it: a text that is not ours, with details."""

    def fault(_request: Any, context: Any) -> None:
        details = []
        if reason:
            info = error_details_pb2.ErrorInfo(reason=reason, domain="googleapis.com", metadata=metadata)
            details.append(info)
        if wait:
            details.append(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=wait)))
        packed = [any_pb2.Any() for _ in details]
        for box, detail in zip(packed, details, strict=True):
            box.Pack(detail)
        status = status_pb2.Status(code=code.value[0], message="text with s3cret of the far side", details=packed)
        context.abort_with_status(rpc_status.to_status(status))

    return fault


@cache
def _key() -> rsa.RSAPrivateKey:
    """One key for all tests: making one takes longer than most of them."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@contextmanager
def google_on_loopback() -> Iterator[Google]:
    """Google, listening; stopped afterwards."""
    google = Google()
    with ThreadPoolExecutor(8) as threads:
        server = grpc.server(threads)
        server.add_generic_rpc_handlers(_handlers(google))
        google.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        tokens = ThreadingHTTPServer(("127.0.0.1", 0), _token_handler(google))
        google.url = f"http://127.0.0.1:{tokens.server_port}"
        google.token_url = f"{google.url}/token"
        serving = threading.Thread(target=tokens.serve_forever, args=(0.02,))
        serving.start()
        try:
            yield google
        finally:
            google.closing.set()
            server.stop(None).wait()
            tokens.shutdown()
            serving.join()
            tokens.server_close()


def _handlers(google: Google) -> list[grpc.GenericRpcHandler]:
    def sent(answer: Any) -> bytes:
        return answer if isinstance(answer, bytes) else ListAssetsResponse.serialize(answer)

    listing = grpc.unary_unary_rpc_method_handler(google.list_assets, ListAssetsRequest.deserialize, sent)
    testing = grpc.unary_unary_rpc_method_handler(
        google.test_permissions,
        iam_policy_pb2.TestIamPermissionsRequest.FromString,
        iam_policy_pb2.TestIamPermissionsResponse.SerializeToString,
    )
    return [
        grpc.method_handlers_generic_handler("google.cloud.asset.v1.AssetService", {"ListAssets": listing}),
        *(
            grpc.method_handlers_generic_handler(
                f"google.cloud.resourcemanager.v3.{name}", {"TestIamPermissions": testing}
            )
            for name in ("Projects", "Folders", "Organizations")
        ),
    ]


def _token_handler(google: Google) -> type[BaseHTTPRequestHandler]:
    class Tokens(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self._send(*google.exchange(form))

        def do_GET(self) -> None:
            self._send(*google.advice.answer(self.path, self.headers.get("Authorization", "")))

        def _send(self, status: int, body: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            if status == 302:
                self.send_header("Location", body)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Nothing: the test tells."""

    return Tokens
