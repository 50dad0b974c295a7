"""`/sso/start` and `/sso/callback/ORGANIZATION`: the two pages that a browser passes on its way to a provider and back.

Nothing of a session is in any URL: the page of the frontend gets a code behind `#`, which no server sees, good once.
Where GraphiQL is served, it may ask with `page=graphiql` to get the code in the frontend's place. That it did stands
in the cookie of the flow, which only this browser has; a page of any other address cannot be asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from app.errors import BadUserInputError, ErrorCode, RateLimitedError, SkyledgerError
from app.server.masking import Refusal, log_failure
from app.server.middleware import note_for_log, request_id_of

START_PATH: Final = "/sso/start"
CALLBACK_PATH: Final = "/sso/callback"
COOKIE: Final = "skyledger-sso-"
COOKIE_SECONDS: Final = 600
LONGEST_VALUE: Final = 4_096
PAGE: Final = "/single-sign-on"
GRAPHIQL: Final = "graphiql"
_STATUS: Final = {
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.SERVICE_UNAVAILABLE: 503,
}
# No page is told of the other, nothing is kept, and a text is never taken for a page.
_HEADERS: Final = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


@dataclass(frozen=True)
class Departure:
    """Where a browser goes, and the cookie that it needs on its way back."""

    url: str = field(repr=False)
    flow: str
    cookie: str = field(repr=False)


class SignIns(Protocol):
    """Who knows the providers. All raise SkyledgerError."""

    async def begin(self, asked: Mapping[str, str], base_url: str, client_address: str | None) -> Departure:
        """Begin a sign-in; `asked` has `email` or `organization`, and may have `challenge`."""

    async def take_back(self, organization: str, brought: Mapping[str, str], cookie: str | None, base_url: str) -> str:
        """The code to be exchanged, for what an organization's provider had the browser bring."""

    def flow_of(self, state: str) -> str:
        """What the name of the cookie ends with."""


class ProviderSignIn:
    """The two doors.

    `page_url` is that of the frontend; without it the code is shown as text. `graphiql_path` is that of GraphiQL; None
    where it is not served. `secure`: by https.
    """

    def __init__(
        self, sign_ins: SignIns, *, page_url: str | None, graphiql_path: str | None = None, secure: bool
    ) -> None:
        self._sign_ins, self._secure = sign_ins, secure
        self._pages = {
            "": None if page_url is None else page_url.rstrip("/") + PAGE,
            **({} if graphiql_path is None else {GRAPHIQL: graphiql_path}),
        }
        # The prefix has browsers refuse such a cookie of a neighbouring host, by which somebody could plant a sign-in.
        self._name = ("__Host-" if secure else "") + COOKIE

    async def start(self, request: Request) -> Response:
        """Send the browser to the provider."""
        asked = _values(request)
        page = asked.get("page", "")
        try:
            self._require_page(page, asked)
            address = request.client.host if request.client else None
            departure = await self._sign_ins.begin(asked, _base_url(request), address)
        except Exception as error:  # noqa: BLE001 - the last line: nothing of an unforeseen failure may show
            return self._failed(request, error, page)
        response = RedirectResponse(departure.url, 303, _HEADERS)
        response.set_cookie(
            self._name + departure.flow,
            f"{departure.cookie}.{page}" if page else departure.cookie,
            max_age=COOKIE_SECONDS,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )
        return response

    async def callback(self, request: Request) -> Response:
        """Take the browser back, and send it to the frontend with a code."""
        brought = _values(request)
        name = self._name + self._sign_ins.flow_of(brought.get("state", ""))
        cookie, _, page = request.cookies.get(name, "").partition(".")
        try:
            organization = request.path_params["organization"]
            code = await self._sign_ins.take_back(organization, brought, cookie or None, _base_url(request))
        except Exception as error:  # noqa: BLE001 - the same
            response = self._failed(request, error, page)
        else:
            text = f"Call completeSingleSignOn within a minute with the code {code}\n"
            response = self._told({"code": code}, text, 200, page)
        if name in request.cookies:
            response.delete_cookie(name, path="/", secure=self._secure, httponly=True, samesite="lax")
        return response

    def _require_page(self, page: str, asked: Mapping[str, str]) -> None:
        """Raise BadUserInputError for a page that there is not, and for GraphiQL without a secret of its own."""
        if page not in self._pages:
            message = "`page` must be left out, or `graphiql` where GraphiQL is served."
            raise BadUserInputError(message)
        if page == GRAPHIQL and "challenge" not in asked:
            message = "`page=graphiql` needs a `challenge`: sign in from GraphiQL's own bar."
            raise BadUserInputError(message)

    def _failed(self, request: Request, error: Exception, page: str) -> Response:
        if not isinstance(error, SkyledgerError):
            log_failure(error, request_id_of(request.scope))
            fault = Refusal.of_failure().faults[0]
            code, message = fault.code, fault.message
        else:
            code, message = error.code, error.message
        note_for_log(request.scope, outcome="refused", code=code.value)
        told = {"error": code.value, "message": message}
        response = self._told(told, f"{message}\n", _STATUS.get(code, 400), page)
        if isinstance(error, RateLimitedError):
            response.headers["retry-after"] = str(error.retry_after)
        return response

    def _told(self, values: Mapping[str, str], text: str, status: int, page: str) -> Response:
        url = self._pages.get(page, self._pages[""])
        if url is None:
            return PlainTextResponse(text, status, _HEADERS)
        return RedirectResponse(f"{url}#{urlencode(values)}", 303, _HEADERS)


def _values(request: Request) -> dict[str, str]:
    """The parameters, of which none is given twice or too long."""
    found = request.query_params
    return {
        name: value for name, value in found.items() if len(found.getlist(name)) == 1 and len(value) <= LONGEST_VALUE
    }


def _base_url(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}"
