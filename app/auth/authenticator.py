"""Tells who is calling from what they present, and whether that still holds."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

import structlog
from redis.asyncio import Redis

from app.auth.api_keys import PresentedKey, looks_like_api_key, read_api_key
from app.auth.failed_sign_ins import FailedSignIns
from app.auth.fresh_cache import FreshCache
from app.auth.identity_mails import MailTokens
from app.auth.notices import Notices
from app.auth.passwords import Passwords
from app.auth.reach import KeyReach, SessionReach
from app.auth.throttle import Throttle
from app.auth.tokens import AccessClaims, AccessTokens
from app.config import Settings, signing_key
from app.database import Database
from app.errors import AuthenticationError
from app.records import Actor, ActorKind, Principal
from app.repositories import api_keys, sessions

# Revocation and changes of role bite within 5 s, whatever becomes of the notices: 4 s of cache and a look-up.
CACHE_SECONDS = 4.0
CACHE_SIZE = 10_000
NOTE_KEY_USE_EVERY = timedelta(minutes=1)
# In 15 minutes. Of 10^6 codes three are good at a time: who knows the password meets one in a day with 0.14 %.
CODES_PER_ACCOUNT = 5
MAILS_PER_ACCOUNT = 5
MAILS_PER_ADDRESS = 50


class Credentials(Protocol):
    """What a caller presents; at most one of them."""

    @property
    def bearer(self) -> str | None:
        """From `Authorization: Bearer`: an access token or an API key."""

    @property
    def api_key(self) -> str | None:
        """From `X-API-Key`."""

    @property
    def root_key(self) -> str | None:
        """From `X-Root-Key`."""


class Authenticator:
    """Identifies callers, and holds what signing in needs: password threads, keys of tokens, throttles.

    One for each process. `passwords` is given by tests, whose hashes need not be slow.
    """

    def __init__(
        self, settings: Settings, database: Database, valkey: Redis | None = None, *, passwords: Passwords | None = None
    ) -> None:
        key = signing_key(settings)
        self.settings = settings
        self.database = database
        self.passwords = passwords or Passwords()
        self.tokens = AccessTokens(key, seconds=settings.access_token_seconds)
        self.throttle = Throttle(
            valkey,
            key=key,
            per_account=settings.login_attempts_per_account,
            per_address=settings.login_attempts_per_address,
        )
        self.codes = Throttle(
            valkey, key=key, per_account=CODES_PER_ACCOUNT, per_address=settings.login_attempts_per_address, act="code"
        )
        self.mails = Throttle(valkey, key=key, per_account=MAILS_PER_ACCOUNT, per_address=MAILS_PER_ADDRESS, act="mail")
        self.mail_tokens = MailTokens(key)
        self._sessions: FreshCache[UUID, SessionReach] = FreshCache(
            self._look_up_sessions, seconds=CACHE_SECONDS, size=CACHE_SIZE
        )
        self._keys: FreshCache[UUID, KeyReach] = FreshCache(self._look_up_keys, seconds=CACHE_SECONDS, size=CACHE_SIZE)
        self.failed_sign_ins = FailedSignIns(database)
        self._notices = Notices(database, valkey, self._forget)
        self._noting: dict[UUID, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Hear from other processes when somebody's reach changes; without it the cache's seconds have to pass."""
        self._notices.start()

    async def close(self) -> None:
        """Finish what runs beside the requests."""
        await self._notices.stop()
        await asyncio.gather(*self._noting.values(), return_exceptions=True)
        await self.failed_sign_ins.close()
        self.passwords.close()

    async def identify(self, credentials: Credentials) -> Principal | None:
        """Who presents these credentials; None for nobody.

        Raises AuthenticationError, with what to do, for a credential that is wrong, over or revoked.
        """
        given = [each for each in (credentials.bearer, credentials.api_key, credentials.root_key) if each]
        if not given:
            return None
        if len(given) > 1:
            message = "Send one credential: `Authorization: Bearer`, `X-API-Key` or `X-Root-Key`."
            raise AuthenticationError(message)
        if credentials.root_key:
            return self._root(credentials.root_key)
        if credentials.api_key or looks_like_api_key(given[0]):
            return await self._holder(read_api_key(given[0]))
        return await self.identify_access_token(given[0])

    def knows(self, credentials: Credentials) -> bool:
        """Whether nobody can have made these up, as far as can be told without a store.

        A token that is signed, a key that somebody used here before, the root key. They may be over or revoked.
        """
        given = [each for each in (credentials.bearer, credentials.api_key, credentials.root_key) if each]
        if len(given) != 1:
            return False
        try:
            if credentials.root_key:
                self._root(given[0])
            elif credentials.api_key or looks_like_api_key(given[0]):
                return read_api_key(given[0]).id in self._keys
            else:
                self.tokens.read(given[0])
        except AuthenticationError:
            return False
        return True

    async def identify_access_token(self, token: str) -> Principal:
        """Who holds an access token. Raises AuthenticationError."""
        return await self._member(self.tokens.read(token))

    async def holder_again(self, *, session_id: UUID | None, api_key_id: UUID | None) -> Principal:
        """The caller of some time ago as of now, by the sign-in, or by the key where there was none.

        For work that goes on without its caller. Raises AuthenticationError when the sign-in or the key has ended.
        """
        moment = datetime.now(UTC) + timedelta(minutes=1)
        if session_id is not None:
            session = await self._sessions.get(session_id)
            if session is not None:
                return await self._member(AccessClaims(session.user_id, session_id, moment))
        elif api_key_id is not None:
            key = await self._keys.get(api_key_id)
            if key is not None and not _ended(key):
                return _holder_of(api_key_id, key)
        message = "The sign-in or the API key has ended."
        raise AuthenticationError(message)

    async def still_valid(self, principal: Principal) -> bool:
        """Whether a principal of some time ago would be identified now, with at least the same permissions.

        As of at most CACHE_SECONDS ago.
        """
        session = await self._sessions.get(principal.session_id) if principal.session_id is not None else None
        key = await self._keys.get(principal.api_key_id) if principal.api_key_id is not None else None
        return _holds(principal, session, key)

    async def all_still_valid(self, principals: Sequence[Principal]) -> list[bool]:
        """The same of many, with one statement for all sessions and one for all keys, and as of now."""
        session_ids = {each.session_id for each in principals if each.session_id is not None}
        key_ids = {each.api_key_id for each in principals if each.api_key_id is not None}
        sessions = await self._sessions.get_now(session_ids) if session_ids else {}
        keys = await self._keys.get_now(key_ids) if key_ids else {}
        return [
            _holds(
                each,
                sessions.get(each.session_id) if each.session_id is not None else None,
                keys.get(each.api_key_id) if each.api_key_id is not None else None,
            )
            for each in principals
        ]

    def _root(self, presented: str) -> Principal:
        expected = self.settings.root_key
        if expected is None or not _same(presented, expected.get_secret_value()):
            message = "The root key is not valid here."
            raise AuthenticationError(message)
        return Principal(actor=Actor(ActorKind.SYSTEM), grants={}, is_platform_admin=True)

    async def _member(self, claims: AccessClaims) -> Principal:
        session = await self._sessions.get(claims.session_id)
        if session is None or session.user_id != claims.user_id or _ended(session):
            message = "This session has ended; log in again."
            raise AuthenticationError(message)
        return session.principal(claims)

    async def _holder(self, presented: PresentedKey) -> Principal:
        key = await self._keys.get(presented.id)
        if key is None or not presented.matches(key.secret_hash):
            message = "There is no such API key; create another with createApiKey."
            raise AuthenticationError(message)
        if _ended(key):
            message = "The API key has expired or was revoked; create another with createApiKey."
            raise AuthenticationError(message)
        if _long_ago(key.last_used_at) and presented.id not in self._noting:
            # Beside the request, which does not wait for the write.
            work = self._note_use(key.grant.organization_id, presented.id)
            self._noting[presented.id] = asyncio.create_task(work)
        return _holder_of(presented.id, key)

    async def _look_up_sessions(self, ids: Collection[UUID]) -> dict[UUID, SessionReach]:
        async with self.database.system() as session:
            rows = await sessions.identity_rows(session, ids)
            return SessionReach.of_all(rows, require_verified_email=self.settings.require_verified_email)

    async def _look_up_keys(self, ids: Collection[UUID]) -> dict[UUID, KeyReach]:
        async with self.database.system() as session:
            return {row["id"]: KeyReach.of(row) for row in await api_keys.identity_rows(session, ids)}

    async def _note_use(self, organization_id: UUID, key_id: UUID) -> None:
        try:
            async with self.database.system() as session:
                await api_keys.note_use(session, organization_id, key_id, NOTE_KEY_USE_EVERY)
            self._keys.drop(key_id)  # it still says that the last use was long ago
        except Exception:  # noqa: BLE001 - the request is long answered, and the next look-up tries again
            structlog.get_logger(__name__).warning("api_key_use_not_noted", exc_info=True)
        finally:
            del self._noting[key_id]

    def _forget(self, ids: frozenset[UUID]) -> None:
        self._sessions.forget(lambda session_id, reach: session_id in ids or reach.concerns(ids))
        self._keys.forget(lambda key_id, reach: key_id in ids or reach.concerns(ids))


def _holder_of(key_id: UUID, key: KeyReach) -> Principal:
    return Principal(
        actor=Actor(ActorKind.API_KEY, key_id),
        grants={key.grant.organization_id: key.grant},
        api_key_id=key_id,
        expires_at=key.expires_at,
    )


def _holds(principal: Principal, session: SessionReach | None, key: KeyReach | None) -> bool:
    """Whether what is stored of a principal's session or key still gives all that the principal has."""
    if principal.expires_at is not None and principal.expires_at <= datetime.now(UTC):
        return False
    if principal.session_id is not None:
        if session is None or session.user_id != principal.user_id or _ended(session):
            return False
        if principal.is_platform_admin and not session.is_platform_admin:
            return False
        grants = session.grants
    elif principal.api_key_id is not None:
        if key is None or _ended(key):
            return False
        grants = {key.grant.organization_id: key.grant}
    else:
        return True
    return all(
        organization_id in grants and grant.permissions <= grants[organization_id].permissions
        for organization_id, grant in principal.grants.items()
    )


def _ended(reach: SessionReach | KeyReach) -> bool:
    return reach.revoked or (reach.expires_at is not None and reach.expires_at <= datetime.now(UTC))


def _long_ago(moment: datetime | None) -> bool:
    return moment is None or datetime.now(UTC) - moment >= NOTE_KEY_USE_EVERY


def _same(presented: str, expected: str) -> bool:
    # Of hashes, so that not even the length shows in the time it takes.
    hashes = (hashlib.sha256(text.encode(errors="surrogatepass")).digest() for text in (presented, expected))
    return hmac.compare_digest(*hashes)
