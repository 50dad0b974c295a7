"""The authorization code flow: where to send a browser, and trading the code it brings back."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from app.auth.openid.fetch import OpenIdError
from app.auth.openid.id_tokens import Identity, read_id_token
from app.auth.openid.providers import Endpoints, Providers

SCOPE: Final = "openid email profile"
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Client:
    """What we are to a provider."""

    client_id: str
    secret: str = field(repr=False)
    redirect_uri: str


@dataclass(frozen=True)
class Secrets:
    """What binds a flow to the browser that began it."""

    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)


def authorization_url(endpoints: Endpoints, client: Client, state: str, secrets: Secrets, email: str | None) -> str:
    """Where a browser signs in; `email` saves the person typing it there."""
    url: str = prepare_grant_uri(
        endpoints.authorization,
        client_id=client.client_id,
        response_type="code",
        redirect_uri=client.redirect_uri,
        scope=SCOPE,
        state=state,
        nonce=secrets.nonce,
        code_challenge=create_s256_code_challenge(secrets.code_verifier),
        code_challenge_method="S256",
        **({"login_hint": email} if email else {}),
    )
    return url


async def identity_by_code(
    providers: Providers, endpoints: Endpoints, client: Client, code: str, secrets: Secrets
) -> Identity:
    """Who has signed in, by the code that their browser has brought. Raises OpenIdError."""
    body = urlencode(
        {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": client.redirect_uri,
            "code_verifier": secrets.code_verifier,
        }
    )
    method = "client_secret_post" if endpoints.posts_secret else "client_secret_basic"
    auth = ClientAuth(client.client_id, client.secret, method)
    url, headers, body = auth.prepare("POST", endpoints.token, {"content-type": _FORM}, body)
    status, answer = await providers.fetcher.fetch(url, method="POST", headers=headers, content=body)
    token, access_token = answer.get("id_token"), answer.get("access_token")
    if status != HTTPStatus.OK or not isinstance(token, str):
        reason = str(answer.get("error") or "it gave no id token")[:100]
        message = f"The provider refused the sign-in ({status}): {reason}."
        raise OpenIdError(message)
    return await read_id_token(
        providers,
        endpoints,
        token,
        client_id=client.client_id,
        nonce=secrets.nonce,
        access_token=access_token if isinstance(access_token, str) else None,
    )
