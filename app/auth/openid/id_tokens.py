"""Id tokens: whether a provider has signed one for us, now, for this very sign-in, and whose it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from authlib.oidc.core import CodeIDToken
from joserfc import jws, jwt
from joserfc.errors import JoseError

from app.auth.openid.entra import require_own_address, tenant_of
from app.auth.openid.fetch import OpenIdError
from app.auth.openid.providers import KEY_TYPES, Endpoints, Providers

LEEWAY_SECONDS: Final = 60
LONGEST_TOKEN: Final = 16_384
LONGEST_SUBJECT: Final = 255  # OpenID Connect Core 1.0, section 2


@dataclass(frozen=True)
class Identity:
    """Who has signed in at a provider: the subject is theirs there for ever, the address was verified there."""

    subject: str
    email: str
    name: str | None


async def read_id_token(
    providers: Providers, endpoints: Endpoints, token: str, *, client_id: str, nonce: str, access_token: str | None
) -> Identity:
    """Whose an id token is. Raises OpenIdError, which says what is wrong with it."""
    header = _header_of(token)
    algorithm = header.get("alg")
    if algorithm not in KEY_TYPES:
        message = f"The id token is signed by {str(algorithm)[:20]!r}; only {', '.join(KEY_TYPES)} count."
        raise OpenIdError(message)
    key_id = header.get("kid")
    key = await providers.key(endpoints, key_id if isinstance(key_id, str) else None, algorithm)
    try:
        decoded = jwt.decode(token, key, algorithms=[algorithm])
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            options={
                "iss": {"essential": True, "value": endpoints.issuer},
                "aud": {"essential": True, "value": client_id},
            },
            params={"nonce": nonce, "client_id": client_id, "access_token": access_token},
        )
        claims.validate(leeway=LEEWAY_SECONDS)
    except (JoseError, ValueError, TypeError) as error:
        reason = str(error)[:200] if isinstance(error, JoseError) else type(error).__name__
        message = f"The id token is refused: {reason}."
        raise OpenIdError(message) from None
    return _identity_of(claims, tenant_of(endpoints.issuer))


def _identity_of(claims: dict[str, Any], entra_tenant: str | None) -> Identity:
    subject, email, name = claims.get("sub"), claims.get("email"), claims.get("name")
    if not isinstance(subject, str) or not 1 <= len(subject) <= LONGEST_SUBJECT or "\0" in subject:
        message = f"The id token has no `sub` of 1 to {LONGEST_SUBJECT} characters."
        raise OpenIdError(message)
    if not isinstance(email, str):
        message = "The id token has no `email`: let the provider send it for the scope `email`."
        raise OpenIdError(message)
    if entra_tenant is not None and "email_verified" not in claims:
        require_own_address(entra_tenant, claims)
    # The boolean alone: "false" is a true text.
    elif claims.get("email_verified") is not True:
        message = "The provider does not say that the e-mail address is verified (`email_verified`: true)."
        raise OpenIdError(message)
    return Identity(subject, email, name if isinstance(name, str) else None)


def _header_of(token: str) -> dict[str, Any]:
    try:
        readable = token.encode("ascii") if len(token) <= LONGEST_TOKEN else b""
        found: dict[str, Any] = jws.extract_compact(readable).headers()
    except (JoseError, ValueError):
        message = "The provider's answer holds no id token that can be read."
        raise OpenIdError(message) from None
    return found
