"""Access tokens (signed, short) and opaque tokens, stored as hashes: to refresh, to join, to complete a log-in."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt

from app.errors import AuthenticationError

ALGORITHM = "HS256"
ISSUER = "skyledger"
AUDIENCE = "skyledger:access"
LONGEST_TOKEN = 2048
KEPT_TOKENS = 10_000
_SECRET_BYTES = 32
_OPAQUE = re.compile(r"[A-Za-z0-9_-]{43}")
# The prefixes let a secret scanner tell what it has found.
REFRESH_PREFIX = "skr_"
INVITATION_PREFIX = "ski_"
CHALLENGE_PREFIX = "skc_"


@dataclass(frozen=True)
class AccessClaims:
    """What an access token says: which user, by which session, until when (UTC)."""

    user_id: UUID
    session_id: UUID
    expires_at: datetime


class AccessTokens:
    """Issues and reads access tokens under one key; `seconds` is their life.

    What a verified token says is kept, for a signature that was right stays right and takes 50 µs to check: by the
    token's hash, so that no token is kept, and compared with the clock each time. Whether its session still stands is
    another question, which is asked of the session.
    """

    def __init__(self, key: str, *, seconds: int) -> None:
        self._key = key
        self._life = timedelta(seconds=seconds)
        self._verified: dict[bytes, AccessClaims] = {}

    def issue(self, user_id: UUID, session_id: UUID) -> tuple[str, datetime]:
        """A new token and the moment it ends."""
        issued = datetime.now(UTC).replace(microsecond=0)
        expires = issued + self._life
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "sid": str(session_id),
            "iat": issued,
            "exp": expires,
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM), expires

    def read(self, token: str) -> AccessClaims:
        """The claims of a token. Raises AuthenticationError when it is forged, broken or over."""
        digest = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        claims = self._verified.get(digest)
        if claims is None:
            claims = self._verify(token)
            if len(self._verified) >= KEPT_TOKENS:
                del self._verified[next(iter(self._verified))]  # the one verified first
            self._verified[digest] = claims
        elif claims.expires_at <= datetime.now(UTC):
            del self._verified[digest]
            raise _expired()
        return claims

    def _verify(self, token: str) -> AccessClaims:
        try:
            claims = jwt.decode(
                token if len(token) <= LONGEST_TOKEN else "",
                self._key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                # `iat` is not compared with the clock: a host whose clock is a second behind would refuse its
                # neighbour's new tokens.
                options={"require": ["iss", "aud", "sub", "sid", "iat", "exp"], "verify_iat": False},
            )
            expires = datetime.fromtimestamp(claims["exp"], UTC)
            return AccessClaims(UUID(claims["sub"]), UUID(claims["sid"]), expires)
        except jwt.ExpiredSignatureError:
            raise _expired() from None
        except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError, OverflowError):
            message = "The access token is not valid; log in again."
            raise AuthenticationError(message) from None


def _expired() -> AuthenticationError:
    return AuthenticationError("The access token has expired; call refreshSession.")


def new_opaque_token(prefix: str) -> str:
    """A token of 256 random bits."""
    return prefix + secrets.token_urlsafe(_SECRET_BYTES)


def is_opaque_token(token: str, prefix: str) -> bool:
    """Whether a token has the shape of those that `new_opaque_token` makes."""
    return token.startswith(prefix) and _OPAQUE.fullmatch(token[len(prefix) :]) is not None


def token_hash(token: str) -> bytes:
    """SHA-256, as stored: the token has 256 random bits, so it needs neither salt nor a slow hash."""
    return hashlib.sha256(token.encode()).digest()
