"""Microsoft Entra: what takes the place of `email_verified` in its id tokens, which never have that.

In Entra an administrator of any tenant, and so a stranger, can write any address into a user's `email`
(https://learn.microsoft.com/en-us/entra/identity-platform/migrate-off-email-claim-authorization). What counts is the
optional claim `xms_edov`: the domain is one that the user's tenant has proved to own, or the user has proved the
address (https://learn.microsoft.com/en-us/entra/identity-platform/optional-claims-reference). It counts from one tenant
alone, the one that the issuer names; whether the domain is also the organization's is seen when the person comes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from app.auth.openid.fetch import OpenIdError

HOSTS: frozenset[str] = frozenset(
    {"login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn"}
)
"""Of the clouds of the world, of the United States' government and of China; `sts.windows.net` is of old tokens."""
PERSONAL_TENANT: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""Of personal accounts, which anybody makes."""
_ISSUER_PATH: Final = re.compile(r"/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/v2\.0")
# Entra writes the boolean in either form.
_VERIFIED: Final = (True, 1, "1", "true")


def check_issuer(issuer: str) -> None:
    """Raise OpenIdError for an issuer at Entra that is not one tenant's own; others pass."""
    if urlsplit(issuer).netloc in HOSTS and tenant_of(issuer) is None:
        message = (
            "At Entra name your own tenant, https://login.microsoftonline.com/<tenant id in lower case>/v2.0: "
            "`common`, `organizations` and `consumers` sign in whoever comes."
        )
        raise OpenIdError(message)


def tenant_of(issuer: str) -> str | None:
    """The tenant whose issuer this is; None for other providers, and for personal accounts."""
    parts = urlsplit(issuer)
    found = _ISSUER_PATH.fullmatch(parts.path)
    if parts.netloc not in HOSTS or found is None or found.group(1) == PERSONAL_TENANT:
        return None
    return found.group(1)


def require_own_address(tenant: str, claims: Mapping[str, Any]) -> None:
    """Raise OpenIdError unless the token is of this tenant, and says that the domain of the address is its user's."""
    if claims.get("tid") != tenant:
        message = "The id token is of another tenant (`tid`) than the issuer."
        raise OpenIdError(message)
    if claims.get("xms_edov") not in _VERIFIED:
        message = (
            "Entra does not say that the tenant owns the domain of the e-mail address (`xms_edov`). Add the optional "
            "claims `email` and `xms_edov` to the id token of the app registration, and verify the domain in Entra."
        )
        raise OpenIdError(message)
