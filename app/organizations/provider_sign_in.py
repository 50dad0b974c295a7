"""Signing in by an organization's OpenID provider: sending the browser there, taking it back, starting the session.

A flow is bound to the browser by a cookie of 256 random bits, of which state, nonce and code verifier are made: nothing
that is stored would let anybody go on with it. It is good once at each of its steps.

Who comes back is told by (issuer, subject). Only somebody's first sign-in looks for their e-mail address, and only if
the provider has verified it and its domain is verified for this organization. The attacks that are excluded:

- Another tenant's provider asserts an address of this one, or of a domain that nobody has verified: refused.
- Somebody has registered the address before its owner came, with a password that they know, a session, an authenticator
  or a mail to change the address under way: none of it outlives the owner's first sign-in, as the address was never
  proved to be theirs.
- Whoever runs a provider signs in as a platform admin of its domain: they are never linked by an address.
- A provider goes on speaking for a user who has taken an address elsewhere: it may not.
- Somebody was removed from the organization and comes back by the provider: only an invitation lets them in again.
- One provider sends the browser on to another with a sign-in that began for itself (mix-up), to be handed the code of
  the honest one: each organization has a redirect URI of its own, and a code that came by another is shown to nobody.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.auth.account_recovery import start_anew
from app.auth.authenticator import Authenticator
from app.auth.failed_sign_ins import Way
from app.auth.names import LONGEST_NAME, checked_name, normal_email
from app.auth.notices import reach_changed
from app.auth.openid.client_secrets import place_of, sealed_of
from app.auth.openid.exchange import Client, Secrets, authorization_url, identity_by_code
from app.auth.openid.fetch import OpenIdError
from app.auth.openid.id_tokens import Identity
from app.auth.openid.providers import Providers
from app.auth.sessions import Challenge, Origin, SignIn, begin_session
from app.auth.tokens import is_opaque_token, new_opaque_token, token_hash
from app.errors import (
    AuthenticationError,
    BadUserInputError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    UnavailableError,
)
from app.models import now
from app.quotas import check_count
from app.records import Actor, ActorKind, EventKind, NewEvent, Role
from app.records.plans import QuotaMetric
from app.repositories import single_sign_on, users
from app.repositories.memberships import add_membership, role_of_user
from app.repositories.organizations import enter_from_system, lock_organization
from app.sealing.vault import Vault, VaultError

FLOW_LIFE: Final = timedelta(minutes=10)
CODE_LIFE: Final = timedelta(minutes=1)
STATE_PREFIX: Final = "sks_"
COOKIE_PREFIX: Final = "skb_"
CODE_PREFIX: Final = "sko_"
LONGEST_CODE: Final = 4_096
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@dataclass(frozen=True)
class Begun:
    """Where to send a browser, and the cookie to give it, of which its name tells the flow."""

    url: str = field(repr=False)
    flow: str
    cookie: str = field(repr=False)


@dataclass(frozen=True)
class Rooms:
    """What a sign-in by a provider needs of the process.

    `callback` is where providers send browsers back to, before the organization's id.
    """

    authenticator: Authenticator
    vault: Vault
    providers: Providers
    callback: str = ""


async def begin_sign_in(rooms: Rooms, *, email: str | None, slug: str | None, verifier_challenge: str | None) -> Begun:
    """Begin a flow for the organization of an address's domain, or the one of a slug.

    Raises NotFoundError alike where there is no such organization, domain or provider, BadUserInputError, and
    UnavailableError where the provider does not answer.
    """
    if verifier_challenge is not None and not _CHALLENGE.fullmatch(verifier_challenge):
        message = "`challenge` must be the SHA-256 of a verifier in base64url: 43 characters."
        raise BadUserInputError(message)
    organization_id = await _organization_of(rooms, email, slug)
    row = await _provider_of(rooms, organization_id)
    state, cookie = new_opaque_token(STATE_PREFIX), new_opaque_token(COOKIE_PREFIX)
    try:
        endpoints = await rooms.providers.endpoints(row["issuer"])
    except OpenIdError as error:
        _note("single_sign_on_not_begun", organization_id, error)
        message = "Your organization's sign-in does not answer at the moment. Try again, or tell your administrator."
        raise UnavailableError(message) from None
    client = _client(rooms, organization_id, row)
    values = {
        "state_hash": token_hash(state),
        "cookie_hash": token_hash(cookie),
        "verifier_challenge": verifier_challenge,
        "issuer": row["issuer"],
        "expires_at": now() + FLOW_LIFE,
    }
    async with rooms.authenticator.database.system() as session:
        await single_sign_on.add_flow(session, organization_id, values)
    return Begun(authorization_url(endpoints, client, state, _secrets(cookie, state), email), flow_of(state), cookie)


async def take_back(
    rooms: Rooms,
    *,
    organization: str,
    state: str,
    cookie: str | None,
    code: str | None,
    error: str | None,
    issuer: str | None = None,
) -> str:
    """Take a browser back from the provider; returns the code that its page exchanges with `complete_sign_in`.

    `organization` is whose redirect URI it came by, `issuer` what the provider may call itself there (RFC 9207).
    Raises AuthenticationError for what did not begin in this browser, is over or was used, and for what the provider
    does not prove.
    """
    if not is_opaque_token(state, STATE_PREFIX) or cookie is None or not is_opaque_token(cookie, COOKIE_PREFIX):
        raise _not_begun_here()
    database = rooms.authenticator.database
    async with database.system() as session:
        flow = await single_sign_on.take_return(session, token_hash(state), token_hash(cookie))
    if flow is None or not _is_of_provider(flow, organization, issuer):
        raise _not_begun_here()
    if error is not None or code is None or len(code) > LONGEST_CODE:
        shown = re.sub(r"[^A-Za-z0-9_ .-]", "", error or "")[:100] or "no code"
        message = f"The provider did not sign you in ({shown}). Try again, or tell your administrator."
        raise AuthenticationError(message)
    identity = await _identity(rooms, flow, code, _secrets(cookie, state))
    exchanged = new_opaque_token(CODE_PREFIX)
    values = {
        "code_hash": token_hash(exchanged),
        "subject": identity.subject,
        "email": identity.email,
        "name": identity.name,
        "expires_at": now() + CODE_LIFE,
    }
    async with database.system() as session:
        await single_sign_on.put_identity_in_flow(session, flow["organization_id"], flow["state_hash"], values)
    return exchanged


async def complete_sign_in(
    authenticator: Authenticator, origin: Origin, *, code: str, verifier: str | None
) -> SignIn | Challenge:
    """Start the session of who came back with this code, or ask for the second factor that they have here.

    Who comes for the first time becomes a member with the default role. Raises AuthenticationError for a code that is
    wrong, used or over, ForbiddenError for somebody whom the organization's provider may not sign in,
    QuotaExceededError where the plan has no room for one more.
    """
    flow = None
    if is_opaque_token(code, CODE_PREFIX):
        async with authenticator.database.system() as session:
            flow = await single_sign_on.use_code(session, token_hash(code))
    if flow is None or not _is_of_page(flow["verifier_challenge"], verifier):
        message = "The code is wrong, used or late, or another page began this sign-in. Begin again."
        raise AuthenticationError(message)
    async with authenticator.database.system() as session:
        await single_sign_on.hold_still(session, flow["organization_id"])
        user, is_member = await _user_of(authenticator, session, flow)
        outcome = await begin_session(authenticator, session, user, origin, provider_of=flow["organization_id"])
        reach_changed(session, user["id"])
        if not is_member:
            await _join(session, flow["organization_id"], user["id"])
    return outcome


async def _user_of(authenticator: Authenticator, session: AsyncSession, flow: RowMapping) -> tuple[RowMapping, bool]:
    """The user who came back, and whether they are a member."""
    organization_id, email = flow["organization_id"], flow["email"]
    if not await single_sign_on.is_provider(session, organization_id, flow["issuer"]):
        raise _no_provider()
    if not await _speaks_for(session, organization_id, email):
        raise _not_spoken_for(email)
    user_id = await single_sign_on.lock_identity(session, organization_id, flow["issuer"], flow["subject"])
    if user_id is None:
        user = await _first_time(session, email, flow["name"])
        await single_sign_on.add_identity(session, organization_id, flow["issuer"], flow["subject"], user["id"])
        return user, await role_of_user(session, organization_id, user["id"]) is not None
    known = await users.lock_user(session, user_id)
    if known is None:
        raise _not_begun_here()
    if not await _speaks_for(session, organization_id, known["email"]):
        authenticator.failed_sign_ins.count(user_id, Way.SINGLE_SIGN_ON)
        raise _not_spoken_for(known["email"])
    if await role_of_user(session, organization_id, user_id) is None:
        message = "You were removed from this organization; ask an owner or admin for an invitation."
        raise ForbiddenError(message)
    return known, True


async def _first_time(session: AsyncSession, email: str, name: str | None) -> RowMapping:
    """The user with an address that the provider has verified; made where there is none."""
    found = await users.sign_in_row(session, email)
    if found is None:
        made = await users.add_user(
            session, email=email, name=_name(name, email), password_hash=None, email_is_verified=True
        )
        if made is None:
            message = "Somebody registers this e-mail address at this moment; sign in again."
            raise ConflictError(message)
        return made
    if found["is_platform_admin"]:
        message = "This is the address of a platform admin, who signs in with a password alone."
        raise ForbiddenError(message)
    if found["email_verified_at"] is None:
        await start_anew(session, found["id"])
        await users.verify_email(session, found["id"])
    return found


async def _speaks_for(session: AsyncSession, organization_id: UUID, email: str) -> bool:
    """Whether the domain of an address is verified for the organization, and so its provider speaks for it."""
    return await single_sign_on.organization_of_domain(session, single_sign_on.domain_of(email)) == organization_id


def _not_spoken_for(email: str) -> ForbiddenError:
    """Alike for a domain of others and for one of nobody."""
    domain = single_sign_on.domain_of(email)
    return ForbiddenError(f"Addresses of {domain} are not verified for this organization; ask its owner.")


async def _join(session: AsyncSession, organization_id: UUID, user_id: UUID) -> None:
    """Make the user a member with the default role, as the last act of the transaction."""
    await enter_from_system(session, organization_id, user_id)
    row = await single_sign_on.get_provider(session, organization_id)
    if row is None or await lock_organization(session, organization_id) is None:
        raise _no_provider()
    role = Role(row["default_role"])
    member = await add_membership(session, organization_id, user_id, role)
    if member is None:
        return
    await check_count(session, organization_id, QuotaMetric.MEMBERS)
    event = NewEvent(
        EventKind.MEMBER_JOINED,
        Actor(ActorKind.USER, user_id),
        subject_type="Member",
        subject_id=member["id"],
        data={"userId": str(user_id), "role": role.value},
    )
    await record(session, organization_id, event)


async def _organization_of(rooms: Rooms, email: str | None, slug: str | None) -> UUID:
    if (email is None) == (slug is None):
        message = "Give `email` or `organization`, one of them."
        raise BadUserInputError(message)
    async with rooms.authenticator.database.system() as session:
        if email is not None:
            domain = single_sign_on.domain_of(normal_email(email))
            found = await single_sign_on.organization_of_domain(session, domain)
        else:
            found = await single_sign_on.organization_with_provider(session, slug or "")
    if found is None:
        raise _no_provider()
    return found


async def _provider_of(rooms: Rooms, organization_id: UUID) -> RowMapping:
    async with rooms.authenticator.database.read(organization_id) as session:
        row = await single_sign_on.get_provider(session, organization_id)
    if row is None:
        raise _no_provider()
    return row


def _is_of_provider(flow: RowMapping, organization: str, issuer: str | None) -> bool:
    """Whether a browser came back from the provider that it was sent to."""
    return organization == str(flow["organization_id"]) and issuer in {None, flow["issuer"]}


async def _identity(rooms: Rooms, flow: RowMapping, code: str, secrets_: Secrets) -> Identity:
    organization_id = flow["organization_id"]
    row = await _provider_of(rooms, organization_id)
    if row["issuer"] != flow["issuer"]:
        raise _not_begun_here()  # the secret of today's provider is not for that of a moment ago
    try:
        endpoints = await rooms.providers.endpoints(flow["issuer"])
        client = _client(rooms, organization_id, row)
        found = await identity_by_code(rooms.providers, endpoints, client, code, secrets_)
        return Identity(found.subject, normal_email(found.email), found.name)
    except OpenIdError as error:
        _note("single_sign_on_refused", organization_id, error)
        message = f"You were not signed in. {error} Tell your administrator."
        raise AuthenticationError(message) from None
    except BadUserInputError:
        message = "You were not signed in: the provider sends an e-mail address that is none. Tell your administrator."
        raise AuthenticationError(message) from None


def _client(rooms: Rooms, organization_id: UUID, row: RowMapping) -> Client:
    try:
        secret = rooms.vault.unseal(place_of(organization_id), sealed_of(row))["clientSecret"]
    except VaultError as error:
        _note("client_secret_not_opened", organization_id, error)
        message = "Single sign-on does not work at the moment; the operator's log says why. Try again later."
        raise UnavailableError(message) from None
    return Client(row["client_id"], secret, f"{rooms.callback}/{organization_id}")


def _secrets(cookie: str, state: str) -> Secrets:
    def derived(purpose: str) -> str:
        digest = hmac.digest(cookie.encode(), f"{purpose}\0{state}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    return Secrets(nonce=derived("nonce"), code_verifier=derived("code verifier"))


def flow_of(state: str) -> str:
    """What tells the cookies of several flows of one browser apart; no secret."""
    return token_hash(state).hex()[:16]


def _is_of_page(challenge: str | None, verifier: str | None) -> bool:
    """Whether the page that exchanges a code is the one that began; one that has begun without a secret brings none."""
    if challenge is None or verifier is None:
        return challenge is None and verifier is None
    made = create_s256_code_challenge(verifier) if _VERIFIER.fullmatch(verifier) else ""
    return secrets.compare_digest(made, challenge)


def _name(name: str | None, email: str) -> str:
    try:
        return checked_name(name or "", ("name",))
    except BadUserInputError:
        return email.partition("@")[0][:LONGEST_NAME]


def _note(event: str, organization_id: UUID, error: Exception) -> None:
    structlog.get_logger(__name__).warning(event, organization_id=str(organization_id), reason=str(error))


def _not_begun_here() -> AuthenticationError:
    return AuthenticationError("This sign-in did not begin in this browser, took too long, or was used. Begin again.")


def _no_provider() -> NotFoundError:
    return NotFoundError("There is no single sign-on for this. Sign in with your password, or ask your administrator.")
