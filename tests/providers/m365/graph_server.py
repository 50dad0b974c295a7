"""The far side of Microsoft 365: a sign-in service, Microsoft Graph, and the host that hands out reports.

It looks at the token's roles, at `$select` and at where a token is sent, so that a wrong question gets a wrong answer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit
from uuid import uuid4

import jwt

from tests.providers.azure.arm_server import CLIENT, SECRET, TENANT, Answer, Certificate, Fault

Row = dict[str, Any]
_KEY = "the key of a sign-in service that nobody checks but itself"
_SCOPE = "https://graph.microsoft.com/.default"
_ROLES = {
    "/organization": "Organization.Read.All",
    "/subscribedSkus": "Organization.Read.All",
    "/directory/subscriptions": "Organization.Read.All",
    "/users": "User.Read.All",
    "/directory/deletedItems/microsoft.graph.user": "User.Read.All",
    "/groups": "Group.Read.All",
    "/devices": "Device.Read.All",
    "/admin/reportSettings": "ReportSettings.Read.All",
}
ALL_ROLES = (
    *dict.fromkeys(_ROLES.values()),
    "AuditLog.Read.All",
    "Reports.Read.All",
    "TeamSettings.Read.All",
    "MailboxSettings.Read",
)


@dataclass
class Reports:
    """The host that hands out reports to whoever has the link, once."""

    texts: dict[str, str] = field(default_factory=dict)
    """By the name of the report, such as `getMailboxUsageDetail`."""
    requests: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    url: str = ""
    truncated: bool = False

    def answer(self, _method: str, path: str, headers: Any, _body: str) -> Answer:
        """What the host says to a request."""
        self.requests.append((path, dict(headers)))
        name = path.rpartition("/")[2]
        return Answer(self.texts[name], broken="truncated" if self.truncated else "")


@dataclass
class GraphServer:
    """What the server knows and how it is to behave; tests change it at will."""

    lists: dict[str, list[Row]]
    """Entries by path below `/v1.0`."""
    reports: Reports = field(default_factory=Reports)
    purposes: dict[str, str] = field(default_factory=dict)
    """What mailboxes are for, by user id; 404 for others."""
    archived: frozenset[str] = frozenset()
    roles: tuple[str, ...] = ALL_ROLES
    conceals: bool = False
    has_premium: bool = True
    json_reports: dict[str, list[Row]] = field(default_factory=dict)
    page_size: int = 100
    token_seconds: int = 3600
    client_certificate: Certificate | None = None
    faults: list[Fault] = field(default_factory=list)
    url: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    batched_429: int = 0

    def answer(self, method: str, path: str, headers: Any, body: str) -> Answer:
        """What the server says to a request."""
        self.requests.append((method, unquote(path)))
        for fault in self.faults:
            if fault.times and fault.about in unquote(path):
                fault.times -= 1
                return fault.answer
        parts = urlsplit(path)
        if parts.path == f"/{TENANT}/oauth2/v2.0/token":
            return self._sign_in({name: values[0] for name, values in parse_qs(body).items()})
        if headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return failure(401, "InvalidAuthenticationToken")
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        place = unquote(parts.path).removeprefix("/v1.0")
        if place == "/$batch":
            return self._batch(json.loads(body))
        return self.graph(place, query)

    def graph(self, place: str, query: Mapping[str, str]) -> Answer:
        """What Graph says to a question."""
        if "/reports/" in place:
            return self._report(place.rpartition("/")[2].partition("(")[0], query)
        if place.endswith("/mailboxSettings/userPurpose"):
            return self._purpose(place.split("/")[2])
        if place.startswith("/teams/"):
            return self._team(place.split("/")[2])
        refused = self._refusal(place, query)
        if refused:
            return failure(400 if refused == "BadRequest" else 403, refused)
        if place == "/admin/reportSettings":
            return Answer({"displayConcealedNames": self.conceals})
        return self._page(place, query)

    def _refusal(self, place: str, query: Mapping[str, str]) -> str | None:
        """The code of the error, if it is one."""
        role = _ROLES.get(place)
        if role is None:
            return "BadRequest"
        if role not in self.roles:
            return "Authorization_RequestDenied"
        if "signInActivity" not in query.get("$select", ""):
            return None
        if not self.has_premium:
            return "Authentication_RequestFromNonPremiumTenantOrB2CTenant"
        return None if "AuditLog.Read.All" in self.roles else "Authentication_MSGraphPermissionMissing"

    def _page(self, place: str, query: Mapping[str, str]) -> Answer:
        entries = [entry for entry in self.lists.get(place, []) if _passes(entry, query.get("$filter", ""))]
        start = int(query.get("$skiptoken", "0"))
        size = min(self.page_size, int(query.get("$top", "100")))
        wanted = {*query["$select"].split(",")} if "$select" in query else None
        if "owners" in query.get("$expand", "") and wanted is not None:
            wanted.add("owners")
        page = [
            {name: value for name, value in entry.items() if wanted is None or name in wanted}
            for entry in entries[start : start + size]
        ]
        body: Row = {"@odata.context": f"{self.url}/v1.0/$metadata", "value": page}
        if start + size < len(entries):
            following = urlencode({**query, "$skiptoken": start + size})
            body["@odata.nextLink"] = f"{self.url}/v1.0{place}?{following}"
        return Answer(body)

    def _report(self, name: str, query: Mapping[str, str]) -> Answer:
        if "Reports.Read.All" not in self.roles:
            return failure(403, "S2SUnauthorized")
        if name in self.json_reports:
            rows, start = self.json_reports[name], int(query.get("$skiptoken", "0"))
            body: Row = {"value": rows[start : start + self.page_size]}
            if start + self.page_size < len(rows):
                body["@odata.nextLink"] = f"{self.url}/v1.0/copilot/reports/{name}?$skiptoken={start + self.page_size}"
            return Answer(body)
        if name not in self.reports.texts:
            return failure(404, "ResourceNotFound")
        return Answer("", 302, {"Location": f"{self.reports.url}/data/download/{name}"})

    def _purpose(self, user: str) -> Answer:
        if "MailboxSettings.Read" not in self.roles:
            return failure(403, "ErrorAccessDenied")
        if user not in self.purposes:
            return failure(404, "MailboxNotEnabledForRESTAPI")
        return Answer({"@odata.context": f"{self.url}/v1.0/$metadata", "value": self.purposes[user]})

    def _team(self, team: str) -> Answer:
        if "TeamSettings.Read.All" not in self.roles:
            return failure(403, "Forbidden")
        return Answer({"id": team, "isArchived": team in self.archived})

    def _batch(self, asked: Row) -> Answer:
        assert len(asked["requests"]) <= 20
        responses: list[Row] = []
        for request in asked["requests"]:
            parts = urlsplit(request["url"])
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            told = self.graph(unquote(parts.path), query)
            if self.batched_429:
                self.batched_429 -= 1
                told = Answer({"error": {"code": "TooManyRequests"}}, 429, {"Retry-After": "0"})
            one = {"id": request["id"], "status": told.status, "headers": told.headers, "body": told.body}
            responses.insert(0, one)  # in any order, as Graph says
        return Answer({"responses": responses})

    def _sign_in(self, form: Mapping[str, str]) -> Answer:
        refused = self._refused(form)
        if refused:
            error = {"error": "invalid_client", "error_description": f"{refused} Trace ID: 0"}
            return Answer(error, 401)
        claims = {"tid": TENANT, "appid": CLIENT, "roles": list(self.roles), "jti": str(uuid4())}
        token = jwt.encode(claims | {"exp": int(time.time()) + self.token_seconds}, _KEY)
        self.tokens.add(token)
        return Answer({"token_type": "Bearer", "expires_in": self.token_seconds, "access_token": token})

    def _refused(self, form: Mapping[str, str]) -> str:
        if form.get("client_id") != CLIENT:
            return "AADSTS700016: Application was not found in the directory."
        if form.get("scope") != _SCOPE or form.get("grant_type") != "client_credentials":
            return "AADSTS1002012: The scope is not valid."
        if "client_assertion" in form:
            return self._refused_assertion(form["client_assertion"])
        return "" if form.get("client_secret") == SECRET else "AADSTS7000215: Invalid client secret provided."

    def _refused_assertion(self, assertion: str) -> str:
        refused = "AADSTS700027: The certificate is not registered, or the signature is wrong."
        if self.client_certificate is None or "x5t#S256" not in jwt.get_unverified_header(assertion):
            return refused
        public = self.client_certificate.key.public_key()
        audience = f"{self.url}/{TENANT}/oauth2/v2.0/token"
        try:
            told = jwt.decode(assertion, public, algorithms=["PS256"], audience=audience, issuer=CLIENT)
        except jwt.InvalidTokenError:
            return refused
        return "" if told["sub"] == CLIENT else refused


def _passes(entry: Row, wanted: str) -> bool:
    if not wanted:
        return True
    if "resourceProvisioningOptions" in wanted:
        return "Team" in entry.get("resourceProvisioningOptions", ())
    sku = wanted.rpartition(" ")[2].rstrip(")")
    return any(one["skuId"] == sku for one in entry.get("assignedLicenses", ()))


def failure(status: int, code: str) -> Answer:
    """An error as Microsoft Graph words it."""
    inner = {"date": "2026-11-22T12:00:00", "request-id": "1", "client-request-id": "1"}
    return Answer({"error": {"code": code, "message": "Please see the documentation.", "innerError": inner}}, status)


def csv_of(columns: str, *rows: str, mark: str = "\ufeff") -> str:
    """A report as Microsoft hands it out: with a byte order mark, and lines that end as on Windows."""
    return mark + "\r\n".join([columns, *rows]) + "\r\n"
