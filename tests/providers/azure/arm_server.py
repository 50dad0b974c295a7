"""The far side of Azure: a sign-in service, Resource Graph and Resource Manager over TLS on loopback.

It evaluates what it needs of a query and of the caller's roles, so that a wrong question gets a wrong answer.
"""

from __future__ import annotations

import base64
import fnmatch
import json
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

TENANT = "11111111-1111-1111-1111-111111111111"
CLIENT = "22222222-2222-2222-2222-222222222222"
SECRET = "correct horse battery staple"
SUBSCRIPTION = "33333333-3333-3333-3333-333333333333"
OTHER_SUBSCRIPTION = "44444444-4444-4444-4444-444444444444"
READ_PERMISSIONS = "Microsoft.Authorization/permissions/read"
READ_METRICS = "Microsoft.Insights/metrics/read"
METRICS = "/providers/microsoft.insights/metrics"

Row = dict[str, Any]
_COLUMNS = {
    "id",
    "name",
    "type",
    "location",
    "resourceGroup",
    "tags",
    "sku",
    "kind",
    "zones",
    "managedBy",
    "properties",
}
_FRESH = (
    " | where tostring(properties.category) =~ 'Cost' and todatetime(properties.lastUpdated) >= ago(1d)"
    " and (isempty(properties.tracked) or tobool(properties.tracked) == false)"
)
"""What of Advisor's recommendations is active, in the language of Resource Graph."""
_LISTING = re.compile(
    rf"(\w+) \| where type in~ \(([^)]*)\)({re.escape(_FRESH)})? \| project ([\w, ]+?)( \| order by id asc)?"
)
_COUNTING = "resources | summarize resourceCount = count() by resourceGroup | order by resourceGroup asc"
_FILTER = re.compile(r"resourceType eq '([^']+)'")


@dataclass
class Answer:
    """What the server says: `broken` may be `reset` or `truncated`. After `delay` seconds it is right."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    broken: str = ""
    delay: float = 0


@dataclass
class Fault:
    """An answer given instead of the right one to the next `times` requests whose path and body hold `about`."""

    about: str
    answer: Answer
    times: int = 1
    skip: int = 0


@dataclass
class Certificate:
    """A key and its certificate, as PEM."""

    key: rsa.RSAPrivateKey
    pem: bytes

    def key_pem(self, password: bytes | None = None) -> bytes:
        protection = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)


def make_certificate(name: str) -> Certificate:
    """A self-signed certificate for a name and for loopback."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    return Certificate(key, certificate.public_bytes(serialization.Encoding.PEM))


@dataclass
class ArmServer:
    """What the server knows and how it is to behave; tests change it at will."""

    tables: dict[str, list[Row]]
    created: dict[str, str] = field(default_factory=dict)
    things: dict[str, Any] = field(default_factory=dict)
    roles: list[dict[str, list[str]]] = field(default_factory=lambda: [{"actions": ["*/read"], "notActions": []}])
    client_certificate: Certificate | None = None
    secret_state: str = "good"
    subscription_state: str = "Enabled"
    page_size: int = 1000
    monitor: Callable[[str, dict[str, str]], Answer] | None = None
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    url: str = ""

    def answer(self, method: str, target: str, headers: Any, body: str) -> Answer:
        """The answer to one request."""
        path = unquote(urlsplit(target).path)
        self.requests.append((method, f"{path} {body}"))
        for fault in self.faults:
            if fault.about.lower() in f"{unquote(target)} {body}".lower() and fault.times > 0:
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                if not fault.answer.delay:
                    return fault.answer
                time.sleep(fault.answer.delay)
        if path.startswith(f"/{TENANT}/") or path.endswith(("/openid-configuration", "/token")):
            return self._sign_in(path, body)
        if headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return failure(401, "InvalidAuthenticationToken", "The access token is invalid.")
        query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        if "api-version" not in query:
            return failure(400, "MissingApiVersionParameter", "The api-version query parameter is required.")
        if path == "/providers/Microsoft.ResourceGraph/resources" and method == "POST":
            return self._graph(json.loads(body))
        return self._manager(method, path, query)

    def _sign_in(self, path: str, body: str) -> Answer:
        if not path.startswith(f"/{TENANT}/"):
            return Answer({"error": "invalid_tenant", "error_description": "AADSTS90002: Tenant not found."}, 400)
        if path.endswith("/v2.0/.well-known/openid-configuration"):
            base = f"{self.url}/{TENANT}"
            return Answer(
                {
                    "issuer": f"{base}/v2.0",
                    "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{base}/oauth2/v2.0/token",
                }
            )
        form = {name: values[0] for name, values in parse_qs(body).items()}
        refusal = self._refusal(form)
        if refusal:
            return Answer({"error": "invalid_client", "error_description": f"{refusal} Trace ID: 0"}, 401)
        token = f"token-{len(self.tokens) + 1}"
        self.tokens.add(token)
        return Answer({"token_type": "Bearer", "expires_in": 3599, "access_token": token})

    def _refusal(self, form: dict[str, str]) -> str:
        if form.get("client_id") != CLIENT:
            return "AADSTS700016: Application was not found in the directory."
        if form.get("scope") != "https://management.azure.com/.default" or form["grant_type"] != "client_credentials":
            return "AADSTS70011: The scope is not valid."
        if "client_assertion" in form:
            return self._refused_assertion(form["client_assertion"])
        if form.get("client_secret") != SECRET:
            return "AADSTS7000215: Invalid client secret provided."
        return "" if self.secret_state == "good" else "AADSTS7000222: The provided client secret keys are expired."

    def _refused_assertion(self, assertion: str) -> str:
        if self.client_certificate is None:
            return "AADSTS700027: The certificate is not registered on application."
        public = self.client_certificate.key.public_key()
        audience = f"{self.url}/{TENANT}/oauth2/v2.0/token"
        try:
            told = jwt.decode(assertion, public, algorithms=["RS256", "PS256"], audience=audience, issuer=CLIENT)
        except jwt.InvalidTokenError:
            return "AADSTS700027: Client assertion failed signature validation."
        return "" if told["sub"] == CLIENT else "AADSTS700021: The subject is not the application."

    def allows(self, action: str) -> bool:
        """Whether the caller's roles allow an action."""
        return any(
            any(fnmatch.fnmatch(action.lower(), pattern.lower()) for pattern in role["actions"])
            and not any(fnmatch.fnmatch(action.lower(), pattern.lower()) for pattern in role["notActions"])
            for role in self.roles
        )

    def _visible(self, table: str, subscriptions: list[str]) -> list[Row]:
        """What the caller may see: as Azure does, what he may not is left out without a word."""
        return [
            row
            for row in self.tables[table]
            if row["id"].split("/")[2] in subscriptions and self.allows(f"{row['type']}/read")
        ]

    def _graph(self, question: Row) -> Answer:
        subscriptions = [name for name in question.get("subscriptions", []) if name == SUBSCRIPTION]
        if not subscriptions:
            return failure(400, "BadRequest", "Please provide details.", "NoValidSubscriptionsInQueryRequest")
        if question["query"] == _COUNTING:
            counts: dict[str, int] = {}
            for row in self._visible("resources", subscriptions):
                counts[row["resourceGroup"]] = counts.get(row["resourceGroup"], 0) + 1
            rows = [{"resourceGroup": name, "resourceCount": count} for name, count in sorted(counts.items())]
            return Answer({"totalRecords": len(rows), "count": len(rows), "resultTruncated": "false", "data": rows})
        parsed = _LISTING.fullmatch(question["query"])
        if not parsed or parsed[1] not in self.tables or set(parsed[4].split(", ")) - _COLUMNS:
            return failure(400, "BadRequest", "Please provide details.", "InvalidQuery")
        types = {name.strip(" '").lower() for name in parsed[2].split(",")}
        rows = [row for row in self._visible(parsed[1], subscriptions) if row["type"].lower() in types]
        if parsed[3]:
            rows = [row for row in rows if _is_fresh(row["properties"])]
        if parsed[5]:
            rows.sort(key=lambda row: str(row["id"]))
        return self._graph_page(question, rows, parsed[4].split(", "), ordered=bool(parsed[5]))

    def _graph_page(self, question: Row, rows: list[Row], columns: list[str], *, ordered: bool) -> Answer:
        options = question.get("options", {})
        start = 0
        if options.get("$skipToken"):
            query, start = json.loads(base64.b64decode(options["$skipToken"]))
            if query != question["query"]:
                return failure(400, "BadRequest", "The skip token is not of this query.", "InvalidSkipToken")
        end = start + min(options.get("$top", 100), self.page_size)
        page = [{name: row.get(name) for name in columns} for row in rows[start:end]]
        body: Row = {"totalRecords": len(rows), "count": len(page), "resultTruncated": "false", "data": page}
        if end < len(rows) and ordered:
            body["$skipToken"] = base64.b64encode(json.dumps([question["query"], end]).encode()).decode()
        elif end < len(rows):
            body["resultTruncated"] = "true"
        return Answer(body)

    def _manager(self, method: str, path: str, query: dict[str, str]) -> Answer:
        here = f"/subscriptions/{SUBSCRIPTION}"
        if method != "GET":
            return failure(405, "MethodNotAllowed", "Only reading is expected here.")
        if not path.startswith(here):
            return failure(404, "SubscriptionNotFound", "The subscription could not be found.")
        if path == here:
            told = {"subscriptionId": SUBSCRIPTION, "displayName": "Production", "state": self.subscription_state}
            return Answer(told)
        if path == f"{here}/providers/Microsoft.Authorization/permissions":
            allowed = self.allows(READ_PERMISSIONS)
            return self._list(path, query, list(self.roles)) if allowed else denial(READ_PERMISSIONS, here)
        if path == f"{here}/resources":
            return self._resources(path, query)
        return self._thing(path, query)

    def _resources(self, path: str, query: dict[str, str]) -> Answer:
        if query.get("$expand") != "createdTime":
            return failure(400, "InvalidExpand", "This test expects creation times only.")
        types = {name.lower() for name in _FILTER.findall(query.get("$filter", ""))}
        rows = [row for row in self._visible("resources", [SUBSCRIPTION]) if row["type"].lower() in types]
        entries = [
            {"id": row["id"], "name": row["name"], "type": row["type"], "createdTime": self.created.get(row["id"])}
            for row in rows
        ]
        return self._list(path, query, entries)

    def _thing(self, path: str, query: dict[str, str]) -> Answer:
        if path.endswith(METRICS) and self.monitor is not None:
            resource = path[: -len(METRICS)]
            return self.monitor(resource, query) if self.allows(READ_METRICS) else denial(READ_METRICS, resource)
        thing = self.things.get(path.lower())
        if thing is None:
            return failure(404, "ResourceNotFound", "The resource was not found.")
        return self._list(path, query, thing) if isinstance(thing, list) else Answer(thing)

    def _list(self, path: str, query: dict[str, str], entries: list[Any]) -> Answer:
        start = int(query.get("$skiptoken", "0"))
        end = start + self.page_size
        body: Row = {"value": entries[start:end]}
        if end < len(entries):
            body["nextLink"] = f"{self.url}{path}?{urlencode({**query, '$skiptoken': end})}"
        return Answer(body)


def _is_fresh(advice: Any) -> bool:
    updated = datetime.fromisoformat(advice["lastUpdated"])
    is_tracked = str(advice.get("tracked")).lower() == "true"
    return advice["category"].lower() == "cost" and updated >= datetime.now(UTC) - timedelta(days=1) and not is_tracked


def failure(status: int, code: str, message: str, detail: str | None = None) -> Answer:
    """An error as Azure Resource Manager words it."""
    error: Row = {"code": code, "message": message}
    if detail:
        error["details"] = [{"code": detail, "message": message}]
    return Answer({"error": error}, status)


def denial(action: str, scope: str) -> Answer:
    """The refusal of one action."""
    words = f"The client '{CLIENT}' does not have authorization to perform action '{action}' over scope '{scope}'."
    return failure(403, "AuthorizationFailed", words)


class FarSide(Protocol):
    """A server of a test: what it answers, and where it is once it is served."""

    url: str

    def answer(self, method: str, target: str, headers: Any, body: str, /) -> Answer:
        """What the server says to a request."""


@contextmanager
def serving(server: FarSide, certificate: Certificate, folder: Path) -> Iterator[str]:
    """The server on a free port of loopback; gives its URL."""
    files = folder / "server.pem", folder / "server.key"
    files[0].write_bytes(certificate.pem)
    files[1].write_bytes(certificate.key_pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    listener = _Listener(("127.0.0.1", 0), _handler(server.answer))
    listener.socket = context.wrap_socket(listener.socket, server_side=True, do_handshake_on_connect=False)
    server.url = f"https://localhost:{listener.server_address[1]}"
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.url
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error of the server."""


def _handler(answer: Callable[[str, str, Any, str], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body are two writes: the second would wait 40 ms for the first to be acknowledged.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            told = answer(self.command, self.path, self.headers, body)
            if told.broken == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()
                return
            self._send(told)

        do_POST = do_PATCH = do_GET  # noqa: N815  (the base class wants these names)

        def _send(self, told: Answer) -> None:
            is_text = isinstance(told.body, str)
            plain = told.body if is_text or isinstance(told.body, bytes) else json.dumps(told.body)
            content = plain.encode() if isinstance(plain, str) else plain
            self.send_response(told.status)
            self.send_header("Content-Type", "text/html" if is_text else "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if told.broken == "truncated" else content)
            if told.broken == "truncated":
                self.close_connection = True

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  (the base class's own name)
            """The tests' output is quiet."""

    return Handler
